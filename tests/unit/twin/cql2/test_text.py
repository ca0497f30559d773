"""CQL2 text and JSON: what is read, how it binds, what is refused, and that what is written reads back the same."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import suppress
from datetime import UTC, date, datetime
from typing import Any

import pyproj
import pytest
import shapely
from cql2_support import filters
from hypothesis import given, settings
from hypothesis import strategies as st

from twin import cql2
from twin.cql2 import Shape, arrays, folding
from twin.cql2.like import like
from twin.cql2.limits import LENGTH
from twin.errors import InvalidFilter
from twin.model import Op, Property


def op(name: str, *args: Any) -> Op:
    return Op(op=name, args=args)


a, b, c = (Property(name=n) for n in "abc")


@pytest.mark.parametrize(
    ("text", "nodes"),
    [
        ("a = 1 OR b = 2 AND c = 3", op("or", op("=", a, 1), op("and", op("=", b, 2), op("=", c, 3)))),
        ("NOT a = 1 AND b", op("and", op("not", op("=", a, 1)), b)),
        ("a AND b AND c", op("and", a, b, c)),
        ("(a AND b) AND c", op("and", op("and", a, b), c)),
        ("a - 1 - b = 2", op("=", op("-", op("-", a, 1), b), 2)),
        ("a + b * c ^ 2 = 1", op("=", op("+", a, op("*", b, op("^", c, 2))), 1)),
        ("a ^ b ^ c = 1", op("=", op("^", a, op("^", b, c)), 1)),
        ("a div 2 % b = 1", op("=", op("%", op("div", a, 2), b), 1)),
        ("a -1 = -2", op("=", op("-", a, 1), -2)),
        ("-a = +2", op("=", op("*", -1, a), 2)),
        ("a NOT IN (1, b)", op("not", op("in", a, (1, b)))),
        ("a not like 'x%'", op("not", op("like", a, "x%"))),
        ("a Not Between 1 And b + 2", op("not", op("between", a, 1, op("+", b, 2)))),
        ("a IS NOT NULL", op("not", op("isNull", a))),
        ("a between 1 and 2 and b", op("and", op("between", a, 1, 2), b)),
        ("a = 'it''s'", op("=", a, "it's")),
        ("a = ''", op("=", a, "")),
        ('"a ""b"" c" = 1', op("=", Property(name='a "b" c'), 1)),
        ("管径（毫米） >= 300", op(">=", Property(name="管径（毫米）"), 300)),
        ('"and" = 1 AND date = 2', op("and", op("=", Property(name="and"), 1), op("=", Property(name="date"), 2))),
        ("eo:x.y = 1e3", op("=", Property(name="eo:x.y"), 1000)),
        ("a = .5 AND b = 5.", op("and", op("=", a, 0.5), op("=", b, 5))),
        ("a = 9007199254740993", op("=", a, 9007199254740993)),
        ("T_METBY(a, DATE('2024-02-29'))", op("t_metBy", a, date(2024, 2, 29))),
        (
            "t_after(a, interval('..', '2024-05-01T08:00:00+08:00'))",
            op("t_after", a, op("interval", None, datetime(2024, 5, 1, tzinfo=UTC))),
        ),
        ("A_EQUALS(a, ())", op("a_equals", a, ())),
        ("A_CONTAINS(a, ('x'))", op("a_contains", a, ("x",))),
        ("f() = g(a, 1)", op("=", op("f"), op("g", a, 1))),
        ("TRUE", True),
    ],
)  # fmt: skip
def test_what_is_read(text: str, nodes: Any) -> None:
    assert cql2.parse(text) == nodes


@pytest.mark.parametrize(
    "wkt",
    [
        "POINT(1 2)", "point z (1 2 3)", "POINT EMPTY", "MULTIPOINT((1 2),(3 4))", "LINESTRING(1e1 -2.5E-1,3 4)",
        "GEOMETRYCOLLECTION(POINT(1 2),LINESTRING(0 0,1 1))", "POLYGON((0 0,4 0,4 4,0 0),(2 1,3 1,3 2,2 1))",
    ],
)  # fmt: skip
def test_geometries_are_those_of_geos(wkt: str) -> None:
    found = cql2.parse(f"s_intersects(geom, {wkt})")
    assert isinstance(found, Op)
    assert shapely.equals_identical(found.args[1].geometry, shapely.from_wkt(wkt))


def test_a_geometry_moves_from_its_crs() -> None:
    crs = pyproj.CRS.from_epsg(4548)
    x, y = pyproj.Transformer.from_crs("OGC:CRS84", crs, always_xy=True).transform(117.5, 38.0)
    found = cql2.parse(f"S_WITHIN(geom, POINT({y} {x}))", crs=crs)
    assert isinstance(found, Op)
    assert shapely.get_coordinates(found.args[1].geometry)[0] == pytest.approx([117.5, 38.0], abs=1e-9)


@pytest.mark.parametrize(
    "text",
    [
        "", "a", "a =", "= 1", "a = 1 b", "a = 1 OR", "(a = 1", "a = 1)", "a != 1", "a = 'x", 'a = "x', "a IS 1",
        "a NOT = 1", "a IN 1", "a BETWEEN 1", "like = 1", "DATE('2024-02-30') = a", "DATE(a) = b", "a = $1",
        "TIMESTAMP('2024-05-01T25:00:00Z') = a", "T_AFTER(a, INTERVAL('2024'))", "S_WITHIN(geom, BBOX(1,2,3))",
        "S_WITHIN(geom, BBOX(1,4,3,2))", "S_WITHIN(geom, POINT(200 0))", "S_WITHIN(geom, POINT(1,2))",
        "f(a",
        "'a'", "1",
    ],
)  # fmt: skip
def test_what_is_no_cql2_is_refused(text: str) -> None:
    if text == "a":  # a property alone may be a condition; only the layer's types can tell
        assert cql2.parse(text) == a
        return
    with pytest.raises(InvalidFilter):
        cql2.parse(text)


@pytest.mark.parametrize(
    "node",
    [
        None, 1, "x", [], {}, {"op": "="}, {"op": "and", "args": [True]}, {"property": 1}, {"property": "a", "x": 1},
        {"op": "=", "args": [{"property": "a"}, None]}, {"date": "2024-13-01"}, {"type": "Point", "coordinates": ["x"]},
        {"function": {"name": "f", "args": []}}, {"type": "Polygon", "coordinates": [[[0, 0], [1, 1]]]},
    ],
)  # fmt: skip
def test_what_is_no_cql2_json_is_refused(node: Any) -> None:
    with pytest.raises(InvalidFilter):
        cql2.parse(json.dumps(node), lang="cql2-json")


@settings(max_examples=300, deadline=None)
@given(filters)
def test_what_is_written_reads_back_the_same(condition: Any) -> None:
    for lang, text in (
        ("cql2-text", cql2.as_text(condition)),
        ("cql2-json", json.dumps(cql2.as_json(condition))),
    ):
        found = cql2.parse(text, lang=lang)  # type: ignore[arg-type]
        assert cql2.as_json(found) == cql2.as_json(condition)
        assert cql2.key(found) == cql2.key(condition)


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="ab()'\"=<>+-*/%^,. 019eNOTANDORINLIKEIS_éß医\n", max_size=40))
def test_any_text_is_a_filter_or_a_clear_refusal(text: str) -> None:
    with suppress(InvalidFilter):
        cql2.as_text(cql2.parse(text))


DEEP = {
    "parentheses": "(" * 2000 + "a>1" + ")" * 2000,
    "not": "NOT " * 3000 + "a>1",
    "signs": "a>" + "-" * 3000 + "a",
    "powers": "a" + "^2" * 3000 + ">1",
    "sums": "a" + "+1" * 3000 + ">1",
    "comparisons": "a" + "=1" * 3000,
    "nested sums": "(" * 50 + "a" + ("+1" * 50 + ")") * 50 + ">1",
    "calls": "casei(" * 3000 + "a" + ")" * 3000 + "='a'",
    "wkt": "S_INTERSECTS(geom," + "GEOMETRYCOLLECTION(" * 1500 + "POINT(1 1)" + ")" * 1501,
    "json": '{"op":"not","args":[' * 1400 + '{"property":"a"}' + "]}" * 1400,
    "lists": "[" * 15000 + "]" * 15000,
}


@pytest.mark.parametrize("name", sorted(DEEP))
def test_depth_is_an_error_and_not_a_crash(name: str) -> None:
    """In a process of its own with a small stack, since a crash would take the tests with it."""
    lang = "cql2-json" if name in ("json", "lists") else "cql2-text"
    program = (
        "import sys\nfrom twin import cql2\nfrom twin.errors import InvalidFilter\n"
        f"try:\n    cql2.parse(sys.stdin.read(), lang={lang!r})\n"
        "except InvalidFilter as error:\n    print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], input=DEEP[name], capture_output=True, text=True, check=True
    )
    assert "depth" in done.stdout


def test_what_is_not_deep_may_be_wide() -> None:
    found = cql2.parse(" OR ".join(f"a={i}" for i in range(3000)))
    assert isinstance(found, Op)
    assert len(found.args) == 3000


def test_the_length_has_an_end() -> None:
    with pytest.raises(InvalidFilter, match=f"{LENGTH:,}"):
        cql2.parse("a='" + "x" * LENGTH + "'")


def test_keys_tell_types_apart() -> None:
    texts = ("a = 1", "a = '1'", "a = TRUE", "b = 1", "NOT a = 1")
    assert len({cql2.key(cql2.parse(t)) for t in texts}) == len(texts)
    assert cql2.key(cql2.parse("a = 1.0")) == cql2.key(cql2.parse(' "a"=(1) '))


@given(st.text("ab%_\\é\n", max_size=8), st.text("ab%_\\é\n", max_size=8))
def test_like_is_what_a_backtracking_reading_says(text: str, pattern: str) -> None:
    def matches(i: int, j: int) -> bool:
        if j == len(pattern):
            return i == len(text)
        if pattern[j] == "%":
            return any(matches(k, j + 1) for k in range(i, len(text) + 1))
        escaped = pattern[j] == "\\" and j + 1 < len(pattern)
        wanted = pattern[j + 1] if escaped else pattern[j]
        fits = i < len(text) and (text[i] == wanted or (wanted == "_" and not escaped))
        return fits and matches(i + 1, j + 1 + escaped)

    assert like(text, pattern) == matches(0, 0)


def test_like_is_fast_where_backtracking_is_not() -> None:
    assert not like("a" * 10_000, "%a" * 30 + "b")


@pytest.mark.parametrize(
    ("text", "case", "accents"),
    [
        ("Straße", "strasse", "Straße"), ("ÅÉ", "åé", "AE"), ("Øđ", "øđ", "Øđ"), ("ﬁ", "fi", "ﬁ"),
        ("が", "が", "が"), ("한", "한", "한"),
    ],
)  # fmt: skip
def test_folding(text: str, case: str, accents: str) -> None:
    assert (folding.casei(text), folding.accenti(text)) == (case, accents)


def test_arrays_hold_plain_values_each_of_its_type() -> None:
    assert arrays.members('[1, 1.0, "1", true, null]') == {
        ("number", 1), ("text", "1"), ("boolean", True), ("null", None),
    }  # fmt: skip
    for text in ("{}", "[[1]]", '[{"a": 1}]', "no json", '"a"'):
        assert arrays.members(text) is None


def test_a_shape_is_equal_to_the_same_shape() -> None:
    assert cql2.parse("S_EQUALS(geom, POINT(1 2))") == op(
        "s_equals", Property(name="geom"), Shape(wkb=shapely.Point(1, 2).wkb)
    )
