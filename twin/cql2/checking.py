"""CQL2 filters: what is well-formed, and what is true of a row.

Three-valued as OGC 21-065r2 has it: a comparison with a missing value is unknown, `not` of unknown is
unknown, and only rows of which the whole filter is true are answers. Text is compared by code point.

Operators: and or not = <> < <= > >= between in like isNull. `like` knows % and _, escaped by a backslash.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from typing import Any, Final, Literal, cast

from twin.errors import InvalidFilter
from twin.model import ColumnType, Op, Property
from twin.queryables import known

Family = Literal["text", "number", "boolean", "datetime", "date"]
Row = Mapping[str, Any]

FAMILIES: Final[dict[ColumnType, Family]] = {
    "string": "text",
    "json": "text",
    "integer": "number",
    "number": "number",
    "boolean": "boolean",
    "datetime": "datetime",
    "date": "date",
}
COMPARISONS: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "=": operator.eq,
    "<>": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
ARITY: Final = {"not": 1, "isNull": 1, "between": 3, "in": 2, "like": 2, **dict.fromkeys(COMPARISONS, 2)}


def checked(filter_: Any, types: Mapping[str, ColumnType]) -> Any:
    """The filter with every literal in the Python type of what it is compared with.

    Raises:
        UnknownProperty: it names a property that the layer does not have.
        InvalidFilter: an operator is unknown, has the wrong number of arguments, or compares what
            cannot be compared.
    """
    if isinstance(filter_, bool):
        return filter_
    if isinstance(filter_, Property):
        if known(filter_.name, types) != "boolean":
            raise InvalidFilter(f"{filter_.name} alone is no condition; it is not true or false")
        return filter_
    if not isinstance(filter_, Op):
        raise InvalidFilter(f"{str(filter_)[:100]!r} is no condition")
    if filter_.op in ("and", "or"):
        return Op(op=filter_.op, args=tuple(checked(arg, types) for arg in filter_.args))
    if filter_.op not in ARITY:
        raise InvalidFilter(f"no operator {filter_.op[:50]!r}; there are and, or, {', '.join(ARITY)}")
    if len(filter_.args) != ARITY[filter_.op]:
        raise InvalidFilter(f"{filter_.op} takes {ARITY[filter_.op]} arguments, not {len(filter_.args)}")
    return _predicate(filter_, types)


def _predicate(op: Op, types: Mapping[str, ColumnType]) -> Op:
    if op.op == "not":
        return Op(op="not", args=(checked(op.args[0], types),))
    if op.op == "isNull":
        if isinstance(op.args[0], Property):
            known(op.args[0].name, types)
        return op
    if op.op == "in":
        value, choices = op.args
        if not isinstance(choices, (list, tuple)):
            raise InvalidFilter("in takes a value and a list")
        first, *rest = _alike((value, *choices), types)
        return Op(op="in", args=(first, tuple(rest)))
    args = _alike(op.args, types)
    if op.op == "like":
        _likeable(args, types)
    if op.op not in ("=", "<>") and "boolean" in {_family(a, types) for a in args}:
        raise InvalidFilter(f"true and false have no order; {op.op} cannot compare them")
    return Op(op=op.op, args=args)


def _likeable(args: tuple[Any, ...], types: Mapping[str, ColumnType]) -> None:
    if _family(args[0], types) != "text" or not isinstance(args[1], str):
        raise InvalidFilter("like takes a text property and a pattern")
    if re.search(r"(?<!\\)(\\\\)*\\$", args[1]):
        raise InvalidFilter(f"the pattern {args[1]!r} ends within an escape; write \\\\ for a backslash")


def _alike(args: tuple[Any, ...], types: Mapping[str, ColumnType]) -> tuple[Any, ...]:
    """Operands of one family; texts beside moments are read as moments."""
    families = {_family(a, types) for a in args if isinstance(a, Property)} or {
        _family(a, types) for a in args
    }
    if len(families) != 1:
        raise InvalidFilter(f"cannot compare {' with '.join(sorted(families))}")
    family = families.pop()
    return tuple(a if isinstance(a, Property) else _literal(a, family) for a in args)


def _family(arg: Any, types: Mapping[str, ColumnType]) -> Family:
    if isinstance(arg, Property):
        return FAMILIES[known(arg.name, types)]
    kinds: tuple[tuple[type, Family], ...] = (
        (bool, "boolean"),
        (int, "number"),
        (float, "number"),
        (str, "text"),
        (datetime, "datetime"),
        (date, "date"),
    )
    for kind, family in kinds:
        if isinstance(arg, kind):
            return family
    raise InvalidFilter(
        f"{str(arg)[:100]!r} is neither a property nor a value; use isNull for what is missing"
    )


def _literal(value: Any, family: Family) -> Any:
    if family in ("datetime", "date") and isinstance(value, str | date):
        return _moment(value, family)
    if _family(value, {}) != family:
        raise InvalidFilter(f"{str(value)[:100]!r} is not of the type {family}")
    return value


def _moment(value: str | date, family: Family) -> datetime | date:
    try:
        read = datetime.fromisoformat(value) if isinstance(value, str) else value
    except ValueError as error:
        raise InvalidFilter(f"{value!r} is no moment; write it as 2024-05-01T00:00:00Z") from error
    if not isinstance(read, datetime):
        read = datetime(read.year, read.month, read.day, tzinfo=UTC)
    read = read.astimezone(UTC) if read.tzinfo else read.replace(tzinfo=UTC)
    if family == "datetime":
        return read
    if read.time() != datetime.min.time():
        raise InvalidFilter(f"{value} has a time of day; the property is a date")
    return read.date()


def holds(filter_: Any, row: Row) -> bool | None:
    """Whether a checked filter is true of a row; None is unknown."""
    if isinstance(filter_, bool):
        return filter_
    if isinstance(filter_, Property):
        return cast("bool | None", _value(filter_, row))
    if filter_.op in ("and", "or"):
        return _joined(filter_.op, [holds(arg, row) for arg in filter_.args])
    if filter_.op == "not":
        inner = holds(filter_.args[0], row)
        return None if inner is None else not inner
    return _compared(filter_.op, filter_.args, row)


def _compared(op: str, args: tuple[Any, ...], row: Row) -> bool | None:
    value = _value(args[0], row)
    if op == "isNull":
        return value is None
    if op == "in":
        return _among(value, [_value(c, row) for c in args[1]])
    if op == "between":
        low, high = (_value(a, row) for a in args[1:])
        return _joined("and", [_ordered("<=", low, value), _ordered("<=", value, high)])
    return _ordered(op, value, _value(args[1], row))


def _ordered(op: str, one: Any, other: Any) -> bool | None:
    if one is None or other is None:
        return None
    if op == "like":
        return re.fullmatch(_pattern(other), one, re.DOTALL) is not None
    return COMPARISONS[op](one, other)


def _value(arg: Any, row: Row) -> Any:
    return row.get(arg.name) if isinstance(arg, Property) else arg


def _joined(op: str, parts: list[bool | None]) -> bool | None:
    decisive = op == "or"
    if decisive in parts:
        return decisive
    return None if None in parts else not decisive


def _among(value: Any, choices: list[Any]) -> bool | None:
    if not choices:
        return False
    if value is None:
        return None
    if value in [c for c in choices if c is not None]:
        return True
    return None if None in choices else False


def _pattern(like: str) -> str:
    parts = re.findall(r"\\.|.", like, re.DOTALL)
    words = {"%": ".*", "_": "."}
    return "".join(words.get(p) or re.escape(p[-1]) for p in parts)
