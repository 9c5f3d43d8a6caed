"""An agent that only shows a card, which a test may change at any time."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from planexe_agents.protocol import AgentCard


@dataclass
class Shown:
    """A card, and where it is served; without a card the server has no time. Where there is a token, one needs it."""

    card: AgentCard | None
    url: str = ""
    token: str | None = None


@contextmanager
def shown_card(card: AgentCard) -> Iterator[Shown]:
    """Serve a card on a free port."""
    shown = Shown(card)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = shown.card.model_dump_json().encode() if shown.card else b""
            admitted = shown.token is None or self.headers["Authorization"] == f"Bearer {shown.token}"
            self.send_response((200 if shown.card else 503) if admitted else 401)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    shown.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield shown
    finally:
        server.shutdown()
        server.server_close()
