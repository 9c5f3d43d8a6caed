"""A reverse proxy on loopback, as an installation has before its Airflow: it alone knows the name of the host."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx

_OF_THE_CONNECTION = {"connection", "content-encoding", "content-length", "host", "keep-alive", "transfer-encoding"}


@contextmanager
def proxying(prefix: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Serve what is below a prefix; yields the public address, and where to write the one behind it (`to`)."""
    behind: dict[str, str] = {}

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _forward(self) -> None:
            if not self.path.startswith(f"{prefix}/"):
                self._send(404, (), b"another service of this host")
                return
            length = self.headers.get("Content-Length")
            body = self.rfile.read(int(length)) if length else None
            headers = _passed(self.headers.items())
            try:
                answer = httpx.request(
                    self.command, behind["to"] + self.path, headers=headers, content=body, timeout=60
                )
            except httpx.TransportError:
                self._send(502, (), b"")
                return
            self._send(answer.status_code, answer.headers.multi_items(), answer.content)

        do_GET = do_POST = do_PATCH = do_DELETE = _forward  # noqa: N815 - names of http.server

        def _send(self, status: int, headers: Any, content: bytes) -> None:
            self.send_response_only(status)
            for name, value in _passed(headers):
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            with suppress(BrokenPipeError):  # a browser that went elsewhere
                self.wfile.write(content)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}{prefix}", behind
    server.shutdown()
    server.server_close()


def _passed(headers: Any) -> list[tuple[str, str]]:
    return [(name, value) for name, value in headers if name.lower() not in _OF_THE_CONNECTION]
