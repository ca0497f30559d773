"""The mesh of one block and the cloud of one street lie where the county has them, and other programs read them."""

from __future__ import annotations

import json
import struct
from typing import Any

import laspy
import numpy as np
import pyogrio
import rasterio
import shapely
from pyproj import Transformer

from data_samples import manifest, oblique, scan
from tests.unit.data_samples.conftest import County

TO_PLANE = Transformer.from_crs("EPSG:4978", "EPSG:4548", always_xy=True)


def corners(content: bytes) -> np.ndarray:
    """(n, 3) positions of all primitives, y up, as a reader of glTF finds them."""
    magic, version, length = struct.unpack_from("<4sII", content)
    assert (magic, version, length) == (b"glTF", 2, len(content))
    size = struct.unpack_from("<I", content, 12)[0]
    said: dict[str, Any] = json.loads(content[20 : 20 + size])
    body = content[28 + size :]
    found = []
    for primitive in said["meshes"][0]["primitives"]:
        accessor = said["accessors"][primitive["attributes"]["POSITION"]]
        view = said["bufferViews"][accessor["bufferView"]]
        at = np.frombuffer(body, np.float32, accessor["count"] * 3, view["byteOffset"]).reshape(-1, 3)
        assert np.allclose(at.min(axis=0), accessor["min"])
        indices = said["accessors"][primitive["indices"]]
        index = np.frombuffer(
            body, np.uint32, indices["count"], said["bufferViews"][indices["bufferView"]]["byteOffset"]
        )
        assert index.max() == accessor["count"] - 1
        found.append(at)
    return np.concatenate(found)


def test_the_mesh_stands_on_the_terrain_and_reaches_up_to_the_roofs_of_its_houses(wanghai: County) -> None:
    folder = wanghai.folder / oblique.FOLDER
    tileset = json.loads((folder / "tileset.json").read_bytes())
    root = tileset["root"]
    frame = np.array(root["transform"]).reshape(4, 4).T
    parts = [corners((folder / child["content"]["uri"]).read_bytes()) for child in root["children"]]
    at = np.concatenate(parts).astype(np.float64)[:, [0, 2, 1]] * [1, -1, 1]
    placed = (np.column_stack((at, np.ones(len(at)))) @ frame.T)[:, :3]
    east, north, z = TO_PLANE.transform(*placed.T)
    houses = pyogrio.read_dataframe(wanghai.file("buildings_2025.gpkg"))
    hull = shapely.MultiPoint(np.column_stack((east, north))).convex_hull
    inside = houses[shapely.contains_properly(hull.buffer(-5), houses.geometry.values)]
    assert len(inside) >= 10
    with rasterio.open(wanghai.file("dem_5m.tif")) as dem:
        ground = np.array([h for (h,) in dem.sample(np.column_stack((east, north)))])
    assert (z - ground).min() > -1.5
    assert abs((z - ground).max() - inside["height"].max()) < 1.5
    inner = shapely.get_coordinates(inside.geometry.values[0])[0]
    assert np.hypot(east - inner[0], north - inner[1]).min() < 0.02


def test_a_tiles_box_holds_its_content(wanghai: County) -> None:
    folder = wanghai.folder / oblique.FOLDER
    root = json.loads((folder / "tileset.json").read_bytes())["root"]
    for tile in (root, *root["children"]):
        at = corners((folder / tile["content"]["uri"]).read_bytes())[:, [0, 2, 1]] * [1, -1, 1]
        box = np.array(tile["boundingVolume"]["box"])
        assert (np.abs(at - box[:3]) <= box[[3, 7, 11]] + 0.002).all()


def test_the_cloud_is_of_the_street_with_classes_and_colours(wanghai: County) -> None:
    cloud = laspy.read(wanghai.file(scan.NAME))
    assert 150_000 < len(cloud.points) < 1_000_000
    assert cloud.header.parse_crs().to_epsg() == 4548
    counts = dict(zip(*np.unique(cloud.classification, return_counts=True), strict=True))
    assert set(counts) == {scan.GROUND, scan.LOW, scan.TREE, scan.HOUSE, scan.LAMP, scan.ROAD}
    assert min(counts.values()) > 3_000
    roads = pyogrio.read_dataframe(wanghai.file("roads.gpkg"), where=f"name = '{scan.STREET}'")
    at = shapely.points(np.column_stack((cloud.x, cloud.y)))
    away = shapely.distance(at, shapely.union_all(roads.geometry.values))
    assert away.max() < scan.SIGHT + 1
    assert away[np.asarray(cloud.classification) == scan.ROAD].max() <= roads["width"].iloc[0] / 2 + 0.1
    assert int(np.asarray(cloud.green).max()) > 30_000


def test_both_say_that_they_are_invented(wanghai: County) -> None:
    entries = {entry.layer: entry for entry in manifest.load(wanghai.folder).layers}
    assert entries["oblique_block"].invented
    assert entries["street_scan"].invented
    tileset = json.loads((wanghai.folder / oblique.FOLDER / "tileset.json").read_bytes())
    assert tileset["asset"]["extras"]["notice"] == "虚构数据"
