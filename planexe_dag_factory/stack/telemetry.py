"""Metrics and traces of the embedded stack: on where the standard `OTEL_*` variables name a place for them."""

from __future__ import annotations

from collections.abc import Mapping

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"


def is_observed(environ: Mapping[str, str]) -> bool:
    """Say whether the environment names a collector for metrics and traces."""
    return bool(environ.get(ENDPOINT)) and environ.get("OTEL_SDK_DISABLED", "").lower() != "true"


def telemetry_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Return what Airflow and the agents need beside that: it wants the exporter by name.

    A task is a process of its own, whose counters begin at zero: they are sent as what was added, not as totals.
    """
    if not is_observed(environ):
        return {}
    protocol = "grpc" if environ.get("OTEL_EXPORTER_OTLP_PROTOCOL") == "grpc" else "http"
    defaults = {
        "OTEL_TRACES_EXPORTER": f"otlp_proto_{protocol}",
        "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE": "delta",
    }
    return {name: environ.get(name) or value for name, value in defaults.items()}
