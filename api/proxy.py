"""Behind a proxy: scheme, host, path and client as the proxy saw them, when it is one that is trusted."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from api.errors import problem
from twin.errors import InvalidParameter

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
PREFIX = re.compile(r"(?:/[A-Za-z0-9._~-]+)*")
HOST = re.compile(r"[A-Za-z0-9.-]+(?::\d{1,5})?|\[[0-9a-fA-F:]+\](?::\d{1,5})?")


def networks(said: str) -> tuple[Network, ...]:
    """Addresses and networks between commas.

    Raises:
        InvalidParameter: one is none.
    """
    try:
        return tuple(ipaddress.ip_network(part.strip()) for part in said.split(",") if part.strip())
    except ValueError as error:
        raise InvalidParameter(f"proxies: {error}; name addresses or networks such as 10.0.0.0/8") from error


@dataclass(frozen=True)
class Proxied:
    """An ASGI wrapper: `X-Forwarded-Proto`, `-Host`, `-Prefix` and `-For` of a trusted proxy are believed.

    Of anybody else they are not looked at. The names by which the twin may be asked are checked after this.
    """

    app: ASGIApp
    trusted: tuple[Network, ...]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand on the request as the proxy's client made it."""
        if scope["type"] != "http" or not self._trusts(scope):
            await self.app(scope, receive, send)
            return
        try:
            seen = self._seen(scope)
        except InvalidParameter as error:
            await problem(400, error.slug, str(error))(scope, receive, send)
            return
        await self.app(seen, receive, send)

    def _trusts(self, scope: Scope) -> bool:
        client = scope.get("client")
        return client is not None and self._among(client[0])

    def _among(self, address: str) -> bool:
        try:
            found = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any(found in network for network in self.trusted)

    def _seen(self, scope: Scope) -> Scope:
        headers = Headers(scope=scope)
        seen = dict(scope)
        if proto := _last(headers, "x-forwarded-proto"):
            if proto not in ("http", "https"):
                raise InvalidParameter("X-Forwarded-Proto is neither http nor https")
            seen["scheme"] = proto
        if host := _last(headers, "x-forwarded-host"):
            if not HOST.fullmatch(host):
                raise InvalidParameter("X-Forwarded-Host is no host")
            rest = [(k, v) for k, v in scope["headers"] if k != b"host"]
            seen["headers"] = [(b"host", host.encode("ascii")), *rest]
        if prefix := _last(headers, "x-forwarded-prefix").rstrip("/"):
            if not PREFIX.fullmatch(prefix):
                raise InvalidParameter("X-Forwarded-Prefix is no path")
            # The proxy took it off; ASGI has the path with it.
            seen["root_path"], seen["path"] = prefix, prefix + scope["path"]
        if client := self._client(headers):
            seen["client"] = (client, 0)
        return seen

    def _client(self, headers: Headers) -> str | None:
        """The last address that is none of the proxies'."""
        said = [part.strip() for part in headers.get("x-forwarded-for", "").split(",") if part.strip()]
        return next((address for address in reversed(said) if not self._among(address)), None)


def _last(headers: Headers, name: str) -> str:
    """What the nearest proxy said."""
    return headers.get(name, "").rpartition(",")[2].strip()
