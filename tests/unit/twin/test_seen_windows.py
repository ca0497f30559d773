"""What a policy draws otherwise than it is stored is found in the tile where it is drawn, without reading the layer."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from store_support import LAYER, OPEN_POLICY, Clock, batch, day, delivered

from twin.memory.store import MemoryStore
from twin.model import BBox, Interval, Query, Window
from twin.policy import Policy
from twin.reshape import reach, reshaped
from twin.rules import parse
from twin.space import hilbert_range
from twin.table import SIZE
from twin.tiling import cells

AREA = "POLYGON ((118.01 38.01, 118.06 38.005, 118.05 38.06, 118.03 38.03, 118.01 38.01))"
LAWS = [
    "snap = 700",
    "snap = 60",
    "generalise = 120",
    "generalise = 40\nsnap = 300",
    f'area = "{AREA}"\narea_mode = "clip"',
    f'area = "{AREA}"\narea_mode = "clip"\nsnap = 200',
]
SPOT = st.tuples(st.floats(118.0, 118.08), st.floats(38.0, 38.08))
SIDE = st.floats(0.0001, 0.03)


def horseshoe(x: float, y: float, side: float) -> shapely.Geometry:
    """An outline that is thinner than any grid and far from the middle of its box."""
    return shapely.LineString([(x, y + side), (x, y), (x + side, y), (x + side, y + side)]).buffer(side / 500)


def comet(x: float, y: float, side: float) -> shapely.Geometry:
    """A square with a long tail, which a grid cuts off."""
    tail = shapely.Polygon([(x, y), (x + side, y), (x, y + side / 1000)])
    return shapely.union_all([shapely.box(x, y, x + side / 20, y + side / 20), tail])


def two(x: float, y: float, side: float) -> shapely.Geometry:
    """A square and a speck far away."""
    squares = [
        shapely.box(x, y, x + side / 9, y + side / 9),
        shapely.box(x + side, y, x + side * 1.001, y + 1e-5),
    ]
    return shapely.multipolygons(squares)


def path(x: float, y: float, side: float) -> shapely.Geometry:
    return shapely.LineString([(x, y), (x + side, y + side / 3), (x, y + side / 2)])


SHAPES = [horseshoe, comet, two, path, lambda x, y, side: shapely.box(x, y, x + side, y + side / 2)]
SHAPE = st.builds(lambda make, spot, side: make(*spot, side), st.sampled_from(SHAPES), SPOT, SIDE)


def policy(law: str) -> Policy:
    text = f'[[rule]]\nrole = "r"\nlayers = ["buildings"]\n{law}\n'
    return Policy.of(tuple(rule.grant for rule in parse(text)))


def store_of(shapes: list[Any], **more: Any) -> MemoryStore:
    store = MemoryStore(now=Clock())
    rows = [{"id": f"s{n}", "geom": shapely.to_wkb(shape), **more} for n, shape in enumerate(shapes)]
    store.write(LAYER, [batch(rows, **{SIZE: pa.float32()} if SIZE in more else {})], delivered(day(2020)))
    return store


WINDOWS = st.builds(
    lambda level, spot, low, high: Window(
        keys=(hilbert_range(level, *_cell(level, *spot)),),
        size_min=min(low, high),
        size_max=max(low, high) + 1,
    ),
    st.integers(8, 14),
    SPOT,
    st.sampled_from([0.0, 50.0, 500.0]),
    st.sampled_from([50.0, 500.0, 5000.0, float("inf")]),
)


def _cell(level: int, lon: float, lat: float) -> tuple[int, int]:
    side = 1 << level
    return int((lon + 180) / 360 * side), int((lat + 90) / 180 * side)


@settings(deadline=None, max_examples=40)
@given(shapes=st.lists(SHAPE, min_size=1, max_size=6), law=st.sampled_from(LAWS), data=st.data())
def test_a_window_and_a_box_have_what_is_drawn_in_them(
    shapes: list[Any], law: str, data: st.DataObject
) -> None:
    store, rights = store_of(shapes), policy(law)
    query = Query(layer="buildings", policy=rights, places=True)
    drawn = store.read(query).to_pylist()
    for window in data.draw(st.lists(WINDOWS, min_size=1, max_size=4)):
        (start, end), low, high = window.keys[0], window.size_min, window.size_max
        expected = {
            r["id"]
            for r in drawn
            if r["#hkey"] is not None and start <= r["#hkey"] < end and low <= r["#size"] < high
        }
        assert set(store.read(replace(query, window=window))["id"].to_pylist()) == expected
        west, south, east, north = cells(window.keys)[0].tolist()
        inside = shapely.box(west, south, east, north)
        box = BBox(west=west, south=south, east=east, north=north)
        expected = {r["id"] for r in drawn if shapely.intersects(shapely.from_wkb(r["geom"]), inside)}
        assert set(store.read(replace(query, bbox=box))["id"].to_pylist()) == expected


@settings(deadline=None, max_examples=40)
@given(shape=SHAPE, law=st.sampled_from(LAWS))
def test_nothing_is_drawn_farther_from_what_it_stands_for_than_it_may_move(shape: Any, law: str) -> None:
    (grant,) = policy(law).grants or ()
    drawn = shapely.from_wkb(reshaped(np.array([shapely.to_wkb(shape)], object), grant))[0]
    if drawn is None or drawn.is_empty:
        return
    margin = reach([grant])
    places = shapely.points(shapely.get_coordinates(shapely.segmentize(drawn, margin)))
    assert shapely.dwithin(places, shape, np.sqrt(2) * margin).all()


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many rows each question of a policy made the store itself read."""
    counts: list[int] = []
    plain = MemoryStore.read

    def counted(self: MemoryStore, query: Query) -> pa.Table:
        rows = plain(self, query)
        if query.policy == OPEN_POLICY:
            counts.append(rows.num_rows)
        return rows

    monkeypatch.setattr(MemoryStore, "read", counted)
    return counts


def test_a_tile_reads_what_is_near_it_alone(read: list[int]) -> None:
    spots = [(100 + 0.5 * n, 30 + 0.1 * m) for n in range(40) for m in range(40)]
    store = store_of([shapely.box(x, y, x + 0.0002, y + 0.0002) for x, y in spots])
    keys = hilbert_range(8, *_cell(8, 110.0, 32.0))
    window = Window(keys=(keys,), size_max=100.0)
    rows = store.read(Query(layer="buildings", policy=policy("snap = 20"), window=window))
    assert 0 < rows.num_rows <= sum(read) < 40


@pytest.mark.parametrize("law", ["snap = 20", 'rows = "name <> \'3\'"\ncolumns = { owner = "hidden" }'])
def test_an_interval_reads_the_versions_that_overlap_it_alone(read: list[int], law: str) -> None:
    store = store_of([])
    for year in range(2015, 2026):
        rows = [{"id": f"i{n}", "name": str(year % 10), "owner": "x"} for n in range(10)]
        store.write(LAYER, [batch(rows)], delivered(day(year)))
    march = Interval(start=day(2022, 12), end=day(2023, 2))
    rows = store.read(Query(layer="buildings", policy=policy(law), at=march)).to_pylist()
    assert {r["name"] for r in rows} == {"2" if "rows" in law else "3"}
    assert sum(read) == 10


def test_an_own_size_counts_where_a_row_is_seen_as_it_is() -> None:
    store = store_of([shapely.box(118, 38, 118.001, 38.001)], **{"#size": 7.0})
    rights = policy('area = "POLYGON ((117 37, 119 37, 119 39, 117 39, 117 37))"\n' + "[[rule]]\n" + (
        'role = "r"\nlayers = ["buildings"]\nsnap = 100\nrows = "id = \'x\'"'
    ))  # fmt: skip
    assert store.read(Query(layer="buildings", policy=rights, places=True))["#size"].to_pylist() == [7.0]
    window = Window(keys=((0, 1 << 52),), size_min=6.0, size_max=8.0)
    assert store.read(Query(layer="buildings", policy=rights, window=window)).num_rows == 1


@pytest.mark.parametrize("level", [0, 1, 5, 12, 26])
def test_the_cell_of_a_range_of_keys_is_the_cell(level: int) -> None:
    column, row = _cell(level, 118.0, 38.0)
    ((west, south, east, north),) = cells((hilbert_range(level, column, row),))
    side = 1 << level
    assert (west, east) == pytest.approx(
        (column / side * 360 - 180, (column + 1) / side * 360 - 180), abs=1e-12
    )
    assert (south, north) == pytest.approx((row / side * 180 - 90, (row + 1) / side * 180 - 90), abs=1e-12)
