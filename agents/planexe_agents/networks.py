"""Where agents may be reached: which addresses, whatever a name or a registry says.

Checked is the address that is connected to. A name that leads elsewhere today than yesterday (DNS
rebinding), or an address that holds another (IPv4 within IPv6), does not get past that.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Self

Network = IPv4Network | IPv6Network
Address = IPv4Address | IPv6Address

PRIVATE: tuple[Network, ...] = tuple(
    map(ip_network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")),
)
"""What the word `private` stands for (RFC 1918, RFC 4193)."""
NEVER: tuple[Network, ...] = tuple(
    map(
        ip_network,
        (
            "0.0.0.0/8", "::/128",  # this host on this network
            "169.254.0.0/16", "fe80::/10",  # link-local, and with it the metadata of most clouds
            "100.100.100.200/32", "168.63.129.16/32", "192.0.0.192/32",  # metadata of Alibaba, Azure and Oracle
            "fd00:ec2::/32", "fd20:ce::/32",  # metadata of Amazon and Google
            "224.0.0.0/4", "ff00::/8",  # multicast
            "240.0.0.0/4",  # reserved, and broadcast
        ),
    ),
)  # fmt: skip
"""Where no agent is, whatever anybody allows."""
_GLOBAL_UNICAST = IPv6Network("2000::/3")
_NAT64 = IPv6Network("64:ff9b::/96")


@dataclass(frozen=True, slots=True)
class Networks:
    """Agents are reached on this machine, at public addresses, and in the networks that are `allowed`."""

    allowed: tuple[Network, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `10.20.0.0/16, fd12::/48`, or the word `private`. Raises ValueError with everything that is wrong."""
        found: list[Network] = []
        faults: list[str] = []
        for word in text.replace(",", " ").split():
            try:
                found += PRIVATE if word == "private" else [ip_network(word)]
            except ValueError as error:
                faults.append(str(error))
        if faults:
            raise ValueError(f"{'; '.join(faults)}: networks such as 10.20.0.0/16 are needed, or the word private")
        return cls(tuple(found))

    def objection(self, address: str) -> str | None:
        """Say why no agent is asked at an address; None where one may be."""
        inner = _innermost(ip_address(address))
        if any(inner in network for network in NEVER):
            return f"{address} is an address where no agent may be"
        if inner.is_loopback or any(inner in network for network in self.allowed) or _is_public(inner):
            return None
        return f"{address} is not a public address, and agent_networks does not allow it"


def _innermost(address: Address) -> Address:
    """Return the IPv4 address that an IPv6 one stands for: mapped, 6to4, Teredo or NAT64."""
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else address)


def _is_public(address: Address) -> bool:
    return address.is_global and (isinstance(address, IPv4Address) or address in _GLOBAL_UNICAST)
