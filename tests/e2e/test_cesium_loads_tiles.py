"""CesiumJS itself loads what is baked, finds it where it should be, and reads its attributes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import shapely

from layers import buildings
from layers.conform import conform
from pipelines import bake
from twin.forest import Forest
from twin.memory.store import MemoryStore
from twin.model import Delivery, Layer, Titles
from twin.policy import Policy
from twin.table import Batch, columns_of

ROOT = Path(__file__).parents[2]
VIEWER = ROOT / "viewer"
SCRIPT = ROOT / "tests" / "node" / "load_tileset.cjs"
OPEN = Policy.open()
SURVEY = datetime(2025, 7, 1, tzinfo=UTC)
LON, LAT, GROUND = 118.36, 38.35, 25.0

pytestmark = pytest.mark.browser


class Plateau:
    """Level ground at 25 m."""

    vertical = "unknown"

    def heights(self, lon: np.ndarray, _: np.ndarray) -> np.ndarray:
        return np.full(len(lon), GROUND, np.float32)

    rough = heights

    def stamp(self, *_: object) -> tuple[int, int]:
        return 0, 0


@pytest.fixture(scope="module")
def chromium() -> str:
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    ready = found and shutil.which("node") and (VIEWER / "node_modules" / "cesium").is_dir()
    reason = "Chromium, node and the viewer's packages are needed"
    if not ready:
        assert "browser" not in os.environ.get("TWIN_TEST_REQUIRE", "").split(","), reason
        pytest.skip(reason)
    assert found
    return found


def town() -> bake.Source:
    """A grid of 400 houses; the middle one is 60 m high. Nodes hold 12, so that there are levels to load."""
    store = MemoryStore(now=lambda: SURVEY + timedelta(days=1))
    across, up = np.meshgrid(np.arange(-10, 10), np.arange(-10, 10))
    x, y = LON + 0.0006 * across.ravel(), LAT + 0.0004 * up.ravel()
    middle = (across.ravel() == 0) & (up.ravel() == 0)
    table = pa.table(
        {
            "id": np.where(middle, "tower", [f"H{i}" for i in range(400)]),
            "name": np.where(middle, "望海塔", "house"),
            "height": np.where(middle, 60.0, 6.0 + np.arange(400) % 5),
            "geom": pa.array(
                shapely.to_wkb(shapely.box(x - 0.0001, y - 0.0001, x + 0.0001, y + 0.0001)), pa.binary()
            ),
            "row": np.arange(400),
        }
    )
    batch = conform(Batch(table=table, crs=None), buildings.KIND)
    layer = Layer(
        id="建筑",
        kind="buildings",
        title=Titles(zh="建筑"),
        geometry="Polygon",
        columns=columns_of(batch.table.schema),
    )
    store.write(layer, [batch], Delivery(source="survey", at=SURVEY))
    return bake.Source(store=store, forest=Forest(store, capacity=12), ground=lambda *_: Plateau())


def written(source: bake.Source, folder: Path, at: datetime) -> str:
    """Everything below the tileset, where its addresses say; the address of its root."""
    root = bake.entrance(source, "建筑", at=at, known=at, policy=OPEN)
    (folder / "tileset.json").write_bytes(root.body)
    todo = [json.loads(root.body)["root"]]
    while todo:
        tile = todo.pop()
        todo += tile.get("children", [])
        uri = tile.get("content", {}).get("uri")
        if uri is None:
            continue
        *_, key, z, x, name = uri.split("/")
        y, _, suffix = name.rpartition(".")
        maker = bake.content if suffix == "glb" else bake.branch
        body = maker(source, "建筑", key, f"{z}/{x}/{y}", policy=OPEN)
        path = folder / "tiles" / "建筑" / key / z / x / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
        if suffix == "json":
            todo.append(json.loads(body)["root"])
    return "/tileset.json"


def seen(chromium: str, folder: Path, address: str, height: float, mode: str = "3d") -> dict[str, Any]:
    command = [shutil.which("node"), SCRIPT, VIEWER, chromium, folder, address, LON, LAT, height, mode]
    done = subprocess.run([str(c) for c in command], capture_output=True, check=False, timeout=180)
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    found: dict[str, Any] = json.loads(done.stdout)
    assert found["errors"] == []
    return found


def test_the_tower_is_picked_at_its_top_with_its_attributes(chromium: str, tmp_path: Path) -> None:
    address = written(town(), tmp_path, SURVEY + timedelta(days=1))
    found = seen(chromium, tmp_path, address, GROUND + 60)
    assert found["tiles"] > 5
    assert found["picked"]["id"] == "tower"
    assert found["picked"]["name"] == "望海塔"
    assert found["picked"]["height"] == 60
    assert found["picked"]["valid_from"] == SURVEY.timestamp()
    assert found["picked"]["valid_to"] == 253402300799


def test_the_flat_map_shows_the_same_tower(chromium: str, tmp_path: Path) -> None:
    address = written(town(), tmp_path, SURVEY + timedelta(days=1))
    assert seen(chromium, tmp_path, address, GROUND + 60, "2d")["picked"]["id"] == "tower"


def test_a_moment_before_the_survey_is_an_empty_map_without_errors(chromium: str, tmp_path: Path) -> None:
    address = written(town(), tmp_path, SURVEY - timedelta(days=1))
    assert seen(chromium, tmp_path, address, GROUND)["features"] == 0
