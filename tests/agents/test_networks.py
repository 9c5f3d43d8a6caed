"""Where agents may be reached: the addresses, and that what was checked is what is connected to."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given, settings
from hypothesis import strategies as st
from planexe_agents import client as client_module
from planexe_agents.client import AgentClient, AgentForbidden, AgentUnavailable
from planexe_agents.networks import NEVER, Networks

from tests.agents.scripted import Scripted, http, scripted
from tests.agents.serving import QUICK
from tests.routing.agents import card_of

CARD = http(200, card_of().model_dump_json().encode())
NAME = "agent.example"
EVERYWHERE = Networks.parse("0.0.0.0/0 ::/0")


class Names:
    """What a name server says, answer for answer; the last one again and again."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> None:
        self.answers = list(answers)
        self._real = socket.getaddrinfo
        monkeypatch.setattr(socket, "getaddrinfo", self._resolve)

    def _resolve(self, host: Any, *words: Any, **more: Any) -> list[Any]:
        if host != NAME:
            return self._real(host, *words, **more)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return [entry for address in answer for entry in self._real(address, *words, **more)]


async def _ask(script: Scripted, times: int = 1, scheme: str = "http", networks: Networks | None = None) -> None:
    url = f"{scheme}://{NAME}:{script.url.rpartition(':')[2]}"
    async with AgentClient(url, limits=QUICK, networks=networks) as client:
        for _ in range(times):
            await client.card()


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1", "8.8.8.8", "2606:4700::1111"])
def test_agents_are_on_this_machine_or_at_public_addresses(address: str) -> None:
    assert Networks().objection(address) is None


@pytest.mark.parametrize(
    "address",
    [
        "10.0.0.1", "172.16.0.1", "192.168.1.1", "fd12::1", "100.64.0.1", "192.0.2.1", "198.18.0.1", "2001:db8::1",
        "::ffff:10.0.0.1", "64:ff9b::a00:1", "2002:a00:1::1", "::10.0.0.1", "fec0::1", "64:ff9b:1::1",
    ],
)  # fmt: skip
def test_a_private_address_needs_the_operators_word(address: str) -> None:
    objection = Networks().objection(address)
    assert objection == f"{address} is not a public address, and agent_networks does not allow it"


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::1", "fe80::1",
        "fd00:ec2::254", "fd20:ce::254", "100.100.100.200", "168.63.129.16", "192.0.0.192",
        "0.1.2.3", "::", "224.0.0.1", "ff02::1", "240.0.0.1", "255.255.255.255",
    ],
)  # fmt: skip
def test_metadata_link_local_and_the_like_are_refused_whatever_is_allowed(address: str) -> None:
    assert EVERYWHERE.objection(address) == f"{address} is an address where no agent may be"


@settings(derandomize=True)
@given(st.ip_addresses())
def test_what_is_never_allowed_is_not_so_within_ipv6_either(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    assert (EVERYWHERE.objection(str(address)) is None) or "where no agent may be" in str(
        Networks().objection(str(address))
    )
    if isinstance(address, ipaddress.IPv4Address):
        never = any(address in network for network in NEVER)
        assert (EVERYWHERE.objection(f"::ffff:{address}") is None) is not never


def test_networks_are_read_and_whatever_is_wrong_is_said() -> None:
    allowed = Networks.parse("10.20.0.0/16, fd12::/48")
    assert [allowed.objection(address) is None for address in ("10.20.3.4", "fd12::9", "10.21.0.1")] == [
        True,
        True,
        False,
    ]
    private = Networks.parse("private")
    assert [private.objection(one) is None for one in ("10.1.1.1", "172.20.0.3", "192.168.0.9", "fd00::1")] == [
        True
    ] * 4
    assert Networks.parse("") == Networks()
    with pytest.raises(ValueError, match=r"10.0.0.1/8 has host bits set; 'home' .* such as 10.20.0.0/16 are needed"):
        Networks.parse("10.0.0.1/8 home")


def test_a_name_that_leads_elsewhere_the_next_time_is_not_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    """DNS rebinding: what is checked is what is connected to, at every request."""
    names = Names(monkeypatch, ["127.0.0.1"], ["169.254.169.254"])

    async def talk() -> Scripted:
        async with scripted(CARD) as script:
            with pytest.raises(
                AgentForbidden, match=r"is not asked: 169\.254\.169\.254 is an address where no agent may be"
            ):
                await _ask(script, times=2)
            return script

    script = asyncio.run(talk())
    assert script.lines == ["GET /schema.json"]
    assert f"host: {NAME}:".encode() in script.asked[0].lower()
    assert names.answers == [["169.254.169.254"]]


def test_of_a_names_addresses_only_the_allowed_ones_are_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    """And the next of them where one does not answer: nothing listens on 127.0.0.2."""
    Names(monkeypatch, ["10.0.0.1", "127.0.0.2", "127.0.0.1"])

    async def talk() -> list[str]:
        async with scripted(CARD) as script:
            await _ask(script)
            return script.lines

    assert asyncio.run(talk()) == ["GET /schema.json"]


def test_a_name_that_nobody_knows_is_out_of_reach() -> None:
    async def talk() -> None:
        async with AgentClient("http://nobody.invalid", limits=QUICK) as client:
            await client.card()

    with pytest.raises(AgentUnavailable, match=r"cannot be reached: nobody\.invalid: "):
        asyncio.run(talk())


@pytest.mark.parametrize("host", ["2852039166", "0xa9.0xfe.0xa9.0xfe", "[::ffff:a9fe:a9fe]", "169.254.43518"])
def test_another_spelling_of_an_address_is_the_same_address(host: str) -> None:
    async def talk() -> None:
        async with AgentClient(f"http://{host}", limits=QUICK) as client:
            await client.card()

    with pytest.raises(AgentForbidden, match="is an address where no agent may be"):
        asyncio.run(talk())


def test_a_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")

    async def talk() -> list[str]:
        async with scripted(CARD) as script, AgentClient(script.url, limits=QUICK) as client:
            await client.card()
            return script.lines

    assert asyncio.run(talk()) == ["GET /schema.json"]


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate for the name, and its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, NAME)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path / "agent.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return path


def test_a_certificate_is_checked_for_the_name_and_not_for_the_address(
    certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Names(monkeypatch, ["127.0.0.1"])
    monkeypatch.setattr(client_module, "_tls", lambda: ssl.create_default_context(cafile=str(certificate)))
    serving = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    serving.load_cert_chain(certificate)

    async def talk() -> list[str]:
        script = Scripted([CARD])
        server = await asyncio.start_server(script.serve, "127.0.0.1", 0, ssl=serving)
        script.url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with server:
            await _ask(script, scheme="https")
            with pytest.raises(AgentUnavailable, match="certificate"):
                async with AgentClient(script.url, limits=QUICK) as client:
                    await client.card()
        return script.lines

    assert asyncio.run(talk()) == ["GET /schema.json"]
