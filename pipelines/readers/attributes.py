"""Free attributes of city objects as columns: one type a name, JSON text where the values do not agree."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Literal

import pyarrow as pa

from twin.table import is_attribute

Type = Literal["boolean", "integer", "number", "string", "json"]

ARROW: Final[dict[Type, pa.DataType]] = {
    "boolean": pa.bool_(),
    "integer": pa.int64(),
    "number": pa.float64(),
    "string": pa.string(),
    "json": pa.string(),
}
INT64: Final = 1 << 63


def type_of(value: Any) -> Type:
    """The type that holds a JSON value."""
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer" if -INT64 <= value < INT64 else "number"
    if isinstance(value, float):
        return "number"
    return "string" if isinstance(value, str) else "json"


def widened(a: Type, b: Type) -> Type:
    """The type that holds values of both."""
    if a == b:
        return a
    return "number" if {a, b} == {"integer", "number"} else "json"


def types(rows: Iterable[Mapping[str, Any]], known: Mapping[str, Type] | None = None) -> dict[str, Type]:
    """Every attribute's type, in the order of first appearance; null says nothing."""
    found = dict(known or {})
    for row in rows:
        for name, value in row.items():
            if value is not None:
                kind = type_of(value)
                found[name] = widened(found.get(name, kind), kind)
    return found


def columns(rows: Sequence[Mapping[str, Any]], named: Mapping[str, Type]) -> dict[str, pa.Array]:
    """The attributes of rows as typed columns; a name that the twin keeps for itself gets a `_` behind it."""
    return {own_name(name): values for name, values in typed(rows, named).items()}


def typed(rows: Sequence[Mapping[str, Any]], named: Mapping[str, Type]) -> dict[str, pa.Array]:
    """The attributes of rows as typed columns under their own names."""
    return {
        name: pa.array([_value(row.get(name), kind) for row in rows], ARROW[kind])
        for name, kind in named.items()
    }


def own_name(name: str) -> str:
    """The column's name."""
    return name if is_attribute(name) else f"{name}_"


def _value(value: Any, kind: Type) -> Any:
    if value is None:
        return None
    if kind == "json":
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return float(value) if kind == "number" else value
