"""What an operator who has turned on Airflow's metrics or traces sees of runs; imported only then.

One span for each assignment, `assignment <agent>.<action>`, below Airflow's own span of the task: it begins when the
assignment is on record and ends with the outcome, however many processes followed it. Its ids are in the signed event
`assignment-sent`, so nothing that an agent answers can change where a span belongs.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from typing import Any

import structlog
from opentelemetry import context, trace
from opentelemetry.trace import NonRecordingSpan, SpanContext, StatusCode, TraceFlags
from planexe_agents.protocol import Assignment
from planexe_agents.tracing import attributes

from planexe_dag_factory.airflow import metrics
from planexe_dag_factory.delegation.attempts import PASSING, read_assignment
from planexe_dag_factory.delegation.execution import Execution, StepRun
from planexe_dag_factory.delegation.telemetry import Telemetry
from planexe_dag_factory.record.events import Event

log = logging.getLogger(__name__)
_tracer = trace.get_tracer("planexe_dag_factory")


class AirflowTelemetry(Telemetry):
    """Counts with Airflow's Stats, and traces with the provider that Airflow has set up, where it has."""

    def __init__(self, stats: metrics.Stats) -> None:
        self._stats = stats

    def sending(self, assignment: Assignment) -> dict[str, Any]:
        task = trace.get_current_span().get_span_context()
        if not task.is_valid:
            return {}
        flags = f"{task.trace_flags:02x}"
        return {
            "trace": f"00-{task.trace_id:032x}-{assignment.id[:16]}-{flags}",
            "within": f"00-{task.trace_id:032x}-{task.span_id:016x}-{flags}",
        }

    def asking(self, step: StepRun, assignment: Assignment) -> AbstractContextManager[object]:
        told = _told(step.execution, step.id, assignment.attempt)
        return _within(told.get("trace"), assignment)

    def happened(self, execution: Execution, event: Event) -> None:
        """Count an event and end a span with it; what goes wrong here is logged, and the run goes on."""
        try:
            metrics.count(self._stats, execution, event)
            _end_span(execution, event)
        except Exception:
            log.exception("%s could not be counted or traced", event.action)


@contextmanager
def _within(traceparent: str | None, assignment: Assignment) -> Iterator[None]:
    """Let what is logged and sent from here belong to an assignment."""
    token = context.attach(_context(traceparent)) if traceparent else None
    about = {"agent": assignment.agent, "attempt": assignment.attempt}
    try:
        with structlog.contextvars.bound_contextvars(**about):
            yield
    finally:
        if token:
            context.detach(token)


def _end_span(execution: Execution, event: Event) -> None:
    """Write the span of an assignment that has come to its end, or a part of it to where the agent had no time."""
    if event.action not in {"outcome-received", "candidate-failed"}:
        return
    attempt = event.details["attempt"]
    step = execution.step(event.about)
    failed: Mapping[str, Any] | None = event.details.get("candidate")
    told, assignment = _told(execution, step.id, attempt), read_assignment(step, attempt)
    if "trace" not in told or assignment is None or (failed and step.find_json(f"{attempt:03}", "outcome.json")):
        return
    status = failed["status"] if failed else event.details["status"]
    about = {**attributes(assignment), "planexe.status": status}
    if not failed:
        about["planexe.confidence"] = event.details["confidence"]
    with _ids_of(told["trace"], again=status in PASSING):
        span = _tracer.start_span(
            f"assignment {assignment.agent}.{assignment.action}",
            _context(told["within"]),
            attributes=about,
            start_time=_nanoseconds(told["at"]),
        )
    span.set_status(StatusCode.OK if status == "completed" else StatusCode.ERROR)
    span.end()


@contextmanager
def _ids_of(traceparent: str, *, again: bool) -> Iterator[None]:
    """Give the next span the ids that the agent knows it by; none where it will be asked `again` under them."""
    if again:
        yield
        return
    from airflow._shared.observability.traces import override_ids  # noqa: PLC0415 - Airflow's way for its own tasks

    known = _span_context(traceparent)
    with override_ids(known.trace_id, known.span_id):
        yield


def _told(execution: Execution, about: str, attempt: int) -> dict[str, str]:
    """Read what `sending` had recorded, and when that was."""
    sent = metrics.sent_event(execution, about, attempt)
    if sent is None:
        return {}
    return {"at": sent["at"], **{key: sent["details"][key] for key in ("trace", "within") if key in sent["details"]}}


def _context(traceparent: str) -> context.Context:
    return trace.set_span_in_context(NonRecordingSpan(_span_context(traceparent)))


def _span_context(traceparent: str) -> SpanContext:
    _, trace_id, span_id, flags = traceparent.split("-")
    return SpanContext(int(trace_id, 16), int(span_id, 16), is_remote=True, trace_flags=TraceFlags(int(flags, 16)))


def _nanoseconds(at: str) -> int:
    return int(datetime.fromisoformat(at).timestamp() * 1e9)
