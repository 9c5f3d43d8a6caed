"""Child process of the benchmarks: an agent that works until the file `proceed` appears, an hour if need be.

python -m benchmarks.hour_agent FOLDER
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from planexe_agents.service import Agent, Completed, Task
from planexe_agents.service.serve import main
from pydantic import BaseModel

ACTION = "soundings"
PROCEED = "proceed"
READY = "bench-agent.json"
WAIT_S = 0.5
"""How long it keeps a request before it answers that it is at work."""

agent = Agent(id="bench", type="soundings", name="An agent that takes its time", version="1")


class Question(BaseModel):
    title: str


class Depth(BaseModel):
    words: str


@agent.action(examples=["Take soundings of the basin"])
def soundings(inputs: Question, task: Task) -> Completed[Depth]:
    """Take soundings, which takes its time."""
    while not (Path(sys.argv[1]) / PROCEED).exists() and not task.stop.is_set():
        time.sleep(0.2)
    return Completed(Depth(words=inputs.title), 0.95, "every sounding was taken twice")


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    main([agent], ["--state", str(folder / "bench-agent"), "--ready-file", str(folder / READY), "--wait", str(WAIT_S)])
