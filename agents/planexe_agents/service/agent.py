"""An agent: who it is, its actions, and the signed outcomes it gives."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from planexe_agents.protocol import AgentCard, Assignment, Outcome
from planexe_agents.service.action import Action, ActionFunction, SideEffects, Verdict
from planexe_agents.signing import SigningKey

log = logging.getLogger(__name__)


@dataclass
class Agent:
    """A named set of actions. `id` is what plans and registries call it, `type` the kind of work it does."""

    id: str
    type: str
    name: str
    version: str
    actions: dict[str, Action] = field(default_factory=dict, init=False)

    def action(
        self, *, examples: Sequence[str] = (), cannot: Sequence[str] = (), side_effects: SideEffects = "none"
    ) -> Callable[[ActionFunction], ActionFunction]:
        """Publish the decorated function: its name, docstring, and the models in its annotations.

        `examples` are titles of tasks it is right for, `cannot` what it must not be asked; work is
        matched by these words. An `irreversible` action is never begun a second time.
        """

        def publish(function: ActionFunction) -> ActionFunction:
            self.actions[function.__name__] = Action(function, tuple(examples), tuple(cannot), side_effects)
            return function

        return publish

    def card(self, public_key: str) -> AgentCard:
        """Return what `/schema.json` publishes."""
        return AgentCard(
            id=self.id,
            type=self.type,
            name=self.name,
            version=self.version,
            public_key=public_key,
            actions=tuple(action.card for action in self.actions.values()),
        )

    def objections(self, assignment: Assignment) -> tuple[str, ...]:
        """Say why the assignment is not for this agent, by JSON path; empty where it is."""
        objections = []
        if assignment.agent != self.id:
            objections.append(f"$.agent: this is {self.id!r}, not {assignment.agent!r}")
        if assignment.action not in self.actions:
            known = ", ".join(self.actions)
            objections.append(f"$.action: {assignment.action!r} is not an action of {self.id!r}, which has {known}")
        return tuple(objections)

    def perform(self, assignment: Assignment, digest: str, key: SigningKey, stop: threading.Event) -> Outcome:
        """Carry the assignment out and sign what came of it. Never raises, whatever the action brings."""
        started_at = _now()
        try:
            verdict = self.actions[assignment.action].carry_out(assignment, digest, stop)
            return _outcome(assignment, digest, verdict, started_at).signed(key)
        except Exception:
            log.exception("what %s brought on assignment %s is no outcome", assignment.action, digest)
            reason = f"what {assignment.action} brought cannot be written as an outcome; see the agent's log"
            return self.give_up(assignment, digest, key, reason)

    def give_up(self, assignment: Assignment, digest: str, key: SigningKey, reason: str) -> Outcome:
        """Sign that the assignment was not carried out to its end."""
        return _outcome(assignment, digest, Verdict("failed", reason=reason), _now()).signed(key)

    def serve(self, argv: Sequence[str] | None = None) -> None:
        """Run the agent's service with the options on the command line, until it is told to stop."""
        from planexe_agents.service.serve import main  # noqa: PLC0415 - a card must not cost the import of a web server

        main([self], argv)


def _outcome(assignment: Assignment, digest: str, verdict: Verdict, started_at: str) -> Outcome:
    return Outcome(
        assignment=assignment.id,
        assignment_digest=digest,
        agent=assignment.agent,
        action=assignment.action,
        status=verdict.status,
        result=verdict.result or {},
        confidence=verdict.confidence,
        confidence_why=verdict.confidence_why,
        evidence=verdict.evidence,
        reason=verdict.reason,
        usage=verdict.usage,
        started_at=started_at,
        ended_at=_now(),
    )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
