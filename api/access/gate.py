"""What stands before every route: who asks is found, every answer is written down, open streams are watched."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, unquote_plus

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api import errors
from api.access import credentials
from api.access.identity import NOBODY, Access, Caller
from twin.accounts import Scope as Purpose
from twin.audit import Action, Entry
from twin.errors import Forbidden, TwinError, Unavailable

LOOK_SECONDS: Final = 2.0
"""An open stream is looked at so often; it ends at most that long after its right has."""
SAFE: Final = ("GET", "HEAD", "OPTIONS")
UNHEARD: Final = frozenset({"/{path:path}", "/healthz", "/readyz", "/metrics"})
"""Routes that tell nothing of the city: the viewer's own files, and operation."""
EXPORTS: Final = ("text/csv", "application/vnd.", "application/flatgeobuf", "application/geo+json-seq")
"""Media types in which whole layers are taken away."""
TILE: Final = "vector-tile"
"""A tile is no export, whatever its media type begins with."""
TILES: Final = re.compile(r"/(?:tiles|ogc/tiles|ogc/collections/[^/]+/tiles)/")
"""Tiles come by the hundred; they are written down together."""
SECRETS: Final = re.compile(r"twin_\w{4,}[\w-]*|eyJ[\w-]+\.[\w.-]*", re.ASCII)
LONGEST: Final = 1000


@dataclass
class _Seen:
    """What passes on the way out."""

    status: int = 0
    bytes: int = 0
    rows: int | None = None
    export: bool = False
    stream: bool = False
    ended: bool = False
    made: str = ""
    """The id of what was posted."""


@dataclass(frozen=True)
class Gate:
    """An ASGI wrapper that gives each request its caller (`scope["state"]["caller"]`)."""

    app: ASGIApp
    access: Access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Find the caller or refuse; hand on, and write down what came of it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        caller, seen = NOBODY, _Seen()
        try:
            caller = await self._caller(scope)
            self._admit(caller, scope)
        except TwinError as error:
            answer = errors.answer(error)
            await answer(scope, receive, send)
            seen.status = answer.status_code
            self._note(scope, caller, seen, note=str(error))
            return
        scope.setdefault("state", {})["caller"] = caller
        await self._hand_on(scope, receive, send, caller, seen)

    async def _caller(self, scope: Scope) -> Caller:
        credentials.refuse_in_address(scope["query_string"])
        found = credentials.read(Headers(scope=scope))
        if found is None:
            return NOBODY
        if found.is_key:
            # A look-up of microseconds that waits for nobody (WAL): sending it to a thread would take longer.
            return self.access.identify(found, address(scope))
        return await run_in_threadpool(self.access.identify, found, address(scope))

    def _admit(self, caller: Caller, scope: Scope) -> None:
        needed = purpose(scope["method"], inside(scope))
        if needed not in caller.scopes:
            raise Forbidden(f"the key is for {', '.join(sorted(caller.scopes))}, not to {needed}")
        if needed is not Purpose.READ and self.access.journal.failing:
            raise Unavailable(
                f"nothing can be changed while it cannot be recorded: {self.access.journal.failing}"
            )

    async def _hand_on(self, scope: Scope, receive: Receive, send: Send, caller: Caller, seen: _Seen) -> None:
        over = asyncio.Event()
        watch: list[asyncio.Task[None]] = []

        async def told(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._begun(message, caller, seen)
                if seen.stream:
                    self._note(scope, caller, seen)
                    watch.append(asyncio.create_task(self._watch(scope, caller, over)))
            elif message["type"] == "http.response.body":
                seen.bytes += len(message.get("body", b""))
                seen.ended = not message.get("more_body", False)
            await send(message)

        try:
            await self.app(scope, _until(receive, over) if scope["method"] == "GET" else receive, told)
            if over.is_set() and not seen.ended:
                await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            for task in watch:
                task.cancel()
            if not seen.stream:
                self._note(scope, caller, seen)

    def _begun(self, message: Message, caller: Caller, seen: _Seen) -> None:
        headers = MutableHeaders(raw=message["headers"])
        kind = headers.get("content-type", "")
        seen.status = message["status"]
        returned = headers.get("ogc-numberreturned", "")
        seen.rows = int(returned) if returned.isdigit() else None
        seen.made = headers.get("location", "").rsplit("/", 1)[-1]
        seen.stream = kind.startswith("text/event-stream")
        seen.export = TILE not in kind and (
            kind.startswith(EXPORTS) or headers.get("content-disposition", "").startswith("attachment")
        )
        if caller.known or self.access.rules.any:
            headers.add_vary_header("Authorization, X-API-Key")
        if caller.known:
            # A cache between us and others must not hand on what one of them may see.
            headers["cache-control"] = private(headers.get("cache-control", ""))

    async def _watch(self, scope: Scope, caller: Caller, over: asyncio.Event) -> None:
        """End a stream whose caller is no longer who they were, or sees something else; they may come back."""
        policy = self.access.policy(caller)
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                stands = await run_in_threadpool(self.access.still, caller, policy)
            except TwinError:
                stands = False
            if not stands:
                self._note(scope, caller, _Seen(status=401), note="the stream was ended: rights have changed")
                over.set()
                return

    def _note(self, scope: Scope, caller: Caller, seen: _Seen, *, note: str = "") -> None:
        route = getattr(scope.get("route"), "path", None)
        denied = seen.status in (401, 403, 429)
        if route in UNHEARD and not denied:
            return
        entry = Entry(
            time=self.access.now(),
            principal=caller.principal.id,
            address=address(scope),
            action=Action.DENIED if denied else action(scope, seen),
            method=scope["method"],
            path=clean(scope),
            layer=layer(scope)[:100],
            status=seen.status,
            rows=seen.rows,
            bytes=seen.bytes,
            note=clipped(note or (f"made {seen.made}" if seen.made and seen.status == 201 else "")),
        )
        tile = TILES.match(inside(scope)) is not None and not denied
        (self.access.journal.tile if tile else self.access.journal.add)(entry)


def private(said: str) -> str:
    """A Cache-Control for one caller's own cache alone (RFC 9111, 5.2.2.7)."""
    kept = [part for part in re.split(r"\s*,\s*", said.strip()) if part not in ("", "public", "private")]
    return said if "no-store" in kept else ", ".join(["private", *kept])


def purpose(method: str, path: str) -> Purpose:
    """What a credential must be for: an analysis and a search by POST read."""
    if method in SAFE or path.startswith("/ogc/processes/") or path.endswith("/search"):
        return Purpose.READ
    return Purpose.INGEST if path.startswith("/sta/") else Purpose.WRITE


def action(scope: Scope, seen: _Seen) -> Action:
    """What a request did."""
    if purpose(scope["method"], inside(scope)) is not Purpose.READ:
        return Action.WRITE
    return Action.EXPORT if seen.export else Action.READ


def layer(scope: Scope) -> str:
    """The layer that a request is of; of the drawn map, `map`."""
    found = scope.get("path_params", {}).get("layer")
    path = inside(scope)
    return str(found or (path.split("/")[2] if path.startswith("/tiles/") else ""))


def inside(scope: Scope) -> str:
    """The path without what a proxy serves the twin under."""
    path: str = scope["path"]
    return path.removeprefix(scope.get("root_path", ""))


def address(scope: Scope) -> str:
    """The network address that asks."""
    client = scope.get("client")
    return client[0] if client else ""


def clean(scope: Scope) -> str:
    """Path and query, cut, with nothing in it that could be a secret."""
    parts = []
    for part in scope["query_string"].decode("latin-1").split("&"):
        name, equals, value = part.partition("=")
        hidden = credentials.secretive(unquote_plus(name), unquote_plus(value))
        parts.append(f"{name}={'***'}" if equals and hidden else part)
    query = "&".join(parts)
    path = quote(scope["path"], safe="/@:,;=+$!*'()~%")
    return clipped(f"{path}?{query}" if query else path)


def clipped(text: str) -> str:
    """A text for the log: no secrets, no half surrogates, not long."""
    return SECRETS.sub("***", text)[:LONGEST].encode("utf-8", "replace").decode()


def _until(receive: Receive, over: asyncio.Event) -> Callable[[], Awaitable[Message]]:
    """`receive` that tells of a disconnect as soon as `over` is set."""

    async def heard() -> Message:
        got, end = asyncio.ensure_future(receive()), asyncio.ensure_future(over.wait())
        try:
            await asyncio.wait({got, end}, return_when=asyncio.FIRST_COMPLETED)
            return {"type": "http.disconnect"} if over.is_set() else got.result()
        finally:
            got.cancel()
            end.cancel()

    return heard
