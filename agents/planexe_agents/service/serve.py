"""Runs agents as one process: each on a port of its own, with a state folder of its own."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import math
import os
import signal
import socket
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import uvicorn

from planexe_agents import tracing
from planexe_agents.service import logs
from planexe_agents.service.agent import Agent
from planexe_agents.service.app import create_app
from planexe_agents.service.runs import KEEP_DAYS, Runs
from planexe_agents.service.store import sole_user
from planexe_agents.signing import SigningKey, fingerprint

GRACE_S = 3


@dataclass(frozen=True, slots=True)
class Options:
    """Where to listen and what to keep. Port 0 chooses a free one; further agents take the ports after `port`."""

    host: str
    port: int
    state: Path
    ready_file: Path | None
    wait_s: float
    keep_days: float
    token: str | None


def main(agents: Sequence[Agent], argv: Sequence[str] | None = None) -> None:
    """Serve until SIGINT or SIGTERM. Prints one JSON line with the addresses once every agent answers."""
    options = _options(argv)
    logs.configure()
    with contextlib.ExitStack() as stack:
        try:
            for agent in agents:
                stack.enter_context(sole_user(options.state / agent.id))
            sockets = [stack.enter_context(listen(options.host, port)) for port in _ports(options.port, len(agents))]
            tracing.configure()
        except (OSError, ValueError) as error:
            sys.exit(str(error))
        asyncio.run(_serve(agents, sockets, options))


class _Server(uvicorn.Server):
    """One of several servers in a process: the process handles the signals, and it says when it is ready."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()


async def _serve(agents: Sequence[Agent], sockets: Sequence[socket.socket], options: Options) -> None:
    servers = [_server(agent, options) for agent in agents]
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, _stop, servers)
    serving = [asyncio.create_task(server.serve([sock])) for server, sock in zip(servers, sockets, strict=True)]
    await asyncio.gather(*(server.ready.wait() for server in servers))
    urls = {agent.id: _url(sock) for agent, sock in zip(agents, sockets, strict=True)}
    _announce(urls, {agent.id: fingerprint(_key(agent, options).public) for agent in agents}, options.ready_file)
    await asyncio.gather(*serving)


def _server(agent: Agent, options: Options) -> _Server:
    key = _key(agent, options)
    runs = Runs(agent, key, options.state / agent.id / "runs.sqlite", keep_days=options.keep_days)
    app = create_app(agent, key, runs, token=options.token, wait_s=options.wait_s)
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="off",
        server_header=False,
        timeout_graceful_shutdown=GRACE_S,
    )
    return _Server(config)


def _key(agent: Agent, options: Options) -> SigningKey:
    return SigningKey.load_or_create(options.state / agent.id / "agent.key")


def _stop(servers: Sequence[uvicorn.Server]) -> None:
    for server in servers:
        server.should_exit = True


def listen(host: str, port: int) -> socket.socket:
    """Open a listening socket now, so that its port is known before anything is served."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.create_server((host, port), family=family, backlog=512)
    # Inherited by what is accepted. asyncio sets it only where the protocol is named, and without it
    # every answer waits 40 ms for an acknowledgement of its headers.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def _ports(first: int, count: int) -> list[int]:
    return [first + number if first else 0 for number in range(count)]


def _url(sock: socket.socket) -> str:
    host, port = sock.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared, not bound
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _announce(urls: dict[str, str], keys: dict[str, str], ready_file: Path | None) -> None:
    line = json.dumps({"agents": urls, "keys": keys, "pid": os.getpid()})
    if ready_file is not None:
        draft = ready_file.with_name(f"{ready_file.name}.{os.getpid()}")
        draft.write_text(line + "\n", encoding="utf-8")
        draft.replace(ready_file)
    print(line, flush=True)  # noqa: T201 - how a supervisor learns the ports, and an operator the keys


def _options(argv: Sequence[str] | None) -> Options:
    parser = argparse.ArgumentParser(
        description="Serve over HTTP. With PLANEXE_AGENT_TOKEN in the environment, callers must bear that token.",
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=0, help="port; 0, the default, chooses a free one")
    parser.add_argument("--state", type=Path, default=Path(".planexe-agents"), help="folder of keys and runs")
    parser.add_argument("--ready-file", type=Path, help="file to write the addresses to, as JSON, when all answer")
    parser.add_argument("--wait", type=float, default=5.0, help="seconds that POST /run waits before it answers 202")
    days = "days after which what has ended is forgotten; 0: never (default: %(default)g)"
    parser.add_argument("--keep", type=_days, default=KEEP_DAYS, help=days)
    given = parser.parse_args(argv)
    token = os.environ.get("PLANEXE_AGENT_TOKEN") or None
    return Options(given.host, given.port, given.state, given.ready_file, given.wait, given.keep, token)


def _days(word: str) -> float:
    days = float(word)
    if not 0 <= days < math.inf:
        raise argparse.ArgumentTypeError(f"{word} is no number of days")
    return days
