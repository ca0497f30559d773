# ruff: noqa: ARG002  (`twin.governed` asks with an open policy; the Protocol hands one in)
"""The store in plain Python: slow, small, and what the others are checked against.

Every row version is one object in a list; every question walks the list. Nothing is indexed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any

import pyarrow as pa

from twin.cql2 import checked, holds, queryables
from twin.errors import FeatureNotFound, LayerNotFound, Repeated
from twin.extents import union
from twin.governed import governed
from twin.history import Verdict
from twin.memory import delivery as delivery_
from twin.memory import rows as rows_
from twin.memory.observed import Streams
from twin.memory.rows import Arrived, Held, Row
from twin.model import (
    MAIN,
    OPEN,
    BBox,
    Change,
    Delivery,
    Layer,
    LayerState,
    Query,
    Rejected,
    Report,
)
from twin.policy import Policy
from twin.records import merged, news
from twin.records import report as made
from twin.table import Batch


@governed
class MemoryStore(Streams):
    """A `twin.store.Store` that lives as long as the process."""

    # Catalogue

    def layers(self, policy: Policy) -> tuple[LayerState, ...]:
        """Every layer, in tree order."""
        with self._lock:
            held = sorted(self._held.values(), key=lambda h: (h.layer.order, h.layer.id))
            return tuple(self._state(h) for h in held)

    def layer(self, layer: str, policy: Policy) -> LayerState:
        """One layer."""
        with self._lock:
            return self._state(self._layer(layer))

    def reports(self, layer: str, policy: Policy) -> tuple[Report, ...]:
        """Its reports, newest first."""
        return tuple(reversed(self._layer(layer).reports))

    def quarantine(
        self, layer: str, policy: Policy, *, limit: int = 1000, commit: int | None = None
    ) -> tuple[int, tuple[Rejected, ...]]:
        """What one delivery, or the last of each source, could not bring in."""
        held = self._layer(layer)
        last = {r.source: r for r in held.reports if commit in (None, r.commit)}
        rows = [row for r in sorted(last.values(), key=lambda r: r.commit) for row in held.rejected[r.commit]]
        return sum(r.quarantined for r in last.values()), tuple(rows[:limit])

    def _layer(self, layer: str) -> Held:
        if layer not in self._held:
            there = ", ".join(sorted(self._held)) or "none yet"
            raise LayerNotFound(f"no layer {layer!r}; there are: {there}")
        return self._held[layer]

    def _state(self, held: Held) -> LayerState:
        now = self._moment()
        believed = [r for r in held.rows if r.recorded_to == OPEN and r.branch == MAIN]
        rows = [r for r in believed if r.valid_from <= now < r.valid_to]
        low = [r.place["minz"] for r in rows if r.place["minz"] is not None]
        high = [r.place["maxz"] for r in rows if r.place["maxz"] is not None]
        starts, ends = [r.valid_from for r in believed], [r.valid_to for r in believed]
        return LayerState(
            layer=held.layer,
            count=len(rows),
            bbox=union([b for r in rows if (b := r.box)]),
            z=(min(low), max(high)) if low else None,
            time=(min(starts), max(ends)) if believed else None,
            version=held.version,
            updated=held.updated,
        )

    # Readable

    def read(self, query: Query) -> pa.Table:
        """The rows of a query."""
        with self._lock:
            held = self._layer(query.layer)
            types = queryables(held.layer.columns)
            rows = rows_.in_order(self._found(held, query, types), query, types)
            rows = [r for r in rows if rows_.past(r, query)]
            return rows_.as_table(held, rows[: query.limit], query)

    def count(self, query: Query) -> int:
        """How many there are."""
        with self._lock:
            held = self._layer(query.layer)
            return len(self._found(held, query, queryables(held.layer.columns)))

    def page(self, query: Query) -> tuple[pa.Table, int]:
        """The rows of a query, and how many there are when its limit and page are left aside."""
        with self._lock:
            return self.read(query), self.count(query)

    def swift(self, query: Query) -> bool:
        """It looks at every row in turn."""
        return False

    def versions(self, layer: str, feature: str, policy: Policy, *, branch: str = MAIN) -> pa.Table:
        """Every row ever written for an id."""
        with self._lock:
            held = self._layer(layer)
            rows = [r for r in held.rows if r.id == feature and r.branch == branch]
            rows.sort(key=lambda r: (r.recorded_from, r.valid_from))
            return rows_.as_table(held, rows, Query(layer=layer, policy=policy, bodies=True))

    def _found(self, held: Held, query: Query, types: dict[str, Any]) -> list[Row]:
        condition = checked(query.filter, types) if query.filter is not None else True
        rows = [r for r in held.rows if r.branch == query.branch]
        if not query.every:
            rows = [r for r in rows if rows_.believed(r, query.known)]
            rows = rows_.valid(rows, self._moment() if query.at is None else query.at)
        rows = [r for r in rows if query.ids is None or r.id in query.ids]
        rows = [r for r in rows if rows_.inside(r, query)]
        return [r for r in rows if holds(condition, r.named()) is True]

    # Writable

    def write(
        self,
        layer: Layer,
        batches: Iterable[Batch],
        delivery: Delivery,
        *,
        place: Callable[[BBox], str] | None = None,
    ) -> Report:
        """Take a delivery."""
        arrived = rows_.arrived(batches)
        with self._lock:
            commit, recorded = self._next()
            old = self._held.get(layer.id)
            row = merged(old.layer if old else None, layer, arrived.columns, arrived.classes)
            held = old or Held(layer=row)
            told = news(old.layer if old else None, row)
            if delivery.once and (block := self._kept.get(delivery.once[0])) is not None:
                raise Repeated(delivery.once[0], block)
            rows_.expect(held, delivery, recorded)
            self._describe(held, row, arrived.bodies)
            return self._deliver(held, arrived, delivery, commit, recorded, told=told, place=place)

    def remove(self, layer: str, ids: Sequence[str], delivery: Delivery) -> Report:
        """End rows at the delivery's moment."""
        with self._lock:
            held = self._layer(layer)
            commit, recorded = self._next()
            rows_.expect(held, delivery, recorded)
            begun, tally = delivery_.begun(held, delivery, commit, recorded), delivery_.Tally()
            delivery_.end(begun, tally, ids)
            if not (gone := tally.removed):
                raise FeatureNotFound(
                    f"{layer}: none of {', '.join(list(ids)[:10])} is there at {begun.at.isoformat()}"
                )
            report = made(held.layer, delivery, commit, recorded, read=len(gone), removed=len(gone))
            self._commit(held, report, [], gone, tally.boxes, delivery.branch, told=())
            return report

    def describe(self, layer: Layer) -> int:
        """Create a layer or change its catalogue row."""
        with self._lock:
            commit, recorded = self._next()
            old = self._held.get(layer.id)
            held = old or Held(layer=layer)
            row = merged(old.layer if old else None, layer)
            told = news(old.layer if old else None, row)
            self._describe(held, row, [])
            change = Change(
                version=commit,
                at=recorded,
                layer=layer.id,
                kind="layer",
                ids=(),
                count=0,
                bbox=None,
                news=told,
            )
            self._publish(held, commit, recorded, change)
            return commit

    def _describe(self, held: Held, layer: Layer, bodies: list[str]) -> None:
        before = {c.name: c.type for c in held.layer.columns}
        for column in layer.columns:
            if before.get(column.name, column.type) != column.type:
                for row in held.rows:
                    if column.name in row.attributes:
                        row.attributes[column.name] = rows_.converted(
                            row.attributes[column.name], column.type
                        )
        held.layer = layer
        held.bodies += [b for b in bodies if b not in held.bodies]
        self._held[layer.id] = held

    def _deliver(
        self,
        held: Held,
        arrived: Arrived,
        delivery: Delivery,
        commit: int,
        recorded: datetime,
        *,
        told: tuple[str, ...],
        place: Callable[[BBox], str] | None,
    ) -> Report:
        tally = delivery_.deliver(delivery_.begun(held, delivery, commit, recorded), arrived)
        extent = union([b for b in tally.accepted if b])
        report = made(
            held.layer,
            delivery,
            commit,
            recorded,
            read=len(arrived.rows) + len(arrived.rejected),
            quarantined=len(tally.rejected),
            removed=len(tally.removed),
            extent=extent,
            place=place(extent) if place and extent else "",
            notes=tuple(dict.fromkeys((*delivery.notes, *arrived.notes))),
            **{v.value: tally.counts[v] for v in Verdict if v not in (Verdict.TAKEN, Verdict.UNTIMELY)},
        )
        if delivery.once and not tally.rejected:
            self.keep(*delivery.once)
        rejected = tally.rejected[: delivery.rejected_limit]
        ids = tally.changed | tally.removed
        self._commit(held, report, rejected, ids, tally.boxes, delivery.branch, told=told)
        return report

    def _commit(
        self,
        held: Held,
        report: Report,
        rejected: list[Rejected],
        ids: set[str],
        boxes: list[BBox | None],
        branch: str,
        *,
        told: tuple[str, ...],
    ) -> None:
        held.reports.append(report)
        held.rejected[report.commit] = rejected
        change = Change(
            version=report.commit,
            at=report.at,
            layer=held.layer.id,
            kind="layer" if told else "rows",
            ids=tuple(sorted(ids)) if len(ids) <= 1000 else None,
            count=len(ids),
            bbox=union([b for b in boxes if b]),
            branch=branch,
            news=told,
        )
        self._publish(held, report.commit, report.at, change if told or ids else None)

    # Feed

    def changes(self, *, after: int = 0, limit: int = 1000, policy: Policy) -> tuple[Change, ...]:
        """What changed after a commit."""
        with self._lock:
            return tuple(c for c in self._feed if c.version > after)[:limit]

    def last(self) -> int:
        """The last commit."""
        return self._last

    def listen(self, callback: Callable[[Change], None]) -> Callable[[], None]:
        """Hear of commits."""
        return self._listeners.add(callback)

    # Spread

    def spread(self, layer: str, *, branch: str = MAIN, since: int = 0) -> pa.Table:
        """Where and when rows are."""
        with self._lock:
            held = self._layer(layer)
            then = self._times[min(since, self._last)]
            rows = [r for r in held.rows if r.branch == branch]
            rows = [r for r in rows if r.recorded_from > then or then < r.recorded_to < OPEN]
            return rows_.spread_table(rows)

    def keep(self, name: str, value: bytes) -> None:
        """Remember a block."""
        self._kept[name] = value

    def keep_first(self, name: str, value: bytes) -> bytes:
        """Remember a block unless there is one of that name."""
        return self._kept.setdefault(name, value)

    def kept(self, name: str) -> bytes | None:
        """The block of that name."""
        return self._kept.get(name)

    def tidy(self, layers: Iterable[str]) -> None:
        """Nothing is ever out of order."""

    def close(self) -> None:
        """Nothing to let go of."""
