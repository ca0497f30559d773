"""Filters: each row of the table of semantics, and random ones, over every store; memory is the oracle."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import cql2_support
import pyarrow as pa
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from store_support import LAYER, STORES, Clock, batch, day, delivered, ids, query

from twin import cql2
from twin.errors import InvalidFilter, UnknownProperty
from twin.store import Store

OTHERS = sorted(set(STORES) - {"memory"})


def filled(name: str, folder: Any, rows: Any) -> Store:
    store = STORES[name](folder, Clock())
    store.write(LAYER, [rows], delivered(day(2020)))
    return store


@pytest.fixture(scope="module", params=OTHERS)
def pair(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Store, Store]]:
    rows = cql2_support.rows()
    stores = (
        filled("memory", tmp_path_factory.mktemp("cql2"), rows),
        filled(request.param, tmp_path_factory.mktemp("cql2"), rows),
    )
    yield stores
    for store in stores:
        store.close()


@settings(max_examples=250, deadline=None, suppress_health_check=list(HealthCheck))
@given(condition=cql2_support.filters)
def test_every_store_answers_as_plain_python_does(pair: tuple[Store, Store], condition: Any) -> None:
    try:
        expected = ids(pair[0], filter=condition)
    except InvalidFilter:  # an interval that ends before it begins, a pattern that ends within an escape
        with pytest.raises(InvalidFilter):
            ids(pair[1], filter=condition)
        return
    assert ids(pair[1], filter=condition) == expected
    assert pair[1].count(query(filter=condition)) == len(expected)


@pytest.fixture(scope="module", params=sorted(STORES))
def few(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A handful of rows of which the answers can be counted by hand."""
    shapes = [
        "POLYGON((118 38,118.02 38,118.02 38.02,118 38.02,118 38))", "POINT(118.0078125 38.0078125)", "POINT(118 38)",
        "LINESTRING(118 38,118.0625 38.0625)", None,
        "POLYGON((118.02 38,118.04 38,118.04 38.02,118.02 38.02,118.02 38))",
    ]  # fmt: skip
    values: list[dict[str, Any]] = [
        {"name": "Straße", "h": 7.0, "n": 1, "flag": True, "tags": ["a", "b"]},
        {"name": "STRASSE", "h": -7.0, "n": 2, "flag": False, "tags": ["b"]},
        {"name": "École", "h": 0.0, "n": 0, "flag": None, "tags": ["c"], "codes": [1, 2]},
        {"name": "医院", "h": None, "n": None, "flag": True, "tags": []},
        {"name": None, "h": 2.5, "n": 5, "flag": False, "tags": None},
        {"name": "100%_", "h": 1.0, "n": 2, "flag": None, "tags": None, "codes": [2]},
    ]
    rows = [
        {"id": str(i), "geom": shapely.to_wkb(shapely.from_wkt(s)) if s else None, **v}
        for i, (s, v) in enumerate(zip(shapes, values, strict=True))
    ]
    types = {n: cql2_support.TYPES[n] for n in (*values[0], "codes", "d", "t", "t2")}
    for row, (d, t, t2) in zip(rows, _times(), strict=True):
        row |= {"d": d, "t": t, "t2": t2}
    store = filled(request.param, tmp_path_factory.mktemp("few"), batch(rows, **types))
    yield store
    store.close()


def _times() -> list[tuple[Any, Any, Any]]:
    return [
        (day(2022, 4, 15).date(), day(2022, 4, 15), day(2022, 4, 17)),
        (day(2022, 4, 16).date(), day(2022, 4, 16).replace(hour=10), day(2022, 4, 16).replace(hour=12)),
        (day(2022, 4, 17).date(), day(2022, 4, 17), None),
        (None, None, None),
        (day(2022, 4, 16).date(), day(2022, 4, 16), day(2022, 4, 17)),
        (day(2023).date(), day(2023), day(2024)),
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # NULL: three-valued, only what is true is an answer
        ("h > 1", "04"),
        ("NOT h > 1", "125"),
        ("h IS NULL", "3"),
        ("h IS NOT NULL", "01245"),
        ("name NOT IN ('École')", "0135"),
        ("name NOT LIKE 'S%'", "235"),
        ("h NOT BETWEEN 0 AND 3", "01"),
        ("flag", "03"),
        ("NOT flag", "14"),
        ("flag = FALSE", "14"),
        ("flag < TRUE", "14"),
        ("flag AND h > 1", "0"),
        ("flag OR h IS NULL OR h > 1", "034"),
        ("(h > 1) = TRUE", "04"),
        ("TRUE", "012345"),
        ("FALSE", ""),
        # Text: by code point, patterns by code point
        ("name > 'Z'", "23"),
        ("name < 'Straße'", "15"),
        ("name = 'strasse'", ""),
        ("name LIKE '医_'", "3"),
        ("name = '100%_'", "5"),
        (r"name LIKE '100\%%'", "5"),
        (r"name LIKE '100\_%'", ""),
        ("name LIKE 's%'", ""),
        ("CASEI(name) = CASEI('strasse')", "01"),
        ("CASEI(name) LIKE CASEI('STRASS_')", "01"),
        ("CASEI(name) IN (CASEI('STRAßE'), 'x')", "01"),
        ("ACCENTI(name) = 'Ecole'", "2"),
        ("CASEI(ACCENTI(name)) = ACCENTI(CASEI('ÉCOLE'))", "2"),
        ("length(name) = 2", "3"),
        # Arithmetic
        ("h / 2 = 3.5", "0"),
        ("n / 2 = 0.5", "0"),
        ("h div 2 = 3", "0"),
        ("h div 2 = -3", "1"),
        ("h % 2 = 1", "05"),
        ("h % 2 = -1", "1"),
        ("n / n = 1", "0145"),
        ("(n / 0) IS NULL", "012345"),
        ("NOT n / 0 = 1", ""),
        ("2 * n ^ 2 = 8", "15"),
        ("-n = -5", "4"),
        ("h BETWEEN n - 1 AND n + 6", "025"),
        ("1 + 1 = 2", "012345"),
        ("abs(h) = 7", "01"),
        ("floor(h) = 2 AND ceil(h) = 3", "4"),
        # Property and property, either side
        ("h > n", "0"),
        ("n = h", "2"),
        ("7 = h", "0"),
        # Space: DE-9IM
        ("S_INTERSECTS(geom, POINT(118.0078125 38.0078125))", "013"),
        ("S_DISJOINT(geom, POINT(118.0078125 38.0078125))", "25"),
        ("NOT S_INTERSECTS(geom, POINT(118.0078125 38.0078125))", "25"),
        ("S_CONTAINS(geom, POINT(118 38))", "2"),
        ("S_TOUCHES(geom, POINT(118 38))", "03"),
        ("S_WITHIN(geom, BBOX(118, 38, 118.02, 38.02))", "01"),
        ("S_CONTAINS(BBOX(118, 38, 118.02, 38.02), geom)", "01"),
        ("S_EQUALS(geom, BBOX(118, 38, 118.02, 38.02))", "0"),
        ("S_CROSSES(geom, BBOX(118, 38, 118.02, 38.02))", "3"),
        ("S_OVERLAPS(geom, BBOX(118.01, 38.01, 118.05, 38.05))", "05"),
        ("S_TOUCHES(geom, BBOX(118.02, 38, 118.04, 38.02))", "0"),
        ("S_INTERSECTS(geom, BBOX(170, -90, -170, 90))", ""),
        ("S_INTERSECTS(geom, BBOX(118.03, -90, -170, 90))", "35"),
        ("S_INTERSECTS(geom, POLYGON EMPTY)", ""),
        ("S_DISJOINT(geom, POLYGON EMPTY)", "01235"),
        ("geom IS NULL", "4"),
        # Time
        ("d = DATE('2022-04-16')", "14"),
        ("t >= TIMESTAMP('2022-04-16T10:00:00Z')", "125"),
        ("t = TIMESTAMP('2022-04-16T18:00:00+08:00')", "1"),
        ("T_AFTER(d, DATE('2022-04-16'))", "25"),
        ("T_EQUALS(d, INTERVAL('2022-04-16', '2022-04-16'))", "14"),
        ("T_INTERSECTS(t, DATE('2022-04-16'))", "14"),
        ("T_DISJOINT(t, DATE('2022-04-16'))", "025"),
        ("T_INTERSECTS(INTERVAL(t, t2), INTERVAL('2022-04-17T00:00:00Z', '..'))", "045"),
        ("T_BEFORE(INTERVAL(t, t2), INTERVAL('2022-04-17T00:00:00Z', '..'))", "1"),
        ("NOT T_BEFORE(INTERVAL(t, t2), INTERVAL('2022-04-17T00:00:00Z', '..'))", "045"),
        ("T_MEETS(INTERVAL(t, t2), INTERVAL('2022-04-17T00:00:00Z', '2022-05-01T00:00:00Z'))", "04"),
        ("T_METBY(INTERVAL(t, t2), INTERVAL('..', '2022-04-16T00:00:00Z'))", "4"),
        ("T_DURING(INTERVAL(t, t2), INTERVAL('2022-04-16', '2022-04-16'))", "1"),
        ("T_CONTAINS(INTERVAL(t, t2), INTERVAL('2022-04-16T10:00:00Z', '2022-04-16T12:00:00Z'))", "04"),
        ("T_STARTS(INTERVAL(t, t2), INTERVAL('2022-04-16T00:00:00Z', '2022-05-01T00:00:00Z'))", "4"),
        ("T_STARTEDBY(INTERVAL(t, t2), INTERVAL('2022-04-16T00:00:00Z', '2022-04-16T01:00:00Z'))", "4"),
        ("T_FINISHES(INTERVAL(t, t2), INTERVAL('2022-04-01T00:00:00Z', '2022-04-17T00:00:00Z'))", "04"),
        ("T_FINISHEDBY(INTERVAL(t, t2), INTERVAL('2022-04-16T12:00:00Z', '2022-04-17T00:00:00Z'))", "04"),
        ("T_OVERLAPS(INTERVAL(t, t2), INTERVAL('2022-04-15T12:00:00Z', '2022-04-17T12:00:00Z'))", "0"),
        ("T_OVERLAPPEDBY(INTERVAL(t, t2), INTERVAL('2022-04-01T00:00:00Z', '2022-04-16T11:00:00Z'))", "014"),
        ("year(t) = 2022 AND month(t) = 4 AND day(d) = 16", "14"),
        # Arrays, as sets
        ("A_CONTAINS(tags, ('b'))", "01"),
        ("A_EQUALS(tags, ('b', 'a', 'a'))", "0"),
        ("A_CONTAINEDBY(tags, ('a', 'b'))", "013"),
        ("A_OVERLAPS(tags, (2, 'a'))", "0"),
        ("NOT A_OVERLAPS(tags, (2, 'a'))", "123"),
        ("A_EQUALS(tags, ())", "3"),
        ("A_OVERLAPS(codes, (2, 'a'))", "25"),
        # What every layer has
        ("id IN ('0', '5')", "05"),
        ("T_AFTER(valid_from, DATE('2019-12-31'))", "012345"),
        ("T_INTERSECTS(INTERVAL(valid_from, valid_to), INTERVAL('2040-01-01', '..'))", "012345"),
    ],
)  # fmt: skip
def test_what_a_filter_selects(few: Store, text: str, expected: str) -> None:
    assert ids(few, filter=cql2.parse(text)) == list(expected)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("h = 'abc'", "number"),
        ("h LIKE 'a%'", "like takes a text"),
        ("nope(h) = 1", "'nope'.*casei"),
        ("h", "not true or false"),
        ("name AND TRUE", "not true or false"),
        ("length(name, name) = 1", "takes 1"),
        ("geom = POINT(1 2)", "s_equals"),
        ("S_INTERSECTS(name, POINT(1 2))", "geometry"),
        ("S_INTERSECTS(geom, 'POINT(1 2)')", "geometry"),
        ("T_DURING(t, INTERVAL('2020-01-01', '2021-01-01'))", "t is an instant"),
        ("T_MEETS(INTERVAL(t, t2), DATE('2020-01-01'))", "instant"),
        ("T_AFTER(name, DATE('2020-01-01'))", "name is a text"),
        ("T_AFTER(t, INTERVAL('2021-01-01', '2020-01-01'))", "ends before"),
        ("d = TIMESTAMP('2022-04-16T10:00:00Z')", "time of day"),
        ("d < t", "date with datetime"),
        ("INTERVAL(t, t2) IS NULL", "T_"),
        ("A_CONTAINS(tags, (h))", "members"),
        ("A_CONTAINS(name, ('a'))", "array"),
        ("name LIKE name", "same for every row"),
        (r"name LIKE 'a\'", "escape"),
        ("dayStart(d) = t", "dayStart"),
    ],
)
def test_what_cannot_be_compared_is_refused_by_name(few: Store, text: str, says: str) -> None:
    with pytest.raises(InvalidFilter, match=says):
        few.count(query(filter=cql2.parse(text)))


def test_an_unknown_property_is_named_with_those_there_are(few: Store) -> None:
    with pytest.raises(UnknownProperty, match=r"'nope'.*flag.*geom.*name"):
        few.count(query(filter=cql2.parse("nope = 1")))


def test_a_pattern_of_many_wildcards_does_not_search_for_ever(few: Store, tmp_path: Any) -> None:
    pattern = "%a" * 11 + "%b"
    condition = cql2.parse(f"name LIKE '{pattern}' OR CASEI(name) LIKE CASEI('{pattern}')")
    rows = batch([{"id": f"x{i}", "name": "a" * 100} for i in range(50)], name=pa.string())
    store = few
    assert store.count(query(filter=condition)) == 0
    opened = filled("duckdb", tmp_path, rows)
    assert opened.count(query(filter=condition)) == 0
    opened.close()
