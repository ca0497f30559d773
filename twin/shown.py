"""A layer as a policy shows it: which rows its grants admit, and what each row looks like.

Where several grants admit a row, a column is clear if one of them shows it, and the geometry is that of
the finest; among equally fine ones a whole geometry goes before a cut one, then the order of the rules.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from twin.cql2 import checked, holds
from twin.cql2.literals import Shape
from twin.errors import Invalid
from twin.model import OPEN, Column, ColumnType, Interval, Layer, Op, Property
from twin.policy import Grant, Policy, Right
from twin.queryables import GEOMETRY, STANDARD, queryables
from twin.reshape import reshaped
from twin.table import ARROW_TYPES, BODY

Flags = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A layer under the grants that a policy gives to it."""

    raw: Layer
    layer: Layer
    """With the columns that exist for who asks."""
    grants: tuple[Grant, ...]
    conditions: tuple[Any, ...]
    """What each grant admits, as a filter."""

    @property
    def whole(self) -> bool:
        """Whether the layer is seen as it is."""
        return any(g.whole for g in self.grants)

    @property
    def types(self) -> dict[str, ColumnType]:
        """Name to type of what can be filtered and sorted by."""
        return queryables(self.layer.columns)

    @property
    def reshapes(self) -> bool:
        """Whether some rows may have another geometry than their own."""
        return any(g.reshapes for g in self.grants)

    def clear(self, names: set[str]) -> bool:
        """Whether properties are what they are in every row that is seen."""
        return all(self._clear(n) for n in names)

    def _clear(self, name: str) -> bool:
        if name == GEOMETRY:
            return not self.reshapes
        return name in STANDARD or all(_open(g.right(name)) for g in self.grants)

    @property
    def uniform(self) -> bool:
        """Whether every grant shows a row in the same way, so that it does not matter which admits it."""
        return len({_look(g, self.layer.columns) for g in self.grants}) < 2


def shown(layer: Layer, policy: Policy) -> Shown | None:
    """A layer under a policy; None where it is hidden."""
    grants = policy.of_layer(layer)
    if not grants:
        return None
    if grants[0].whole:
        return Shown(raw=layer, layer=layer, grants=grants, conditions=(True,))
    columns = tuple(c for c in layer.columns if any(g.right(c.name).access != "hidden" for g in grants))
    types = queryables(layer.columns)
    return Shown(
        raw=layer,
        layer=replace(layer, columns=columns, extra={}),
        grants=grants,
        conditions=tuple(_condition(g, types) for g in grants),
    )


def _open(right: Right) -> bool:
    return right.access in ("read-only", "read-write")


def _look(grant: Grant, columns: tuple[Column, ...]) -> tuple[Any, ...]:
    """What tells the looks of rows under two grants apart."""
    rights = tuple(
        ("clear",) if _open(r) else (r.access, r.mask) for r in (grant.right(c.name) for c in columns)
    )
    clip = grant.area.geometry if grant.area is not None and grant.area.clip else b""
    return rights, clip, grant.grid, grant.generalise


def _condition(grant: Grant, types: Mapping[str, ColumnType]) -> Any:
    """What a grant admits; nothing where the layer lacks a property that the rule speaks of."""
    parts: list[Any] = []
    if grant.rows is not None:
        parts.append(grant.rows)
    if grant.area is not None:
        place = (Property(name=GEOMETRY), Shape(wkb=grant.area.geometry))
        parts.append(Op(op="s_intersects", args=place))
        if grant.area.clip:
            parts.append(Op(op="not", args=(Op(op="s_touches", args=place),)))
    if grant.time is not None:
        parts += _overlapping(grant.time)
    condition = Op(op="and", args=tuple(parts)) if parts else True
    try:
        checked(condition, types)
    except Invalid:
        return False
    return condition


def _overlapping(time: Interval) -> list[Op]:
    """Versions that are valid at some moment of an interval."""
    parts = []
    if time.end is not None:
        parts.append(Op(op="<=", args=(Property(name="valid_from"), time.end)))
    if time.start is not None:
        parts.append(Op(op=">", args=(Property(name="valid_to"), time.start)))
    return parts


def during(grant: Grant, at: datetime | Interval | None) -> bool:
    """Whether a grant holds for questions about a moment or an interval; None is all of time."""
    if grant.time is None or at is None:
        return True
    start, end = grant.time.start, grant.time.end
    if isinstance(at, datetime):
        return (start is None or start <= at) and (end is None or at <= end)
    late = start is not None and at.end is not None and at.end < start
    early = end is not None and at.start is not None and at.start > end
    return not (late or early)


def admitted(table: pa.Table, seen: Shown, which: Sequence[int]) -> Flags:
    """(grants, n) bool: which of some grants admit which rows, of which each is admitted by one at least."""
    if len(which) == 1:
        return np.ones((1, table.num_rows), bool)
    types = queryables(seen.raw.columns)
    conditions = [checked(seen.conditions[n], types) for n in which]
    rows = table.select([n for n in table.column_names if not n.startswith(BODY)]).to_pylist()
    flags = [[holds(c, row) is True for row in rows] for c in conditions]
    return np.array(flags, bool).reshape(len(which), table.num_rows)


def masked(table: pa.Table, seen: Shown, which: Sequence[int], flags: Flags) -> pa.Table:
    """A table with the columns that exist, and in them what may be seen."""
    grants = [seen.grants[n] for n in which]
    exposed = {c.name: c for c in seen.layer.columns}
    for column in seen.raw.columns:
        if column.name not in table.column_names:
            continue
        place = table.column_names.index(column.name)
        if column.name not in exposed:
            table = table.remove_column(place)
        elif not all(_open(g.right(column.name)) for g in grants):
            values = _veiled(table[column.name], column, grants, flags)
            table = table.set_column(place, column.name, values)
    return table


def _veiled(values: pa.ChunkedArray, column: Column, grants: list[Grant], flags: Flags) -> pa.ChunkedArray:
    rights = [g.right(column.name) for g in grants]
    clear = np.zeros(flags.shape[1], bool)
    said = pa.chunked_array([pa.nulls(len(values), values.type)])
    for right, flag in reversed(list(zip(rights, flags, strict=True))):
        if _open(right):
            clear |= flag
        elif right.access == "masked":
            said = pc.if_else(pa.array(flag), mask(right.mask, column.type), said)
    return pc.if_else(pa.array(clear), values, said)


def mask(value: Any, type_: ColumnType) -> pa.Scalar:
    """What a masked column says, null where the mask is none of its values."""
    fits = {"string": (str,), "json": (str,), "integer": (int,), "number": (int, float), "boolean": (bool,)}
    ok = isinstance(value, fits.get(type_, ())) and (isinstance(value, bool) == (type_ == "boolean"))
    return pa.scalar(value if ok else None, ARROW_TYPES[type_])


def drawn(table: pa.Table, seen: Shown, which: Sequence[int], flags: Flags) -> tuple[pa.Table, Flags]:
    """A table with the geometry that may be seen, and which of its rows were reshaped.

    Bodies have no coarser form: a reshaped row has none.
    """
    grants = [seen.grants[n] for n in which]
    order = sorted(range(len(grants)), key=lambda n: (grants[n].coarseness, _clips(grants[n]), n))
    left, touched = np.ones(table.num_rows, bool), np.zeros(table.num_rows, bool)
    geoms = table[GEOMETRY].to_numpy() if GEOMETRY in table.column_names else None
    for n in order:
        mine = left & flags[n]
        left &= ~flags[n]
        if grants[n].reshapes and mine.any():
            touched |= mine
            if geoms is not None:
                geoms = geoms.copy()
                geoms[mine] = reshaped(geoms[mine], grants[n])
    if geoms is not None and touched.any():
        table = table.set_column(
            table.column_names.index(GEOMETRY), GEOMETRY, pa.array(geoms, table[GEOMETRY].type)
        )
    for name in (n for n in table.column_names if n.startswith(BODY) and touched.any()):
        bare = pc.if_else(pa.array(touched), pa.scalar(None, table[name].type), table[name])
        table = table.set_column(table.column_names.index(name), name, bare)
    return table, touched


def _clips(grant: Grant) -> bool:
    return grant.area is not None and grant.area.clip


def last_of_each(table: pa.Table, at: Interval, known: datetime | None) -> NDArray[np.int64]:
    """The rows that are the last of their id within an interval, as believed at a moment."""
    ids, starts, ends = (table[n].to_pylist() for n in ("id", "valid_from", "valid_to"))
    begun, closed = (table[n].to_pylist() for n in ("recorded_from", "recorded_to"))
    last: dict[str, int] = {}
    for n, ident in enumerate(ids):
        believed = closed[n] == OPEN if known is None else begun[n] <= known < closed[n]
        after = at.end is not None and starts[n] > at.end
        before = at.start is not None and ends[n] <= at.start
        if believed and not after and not before and (ident not in last or starts[n] > starts[last[ident]]):
            last[ident] = n
    return np.array(sorted(last.values()), np.int64)
