"""What is well-formed: a filter against the properties of a layer, every literal in the type that it meets.

What does not depend on a row is worked out here, so that databases see properties and values alone.
A date beside moments is its whole day (UTC): it begins at 00:00:00 and ends at 23:59:59.999999.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any, Final

from twin.cql2 import names
from twin.cql2.evaluating import value
from twin.cql2.like import ends_within_escape
from twin.cql2.literals import Shape, day, timestamp
from twin.cql2.semantics import FUNCTIONS, INSTANTS, INTERNAL, OPERATORS, Kind
from twin.errors import InvalidFilter, UnknownProperty
from twin.model import OPEN, ColumnType, Filter, Op, Property
from twin.queryables import GEOMETRY

KINDS: Final[dict[ColumnType, Kind]] = {
    "string": "text",
    "json": "json",
    "integer": "number",
    "number": "number",
    "boolean": "boolean",
    "datetime": "datetime",
    "date": "date",
}
LITERALS: Final[tuple[tuple[type, Kind], ...]] = (
    (bool, "boolean"),
    (int, "number"),
    (float, "number"),
    (str, "text"),
    (datetime, "datetime"),
    (date, "date"),
    (Shape, "geometry"),
    (tuple, "array"),
)
ARITY: Final = {
    "not": 1,
    "isNull": 1,
    "in": 2,
    "between": 3,
    **{n: len(o.takes) for n, o in OPERATORS.items()},
    **dict.fromkeys(names.TEMPORAL, 2),
}
SWAPPED: Final = {
    "s_contains": "s_within",
    "s_within": "s_contains",
    "a_contains": "a_containedBy",
    "a_containedBy": "a_contains",
}
FIRST: Final = datetime.min.replace(tzinfo=UTC)

Types = Mapping[str, ColumnType]
Typed = tuple[Any, Kind]


def checked(filter_: Any, types: Types) -> Filter:
    """The filter as evaluations take it: literals typed, constants worked out, intervals as their two ends.

    Raises:
        UnknownProperty: it names a property that the layer does not have.
        InvalidFilter: an operator or function is unknown, has the wrong number of arguments, or compares
            what cannot be compared.
    """
    found, kind = typed(filter_, types)
    if kind != "boolean":
        what = filter_.name if isinstance(filter_, Property) else str(filter_)[:100]
        raise InvalidFilter(f"{what} alone is no condition; it is not true or false")
    return _definite(found)


def _definite(node: Any) -> Filter:
    """A condition of which the outcome is unknown for every row selects none."""
    found: Filter = False if node is None else node
    return found


def typed(node: Any, types: Types) -> Typed:
    """A node with its kind."""
    if isinstance(node, Property):
        return node, _property(node.name, types)
    if isinstance(node, Op):
        return _folded(*_operation(node, types))
    for of, kind in LITERALS:
        if isinstance(node, of):
            return node, kind
    raise InvalidFilter(
        f"{str(node)[:100]!r} is neither a property nor a value; use isNull for what is missing"
    )


def _property(name: str, types: Types) -> Kind:
    if name == GEOMETRY:
        return "geometry"
    if name not in types:
        there = ", ".join(sorted((*types, GEOMETRY)))
        raise UnknownProperty(f"no property {name[:200]!r}; there are {there}")
    return KINDS[types[name]]


def _folded(node: Any, kind: Kind) -> Typed:
    """The value of what needs no row."""
    if isinstance(node, Op) and not any(map(_varies, node.args)):
        return value(node, {}), kind
    return node, kind


def _varies(node: Any) -> bool:
    if isinstance(node, tuple):
        return any(map(_varies, node))
    return isinstance(node, Op | Property)


def _operation(node: Op, types: Types) -> Typed:
    if node.op in ("and", "or"):
        return Op(op=node.op, args=tuple(_condition(a, types) for a in node.args)), "boolean"
    if node.op not in ARITY or node.op in INTERNAL:
        raise InvalidFilter(_unknown(node.op))
    if len(node.args) != ARITY[node.op]:
        raise InvalidFilter(f"{node.op} takes {ARITY[node.op]} arguments, not {len(node.args)}")
    if node.op == "not":
        return Op(op="not", args=(_condition(node.args[0], types),)), "boolean"
    if node.op == "isNull":
        return Op(op="isNull", args=(typed(node.args[0], types)[0],)), "boolean"
    return _strict(node, types)


def _unknown(op: str) -> str:
    if op == "interval":
        return "an interval stands only within the T_ functions"
    return f"no operator or function {op[:50]!r}; functions are {', '.join(FUNCTIONS)}"


def _condition(node: Any, types: Types) -> Any:
    found, kind = typed(node, types)
    if kind not in ("boolean", "any"):
        what = node.name if isinstance(node, Property) else str(node)[:100]
        raise InvalidFilter(f"{what} alone is no condition; it is not true or false")
    return found


def _strict(node: Op, types: Types) -> Typed:  # noqa: PLR0911  (a form of operator each)
    if node.op == "in":
        return _among(node, types), "boolean"
    if node.op in names.TEMPORAL:
        return _temporal(node, types), "boolean"
    if node.op in names.ARRAY:
        return _array(node, types), "boolean"
    if node.op == "between":
        return Op(op="between", args=_alike("between", node.args, types)), "boolean"
    if node.op in names.COMPARISON:
        return _nullable(node.op, _alike(node.op, node.args, types)), "boolean"
    operator = OPERATORS[node.op]
    args = tuple(
        _wanted(node.op, typed(a, types), wanted) for a, wanted in zip(node.args, operator.takes, strict=True)
    )
    if node.op == "like":
        _pattern(args[1])
    if node.op in names.SPATIAL:
        return _spatial(node.op, args), "boolean"
    return _nullable(node.op, args), operator.gives


def _nullable(op: str, args: tuple[Any, ...]) -> Op | None:
    """An operation, or unknown when an operand is."""
    return None if None in args else Op(op=op, args=args)


def _wanted(op: str, given: Typed, wanted: Kind) -> Any:
    node, kind = given
    if wanted == "moment" and kind == "date":
        return (
            Op(op="dayStart", args=(node,)) if _varies(node) else value(Op(op="dayStart", args=(node,)), {})
        )
    if kind in (wanted, "any") or (wanted == "moment" and kind == "datetime"):
        return node
    if kind == "json" and wanted in ("text", "array"):
        return node
    raise InvalidFilter(f"{op} takes {_article(wanted)}; {_said(node)} is {_article(kind)}")


def _article(kind: Kind) -> str:
    return {"geometry": "a geometry", "array": "an array", "moment": "a date or datetime"}.get(
        kind, f"a {kind}"
    )


def _said(node: Any) -> str:
    return node.name if isinstance(node, Property) else repr(node)[:100]


def _pattern(pattern: Any) -> None:
    if pattern is not None and not isinstance(pattern, str):
        raise InvalidFilter("like takes a pattern that is the same for every row")
    if pattern is not None and ends_within_escape(pattern):
        raise InvalidFilter(f"the pattern {pattern!r} ends within an escape; write \\\\ for a backslash")


# Comparison


def _among(node: Op, types: Types) -> Any:
    first, choices = node.args
    if not isinstance(choices, tuple | list):
        raise InvalidFilter("in takes a value and a list")
    found, *rest = _alike("in", (first, *choices), types)
    return None if found is None and rest else Op(op="in", args=(found, tuple(rest)))


def _alike(op: str, args: tuple[Any, ...], types: Types) -> tuple[Any, ...]:
    """Operands of one kind; literal texts beside moments are read as moments, dates as their midnight."""
    given = [typed(a, types) for a in args]
    kinds: set[Kind] = {"text" if k == "json" else k for n, k in given if _varies(n)} or {k for _, k in given}
    kinds = {k for k in kinds if k != "any"} or {"any"}
    if len(kinds) != 1:
        raise InvalidFilter(f"{op} cannot compare {' with '.join(sorted(kinds))}")
    kind: Any = kinds.pop()
    if kind in ("geometry", "array"):
        functions = names.SPATIAL if kind == "geometry" else names.ARRAY
        raise InvalidFilter(f"{op} cannot compare {_article(kind)}; use {', '.join(functions)}")
    return tuple(n if _varies(n) else _literal(op, n, kind) for n, _ in given)


def _literal(op: str, node: Any, kind: Kind) -> Any:
    if node is None or kind == "any":
        return node
    if kind == "datetime" and isinstance(node, str | date):
        return _moment(node)
    if kind == "date" and isinstance(node, str | date):
        return _date(node)
    found = typed(node, {})[1]
    if found != kind:
        raise InvalidFilter(
            f"{op} cannot compare {_article(kind)} with {_said(node)}, which is {_article(found)}"
        )
    return node


def _moment(node: str | date) -> datetime:
    if isinstance(node, str):
        return timestamp(node if ":" in node else f"{node}T00:00:00Z")
    moment = node if isinstance(node, datetime) else datetime(node.year, node.month, node.day, tzinfo=UTC)
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _date(node: str | date) -> date:
    if isinstance(node, str):
        node = day(node) if len(node) == 10 else timestamp(node)
    if not isinstance(node, datetime):
        return node
    if node.time() != datetime.min.time():
        raise InvalidFilter(f"{node.isoformat()} has a time of day; the property is a date")
    return node.date()


# Geometry, arrays


def _spatial(op: str, args: tuple[Any, ...]) -> Any:
    """With the geometry of the row first; what is disjoint does not intersect."""
    if op == "s_disjoint":
        inner = _spatial("s_intersects", args)
        return None if inner is None else Op(op="not", args=(inner,))
    return _nullable(*_ordered(op, args))


def _ordered(op: str, args: tuple[Any, ...]) -> tuple[str, tuple[Any, ...]]:
    one, other = args
    turned = not _varies(one) and _varies(other)
    return (SWAPPED.get(op, op), (other, one)) if turned else (op, (one, other))


def _array(node: Op, types: Types) -> Any:
    for arg in node.args:
        if isinstance(arg, tuple) and any(isinstance(m, Op | Property | Shape | tuple | date) for m in arg):
            raise InvalidFilter(f"{node.op}: members of a list must be texts, numbers, true or false")
    args = tuple(_wanted(node.op, typed(a, types), "array") for a in node.args)
    return _nullable(*_ordered(node.op, args))


# Time


def _temporal(node: Op, types: Types) -> Any:
    """The operation on the starts and ends of both sides."""
    sides = [_side(node.op, arg, types) for arg in node.args]
    ends = [end for side in sides for end in side]
    dates = all(k == "date" for n, k in ends if n is not None)
    found = [_bound(*end, dates=dates, last=bool(n % 2)) for n, end in enumerate(ends)]
    for start, end in (found[:2], found[2:]):
        if not _varies((start, end)) and start > end:
            raise InvalidFilter(f"{node.op}: an interval from {start} to {end} ends before it begins")
    return Op(op=node.op, args=tuple(found))


def _side(op: str, arg: Any, types: Types) -> list[Typed]:
    """Start and end of an operand; None is open."""
    if isinstance(arg, Op) and arg.op == "interval":
        return [(None, "date") if a is None else _instant(op, a, types) for a in arg.args]
    if op not in INSTANTS:
        raise InvalidFilter(f"{op} takes intervals; {_said(arg)} is an instant. Write INTERVAL(start, end)")
    return [_instant(op, arg, types)] * 2


def _instant(op: str, arg: Any, types: Types) -> Typed:
    node, kind = typed(arg, types)
    if kind not in ("datetime", "date"):
        raise InvalidFilter(f"{op} takes dates, timestamps and intervals; {_said(arg)} is {_article(kind)}")
    return node, kind


def _bound(node: Any, kind: Kind, *, dates: bool, last: bool) -> Any:
    """An end as a date when all are, else as a moment: of a date the first or last of its day."""
    if node is None:
        moment = OPEN if last else FIRST
        return moment.date() if dates else moment
    if dates or kind == "datetime":
        return node
    op = Op(op="dayEnd" if last else "dayStart", args=(node,))
    return op if _varies(node) else value(op, {})
