"""The abstract tests of CQL2 (OGC 21-065r2, annex A) that can be asked of a store, by their identifiers.

The standard's data are Natural Earth's; these rows are invented, but for the columns `date`, `start`, `end`
and `boolean`, which are filled so that the expected counts of the standard's own tables follow from them.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from datetime import UTC, date, datetime

import pyarrow as pa
import pytest
import shapely
from store_support import LAYER, STORES, Clock, batch, day, delivered, query

from twin import cql2
from twin.errors import InvalidFilter, OutsideCRSArea
from twin.store import Store


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


# ruff: noqa: E501  (a row a line)
ROWS = [
    {"name": "København", "date": date(2021, 4, 16), "start": at("2021-04-16T10:15:59"), "end": at("2022-04-16T10:16:06"), "boolean": True},
    {"name": "Kyiv", "date": date(2022, 4, 16), "start": at("2022-04-16T10:13:19"), "end": at("2023-12-31T10:16:06"), "boolean": False},
    {"name": "Kyoto", "date": date(2023, 4, 16), "start": at("2022-04-16T10:15:10"), "end": at("2022-04-16T10:16:06"), "boolean": True},
    {"name": "Äthen", "date": None, "start": None, "end": None, "boolean": None},
]  # fmt: skip
TYPES = {
    "date": pa.date32(),
    "start": pa.timestamp("us", tz="UTC"),
    "end": pa.timestamp("us", tz="UTC"),
    "boolean": pa.bool_(),
}


@pytest.fixture(scope="module", params=sorted(STORES))
def places(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    store = STORES[request.param](tmp_path_factory.mktemp("places"), Clock())
    geoms = [shapely.to_wkb(shapely.Point(i * 10, 50)) for i in range(len(ROWS))]
    rows = [{"id": str(i), "geom": g, **r} for i, (g, r) in enumerate(zip(geoms, ROWS, strict=True))]
    store.write(LAYER, [batch(rows, **TYPES)], delivered(day(2020)))
    yield store
    store.close()


def count(store: Store, text: str) -> int:
    """Rows that a filter selects; the same filter as JSON selects as many (/conf/cql2-json/validate)."""
    said = cql2.parse(text)
    also = cql2.parse(json.dumps(cql2.as_json(said)), lang="cql2-json")
    found = store.count(query(filter=said))
    assert store.count(query(filter=also)) == found
    return found


VALUES = {
    "name": "'foo'", "version": "1", "boolean": "true", "start": "TIMESTAMP('2022-04-14T14:48:46Z')",
    '"date"': "DATE('2022-04-14')",
}  # fmt: skip


@pytest.mark.parametrize("name", VALUES)
@pytest.mark.parametrize("signs", [("=", "<>"), (">", "<="), ("<", ">=")])
def test_conf_basic_cql2_comparison(places: Store, name: str, signs: tuple[str, str]) -> None:
    """/conf/basic-cql2/comparison: opposites have no item in common. False comes before true."""
    one, other = (f"{name} {sign} {VALUES[name]}" for sign in signs)
    assert count(places, f"({one}) AND ({other})") == 0
    assert count(places, one) + count(places, other) == count(places, f"{name} IS NOT NULL")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # /conf/basic-cql2/test-data
        ('"date" IS NOT NULL', 3), ('"date" IS NULL', 1), ("\"date\"=DATE('2022-04-16')", 1),
        ("\"date\">=DATE('2022-04-16')", 2), ("\"date\"<>DATE('2022-04-16')", 2),
        ("start=TIMESTAMP('2022-04-16T10:13:19Z')", 1), ("start<=TIMESTAMP('2022-04-16T10:13:19Z')", 2),
        ("start<TIMESTAMP('2022-04-16T10:13:19Z')", 1), ("start>TIMESTAMP('2022-04-16T10:13:19Z')", 1),
        ("boolean=true", 2), ("boolean=false", 1), ("name='København'", 1), ("true", 4), ("false", 0),
        # /conf/temporal-functions/test-data
        ("t_after(\"date\",date('2022-04-16'))", 1), ("t_before(\"date\",date('2022-04-16'))", 1),
        ("t_disjoint(\"date\",date('2022-04-16'))", 2), ("t_equals(\"date\",date('2022-04-16'))", 1),
        ("t_after(\"date\",interval('2022-01-01','2022-12-31'))", 1),
        ("t_equals(\"date\",interval('2022-01-01','2022-12-31'))", 0),
        ("t_equals(\"date\",interval('2022-04-16','2022-04-16'))", 1),
        ("t_intersects(\"date\",interval('2022-01-01','2022-12-31'))", 1),
        ("t_after(start,interval('2022-01-01T00:00:00Z','2022-12-31T23:59:59Z'))", 0),
        ("t_before(start,interval('2022-01-01T00:00:00Z','2022-12-31T23:59:59Z'))", 1),
        ("t_intersects(start,interval('2022-01-01T00:00:00Z','2022-12-31T23:59:59Z'))", 2),
        ("t_after(interval(start,end),interval('..','2022-04-16T10:13:19Z'))", 1),
        ("t_before(interval(start,end),interval('2023-01-01T00:00:00Z','..'))", 2),
        ("t_disjoint(interval(start,end),interval('2022-04-16T10:13:19Z','2022-04-16T10:15:09Z'))", 1),
        ("t_equals(interval(start,end),interval('2021-04-16T10:15:59Z','2022-04-16T10:16:06Z'))", 1),
        ("t_intersects(interval(start,end),interval('2022-04-16T10:13:19Z','2022-04-16T10:15:09Z'))", 2),
        ("T_CONTAINS(interval(start,end),interval('2022-04-16T10:13:19Z','2022-04-16T10:15:10Z'))", 1),
        ("T_DURING(interval(start,end),interval('2022-01-01T00:00:00Z','2022-12-31T23:59:59Z'))", 1),
        ("T_FINISHES(interval(start,end),interval('2022-04-16T10:13:19Z','2022-04-16T10:16:06Z'))", 1),
        ("T_FINISHEDBY(interval(start,end),interval('2022-04-16T10:13:19Z','2022-04-16T10:16:06Z'))", 1),
        ("T_MEETS(interval(start,end),interval('2022-04-16T10:13:19Z','2022-04-16T10:15:10Z'))", 0),
        ("T_METBY(interval(start,end),interval('2022-04-16T10:13:19Z','2022-04-16T10:15:10Z'))", 1),
        ("T_OVERLAPPEDBY(interval(start,end),interval('2020-04-16T10:13:19Z','2022-04-16T10:15:10Z'))", 2),
        ("T_OVERLAPS(interval(start,end),interval('2022-04-16T10:13:19Z','2023-04-16T10:15:10Z'))", 1),
        ("T_STARTEDBY(interval(start,end),interval('2022-04-16T10:13:19Z','2022-04-16T10:15:10Z'))", 1),
        ("T_STARTS(interval(start,end),interval('2022-04-16T10:13:19Z','2022-04-16T10:15:10Z'))", 0),
        # Folding
        ("ACCENTI(name) LIKE accenti('Ä%')", 1), ("ACCENTI(name) LIKE accenti('A%')", 1),
        ("CASEI(name) = casei('KØBENHAVN')", 1), ("CASEI(name) IN (casei('kYOTO'), casei('kyiv'))", 2),
        # /conf/basic-spatial-functions/test-data
        ("S_INTERSECTS(geom,BBOX(0,40,10,60))", 2), ("S_INTERSECTS(geom,BBOX(150,-90,-150,90))", 0),
    ],
)  # fmt: skip
def test_conf_test_data(places: Store, text: str, expected: int) -> None:
    """The standard's predicates and expected counts, as text and as JSON.

    /conf/basic-cql2/boolean, /conf/basic-cql2/test-data, /conf/temporal-functions/test-data,
    /conf/basic-spatial-functions/test-data, /conf/cql2-text/validate, /conf/cql2-json/validate.
    """
    assert count(places, text) == expected


FOLDED = {
    "casei-like": ("CASEI(name) LIKE casei('ky%')", "CASEI(name) LIKE casei('KY%')", 2),
    "accenti-like": ("ACCENTI(name) LIKE accenti('Ä%')", "ACCENTI(name) LIKE accenti('A%')", 1),
    "accenti-casei": (
        "ACCENTI(CASEI(name)) = accenti(casei('ÄTHEN'))", "ACCENTI(CASEI(name)) = accenti(casei('athen'))", 1,
    ),
    "accenti-casei-like": (
        "ACCENTI(CASEI(name)) LIKE accenti(casei('Ä%'))", "ACCENTI(CASEI(name)) LIKE accenti(casei('a%'))", 1,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FOLDED)
def test_conf_folded_patterns(places: Store, name: str) -> None:
    """/conf/case-insensitive-comparison/casei-like, /conf/accent-insensitive-comparison/accenti-like,
    /conf/accent-insensitive-comparison/accenti-casei, /conf/accent-insensitive-comparison/accenti-casei-like.
    """
    one, other, expected = FOLDED[name]
    assert count(places, one) == count(places, other) == count(places, f"({one}) AND ({other})") == expected


@pytest.mark.parametrize("fold", ["CASEI", "ACCENTI"])
def test_conf_folded_opposites(places: Store, fold: str) -> None:
    """/conf/case-insensitive-comparison/casei, /conf/accent-insensitive-comparison/accenti."""
    one, other = f"{fold}(name) = {fold}('kyoto')", f"{fold}(name) <> {fold}('kyoto')"
    assert count(places, f"({one}) AND ({other})") == 0
    assert count(places, one) + count(places, other) == len(ROWS)


@pytest.mark.parametrize("name", ["name", "version", "boolean", "start", '"date"', "geom"])
def test_conf_basic_cql2_is_null(places: Store, name: str) -> None:
    """/conf/basic-cql2/is-null, /conf/basic-cql2/basic-test."""
    assert count(places, f"{name} IS NULL AND {name} is not null") == 0
    assert count(places, f"{name} IS NULL") + count(places, f"{name} is not null") == len(ROWS)


def test_conf_advanced_comparison(places: Store) -> None:
    """/conf/advanced-comparison-operators/like, /conf/advanced-comparison-operators/between,
    /conf/advanced-comparison-operators/in, /conf/advanced-comparison-operators/test-data.
    """
    assert count(places, "name LIKE '_%' AND name LIKE ''") == 0
    assert count(places, "name LIKE '%'") == count(places, "name LIKE '%%'") == len(ROWS)
    assert count(places, r"name LIKE '\%\_'") == 0
    assert count(places, "version BETWEEN 0 AND 100") == len(ROWS)
    assert count(places, "version between 100.0 and 1.0") == 0
    assert count(places, "version IN (1, 2, 3)") == len(ROWS)
    assert (count(places, "name LIKE 'Ky_to'"), count(places, "name NOT LIKE 'Ky_to'")) == (1, 3)
    assert (count(places, "boolean in (true)"), count(places, "boolean not in (false)")) == (2, 2)
    days = "(DATE('2021-04-16'),DATE('2022-04-16'),DATE('2022-04-18'))"
    assert (count(places, f'"date" in {days}'), count(places, f'"date" not in {days}')) == (2, 1)
    assert count(places, "start in ('2022-04-16T10:13:19Z', '2022-04-14T15:52:56Z')") == 1
    assert count(places, "\"date\" in ('2022-04-16', '2022-04-15')") == 1
    moment = "(TIMESTAMP('2022-04-16T10:13:19Z'))"
    assert (count(places, f"start in {moment}"), count(places, f"start not in {moment}")) == (1, 2)


@pytest.mark.parametrize("name", VALUES)
@pytest.mark.parametrize("signs", [("=", "<>"), (">", "<="), ("<", ">=")])
def test_conf_property_property_comparison_value_property(
    places: Store, name: str, signs: tuple[str, str]
) -> None:
    """/conf/property-property/comparison-value-property."""
    one, other = (f"{VALUES[name]} {sign} {name}" for sign in signs)
    assert count(places, f"({one}) AND ({other})") == 0
    assert count(places, one) + count(places, other) == count(places, f"{name} IS NOT NULL")


@pytest.mark.parametrize("name", VALUES)
def test_conf_property_property(places: Store, name: str) -> None:
    """/conf/property-property/comparison-property-property, /conf/property-property/comparison-value-value."""
    for side, all_ in ((name, count(places, f"{name} IS NOT NULL")), (VALUES[name], len(ROWS))):
        for sign in ("<>", "<", ">"):
            assert count(places, f"{side} {sign} {side}") == 0
        for sign in ("=", "<=", ">="):
            assert count(places, f"{side} {sign} {side}") == all_


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("'København'=name", 1), ("'København'<name", 1), ('start<"end"', 3), ('start="end"', 0),
        ("'København' LIKE 'K_benhavn'", 4), ("'København' NOT LIKE 'K_benhavn'", 0),
        ("S_INTERSECTS(BBOX(0,40,10,60),geom)", 2), ("S_WITHIN(POINT(10 50),geom)", 1),
        ("t_after(date('2022-04-16'),\"date\")", 1), ("t_before(interval('2022-01-01','2022-12-31'),\"date\")", 1),
        ("T_DURING(interval('2022-07-01T00:00:00Z','2022-12-31T23:59:59Z'),interval(start,\"end\"))", 1),
        ("T_MEETS(interval('2022-04-16T10:13:19Z','2022-04-16T10:15:10Z'),interval(start,\"end\"))", 1),
        # /conf/arithmetic: the standard's expressions, on the version, which is 1
        ("version=1038287-1038280-6", 4), ("version>=1038290-2*2^0-1038287", 4), ("version>1038290-20/10-1038287", 0),
        ("version>1038290-21 div 10-1038288", 4), ("version>1038290-5%2-1038289", 4), ("version<>3-2^1", 0),
        ("version between 4000000/4000000 and (3*(1+1))", 4), ("version not in (1000000+38288,4-3)", 0),
        ("1038280+8-1038287=version", 4),
    ],
)  # fmt: skip
def test_conf_property_property_and_arithmetic(places: Store, text: str, expected: int) -> None:
    """/conf/property-property/test-data, /conf/arithmetic/arithmetic, /conf/arithmetic/test-data."""
    assert count(places, text) == expected


WHOLE = ("BBOX(-180,-90,180,90)", "POLYGON((-180 -90,180 -90,180 90,-180 90,-180 -90))")


@pytest.mark.parametrize(
    ("name", "literals", "expected"),
    [
        ("S_INTERSECTS", (*WHOLE, "LINESTRING(10 50,20 50)", "POINT(10 50)"), (4, 4, 2, 1)),
        ("S_DISJOINT", (*WHOLE, "LINESTRING(10 50,20 50)", "POINT(10 50)"), (0, 0, 2, 3)),
        ("S_EQUALS", (*WHOLE[1:], "LINESTRING(7 50,10 51)", "POINT(10 50)"), (0, 0, 1)),
        ("S_TOUCHES", (*WHOLE, "LINESTRING(7 50,10 50)"), (0, 0, 1)),
        ("S_CROSSES", (*WHOLE, "LINESTRING(7 50,10 51)"), (0, 0, 0)),
        ("S_WITHIN", (*WHOLE, "LINESTRING(7 50,13 50)", "MULTIPOINT(10 50,20 50)"), (4, 4, 1, 2)),
        ("S_CONTAINS", (*WHOLE, "LINESTRING(7 50,13 50)", "MULTIPOINT(10 50,20 50)"), (0, 0, 0, 0)),
        ("S_OVERLAPS", ("MULTIPOINT(10 50,20 50)",), (0,)),
    ],
)
def test_conf_spatial_functions(
    places: Store, name: str, literals: tuple[str, ...], expected: tuple[int, ...]
) -> None:
    """/conf/spatial-functions/s_intersects, /conf/spatial-functions/s_disjoint, /conf/spatial-functions/s_equals,
    /conf/spatial-functions/s_touches, /conf/spatial-functions/s_crosses, /conf/spatial-functions/s_within,
    /conf/spatial-functions/s_contains, /conf/spatial-functions/s_overlaps.
    """
    assert tuple(count(places, f"{name}(geom,{one})") for one in literals) == expected


@pytest.mark.parametrize("point", ["POINT(90 180)", "MULTIPOINT(7.02 49.92, 90 180)"])
def test_conf_spatial_invalid_coordinate(places: Store, point: str) -> None:
    """/conf/basic-spatial-functions/s_intersects, /conf/basic-spatial-functions-plus/s_intersects."""
    with pytest.raises((InvalidFilter, OutsideCRSArea)):
        count(places, f"S_INTERSECTS(geom,{point})")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("S_INTERSECTS(geom,BBOX(-180,-90,-90,90)) AND S_INTERSECTS(geom,BBOX(90,-90,180,90))", 0),
        ("S_INTERSECTS(geom,LINESTRING(-180 50, 0 50))", 1),
        ("S_INTERSECTS(geom,MULTILINESTRING((-180 -45, 0 -45), (0 50, 15 50)))", 2),
        ("S_INTERSECTS(geom,POLYGON((-10 40,40 40,40 60,-10 60,-10 40),(5 45,15 45,15 55,5 55,5 45)))", 3),
        ("S_INTERSECTS(geom,MULTIPOLYGON(((-10 40,5 40,5 60,-10 40)),((15 40,25 40,25 60,15 60,15 40))))", 2),
        ("S_INTERSECTS(geom,GEOMETRYCOLLECTION(POINT(0 50), POLYGON((15 40,25 40,25 60,15 60,15 40))))", 2),
    ],
)
def test_conf_basic_spatial_functions_plus(places: Store, text: str, expected: int) -> None:
    """/conf/basic-spatial-functions-plus/s_intersects, /conf/basic-spatial-functions-plus/test-data."""
    assert count(places, text) == expected


LOGICAL = ("name<>'København'", "name>'Kyiv'", "start IS NULL", "boolean=true", "\"date\">DATE('2022-04-16')",
           "S_INTERSECTS(geom,POINT(10 50))", "CASEI(name) LIKE casei('K%')", "version+1=2",
           "t_after(start,TIMESTAMP('2022-04-16T10:13:19Z'))", 'start<"end"')  # fmt: skip


def truth(store: Store, text: str) -> dict[str, bool | None]:
    """What a predicate is of each row: by two questions, since only what is true is answered."""
    true, false = (
        set(store.read(query(filter=cql2.parse(said)))["id"].to_pylist()) for said in (text, f"NOT ({text})")
    )
    return {str(i): True if str(i) in true else False if str(i) in false else None for i in range(len(ROWS))}


def test_conf_logical(places: Store) -> None:
    """Kleene's logic of what the predicates themselves answer, in ten random combinations of four.

    /conf/basic-cql2/logical, /conf/advanced-comparison-operators/logical, /conf/property-property/logical,
    /conf/spatial-functions/logical, /conf/basic-spatial-functions/logical, /conf/temporal-functions/logical,
    /conf/case-insensitive-comparison/logical, /conf/arithmetic/logical.
    """
    known = {text: truth(places, text) for text in LOGICAL}
    chance = random.Random(21065)

    def no(a: bool | None) -> bool | None:
        return None if a is None else not a

    def both(a: bool | None, b: bool | None) -> bool | None:
        return False if False in (a, b) else None if None in (a, b) else True

    def either(a: bool | None, b: bool | None) -> bool | None:
        return no(both(no(a), no(b)))

    for _ in range(10):
        texts = chance.sample(LOGICAL, 4)
        p, q, r, s = texts
        said = f"((NOT {p} AND {q}) OR ({r} and NOT {s}) or not ({p} AND {s}))"
        expected = 0
        for row in known[p]:
            a, b, c, d = (known[text][row] for text in texts)
            expected += either(either(both(no(a), b), both(c, no(d))), no(both(a, d))) is True
        assert count(places, said) == expected, said


@pytest.mark.parametrize("text", ["it''s", "a\tb", "a\nb", "a\x07b", "a\x08b", "a\x0bb", "a\x0cb", "a\rb"])
def test_conf_cql2_text_escaping(text: str) -> None:
    """/conf/cql2-text/escaping: what is between the quotes is what was meant."""
    said = cql2.parse(f"name = '{text}'")
    assert text.replace("''", "'") in said.args
