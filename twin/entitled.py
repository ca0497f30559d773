"""What may be written under a policy: rows that a write grant admits, before and after, in columns that are its own.

A statement about a period speaks of the columns that are its writer's, and of no others: it is cut at the
bounds of the versions that it covers, and each part keeps what its version says and the writer may not
change. A row beyond one's right to write is as one that is not there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import pyarrow as pa
import shapely

from twin.cql2 import checked, holds
from twin.errors import FeatureNotFound, Forbidden, InvalidBody, InvalidGeometry
from twin.history import Statement, stated
from twin.model import OPEN, Delivery, Query
from twin.policy import Grant, Policy
from twin.queryables import GEOMETRY, queryables
from twin.seen import OPEN_POLICY, look, moment
from twin.shown import Shown, shown
from twin.store import Store
from twin.table import ARROW_TYPES, BODY, is_attribute

Row = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class _Version:
    """What is believed of an id in a period: as it is stored, and as the writer sees it."""

    stored: Row
    seen: Row | None

    @property
    def coarse(self) -> bool:
        """Whether the writer is given another geometry than the stored one."""
        return self.seen is not None and self.seen[GEOMETRY] != self.stored[GEOMETRY]

    def at(self, moment: datetime) -> bool:
        """Whether it holds at a moment of valid time."""
        return bool(self.stored["valid_from"] <= moment < self.stored["valid_to"])


def entitled(
    store: Store, policy: Policy, layer: str, rows: pa.Table, delivery: Delivery
) -> tuple[pa.Table, Delivery]:
    """Rows as they may be written, with the stored values of what the policy keeps from the writer, and their delivery.

    A row that covers several versions is several rows where something of these is not the writer's to change.
    The delivery holds only while what the right was judged by is still believed.

    Raises:
        LayerNotFound: the layer is hidden. Forbidden: the principal writes nothing there.
        FeatureNotFound: a row is, or would be, beyond what may be written, or takes the place of a version that is.
        InvalidBody, InvalidGeometry: a value is changed that may not be.
    """
    if not policy.ruled:
        return rows, delivery
    mine, now = _writes(store, policy, layer), moment(store)
    ids = tuple(rows["id"].to_pylist())
    believed = _believed(store, layer, ids, policy)
    kept = [
        part for new in rows.to_pylist() for part in _written(new, believed.get(new["id"], []), mine, now)
    ]
    table = _table(rows, kept, look(store, layer, OPEN_POLICY))
    return table, replace(delivery, periods=True, judged=_judged(ids, believed))


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


def endable(store: Store, policy: Policy, layer: str, ids: Sequence[str], delivery: Delivery) -> Delivery:
    """The delivery that ends rows now, with all that is announced of them. Raises as `removable`."""
    if not policy.ruled:
        return delivery
    removable(store, policy, layer, ids)
    mine, now = _writes(store, policy, layer), moment(store)
    believed = _believed(store, layer, tuple(ids), policy)
    for known in believed.values():
        _free(known, now, OPEN, mine)
    return replace(delivery, judged=_judged(ids, believed))


def _judged(ids: Sequence[str], believed: Mapping[str, list[_Version]]) -> dict[str, int]:
    return {i: max((v.stored["version"] for v in believed.get(i, [])), default=0) for i in ids}


def _believed(store: Store, layer: str, ids: tuple[str, ...], policy: Policy) -> dict[str, list[_Version]]:
    """All versions of some ids that are believed now, at any valid time, by when they begin."""
    query = Query(layer=layer, policy=policy, ids=ids, every=True, bodies=True)
    seen = {_place(row): row for row in store.read(query).to_pylist()}
    found: dict[str, list[_Version]] = {}
    stored = store.read(replace(query, policy=OPEN_POLICY)).to_pylist()
    for row in sorted(stored, key=lambda r: r["valid_from"]):
        if row["recorded_to"] == OPEN:
            found.setdefault(row["id"], []).append(_Version(stored=row, seen=seen.get(_place(row))))
    return found


def _place(row: Row) -> tuple[Any, ...]:
    """What no other row version has in common with this one."""
    return row["id"], row["valid_from"], row["recorded_from"], row["recorded_to"]


def _covered(known: Sequence[_Version], start: datetime, end: datetime) -> list[_Version]:
    """Versions that say something about a period."""
    return [v for v in known if v.stored["valid_from"] < end and v.stored["valid_to"] > start]


def _free(known: Sequence[_Version], start: datetime, end: datetime, mine: Shown) -> None:
    """Nothing, when every version that a period would overwrite may be written, whether it is past or announced."""
    for version in _covered(known, start, end):
        _admitted(version.stored, mine)


def _written(new: Row, known: list[_Version], mine: Shown, now: datetime) -> Iterator[Row]:
    """A row, or its parts, as they are to be written."""
    claim = stated(new["valid_from"], new["valid_to"], at=now, until=OPEN, known=bool(known))
    _free(known, claim.start, claim.until, mine)
    base = next((v for v in known if v.at(now)), None)
    if base is not None and base.seen is None:
        raise FeatureNotFound(f"no feature {new['id'][:200]!r} in {mine.raw.id} now")
    versions = _covered(known, claim.start, claim.end)
    if base is not None:
        _admitted(base.stored, mine)
    edit = _Edit(new=new, base=base, mine=mine)
    parts = [(claim.start, claim.end, versions[0] if versions else None)]
    if any(edit.keeps(v) for v in versions):
        parts = list(_parts(claim, versions))
    for start, end, version in parts:
        row = edit.over(version or base)
        _admitted({**row, "valid_from": start, "valid_to": end}, mine)
        row["valid_from"] = new["valid_from"] if start == claim.start else start
        row["valid_to"] = new["valid_to"] if end == claim.end else end
        yield row


def _parts(
    claim: Statement, versions: list[_Version]
) -> Iterator[tuple[datetime, datetime, _Version | None]]:
    """A claim's period cut at the bounds of versions: each part with the one it lies in, None between them."""
    start = claim.start
    for version in versions:
        begins, ends = version.stored["valid_from"], min(version.stored["valid_to"], claim.end)
        if start < begins:
            yield start, begins, None
        yield max(start, begins), ends, version
        start = ends
    if start < claim.end:
        yield start, claim.end, None


@dataclass(frozen=True, kw_only=True)
class _Edit:
    """What a writer says of an id, who was given `base` as what it is now."""

    new: Row
    base: _Version | None
    mine: Shown

    def keeps(self, version: _Version) -> bool:
        """Whether something of a version stays as it is stored."""
        grants = _admitted(version.stored, self.mine)
        names = [c.name for c in self.mine.raw.columns]
        return self._geometry_of(version) or any(self._unsaid(n) or not _writable(grants, n) for n in names)

    def over(self, version: _Version | None) -> Row:
        """The row that takes a version's place, with what its writer may not change as it is stored."""
        grants = _admitted(version.stored, self.mine) if version else list(self.mine.grants)
        row = dict(self.new)
        for name in (c.name for c in self.mine.raw.columns):
            if _writable(grants, name) and not self._unsaid(name):
                continue
            given = [v.seen[name] for v in (self.base, version) if v and v.seen and name in v.seen]
            if row.get(name) is not None and row[name] not in given:
                raise InvalidBody(f"{name}: it may not be written")
            row[name] = version.stored.get(name) if version else None
        if version is not None and self._geometry_of(version):
            row[GEOMETRY] = version.stored[GEOMETRY]
            row |= {n: v for n, v in version.stored.items() if n.startswith(BODY)}
        return row

    def _unsaid(self, name: str) -> bool:
        """Whether a column that was not the writer's in what was read comes back as it was read."""
        if self.base is None or self.base.seen is None:
            return False
        said = self.new.get(name)
        if said is not None and said != self.base.seen.get(name):
            return False
        return not _writable(_admitted(self.base.stored, self.mine), name)

    def _geometry_of(self, version: _Version) -> bool:
        """Whether the geometry is a version's own. Raises InvalidGeometry where it may be no other, and is."""
        said = self.new[GEOMETRY]
        if self.base and self.base.seen and self.base.coarse and _same(said, self.base.seen[GEOMETRY]):
            return True
        if version.seen is None or not version.coarse:
            return False
        if not _same(said, version.seen[GEOMETRY]):
            raise InvalidGeometry("the geometry is given coarser than it is stored; it may not be written")
        return True


def _writable(grants: Sequence[Grant], column: str) -> bool:
    return any(g.right(column).access == "read-write" for g in grants)


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
