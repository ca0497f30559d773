"""Limits that come before any parsing, and the names that a twin is asked by: an open one by its own machine's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

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
    """Whether it may be asked by any name (`--open`, or rules)."""
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
        if host not in LOOPBACK | self.hosts and (self.hosts or not self.anywhere):
            return (
                400,
                "invalid-parameter",
                "this twin is not asked by that name (Host); TWIN_HOSTS tells which",
            )
        origin = headers.get("origin")
        own = urlsplit(origin or "").netloc == headers.get("host")
        if origin and method not in ("GET", "HEAD") and not own and origin not in self.origins:
            return 403, "forbidden", "a page of another origin may not write here"
        return None


def _two_lengths(headers: Mapping[str, str]) -> bool:
    """Whether two readers could disagree where the body ends: request smuggling (RFC 9112, 6.1)."""
    return "transfer-encoding" in headers and "content-length" in headers


def _host(value: str) -> str:
    return (urlsplit(f"//{value}").hostname or "") if value.isascii() else ""
