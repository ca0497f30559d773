"""What every part of a SQL store stands on: sessions, the catalogue in memory, the turn to write.

The catalogue is held in memory as immutable rows that a commit replaces. Writes take turns; readers see
what was committed when they began.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar

import pyarrow as pa

from twin import streams
from twin.changes import Listeners
from twin.dialects import Dialect
from twin.errors import LayerNotFound
from twin.model import Change, LayerState
from twin.relational import catalogue
from twin.relational.schema import HELD, Held, held_from, utc
from twin.relational.session import Session
from twin.relational.standing import Standings, Writer


@dataclass(frozen=True, kw_only=True)
class Done:
    """A commit as listeners and the catalogue in memory are told of it."""

    number: int
    at: datetime
    held: Held | None = None
    change: Change | None = None


class Base(ABC):
    """The common ground of a store's parts."""

    dialect: ClassVar[Dialect]

    def __init__(self, now: Callable[[], datetime], writer: Writer | None = None) -> None:
        self._now = now
        self._lock = threading.RLock()
        self._listeners = Listeners()
        self._held: dict[str, Held] = {}
        self._states: dict[str, tuple[Held, datetime, LayerState]] = {}
        self._ends: dict[str, tuple[Held, datetime]] = {}
        self._standings = Standings(self._snapshot, self.dialect, writer)
        self._last = 0
        self._last_at = datetime.min.replace(tzinfo=UTC)

    @abstractmethod
    def _session(self) -> AbstractContextManager[Session]:
        """A session that takes the time it needs."""

    @abstractmethod
    def _asked(self) -> AbstractContextManager[Session]:
        """A session for a question that somebody waits for: it is broken off at the time limit."""

    @abstractmethod
    def _transaction(self, session: Session) -> AbstractContextManager[None]:
        """All or nothing, seen as of its beginning."""

    @contextmanager
    def _snapshot(self, *, limited: bool) -> Iterator[Session]:
        """A session that sees the store as of one commit, for a question that somebody waits for or not."""
        with self._asked() if limited else self._session() as session, self._transaction(session):
            yield session

    @abstractmethod
    def _turn(self, session: Session) -> AbstractContextManager[list[Done]]:
        """The turn to write, as a transaction; what is put into the list is published once it is durable."""

    @abstractmethod
    def _fresh(self) -> None:
        """Take notice of what other processes committed."""

    def _mark(self) -> int | None:
        """A number that any commit changes, as far as this store can tell at no cost; None where it cannot."""
        return None

    def _load(self, session: Session, *, after: int = -1) -> None:
        """Read the catalogue rows that commits after this one wrote, and the last commit."""
        # The last commit first: a row that a later one writes meanwhile is read again at the next look.
        last = session.rows("SELECT version, moment FROM commits ORDER BY version DESC LIMIT 1")
        rows = session.rows(f"SELECT {HELD} FROM layers WHERE coalesce(saved, 0) > $1", [after])
        held = [held_from(row) for row in rows]
        self._held = {**self._held, **{h.layer.id: h for h in held}}
        if last:
            self._last, self._last_at = last[0][0], utc(last[0][1])

    def _layer(self, layer: str) -> Held:
        held = self._held.get(layer)
        if held is None:
            there = ", ".join(sorted(self._held)) or "none yet"
            raise LayerNotFound(f"no layer {layer!r}; there are: {there}")
        return held

    def _state(self, held: Held) -> LayerState:
        now = self._moment()
        known = self._states.get(held.layer.id)
        if known and known[0] is held and now < known[1]:
            return known[2]
        with self._asked() as session:
            state, until = catalogue.state(session, held, now)
        self._states[held.layer.id] = (held, until, state)
        return state

    def _moment(self) -> datetime:
        """Now; never before the last commit, so that what was written is seen."""
        return max(self._now(), self._last_at)

    def _next(self) -> tuple[int, datetime]:
        return self._last + 1, max(self._now(), self._last_at + streams.TICK)

    def _fetched(
        self, statement: str, params: Sequence[Any], columns: dict[str, tuple[str, pa.DataType]]
    ) -> pa.Table:
        with self._asked() as session:
            return catalogue.typed(session.arrow(statement, params), columns)

    def _publish(self, done: Done) -> None:
        """Let readers see a commit that is durable, then tell the listeners."""
        if done.held is not None:
            self._held = {**self._held, done.held.layer.id: done.held}
        self._last, self._last_at = done.number, done.at
        if done.change is not None:
            self._listeners.tell(done.change)
