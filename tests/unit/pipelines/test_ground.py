"""The ground is the finest terrain there is, at a moment, and exactly what the tiles draw."""

from __future__ import annotations

import importlib.util
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine
from rasterio.warp import transform

from layers import terrain
from layers.conform import conform
from pipelines import terrain_tiles
from pipelines.ground import WORLD, Ground, Grounds, fewest, shows, size
from pipelines.readers.raster import READER
from pipelines.readers.reader import Options
from tiles.tin import N
from twin import errors
from twin.memory.store import MemoryStore
from twin.model import BBox, Delivery, Layer, Titles
from twin.moments import microseconds
from twin.place import to_crs84
from twin.policy import Policy

SPEC = importlib.util.spec_from_file_location(
    "quantized_mesh_decoder", Path(__file__).parents[1] / "tiles" / "quantized_mesh_decoder.py"
)
decoder = importlib.util.module_from_spec(SPEC)
sys.modules["quantized_mesh_decoder"] = decoder
SPEC.loader.exec_module(decoder)

OPEN = Policy.open()
PLACE = Affine(5, 0, 615_000, 0, -5, 4_245_000)
T1, T2 = datetime(2021, 7, 1, tzinfo=UTC), datetime(2025, 7, 1, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        self.now += timedelta(hours=1)
        return self.now


def dem(path: Path, cells: np.ndarray, place: Affine = PLACE, crs: str = "EPSG:4548", **more: Any) -> Path:
    profile = {"driver": "GTiff", "width": cells.shape[1], "height": cells.shape[0], "count": 1}
    with rasterio.open(path, "w", **profile, dtype="float32", crs=crs, transform=place, **more) as file:
        file.write(cells.astype(np.float32), 1)
    return path


def plane(rows: int = 400, columns: int = 500, base: float = 10.0) -> np.ndarray:
    """Rises a metre every 20 to the east and 40 to the south."""
    return base + np.arange(columns)[None, :] / 4 + np.arange(rows)[:, None] / 8


def ingest(
    store: MemoryStore, home: Path, *paths: Path, layer: str = "dem", at: datetime = T1, **said: Any
) -> None:
    (part,) = READER.read(paths, Options(kind="terrain"))
    for name, path in part.assets.items():
        path.rename(home / name)
    batches = [conform(to_crs84(b, crs=b.crs), terrain.KIND) for b in part.batches]
    what = Layer(id=layer, kind="terrain", title=Titles(en=layer), geometry="Raster", **said)
    store.write(what, batches, Delivery(source="test", at=at))


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore(now=Clock())


def lonlat(x: np.ndarray, y: np.ndarray, crs: str = "EPSG:4548") -> tuple[np.ndarray, np.ndarray]:
    return tuple(np.array(v) for v in transform(crs, "OGC:CRS84", x, y))


def inside(count: int, seed: int = 3, margin: float = 30) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.uniform(615_000 + margin, 617_500 - margin, count), rng.uniform(
        4_243_000 + margin, 4_245_000 - margin, count
    )


def test_heights_are_the_dem_s_within_centimetres_on_a_plane(store: MemoryStore, tmp_path: Path) -> None:
    ingest(store, tmp_path, dem(tmp_path / "a.tif", plane()))
    x, y = inside(500)
    wanted = 10 + ((x - 615_000) / 5 - 0.5) / 4 + ((4_245_000 - y) / 5 - 0.5) / 8
    got = Grounds(store, tmp_path).at(OPEN).heights(*lonlat(x, y))
    np.testing.assert_allclose(got, wanted, atol=0.02)


def test_a_rotated_dem_lies_where_its_transform_says(store: MemoryStore, tmp_path: Path) -> None:
    turned = Affine.translation(615_000, 4_245_000) @ Affine.rotation(25) @ Affine.scale(5, -5)
    ingest(store, tmp_path, dem(tmp_path / "a.tif", plane(), place=turned))
    columns, rows = np.random.default_rng(2).uniform(10, 390, (2, 200))
    x, y = turned @ (columns, rows)
    got = Grounds(store, tmp_path).at(OPEN).heights(*lonlat(x, y))
    np.testing.assert_allclose(got, 10 + (columns - 0.5) / 4 + (rows - 0.5) / 8, atol=0.02)


def decoded_height(ground: Ground, lon: float, lat: float) -> float:
    """The height at a place on the bytes that the viewer gets, triangle by triangle."""
    level = max(
        k
        for k in range(ground.deepest + 1)
        if ground.has(k, int((lon + 180) / size(k)), int((lat + 90) / size(k)))
    )
    column, row = int((lon + 180) / size(level)), int((lat + 90) / size(level))
    tile = decoder.decode(terrain_tiles.tile(ground, level, column, row))
    u = ((lon + 180) / size(level) - column) * 32767
    v = ((lat + 90) / size(level) - row) * 32767
    for t in tile.triangles:
        (x0, y0), (x1, y1), (x2, y2) = ((tile.u[i], tile.v[i]) for i in t)
        d = (y1 - y2) * (x0 - x2) + (x2 - x1) * (y0 - y2)
        a = ((y1 - y2) * (u - x2) + (x2 - x1) * (v - y2)) / d
        b = ((y2 - y0) * (u - x2) + (x0 - x2) * (v - y2)) / d
        if min(a, b, 1 - a - b) >= -1e-9:
            h = a * tile.h[t[0]] + b * tile.h[t[1]] + (1 - a - b) * tile.h[t[2]]
            return tile.lowest + h / 32767 * (tile.highest - tile.lowest)
    raise AssertionError("no triangle")


def test_heights_are_what_the_deepest_tiles_draw(store: MemoryStore, tmp_path: Path) -> None:
    rough = plane() + np.random.default_rng(5).normal(0, 6, (400, 500))
    ingest(store, tmp_path, dem(tmp_path / "a.tif", rough))
    ground = Grounds(store, tmp_path).at(OPEN)
    lon, lat = lonlat(*inside(12))
    drawn = [decoded_height(ground, *place) for place in zip(lon, lat, strict=True)]
    # A tile's u and v are 16 bits wide (9 mm here) and its heights a few millimetres.
    np.testing.assert_allclose(ground.heights(lon, lat), drawn, atol=0.03)


def test_far_apart_places_are_about_as_high_as_the_ground_and_take_few_cells(
    store: MemoryStore, tmp_path: Path
) -> None:
    ingest(store, tmp_path, dem(tmp_path / "a.tif", plane()))
    ground = Grounds(store, tmp_path).at(OPEN)
    lon, lat = lonlat(*inside(200))
    # A plane's mean over a part of the window is off by at most what it rises over one part.
    np.testing.assert_allclose(ground.rough(lon, lat), ground.heights(lon, lat), atol=6)
    one = ground.rough(lon[:1], lat[:1])
    np.testing.assert_allclose(one, ground.heights(lon[:1], lat[:1]), atol=0.02)
    assert np.isnan(ground.rough(lon + 3, lat)).all()


def test_a_small_terrain_in_a_wide_window_is_still_seen(store: MemoryStore, tmp_path: Path) -> None:
    ingest(store, tmp_path, dem(tmp_path / "a.tif", plane()))
    ground = Grounds(store, tmp_path).at(OPEN)
    lon, lat = lonlat(*inside(50))
    found = ground.rough(np.append(lon, -70.0), np.append(lat, -30.0))
    np.testing.assert_allclose(found[:-1], ground.heights(lon, lat), atol=130)
    assert (found[:-1] > 10).all()
    assert np.isnan(found[-1])


def test_neighbouring_tiles_have_the_same_posts_on_their_edge(store: MemoryStore, tmp_path: Path) -> None:
    ingest(
        store, tmp_path, dem(tmp_path / "a.tif", plane() + np.random.default_rng(5).normal(0, 6, (400, 500)))
    )
    ground = Grounds(store, tmp_path).at(OPEN)
    for level in range(8, ground.deepest + 1, 2):
        x0, _, y0, _ = ground.spans(level)[0]
        one, east, north = (
            ground.posts(a) for a in ((level, x0, y0), (level, x0 + 1, y0), (level, x0, y0 + 1))
        )
        np.testing.assert_array_equal(one[:, -3:], east[:, :3])
        np.testing.assert_array_equal(one[-3:], north[:3])


def test_a_five_metre_dem_is_drawn_down_to_posts_of_five_metres(store: MemoryStore, tmp_path: Path) -> None:
    ingest(store, tmp_path, dem(tmp_path / "a.tif", plane()))
    ground = Grounds(store, tmp_path).at(OPEN)
    assert ground.deepest == 16
    assert 4 < size(16) / N * 111_000 < 5


def test_where_there_is_no_terrain_there_is_no_height(store: MemoryStore, tmp_path: Path) -> None:
    cells = plane()
    cells[100:200, 100:200] = np.nan
    ingest(store, tmp_path, dem(tmp_path / "a.tif", cells, nodata=np.nan))
    ground = Grounds(store, tmp_path).at(OPEN)
    hole = lonlat(np.array([615_750.0]), np.array([4_244_250.0]))
    assert np.isnan(ground.heights(*hole)).all()
    assert np.isnan(ground.heights(np.array([0.0, np.nan, 118.0]), np.array([0.0, 1.0, 38.0]))).all()
    assert np.isnan(Grounds(MemoryStore(), tmp_path).at(OPEN).heights(*hole)).all()


def test_the_finest_raster_wins_and_the_coarser_one_fills_around_it(
    store: MemoryStore, tmp_path: Path
) -> None:
    coarse = Affine(50, 0, 610_000, 0, -50, 4_250_000)
    ingest(store, tmp_path, dem(tmp_path / "b.tif", np.full((400, 400), 99.0), place=coarse), layer="coarse")
    ingest(store, tmp_path, dem(tmp_path / "a.tif", np.full((400, 500), 7.0)), layer="fine")
    grounds = Grounds(store, tmp_path)
    lon, lat = lonlat(np.array([616_000.0, 611_000.0]), np.array([4_244_000.0, 4_249_000.0]))
    np.testing.assert_allclose(grounds.at(OPEN).heights(lon, lat), [7, 99])
    np.testing.assert_allclose(grounds.at(OPEN, layer="coarse").heights(lon, lat), [99, 99])
    assert [r.layer for r in grounds.at(OPEN).rasters] == ["fine", "coarse"]


def test_the_ground_of_another_day_is_another_ground(store: MemoryStore, tmp_path: Path) -> None:
    ingest(store, tmp_path, dem(tmp_path / "a.tif", np.full((400, 500), 7.0)), at=T1)
    before = store.now() if hasattr(store, "now") else None
    ingest(store, tmp_path, dem(tmp_path / "a.tif", np.full((400, 500), 8.0)), at=T2)
    grounds = Grounds(store, tmp_path)
    place = lonlat(np.array([616_000.0]), np.array([4_244_000.0]))
    assert grounds.at(OPEN).heights(*place)[0] == 8
    assert grounds.at(OPEN, at=datetime(2023, 1, 1, tzinfo=UTC)).heights(*place)[0] == 7
    assert np.isnan(grounds.at(OPEN, at=datetime(2020, 1, 1, tzinfo=UTC)).heights(*place)[0])
    del before


def test_a_stamp_is_the_last_change_in_the_window_and_other_windows_do_not_move(
    store: MemoryStore, tmp_path: Path
) -> None:
    ingest(store, tmp_path, dem(tmp_path / "a.tif", plane()), layer="west", at=T1)
    grounds = Grounds(store, tmp_path)
    near = BBox(west=118.31, south=38.32, east=118.34, north=38.34)
    far = BBox(west=10, south=46, east=11, north=47)
    first = grounds.at(OPEN).stamp(near, None, None)
    assert first[0] == microseconds(T1)
    ingest(
        store,
        tmp_path,
        dem(tmp_path / "b.tif", plane(), place=Affine(5, 0, 600_000, 0, -5, 5_150_000), crs="EPSG:32632"),
        layer="east",
        at=T2,
    )
    ground = grounds.at(OPEN)
    assert ground.stamp(near, None, None) == first
    assert ground.stamp(far, None, None)[0] == microseconds(T2)
    assert ground.stamp(None, datetime(2022, 1, 1, tzinfo=UTC), None)[0] == microseconds(T1)
    assert ground.stamp(far, datetime(2022, 1, 1, tzinfo=UTC), None)[0] < 0


def test_the_ground_is_made_once_until_the_terrain_changes(store: MemoryStore, tmp_path: Path) -> None:
    ingest(store, tmp_path, dem(tmp_path / "a.tif", plane()))
    grounds = Grounds(store, tmp_path)
    first = grounds.at(OPEN)
    store.describe(Layer(id="other", kind="features", title=Titles(en="other")))
    assert grounds.at(OPEN) is first
    ingest(store, tmp_path, dem(tmp_path / "b.tif", plane()), layer="more")
    assert grounds.at(OPEN) is not first


def test_one_datum_for_all_layers_is_the_ground_s_and_two_are_unknown(
    store: MemoryStore, tmp_path: Path
) -> None:
    grounds = Grounds(store, tmp_path)
    assert grounds.at(OPEN).vertical == "unknown"
    ingest(store, tmp_path, dem(tmp_path / "a.tif", plane()), layer="a", vertical="EPSG:5737")
    assert grounds.at(OPEN).vertical == "EPSG:5737"
    ingest(store, tmp_path, dem(tmp_path / "b.tif", plane()), layer="b", vertical="EPSG:5773")
    assert grounds.at(OPEN).vertical == "unknown"


def test_layer_json_says_which_tiles_there_are_and_every_one_of_them_is(
    store: MemoryStore, tmp_path: Path
) -> None:
    ingest(store, tmp_path, dem(tmp_path / "a.tif", plane(100, 100)))
    ground = Grounds(store, tmp_path).at(OPEN)
    said = terrain_tiles.layer_json(ground, "/tiles/ground/k/{z}/{x}/{y}.terrain")
    assert said["scheme"] == "tms"
    assert said["available"][0] == [{"startX": 0, "startY": 0, "endX": 1, "endY": 0}]
    assert len(said["available"]) == said["maxzoom"] + 1 == 17
    for level, ranges in enumerate(said["available"]):
        for r in ranges:
            decoder.decode(terrain_tiles.tile(ground, level, r["startX"], r["startY"]))
            count = (r["endX"] - r["startX"] + 1) * (r["endY"] - r["startY"] + 1)
            assert count == 2 << 2 * level if level <= WORLD else count < 20
    with pytest.raises(errors.TileNotFound, match="layer"):
        terrain_tiles.tile(ground, 16, 0, 0)


def test_a_globe_without_terrain_has_its_two_flat_tiles(tmp_path: Path) -> None:
    ground = Grounds(MemoryStore(), tmp_path).at(OPEN)
    for column in (0, 1):
        tile = decoder.decode(terrain_tiles.tile(ground, 0, column, 0))
        assert (tile.lowest, tile.highest) == (0, 0)


def test_a_small_raster_is_no_spike_on_the_globe(store: MemoryStore, tmp_path: Path) -> None:
    ingest(store, tmp_path, dem(tmp_path / "a.tif", np.full((400, 500), 3000.0)))
    ground = Grounds(store, tmp_path).at(OPEN)
    for level in (k for k in range(17) if not shows(ground.rasters[0], size(k) / N)):
        x0, _, y0, _ = ground.spans(level)[0]
        assert np.isnan(ground.posts((level, x0, y0))).all()


def test_far_levels_see_means_and_not_single_cells(store: MemoryStore, tmp_path: Path) -> None:
    cells = np.where(np.indices((2000, 2000)).sum(axis=0) % 2, 0.0, 10.0)
    ingest(store, tmp_path, dem(tmp_path / "a.tif", cells))
    ground = Grounds(store, tmp_path).at(OPEN)
    x0, x1, y0, y1 = ground.spans(14)[0]
    middle = ground.posts((14, (x0 + x1) // 2, (y0 + y1) // 2))
    np.testing.assert_allclose(middle[np.isfinite(middle)], 5, atol=1e-3)


def test_a_missing_raster_file_is_said(store: MemoryStore, tmp_path: Path) -> None:
    ingest(store, tmp_path, dem(tmp_path / "a.tif", plane()))
    with pytest.raises(errors.UnreadableFile, match="ingest it again"):
        Grounds(store, tmp_path / "elsewhere").at(OPEN).heights(np.array([118.32]), np.array([38.33]))


def test_flat_ground_is_few_triangles_where_the_earth_looks_flat_and_all_of_them_where_it_is_round() -> None:
    ground = Ground(rasters=(), vertical="unknown", bounds=np.empty((0, 4)), times=np.empty((0, 4), np.int64))
    assert ground.grid((0, 1, 0))[1] == N
    assert fewest(4) == 16
    assert ground.grid((16, 100, 100))[1] == 4
