"""A server that answers with the bytes it was given, one answer a connection, and keeps what it was asked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

HANG = b"hang"
CUT = b""


@dataclass
class Scripted:
    """`answers` are taken in turn, the last one again and again: HANG never answers, CUT closes at once."""

    answers: Sequence[bytes]
    url: str = ""
    asked: list[bytes] = field(default_factory=list)

    @property
    def lines(self) -> list[str]:
        """The request lines, in order."""
        return [request.split(b" HTTP/")[0].decode() for request in self.asked]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next((int(line[15:]) for line in head.lower().splitlines() if line[:15] == b"content-length:"), 0)
        self.asked.append(head + await reader.readexactly(length))
        answer = self.answers[min(len(self.asked), len(self.answers)) - 1]
        if answer == HANG:
            await reader.read()
        writer.write(answer)
        writer.close()


@asynccontextmanager
async def scripted(*answers: bytes) -> AsyncIterator[Scripted]:
    """Serve the answers on a free port."""
    script = Scripted(answers)
    server = await asyncio.start_server(script.serve, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    script.url = f"http://{host}:{port}"
    async with server:
        yield script


def http(status: int, body: bytes = b"", **headers: str) -> bytes:
    """One HTTP answer as bytes."""
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    head = "\r\n".join([f"HTTP/1.1 {status} X", f"content-length: {len(body)}", "connection: close", *lines])
    return head.encode() + b"\r\n\r\n" + body
