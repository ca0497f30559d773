"""A query as SQL and its parameters: one compiler, a small table of what dialects differ in.

Tables are known by number and columns by position (`a0`, `a1` …), so that no source's name is ever an
identifier. `live` holds what is believed and has no end, `hist` everything else; both are asked, unless it is
known that `hist` has nothing for the moment (its name is empty then).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from twin.cql2 import checked, condition
from twin.dialects import Dialect, Params, Tables
from twin.errors import InvalidParameter, UnknownProperty
from twin.model import OPEN, BBox, Column, Interval, Query, Sort, Window
from twin.queryables import STANDARD, known

FEW: Final = 200
"""Up to so many ids are looked up one by one."""
PERIODS: Final = ("valid_from", "valid_to", "recorded_from", "recorded_to", "branch")


def wanted(columns: Iterable[Column], query: Query) -> list[Column]:
    """The attribute columns that a query gives back, in its order.

    Raises:
        UnknownProperty: it names one that the layer does not have.
    """
    there = {c.name: c for c in columns}
    if query.columns is None:
        return list(there.values())
    names = [n for n in dict.fromkeys(query.columns) if n not in STANDARD or n in there]
    if missing := [n for n in names if n not in there]:
        raise UnknownProperty(f"no column {', '.join(missing)}; there are {', '.join(there) or 'none'}")
    return [there[n] for n in names]


def page(query: Query) -> tuple[Any, ...]:
    """The sort values and id that a page starts after.

    Raises:
        InvalidParameter: it has not one value a sort key and the id.
    """
    after = query.after or ()
    if len(after) != len(query.sort) + 1:
        raise InvalidParameter(f"a page after {len(query.sort)} sort keys needs their values and the id")
    return after


def rows(
    query: Query, tables: Tables, now: datetime, dialect: Dialect, output: Sequence[str]
) -> tuple[str, list[Any]]:
    """The statement that gives a query's rows.

    Args:
        query: what is asked.
        tables: where it is.
        now: what `at=None` means.
        dialect: how the database says it.
        output: stored columns to give, in this order.
    """
    for sort in query.sort:
        known(sort.column, tables.types())
    params = Params(dialect)
    keys = [(tables.physical(s.column), s.descending) for s in query.sort]
    names = list(dict.fromkeys([*output, "id", *(k for k, _ in keys)]))
    head, query, tables = _by_id(query, tables, params, names)
    order = ", ".join(_key(k, descending=d) for k, d in [*keys, ("id", False)])
    given = _given(output, dialect)
    if query.limit is None or head or isinstance(query.at, Interval):
        inner = _both(query, tables, now, params, ", ".join(names), paged=True)
        limit = "" if query.limit is None else f" LIMIT {int(query.limit)}"
        return f"{head}SELECT {given} FROM ({inner}) AS q ORDER BY {order}{limit}", params.values
    picked = _picked(query, tables, now, params, names=["id", *(k for k, _ in keys)], order=order)
    both = " UNION ALL ".join(
        f"SELECT {', '.join(names)} FROM {table} WHERE {dialect.rowid} IN (SELECT r FROM picked WHERE {which})"
        for table, which in ((tables.live, "l"), (tables.hist, "NOT l"))
        if table
    )
    return f"WITH {picked} SELECT {given} FROM ({both}) AS q ORDER BY {order}", params.values


def named(query: Query) -> bool:
    """Whether a query asks for a few ids, and for nothing more of them than that they are there."""
    plain = query.filter is None and query.bbox is None and query.window is None and query.after is None
    few = query.ids is not None and 0 < len(query.ids) <= FEW
    return few and plain and query.limit is None and not query.sort


def by_ids(query: Query, tables: Tables, dialect: Dialect, output: Sequence[str]) -> tuple[str, list[Any]]:
    """The statement that gives the live rows of a few ids, whatever the moment and the branch."""
    params = Params(dialect)
    given, ids = _given(output, dialect), _ids(query.ids or (), params)
    return f"SELECT {given} FROM {tables.live} WHERE {ids}", params.values


def page_of_few(
    query: Query, tables: Tables, now: datetime, dialect: Dialect, output: Sequence[str]
) -> tuple[str, list[Any]]:
    """The statement that gives a page's rows, each with the number of all that match: for when these are few.

    They are all read whole, which for few is cheaper than a second statement.
    """
    params = Params(dialect)
    for sort in query.sort:
        known(sort.column, tables.types())
    keys = [(tables.physical(s.column), s.descending) for s in query.sort]
    names = list(dict.fromkeys([*output, "id", *(k for k, _ in keys)]))
    order = ", ".join(_key(k, descending=d) for k, d in [*keys, ("id", False)])
    inner = _both(query, tables, now, params, ", ".join(names), paged=True)
    return (
        f"SELECT {_given(output, dialect)}, count(*) OVER () AS matched FROM ({inner}) AS q"
        f" ORDER BY {order} LIMIT {int(query.limit or 0)}"
    ), params.values


def _given(output: Sequence[str], dialect: Dialect) -> str:
    return ", ".join(dialect.geometry_out.format(n) + " AS geom" if n == "geom" else n for n in output)


def _picked(
    query: Query, tables: Tables, now: datetime, params: Params, *, names: list[str], order: str
) -> str:
    """A page's rows by address, so that only theirs are read whole: 30 instead of 61 ms in a million."""
    columns = ", ".join(dict.fromkeys((*names, f"{params.dialect.rowid} AS r")))
    inner = _both(query, tables, now, params, columns, paged=True, flag=True)
    limit = int(query.limit or 0)
    return f"picked AS MATERIALIZED (SELECT * FROM ({inner}) AS p ORDER BY {order} LIMIT {limit})"


def _by_id(query: Query, tables: Tables, params: Params, names: Sequence[str]) -> tuple[str, Query, Tables]:
    """Rows of named ids first, through the index, everything else after: 2 instead of 14 ms in a million.

    Beside another predicate the index is not used. A question for ids alone takes only the columns it needs along.
    """
    if query.ids is None:
        return "", query, tables
    plain = query.filter is None and query.bbox is None and query.window is None and query.after is None
    taken = ", ".join(dict.fromkeys((*names, *PERIODS))) if plain else "*"
    parts = [
        f"{name} AS MATERIALIZED (SELECT {taken} FROM {table} WHERE {_ids(query.ids, params)})"
        for name, table in (("found_live", tables.live), ("found_hist", tables.hist))
        if table
    ]
    found = replace(tables, live="found_live", hist="found_hist" if tables.hist else "")
    return f"WITH {', '.join(parts)} ", replace(query, ids=None), found


def count(query: Query, tables: Tables, now: datetime, dialect: Dialect) -> tuple[str, list[Any]]:
    """The statement that counts a query's rows, its page and limit left aside."""
    params = Params(dialect)
    head, query, tables = _by_id(query, tables, params, ["id"])
    inner = _both(query, tables, now, params, "1", paged=False)
    return f"{head}SELECT count(*) FROM ({inner}) AS q", params.values


def _key(name: str, *, descending: bool) -> str:
    return f"{name} {'DESC' if descending else 'ASC'} NULLS LAST"


def _both(
    query: Query,
    tables: Tables,
    now: datetime,
    params: Params,
    names: str,
    *,
    paged: bool,
    flag: bool = False,
) -> str:
    at = now if query.at is None else query.at
    if isinstance(at, Interval) and not query.every:
        return _overlapping(query, tables, at, params, names, paged=paged)
    sides = [(tables.live, "TRUE", True), *([(tables.hist, "FALSE", False)] if tables.hist else [])]
    return " UNION ALL ".join(
        f"SELECT {f'{is_live} AS l, ' if flag else ''}{names} FROM {table} WHERE "
        + _and(
            *([] if query.every else _valid(at, params, live=live)),
            *([] if query.every else _recorded(query, params, live=live)),
            *_conditions(query, tables, params, paged=paged),
        )
        for table, is_live, live in sides
    )


def _overlapping(
    query: Query, tables: Tables, at: Interval, params: Params, names: str, *, paged: bool
) -> str:
    """The last version of each id within an interval: one without an end is the last by itself."""

    def begun(alias: str) -> str:
        parts = [f"{alias}branch = {params.bind(query.branch)}"]
        if at.end is not None:
            parts.append(f"{alias}valid_from <= {params.bind(at.end)}")
        return _and(*parts)

    def lasting(alias: str) -> str:
        return _and(begun(alias), *_recorded(query, params, live=True, alias=alias))

    live = _and(lasting(""), *_conditions(query, tables, params, paged=paged))
    ended = [begun("h.")]
    if at.start is not None:
        ended.append(f"h.valid_to > {params.bind(at.start)}")
    ended += _recorded(query, params, live=False, alias="h.")
    ended.append(f"NOT EXISTS (SELECT 1 FROM {tables.live} l WHERE l.id = h.id AND {lasting('l.')})")
    last = f"SELECT DISTINCT ON (h.id) h.* FROM {tables.hist} h WHERE {_and(*ended)} ORDER BY h.id, h.valid_from DESC"
    hist = _and(*_conditions(query, tables, params, paged=paged))
    return f"SELECT {names} FROM {tables.live} WHERE {live} UNION ALL SELECT {names} FROM ({last}) AS h WHERE {hist}"


def _and(*parts: str) -> str:
    return " AND ".join(p for p in parts if p) or "TRUE"


def _valid(at: datetime | Interval, params: Params, *, live: bool) -> list[str]:
    begun = f"valid_from <= {params.bind(at)}"
    return [begun] if live else [begun, f"valid_to > {params.bind(at)}"]


def _recorded(query: Query, params: Params, *, live: bool, alias: str = "") -> list[str]:
    if query.known is None:
        return [] if live else [f"{alias}recorded_to = {params.bind(OPEN)}"]
    parts = [f"{alias}recorded_from <= {params.bind(query.known)}"]
    return parts if live else [*parts, f"{alias}recorded_to > {params.bind(query.known)}"]


def _conditions(query: Query, tables: Tables, params: Params, *, paged: bool) -> list[str]:
    parts = [f"branch = {params.bind(query.branch)}"]
    if query.window is not None:
        parts.append(_window(query.window, params))
    if query.bbox is not None:
        parts.append(_or(_box(part, params) for part in query.bbox.parts()))
    if query.filter is not None:
        parts.append(condition(checked(query.filter, tables.types()), tables, params))
    if paged and query.after is not None:
        parts.append(_after(query, tables, params))
    return parts


def _or(parts: Iterable[str]) -> str:
    return "(" + (" OR ".join(parts) or "FALSE") + ")"


def _ids(ids: Sequence[str], params: Params) -> str:
    if not ids:
        return "FALSE"
    if len(ids) > FEW:
        return params.dialect.among.format("id", params.bind(list(ids)))
    return f"id IN ({', '.join(params.bind(i) for i in ids)})"


def _window(window: Window, params: Params) -> str:
    keys = _or(f"(hkey >= {params.bind(a)} AND hkey < {params.bind(b)})" for a, b in window.keys)
    sizes = " AND ".join(
        f"size {sign} CAST({params.bind(value)} AS {params.dialect.float32})"
        for sign, value in ((">=", window.size_min), ("<", window.size_max))
    )
    return f"{keys} AND {sizes}"


def _box(box: BBox, params: Params) -> str:
    """Rows wholly inside are taken by their boxes alone; the geometry decides of the others."""
    west, south, east, north = box.astuple()
    cut = (
        f"minx <= {params.bind(east)} AND maxx >= {params.bind(west)} "
        f"AND miny <= {params.bind(north)} AND maxy >= {params.bind(south)}"
    )
    inside = (
        f"minx >= {params.bind(west)} AND maxx <= {params.bind(east)} "
        f"AND miny >= {params.bind(south)} AND maxy <= {params.bind(north)}"
    )
    near = params.near(box)
    return f"({cut}{near} AND CASE WHEN {inside} THEN TRUE ELSE {params.touches(box)} END)"


def _after(query: Query, tables: Tables, params: Params) -> str:
    """Rows behind a page's last one: keyset, missing values last in both directions."""
    keys = zip((*query.sort, Sort(column="id")), page(query), strict=True)
    return _behind(list(keys), tables, params)


def _behind(keys: list[tuple[Sort, Any]], tables: Tables, params: Params) -> str:
    (key, value), *others = keys
    name = tables.physical(key.column)
    if value is None:
        return f"({name} IS NULL AND {_behind(others, tables, params)})" if others else "FALSE"
    further = f"{name} {'<' if key.descending else '>'} {params.bind(value)} OR {name} IS NULL"
    if not others:
        return f"({further})"
    return f"({further} OR ({name} = {params.bind(value)} AND {_behind(others, tables, params)}))"
