"""One run as the operators see it: its folder, what was compiled, and who can be asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

from planexe_agents.signing import SigningKey, canonical, digest_bytes, is_signed_by

from planexe_dag_factory.delegation.telemetry import SILENT, Telemetry
from planexe_dag_factory.errors import DelegationError, RecordError
from planexe_dag_factory.record.approvals import payload_digest
from planexe_dag_factory.record.course import PLAN
from planexe_dag_factory.record.events import (
    CLEARED,
    ORCHESTRATOR,
    RUN,
    Actor,
    Event,
    append_event,
    list_events,
    read_events,
)
from planexe_dag_factory.record.folder import RunFolder
from planexe_dag_factory.routing.model import Agent, Candidate, Capability, Registry
from planexe_dag_factory.routing.registry import parse_registry
from planexe_dag_factory.spec.codec import load_spec
from planexe_dag_factory.spec.model import DagSpec, WorkItem

HEADER = "run.json"
ESTIMATES = "estimates.json"
"""What earlier runs had taught of the plan's estimates when this one began."""


def numbered(number: int) -> str:
    """Name the folder of an attempt or a ticket: `001`."""
    return f"{number:03}"


class AgentGoneError(DelegationError):
    """An agent that this run may not use any more; the text says why, after "it"."""


@dataclass(frozen=True)
class Execution:
    """A run under way.

    `registry` is today's, since agents move and are removed. Who they are and what they do is in the
    one that the run began with (`began_with`), and nothing else is used. Today's is read only where
    an agent is needed: what people do goes on while nobody vouches for it. `key` signs; `signed`
    are the public keys of all that the orchestrator signs and signed with. `telemetry` hears of each event.
    """

    run: RunFolder
    read_registry: Callable[[], Registry]
    key: SigningKey
    signed: frozenset[str] = frozenset()
    telemetry: Telemetry = SILENT

    @property
    def root(self) -> RunFolder:
        """The folder that this run shares with the others of the installation."""
        return self.run.above

    @property
    def ours(self) -> frozenset[str]:
        """The public keys that what the orchestrator signed is verified with."""
        return self.signed | {self.key.public}

    def is_ours(self, document: Mapping[str, Any]) -> bool:
        """Say whether the orchestrator signed a document, with its present key or an earlier one."""
        return is_signed_by(document, self.ours)

    @cached_property
    def registry(self) -> Registry:
        """The agents of today. Raises RegistryError where the file is not as its operator signed it."""
        return self.read_registry()

    @cached_property
    def spec(self) -> DagSpec:
        """The DAG that this run began with."""
        return load_spec(self._began_with("dagspec.json"))

    @cached_property
    def plan(self) -> Mapping[str, Any]:
        """The plan that this run began with, in our own format."""
        plan: Mapping[str, Any] = self.run.read_json("plan.json")
        return plan

    @cached_property
    def policy(self) -> Mapping[str, Any]:
        """The policy that this run began with, as the JSON of its file; what is left out has its default."""
        return self.run.find_json("policy.json") or {}

    def pace(self, kind: str) -> float:
        """Return by what the plan's estimates of a kind of work are to be multiplied, as earlier runs had taught it."""
        kinds = (self.run.find_json(ESTIMATES) or {}).get("kinds", {})
        return float(kinds.get(kind, {}).get("factor", 1.0))

    def work_item(self, work_item_id: str) -> WorkItem:
        """Find a work item. Raises DelegationError where the run has none of that id."""
        try:
            return self.spec.work_items[work_item_id]
        except KeyError:
            raise DelegationError(f"the run {self.run.name} has no work item {work_item_id!r}") from None

    def title_of(self, part: str | None) -> str:
        """Return the title of a phase or package; its id where it has none."""
        titles = (group.title for group in self.spec.groups if group.id == part)
        return next(titles, part or "")

    @cached_property
    def began_with(self) -> Registry:
        """The agents that the plan was compiled for, without their addresses."""
        return parse_registry(self._began_with("registry.json"), "registry.json", thorough=False)

    def _began_with(self, name: str) -> bytes:
        """Read what the run began with. Raises RecordError where the signed event of then speaks of something else."""
        content = self.run.read_bytes(name)
        marks = {event["digests"][name] for event in self._routed if name in event["digests"]}
        if marks and digest_bytes(content) not in marks:
            raise RecordError(f"{name} of {self.run.name} is not what the run began with: it was changed")
        return content

    @cached_property
    def begun(self) -> Mapping[str, Any] | None:
        """The event that began this very run: signed by us, and about its own `run.json`; None where there is none."""
        header = digest_bytes(self.run.read_bytes(HEADER)) if self.run.exists(HEADER) else None
        begun = (one for one in read_events(self.run, RUN) if one["action"] == "run-started" and self.is_ours(one))
        return next((one for one in begun if header is None or one["digests"].get(HEADER) == header), None)

    @cached_property
    def _routed(self) -> tuple[Mapping[str, Any], ...]:
        files = (file for file in list_events(self.run, RUN) if file.action == "plan-routed")
        return tuple(event for file in files if self.is_ours(event := self.run.read_json(*file.segments)))

    def capability(self, agent: str, action: str) -> Capability | None:
        """Return what an action takes, gives and does, as it was when the run began."""
        known = _find(self.began_with, agent, action)
        return known[1] if known else None

    def agent(self, candidate: Candidate) -> tuple[Agent, Capability]:
        """Find a candidate among today's agents.

        Raises AgentGoneError where it was removed, or is not registered any more as it was when the
        run began.
        """
        today = _find(self.registry, candidate.agent, candidate.action)
        if today is None:
            raise AgentGoneError("is not registered any more")
        before = _find(self.began_with, candidate.agent, candidate.action)
        if before is None or before[0].public_key not in (None, today[0].public_key):
            raise AgentGoneError("is registered with another key than when this run began")
        if any(getattr(before[1], name) != getattr(today[1], name) for name in _TERMS):
            raise AgentGoneError("is registered with another schema than when this run began")
        return today

    def log(
        self,
        action: str,
        about: str,
        actor: Actor = ORCHESTRATOR,
        digests: Mapping[str, str] | None = None,
        after: tuple[str, ...] = (),
        **details: Any,
    ) -> str:
        """Write a signed event; return its digest. `digests` are those of the files that it speaks of, by path."""
        event = Event(action, actor, about, digests or {}, details, after)
        mark = append_event(self.run, self.key, event)
        self.telemetry.happened(self, event)
        return mark

    def record(
        self, action: str, about: str, files: Mapping[str, Any], actor: Actor = ORCHESTRATOR, **details: Any
    ) -> str:
        """Write a signed event and the files that it speaks of (by path: JSON, or bytes); return its digest.

        The files are staged first and get their names last: whoever dies in between leaves all that
        `finish_writes` needs.
        """
        contents = {
            path: content if isinstance(content, bytes) else canonical(content) for path, content in files.items()
        }
        digests = {path: digest_bytes(content) for path, content in contents.items()}
        with self.run.staged(contents):
            return self.log(action, about, actor, digests, **details)

    def last_of(self, about: str, *actions: str) -> str | None:
        """Return which of these came last about something; None where none did, or its task was cleared since."""
        wanted = {*actions, CLEARED}
        said = [file.action for file in list_events(self.run, about) if file.action in wanted]
        return said[-1] if said and said[-1] != CLEARED else None

    def finish_writes(self, about: str) -> None:
        """Give the files their names that a process which died had staged, and that its signed events speak of."""
        last_words: dict[str, str] = {}
        for event in read_events(self.run, about):
            last_words |= event["digests"]
        for path, content_digest in last_words.items():
            self.run.finish(content_digest, *path.split("/"))

    def finish_all_writes(self) -> None:
        """Do the same wherever there are drafts, for those whose task nobody starts again."""
        for about in {path.split("/")[1] if path.count("/") > 1 else RUN for path in self.run.drafts()}:
            self.finish_writes(about)

    def step(self, work_item_id: str) -> StepRun:
        """Return one work item of this run. Raises DelegationError where the run has none of that id."""
        return StepRun(self, self.work_item(work_item_id))


_TERMS = ("input_schema", "output_schema", "side_effects")


def _find(registry: Registry, agent_id: str, action: str) -> tuple[Agent, Capability] | None:
    for agent in registry.agents:
        for capability in agent.capabilities:
            if (agent.id, capability.action) == (agent_id, action):
                return agent, capability
    return None


@dataclass(frozen=True)
class StepRun:
    """One work item in one run, and its own folder there."""

    execution: Execution
    item: WorkItem

    @property
    def id(self) -> str:
        return self.item.id

    @property
    def after(self) -> tuple[str, ...]:
        """What must have happened before the step: its first event follows all of that."""
        senior = self.execution.spec.senior_approval is not None and self.id != PLAN
        return (*self.item.upstream, PLAN) if senior else self.item.upstream

    def names(self, *segments: str) -> list[str]:
        """List what lies in a folder of the step."""
        return self.execution.run.names("steps", self.id, *segments)

    def find_json(self, *segments: str) -> Any | None:
        """Read a file of the step that need not be there."""
        return self.execution.run.find_json("steps", self.id, *segments)

    def read_json(self, *segments: str) -> Any:
        """Read a file of the step. Raises RecordError where it is missing."""
        return self.execution.run.read_json("steps", self.id, *segments)

    def log(
        self, action: str, actor: Actor = ORCHESTRATOR, digests: Mapping[str, str] | None = None, **details: Any
    ) -> str:
        """Write a signed event about the step; return its digest."""
        return self.execution.log(action, self.id, actor, digests, self.after, **details)

    def record(self, action: str, files: Mapping[str, Any], actor: Actor = ORCHESTRATOR, **details: Any) -> str:
        """Write a signed event about the step, then the files of its folder that it speaks of; return its digest."""
        placed = {f"steps/{self.id}/{path}": content for path, content in files.items()}
        return self.execution.record(action, self.id, placed, actor, after=self.after, **details)

    @cached_property
    def payload_digest(self) -> str:
        """What an approval of this step is bound to: the work, its route, its gate and the policy."""
        return payload_digest(asdict(self.item), self.execution.spec.policy_digest)
