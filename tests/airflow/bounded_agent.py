"""An agent that takes some time over each step, would take on any number at once, and keeps how many it had at most."""

import os
import threading
from functools import partial
from pathlib import Path

from planexe_agents.service import Agent, Completed, Task, serve
from planexe_agents.service.runs import Runs
from pydantic import BaseModel

SECONDS = 8.0
agent = Agent(id="bounded", type="translation", name="A translator with many hands", version="1.0")
lock = threading.Lock()
at_work: list[str] = []
counted: list[int] = [0]


class Text(BaseModel):
    title: str


class Translation(BaseModel):
    words: str


@agent.action(examples=["Translate the harbour rules"])
def translate(inputs: Text, task: Task) -> Completed[Translation]:
    """Translate a text, longer than a worker waits for it."""
    with lock:
        at_work.append(task.digest)
        counted.append(len(at_work))
        Path(os.environ["COUNTED"]).write_text(f"{max(counted)} {len(counted) - 1}")
    task.stop.wait(SECONDS)
    with lock:
        at_work.remove(task.digest)
    return Completed(Translation(words=inputs.title.upper()), 0.95, "every word was known")


if __name__ == "__main__":
    vars(serve)["Runs"] = partial(Runs, workers=32)  # as an agent that scales has it
    agent.serve()
