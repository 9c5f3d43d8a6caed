"""What goes over the wire between the orchestrator and an agent.

    GET    /schema.json   -> AgentCard
    POST   /run           Assignment, header Idempotency-Key -> 200 Outcome, or 202 + Location: /runs/{id}
    GET    /runs/{id}     -> 200 Outcome, or 202 while it works
    DELETE /runs/{id}     -> 204; stops the work where it can be stopped
    GET    /healthz       -> 200 {"status": "ok"}

The same Idempotency-Key returns the same outcome and never works twice, across restarts.
An outcome is signed by the agent over everything in it but the signature itself.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from planexe_agents.signing import SigningKey, verify

PROTOCOL = "planexe-agent/1"


class Message(BaseModel):
    """Base of everything on the wire: frozen; unknown fields are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ActionCard(Message):
    """One action of an agent: all that a matcher needs to know about it."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")
    description: str
    examples: tuple[str, ...] = ()
    cannot: tuple[str, ...] = ()
    input_schema: dict[str, Any]
    output_schema: dict[str, Any]
    side_effects: Literal["none", "reversible", "irreversible"] = "none"


class AgentCard(Message):
    """`schema.json`: who an agent is and what it can do. `public_key` is raw Ed25519, base64."""

    protocol: str = PROTOCOL
    id: str = Field(pattern=r"^[a-z][a-z0-9_-]{0,63}$")
    type: str = Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")
    name: str
    version: str
    public_key: str
    actions: tuple[ActionCard, ...]


class Evidence(Message):
    """What an outcome rests on: where it was found, and the words that were found there."""

    source: str
    quote: str = ""
    url: str | None = None


class Assignment(Message):
    """What an agent gets: one action to carry out, and everything it may know for it.

    `inputs` fits the action's input schema. `context` is about the plan (title, phase, package,
    documents, estimates, risks, results of earlier steps), all of it data and never instructions.
    `instructions` is what a reviewer said when asking for a redo. `deadline_s` is how many seconds
    the orchestrator will wait at most.
    """

    id: str
    run: str
    plan: str
    step: str
    attempt: int = Field(ge=1)
    agent: str
    action: str
    inputs: dict[str, Any]
    context: dict[str, Any] = {}
    instructions: str | None = None
    deadline_s: float | None = None


class Usage(Message):
    """What an outcome took of a language model: over all requests, those that came to nothing included.

    `model` is the name by which the operator asked for it; `cost` is what the endpoint said it costs,
    in its currency, and null where it did not say. `measured` is false where it did not say how many
    tokens it took either: then they are estimated.
    """

    model: str
    requests: int = Field(ge=0)
    input_tokens: int = Field(ge=0)
    output_tokens: int = Field(ge=0)
    cost: float | None = Field(default=None, ge=0)
    measured: bool = True

    @property
    def tokens(self) -> int:
        """What counts against a budget."""
        return self.input_tokens + self.output_tokens


class Outcome(Message):
    """What an agent returns. `confidence` is computed from what was found, and only counts when completed.

    `assignment_digest` is the digest of the assignment it answers; `result` fits the action's output
    schema where `status` is `completed`; `reason` says why otherwise. `usage` is there only where a
    language model was asked, so that an outcome without one reads, and is signed, as ever.
    """

    assignment: str
    assignment_digest: str
    agent: str
    action: str
    status: Literal["completed", "rejected", "failed"]
    result: dict[str, Any] = {}
    confidence: float = Field(default=0.0, ge=0.0, le=1.0)
    confidence_why: str = ""
    evidence: tuple[Evidence, ...] = ()
    reason: str | None = None
    usage: Usage | None = Field(default=None, exclude_if=lambda usage: usage is None)
    started_at: str
    ended_at: str
    signature: str | None = None

    def unsigned(self) -> dict[str, Any]:
        """Everything that the signature covers, as JSON."""
        return self.model_dump(mode="json", exclude={"signature"})

    def signed(self, key: SigningKey) -> Outcome:
        """Return the outcome with the agent's signature."""
        return self.model_copy(update={"signature": key.sign(self.unsigned())})

    def signed_by(self, public_key: str) -> bool:
        """Say whether the agent with this public key signed exactly this outcome."""
        return self.signature is not None and verify(public_key, self.unsigned(), self.signature)


class Refusal(Message):
    """The body of a 4xx answer: the request itself was wrong; `problems` say where, by JSON path."""

    error: str
    problems: tuple[str, ...] = ()
