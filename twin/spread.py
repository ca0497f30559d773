"""Where and when a layer's row versions are, in memory: columns that grow with each commit.

A store's `spread()` is read once and then only for what later commits wrote or ended, so that a million
rows cost about a second at first and an edit some milliseconds. Rows only ever get appended; the one
thing that changes in an old row is `recorded_to`, which each snapshot therefore holds by itself.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from twin.model import OPEN
from twin.moments import microseconds

Columns = dict[str, NDArray[Any]]
"""Columns of one length, by `DTYPES`."""
FOREVER: Final = microseconds(OPEN)
"""The open end of a period, microseconds of Unix time."""
DTYPES: Final = {
    "hkey": np.uint64,
    "size": np.float32,
    "minx": np.float64,
    "miny": np.float64,
    "maxx": np.float64,
    "maxy": np.float64,
    "minz": np.float32,
    "maxz": np.float32,
    "valid_from": np.int64,
    "valid_to": np.int64,
    "recorded_from": np.int64,
    "recorded_to": np.int64,
}
SAME: Final = tuple(name for name in DTYPES if name not in ("recorded_to", "hkey"))
"""What tells a row version from its neighbours at the same key; a row that has ended keeps all of it."""
LOOSE: Final = 0.05
"""When more than this share of the rows came after the last sorting, all are sorted again."""


class Source(Protocol):
    """What is needed of a store."""

    def spread(self, layer: str, *, branch: str = "main", since: int = 0) -> pa.Table:
        """See `twin.store.Spread`."""
        ...

    def last(self) -> int:
        """See `twin.store.Feed`."""
        ...


@dataclass(frozen=True, kw_only=True, eq=False)
class Snapshot:
    """A layer's row versions as of a commit: the first `ordered` by Hilbert key, the rest as they came."""

    version: int
    epoch: int
    """Counts the sortings: snapshots of one epoch are each a beginning of the next."""
    ordered: int
    columns: Columns
    instants: NDArray[np.int64]
    """Every beginning and end of a valid period, sorted, once."""
    records: NDArray[np.int64]
    """Every beginning and end of a recorded period, sorted, once."""

    def __len__(self) -> int:
        return len(self.columns["hkey"])

    def snap(self, at: int, known: int) -> tuple[int, int]:
        """The last valid boundary at or before `at` and the last recorded one at or before `known`.

        Between two neighbouring boundaries nothing changes, so both pairs see the same rows.
        """
        return before(self.instants, at), before(self.records, known)

    def within(self, start: int, end: int) -> NDArray[np.int64]:
        """The rows whose keys lie in a half-open range."""
        keys = self.columns["hkey"]
        first, last = np.searchsorted(keys[: self.ordered], np.array([start, end], np.uint64))
        tail = keys[self.ordered :]
        late = self.ordered + np.flatnonzero((tail >= np.uint64(start)) & (tail < np.uint64(end)))
        return np.concatenate([np.arange(first, last), late])


NEVER: Final = int(np.iinfo(np.int64).min)
"""The stamp of what has no boundary up to then."""


def before(values: NDArray[np.int64], moment: int) -> int:
    """The last of sorted values at or before a moment, NEVER when there is none."""
    place = int(np.searchsorted(values, moment, side="right"))
    return int(values[place - 1]) if place else NEVER


class Spread:
    """The row versions of one layer, kept up with the store."""

    def __init__(self, store: Source, layer: str) -> None:
        self._store, self._layer = store, layer
        self._lock = threading.Lock()
        self._columns: dict[str, _Growing] = {}
        self._snapshot: Snapshot | None = None

    def snapshot(self) -> Snapshot:
        """The layer as of the store's last commit."""
        with self._lock:
            if self._snapshot is None:
                self._snapshot = self._first()
            elif self._store.last() != self._snapshot.version:
                self._snapshot = self._next(self._snapshot)
            return self._snapshot

    def _first(self) -> Snapshot:
        version, news = self._read(0)
        return self._sorted(version, news, 0)

    def _next(self, old: Snapshot) -> Snapshot:
        version, news = self._read(old.version)
        count = len(news["hkey"])
        if not count:
            return _at(old, version)
        if len(old) + count - old.ordered > max(LOOSE * old.ordered, 1000):
            ended, fresh = _apply(old, news)
            together = {
                n: np.concatenate([ended if n == "recorded_to" else old.columns[n], fresh[n]]) for n in DTYPES
            }
            return self._sorted(version, together, old.epoch + 1)
        ended, fresh = _apply(old, news)
        return self._grown(version, old, ended, fresh, news)

    def _read(self, since: int) -> tuple[int, Columns]:
        """What commits after `since` wrote or ended, and the number of the last one."""
        while True:
            version = self._store.last()
            table = self._store.spread(self._layer, since=since)
            # A commit in between may be half of what was read: read again.
            if self._store.last() == version:
                return version, {n: np.asarray(table[n], dtype) for n, dtype in DTYPES.items()}

    def _sorted(self, version: int, rows: Columns, epoch: int) -> Snapshot:
        order = np.argsort(rows["hkey"], kind="stable")
        columns = {n: values[order] for n, values in rows.items()}
        self._columns = {n: _Growing(values) for n, values in columns.items() if n != "recorded_to"}
        return Snapshot(
            version=version,
            epoch=epoch,
            ordered=len(order),
            columns=columns,
            instants=_ends(columns, "valid"),
            records=_ends(columns, "recorded"),
        )

    def _grown(
        self,
        version: int,
        old: Snapshot,
        ended: NDArray[np.int64],
        fresh: Columns,
        news: Columns,
    ) -> Snapshot:
        columns = {n: column.extended(fresh[n]) for n, column in self._columns.items()}
        columns["recorded_to"] = np.concatenate([ended, fresh["recorded_to"]])
        return Snapshot(
            version=version,
            epoch=old.epoch,
            ordered=old.ordered,
            columns=columns,
            instants=np.union1d(old.instants, _ends(news, "valid")).astype(np.int64),
            records=np.union1d(old.records, _ends(news, "recorded")).astype(np.int64),
        )


def _ends(columns: Columns, clock: str) -> NDArray[np.int64]:
    """Every beginning and end of a period, sorted, once."""
    return np.unique(np.concatenate([columns[f"{clock}_from"], columns[f"{clock}_to"]])).astype(np.int64)


def _at(old: Snapshot, version: int) -> Snapshot:
    """The same rows after a commit that left them alone."""
    return Snapshot(
        version=version,
        epoch=old.epoch,
        ordered=old.ordered,
        columns=old.columns,
        instants=old.instants,
        records=old.records,
    )


def _apply(old: Snapshot, news: Columns) -> tuple[NDArray[np.int64], Columns]:
    """`recorded_to` of the old rows with what has ended, and the rows that are new."""
    ended = old.columns["recorded_to"].astype(np.int64)
    closed = np.flatnonzero(news["recorded_to"] < FOREVER)
    fresh = np.ones(len(news["hkey"]), bool)
    for row, match in _matches(old, news, closed):
        # Two rows alike in all of this are one to us; each end closes one of them.
        still = match[ended[match] == FOREVER]
        if len(still):
            ended[still[0]] = news["recorded_to"][row]
            fresh[row] = False
    return ended, {n: values[fresh] for n, values in news.items()}


def _matches(old: Snapshot, news: Columns, closed: NDArray[np.int64]) -> list[tuple[int, NDArray[np.int64]]]:
    """For each closed row the old rows that are equal to it apart from their end."""
    keys = old.columns["hkey"][: old.ordered]
    left = np.searchsorted(keys, news["hkey"][closed])
    right = np.searchsorted(keys, news["hkey"][closed], side="right")
    tail = old.columns["hkey"][old.ordered :]
    found = []
    for row, a, b in zip(closed.tolist(), left.tolist(), right.tolist(), strict=True):
        near = np.concatenate([np.arange(a, b), old.ordered + np.flatnonzero(tail == news["hkey"][row])])
        equal = np.ones(len(near), bool)
        for name in SAME:
            one, many = news[name][row], old.columns[name][near]
            equal &= (many == one) | ((many != many) & (one != one))  # noqa: PLR0124  NaN equals NaN here
        found.append((row, near[equal]))
    return found


class _Growing:
    """An array with room at its end; views of its beginning stay as they were."""

    def __init__(self, values: NDArray[np.generic]) -> None:
        self._room = values
        self._count = len(values)

    def extended(self, more: NDArray[np.generic]) -> NDArray[np.generic]:
        """The values so far and these."""
        count = self._count + len(more)
        if count > len(self._room):
            room = np.empty(count + count // 16 + 64, self._room.dtype)
            room[: self._count] = self._room[: self._count]
            self._room = room
        self._room[self._count : count] = more
        self._count = count
        return self._room[:count]
