"""Limits that come before any parsing, and the names that a twin is asked by: an open one by its own machine's."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.access.gate import private
from api.errors import problem
from twin.errors import TooLarge

URL_BYTES = 8192
HEADER_BYTES = 32_768
HEADER_COUNT = 100
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1", "testserver"})
OFFERED = "GET, HEAD, OPTIONS, POST"
METHODS = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"})


@dataclass(frozen=True)
class Limits:
    """An ASGI wrapper: URL, headers, method, Host, Origin and body size."""

    app: ASGIApp
    body_bytes: int
    anywhere: bool = False
    """Whether it is for other machines too (`--open`, or rules): asked by this one's names and by addresses."""
    hosts: frozenset[str] = frozenset()
    """The names it is asked by (`TWIN_HOSTS`); where some are given, no others."""
    origins: frozenset[str] = frozenset()
    """Origins of other pages that may write (`TWIN_CORS_ORIGINS`)."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse what is beyond a limit; hand on the rest with a counted body."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        refusal = self._refusal(scope)
        if refusal:
            answer = problem(*refusal)
            if _two_lengths(Headers(scope=scope)):
                answer.headers["Connection"] = "close"
            await answer(scope, receive, send)
            return
        if self._elsewhere(scope):
            send = _kept_apart(send)
        if scope["method"] == "OPTIONS" and "/items" not in scope["path"]:
            await Response(None, 204, {"Allow": OFFERED})(scope, receive, send)
            return
        if scope["method"] != "HEAD":
            await self.app(scope, self._counted(receive), send)
            return

        # HEAD is GET without its body (RFC 9110, 9.3.2), for every route.
        async def bare(message: Message) -> None:
            await send({**message, "body": b""} if "body" in message else message)

        await self.app({**scope, "method": "GET"}, receive, bare)

    def _counted(self, receive: Receive) -> Receive:
        seen = 0

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > self.body_bytes:
                raise TooLarge(f"the body is larger than {self.body_bytes} bytes")
            return message

        return counted

    def _refusal(self, scope: Scope) -> tuple[int, str, str] | None:
        headers = Headers(scope=scope)
        raw = scope["headers"]
        if len(scope.get("raw_path") or b"") + len(scope["query_string"]) > URL_BYTES:
            return 414, "too-large", f"the address is longer than {URL_BYTES} bytes"
        if len(raw) > HEADER_COUNT or sum(len(k) + len(v) for k, v in raw) > HEADER_BYTES:
            return 431, "too-large", f"more than {HEADER_COUNT} headers or {HEADER_BYTES} bytes of them"
        if scope["method"] not in METHODS:
            return 405, "method-not-allowed", f"{scope['method'][:20]} is not offered"
        return self._body(headers) or self._stranger(scope["method"], headers)

    def _body(self, headers: Mapping[str, str]) -> tuple[int, str, str] | None:
        if _two_lengths(headers):
            return 400, "invalid-parameter", "Content-Length and Transfer-Encoding together; send one"
        if headers.get("content-encoding", "identity") != "identity":
            return 415, "unsupported-media-type", "a compressed body is not taken; send it plain"
        if int(headers.get("content-length") or 0) > self.body_bytes:
            return 413, "too-large", f"the body is larger than {self.body_bytes} bytes"
        return None

    def _stranger(self, method: str, headers: Mapping[str, str]) -> tuple[int, str, str] | None:
        host = _host(headers.get("host", ""))
        if not self._asked_by(host, headers):
            return (
                400,
                "invalid-parameter",
                f"this twin is not asked by the name {host[:100]!r} (Host); its names are listed in TWIN_HOSTS",
            )
        origin = headers.get("origin")
        own = urlsplit(origin or "").netloc == headers.get("host")
        if origin and method not in ("GET", "HEAD") and not own and origin not in self.origins:
            return 403, "forbidden", "a page of another origin may not write here"
        return None

    def _asked_by(self, host: str, headers: Mapping[str, str]) -> bool:
        """Whether a request may name this host.

        Names are what a page elsewhere can have resolved to this machine's address (DNS rebinding), and what a
        stranger can have written into links; an address can only be asked by whoever reaches it.
        """
        if host in LOOPBACK | self.hosts:
            return True
        if self.hosts or not self.anywhere:
            return False
        return "host" not in headers or host in machine() or _is_address(host)

    def _elsewhere(self, scope: Scope) -> bool:
        """Whether a request names an address that is not the one it came to, as one behind NAT does."""
        host = _host(Headers(scope=scope).get("host", ""))
        if host in LOOPBACK | self.hosts or not _is_address(host):
            return False
        return host != (scope.get("server") or ("",))[0]


def _kept_apart(send: Send) -> Send:
    """`send` of answers that no shared cache may keep: their links may be to wherever a stranger wanted."""

    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers["cache-control"] = private(headers.get("cache-control", ""))
            headers.add_vary_header("Host")
        await send(message)

    return sent


def machine() -> frozenset[str]:
    """The names that this machine goes by, without asking anybody: its own, its first label, and that in `.local`."""
    name = socket.gethostname().lower()
    label = name.partition(".")[0]
    return frozenset({name, label, f"{label}.local"}) - {"", ".local"}


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _two_lengths(headers: Mapping[str, str]) -> bool:
    """Whether two readers could disagree where the body ends: request smuggling (RFC 9112, 6.1)."""
    return "transfer-encoding" in headers and "content-length" in headers


def _host(value: str) -> str:
    try:
        return (urlsplit(f"//{value}").hostname or "") if value.isascii() else ""
    except ValueError:  # half an IPv6 address
        return ""
