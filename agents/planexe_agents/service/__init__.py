"""Turns typed functions into an agent: schema, checks, idempotency, signing and documentation come with it.

class Inputs(BaseModel): ...
class Result(BaseModel): ...

agent = Agent(id="translator", type="translation", name="Translator", version="1.0")

@agent.action(examples=["Translate the safety manual"], cannot=["certify a translation"])
def translate(inputs: Inputs, task: Task) -> Completed[Result]: ...

agent.serve()
"""

from planexe_agents.service.action import Completed, Reject, Task
from planexe_agents.service.agent import Agent

__all__ = ["Agent", "Completed", "Reject", "Task"]
