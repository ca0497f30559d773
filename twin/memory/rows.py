"""Rows of the in-memory store, one object a version, and what is asked of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import pairwise
from operator import itemgetter
from typing import Any, Final

import numpy as np
import pyarrow as pa
import shapely

from twin import history
from twin.expected import stands
from twin.extents import box_shape, extents
from twin.history import Belief, Statement, Verdict
from twin.model import (
    OPEN,
    BBox,
    ColumnType,
    Delivery,
    Interval,
    Layer,
    Query,
    Rejected,
    Report,
    Sort,
)
from twin.policy import Policy
from twin.queryables import known
from twin.records import refused
from twin.sql import page, wanted
from twin.storable import storable
from twin.table import (
    ARROW_TYPES,
    BODY,
    PLACES,
    SIZE,
    SPREAD_TYPES,
    STORED,
    STORED_TYPES,
    TIMESTAMP,
    Batch,
    cast,
    columns_of,
    is_attribute,
)
from twin.wkb import classes

BEGINNING: Final = datetime.min.replace(tzinfo=UTC)


@dataclass(kw_only=True)
class Row:
    """One version of one row; only `recorded_to` is ever written again."""

    id: str
    geom: bytes | None
    bodies: dict[str, bytes]
    attributes: dict[str, Any]
    size: float | None
    dated: str
    source: str
    branch: str
    valid_from: datetime
    valid_to: datetime
    recorded_from: datetime
    recorded_to: datetime
    version: int
    place: dict[str, Any]
    """What `extents` says of it."""

    @property
    def geometry(self) -> tuple[bytes | None, dict[str, bytes]]:
        """What makes two states differ in geometry."""
        return self.geom, self.bodies

    @property
    def belief(self) -> Belief:
        """What the rules of time look at."""
        return Belief(
            source=self.source,
            start=self.valid_from,
            end=self.valid_to,
            geometry=self.geometry,
            attributes=self.attributes,
            stated=self.dated == history.STATED,
            tombstone=self.branch.startswith(history.removals("")),
        )

    @property
    def box(self) -> BBox | None:
        """The row's box."""
        p = self.place
        if p["minx"] is None:
            return None
        return BBox(west=p["minx"], south=p["miny"], east=p["maxx"], north=p["maxy"])

    def named(self) -> dict[str, Any]:
        """Name to value of all that filters and sorting see."""
        fixed = {n: getattr(self, n) for n in ("id", "geom", "dated", "valid_from", "valid_to", *STORED)}
        return {**self.attributes, **fixed}


@dataclass(kw_only=True)
class Held:
    """A layer and its rows."""

    layer: Layer
    bodies: list[str] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    version: int = 0
    updated: datetime = OPEN
    reports: list[Report] = field(default_factory=list)
    rejected: dict[int, list[Rejected]] = field(default_factory=dict)
    """By commit."""
    snapshots: set[tuple[str, str, datetime]] = field(default_factory=set)
    """Source, branch, date."""


@dataclass(kw_only=True)
class Arrived:
    """What a delivery brought, before any judgement."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    columns: tuple[Any, ...] = ()
    bodies: list[str] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    classes: set[str] = field(default_factory=set)
    """Of the geometries."""


def arrived(batches: Iterable[Batch]) -> Arrived:
    """Everything a delivery brings."""
    into = Arrived()
    for batch in map(storable, batches):
        table = batch.table
        into.rows += table.to_pylist()
        into.columns += columns_of(table.schema)
        into.bodies += [n for n in table.column_names if n.startswith(BODY)]
        into.rejected += batch.rejected
        into.notes += batch.notes
        into.classes |= classes(table["geom"]).keys()
    return into


def made(
    raw: dict[str, Any],
    held: Held,
    delivery: Delivery,
    claim: Statement,
    *,
    commit: int,
    recorded: datetime,
) -> Row:
    """The row version that an arriving row would be."""
    types = {c.name: c.type for c in held.layer.columns}
    values = {n: v for n, v in raw.items() if is_attribute(n) and v is not None}
    bodies = {n: v for n, v in raw.items() if n.startswith(BODY) and v is not None}
    return Row(
        id=raw["id"],
        geom=raw["geom"],
        bodies=bodies,
        attributes={n: converted(v, types[n]) for n, v in values.items()},
        size=raw.get(SIZE),
        dated=raw["dated"] or "survey",
        source=delivery.source,
        branch=delivery.branch,
        valid_from=claim.start,
        valid_to=claim.end,
        recorded_from=recorded,
        recorded_to=OPEN,
        version=commit,
        place=placed(raw["geom"], bodies, raw.get(SIZE)),
    )


def placed(geom: bytes | None, bodies: dict[str, bytes], size: float | None) -> dict[str, Any]:
    """What `extents` says of one row."""
    columns = extents(
        pa.array([geom], pa.binary()),
        [pa.array([b], pa.binary()) for b in bodies.values()],
        pa.array([size], pa.float32()),
    )
    return {name: values[0].as_py() for name, values in columns.items()}


def converted(value: Any, to: ColumnType) -> Any:
    """A value as the layer's column holds it."""
    return cast(pa.chunked_array([pa.array([value])]), to).to_pylist()[0] if value is not None else None


Begun = tuple[str | None, datetime | None]


def doubles(rows: list[dict[str, Any]], delivery: Delivery) -> set[str | None]:
    """Ids that come more often than they may."""
    times = Counter((r["id"], r["valid_from"] if delivery.periods else None) for r in rows)
    return {ident for (ident, _), n in times.items() if n > 1}


def followed(rows: list[dict[str, Any]], delivery: Delivery) -> dict[Begun, datetime]:
    """By id and beginning when the next period of the same id begins, where there is one."""
    if not delivery.periods:
        return {}
    by_id: dict[str | None, list[datetime | None]] = {}
    for raw in sorted(rows, key=lambda r: r["valid_from"] or BEGINNING):
        by_id.setdefault(raw["id"], []).append(raw["valid_from"])
    return {(i, a): b for i, starts in by_id.items() for a, b in pairwise(starts) if b is not None}


def unfit(raw: dict[str, Any], doubles: set[str | None]) -> tuple[str, str] | None:
    """Column and reason of a row that cannot be judged."""
    if raw["id"] is None:
        return "id", history.NAMELESS
    return ("id", history.DUPLICATE) if raw["id"] in doubles else None


def refusal(verdict: Verdict, claim: Statement) -> tuple[str, str] | None:
    """Column and reason of a row that was judged unfit."""
    if verdict is Verdict.TAKEN:
        return "id", history.TAKEN
    if verdict is Verdict.UNTIMELY:
        return "valid_from", history.untimely(claim.start, claim.end)
    return None


def rejected(raw: dict[str, Any], column: str, reason: str) -> Rejected:
    """An arriving row as the quarantine keeps it."""
    return refused(raw, column, reason)


def supersede(
    held: Held, old: Row, start: datetime, end: datetime, *, commit: int, recorded: datetime
) -> list[Row]:
    """Stop believing a row, and write again what it says outside of [start, end); what was written."""
    if old.version == commit:
        held.rows.remove(old)
    old.recorded_to = recorded
    again = replace(old, recorded_from=recorded, recorded_to=OPEN, version=commit)
    periods = history.remainders(old.valid_from, old.valid_to, start, end)
    rest = [replace(again, valid_from=a, valid_to=b) for a, b in periods]
    held.rows += rest
    return rest


def expect(held: Held, delivery: Delivery, recorded: datetime) -> None:
    """Nothing, when the delivery's `expected` and `judged` stand. Raises StaleVersion, DuplicateId."""
    expected, judged = delivery.expected or {}, delivery.judged or {}
    if not expected and not judged:
        return
    at = delivery.at or recorded
    rows = (r for r in held.rows if r.recorded_to == OPEN and r.branch == delivery.branch)
    mine = (r for r in rows if r.id in expected or r.id in judged)
    stands(expected, judged, ((r.id, r.version, r.valid_from <= at < r.valid_to) for r in mine))


def next_snapshot(held: Held, delivery: Delivery, at: datetime) -> datetime:
    """Until when a delivery governs."""
    later = [
        t
        for source, branch, t in held.snapshots
        if (source, branch) == (delivery.source, delivery.branch) and t > at
    ]
    return min(later, default=OPEN)


def believed(row: Row, then: datetime | None) -> bool:
    """Whether a row was believed then; None is now."""
    return row.recorded_to == OPEN if then is None else row.recorded_from <= then < row.recorded_to


def valid(rows: list[Row], at: datetime | Interval) -> list[Row]:
    """The rows valid at a moment, or the last of each id that overlaps an interval."""
    if isinstance(at, datetime):
        return [r for r in rows if r.valid_from <= at < r.valid_to]
    last: dict[str, Row] = {}
    for row in sorted(rows, key=lambda r: r.valid_from):
        if (at.end is None or row.valid_from <= at.end) and (at.start is None or row.valid_to > at.start):
            last[row.id] = row
    return list(last.values())


def inside(row: Row, query: Query) -> bool:
    """Whether a row is in the query's box and window."""
    if query.window is not None:
        key, size = row.place["hkey"], row.place["size"]
        low, high = np.float32(query.window.size_min), np.float32(query.window.size_max)
        if (
            key is None
            or not any(a <= key < b for a, b in query.window.keys)
            or not low <= np.float32(size) < high
        ):
            return False
    if query.bbox is None:
        return True
    return row.geom is not None and any(
        shapely.intersects(box_shape(part), shapely.from_wkb(row.geom)) for part in query.bbox.parts()
    )


def in_order(rows: list[Row], query: Query, types: Mapping[str, ColumnType]) -> list[Row]:
    """Rows by the query's keys; missing values last in both directions, the id decides."""
    rows = sorted(rows, key=lambda r: r.id)
    for key in reversed(query.sort):
        known(key.column, types)
        pairs = [(r.named().get(key.column), r) for r in rows]
        there = sorted(((v, r) for v, r in pairs if v is not None), key=itemgetter(0), reverse=key.descending)
        rows = [r for _, r in there] + [r for v, r in pairs if v is None]
    return rows


def past(row: Row, query: Query) -> bool:
    """Whether a row comes after the query's page."""
    if query.after is None:
        return True
    for key, last in zip((*query.sort, Sort(column="id")), page(query), strict=True):
        value = row.named().get(key.column)
        if value == last:
            continue
        if value is None or last is None:
            return value is None
        return bool(value < last if key.descending else value > last)
    return False


def as_table(held: Held, rows: list[Row], query: Query) -> pa.Table:
    """Rows as a store gives them: fixed columns, bodies, stored columns, attributes."""
    columns = {"id": pa.array([r.id for r in rows], pa.string())}
    if query.geometry:
        columns["geom"] = pa.array([r.geom for r in rows], pa.binary())
    if query.bodies:
        for name in held.bodies:
            columns[name] = pa.array([r.bodies.get(name) for r in rows], pa.binary())
    for name, arrow in STORED_TYPES.items():
        columns[name] = pa.array([getattr(r, name) for r in rows], arrow)
    if query.places:
        for name, arrow in PLACES.items():
            columns[name] = pa.array([r.place[name.removeprefix("#")] for r in rows], arrow)
    for column in wanted(held.layer.columns, query):
        values = [r.attributes.get(column.name) for r in rows]
        columns[column.name] = pa.array(values, ARROW_TYPES[column.type])
    return pa.table(columns)


def spread_table(rows: list[Row]) -> pa.Table:
    """Where and when rows are."""
    columns = {n: pa.array([r.place[n] for r in rows], t) for n, t in SPREAD_TYPES.items()}
    for name in ("valid_from", "valid_to", "recorded_from", "recorded_to"):
        columns[name] = pa.array([getattr(r, name) for r in rows], TIMESTAMP).cast(pa.int64())
    return pa.table(columns)


def archived(held: Held) -> pa.Table:
    """Every row version of a layer as a backup has it."""
    table = as_table(held, held.rows, Query(layer=held.layer.id, policy=Policy.open(), bodies=True))
    return table.append_column(SIZE, pa.array([r.size for r in held.rows], pa.float32()))


def from_archive(raw: dict[str, Any]) -> Row:
    """A row version of a backup."""
    bodies = {n: v for n, v in raw.items() if n.startswith(BODY) and v is not None}
    return Row(
        id=raw["id"],
        geom=raw["geom"],
        bodies=bodies,
        attributes={n: v for n, v in raw.items() if is_attribute(n) and v is not None},
        size=raw[SIZE],
        place=placed(raw["geom"], bodies, raw[SIZE]),
        **{n: raw[n] for n in STORED_TYPES},
    )
