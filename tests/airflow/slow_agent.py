"""An agent that works until a file appears: as long as a test likes."""

import os
import time
from pathlib import Path

from planexe_agents.service import Agent, Completed, Task
from pydantic import BaseModel

agent = Agent(id="slow", type="translation", name="A slow translator", version="1.0")


class Text(BaseModel):
    title: str


class Translation(BaseModel):
    words: str


@agent.action(examples=["Translate the harbour rules"])
def translate(inputs: Text, task: Task) -> Completed[Translation]:
    """Translate a text, in its own time."""
    while not Path(os.environ["PROCEED"]).exists() and not task.stop.is_set():
        time.sleep(0.1)
    return Completed(Translation(words=inputs.title.upper()), 0.95, "every word was known")


if __name__ == "__main__":
    agent.serve()
