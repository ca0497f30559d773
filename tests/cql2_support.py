"""Rows of every kind, and random filters over them that are well-formed."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pyarrow as pa
import shapely
from hypothesis import strategies as st
from store_support import batch

from twin.cql2 import Shape
from twin.model import Op, Property
from twin.table import Batch

TYPES = {
    "name": pa.string(),
    "note": pa.string(),
    "h": pa.float64(),
    "k": pa.float64(),
    "n": pa.int64(),
    "m": pa.int64(),
    "flag": pa.bool_(),
    "d": pa.date32(),
    "d2": pa.date32(),
    "t": pa.timestamp("us", tz="UTC"),
    "t2": pa.timestamp("us", tz="UTC"),
    "tags": pa.list_(pa.string()),
    "codes": pa.list_(pa.float64()),
    "extra": pa.struct([("a", pa.string())]),
}
TEXTS = (
    "",
    "a",
    "A",
    "ab",
    "Straße",
    "STRASSE",
    "é",
    "e\u0301",
    "É",
    "Kyoto",
    "København",
    "医院",
    "医%",
    "a_b",
    "\\",
    "it's",
    "😀",
    "ﬁ",
    "が",
    "%",
)
NUMBERS = (0.0, 1.0, -1.0, 0.5, 2.0, 3.0, -2.5, 1e300, 7.0)
WHOLE = (0, 1, -1, 2, 3, 7, 2**53 + 1, 2**53, -(2**63), 2**63 - 1)
DAYS = tuple(date(2024, 5, d) for d in (1, 2, 3))
MOMENTS = (
    *(datetime(2024, 5, d, h, tzinfo=UTC) for d in (1, 2, 3) for h in (0, 12)),
    datetime(2024, 5, 1, tzinfo=UTC) + timedelta(days=1, microseconds=-1),
)
# On a grid of 1/64 degree, so that no predicate hangs on rounding.
SHAPES = tuple(
    shapely.from_wkt(text)
    for text in (
        "POLYGON((118 38,118.03125 38,118.03125 38.03125,118 38.03125,118 38))",
        shapely.box(118.015625, 38.015625, 118.046875, 38.046875).wkt,
        "POLYGON((118.03125 38,118.0625 38,118.0625 38.03125,118.03125 38.03125,118.03125 38))",
        (
            "POLYGON((118 38,118.0625 38,118.0625 38.0625,118 38.0625,118 38),"
            "(118.015625 38.015625,118.03125 38.015625,118.03125 38.03125,118.015625 38.03125,118.015625 38.015625))"
        ),
        "POINT(118.015625 38.015625)",
        "POINT(118 38)",
        "LINESTRING(118 38,118.0625 38.0625)",
        "LINESTRING(118 38.0625,118.0625 38)",
        "MULTIPOINT((118 38),(118.046875 38.046875))",
        (
            "MULTIPOLYGON(((118 38,118.015625 38,118.015625 38.015625,118 38)),"
            "((118.046875 38.046875,118.0625 38.046875,118.0625 38.0625,118.046875 38.046875)))"
        ),
    )
)
ARRAYS = ((), ("a",), ("a", "b"), ("b", "a", "a"), (1, 2), (1.5,), (True,), ("a", 1))
TAGS = ([], ["a"], ["b", "a"], ["a", "a"], ["1"], ["a", None])
CODES = ([], [1.0], [2.0, 1.0], [1.5], [1.0, None])


def rows(count: int = 150, seed: int = 7) -> Batch:
    """Rows of which each value is missing in about every fifth."""
    pick = random.Random(seed)
    pools: dict[str, tuple[Any, ...]] = {
        "name": TEXTS, "note": TEXTS, "h": NUMBERS, "k": NUMBERS, "n": WHOLE, "m": WHOLE, "flag": (True, False),
        "d": DAYS, "d2": DAYS, "t": MOMENTS, "t2": MOMENTS, "tags": TAGS, "codes": CODES, "extra": ({"a": "a"},),
        "geom": tuple(shapely.to_wkb(s) for s in SHAPES),
    }  # fmt: skip
    made = [
        {"id": f"r{i:03}", **{n: pick.choice(p) if pick.random() > 0.2 else None for n, p in pools.items()}}
        for i in range(count)
    ]
    return batch(made, **TYPES)


def op(name: str, *args: Any) -> Op:
    return Op(op=name, args=args)


def prop(*names: str) -> st.SearchStrategy[Property]:
    return st.sampled_from([Property(name=n) for n in names])


def build(names: Any, *operands: st.SearchStrategy[Any]) -> st.SearchStrategy[Op]:
    return st.builds(op, st.sampled_from(names), *operands)


ORDER = ("=", "<>", "<", "<=", ">", ">=")
text_values = st.sampled_from(TEXTS)
text = st.recursive(prop("name", "note"), lambda inner: build(("casei", "accenti"), inner), max_leaves=2)
text_or_value = text | text_values | build(("casei", "accenti"), text_values)
pattern = st.lists(
    st.sampled_from(["%", "_", "a", "A", "\\%", "\\\\", "ß", "医", "s", "é", "K"]), max_size=5
).map("".join)
numbers = st.sampled_from(NUMBERS) | st.sampled_from(WHOLE)
number = st.recursive(
    prop("h", "k", "n", "m"),
    lambda inner: (
        build(("+", "-", "*", "/", "%", "div", "^"), inner, inner | numbers)
        | build(("abs", "floor", "ceil"), inner)
        | build(("length",), prop("name"))
        | build(("year", "month", "day"), prop("t", "d"))
    ),
    max_leaves=3,
)
moments = st.sampled_from(MOMENTS)
days = st.sampled_from(DAYS)
instant = prop("t", "t2", "d", "d2") | moments | days
span = st.one_of(
    st.tuples(prop("t", "d"), prop("t2", "d2")),
    st.tuples(st.none(), moments | days),
    st.tuples(moments | days, st.none()),
    st.tuples(prop("t", "d"), st.none()),
    st.tuples(st.just(MOMENTS[0]), moments),
    st.tuples(st.just(DAYS[0]), days),
).map(lambda ends: op("interval", *ends))
shapes = st.sampled_from([Shape(wkb=shapely.to_wkb(s)) for s in (*SHAPES, shapely.from_wkt("POLYGON EMPTY"))])
geom = st.just(Property(name="geom"))
SPATIAL = (
    "s_contains",
    "s_crosses",
    "s_disjoint",
    "s_equals",
    "s_intersects",
    "s_overlaps",
    "s_touches",
    "s_within",
)
FIVE = ("t_after", "t_before", "t_disjoint", "t_equals", "t_intersects")
TEN = (
    "t_contains", "t_during", "t_finishedBy", "t_finishes", "t_meets", "t_metBy", "t_overlappedBy", "t_overlaps",
    "t_startedBy", "t_starts",
)  # fmt: skip
arrays = st.sampled_from(ARRAYS)
tags = prop("tags", "codes", "extra")

predicate = st.one_of(
    build(ORDER, text, text_or_value),
    build(ORDER, number, number | numbers),
    build(ORDER, numbers, number),
    build(ORDER, prop("t", "t2"), prop("t", "t2") | moments | days),
    build(ORDER, prop("d", "d2"), prop("d", "d2") | days),
    build(("=", "<>"), prop("flag"), st.booleans()),
    build(("like",), text, pattern | build(("casei", "accenti"), pattern)),
    build(("between",), number, number | numbers, number | numbers),
    build(("between",), text, text_values, text_values),
    build(("in",), text, st.lists(text_or_value, max_size=3).map(tuple)),
    build(("in",), number, st.lists(number | numbers, max_size=3).map(tuple)),
    build(("isNull",), prop("name", "h", "n", "flag", "d", "t", "tags", "geom") | number),
    build(SPATIAL, geom, shapes | geom) | build(SPATIAL, shapes, geom),
    build(FIVE, instant | span, instant | span),
    build(TEN, span, span),
    build(("a_contains", "a_containedBy", "a_equals", "a_overlaps"), tags, arrays | tags),
    build(("a_contains", "a_containedBy", "a_equals", "a_overlaps"), arrays, tags),
    prop("flag"),
    st.booleans(),
)
filters = st.recursive(
    predicate,
    lambda inner: (
        build(("and", "or"), inner, inner) | build(("not",), inner) | build(("=",), inner, st.booleans())
    ),
    max_leaves=4,
)
"""Any filter that checking takes."""
