"""What may be written under a policy: rows that a write grant admits, before and after, in columns that are its own.

What the writer cannot see or may not change keeps its stored value. A row beyond one's right to write is
as one that is not there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import pyarrow as pa
import shapely

from twin.cql2 import checked, holds
from twin.errors import FeatureNotFound, Forbidden, InvalidBody, InvalidGeometry
from twin.history import stated
from twin.model import OPEN, Query
from twin.policy import Grant, Policy
from twin.queryables import GEOMETRY, queryables
from twin.seen import OPEN_POLICY, look, moment
from twin.shown import Shown, shown
from twin.store import Store
from twin.table import ARROW_TYPES, BODY, is_attribute

Row = dict[str, Any]


def entitled(store: Store, policy: Policy, layer: str, rows: pa.Table) -> pa.Table:
    """Rows as they may be written: with the stored values of what the policy keeps from the writer.

    Raises:
        LayerNotFound: the layer is hidden. Forbidden: the principal writes nothing there.
        FeatureNotFound: a row is, or would be, beyond what may be written, or takes the place of a version that is.
        InvalidBody, InvalidGeometry: a value is changed that may not be.
    """
    if not policy.ruled:
        return rows
    mine = _writes(store, policy, layer)
    ids = tuple(rows["id"].to_pylist())
    stored = _by_id(store.read(Query(layer=layer, policy=OPEN_POLICY, ids=ids, bodies=True)))
    visible = _by_id(store.read(Query(layer=layer, policy=policy, ids=ids, bodies=True)))
    kept = [_kept(new, stored.get(new["id"]), visible.get(new["id"]), mine) for new in rows.to_pylist()]
    now = moment(store)
    believed = _believed(store, layer, ids)
    for row in kept:
        known = believed.get(row["id"], [])
        claim = stated(row["valid_from"], row["valid_to"], at=now, until=OPEN, known=bool(known))
        _admitted({**row, "valid_from": claim.start, "valid_to": claim.end}, mine)
        _free(known, claim.start, claim.until, mine)
        if (before := stored.get(row["id"])) is not None:
            _admitted(before, mine)
    return _table(rows, kept, look(store, layer, OPEN_POLICY))


def removable(store: Store, policy: Policy, layer: str, ids: Sequence[str]) -> None:
    """Nothing, when rows may be written as they are now, or be written about as things.

    Raises:
        LayerNotFound, Forbidden, FeatureNotFound: as `entitled`.
    """
    if not policy.ruled:
        return
    mine = _writes(store, policy, layer)
    stored = _by_id(store.read(Query(layer=layer, policy=OPEN_POLICY, ids=tuple(ids))))
    for ident in ids:
        if ident not in stored:
            raise FeatureNotFound(f"no feature {ident[:200]!r} in {layer} now")
        _admitted(stored[ident], mine)


def endable(store: Store, policy: Policy, layer: str, ids: Sequence[str]) -> None:
    """Nothing, when rows may be ended now, with all that is announced of them. Raises as `removable`."""
    if not policy.ruled:
        return
    removable(store, policy, layer, ids)
    mine, now = _writes(store, policy, layer), moment(store)
    for known in _believed(store, layer, tuple(ids)).values():
        _free(known, now, OPEN, mine)


def _believed(store: Store, layer: str, ids: tuple[str, ...]) -> dict[str, list[Row]]:
    """All versions of some ids that are believed now, at any valid time."""
    rows = store.read(Query(layer=layer, policy=OPEN_POLICY, ids=ids, every=True))
    ends = rows["recorded_to"].to_pylist()
    found: dict[str, list[Row]] = {}
    for row, end in zip(rows.to_pylist(), ends, strict=True):
        if end == OPEN:
            found.setdefault(row["id"], []).append(row)
    return found


def _free(known: list[Row], start: datetime, end: datetime, mine: Shown) -> None:
    """Nothing, when every version that a period would overwrite may be written, whether it is past or announced."""
    for row in known:
        if row["valid_from"] < end and row["valid_to"] > start:
            _admitted(row, mine)


def _writes(store: Store, policy: Policy, layer: str) -> Shown:
    seen = look(store, layer, policy)
    grants = policy.writes(seen.raw)
    found = shown(seen.raw, Policy.of(grants)) if grants else None
    if found is None:
        raise Forbidden(f"your roles do not write to {layer}")
    return found


def _by_id(table: pa.Table) -> dict[str, Row]:
    return {row["id"]: row for row in table.to_pylist()}


def _admitting(row: Row, mine: Shown) -> list[Grant]:
    types = queryables(mine.raw.columns)
    every = {**dict.fromkeys(types), **row}
    pairs = zip(mine.grants, mine.conditions, strict=True)
    return [g for g, c in pairs if holds(checked(c, types), every) is True]


def _admitted(row: Row, mine: Shown) -> list[Grant]:
    found = _admitting(row, mine)
    if not found:
        raise FeatureNotFound(f"no feature {str(row['id'])[:200]!r} in {mine.raw.id} now")
    return found


def _kept(new: Row, old: Row | None, visible: Row | None, mine: Shown) -> Row:
    """A row with what its writer may not change as it is stored."""
    if old is not None and visible is None:
        raise FeatureNotFound(f"no feature {new['id'][:200]!r} in {mine.raw.id} now")
    grants = _admitted(old, mine) if old is not None else list(mine.grants)
    row = dict(new)
    for column in mine.raw.columns:
        name = column.name
        if any(g.right(name).access == "read-write" for g in grants):
            continue
        said = new.get(name)
        if said is not None and (visible is None or said != visible.get(name)):
            raise InvalidBody(f"{name}: it may not be written")
        row[name] = old.get(name) if old is not None else None
    if old is not None and visible is not None and visible[GEOMETRY] != old[GEOMETRY]:
        if not _same(new[GEOMETRY], visible[GEOMETRY]):
            raise InvalidGeometry("the geometry is given coarser than it is stored; it may not be written")
        row[GEOMETRY] = old[GEOMETRY]
        row |= {n: v for n, v in old.items() if n.startswith(BODY)}
    return row


def _same(one: bytes | None, other: bytes | None) -> bool:
    if one is None or other is None:
        return one is other
    return bool(shapely.equals_exact(shapely.from_wkb(one), shapely.from_wkb(other), 1e-9, normalize=True))


def _table(rows: pa.Table, kept: list[Row], layer: Shown) -> pa.Table:
    """The rows as a delivery has them: the columns they came with, and those that were kept."""
    names: Mapping[str, pa.DataType] = {f.name: f.type for f in rows.schema}
    types = {c.name: ARROW_TYPES[c.type] for c in layer.raw.columns}
    extra = {n for row in kept for n in row if n in types or n.startswith(BODY)}
    every = [*names, *sorted(n for n in extra if n not in names and (is_attribute(n) or n.startswith(BODY)))]
    return pa.table(
        {n: pa.array([r.get(n) for r in kept], names.get(n, types.get(n, pa.binary()))) for n in every}
    )
