"""The drawn map shows what is there, where it is, in the viewer's colours, at the moment asked for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import rasterio
import shapely
from affine import Affine
from PIL import Image

from layers import terrain
from layers.conform import conform
from pipelines import map_tiles
from pipelines.bake import Source
from pipelines.drawing.palette import DAY, NIGHT
from pipelines.ground import Grounds
from pipelines.map_tiles import Style
from pipelines.readers.raster import READER
from pipelines.readers.reader import Options
from twin import errors, tiling
from twin.forest import Forest
from twin.memory.store import MemoryStore
from twin.model import Delivery, Layer, Titles
from twin.place import to_crs84
from twin.policy import Policy
from twin.registry import entry
from twin.table import Batch

OPEN = Policy.open()
T1, T2 = datetime(2021, 7, 1, tzinfo=UTC), datetime(2025, 7, 1, tzinfo=UTC)
NOW = datetime(2030, 1, 1, tzinfo=UTC)
Z = 15
TILE = (Z, 27157, 12593)
BOX = tiling.bbox(*TILE)
WIDE, HIGH = BOX.east - BOX.west, BOX.north - BOX.south


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        self.now += timedelta(hours=1)
        return self.now


@pytest.fixture
def source(tmp_path: Path) -> Source:
    store = MemoryStore(now=Clock())
    grounds = Grounds(store, tmp_path)
    return Source(
        store=store, forest=Forest(store), ground=lambda at, known: grounds.at(OPEN, at=at, known=known)
    )


def at(across: float, down: float) -> tuple[float, float]:
    """Longitude and latitude of a place in the tile, 0 to 1 from its north-west corner."""
    return BOX.west + across * WIDE, tiling.latitude((TILE[2] + down) / (1 << Z))


def area(west: float, north: float, east: float, south: float) -> shapely.Polygon:
    return shapely.box(*at(west, south), *at(east, north))


def put(
    source: Source, layer: str, kind: str, rows: list[tuple[shapely.Geometry, dict]], **said: Any
) -> None:
    names = sorted({k for _, values in rows for k in values})
    columns = {n: [values.get(n) for _, values in rows] for n in names}
    table = pa.table(
        {
            **columns,
            "id": [f"{layer}{k}" for k in range(len(rows))],
            "geom": [shapely.to_wkb(g) for g, _ in rows],
            "row": np.arange(len(rows)),
        }
    )
    batch = conform(Batch(table=table, crs=None), entry("layers", "KIND", kind))
    described = Layer(id=layer, kind=kind, title=Titles(en=layer), invented=said.pop("invented", False))
    source.store.write(described, [batch], Delivery(source="test", at=said.pop("when", T1)))


def put_dem(source: Source, home: Path, cells: np.ndarray) -> None:
    side = max(WIDE, HIGH) * 1.5
    place = Affine(
        side / cells.shape[1], 0, BOX.west - 0.2 * side, 0, -side / cells.shape[0], BOX.north + 0.2 * side
    )
    profile = {"driver": "GTiff", "width": cells.shape[1], "height": cells.shape[0], "count": 1}
    with rasterio.open(
        home / "dem.tif", "w", **profile, dtype="float32", crs="EPSG:4326", transform=place
    ) as file:
        file.write(cells.astype(np.float32), 1)
    (part,) = READER.read((home / "dem.tif",), Options(kind="terrain"))
    for name, path in part.assets.items():
        path.rename(home / name)
    batches = [conform(to_crs84(b, crs=b.crs), terrain.KIND) for b in part.batches]
    what = Layer(id="dem", kind="terrain", title=Titles(en="dem"), geometry="Raster")
    source.store.write(what, batches, Delivery(source="test", at=T1))


def draw(
    source: Source, address: tuple[int, int, int] = TILE, when: datetime = NOW, **style: Any
) -> np.ndarray:
    body = map_tiles.draw(
        source, address, at=when, known=NOW, policy=OPEN, style=Style(**{"labels": False, **style})
    )
    return np.asarray(Image.open(BytesIO(body)).convert("RGBA"))


def rgb(name: str) -> list[int]:
    return [int(name[i : i + 2], 16) for i in (1, 3, 5)]


def close(pixel: np.ndarray, name: str, by: int = 3) -> bool:
    return bool(np.abs(pixel[:3].astype(int) - rgb(name)).max() <= by and pixel[3] == 255)


def test_an_empty_twin_is_transparent(source: Source) -> None:
    assert draw(source)[..., 3].max() == 0


def test_flat_ground_has_the_viewer_s_ground_colour_by_day_and_by_night(
    source: Source, tmp_path: Path
) -> None:
    put_dem(source, tmp_path, np.zeros((200, 200)))
    assert close(draw(source)[250, 250], DAY.ground)
    assert close(draw(source, dark=True)[250, 250], NIGHT.ground)


def test_beyond_the_terrain_the_base_globe_shows(source: Source, tmp_path: Path) -> None:
    put_dem(source, tmp_path, np.zeros((200, 200)))
    assert draw(source, (Z, TILE[1] + 3, TILE[2]))[..., 3].max() == 0
    assert draw(source, (4, TILE[1] >> 11, TILE[2] >> 11))[..., 3].max() == 0


def test_a_slope_toward_the_light_is_brighter_than_one_away_from_it(source: Source, tmp_path: Path) -> None:
    y, x = np.mgrid[0:200, 0:200]
    put_dem(source, tmp_path, 300 - np.hypot(x - 100, y - 100))
    pixels = draw(source)[..., :3].astype(int).sum(axis=-1)
    top = 0.2 * 1.5
    row = int((0.5 * 1.5 - top) * 512)
    assert (
        pixels[row - 150 : row - 100, row - 150 : row - 100].mean()
        > pixels[row + 50 : row + 100, row + 50 : row + 100].mean() + 20
    )


def test_surfaces_lie_where_they_are_and_water_has_its_colour(source: Source) -> None:
    rows = [(area(0.1, 0.1, 0.4, 0.4), {"class": "lake"}), (area(0.6, 0.6, 0.9, 0.9), {"class": "park"})]
    put(source, "land", "features", rows)
    pixels = draw(source)
    assert close(pixels[128, 128], DAY.surfaces["water"])
    green = pixels[int(0.75 * 512), int(0.75 * 512)].astype(int)
    assert green[1] > green[0] > green[2]
    assert not close(pixels[256, 256], DAY.surfaces["water"], 20)


def test_chinese_values_are_understood(source: Source) -> None:
    put(source, "land", "zones", [(area(0.1, 0.1, 0.9, 0.9), {"use": "水库"})])
    assert close(draw(source)[256, 256], DAY.surfaces["water"])


def test_a_building_has_the_viewer_s_colour_and_a_shadow_about_its_feet(
    source: Source, tmp_path: Path
) -> None:
    put_dem(source, tmp_path, np.zeros((200, 200)))
    put(source, "houses", "buildings", [(area(0.4, 0.4, 0.6, 0.6), {"height": 20.0})])
    pixels = draw(source)
    assert close(pixels[256, 256], DAY.building)
    beside, far = pixels[256, 310].astype(int), pixels[256, 420].astype(int)
    assert beside.sum() < far.sum() - 15
    assert close(pixels[256, 420], DAY.ground)


def test_a_road_has_its_class_s_colour(source: Source) -> None:
    line = shapely.LineString([at(0.05, 0.5), at(0.95, 0.5)])
    put(source, "roads", "roads", [(line, {"class": "motorway"})])
    assert close(draw(source)[256, 256], DAY.main)


def test_a_bridge_lies_over_what_it_crosses(source: Source) -> None:
    below = shapely.LineString([at(0.5, 0.05), at(0.5, 0.95)])
    above = shapely.LineString([at(0.05, 0.5), at(0.95, 0.5)])
    rows = [
        (below, {"class": "motorway", "bridge": "no"}),
        (above, {"class": "residential", "bridge": "yes"}),
    ]
    put(source, "roads", "roads", rows)
    assert close(draw(source)[256, 256], DAY.road)


def test_another_day_is_another_picture(source: Source) -> None:
    put(source, "houses", "buildings", [(area(0.4, 0.4, 0.6, 0.6), {"height": 20.0})], when=T2)
    assert draw(source)[256, 256, 3] == 255
    assert (
        draw(source, when=datetime(2022, 1, 1, tzinfo=UTC))[256, 256].tolist()
        != draw(source)[256, 256].tolist()
    )


def test_a_name_is_written_and_can_be_left_out(source: Source) -> None:
    put(source, "places", "places", [(shapely.Point(at(0.5, 0.5)), {"name": "望海镇", "category": "town"})])
    put(source, "land", "zones", [(area(0, 0, 1, 1), {"class": "residential"})])
    with_name, without = draw(source, labels=True), draw(source)
    changed = np.abs(with_name.astype(int) - without.astype(int)).max(axis=-1) > 0
    rows, columns = np.nonzero(changed)
    assert 220 < rows.mean() < 290
    assert 220 < columns.mean() < 290
    assert with_name[..., :3].min() < 60


def test_a_name_on_the_edge_is_whole_over_two_tiles(source: Source) -> None:
    put(
        source,
        "places",
        "places",
        [(shapely.Point(at(1.0, 0.5)), {"name": "望海示范镇", "category": "town"})],
    )
    put(source, "land", "zones", [(area(0, 0, 2, 1), {"class": "residential"})])
    west, east = (draw(source, (Z, TILE[1] + k, TILE[2]), labels=True)[..., :3].astype(int) for k in (0, 1))
    seam = np.abs(west[200:312, -1] - east[200:312, 0]).max(axis=-1)
    assert west[200:312, -60:].min() < 60
    assert east[200:312, :60].min() < 60
    assert np.median(seam) < 20


def test_the_map_speaks_english_where_there_are_english_names(source: Source) -> None:
    names = {"name": "望海镇", "name_en": "Wanghai", "category": "town"}
    put(source, "places", "places", [(shapely.Point(at(0.5, 0.5)), names)])
    put(source, "land", "zones", [(area(0, 0, 1, 1), {"class": "residential"})])
    assert (draw(source, labels=True) != draw(source, labels=True, lang="en")).any()
    with pytest.raises(errors.InvalidParameter, match="zh and en"):
        Style(lang="fr")


def test_invented_layers_are_marked_on_the_map(source: Source) -> None:
    put(source, "land", "zones", [(area(-3, -3, 4, 4), {"class": "residential"})], invented=True)
    tiles = [(Z, TILE[1] + i, TILE[2] + j) for i in (0, 1) for j in (0, 1)]
    marked = [(draw(source, t, labels=True) != draw(source, t)).any() for t in tiles]
    assert sum(marked) == 1


def test_what_lies_above_the_map_is_not_drawn_into_it(source: Source) -> None:
    put(source, "parcels", "parcels", [(area(0.1, 0.1, 0.9, 0.9), {"use": "industrial"})])
    put(source, "cameras", "cameras", [(shapely.Point(at(0.5, 0.5)), {"name": "a"})])
    assert draw(source)[..., 3].max() == 0


def etag(source: Source, address: tuple[int, int, int] = TILE, **style: Any) -> str:
    return map_tiles.etag(source, address, at=NOW, known=NOW, policy=OPEN, style=Style(**style))


def test_a_state_changes_with_what_the_tile_draws_and_with_nothing_else(source: Source) -> None:
    first_house = (area(0.4, 0.4, 0.6, 0.6), {"height": 20.0})
    other = (area(40.4, 40.4, 40.6, 40.6), {"height": 9.0})
    put(source, "houses", "buildings", [first_house, other])
    there = etag(source)
    put(source, "houses", "buildings", [first_house, (other[0], {"height": 12.0})])
    assert etag(source) == there
    put(source, "houses", "buildings", [(first_house[0], {"height": 30.0}), (other[0], {"height": 12.0})])
    assert etag(source) != there
    assert (
        len({etag(source), etag(source, dark=True), etag(source, lang="en"), etag(source, labels=False)}) == 4
    )


def test_the_same_tile_is_the_same_bytes(source: Source) -> None:
    put(source, "land", "zones", [(area(0, 0, 1, 1), {"class": "residential"})])
    style = Style()
    one, two = (map_tiles.draw(source, TILE, at=NOW, known=NOW, policy=OPEN, style=style) for _ in range(2))
    assert one == two
