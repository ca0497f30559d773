"""Vector tiles out of a store: complete where there is room, the largest first where there is not."""

from __future__ import annotations

import zlib
from datetime import UTC, datetime, timedelta

import mapbox_vector_tile
import numpy as np
import pyarrow as pa
import pyproj
import pytest
import shapely
import shapely.affinity
import shapely.ops

from pipelines import bake, tile_rows, tile_shapes, vector_tiles
from twin import cql2, tiling
from twin import tile_matrix_sets as sets
from twin.errors import LayerNotFound
from twin.forest import Forest
from twin.memory.store import MemoryStore
from twin.model import Column, Delivery, Layer, Mode, Titles
from twin.policy import Policy
from twin.table import TIMESTAMP, Batch
from twin.tile_matrix_sets import mercator

OPEN = Policy.open()
START = datetime(2025, 1, 1, tzinfo=UTC)
LON, LAT = 118.36, 38.35
PARCELS = Layer(
    id="地块",
    kind="features",
    title=Titles(zh="地块", en="Parcels"),
    geometry="Polygon",
    columns=(Column(name="use"), Column(name="area", type="number")),
)


class Clock:
    moment = START

    def __call__(self) -> datetime:
        self.moment += timedelta(hours=1)
        return self.moment


def source() -> bake.Source:
    store = MemoryStore(now=Clock())
    return bake.Source(store=store, forest=Forest(store), ground=lambda _at, _known: None)


def write(into: bake.Source, shapes, at=START, layer=PARCELS, first=0) -> None:
    count = len(shapes)
    table = pa.table(
        {
            "id": [f"P{i:03}" for i in range(first, first + count)],
            "geom": pa.array(shapely.to_wkb(np.array(shapes, object)), pa.binary()),
            "valid_from": pa.nulls(count, TIMESTAMP),
            "valid_to": pa.nulls(count, TIMESTAMP),
            "dated": ["survey"] * count,
            "row": np.arange(count),
            "use": ["住宅"] * count,
            "area": np.arange(count, dtype=float),
        }
    )
    into.store.write(
        layer, iter([Batch(table=table, crs=None)]), Delivery(source="a", at=at, mode=Mode.UPSERT)
    )


def around(z: int, lon: float = LON, lat: float = LAT) -> tuple[int, int, int]:
    across, down = tiling.inside(np.array([lon]), np.array([lat]), z, 0, 0)
    return z, int(across[0]), int(down[0])


def tile(into: bake.Source, address, **moment: datetime) -> vector_tiles.VectorTile:
    moment = {"at": START + timedelta(days=30), "known": START + timedelta(days=30), **moment}
    return vector_tiles.tile(into, mercator(*address), asked(**moment))


def etag(into: bake.Source, address, **moment: datetime) -> str:
    moment = {"at": START + timedelta(days=30), "known": START + timedelta(days=30), **moment}
    return vector_tiles.etag(into, mercator(*address), asked(**moment))


def asked(**said) -> vector_tiles.Asked:
    moment = START + timedelta(days=30)
    return vector_tiles.Asked(**{"layer": "地块", "at": moment, "known": moment, "policy": OPEN, **said})


def features(found: vector_tiles.VectorTile) -> dict:
    if not found.body:
        return {}
    layer = mapbox_vector_tile.decode(found.body, default_options={"y_coord_down": True})["地块"]
    return {f["properties"]["id"]: f for f in layer["features"]}


def square(metres: float, lon: float = LON, lat: float = LAT) -> shapely.Polygon:
    half = metres / 2 / 111_320
    return shapely.box(lon - half, lat - half, lon + half, lat + half)


def test_features_come_with_their_id_and_attributes_where_they_are():
    into = source()
    write(into, [square(100), square(30, LON + 0.001)])
    address = around(15)
    found = features(tile(into, address))
    assert found["P001"]["properties"] == {"id": "P001", "use": "住宅", "area": 1.0}
    west, south, east, north = square(100).bounds
    u, v = tiling.inside(np.array([west, east]), np.array([north, south]), *address)
    bounds = shapely.geometry.shape(found["P000"]["geometry"]).bounds
    assert np.allclose(
        bounds, np.clip([u[0] * 4096, v[0] * 4096, u[1] * 4096, v[1] * 4096], -64, 4160), atol=1
    )


def test_what_is_too_small_to_see_is_left_out_and_counted():
    into = source()
    write(into, [square(5_000), square(5)])
    found = tile(into, around(8))
    assert set(features(found)) == {"P000"}
    assert (found.drawn, found.left_out) == (1, 1)


def test_a_full_tile_holds_the_largest(monkeypatch):
    monkeypatch.setattr(tile_rows, "MOST", 5)
    into = source()
    random = np.random.default_rng(1)
    write(into, [square(50 + i, LON + x) for i, x in enumerate(random.uniform(-0.001, 0.001, 40))])
    found = tile(into, around(13))
    assert sorted(features(found)) == ["P035", "P036", "P037", "P038", "P039"]
    assert found.left_out == 35


def test_too_many_points_are_thinned_evenly(monkeypatch):
    monkeypatch.setattr(tile_rows, "MOST", 50)
    monkeypatch.setattr(tile_rows, "POINTS", 20)
    monkeypatch.setattr(tile_rows, "RANGES", 7)
    into = source()
    random = np.random.default_rng(1)
    places = random.uniform(-0.01, 0.01, (200, 2)) + np.array([LON, LAT])
    layer = Layer(
        **{**{f: getattr(PARCELS, f) for f in ("id", "kind", "title", "columns")}, "geometry": "Point"}
    )
    write(into, shapely.points(places), layer=layer)
    found = features(tile(into, around(10)))
    assert 15 <= len(found) <= 20
    kept = np.array([places[int(n[1:])] for n in found])
    assert np.ptp(kept, axis=0).min() > 0.015


def test_an_edit_changes_the_tag_of_its_tiles_and_of_no_others():
    into = source()
    write(into, [square(40), square(40, LON + 0.1)])
    here, there, world = around(16), around(16, LON + 0.1), (0, 0, 0)
    before = [etag(into, a) for a in (here, there, world)]
    write(into, [square(44)], at=START + timedelta(days=2))
    after = [etag(into, a) for a in (here, there, world)]
    assert [a == b for a, b in zip(before, after, strict=True)] == [False, True, False]


def test_the_past_is_drawn_as_it_was():
    into = source()
    write(into, [square(40)])
    write(into, [square(40, LON + 0.0005)], at=START + timedelta(days=2), first=1)
    address = around(15)
    assert len(features(tile(into, address))) == 2
    assert len(features(tile(into, address, at=START + timedelta(days=1)))) == 1
    assert len(features(tile(into, address, known=START + timedelta(hours=1)))) == 1
    assert not features(tile(into, address, at=START - timedelta(days=1)))


def test_a_tile_where_nothing_is_has_no_bytes_each_time():
    into = source()
    write(into, [square(40)])
    assert [tile(into, (5, 0, 0)).body for _ in range(2)] == [b"", b""]


def test_a_layer_that_is_not_there_is_said_so():
    with pytest.raises(LayerNotFound):
        tile(source(), (0, 0, 0))


def inside_tile(found: vector_tiles.VectorTile) -> dict[str, shapely.Geometry]:
    """What lies within the tile itself, by id."""
    window = shapely.box(0, 0, 4096, 4096)
    return {
        name: shapely.make_valid(shapely.geometry.shape(f["geometry"])).intersection(window)
        for name, f in features(found).items()
    }


def wobbly(seed: int, metres: float, points: int = 240) -> shapely.Polygon:
    """An area with many small bends."""
    random = np.random.default_rng(seed)
    turn = np.linspace(0, 2 * np.pi, points, endpoint=False)
    far = metres / 111_320 * (1 + 0.2 * random.uniform(-1, 1, points))
    return shapely.Polygon(np.column_stack([LON + far * np.cos(turn), LAT + far * np.sin(turn)]))


@pytest.mark.parametrize("z", [9, 11, 13, 15])
def test_neighbouring_tiles_meet_without_gap_or_overlap_and_are_the_feature_together(z):
    shape = wobbly(z, 40_000_000 / 2**z)
    into = source()
    write(into, [shape])
    _, x, y = around(z)
    pieces = [
        shapely.affinity.translate(found, dx * 4096, dy * 4096)
        for dx in range(-3, 4)
        for dy in range(-3, 4)
        for found in inside_tile(tile(into, (z, x + dx, y + dy))).values()
    ]
    together = shapely.union_all([shapely.set_precision(p, 1e-6) for p in pieces])
    true = shapely.transform(
        shape, lambda xy: np.column_stack(tiling.inside(xy[:, 0], xy[:, 1], z, x, y)) * 4096
    )
    assert len(pieces) > 1
    assert true.difference(together.buffer(1)).is_empty
    assert together.difference(true.buffer(1)).is_empty
    assert sum(p.area for p in pieces) == pytest.approx(together.area, rel=1e-6)


def test_areas_that_share_an_edge_share_it_in_every_tile():
    whole = wobbly(3, 20_000)
    line = shapely.LineString(
        [
            (LON + 0.002 * np.sin(40 * t) + 0.0007 * np.cos(170 * t), LAT - 1 + 2 * t)
            for t in np.linspace(0, 1, 4000)
        ]
    )
    parts = shapely.get_parts(shapely.ops.split(whole, line))
    into = source()
    write(into, list(parts))
    z, x, y = around(10)
    for at in ((z, x, y), (z, x, y - 1), (z, x, y + 1), (z, x - 1, y)):
        found = list(inside_tile(tile(into, at)).values())
        if len(found) < 2:
            continue
        gap = shapely.union_all(found)
        assert not any(len(p.interiors) for p in shapely.get_parts(gap) if p.geom_type == "Polygon")
        overlap = sum(f.area for f in found) - gap.area
        assert abs(overlap) < 1e-6 * gap.area + 4


def test_a_heavy_tile_keeps_its_largest_and_counts_the_others(monkeypatch):
    monkeypatch.setattr(tile_shapes, "HEAVIEST", 6_000)
    into = source()
    random = np.random.default_rng(1)
    places = random.uniform(-0.008, 0.008, (600, 2)) + np.array([LON, LAT])
    sizes = random.uniform(10, 40, 600)
    write(into, [square(m, *p) for m, p in zip(sizes, places, strict=True)])
    found = tile(into, around(12))
    assert len(zlib.compress(found.body, 1)) <= 6_000
    assert 50 < found.drawn < 600
    assert found.drawn + found.left_out == 600
    kept = sizes[[int(n[1:]) for n in features(found)]]
    assert kept.min() > np.sort(sizes)[600 - found.drawn] - 5


def test_areas_too_small_to_draw_are_shown_as_squares_as_large_as_they_are_together():
    into = source()
    random = np.random.default_rng(1)
    places = random.uniform(-0.05, 0.05, (2000, 2)) + np.array([LON, LAT])
    write(into, [square(60, *p) for p in places])
    found = tile(into, around(9))
    drawn = features(found)
    assert drawn
    area = sum(shapely.geometry.shape(f["geometry"]).area for f in drawn.values())
    u = tiling.metres(9, LAT) / 4096
    assert area == pytest.approx(2000 * 60 * 60 / u / u, rel=0.25)
    assert found.drawn + found.left_out == 2000


def test_a_filter_narrows_what_is_drawn_and_what_is_counted():
    into = source()
    write(into, [square(100), square(30, LON + 0.001), square(0.01)])
    address = around(14)
    chosen = asked(filter=cql2.parse("area < 2"))
    found = vector_tiles.tile(into, mercator(*address), chosen)
    assert set(features(found)) == {"P000", "P001"}
    assert found.left_out == 0
    other = asked(filter=cql2.parse("area > 1.5"))
    nothing = vector_tiles.tile(into, mercator(*address), other)
    assert (nothing.drawn, nothing.left_out) == (0, 1)
    tags = {vector_tiles.etag(into, mercator(*address), a) for a in (asked(), chosen, other)}
    assert len(tags) == 3


def test_in_a_projection_of_its_own_a_long_edge_bends_as_proj_says():
    into = source()
    write(into, [shapely.box(LON - 1, LAT - 0.5, LON + 1, LAT + 0.5)])
    side = 1024.0
    grid = sets.read({
        "id": "own", "crs": "EPSG:4548",
        "tileMatrices": [{
            "id": "a", "cellSize": side, "scaleDenominator": side / 0.00028, "pointOfOrigin": [4_400_000, 500_000],
            "tileWidth": 256, "tileHeight": 256, "matrixWidth": 4, "matrixHeight": 4,
        }],
    })  # fmt: skip
    to = pyproj.Transformer.from_crs("OGC:CRS84", "EPSG:4548", always_xy=True)
    lon = np.linspace(LON - 1, LON + 1, 400)
    x, y = to.transform(lon, np.full(400, LAT + 0.5))
    cell = sets.place(grid, "a", str(int((4_400_000 - y.max()) // (side * 256))), "0")
    left, _, _, top = cell.bounds()
    (shape,) = [
        shapely.geometry.shape(f["geometry"])
        for f in features(vector_tiles.tile(into, cell, asked())).values()
    ]
    edge = np.column_stack([(x - left), (top - y)]) / (side * 256) * 4096
    edge = edge[((edge > 10) & (edge < 4086)).all(axis=1)]
    assert len(edge) > 50
    away = shapely.distance(shapely.points(edge), shapely.boundary(shape))
    assert away.max() < 1.6
