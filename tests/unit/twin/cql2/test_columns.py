"""What columns are asked at once is what plain Python says row by row."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from twin.cql2 import checked, holds
from twin.cql2.columns import answers, which
from twin.model import Op, Property
from twin.table import ARROW_TYPES

TYPES: dict[str, Any] = {
    "name": "string",
    "floors": "integer",
    "height": "number",
    "built": "date",
    "seen": "datetime",
    "safe": "boolean",
}
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "name": st.sampled_from(["", "a", "B", "住宅", "ß", "\U0001f3e0", "a'b"]),
    "floors": st.integers(-3, 3) | st.sampled_from([2**53 + 1, -(2**63), 2**63 - 1]),
    "height": st.sampled_from([-1.5, 0.0, 2.0, 1e300, 9007199254740993.0]),
    "built": st.dates(date(2000, 1, 1), date(2000, 1, 3)),
    "seen": st.datetimes(datetime(2000, 1, 1), datetime(2000, 1, 2), timezones=st.just(UTC)),  # noqa: DTZ001
    "safe": st.booleans(),
}
NUMBERS = VALUES["floors"] | VALUES["height"] | st.just(2**70)
rows = st.lists(st.fixed_dictionaries({n: st.none() | v for n, v in VALUES.items()}), min_size=1, max_size=20)


def constants(name: str) -> st.SearchStrategy[Any]:
    return NUMBERS if name in ("floors", "height") else VALUES[name]


@st.composite
def comparisons(draw: Any) -> Op:
    name = draw(st.sampled_from([n for n in VALUES if n != "safe"]))
    value = constants(name)
    form = draw(st.sampled_from(["plain", "turned", "in", "between", "isNull"]))
    if form == "isNull":
        return Op(op="isNull", args=(Property(name=name),))
    if form == "in":
        return Op(op="in", args=(Property(name=name), tuple(draw(st.lists(value, min_size=1, max_size=3)))))
    if form == "between":
        return Op(op="between", args=(Property(name=name), draw(value), draw(value)))
    sides = (Property(name=name), draw(value))
    op = draw(st.sampled_from(["=", "<>", "<", "<=", ">", ">="]))
    return Op(op=op, args=sides if form == "plain" else sides[::-1])


filters = st.recursive(
    comparisons(),
    lambda inner: (
        st.builds(lambda a: Op(op="not", args=(a,)), inner)
        | st.builds(
            lambda op, a: Op(op=op, args=tuple(a)),
            st.sampled_from(["and", "or"]),
            st.lists(inner, min_size=2, max_size=3),
        )
    ),
    max_leaves=5,
)


@given(rows, filters, st.booleans())
def test_columns_say_what_rows_say(found: list[dict[str, Any]], filter_: Op, coded: bool) -> None:
    condition = checked(filter_, TYPES)
    table = pa.table({n: pa.array([r[n] for r in found], ARROW_TYPES[t]) for n, t in TYPES.items()})

    def column(name: str) -> pa.Array:
        values = table[name].combine_chunks()
        return values.dictionary_encode() if coded and TYPES[name] == "string" else values

    wanted = [n for n, row in enumerate(table.to_pylist()) if holds(condition, row) is True]
    assert answers(condition)
    assert which(condition, column, len(found)).tolist() == wanted
