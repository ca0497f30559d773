"""Compression of answers: zstd, brotli or gzip, as the client has it; each form has an entity tag of its own."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import brotli  # type: ignore[import-untyped]
import zstandard
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.respond import accepted

LEAST = 1000
"""A shorter body is sent as it is."""
ASIDE = 1 << 16
"""A longer piece is packed outside of the event loop."""
PACKED = re.compile(r'-(?:zstd|br|gzip)"')
PLAIN = (204, 206, 304)
KINDS = re.compile(
    r"text/(?!event-stream)|application/(?:.*\+json|.*\+xml|json|javascript|xml|wasm|flatgeobuf|link-format|geo\+json-seq"
    r"|vnd\.apache\.arrow\.stream)|image/svg"
)
"""Media types that gain by it; GeoParquet is packed inside, event streams must not wait."""


class Packer(Protocol):
    """One body on its way through."""

    def feed(self, piece: bytes) -> bytes:
        """What comes out for a piece."""
        ...

    def end(self) -> bytes:
        """The rest."""
        ...


@dataclass
class Zstd:
    """RFC 8878."""

    within: zstandard.ZstdCompressionObj = field(
        default_factory=lambda: zstandard.ZstdCompressor(level=3).compressobj()
    )

    def feed(self, piece: bytes) -> bytes:
        """What comes out for a piece."""
        return self.within.compress(piece)

    def end(self) -> bytes:
        """The rest."""
        return self.within.flush()


@dataclass
class Brotli:
    """RFC 7932."""

    within: brotli.Compressor = field(default_factory=lambda: brotli.Compressor(quality=4))

    def feed(self, piece: bytes) -> bytes:
        """What comes out for a piece."""
        return bytes(self.within.process(piece))

    def end(self) -> bytes:
        """The rest."""
        return bytes(self.within.finish())


@dataclass
class Gzip:
    """RFC 1952."""

    within: "zlib._Compress" = field(default_factory=lambda: zlib.compressobj(5, wbits=31))  # noqa: UP037

    def feed(self, piece: bytes) -> bytes:
        """What comes out for a piece."""
        return self.within.compress(piece)

    def end(self) -> bytes:
        """The rest."""
        return self.within.flush()


PACKERS: dict[str, Callable[[], Packer]] = {"zstd": Zstd, "br": Brotli, "gzip": Gzip}
"""The fastest first: it is taken where the client wants none more than another."""


@dataclass(frozen=True)
class Compress:
    """An ASGI wrapper that packs what its app answers."""

    app: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand on the request with the plain entity tags, the answer packed."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        way = chosen(headers.get("accept-encoding", ""))
        held = headers.get("if-none-match", "")
        answer = Answer(send=send, way=way, held=f'-{way}"' in held)
        await self.app(_plain(scope) if PACKED.search(held) else scope, receive, answer)


def chosen(header: str) -> str | None:
    """The encoding that an Accept-Encoding header wants most; None is none (RFC 9110, 12.5.3)."""
    if not header:
        return None
    wanted = accepted(header)
    for value in wanted:
        if value in ("identity", "*"):
            return None if value == "identity" else next(iter(PACKERS))
        if value in PACKERS:
            rank = _ranks(header)
            best = [name for name in PACKERS if rank.get(name, 0) == rank[value]]
            return best[0]
    return None


def _ranks(header: str) -> dict[str, float]:
    found = {}
    for part in header.lower().split(","):
        name, _, weight = part.partition(";")
        text = weight.strip().removeprefix("q=")
        found[name.strip()] = float(text) if re.fullmatch(r"[01](\.\d{0,3})?", text) else 1.0
    return found


def _plain(scope: Scope) -> Scope:
    """The request with entity tags as the app knows them."""
    changed = [
        (
            name,
            PACKED.sub('"', value.decode("latin-1")).encode("latin-1") if name == b"if-none-match" else value,
        )
        for name, value in scope["headers"]
    ]
    return {**scope, "headers": changed}


@dataclass
class Answer:
    """One answer: its head waits for the first piece of its body, which decides."""

    send: Send
    way: str | None
    held: bool
    """Whether the client has the packed form."""
    start: Message | None = None
    packer: Packer | None = None

    async def __call__(self, message: Message) -> None:
        """Take a message of the app."""
        if message["type"] == "http.response.start":
            self.start = message
        elif message["type"] == "http.response.body":
            await self._body(message)
        else:
            await self.send(message)

    async def _body(self, message: Message) -> None:
        piece, more = message.get("body", b""), message.get("more_body", False)
        if self.start is not None:
            start, self.start = self.start, None
            if self._packs(start, piece, more=more):
                self.packer = PACKERS[self.way or "gzip"]()
            await self.send(start)
        if self.packer is None:
            await self.send(message)
            return
        packed = await _fed(self.packer, piece)
        packed += b"" if more else self.packer.end()
        if packed or not more:
            await self.send({**message, "body": packed})

    def _packs(self, start: Message, piece: bytes, *, more: bool) -> bool:
        """Whether this body is packed; its head says so, and that it depends on the request."""
        headers = MutableHeaders(raw=start["headers"])
        start["headers"] = headers.raw
        if start["status"] == 304 and self.held:
            _tagged(headers, self.way or "")
        if (
            start["status"] in PLAIN
            or "content-encoding" in headers
            or not KINDS.match(headers.get("content-type", ""))
        ):
            return False
        headers.add_vary_header("Accept-Encoding")
        if self.way is None or not (more or len(piece) >= LEAST):
            return False
        headers["Content-Encoding"] = self.way
        del headers["Content-Length"]
        _tagged(headers, self.way)
        return True


def _tagged(headers: MutableHeaders, way: str) -> None:
    """Another form of the same has another strong entity tag; a weak one is of both (RFC 9110, 8.8.3)."""
    tag = headers.get("etag")
    if tag and not tag.startswith("W/"):
        headers["ETag"] = f'{tag[:-1]}-{way}"'


async def _fed(packer: Packer, piece: bytes) -> bytes:
    return await run_in_threadpool(packer.feed, piece) if len(piece) > ASIDE else packer.feed(piece)
