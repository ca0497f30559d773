"""What is otherwise in a layer at one moment than at another: added, removed, changed, each with its place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import shapely

from tiles import rows
from twin.model import Op, Property, Query
from twin.store import Readable

SAID_ELSEWHERE = ("valid_from", "valid_to", "recorded_from", "recorded_to", "source", "dated")
"""Columns of a version, not of the thing."""
GEOMETRY = "geom"


@dataclass(frozen=True, kw_only=True)
class Difference:
    """A feature that is otherwise."""

    id: str
    kind: str
    """`added`, `removed` or `changed`."""
    title: str
    bbox: tuple[float, float, float, float] | None
    """West, south, east, north (degrees) where it is, or was last."""
    columns: dict[str, tuple[Any, Any]]
    """Of a changed one: attribute -> before and after. `geom`, with no values, stands for its shape."""


@dataclass(frozen=True, kw_only=True)
class Side:
    """A moment of valid time, as known at one (None: now)."""

    at: datetime
    known: datetime | None = None


def between(store: Readable, query: Query, before: Side, after: Side, *, label: str) -> list[Difference]:
    """Every difference of a layer from one side to the other, by id.

    Where both sides are known at one moment only rows that begin or end between the two are read: what stands through
    both has not changed, since a delivery writes differences alone. Else all rows of both sides are compared.

    Args:
        store: where to look. query: layer, policy, bbox and filter; its moments are set here.
        before, after: the sides, in either order in time.
        label: the column that names a feature.
    """
    old, new = (_read(store, query, one, other) for one, other in ((before, after), (after, before)))
    first, last = ({row["id"]: row for row in _rows(t)} for t in (old, new))
    found = []
    for feature in sorted(first.keys() | last.keys()):
        a, b = first.get(feature), last.get(feature)
        columns = _columns(a, b) if a and b else {}
        if a and b and not columns:
            continue
        row: dict[str, Any] = b or a or {}
        kind = "changed" if a and b else "added" if b else "removed"
        box = _box(row[GEOMETRY])
        title = str(row.get(label) or feature)
        found.append(Difference(id=feature, kind=kind, title=title, bbox=box, columns=columns))
    return found


def _read(store: Readable, query: Query, mine: Side, other: Side) -> pa.Table:
    """The rows of one side that may be otherwise on the other."""
    asked = replace(query, at=mine.at, known=mine.known)
    if mine.known == other.known:
        late = mine.at >= other.at
        name, op = ("valid_from", ">") if late else ("valid_to", "<=")
        begun = Op(op=op, args=(Property(name=name), other.at))
        asked = replace(
            asked, filter=begun if query.filter is None else Op(op="and", args=(query.filter, begun))
        )
    return store.read(asked)


def _rows(table: pa.Table) -> list[dict[str, Any]]:
    """Rows with id, attributes and geometry as WKB."""
    names = [n for n in rows.names(table) if n not in SAID_ELSEWHERE]
    return list(table.select(["id", *names, GEOMETRY]).to_pylist())


def _columns(a: dict[str, Any], b: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    """What differs between two versions of a feature."""
    names = [n for n in dict.fromkeys((*a, *b)) if n not in ("id", GEOMETRY)]
    found = {n: (a.get(n), b.get(n)) for n in names if a.get(n) != b.get(n)}
    return found if a[GEOMETRY] == b[GEOMETRY] else {GEOMETRY: (None, None), **found}


def _box(wkb: bytes | None) -> tuple[float, float, float, float] | None:
    if wkb is None:
        return None
    west, south, east, north = shapely.bounds(shapely.from_wkb(wkb)).tolist()
    return None if np.isnan(west) else (west, south, east, north)


def counts(found: Sequence[Difference]) -> dict[str, int]:
    """How many of each kind."""
    said = pc.value_counts(pa.array([d.kind for d in found], pa.string())).to_pylist()
    return {"added": 0, "removed": 0, "changed": 0, **{v["values"]: v["counts"] for v in said}}
