"""A checked filter as SQL."""

from __future__ import annotations

from typing import Any

from twin.dialects import Params, Tables
from twin.model import Op, Property


def condition(filter_: Any, tables: Tables, params: Params) -> str:
    """A checked filter as SQL."""
    if isinstance(filter_, bool):
        return "TRUE" if filter_ else "FALSE"
    if isinstance(filter_, Property):
        return tables.physical(filter_.name)
    args = filter_.args
    if filter_.op in ("and", "or"):
        parts = [condition(a, tables, params) for a in args]
        empty = "TRUE" if filter_.op == "and" else "FALSE"
        return "(" + (f" {filter_.op.upper()} ".join(parts) or empty) + ")"
    if filter_.op == "not":
        return f"(NOT {condition(args[0], tables, params)})"
    return _compared(filter_, tables, params)


def _compared(op: Op, tables: Tables, params: Params) -> str:
    def side(value: Any) -> str:
        return tables.physical(value.name) if isinstance(value, Property) else params.bind(value)

    if op.op == "in" and not op.args[1]:
        return "FALSE"
    first = side(op.args[0])
    if op.op == "isNull":
        return f"({first} IS NULL)"
    if op.op == "in":
        return f"({first} IN ({', '.join(side(c) for c in op.args[1])}))"
    if op.op == "between":
        return f"({first} BETWEEN {side(op.args[1])} AND {side(op.args[2])})"
    if op.op == "like":
        return f"({first} LIKE {side(op.args[1])} ESCAPE '\\')"
    return f"({first} {op.op} {side(op.args[1])})"
