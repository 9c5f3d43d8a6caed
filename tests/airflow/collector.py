"""A collector of OpenTelemetry on loopback: what Airflow and the agents send, as plain values."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


@dataclass(frozen=True)
class Span:
    name: str
    trace: str
    id: str
    parent: str
    start: int
    end: int
    about: dict[str, Any]


@dataclass(frozen=True)
class Point:
    """One value of a metric; of a histogram, how many there were."""

    name: str
    value: float
    tags: dict[str, Any]


@dataclass
class Collected:
    url: str
    spans: list[Span] = field(default_factory=list)
    points: list[Point] = field(default_factory=list)

    def take(self, path: str, body: bytes) -> None:
        if path == "/v1/traces":
            self._take_spans(ExportTraceServiceRequest.FromString(body))
        else:
            self._take_points(ExportMetricsServiceRequest.FromString(body))

    def _take_spans(self, request: ExportTraceServiceRequest) -> None:
        for resource in request.resource_spans:
            for scope in resource.scope_spans:
                for one in scope.spans:
                    ids = one.trace_id.hex(), one.span_id.hex(), one.parent_span_id.hex()
                    times = one.start_time_unix_nano, one.end_time_unix_nano
                    self.spans.append(Span(one.name, *ids, *times, _plain(one.attributes)))

    def _take_points(self, request: ExportMetricsServiceRequest) -> None:
        for resource in request.resource_metrics:
            for scope in resource.scope_metrics:
                for metric in scope.metrics:
                    for point in getattr(metric, metric.WhichOneof("data")).data_points:
                        kind = "count" if hasattr(point, "count") else point.WhichOneof("value")
                        self.points.append(Point(metric.name, getattr(point, kind), _plain(point.attributes)))


def _plain(attributes: Any) -> dict[str, Any]:
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in attributes}


@contextmanager
def collector() -> Iterator[Collected]:
    """Listen for OTLP over HTTP on a free port."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            body = gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body
            collected.take(self.path, body)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        collected = Collected(f"http://127.0.0.1:{server.server_port}")
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield collected
        finally:
            server.shutdown()
