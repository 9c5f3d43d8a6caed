"""Whole HTTP answers that nobody should give: their status, their headers, how long they say that they are."""

from __future__ import annotations

import random
import zlib
from collections.abc import Callable

STATUSES = (
    200,
    200,
    200,
    201,
    202,
    202,
    202,
    204,
    206,
    299,
    301,
    307,
    400,
    401,
    404,
    409,
    422,
    429,
    429,
    500,
    503,
    999,
)
LINES = (
    "HTTP/1.1 {}",
    "HTTP/1.1 {} OK",
    "HTTP/1.0 {} OK",
    "HTTP/1.1 {} \x1b[31mred",
    "HTTP/2 {} OK",
    "http/1.1 {} OK",
    "ICY {} OK",
)
WAITS = (
    "0",
    "-1",
    "1e9",
    "99999999999999999999",
    "NaN",
    "٣",
    "",
    "soon",
    "\x00",
    "Wed, 21 Oct 2015 07:28:00 GMT",
    "Fri, 31 Dec 9999 23:59:59 GMT",
    "Sun, 06 Nov 0000 08:49:37",
    "31 Feb 2026 99:99:99 +9999",
    "2026-01-01T00:00:00Z",
    "1, 2",
    "9" * 5000,
)
PLACES = (
    "/runs/1",
    "runs/1",
    "",
    " ",
    "..",
    "../../etc/passwd",
    "//elsewhere.example/runs/1",
    "http://169.254.169.254/latest/meta-data/",
    "http://127.0.0.1:1/runs/1",
    "http://user:password@127.0.0.1/runs/1",
    "file:///etc/passwd",
    "javascript:alert(1)",
    "http://[::1",
    "http://a:99999999/",
    "http://\u202e/",
    "/runs/" + "a" * 70_000,
    "/runs/\x00",
    "/runs/{{ var.value.secret }}",
)
TYPES = ("application/json", "text/html", "application/json; charset=utf-16", "", "\x00", "a" * 9000, "image/png")
ENCODINGS = ("identity", "gzip", "deflate", "br", "zstd", "gzip, gzip", "x-unknown", "", "\x00")
LENGTHS = ("0", "1", "-1", "1e3", "999999999999", "+5", "0x10", "", "5, 5", "5, 6", "9" * 100)
Header = tuple[str, str]


def reply(body: bytes, rng: random.Random) -> bytes:
    """Return an answer over HTTP with a body that is good, as a server that is broken or hostile would write it."""
    status = rng.choice(STATUSES)
    headers: list[Header] = [("Content-Length", str(len(body)))]
    if status in (202, 301, 307):
        headers.append(("Location", rng.choice(PLACES)))
    for _ in range(rng.choice((0, 1, 1, 2, 4))):
        headers, body = rng.choice(MUTATIONS)(headers, body, rng)
    rng.shuffle(headers)
    line = rng.choice(LINES).format(status) if rng.random() < 0.2 else f"HTTP/1.1 {status} OK"
    head = "\r\n".join([line, *(f"{name}: {value}" for name, value in headers), "Connection: close"])
    return _damaged(head.encode("utf-8", "surrogatepass") + b"\r\n\r\n" + body, rng)


def _damaged(answer: bytes, rng: random.Random) -> bytes:
    chance = rng.random()
    if chance < 0.05:
        return answer[: rng.randrange(len(answer))]
    if chance < 0.08:
        at = rng.randrange(len(answer))
        return answer[:at] + bytes([rng.randrange(256)]) + answer[at + 1 :]
    return answer


def _say(
    name: str, values: tuple[str, ...]
) -> Callable[[list[Header], bytes, random.Random], tuple[list[Header], bytes]]:
    def mutate(headers: list[Header], body: bytes, rng: random.Random) -> tuple[list[Header], bytes]:
        return [*headers, (name, rng.choice(values))], body

    return mutate


def _another_length(headers: list[Header], body: bytes, rng: random.Random) -> tuple[list[Header], bytes]:
    others = [header for header in headers if header[0] != "Content-Length"]
    return [*others, ("Content-Length", rng.choice(LENGTHS))], body


def _no_length(headers: list[Header], body: bytes, _: random.Random) -> tuple[list[Header], bytes]:
    return [header for header in headers if header[0] != "Content-Length"], body


def _in_chunks(headers: list[Header], body: bytes, rng: random.Random) -> tuple[list[Header], bytes]:
    headers, _ = _no_length(headers, body, rng)
    size = rng.choice((f"{len(body):x}", "0", "zz", "-1", "F" * 20, f"{len(body):x};{'a' * 9000}"))
    return [*headers, ("Transfer-Encoding", "chunked")], size.encode() + b"\r\n" + body + b"\r\n0\r\n\r\n"


def _compressed(headers: list[Header], _: bytes, rng: random.Random) -> tuple[list[Header], bytes]:
    bomb = zlib.compress(b"0" * 5_000_000)
    headers = [header for header in headers if header[0] != "Content-Length"]
    coding = ("Content-Encoding", rng.choice(("gzip", "deflate")))
    return [*headers, coding, ("Content-Length", str(len(bomb)))], bomb


def _many(headers: list[Header], body: bytes, rng: random.Random) -> tuple[list[Header], bytes]:
    name = rng.choice(("X-Padding", "Set-Cookie", "Location", "Retry-After", "Content-Length"))
    return [*headers, *[(name, "1")] * rng.choice((2, 200, 5000))], body


def _no_header(headers: list[Header], body: bytes, rng: random.Random) -> tuple[list[Header], bytes]:
    return [*headers, (rng.choice(("", " ", "a b", "é", "x\r\nInjected: yes", "\x00")), "x")], body


MUTATIONS: tuple[Callable[[list[Header], bytes, random.Random], tuple[list[Header], bytes]], ...] = (
    _say("Retry-After", WAITS),
    _say("RateLimit-Reset", WAITS),
    _say("Location", PLACES),
    _say("Content-Type", TYPES),
    _say("Content-Encoding", ENCODINGS),
    _say("Transfer-Encoding", ("chunked", "gzip", "identity", "chunked, chunked")),
    _another_length,
    _no_length,
    _in_chunks,
    _compressed,
    _many,
    _no_header,
)
