"""Traces by OpenTelemetry: an agent's spans continue the trace that its assignment came with (W3C Trace Context).

Off unless the standard environment variables (`OTEL_TRACES_EXPORTER`, `OTEL_EXPORTER_OTLP_ENDPOINT`) say where
spans go: then nothing is recorded and no SDK is imported. Without a `traceparent` an agent starts no trace of its own.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import entry_points

from opentelemetry import trace
from opentelemetry.trace import Span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from planexe_agents.protocol import Assignment

TRACEPARENT = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
LONGEST = 250
_propagator = TraceContextTextMapPropagator()
_tracer = trace.get_tracer("planexe_agents")


def is_wanted(environ: Mapping[str, str]) -> bool:
    """Say whether the environment names a place for spans."""
    if environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return False
    exporter = environ.get("OTEL_TRACES_EXPORTER")
    return exporter != "none" if exporter else any(environ.get(name) for name in ENDPOINTS)


def configure() -> None:
    """Send this process's spans where the environment says; by the exporter that Airflow would take, too.

    Raises ValueError where it names an exporter that is not installed.
    """
    if not is_wanted(os.environ):
        return
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415 - the SDK is for those who trace
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

    name = os.environ.get("OTEL_TRACES_EXPORTER") or "otlp"
    found = next(iter(entry_points(group="opentelemetry_traces_exporter", name=name)), None)
    if found is None:
        raise ValueError(f"OTEL_TRACES_EXPORTER names {name!r}, which is not installed; try otlp_proto_http")
    service = {} if os.environ.get("OTEL_SERVICE_NAME") else {"service.name": "planexe-agents"}
    provider = TracerProvider(resource=Resource.create(service))
    provider.add_span_processor(BatchSpanProcessor(found.load()()))
    trace.set_tracer_provider(provider)


def outgoing() -> dict[str, str]:
    """Return the header that carries the present trace on to an agent; empty where nothing is traced."""
    carrier: dict[str, str] = {}
    _propagator.inject(carrier)
    return {"traceparent": carrier["traceparent"]} if "traceparent" in carrier else {}


def read_traceparent(header: str | None) -> str | None:
    """Return a header that is exactly a traceparent of version 00; None for anything else."""
    return header if header and TRACEPARENT.fullmatch(header) else None


def trace_id(traceparent: str | None) -> str | None:
    """Return the 32 hex digits by which a trace is found."""
    return traceparent.split("-")[1] if traceparent else None


@contextmanager
def span(name: str, traceparent: str | None, assignment: Assignment, started_ns: int | None = None) -> Iterator[Span]:
    """Time a part of the work on an assignment, within the trace that it came with; without one, nothing."""
    if traceparent is None:
        yield trace.INVALID_SPAN
        return
    within = _propagator.extract({"traceparent": traceparent})
    about = attributes(assignment)
    with _tracer.start_as_current_span(name, within, attributes=about, start_time=started_ns) as begun:
        yield begun


def named(assignment: Assignment) -> dict[str, str | int]:
    """Name what an assignment is about, cut to size."""
    about = {name: getattr(assignment, name)[:LONGEST] for name in ("plan", "run", "step", "agent", "action")}
    return {**about, "attempt": assignment.attempt}


def attributes(assignment: Assignment) -> dict[str, str | int]:
    """Name what an assignment is about, for spans."""
    return {f"planexe.{name}": value for name, value in named(assignment).items()}
