"""The county as a whole: what is in the folder, and that it is the same each time."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import orjson
import pyogrio
import pytest
import rasterio
import shapely
from pyproj import CRS, Transformer

from data_samples import county, manifest
from tests.unit.data_samples.conftest import UNTIL, County

KINDS = {
    *(
        "terrain",
        "imagery",
        "buildings",
        "networks",
        "roads",
        "sensors",
        "cameras",
        "grids",
        "places",
        "parcels",
    ),
    *("zones", "features", "mesh", "pointcloud"),
}
WEST, SOUTH, EAST, NORTH = 118.30, 38.30, 118.42, 38.40


def _digest(folder: Path) -> dict[str, str]:
    found = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in found}


def test_every_file_is_named_in_the_manifest_and_is_there(wanghai: County) -> None:
    named = [name for entry in wanghai.manifest.layers for name in entry.files]
    assert sorted([*named, manifest.NAME]) == sorted(path.name for path in wanghai.folder.iterdir())


def test_every_layer_says_what_an_ingest_must_know(wanghai: County) -> None:
    for entry in wanghai.manifest.layers:
        assert entry.kind in KINDS
        assert entry.invented
        assert entry.title["zh"]
        assert entry.title["en"]
        assert "虚构" in entry.department["zh"]
        assert entry.crs in {"EPSG:4548", "EPSG:4490", None}


def test_the_manifest_reads_back_as_it_was_written(wanghai: County) -> None:
    assert manifest.load(wanghai.folder) == wanghai.manifest


def test_three_surveys_of_buildings_and_pipes_come_in_order(wanghai: County) -> None:
    for layer in ("buildings", "pipes", "pipe_points"):
        dates = [entry.valid_from for entry in wanghai.manifest.layers if entry.layer == layer]
        assert dates == [manifest.moment(day) for day in manifest.EPOCHS]


def test_the_columns_named_in_the_manifest_are_in_the_files(wanghai: County) -> None:
    for entry in wanghai.manifest.layers:
        for name in entry.files:
            if name.endswith(".gpkg"):
                assert set(entry.columns.values()) <= set(pyogrio.read_info(wanghai.file(name))["fields"])


def test_the_same_seed_and_end_give_the_same_bytes(wanghai: County, tmp_path: Path) -> None:
    county.write(tmp_path, until=UNTIL)
    assert _digest(tmp_path) == _digest(wanghai.folder)


def test_the_folder_is_small_enough_to_carry(wanghai: County) -> None:
    assert sum(path.stat().st_size for path in wanghai.folder.rglob("*") if path.is_file()) < 70e6


def test_everything_lies_on_open_water_in_the_stated_degrees(wanghai: County) -> None:
    to_degrees = Transformer.from_crs("EPSG:4548", "EPSG:4490", always_xy=True)
    for entry in wanghai.manifest.layers:
        for name in entry.files:
            if not name.endswith((".gpkg", ".tif")):
                continue
            if name.endswith(".tif"):
                with rasterio.open(wanghai.file(name)) as picture:
                    box, crs = tuple(picture.bounds), picture.crs
            else:
                found = pyogrio.read_info(wanghai.file(name), force_total_bounds=True)
                box, crs = found["total_bounds"], found["crs"]
            assert CRS.from_user_input(crs).to_epsg() == 4548
            lon, lat = to_degrees.transform(
                [box[0], box[2], box[0], box[2]], [box[1], box[1], box[3], box[3]]
            )
            assert min(lon) >= WEST
            assert max(lon) <= EAST
            assert min(lat) >= SOUTH
            assert max(lat) <= NORTH


@pytest.mark.parametrize("name", ["places.geojson"])
def test_places_cover_what_an_emergency_asks_for(wanghai: County, name: str) -> None:
    found = orjson.loads(wanghai.file(name).read_bytes())["features"]
    wanted = {"hospital", "school", "shelter", "fire_station", "government", "bus_station", "park", "village"}
    assert wanted <= {feature["properties"]["category"] for feature in found}
    points = shapely.points([feature["geometry"]["coordinates"] for feature in found])
    assert shapely.contains(shapely.box(WEST, SOUTH, EAST, NORTH), points).all()
    assert len({feature["id"] for feature in found}) == len(found)


def test_areas_in_the_files_are_valid(wanghai: County) -> None:
    for entry in wanghai.manifest.layers:
        for name in entry.files:
            if name.endswith(".gpkg"):
                _, _, wkb, _ = pyogrio.raw.read(wanghai.file(name), columns=[])
                assert np.all(shapely.is_valid(shapely.from_wkb(wkb)))
