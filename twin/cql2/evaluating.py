"""What a checked filter says of a row, in Python: three-valued, None is unknown (OGC 21-065r2, table 3)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from twin.cql2.semantics import OPERATORS
from twin.model import Filter, Op, Property

Row = Mapping[str, Any]


def holds(filter_: Filter, row: Row) -> bool | None:
    """Whether a checked filter is true of a row (name to value; `geom` is WKB); None is unknown."""
    return cast("bool | None", value(filter_, row))


def value(node: Any, row: Row) -> Any:  # noqa: PLR0911  (a kind of node each)
    """The value of a node; None is missing."""
    if isinstance(node, Property):
        return row.get(node.name)
    if not isinstance(node, Op):
        return node
    if node.op == "in":
        return _among(value(node.args[0], row), [value(c, row) for c in node.args[1]])
    args = [value(a, row) for a in node.args]
    if node.op in ("and", "or"):
        return _joined(args, decisive=node.op == "or")
    if node.op == "between":
        return _between(*args)
    if node.op == "isNull":
        return args[0] is None
    if None in args:
        return None
    return not args[0] if node.op == "not" else OPERATORS[node.op].python(*args)


def _joined(parts: list[bool | None], *, decisive: bool) -> bool | None:
    if decisive in parts:
        return decisive
    return None if None in parts else not decisive


def _between(value: Any, low: Any, high: Any) -> bool | None:
    least = OPERATORS["<="].python
    bounds = ((low, value), (value, high))
    return _joined([None if None in pair else least(*pair) for pair in bounds], decisive=False)


def _among(value: Any, choices: list[Any]) -> bool | None:
    """Equal to one of them, each asked as `=` asks."""
    if value is None and choices:
        return None
    equal = OPERATORS["="].python
    return _joined([None if c is None else equal(value, c) for c in choices], decisive=True)
