"""Puts a computed result into words, where a model is configured, and says what became of that.

The result stays as computed. Text that stood its checks is added; confidence can only fall, by up to
half, as claims fail their checks or two samples disagree. Where the model wrote nothing, the outcome is
what it would have been without one, and says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

from planexe_agents.model.answer import Answer
from planexe_agents.model.checks import Checked, agreement, check
from planexe_agents.model.narrative import Narrated, Narrative, narrative_of
from planexe_agents.model.prompt import Brief, Prompt, render
from planexe_agents.model.writer import Limits, NotWrittenError, Writer, configured_writer
from planexe_agents.protocol import Usage
from planexe_agents.service import Completed, Task

CHEAP_CHARS = 8000
"""A prompt up to this is asked twice, to see whether two answers rest on the same evidence."""

NarratedT = TypeVar("NarratedT", bound=Narrated)


def narrate(
    done: Completed[NarratedT],
    task: Task,
    brief: Callable[[], Brief],
    place: Callable[[NarratedT, Narrative], NarratedT] | None = None,
) -> Completed[NarratedT]:
    """Return a result with a narrative; unchanged where no model is configured or there is nothing to cite.

    `place` may put the narrative elsewhere in the result too.
    """
    writer = configured_writer()
    if writer is None:
        return done
    told = brief()
    if not told.evidence or task.stop.is_set():
        return done
    writing = _Writing(writer, task, told)
    try:
        checked = writing.first()
    except NotWrittenError as error:
        return replace(done, confidence_why=f"{done.confidence_why}; {_without(error)}", usage=writing.usage)
    agreed = writing.second(checked)
    narrative = narrative_of(checked, told.headings, writer.name)
    result = done.result.model_copy(update={"narrative": narrative})
    return Completed(
        place(result, narrative) if place else result,
        round(done.confidence * (0.5 + 0.5 * checked.share * (1.0 if agreed is None else agreed)), 3),
        f"{done.confidence_why}; {_said(checked, agreed)}",
        done.evidence,
        writing.usage,
    )


@dataclass
class _Writing:
    """The requests for one result, and what they take together."""

    writer: Writer
    task: Task
    brief: Brief
    usage: Usage | None = None

    def first(self) -> Checked:
        """Write and check. Raises NotWrittenError."""
        return self._write(render(self.brief))

    def second(self, first: Checked) -> float | None:
        """Write once more where that is cheap; return how far both rest on the same evidence, None if not known."""
        prompt = render(self.brief)
        if prompt.characters > CHEAP_CHARS or not first.claims:
            return None
        try:
            return agreement(first, self._write(prompt))
        except NotWrittenError:
            return None

    def _write(self, prompt: Prompt) -> Checked:
        try:
            answer, usage = self.writer.write(prompt, Answer, Limits(self._left(), self.task.stop))
        except NotWrittenError as error:
            self.usage = _sum(self.usage, error.usage)
            raise
        self.usage = _sum(self.usage, usage)
        return check(answer, self.brief)

    def _left(self) -> int | None:
        budget = self.task.context.model_budget
        return None if budget is None else max(0, budget.tokens - (self.usage.tokens if self.usage else 0))


def _sum(one: Usage | None, other: Usage | None) -> Usage | None:
    if one is None or other is None:
        return one or other
    costs = [usage.cost for usage in (one, other) if usage.cost is not None]
    return Usage(
        model=one.model,
        requests=one.requests + other.requests,
        input_tokens=one.input_tokens + other.input_tokens,
        output_tokens=one.output_tokens + other.output_tokens,
        cost=sum(costs) if costs else None,
        measured=one.measured and other.measured,
    )


def _without(error: NotWrittenError) -> str:
    return f"computed without the language model: {error}"


def _said(checked: Checked, agreed: float | None) -> str:
    faults = _listed(checked.faults)
    stood = f"{checked.share:.0%} of {checked.asked} claims of the language model stood their checks{faults}"
    return stood if agreed is None else f"{stood}, and a second sample rests on the same evidence by {agreed:.0%}"


def _listed(faults: Mapping[str, int]) -> str:
    counted: Iterable[str] = (f"{count} {fault}" for fault, count in sorted(faults.items()))
    return f" ({', '.join(counted)})" if faults else ""
