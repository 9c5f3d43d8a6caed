"""An agent for the tests; every time an action is carried out, it leaves a line in the file that the inputs name."""

from __future__ import annotations

import math
import time
from pathlib import Path

from planexe_agents.service import Agent, Completed, Reject, Task
from pydantic import BaseModel, field_validator


class Order(BaseModel):
    text: str
    diary: str | None = None
    seconds: float = 0.0

    @field_validator("text")
    @classmethod
    def _not_blank(cls, text: str) -> str:
        if not text.strip():
            raise ValueError("must not be blank")
        return text


class Answer(BaseModel):
    text: str
    number: float = 0.0


agent = Agent(id="clerk", type="clerical", name="Clerk", version="2.1")


@agent.action(examples=["Copy a text"], cannot=["invent a text"])
def copy(inputs: Order, task: Task) -> Completed[Answer]:
    """Copy a text, as slowly as asked."""
    _work(inputs, task)
    return Completed(Answer(text=inputs.text), 0.9, "it was copied")


@agent.action(side_effects="irreversible")
def post(inputs: Order, task: Task) -> Completed[Answer]:
    """Post a letter, which cannot be taken back."""
    _work(inputs, task)
    return Completed(Answer(text="posted"), 1.0, "it is in the box")


@agent.action()
def refuse(inputs: Order, task: Task) -> Completed[Answer]:
    """Refuse every order."""
    raise Reject(f"missing data: no stamp for {inputs.text!r} in {task.context.plan.title!r}")


@agent.action()
def stumble(inputs: Order, task: Task) -> Completed[Answer]:
    """Fail in the way that the text names."""
    if inputs.text == "exit":
        raise SystemExit(3)
    if inputs.text == "nan":
        return Completed(Answer(text="x", number=math.nan), 1.0, "")
    if inputs.text == "wrong":
        return Completed(Answer.model_construct(text=3), 1.0, "")
    if inputs.text == "sure":
        return Completed(Answer(text="x"), 1.5, "")
    raise RuntimeError(f"secret /path of {task.assignment.run}")


def _work(inputs: Order, task: Task) -> None:
    if inputs.diary:
        with Path(inputs.diary).open("a", encoding="utf-8") as diary:
            diary.write(f"{task.digest}\n")
    end = time.monotonic() + inputs.seconds
    while time.monotonic() < end and not task.stop.is_set():
        time.sleep(0.01)


if __name__ == "__main__":
    agent.serve()
