"""What a query gives back: filters, boxes, pages, columns and their names."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pyarrow as pa
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from store_support import LAYER, OPEN_POLICY, START, STORES, Clock, batch, day, delivered, ids, query, square

from twin.errors import InvalidFilter, InvalidParameter, UnknownProperty
from twin.model import BBox, Column, Op, Property, Sort, Titles
from twin.store import Store
from twin.table import SIZE

ROWS: list[dict[str, Any]] = [
    {"id": "a", "name": "一号楼", "height": 10.0, "storeys": 3, "listed": True, "built": date(1990, 5, 1)},
    {"id": "b", "name": "Straße 2", "height": 20.0, "storeys": None, "listed": False, "built": None},
    {"id": "c", "name": "50%_\\x", "height": None, "storeys": 7, "listed": None, "built": date(2001, 1, 1)},
    {"id": "d", "name": None, "height": -1.5, "storeys": 2**60, "listed": True, "built": date(1980, 1, 1)},
    {
        "id": "e",
        "name": "O'Brien\"; DROP TABLE live_1; --",
        "height": 20.0,
        "storeys": 0,
        "listed": False,
        "built": None,
    },
]
TYPES = {
    "name": pa.string(),
    "height": pa.float64(),
    "storeys": pa.int64(),
    "listed": pa.bool_(),
    "built": pa.date32(),
}


@pytest.fixture
def filled(store: Store) -> Store:
    rows = [{**r, "geom": square(118 + n * 0.1)} for n, r in enumerate(ROWS)]
    store.write(LAYER, [batch(rows, **TYPES)], delivered(day(2021)))
    return store


def op(name: str, *args: Any) -> Op:
    return Op(op=name, args=args)


def p(name: str) -> Property:
    return Property(name=name)


@pytest.mark.parametrize(
    ("condition", "wanted"),
    [
        (op("=", p("height"), 20), "be"),
        (op("<>", p("height"), 20), "ad"),
        (op("not", op("=", p("height"), 20)), "ad"),
        (op("or", op("=", p("height"), 20), op("isNull", p("height"))), "bce"),
        (op("and", op(">=", p("height"), -1.5), op("<", p("height"), 20)), "ad"),
        (op("between", p("storeys"), 0, 7), "ace"),
        (op("in", p("id"), ["a", "e", "zz"]), "ae"),
        (op("in", p("name"), []), ""),
        (op("not", op("in", p("name"), ["一号楼"])), "bce"),
        (op("like", p("name"), "%号%"), "a"),
        (op("like", p("name"), "50\\%\\_\\\\x"), "c"),
        (op("like", p("name"), "O'Brien\"; DROP TABLE live_1; --"), "e"),
        (op("=", p("name"), "O'Brien\"; DROP TABLE live_1; --"), "e"),
        (op("like", p("name"), "strasse%"), ""),
        (op("like", p("name"), "_号楼"), "a"),
        (p("listed"), "ad"),
        (op("not", p("listed")), "be"),
        (op("=", p("listed"), False), "be"),
        (op(">", p("built"), "1985-01-01"), "ac"),
        (op("<=", p("valid_from"), day(2021)), "abcde"),
        (op(">", p("valid_from"), "2021-01-01T00:00:00Z"), ""),
        (op(">", p("storeys"), p("height")), "d"),
        (op(">", p("storeys"), 2**53), "d"),
        (op("=", p("source"), "survey"), "abcde"),
        (True, "abcde"),
        (op("and"), "abcde"),
        (op("or"), ""),
    ],
)
def test_a_filter_means_what_cql2_says(filled: Store, condition: Any, wanted: str) -> None:
    assert ids(filled, filter=condition) == list(wanted)
    assert filled.count(query(filter=condition)) == len(wanted)


@pytest.mark.parametrize(
    "condition",
    [
        op("=", p("height"), "tall"),
        op("=", p("name"), 3),
        op("=", p("height"), True),
        op("like", p("height"), "1%"),
        op("like", p("name"), "a\\"),
        op("=", p("name"), p("height")),
        op("between", p("height"), 1),
        op("casei", p("name")),
        op("=", p("name"), None),
        op(">", p("built"), "yesterday"),
        p("name"),
        "height > 3",
    ],
)
def test_a_filter_of_wrong_types_is_refused(filled: Store, condition: Any) -> None:
    with pytest.raises(InvalidFilter):
        filled.read(query(filter=condition))
    with pytest.raises(InvalidFilter):
        filled.count(query(filter=condition))


def test_an_unknown_property_is_named_with_those_there_are(filled: Store) -> None:
    for asked in (
        {"filter": op("=", p("colour"), 1)},
        {"sort": (Sort(column="colour"),)},
        {"columns": ("colour",)},
    ):
        with pytest.raises(UnknownProperty, match=r"colour.*height"):
            filled.read(query(**asked))


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("column", ["height", "name", "storeys", "built", "listed", "id", "valid_from"])
def test_pages_neither_repeat_nor_miss(filled: Store, column: str, descending: bool) -> None:
    sort = (Sort(column=column, descending=descending),)
    whole = filled.read(query(sort=sort))
    seen: list[str] = []
    after = None
    while True:
        page = filled.read(query(sort=sort, limit=2, after=after))
        if not page.num_rows:
            break
        seen += page["id"].to_pylist()
        last = page.slice(page.num_rows - 1).to_pylist()[0]
        after = (last[column], last["id"])
    assert seen == whole["id"].to_pylist()
    nulls = [v is None for v in whole[column].to_pylist()]
    assert nulls == sorted(nulls)


def test_a_page_needs_a_value_for_each_key(filled: Store) -> None:
    with pytest.raises(InvalidParameter):
        filled.read(query(sort=(Sort(column="height"),), after=("a",)))


def test_a_limit_of_nothing_gives_nothing(filled: Store) -> None:
    assert ids(filled, limit=0) == []
    assert filled.count(query(limit=0)) == 5


def test_ids_come_once_and_unknown_ones_not_at_all(filled: Store) -> None:
    assert ids(filled, ids=("e", "a", "a", "nobody")) == ["a", "e"]
    assert ids(filled, ids=()) == []
    assert ids(filled, ids=("a", "e"), filter=op("=", p("height"), 20)) == ["e"]
    assert ids(filled, ids=(*(f"x{n}" for n in range(500)), "c")) == ["c"]


def test_only_the_columns_asked_for_come(filled: Store) -> None:
    names = filled.read(query(columns=("storeys", "name"), geometry=False)).column_names
    assert names[-2:] == ["storeys", "name"]
    assert "geom" not in names
    assert "height" not in names
    assert filled.read(query(columns=(), limit=1)).column_names[:2] == ["id", "geom"]


def test_columns_that_have_our_names_come_back_under_their_own(store: Store) -> None:
    row = {
        "id": "a",
        "hash": "h",
        "size": 3,
        "hkey": 1,
        "minx": 2.0,
        "a0": "x",
        'we"ird': 1,
        "Name": 1,
        "name": 2,
    }
    store.write(LAYER, [batch([{**row, "source": "theirs", "version": 9}])], delivered(day(2021)))
    (back,) = store.read(query()).to_pylist()
    assert {k: back[k] for k in row} == row
    assert (back["source"], back["source_"], back["version"], back["version_"]) == ("survey", "theirs", 1, 9)
    assert ids(store, filter=op("=", p('we"ird'), 1)) == ["a"]


def test_types_only_widen_and_columns_stay(store: Store) -> None:
    store.write(LAYER, [batch([{"id": "a", "v": 1, "w": 2.5, "gone": "x"}])], delivered(day(2021)))
    report = store.write(
        LAYER, [batch([{"id": "a", "v": 1.0, "w": "2.5", "gone": "x"}])], delivered(day(2022))
    )
    assert report.unchanged == 1
    store.write(LAYER, [batch([{"id": "a", "v": 1.5, "w": "two"}])], delivered(day(2023)))
    types = {c.name: c.type for c in store.layer("buildings", OPEN_POLICY).layer.columns}
    assert types == {"v": "number", "w": "string", "gone": "string"}
    assert store.read(query()).to_pylist()[0]["gone"] is None
    (old,) = store.read(query(at=day(2021))).to_pylist()
    assert (old["v"], old["w"], old["gone"]) == (1.0, "2.5", "x")


def test_a_column_that_widens_within_one_delivery_is_taken(store: Store) -> None:
    pieces = [batch([{"id": "a", "v": 1}]), batch([{"id": "b", "v": "x"}]), batch([{"id": "c", "u": True}])]
    store.write(LAYER, pieces, delivered(day(2021)))
    assert store.read(query())["v"].to_pylist() == ["1", "x", None]


def test_a_layer_keeps_what_was_said_of_its_columns(store: Store) -> None:
    height = Column(name="height", type="number", unit="m", title=Titles(zh="高度"))
    described = LAYER.__class__(id="buildings", kind="buildings", title=Titles(en="B"), columns=(height,))
    store.describe(described)
    store.write(LAYER, [batch([{"id": "a", "height": 3}])], delivered(day(2021)))
    assert store.layer("buildings", OPEN_POLICY).layer.columns == (height,)
    assert store.read(query())["height"].to_pylist() == [3.0]


def test_a_box_takes_what_its_edge_cuts_and_not_what_only_its_corner_nears(store: Store) -> None:
    triangle = shapely.to_wkb(shapely.Polygon([(118, 38), (119, 38), (118, 39)]))
    line = shapely.to_wkb(shapely.LineString([(118, 38, 1), (119, 39, 2)]))
    point = shapely.to_wkb(shapely.Point(118.875, 38.875))
    rows = [
        {"id": "t", "geom": triangle},
        {"id": "l", "geom": line},
        {"id": "p", "geom": point},
        {"id": "n", "geom": None},
    ]
    store.write(LAYER, [batch(rows)], delivered(day(2021)))
    far = BBox(west=118.8, south=38.8, east=120, north=40)
    assert ids(store, bbox=far) == ["l", "p"]
    assert store.count(query(bbox=far)) == 2
    assert ids(store, bbox=BBox(west=118.875, south=38.875, east=118.875, north=38.875)) == ["l", "p"]
    assert ids(store, bbox=BBox(west=118.5, south=38, east=118.5, north=38.2)) == ["t"]
    assert store.layer("buildings", OPEN_POLICY).z == (1.0, 2.0)
    assert ids(store) == ["l", "n", "p", "t"]


def test_a_box_over_the_antimeridian_is_two(store: Store) -> None:
    rows = [
        {"id": "e", "geom": square(179.5)},
        {"id": "w", "geom": square(-179.9)},
        {"id": "far", "geom": square(0)},
    ]
    store.write(LAYER, [batch(rows)], delivered(day(2021)))
    box = BBox(west=179, south=30, east=-179, north=40)
    assert ids(store, bbox=box) == ["e", "w"]
    assert store.count(query(bbox=box)) == 2


def test_a_source_may_say_how_large_a_row_counts(store: Store) -> None:
    store.write(
        LAYER,
        [batch([{"id": "a", SIZE: 7.0, "size": "L"}, {"id": "b", SIZE: None, "size": "S"}])],
        delivered(day(2021)),
    )
    sizes = sorted(store.spread("buildings")["size"].to_pylist())
    assert sizes[0] == 7.0
    assert sizes[1] == pytest.approx(1110, abs=20)
    assert store.read(query())["size"].to_pylist() == ["L", "S"]


def test_the_catalogue_knows_extent_and_time(filled: Store) -> None:
    state = filled.layer("buildings", OPEN_POLICY)
    assert state.count == 5
    assert state.bbox == BBox(west=118, south=38, east=pytest.approx(118.41), north=38.01)
    assert state.time is not None
    assert state.time[0] == day(2021)
    assert state.updated == START
    assert filled.layers(OPEN_POLICY) == (state,)


def test_what_begins_later_counts_later(store: Store, clock: Clock) -> None:
    begins = START + timedelta(days=10)
    store.write(LAYER, [batch([{"id": "a"}, {"id": "b", "valid_from": begins}])], delivered(day(2021)))
    assert store.layer("buildings", OPEN_POLICY).count == 1 == store.count(query())
    clock.pass_(days=11)
    assert store.layer("buildings", OPEN_POLICY).count == 2 == store.count(query())


corner = st.floats(117.9, 118.6).map(lambda v: round(v, 3))


@pytest.mark.parametrize("name", sorted(set(STORES) - {"memory"}))
@settings(
    max_examples=10,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(
    shapes=st.lists(st.tuples(corner, corner, corner, corner), min_size=1, max_size=30),
    box=st.tuples(corner, corner, corner, corner),
)
def test_boxes_agree_with_shapely(name: str, shapes: list[Any], box: Any, tmp_path_factory: Any) -> None:
    lines = [shapely.LineString([(a, b - 80), (c, d - 80)]) for a, b, c, d in shapes if (a, b) != (c, d)]
    (west, east), (south, north) = sorted(box[:2]), sorted(v - 80 for v in box[2:])
    store = STORES[name](tmp_path_factory.mktemp("s"), Clock())
    try:
        rows = [{"id": f"{n:02}", "geom": shapely.to_wkb(g)} for n, g in enumerate(lines)]
        store.describe(LAYER)
        store.write(LAYER, [batch(rows)] if rows else [], delivered(day(2021)))
        asked = BBox(west=west, south=south, east=east, north=north)
        if west < east and south < north:
            wanted = [
                r["id"]
                for r, g in zip(rows, lines, strict=True)
                if g.intersects(shapely.box(west, south, east, north))
            ]
            assert ids(store, bbox=asked) == wanted
            assert store.count(query(bbox=asked)) == len(wanted)
    finally:
        store.close()
