"""What every operator of CQL2 takes, gives and means, once: in Python, for DuckDB and for PostGIS.

All of them are strict: of a missing operand the outcome is unknown (NULL), so the Python functions never
see None. `and`, `or`, `not`, `isNull`, `in` and `between` (two comparisons) are not; they stand in
`evaluating` and `sql`.

Arithmetic is that of float64; a result that is not finite, as of a division by zero, is NULL.
`div` and `%` round towards zero. Text is compared by code point.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any, Final, Literal

import shapely

from twin.cql2 import arrays, folding, names
from twin.cql2.like import like
from twin.cql2.literals import Shape

Kind = Literal["text", "number", "boolean", "datetime", "date", "geometry", "array", "json", "moment", "any"]
"""Of an operand. `moment` takes a datetime or a date; `json` fits where text or an array is wanted."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Operator:
    """An operator: `{0}`, `{1}` … in the SQL are its operands."""

    takes: tuple[Kind, ...]
    gives: Kind
    python: Callable[..., Any]
    duckdb: str
    postgis: str
    title: str = ""
    """What a function is for; operators of the language itself have none."""


def _compare(symbol: str, function: Callable[[Any, Any], bool]) -> Operator:
    def python(one: Any, other: Any) -> bool:
        if isinstance(one, float) != isinstance(other, float):  # as databases do, beyond 2^53 as well
            one, other = float(one), float(other)
        return bool(function(one, other))

    sql = f"({{0}} {symbol} {{1}})"
    return Operator(takes=("any", "any"), gives="boolean", python=python, duckdb=sql, postgis=sql)


def _finite(function: Callable[[float, float], float]) -> Callable[[float, float], float | None]:
    def python(one: float, other: float) -> float | None:
        try:
            found = function(float(one), float(other))
        except (ArithmeticError, ValueError):
            return None
        return found if isinstance(found, float) and math.isfinite(found) else None

    return python


def _arithmetic(symbol: str) -> Operator:
    sql = f"twin_arithmetic('{symbol.replace('%', 'mod')}', CAST({{0}} AS float8), CAST({{1}} AS float8))"
    python = _finite(ARITHMETIC[symbol])
    return Operator(takes=("number", "number"), gives="number", python=python, duckdb=sql, postgis=sql)


def _whole(one: float, other: float) -> float:
    return float(math.trunc(one / other))


def _rest(one: float, other: float) -> float:
    return one - other * math.trunc(one / other)


ARITHMETIC: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "div": _whole,
    "%": _rest,
    "^": math.pow,
}
"""Of two floats; what is not finite or cannot be had becomes NULL."""


def _spatial(op: str, function: Callable[[Any, Any], Any]) -> Operator:
    def python(one: Any, other: Any) -> bool:
        return bool(function(_geometry(one), _geometry(other)))

    return Operator(
        takes=("geometry", "geometry"),
        gives="boolean",
        python=python,
        duckdb=f"twin_spatial('{op}', {{0}}, {{1}})",
        postgis=f"ST_{op.removeprefix('s_').capitalize()}({{0}}, {{1}})",
    )


def _geometry(value: Any) -> shapely.Geometry:
    return value.geometry if isinstance(value, Shape) else shapely.from_wkb(value)


def _array(op: str) -> Operator:
    def python(one: Any, other: Any) -> bool | None:
        sets = [arrays.members(v) if isinstance(v, str) else arrays.member_set(v) for v in (one, other)]
        return None if sets[0] is None or sets[1] is None else arrays.related(op, sets[0], sets[1])

    sql = f"twin_array('{op}', {{0}}, {{1}})"
    return Operator(takes=("array", "array"), gives="boolean", python=python, duckdb=sql, postgis=sql)


Bound = tuple[str, str, str]
PERIODS: Final[dict[str, tuple[tuple[Bound, ...], ...]]] = {
    "t_after": ((("s1", ">", "e2"),),),
    "t_before": ((("e1", "<", "s2"),),),
    "t_disjoint": ((("s1", ">", "e2"),), (("e1", "<", "s2"),)),
    "t_equals": ((("s1", "=", "s2"), ("e1", "=", "e2")),),
    "t_intersects": ((("s1", "<=", "e2"), ("e1", ">=", "s2")),),
    "t_contains": ((("s1", "<", "s2"), ("e1", ">", "e2")),),
    "t_during": ((("s1", ">", "s2"), ("e1", "<", "e2")),),
    "t_finishedBy": ((("s1", "<", "s2"), ("e1", "=", "e2")),),
    "t_finishes": ((("s1", ">", "s2"), ("e1", "=", "e2")),),
    "t_meets": ((("e1", "=", "s2"),),),
    "t_metBy": ((("s1", "=", "e2"),),),
    "t_overlappedBy": ((("s1", ">", "s2"), ("s1", "<", "e2"), ("e1", ">", "e2")),),
    "t_overlaps": ((("s1", "<", "s2"), ("e1", ">", "s2"), ("e1", "<", "e2")),),
    "t_startedBy": ((("s1", "=", "s2"), ("e1", ">", "e2")),),
    "t_starts": ((("s1", "=", "s2"), ("e1", "<", "e2")),),
}
"""The T_ functions by the ends of their closed intervals: any of these, of which all must be so (Allen 1983)."""
INSTANTS: Final = ("t_after", "t_before", "t_disjoint", "t_equals", "t_intersects")
"""Those that take instants as well."""
PLACES: Final = ("s1", "e1", "s2", "e2")


def _temporal(op: str) -> Operator:
    def python(*ends: Any) -> bool:
        at = dict(zip(PLACES, ends, strict=True))
        return any(all(_ORDERS[sign](at[a], at[b]) for a, sign, b in every) for every in PERIODS[op])

    bounds = (
        " AND ".join(f"{{{PLACES.index(a)}}} {s} {{{PLACES.index(b)}}}" for a, s, b in e) for e in PERIODS[op]
    )
    sql = "(" + " OR ".join(bounds) + ")"
    return Operator(takes=("moment",) * 4, gives="boolean", python=python, duckdb=sql, postgis=sql)


_ORDERS: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "=": operator.eq,
    "<>": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def _day_start(day: date) -> datetime:
    return datetime.combine(day, time.min, UTC)


def _day_end(day: date) -> datetime:
    return datetime.combine(day, time.max, UTC)


def _part(name: str, title: str) -> Operator:
    return Operator(
        takes=("moment",),
        gives="number",
        python=operator.attrgetter(name),
        duckdb=f"CAST({name}({{0}}) AS BIGINT)",
        postgis=f"CAST(date_part('{name}', {{0}} AT TIME ZONE 'UTC') AS bigint)",
        title=title,
    )


FUNCTIONS: Final[dict[str, Operator]] = {
    "casei": Operator(
        takes=("text",), gives="text", python=folding.casei, duckdb="twin_casei({0})",
        postgis="twin_casei({0})", title="The text without case (Unicode full case folding)",
    ),
    "accenti": Operator(
        takes=("text",), gives="text", python=folding.accenti, duckdb="twin_accenti({0})",
        postgis="twin_accenti({0})", title="The text without accents (non-spacing marks)",
    ),
    "length": Operator(
        takes=("text",), gives="number", python=len, duckdb="length({0})",
        postgis="length({0})", title="How many code points a text has",
    ),
    "abs": Operator(
        takes=("number",), gives="number", python=lambda x: abs(float(x)), duckdb="abs(CAST({0} AS DOUBLE))",
        postgis="abs(CAST({0} AS float8))", title="The number without its sign",
    ),
    "floor": Operator(
        takes=("number",), gives="number", python=lambda x: float(math.floor(x)),
        duckdb="floor(CAST({0} AS DOUBLE))", postgis="floor(CAST({0} AS float8))",
        title="The greatest whole number that is not greater",
    ),
    "ceil": Operator(
        takes=("number",), gives="number", python=lambda x: float(math.ceil(x)),
        duckdb="ceil(CAST({0} AS DOUBLE))", postgis="ceil(CAST({0} AS float8))",
        title="The least whole number that is not less",
    ),
    "year": _part("year", "The year of a moment (UTC) or date"),
    "month": _part("month", "The month of a moment (UTC) or date, 1 to 12"),
    "day": _part("day", "The day in the month of a moment (UTC) or date"),
}  # fmt: skip
"""What `/ogc/functions` lists."""

OPERATORS: Final[dict[str, Operator]] = {
    **{symbol: _compare(symbol, function) for symbol, function in _ORDERS.items()},
    **{symbol: _arithmetic(symbol) for symbol in ARITHMETIC},
    **{op: _spatial(op, getattr(shapely, op.removeprefix("s_"))) for op in names.SPATIAL},
    **{op: _array(op) for op in names.ARRAY},
    **{op: _temporal(op) for op in names.TEMPORAL},
    **FUNCTIONS,
    "like": Operator(
        takes=("text", "text"), gives="boolean", python=like, duckdb="({0} LIKE {1} ESCAPE '\\')",
        postgis="({0} LIKE {1} ESCAPE '\\')",
    ),
    "dayStart": Operator(
        takes=("date",), gives="datetime", python=_day_start, duckdb="CAST({0} AS TIMESTAMP)",
        postgis="(CAST({0} AS timestamp) AT TIME ZONE 'UTC')",
    ),
    "dayEnd": Operator(
        takes=("date",), gives="datetime", python=_day_end,
        duckdb="(CAST({0} AS TIMESTAMP) + INTERVAL 86399999999 MICROSECONDS)",
        postgis="((CAST({0} AS timestamp) + interval '86399.999999 seconds') AT TIME ZONE 'UTC')",
    ),
}  # fmt: skip
"""By the name that CQL2 JSON gives them; `dayStart` and `dayEnd` are made by checking and cannot be written."""
INTERNAL: Final = ("dayStart", "dayEnd")
