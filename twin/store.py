"""What a store can do, one capability a Protocol; callers ask for the least they need.

A store keeps layers, bitemporal rows, observations and the feed. Every write is one commit with a
strictly increasing number; the catalogue, rows, quarantine, report and feed entry of a commit appear
together or not at all. The rules of time are those of `twin/history.py`; the contract suite in
`tests/contract/store` holds every implementation to them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Protocol

import pyarrow as pa

from twin.model import BBox, Change, Datastream, Delivery, Layer, LayerState, Query, Rejected, Report
from twin.policy import Policy
from twin.table import Batch


class Catalogue(Protocol):
    """The layers and what is known of them."""

    def layers(self, policy: Policy) -> tuple[LayerState, ...]:
        """Every layer that may be seen, in tree order."""
        ...

    def layer(self, layer: str, policy: Policy) -> LayerState:
        """One layer. Raises LayerNotFound."""
        ...

    def reports(self, layer: str, policy: Policy) -> tuple[Report, ...]:
        """The layer's ingest reports, newest first. Raises LayerNotFound."""
        ...

    def quarantine(
        self, layer: str, policy: Policy, *, limit: int = 1000, commit: int | None = None
    ) -> tuple[int, tuple[Rejected, ...]]:
        """How many rows the layer's last delivery of each source refused, and the first of them.

        `commit` asks for those of that delivery instead; none of the layer's refused nothing.
        """
        ...


class Readable(Protocol):
    """Rows out."""

    def read(self, query: Query) -> pa.Table:
        """The rows of a query in its order: fixed columns, STORED columns, then attributes.

        Raises LayerNotFound, UnknownProperty, InvalidFilter.
        """
        ...

    def count(self, query: Query) -> int:
        """How many rows the query has, its limit and page left aside. Exact."""
        ...

    def page(self, query: Query) -> tuple[pa.Table, int]:
        """`read` and `count` of a query as one question."""
        ...

    def swift(self, query: Query) -> bool:
        """Whether the query is answered out of memory within milliseconds, without waiting for anything."""
        ...

    def versions(self, layer: str, feature: str, policy: Policy, *, branch: str = "main") -> pa.Table:
        """Every row ever written for an id, by recorded_from then valid_from; empty table when none."""
        ...


class Writable(Protocol):
    """Rows in."""

    def write(
        self,
        layer: Layer,
        batches: Iterable[Batch],
        delivery: Delivery,
        *,
        place: Callable[[BBox], str] | None = None,
    ) -> Report:
        """Take a delivery in one commit and say what became of it.

        `layer` is created, or its new columns are added (types only widen, columns are never dropped).
        Batches are conformed (`twin/table.py`): CRS84, ids, typed columns. Rows whose id appears
        twice in one delivery are all quarantined. The iterable may be long: it is streamed.
        """
        ...

    def remove(self, layer: str, ids: Sequence[str], delivery: Delivery) -> Report:
        """End rows at the delivery's moment. Raises FeatureNotFound when none of the ids is there."""
        ...

    def describe(self, layer: Layer) -> int:
        """Create a layer without rows or change its catalogue row; the commit."""
        ...


class Feed(Protocol):
    """What changed, in order."""

    def changes(self, *, after: int = 0, limit: int = 1000, policy: Policy) -> tuple[Change, ...]:
        """Entries with a version greater than `after`, oldest first."""
        ...

    def last(self) -> int:
        """The last commit's number; 0 when nothing was ever written."""
        ...

    def listen(self, callback: Callable[[Change], None]) -> Callable[[], None]:
        """Call back after each commit, of other processes too (any thread); returns what ends it."""
        ...


class Spread(Protocol):
    """Where and when rows are, for tile trees and content versions."""

    def spread(self, layer: str, *, branch: str = "main", since: int = 0) -> pa.Table:
        """Every row version that a commit > `since` wrote or ended.

        Columns: hkey uint64, size float32 (metres), minx miny maxx maxy float64 (degrees),
        minz maxz float32, valid_from valid_to recorded_from recorded_to int64 (microseconds of Unix
        time; open ends are those of OPEN). Not a policy matter: it never leaves the server.
        """
        ...

    def keep(self, name: str, value: bytes) -> None:
        """Remember a small block by name (a frozen tile tree)."""
        ...

    def keep_first(self, name: str, value: bytes) -> bytes:
        """Remember a small block unless there is one of that name; the one that is there now."""
        ...

    def kept(self, name: str) -> bytes | None:
        """The block of that name."""
        ...


class Streams(Protocol):
    """Observations."""

    def declare(self, datastreams: pa.Table) -> pa.Table:
        """Make Datastreams that are not there yet.

        Args: columns layer, thing, name, observed_property, unit (strings). Returns the same rows with `id` (int64).
        """
        ...

    def observe(self, observations: pa.Table, *, source: str) -> Report:
        """Append observations: datastream int64, time timestamp[us, UTC], value float64 (null: missing).

        Same datastream and time again: the later one wins and counts as changed, or unchanged when equal.
        """
        ...

    def datastreams(
        self,
        *,
        layer: str | None = None,
        thing: str | None = None,
        ids: Sequence[int] | None = None,
        policy: Policy,
    ) -> tuple[Datastream, ...]:
        """Datastreams with their latest value."""
        ...

    def observations(
        self,
        datastream: int,
        *,
        start: datetime | None = None,
        end: datetime | None = None,
        limit: int | None = None,
        descending: bool = False,
        policy: Policy,
    ) -> pa.Table:
        """time, value; by time."""
        ...

    def buckets(
        self, datastream: int, *, start: datetime, end: datetime, points: int, policy: Policy
    ) -> pa.Table:
        """time (of the bucket), count, min, max, mean; empty buckets left out."""
        ...


class Archive(Protocol):
    """A way out and back in that does not depend on the store's own format."""

    def backup(self, folder: Path) -> None:
        """Write everything as GeoParquet and JSON."""
        ...

    def restore(self, folder: Path) -> None:
        """Read a backup into this empty store. Raises Conflict when it is not empty."""
        ...


class Upkeep(Protocol):
    """What a store wants done when nobody waits."""

    def tidy(self, layers: Iterable[str]) -> None:
        """Put layers that were written in order; a layer that is not there any more is passed over."""
        ...


class Store(Catalogue, Readable, Writable, Feed, Spread, Streams, Archive, Upkeep, Protocol):
    """All of it."""

    def close(self) -> None:
        """Let go of the files or connections."""
        ...
