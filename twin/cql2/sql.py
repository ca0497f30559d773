"""A checked filter as SQL: the words of `semantics`, with every value bound.

Operands are written in the order of their places, as often as they are used, so that the values of a
statement stand in the order of its placeholders.
"""

from __future__ import annotations

import re
from typing import Any

import orjson
import shapely

from twin.cql2 import constants, names
from twin.cql2.literals import Shape
from twin.cql2.semantics import OPERATORS
from twin.dialects import Params, Tables
from twin.model import Filter, Op, Property
from twin.queryables import GEOMETRY


def condition(filter_: Filter, tables: Tables, params: Params) -> str:
    """A checked filter as SQL that is true, false or NULL."""
    return _sql(filter_, tables, params)


def _sql(node: Any, tables: Tables, params: Params) -> str:
    if isinstance(node, Op):
        return _operation(node, tables, params)
    if isinstance(node, Property):
        return tables.physical(node.name)
    if node is None:
        return "NULL"
    if isinstance(node, bool):
        return "TRUE" if node else "FALSE"
    return _constant(node, params)


def _constant(node: Any, params: Params) -> str:
    embedded = params.dialect.name == "duckdb"
    if isinstance(node, Shape):
        return params.bind(constants.named(node.wkb)) if embedded else _ewkb(node)
    if isinstance(node, tuple):
        text = orjson.dumps(node)
        return (
            params.bind(constants.named(text)) if embedded else f"CAST({params.bind(text.decode())} AS text)"
        )
    return params.bind(node)


def _ewkb(shape: Shape) -> str:
    """A literal, so that the planner knows its box."""
    return (
        f"'{shapely.to_wkb(shapely.set_srid(shape.geometry, 4326), hex=True, include_srid=True)}'::geometry"
    )


def _operation(node: Op, tables: Tables, params: Params) -> str:  # noqa: PLR0911  (a form of operator each)
    def sql(arg: Any) -> str:
        return _sql(arg, tables, params)

    if node.op in ("and", "or"):
        empty = "TRUE" if node.op == "and" else "FALSE"
        return "(" + (f" {node.op.upper()} ".join(map(sql, node.args)) or empty) + ")"
    if node.op == "not":
        return f"(NOT {sql(node.args[0])})"
    if node.op == "isNull":
        return f"({sql(node.args[0])} IS NULL)"
    if node.op == "in":
        first, choices = node.args
        return f"({sql(first)} IN ({', '.join(map(sql, choices))}))" if choices else "FALSE"
    if node.op == "between":
        value, low, high = map(sql, node.args)
        return f"({value} BETWEEN {low} AND {high})"
    if node.op in names.ARRAY and params.dialect.name == "duckdb" and isinstance(node.args[1], Property):
        return f"twin_array('{node.op}', {sql(node.args[0])}, encode({sql(node.args[1])}))"
    if node.op in names.SPATIAL:
        return _spatial(node, tables, params)
    if node.op in names.TEMPORAL:
        return _temporal(node, tables, params)
    return _written(node, tables, params)


def _written(node: Op, tables: Tables, params: Params) -> str:
    """The words of the table, operands in their places."""
    operator = OPERATORS[node.op]
    words = operator.duckdb if params.dialect.name == "duckdb" else operator.postgis
    return re.sub(r"\{(\d)\}", lambda match: _sql(node.args[int(match[1])], tables, params), words)


def _temporal(node: Op, tables: Tables, params: Params) -> str:
    """NULL when an end is missing, also where the comparison does not need it."""
    ends = list(dict.fromkeys(a for a in node.args if _varies(a)))
    sides = (node.args[:2], node.args[2:])
    if len(ends) == 1 and all(start == end or not (_varies(start) or _varies(end)) for start, end in sides):
        return _written(node, tables, params)  # every comparison is with that one instant
    missing = " OR ".join(f"{_sql(e, tables, params)} IS NULL" for e in ends)
    return f"(CASE WHEN {missing} THEN CAST(NULL AS BOOLEAN) ELSE {_written(node, tables, params)} END)"


def _varies(node: Any) -> bool:
    return isinstance(node, Op | Property)


def _spatial(node: Op, tables: Tables, params: Params) -> str:
    """The boxes of rows decide first; the geometry only of those that may be answers."""
    _, other = node.args
    if params.dialect.name != "duckdb" or not isinstance(other, Shape):
        return _written(node, tables, params)
    west, south, east, north = shapely.bounds(other.geometry).tolist()
    if west != west:  # noqa: PLR0124  (NaN: an empty geometry has no box)
        return _written(node, tables, params)

    def cut() -> str:
        return (
            f"minx <= {params.bind(east)} AND maxx >= {params.bind(west)}"
            f" AND miny <= {params.bind(north)} AND maxy >= {params.bind(south)}"
        )

    near, again = cut(), cut()
    exact = _written(node, tables, params)
    nowhere = f"WHEN {GEOMETRY} IS NULL THEN CAST(NULL AS BOOLEAN)"
    return f"({near} AND CASE WHEN {again} THEN {exact} {nowhere} ELSE FALSE END)"
