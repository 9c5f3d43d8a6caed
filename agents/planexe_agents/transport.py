"""HTTP to allowed addresses alone: a name is resolved, what it stands for is checked, and that is connected to."""

from __future__ import annotations

import asyncio
import socket
import ssl

import httpx

from planexe_agents.networks import Networks

_PORTS = {"http": 80, "https": 443}


class AddressRefusedError(httpx.TransportError):
    """No agent may be asked at any address that the host stands for."""


class GuardedTransport(httpx.AsyncBaseTransport):
    """Connects to what `networks` allows. Certificates are checked for the name, as ever."""

    def __init__(self, networks: Networks, tls: ssl.SSLContext | None) -> None:
        self._networks = networks
        self._inner = httpx.AsyncHTTPTransport(verify=tls or False, trust_env=False)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Try the allowed addresses in turn until one can be connected to."""
        *others, last = self._allowed(request, await _addresses(request.url))
        for address in others:
            try:
                return await self._inner.handle_async_request(_sent_to(address, request))
            except (httpx.ConnectError, httpx.ConnectTimeout):
                continue
        return await self._inner.handle_async_request(_sent_to(last, request))

    async def aclose(self) -> None:
        await self._inner.aclose()

    def _allowed(self, request: httpx.Request, addresses: list[str]) -> list[str]:
        objections = {address: self._networks.objection(address) for address in addresses}
        allowed = [address for address, objection in objections.items() if objection is None]
        if not allowed:
            raise AddressRefusedError("; ".join(map(str, objections.values())), request=request)
        return allowed


async def _addresses(url: httpx.URL) -> list[str]:
    """Resolve the host, which may be an address in any spelling that the system knows."""
    host, port = url.raw_host.decode("ascii"), url.port or _PORTS[url.scheme]
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise httpx.ConnectError(f"{host}: {error}") from error
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def _sent_to(address: str, request: httpx.Request) -> httpx.Request:
    """Address the same request to one host of its name: the headers, and the name for TLS, stay."""
    return httpx.Request(
        request.method,
        request.url.copy_with(host=address),
        headers=request.headers,
        stream=request.stream,
        extensions={**request.extensions, "sni_hostname": request.url.host},
    )
