"""Tiles in memory: what was answered last, for as long as it would be answered again."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

import numpy as np

from pipelines.vector_tiles import Asked
from twin.moments import from_microseconds, microseconds
from twin.spread import FOREVER

if TYPE_CHECKING:  # the server's parts hold this
    from api.state import Twin

MOST_BYTES: Final = 64 << 20


@dataclass(frozen=True, kw_only=True)
class Kept:
    """An answer."""

    packed: bytes
    """With gzip."""
    headers: Mapping[str, str]
    until: datetime | None
    """When a change that is already known takes effect; None: never."""


class Hot:
    """Answers by their address, the least recently asked go first; safe to use from several threads."""

    def __init__(self, most: int = MOST_BYTES) -> None:
        self._most = most
        self._held = 0
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[str, ...], tuple[int, Kept]] = OrderedDict()

    def get(self, where: tuple[str, ...], twin: Twin) -> Kept | None:
        """The answer, if nothing has been written since and nothing has taken effect."""
        with self._lock:
            found = self._kept.get(where)
            if found is None or found[0] != twin.store.last():
                return None
            if found[1].until is not None and twin.now() >= found[1].until:
                return None
            self._kept.move_to_end(where)
            return found[1]

    def put(self, where: tuple[str, ...], version: int, answer: Kept) -> None:
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
