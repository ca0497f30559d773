"""What a store answers under a policy: the policy is the table that one sees.

A question is rewritten: rows that the policy does not admit are excluded by conditions of the store's own query, and so
is whatever of the question speaks only of what is seen as it is. The rest, which masks and geometry
transforms touch, is answered from the rows as they look. So counts, pages, sorting and filters never
meet anything hidden, on any store.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any, Final, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import shapely
from numpy.typing import NDArray

from twin.cql2 import checked, holds
from twin.cql2.literals import Shape
from twin.errors import LayerNotFound, TwinError
from twin.extents import extents, touches
from twin.model import MAIN, OPEN, Filter, Interval, Op, Property, Query, Sort, Window
from twin.policy import Policy
from twin.queryables import GEOMETRY, known
from twin.reshape import reach
from twin.shown import Shown, admitted, drawn, during, last_of_each, masked, shown
from twin.sql import page as page_start
from twin.sql import wanted
from twin.store import Store
from twin.table import BODY, PLACES, STORED_TYPES
from twin.tiling import cells, sides, widened

OPEN_POLICY: Final = Policy.open()


def look(store: Store, layer: str, policy: Policy) -> Shown:
    """A layer as a policy shows it.

    Raises:
        LayerNotFound: there is none, or it is hidden, which is the same.
    """
    try:
        found = shown(store.layer(layer, OPEN_POLICY).layer, policy)
    except LayerNotFound:
        found = None
    if found is None:
        every = [s.layer for s in store.layers(OPEN_POLICY)]
        there = ", ".join(sorted(one.id for one in every if policy.of_layer(one))) or "none yet"
        raise LayerNotFound(f"no layer {layer!r}; there are: {there}")
    return found


def read(store: Store, query: Query) -> pa.Table:
    """The rows of a query. Raises as `twin.store.Readable.read`."""
    seen = _asked(store, query)
    if seen.whole:
        return store.read(replace(query, policy=OPEN_POLICY))
    rows = _rows(store, seen, query)
    return rows.select(_output(rows, seen, query))


def count(store: Store, query: Query) -> int:
    """How many rows the query has, its limit and page left aside. Exact."""
    seen = _asked(store, query)
    if seen.whole:
        return store.count(replace(query, policy=OPEN_POLICY))
    query = replace(query, limit=None, after=None, sort=(), columns=())
    which = _active(store, seen, query)
    push, rest = _split(seen, query)
    if _answered(seen, query, rest):
        return store.count(replace(query, policy=OPEN_POLICY, filter=_narrowed(seen, which, push)))
    return int(_rows(store, seen, query).num_rows)


def page(store: Store, query: Query) -> tuple[pa.Table, int]:
    """The rows of a query, and how many it has when its limit and page are left aside."""
    seen = _asked(store, query)
    if seen.whole:
        return store.page(replace(query, policy=OPEN_POLICY))
    which = _active(store, seen, query)
    push, rest = _split(seen, query)
    if not _answered(seen, query, rest):
        return read(store, query), count(store, query)
    raw, matched = store.page(_raw(seen, query, which, rest, _narrowed(seen, which, push)))
    rows = looked(seen, which, raw)
    return rows.select(_output(rows, seen, query)), matched


def quick(store: Store, query: Query) -> bool:
    """Whether the store answers within milliseconds what a query asks of it; what is wrong with it is said later."""
    try:
        seen = _asked(store, query)
    except TwinError:
        return False
    if seen.whole:
        return store.swift(replace(query, policy=OPEN_POLICY))
    which = _active(store, seen, query)
    push, rest = _split(seen, query)
    if not _answered(seen, query, rest):
        return False
    return store.swift(_raw(seen, query, which, rest, _narrowed(seen, which, push)))


def versions(store: Store, layer: str, feature: str, policy: Policy, *, branch: str = MAIN) -> pa.Table:
    """Every row ever written for an id, as far as it may be seen."""
    seen = look(store, layer, policy)
    if seen.whole:
        return store.versions(layer, feature, OPEN_POLICY, branch=branch)
    query = Query(layer=layer, policy=policy, branch=branch, ids=(feature,), every=True, bodies=True)
    rows = read(store, query)
    return rows.sort_by([("recorded_from", "ascending"), ("valid_from", "ascending")])


def _asked(store: Store, query: Query) -> Shown:
    """The layer of a query, once it is sure that the query speaks only of what there is."""
    seen = look(store, query.layer, query.policy)
    wanted(seen.layer.columns, query)
    for sort in query.sort:
        known(sort.column, seen.types)
    if query.filter is not None:
        checked(query.filter, seen.types)
    if query.after is not None:
        page_start(query)
    return seen


def _active(store: Store, seen: Shown, query: Query) -> list[int]:
    """The grants that say something about a query's moment."""
    at = None if query.every else moment(store) if query.at is None else query.at
    return [n for n, g in enumerate(seen.grants) if during(g, at)]


def moment(store: Store) -> datetime:
    """What the store takes for now."""
    return cast("datetime", store._moment())  # type: ignore[attr-defined]  # noqa: SLF001  every store has one


def _split(seen: Shown, query: Query) -> tuple[list[Filter], list[Filter]]:
    """The parts of a filter that the store may answer, and those that must look at rows as they look."""
    if query.filter is None:
        return [], []
    both = query.filter.args if isinstance(query.filter, Op) and query.filter.op == "and" else (query.filter,)
    push = [p for p in both if seen.clear(_names(p))]
    return push, [p for p in both if not seen.clear(_names(p))]


def _names(node: Any) -> set[str]:
    if isinstance(node, Property):
        return {node.name}
    parts = node.args if isinstance(node, Op) else node if isinstance(node, tuple) else ()
    return set().union(*(_names(p) for p in parts))


def _answered(seen: Shown, query: Query, rest: list[Filter]) -> bool:
    """Whether the store can say which rows these are and in which order."""
    placed = query.bbox is not None or query.window is not None
    return (
        not rest
        # The last version that is seen is not the last there is where some are not.
        and (not isinstance(query.at, Interval) or any(c is True for c in seen.conditions))
        and not (placed and seen.reshapes)
        and seen.clear({s.column for s in query.sort})
    )


def _narrowed(seen: Shown, which: list[int], push: list[Filter]) -> Filter:
    """The store's filter: what some grant admits, and what was asked."""
    conditions = [seen.conditions[n] for n in which]
    open_ = any(c is True for c in conditions)
    kept = [c for c in conditions if c is not False]
    admits = True if open_ else False if not kept else Op(op="or", args=tuple(kept))
    parts = ([] if admits is True else [admits]) + push
    return Op(op="and", args=tuple(parts)) if parts else True


def _rows(store: Store, seen: Shown, query: Query) -> pa.Table:
    """The rows of a query as they look, with more columns than were asked for."""
    which = _active(store, seen, query)
    push, rest = _split(seen, query)
    if _answered(seen, query, rest):
        filter_ = _narrowed(seen, which, push)
        return looked(seen, which, store.read(_raw(seen, query, which, rest, filter_)))
    within = isinstance(query.at, Interval)
    raw = replace(
        query,
        bbox=None if within or seen.reshapes else query.bbox,
        window=None if within or seen.reshapes else query.window,
        every=query.every or within,
        places=query.places or query.window is not None,
        sort=(),
        after=None,
        limit=None,
    )
    filter_ = _narrowed(
        seen, which, _overlapping(query.at, query.known) if isinstance(query.at, Interval) else push
    )
    if seen.reshapes and not within:
        for boxes in _places(seen, query):
            filter_ = _near(boxes, filter_)
    needed = [*([query.filter] if within else rest), *(Property(name=s.column) for s in query.sort)]
    rows = looked(seen, which, store.read(_raw(seen, raw, which, needed, filter_, placed=True)))
    if isinstance(query.at, Interval):
        rows = rows.take(last_of_each(rows, query.at, query.known))
        return _chosen(rows, query, [*push, *rest], seen, placed=True)
    return _chosen(rows, query, rest, seen, placed=seen.reshapes)


def _overlapping(at: Interval, known: datetime | None) -> list[Filter]:
    """Versions that hold at some moment of an interval, as believed at a moment (`twin.shown.last_of_each`)."""
    moments: list[tuple[str, str, datetime | None]] = [
        ("<=", "valid_from", at.end),
        (">", "valid_to", at.start),
    ]
    if known is None:
        moments.append(("=", "recorded_to", OPEN))
    else:
        moments += [("<=", "recorded_from", known), (">", "recorded_to", known)]
    return [Op(op=op, args=(Property(name=n), moment)) for op, n, moment in moments if moment is not None]


def _places(seen: Shown, query: Query) -> Iterator[NDArray[np.float64]]:
    """(n, 4) boxes in degrees, one of which a row meets before it is reshaped if it has a question's place after."""
    margin = reach(seen.grants)
    if query.bbox is not None:
        yield widened(np.array([p.astuple() for p in query.bbox.parts()]), margin)
    if query.window is not None and np.isfinite(query.window.size_max):
        # A key is of the middle of a row's box, and the row lies within half its size of that.
        boxes = widened(cells(query.window.keys), margin)
        yield widened(boxes, *sides(boxes, query.window.size_max / 2))


def _near(boxes: NDArray[np.float64], filter_: Filter) -> Filter:
    """Beside it, only rows that meet one of (n, 4) boxes."""
    shape = Shape(wkb=shapely.to_wkb(shapely.union_all(shapely.box(*boxes.T))))
    near = Op(op="s_intersects", args=(Property(name=GEOMETRY), shape))
    return Op(op="and", args=(filter_, near)) if filter_ is not True else near


def _raw(
    seen: Shown, query: Query, which: list[int], rest: list[Any], filter_: Filter, *, placed: bool = False
) -> Query:
    """What the store is asked: with the columns that the looks of rows depend on."""
    names = {c.name for c in seen.raw.columns}
    judged = [c for n in which if len(which) > 1 for c in (seen.conditions[n],)]
    needs = set().union(*(_names(n) for n in [*rest, *judged]))
    columns = [c.name for c in wanted(seen.layer.columns, query)]
    return replace(
        query,
        policy=OPEN_POLICY,
        filter=filter_,
        columns=tuple(dict.fromkeys([*columns, *sorted(needs & names)])),
        geometry=query.geometry or placed or query.places or GEOMETRY in needs,
        bodies=query.bodies or (query.places and seen.reshapes),
        written=False,
    )


def looked(seen: Shown, which: list[int], table: pa.Table) -> pa.Table:
    """Raw rows as they look; where their boxes came along, with the boxes of what they look like."""
    if not which:
        which = list(range(len(seen.grants)))
    if seen.uniform:
        which = which[:1]
    flags = admitted(table, seen, which)
    table, moved = drawn(table, seen, which, flags)
    if "#hkey" in table.column_names and moved.any():
        table = _moved(table, moved)
    return masked(table, seen, which, flags)


def _moved(table: pa.Table, moved: NDArray[np.bool_]) -> pa.Table:
    places = extents(table[GEOMETRY].combine_chunks(), [])
    for name, type_ in PLACES.items():
        mixed = pc.if_else(
            pa.array(moved), places[name.removeprefix("#")].cast(type_), table[name].combine_chunks()
        )
        table = table.set_column(table.column_names.index(name), name, mixed)
    return table


def _chosen(table: pa.Table, query: Query, rest: list[Any], seen: Shown, *, placed: bool) -> pa.Table:
    """The rows of a question that only the looks of rows can answer, in its order."""
    if placed and query.bbox is not None and table.num_rows:
        geoms = table[GEOMETRY].combine_chunks()
        inside = np.zeros(table.num_rows, bool)
        for part in query.bbox.parts():
            inside |= touches(geoms, part)
        table = table.filter(pa.array(inside))
    if placed and query.window is not None and table.num_rows:
        table = table.filter(pa.array(_within(table, query.window)))
    if rest and table.num_rows:
        condition = checked(Op(op="and", args=tuple(rest)), seen.types)
        kept = [holds(condition, row) is True for row in _plain(table).to_pylist()]
        table = table.filter(pa.array(kept))
    rows = table.select(list(dict.fromkeys([*(s.column for s in query.sort), "id"]))).to_pylist()
    order = [n for n in _order(rows, query.sort) if query.after is None or _past(rows[n], query)]
    return table.take(pa.array(order[: query.limit], pa.int64()))


def _plain(table: pa.Table) -> pa.Table:
    return table.select([n for n in table.column_names if not n.startswith(BODY)])


def _within(table: pa.Table, window: Window) -> NDArray[np.bool_]:
    """Whether rows lie in a window by the places of what they look like."""
    keys = pc.fill_null(table["#hkey"], 0).to_numpy()
    there = table["#hkey"].is_valid().to_numpy()
    sizes = table["#size"].to_numpy().astype(np.float32)
    low, high = np.float32(window.size_min), np.float32(window.size_max)
    keyed = np.zeros(len(keys), bool)
    for a, b in window.keys:
        keyed |= (keys >= a) & (keys < b)
    return np.asarray(there & keyed & (sizes >= low) & (sizes < high))


def _order(rows: list[dict[str, Any]], sort: tuple[Sort, ...]) -> list[int]:
    """Rows by the keys of a query: missing values last in both directions, the id decides."""
    order = sorted(range(len(rows)), key=lambda n: rows[n]["id"])
    for key in reversed(sort):
        there = [n for n in order if rows[n][key.column] is not None]
        there.sort(key=lambda n: rows[n][key.column], reverse=key.descending)
        order = there + [n for n in order if rows[n][key.column] is None]
    return order


def _past(row: dict[str, Any], query: Query) -> bool:
    """Whether a row comes after a query's page."""
    for key, last in zip((*query.sort, Sort(column="id")), page_start(query), strict=True):
        value = row[key.column]
        if value == last:
            continue
        if value is None or last is None:
            return value is None
        return bool(value < last if key.descending else value > last)
    return False


def _output(table: pa.Table, seen: Shown, query: Query) -> list[str]:
    """The columns of an answer, in its order."""
    names = ["id", *([GEOMETRY] if query.geometry else [])]
    names += [n for n in table.column_names if n.startswith(BODY)] if query.bodies else []
    names += list(STORED_TYPES) + (list(PLACES) if query.places else [])
    return [*names, *(c.name for c in wanted(seen.layer.columns, query) if c.name not in names)]
