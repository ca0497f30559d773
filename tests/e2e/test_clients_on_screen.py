"""Map clients of others, unmodified, in a Chromium without a screen; their pages come from another origin."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import geopandas
import pytest
from plots import WIDE, plots
from servers import Server, start, stop
from shapely import box

NODE = Path(__file__).parents[1] / "node"
ORIGIN = "http://clients.localhost:8123"
WHERE = {"lon": 118.32, "lat": 38.32, "zoom": 16}

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return plots(tmp_path_factory.mktemp("screen") / "plots.geojson")


@pytest.fixture(scope="module")
def served(source: Path) -> Iterator[Server]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TWIN_CORS_ORIGINS", ORIGIN)
        server = start(source.parent / "home")
    server.twin("ingest", str(source), "--layer", "plots", "--kind", "features")
    yield server
    stop(server)


def run(client: str, server: Server) -> dict[str, Any]:
    """What a client found; nothing was asked of anybody else, and nothing went wrong."""
    names = ("chromium", "chromium-browser", "google-chrome")
    chromium = next((path for path in map(shutil.which, names) if path), None)
    node = shutil.which("node")
    if not (chromium and node and (NODE / "node_modules" / "ol").is_dir()):
        reason = "Chromium, node and the packages of tests/node are needed: `make test` sees to them"
        assert "browser" not in os.environ.get("TWIN_TEST_REQUIRE", "").split(","), reason
        pytest.skip(reason)
    setup = {"address": server.address, "chromium": chromium, "layer": "plots", "origin": ORIGIN, **WHERE}
    command = [node, str(NODE / "clients.mjs"), json.dumps(setup), client]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert (said["outside"], said["trouble"]) == ([], [])
    found: dict[str, Any] = said["found"]
    return found


def within(source: Path, extent: list[float], margin: float) -> set[str]:
    """Ids of the plots that a view shows, and a margin more or less."""
    frame = geopandas.read_file(source)
    return set(frame.loc[frame.intersects(box(*extent).buffer(margin)), "id"])


@pytest.mark.parametrize("client", ["openlayers", "maplibre", "maplibre-style"])
def test_what_is_drawn_is_what_the_source_has_there(client: str, served: Server, source: Path) -> None:
    """From OGCVectorTile (OpenLayers), our TileJSON, and our style (MapLibre)."""
    found = run(client, served)
    drawn = set(found["ids"])
    assert len(drawn) > 50
    assert within(source, found["extent"], -WIDE / 5) <= drawn <= within(source, found["extent"], WIDE / 5)


def test_ogc_client_finds_collections_items_and_tiles(served: Server) -> None:
    found = run("ogc-client", served)
    assert "plots" in found["collections"]
    assert found["items"] == ["P00000", "P00001", "P00002"]
    assert {"height", "name"} <= set(found["queryables"])
    assert "plots" in found["tileCollections"]
    assert "WebMercatorQuad" in found["matrixSets"]
    assert served.get(found["address"].removeprefix(served.address)).status_code == 200
