"""Strangers' clients, unmodified, on the real server."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from servers import Server, start, stop

REQUIRED = os.environ.get("TWIN_TEST_REQUIRE", "").split(",")


def parcels(path: Path) -> Path:
    """30 squares in a row, with Chinese names and one height that a comparison would cut."""
    features = [
        {
            "type": "Feature",
            "id": f"P{i:02}",
            "properties": {"name": f"地块<{i}>&", "height": 1.5 * i, "use": "住宅" if i % 3 else "商业"},
            "geometry": {
                "type": "Polygon",
                "coordinates": [
                    [[118.3 + i / 1000, 38.3], [118.3005 + i / 1000, 38.3], [118.3005 + i / 1000, 38.3005],
                     [118.3 + i / 1000, 38.3005], [118.3 + i / 1000, 38.3]]
                ],
            },
        }
        for i in range(30)
    ]  # fmt: skip
    path.write_text(
        json.dumps({"type": "FeatureCollection", "features": features}, ensure_ascii=False), "utf-8"
    )
    return path


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("clients")
    server = start(folder / "home")
    server.twin("ingest", str(parcels(folder / "parcels.geojson")), "--layer", "plots", "--kind", "features")
    yield server
    stop(server)


def ogrinfo(*arguments: str) -> str:
    program = shutil.which("ogrinfo")
    if program is None:
        if "gdal" in REQUIRED:
            pytest.fail("TWIN_TEST_REQUIRE names gdal, and ogrinfo is not installed (apt: gdal-bin)")
        pytest.skip("ogrinfo is not installed (apt: gdal-bin)")
    # A stranger's GDAL has all its drivers; ours shuts the network's in this process.
    environment = {k: v for k, v in os.environ.items() if k not in ("OGR_SKIP", "GDAL_SKIP")}
    command = [program, "-ro", *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "ERROR" not in done.stderr, done.stderr
    return done.stdout


def test_gdal_lists_the_collections(served: Server) -> None:
    assert "plots" in ogrinfo("-so", f"OAPIF:{served.address}/ogc")


def test_gdal_reads_every_feature_and_its_text_unharmed(served: Server) -> None:
    said = ogrinfo("-al", f"OAPIF:{served.address}/ogc/collections/plots")
    assert "Feature Count: 30" in said
    assert "地块<7>&" in said


def test_gdal_filters_by_place(served: Server) -> None:
    window = ("-spat", "118.3101", "38.3", "118.3141", "38.301")
    said = ogrinfo("-al", "-so", *window, f"OAPIF:{served.address}/ogc/collections/plots")
    assert "Feature Count: 5" in said


def test_owslib_reads_collections_items_and_queryables(served: Server) -> None:
    from owslib.ogcapi.features import Features

    client = Features(f"{served.address}/ogc")
    assert "plots" in client.feature_collections()
    found = client.collection_items("plots", bbox=[118.3101, 38.3, 118.3141, 38.301], limit=3)
    assert (found["numberMatched"], found["numberReturned"]) == (5, 3)
    assert client.collection_queryables("plots")["properties"]["height"]["type"] == "number"
    assert client.collection_item("plots", "P07")["properties"]["name"] == "地块<7>&"


def test_owslib_reads_the_processes(served: Server) -> None:
    from owslib.ogcapi.processes import Processes

    client = Processes(f"{served.address}/ogc")
    assert "impact" in [p["id"] for p in client.processes()]


def test_geopandas_reads_a_page(served: Server) -> None:
    import geopandas

    frame = geopandas.read_file(f"{served.address}/ogc/collections/plots/items?limit=100")
    assert len(frame) == 30
    assert frame.geometry.is_valid.all()


def test_every_link_of_the_landing_page_leads_somewhere(served: Server) -> None:
    for link in served.json("/ogc")["links"]:
        assert served.get(link["href"].removeprefix(served.address)).status_code == 200, link
