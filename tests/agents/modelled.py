"""A language model for the tests: an OpenAI-compatible server on loopback that answers from a script."""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from planexe_agents.model import settings

Piece = dict[str, str]
RESET = "reset"
SILENCE = "silence"


@dataclass(frozen=True)
class Reply:
    """One HTTP answer, whole."""

    body: bytes
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()


Script = Callable[["Asked"], "Reply | str | dict[str, Any]"]


@dataclass(frozen=True)
class Asked:
    """One request as the model sees it."""

    body: dict[str, Any]
    headers: dict[str, str]
    number: int

    @property
    def system(self) -> str:
        return "\n".join(str(one["content"]) for one in self.body["messages"] if one["role"] in {"system", "developer"})

    @property
    def user(self) -> str:
        return next(str(one["content"]) for one in self.body["messages"] if one["role"] == "user")

    @property
    def pieces(self) -> list[Piece]:
        """The data, read back from between its marks."""
        lines = self.user.split("\n")
        first = next(n for n, line in enumerate(lines) if line.startswith("--- data "))
        last = next(n for n, line in enumerate(lines) if line.startswith("--- end "))
        return [json.loads(line) for line in lines[first + 1 : last]]

    @property
    def evidence(self) -> list[Piece]:
        return [piece for piece in self.pieces if piece["kind"] == "evidence"]

    @property
    def headings(self) -> list[str]:
        line = next(line for line in self.user.split("\n") if line.startswith("Headings: "))
        return list(json.loads(line.removeprefix("Headings: ")))


@dataclass
class Model:
    """The server; `asked` is everything that reached it."""

    script: Script
    url: str = ""
    asked: list[Asked] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)


@contextmanager
def serving(script: Script) -> Iterator[Model]:
    """Serve a script on a free port."""
    model = Model(script)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            with model.lock:
                asked = Asked(body, {name.lower(): value for name, value in self.headers.items()}, len(model.asked))
                model.asked.append(asked)
            reply = model.script(asked)
            if reply == SILENCE:
                model.over.wait(60)
                self.close_connection = True
            elif reply == RESET:
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.connection.close()
                self.close_connection = True
            else:
                self._send(reply if isinstance(reply, Reply) else completion(reply))

        def _send(self, reply: Reply) -> None:
            self.send_response(reply.status)
            for name, value in (("content-type", "application/json"), *reply.headers):
                self.send_header(name, value)
            self.send_header("content-length", str(len(reply.body)))
            self.end_headers()
            self.wfile.write(reply.body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    model.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield model
    finally:
        model.over.set()
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def writing(script: Script, **environment: str) -> Iterator[Model]:
    """Serve a script, and let the agents of this process write with it."""
    with serving(script) as model, pytest.MonkeyPatch.context() as patch:
        patch.setenv(settings.URL, model.url)
        patch.setenv(settings.MODEL, "scripted")
        for name, value in environment.items():
            patch.setenv(name, value)
        yield model


def completion(answer: str | dict[str, Any], **more: Any) -> Reply:
    """An answer of a chat model; a document is its JSON text. `more` goes into its message or `usage`."""
    content = answer if isinstance(answer, str) else json.dumps(answer)
    usage = more.pop("usage", {"prompt_tokens": 300, "completion_tokens": 60, "total_tokens": 360})
    finish = more.pop("finish_reason", "stop")
    document = {
        "id": "c-1",
        "object": "chat.completion",
        "created": 1,
        "model": "somebody-elses-name",
        "choices": [
            {"index": 0, "finish_reason": finish, "message": {"role": "assistant", "content": content, **more}}
        ],
        **({"usage": usage} if usage else {}),
    }
    return Reply(json.dumps(document).encode())


def claim(piece: Piece, text: str | None = None, heading: str = "Summary", quote: str | None = None) -> dict[str, Any]:
    """A claim that repeats a piece of evidence, unless told otherwise."""
    words = " ".join(piece["text"].split()[:12])
    return {
        "heading": heading,
        "text": piece["text"][:600] if text is None else text,
        "citations": [{"evidence": piece["id"], "quote": words if quote is None else quote}],
    }


def faithful(asked: Asked) -> dict[str, Any]:
    """Repeat the evidence, as a careful model would."""
    return {"claims": [claim(piece, heading=asked.headings[0]) for piece in asked.evidence[:6]]}


def in_turn(replies: Sequence[Any]) -> Script:
    """Answer with each in turn, the last one again and again; what can be called makes its reply."""

    def script(asked: Asked) -> Any:
        reply = replies[min(asked.number, len(replies) - 1)]
        return reply(asked) if callable(reply) else reply

    return script
