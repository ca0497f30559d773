"""Tiles in memory: what was answered last, for as long as it would be answered again; without asking the routes."""

from __future__ import annotations

import gzip
import re
import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Final

import numpy as np
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from api.access.identity import NOBODY
from api.respond import unchanged
from pipelines.tile_cache import NOTHING
from pipelines.vector_tiles import Asked
from tiles.mvt import MEDIA_TYPE as MVT
from twin.moments import from_microseconds, microseconds
from twin.spread import FOREVER

if TYPE_CHECKING:  # the server's parts hold this
    from api.state import Twin

MOST_BYTES: Final = 64 << 20
TILES: Final = re.compile(
    r"/ogc/(?:collections/(?P<layer>[^/]+)/)?tiles/[^/]+/[^/]+/[^/]+/[^/]+|/tiles/(?P<own>[^/]+)/\d+/\d+/\d+\.mvt"
)
"""The addresses of vector tiles."""
Where = tuple[str, bytes, str, str]
"""Path, query, what the client accepts, and the key of its rights."""


@dataclass(frozen=True, kw_only=True)
class Kept:
    """An answer."""

    packed: bytes
    """With gzip."""
    headers: Mapping[str, str]
    until: datetime | None
    """When a change that is already known takes effect; None: never."""

    @cached_property
    def plain(self) -> bytes:
        """Without: for those that cannot unpack it, none of which is a browser."""
        return gzip.decompress(self.packed)


class Hot:
    """Answers by their address, the least recently asked go first; safe to use from several threads."""

    def __init__(self, most: int = MOST_BYTES) -> None:
        self._most = most
        self._held = 0
        self._lock = threading.Lock()
        self._kept: OrderedDict[Where, tuple[int, Kept]] = OrderedDict()

    def get(self, where: Where, twin: Twin) -> Kept | None:
        """The answer, if nothing has been written since and nothing has taken effect."""
        with self._lock:
            found = self._kept.get(where)
            if found is None or found[0] != twin.store.last():
                return None
            if found[1].until is not None and twin.now() >= found[1].until:
                return None
            self._kept.move_to_end(where)
            return found[1]

    def put(self, where: Where, version: int, answer: Kept) -> None:
        """Remember an answer that was made when `version` was the last commit."""
        with self._lock:
            old = self._kept.pop(where, None)
            self._held += len(answer.packed) - (len(old[1].packed) if old else 0)
            self._kept[where] = version, answer
            while self._held > self._most:
                _, (_, gone) = self._kept.popitem(last=False)
                self._held -= len(gone.packed)


def lasting(twin: Twin, asked: Iterable[Asked]) -> datetime | None:
    """When the next change that is already known takes effect in one of the layers."""
    now = microseconds(twin.now())
    following = []
    for one in asked:
        instants = twin.source.forest.rows(one.layer).instants
        place = int(np.searchsorted(instants, now, side="right"))
        following += instants[place : place + 1].tolist()
    soonest = min(following, default=FOREVER)
    return None if soonest >= FOREVER else from_microseconds(soonest)


def where(scope: Scope, policy: str) -> Where:
    """What an answer depends on, apart from the twin."""
    return scope["path"], scope["query_string"], Headers(scope=scope).get("accept", ""), policy


def sent(request: Request, found: Kept) -> Response:
    """The answer: 304 where the client has it, 204 where nothing is (20-057, 7.1.6)."""
    if (same := unchanged(request, found.headers)) is not None:
        return same
    if found.packed == NOTHING:
        return Response(None, 204, found.headers)
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(found.packed, 200, {**found.headers, "Content-Encoding": "gzip"}, MVT)
    return Response(found.plain, 200, found.headers, MVT)


@dataclass(frozen=True)
class Quick:
    """An ASGI wrapper that answers what is in memory: finding a route among all takes longer than the answer."""

    app: ASGIApp
    twin: Twin

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or hand on."""
        tile = (
            TILES.fullmatch(scope["path"]) if scope["type"] == "http" and scope["method"] == "GET" else None
        )
        # Whether another process has written to a database must be asked of it, which may take its time.
        found = self._found(scope) if tile and not self.twin.settings.store else None
        if found is None or tile is None:
            await self.app(scope, receive, send)
            return
        scope["path_params"] = {"layer": tile["layer"] or tile["own"] or ""}
        await sent(Request(scope), found)(scope, receive, send)

    def _found(self, scope: Scope) -> Kept | None:
        twin = self.twin
        policy = twin.policy
        if twin.access is not None:
            policy = twin.access.policy(scope.get("state", {}).get("caller", NOBODY))
        return twin.hot.get(where(scope, policy.key), twin)
