"""What is drawn over the ground is drawn in the ground's datum, where a way there is stated."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyproj
import pytest
import shapely

from layers import buildings
from pipelines import bake
from twin import vertical
from twin.body import Body, Surface
from twin.forest import Forest
from twin.memory.store import MemoryStore
from twin.model import Delivery, Layer, Titles
from twin.policy import Policy
from twin.table import TIMESTAMP, Batch

NOW = datetime(2025, 1, 1, tzinfo=UTC)
HOUSES = Layer(
    id="houses", kind="buildings", title=Titles(zh="建筑"), geometry="Polygon", vertical="EPSG:5736"
)
WAYS = '[[way]]\nfrom = "1956"\nto = "1985"\nconstant = -7.5\n'


class Level:
    """Level ground at 100 m of the 1985 datum."""

    vertical = "EPSG:5737"

    def heights(self, lon: np.ndarray, lat: np.ndarray) -> np.ndarray:
        return np.full(len(lon), 100.0, np.float32)

    rough = heights

    def stamp(self, box: object, at: datetime, known: datetime) -> tuple[int, int]:
        return 0, 0


def block(low: float, high: float) -> bytes:
    """A roof over a floor, as a body."""
    square = np.array([(118.0, 38.0), (118.001, 38.0), (118.001, 38.001), (118.0, 38.001)])
    floor, roof = np.column_stack([square, np.full(4, low)]), np.column_stack([square, np.full(4, high)])
    return Body(
        vertices=np.vstack([floor, roof]),
        ring_ends=np.array([4, 8]),
        face_ends=np.array([1, 2]),
        corners=np.array([3, 2, 1, 0, 4, 5, 6, 7]),
        surfaces=np.array([Surface.GROUND, Surface.ROOF], "u1"),
    ).encode()


def rows() -> pa.Table:
    """A house with a body from 130 to 142 m, and one with z at 130 m and 12 m of height."""
    ring = [(118.01, 38.0, 130.0), (118.011, 38.0, 130.0), (118.011, 38.001, 130.0), (118.01, 38.001, 130.0)]
    return pa.table(
        {
            "id": ["body", "plain"],
            "geom": pa.array(
                shapely.to_wkb([shapely.box(118.0, 38.0, 118.001, 38.001), shapely.Polygon(ring)])
            ),
            "valid_from": pa.nulls(2, TIMESTAMP),
            "valid_to": pa.nulls(2, TIMESTAMP),
            "dated": ["survey"] * 2,
            "row": [0, 1],
            "height": [12.0, 12.0],
            "body_lod2": pa.array([block(130.0, 142.0), None], pa.binary()),
        }
    )


def source(home: Path, layer: Layer, ways: str) -> bake.Source:
    (home / "vertical.toml").write_text(ways)
    store = MemoryStore()
    store.write(layer, [Batch(table=rows(), crs=None)], Delivery(source="s", at=NOW))
    return bake.Source(
        store=store,
        forest=Forest(store),
        ground=lambda _at, _known: Level(),
        ways=vertical.load(home, anew=True),
    )


def drawn(found: bake.Source) -> tuple[list[float], list[float], str]:
    """Heights of all vertices, the root's lowest and highest, and the root's key."""
    later = datetime(2100, 1, 1, tzinfo=UTC)
    baked = bake.entrance(found, "houses", at=later, known=later, policy=Policy.open())
    root = json.loads(baked.body)["root"]
    heights: list[float] = []
    todo = [root]
    while todo:
        tile = todo.pop()
        todo += tile.get("children", [])
        if uri := tile.get("content", {}).get("uri"):
            _, _, layer, key, name = uri.split("/", 4)
            glb = bake.content(found, layer, key, name.rpartition(".")[0], policy=Policy.open())
            heights += vertices(glb)
    return heights, root["boundingVolume"]["region"][4:], baked.key


def vertices(glb: bytes) -> list[float]:
    size = int.from_bytes(glb[12:16], "little")
    document, buffer = json.loads(glb[20 : 20 + size]), glb[28 + size :]
    accessor = document["accessors"][document["meshes"][0]["primitives"][0]["attributes"]["POSITION"]]
    view = document["bufferViews"][accessor["bufferView"]]
    local = np.frombuffer(buffer, "<f4", accessor["count"] * 3, view["byteOffset"]).reshape(-1, 3)
    matrix = np.array(document["nodes"][0]["matrix"]).reshape(4, 4).T
    x, y, z = (local.astype(float) @ matrix[:3, :3].T + matrix[:3, 3]).T
    return list(pyproj.Transformer.from_crs("EPSG:4978", "EPSG:4979", always_xy=True).transform(x, -z, y)[2])


def test_heights_are_taken_into_the_grounds_datum_by_the_stated_way(tmp_path: Path) -> None:
    heights, (low, high), _ = drawn(source(tmp_path, HOUSES, WAYS))
    tops = [h for h in heights if h > 125]
    assert tops
    assert max(heights) == pytest.approx(142 - 7.5, abs=0.01)
    assert low <= min(heights) <= max(heights) <= high


def test_without_a_way_it_stands_on_the_ground(tmp_path: Path) -> None:
    heights, _, _ = drawn(source(tmp_path, HOUSES, ""))
    assert max(heights) == pytest.approx(112, abs=0.01)


def test_a_layers_own_offset_is_applied(tmp_path: Path) -> None:
    own = {
        "metres": 20.0,
        "from": "unknown",
        "to": "EPSG:5737",
        "author": "Li",
        "reason": "drone",
        "at": "2025-01-01T00:00:00Z",
    }
    layer = replace(HOUSES, vertical="unknown", extra={vertical.OFFSET: own})
    heights, (low, high), _ = drawn(source(tmp_path, layer, ""))
    assert max(heights) == pytest.approx(162, abs=0.01)
    assert low <= min(heights) <= max(heights) <= high


def test_another_way_is_another_address(tmp_path: Path) -> None:
    keys = {drawn(source(tmp_path, HOUSES, w))[2] for w in ("", WAYS, WAYS.replace("7.5", "8.5"))}
    assert len(keys) == 3


def test_where_a_grid_knows_nothing_heights_stay_on_the_ground() -> None:
    nothing = vertical.Way(
        source="EPSG:5736", target="EPSG:5737", words="grid", shift=lambda lon, _: np.full(len(lon), np.nan)
    )
    assert vertical.raised(rows(), nothing) is None
    glb = bake.glb(HOUSES, buildings.KIND, rows(), Level(), way=nothing)
    assert max(vertices(glb)) == pytest.approx(112, abs=0.01)
