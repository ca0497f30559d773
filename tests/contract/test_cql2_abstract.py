"""The abstract tests of CQL2 (OGC 21-065r2, annex A) that can be asked of a store, by their identifiers.

The standard's data are Natural Earth's; these rows are invented, but for the columns `date`, `start`, `end`
and `boolean`, which are filled so that the expected counts of the standard's own tables follow from them.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime

import pyarrow as pa
import pytest
import shapely
from store_support import LAYER, STORES, Clock, batch, day, delivered, query

from twin import cql2
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
    return store.count(query(filter=cql2.parse(text)))


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
        # /conf/accent-insensitive-comparison/accenti-like, /conf/case-insensitive-comparison/casei
        ("ACCENTI(name) LIKE accenti('Ä%')", 1), ("ACCENTI(name) LIKE accenti('A%')", 1),
        ("CASEI(name) = casei('KØBENHAVN')", 1), ("CASEI(name) IN (casei('kYOTO'), casei('kyiv'))", 2),
        # /conf/basic-spatial-functions/test-data
        ("S_INTERSECTS(geom,BBOX(0,40,10,60))", 2), ("S_INTERSECTS(geom,BBOX(150,-90,-150,90))", 0),
    ],
)  # fmt: skip
def test_conf_test_data(places: Store, text: str, expected: int) -> None:
    """/conf/…/test-data: the standard's predicates and expected counts."""
    assert count(places, text) == expected
