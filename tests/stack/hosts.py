"""Network namespaces that stand for machines: each with an address of its own, on one bridge.

What runs in one reaches the others at their addresses alone, as between machines; `127.0.0.1` is its own.
Only root can make them. Where none can be had, all is one host, on the loopback interface.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from ipaddress import IPv4Network
from os import geteuid
from pathlib import Path

import psutil

IP = shutil.which("ip") or "ip"
_MARK = "px"
"""What the names of ours begin with; the process that made them follows."""


@dataclass(frozen=True)
class Hosts:
    """Where services run: the addresses of those that have a host of their own; all others share `shared`."""

    shared: str = "127.0.0.1"
    network: str = ""
    own: dict[str, str] = field(default_factory=dict)

    def address(self, service: str) -> str:
        return self.own.get(service, self.shared)

    def command(self, service: str, command: Sequence[str]) -> list[str]:
        """Say how a command is run on the host of a service."""
        if service not in self.own:
            return [*command]
        return [IP, "netns", "exec", _namespace(os.getpid(), list(self.own).index(service)), *command]


@contextmanager
def hosts_of(services: Sequence[str]) -> Iterator[Hosts]:
    """Give each service a host of its own; with a warning all share this one where that cannot be had.

    Whatever happens in the block, the namespaces are gone after it; those of a process that was killed
    are removed by the next.
    """
    why = obstacle()
    if why:
        warnings.warn(f"no network namespaces: everything runs on the loopback interface, as {why}", stacklevel=3)
        yield Hosts()
        return
    _remove_left_over()
    try:
        yield _make(services)
    finally:
        _remove(os.getpid())


def obstacle() -> str | None:
    """Say why no namespaces can be had here; None where they can."""
    if not Path(IP).is_absolute():
        return "iproute2 is not installed"
    if geteuid() != 0:
        return "this is not root"
    probe = f"{_MARK}{os.getpid()}-probe"
    try:
        _ip("netns", "add", probe)
        _ip("netns", "del", probe)
    except subprocess.CalledProcessError as error:
        return f"the machine allows none ({error.stderr.strip()})"
    return None


def _make(services: Sequence[str]) -> Hosts:
    network = _unused_network()
    addresses = [str(address) for address in network.hosts()]
    bridge = f"{_MARK}{os.getpid()}"
    _ip("link", "add", bridge, "type", "bridge")
    _ip("address", "add", f"{addresses[0]}/{network.prefixlen}", "dev", bridge)
    _ip("link", "set", bridge, "up")
    own = dict(zip(services, addresses[1:], strict=False))
    for number, address in enumerate(own.values()):
        _join(bridge, number, f"{address}/{network.prefixlen}")
    return Hosts(addresses[0], str(network), own)


def _join(bridge: str, number: int, address: str) -> None:
    name, plug = _namespace(os.getpid(), number), f"{bridge}-{number}"
    _ip("netns", "add", name)
    _ip("link", "add", plug, "type", "veth", "peer", "name", "eth0", "netns", name)
    _ip("link", "set", plug, "master", bridge, "up")
    _ip("-netns", name, "address", "add", address, "dev", "eth0")
    for device in ("lo", "eth0"):
        _ip("-netns", name, "link", "set", device, "up")


def _unused_network() -> IPv4Network:
    """Choose a small private network that no route of this machine leads to."""
    used = [IPv4Network(route["dst"], strict=False) for route in _listed("route") if route["dst"] != "default"]
    while True:
        found = IPv4Network(f"10.{random.randrange(64, 250)}.{random.randrange(256)}.0/24")
        if not any(found.overlaps(other) for other in used):
            return found


def _remove_left_over() -> None:
    """Remove what a test that was killed has left: its process is gone."""
    names = [one["name"] for one in _listed("netns")] + [one["ifname"] for one in _listed("link")]
    owners = {name.removeprefix(_MARK).split("-")[0] for name in names if name.startswith(_MARK)}
    for owner in owners:
        if owner.isdigit() and not psutil.pid_exists(int(owner)):
            _remove(int(owner))


def _remove(owner: int) -> None:
    """Remove the namespaces, and with them their ends of the cables, and the bridge."""
    bridge = f"{_MARK}{owner}"
    for one in _listed("netns"):
        if one["name"].startswith(f"{bridge}-"):
            _ip("netns", "del", one["name"])
    for link in _listed("link"):
        if link["ifname"] == bridge or link["ifname"].startswith(f"{bridge}-"):
            # The end of a cable goes by itself a moment after its namespace: it may be gone meanwhile.
            subprocess.run([IP, "link", "del", link["ifname"]], check=False, capture_output=True, timeout=30)


def _namespace(owner: int, number: int) -> str:
    return f"{_MARK}{owner}-{number}"


def _listed(what: str) -> list[dict[str, str]]:
    found: list[dict[str, str]] = json.loads(_ip("-json", what) or "[]")
    return found


def _ip(*words: str) -> str:
    return subprocess.run([IP, *words], check=True, capture_output=True, text=True, timeout=30).stdout
