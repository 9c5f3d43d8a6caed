"""The machines that tests stand in for: apart from each other, and gone in the end."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from tests.stack import hosts
from tests.stack.hosts import IP, Hosts, hosts_of, obstacle

LISTEN = "import socket; s = socket.create_server(('{}', 0)); print(s.getsockname()[1], flush=True); s.accept()"
CONNECT = "import socket; socket.create_connection(('{}', {}), 2)"
needs_namespaces = pytest.mark.skipif(bool(obstacle()), reason=f"a network namespace needs root: {obstacle()}")


def ours() -> list[str]:
    listed = [json.loads(subprocess.check_output([IP, "-json", what]) or "[]") for what in ("netns", "link")]
    names = [one.get("name") or one["ifname"] for found in listed for one in found]
    return [name for name in names if name.startswith(f"px{os.getpid()}")]


def connects(there: Hosts, service: str, address: str, port: str) -> bool:
    command = there.command(service, [sys.executable, "-c", CONNECT.format(address, port)])
    return subprocess.run(command, check=False, capture_output=True, timeout=30).returncode == 0


def _use_and_fail() -> None:
    with hosts_of(["one", "two"]) as found:
        assert len({found.shared, *found.own.values()}) == 3
        for address, reached in ((found.address("one"), True), ("127.0.0.1", False)):
            command = found.command("one", [sys.executable, "-c", LISTEN.format(address)])
            with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
                assert server.stdout is not None
                port = server.stdout.readline().strip()
                assert connects(found, "two", address, port) is reached
                server.kill()
        assert len(ours()) == 5
        raise ZeroDivisionError


@needs_namespaces
def test_each_is_reached_at_its_own_address_alone_and_all_are_gone_in_the_end() -> None:
    with pytest.raises(ZeroDivisionError):
        _use_and_fail()
    assert ours() == []


@needs_namespaces
def test_what_a_killed_test_has_left_is_removed_by_the_next() -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    subprocess.run([IP, "netns", "add", f"px{gone.pid}-0"], check=True)
    with hosts_of(["one"]):
        assert f"px{gone.pid}-0" not in subprocess.check_output([IP, "netns"], text=True)


def test_without_root_all_is_one_host_and_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hosts, "geteuid", lambda: 1000)
    monkeypatch.setattr(hosts, "IP", "/sbin/ip")
    with pytest.warns(UserWarning, match="no network namespaces: .* this is not root"), hosts_of(["one"]) as found:
        assert (found.address("one"), found.command("one", [sys.executable, "-c", ""])) == (
            "127.0.0.1",
            [sys.executable, "-c", ""],
        )
