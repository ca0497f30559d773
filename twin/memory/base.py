"""What the in-memory store holds, and how a commit comes into it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime

from twin import streams
from twin.changes import Listeners
from twin.memory.rows import Held
from twin.memory.streams import Observed
from twin.model import Change


class Base:
    """Layers, feed and observations; every commit has a number and a moment."""

    def __init__(self, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._now = now
        self._held: dict[str, Held] = {}
        self._feed: list[Change] = []
        self._kept: dict[str, bytes] = {}
        self._last = 0
        self._last_at = datetime.min.replace(tzinfo=UTC)
        self._times = [self._last_at]
        self._lock = threading.RLock()
        self._listeners = Listeners()
        self._observed = Observed()

    def _moment(self) -> datetime:
        return max(self._now(), self._last_at)

    def _next(self) -> tuple[int, datetime]:
        return self._last + 1, max(self._now(), self._last_at + streams.TICK)

    def _publish(self, held: Held | None, commit: int, recorded: datetime, change: Change | None) -> None:
        self._last, self._last_at = commit, recorded
        self._times.append(recorded)
        if held:
            held.updated = recorded
            held.version = commit if change else held.version
        if change:
            self._feed.append(change)
            self._listeners.tell(change)
