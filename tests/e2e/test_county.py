"""The sample county as `make demo` serves it: what the issue promises of it, on the doors that others use."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
from servers import Server

NODE = Path(__file__).parents[1] / "node"


def layers(county: Server) -> dict[str, Any]:
    return {entry["id"]: entry for entry in county.json("/api/layers")["layers"]}


def matched(county: Server, layer: str, query: str = "") -> int:
    return int(county.json(f"/ogc/collections/{layer}/items?limit=1{query}")["numberMatched"])


def test_its_figures_are_those_promised(county: Server) -> None:
    found = layers(county)
    assert found["buildings"]["count"] >= 12_000
    assert found["sensors"]["count"] >= 300
    assert found["cameras"]["count"] == 760
    assert {entry["kind"] for entry in found.values()} >= {
        "terrain", "imagery", "buildings", "networks", "roads", "sensors", "cameras", "grids", "places",
        "parcels", "zones", "incidents", "features",
    }  # fmt: skip


def test_it_says_that_it_is_invented_and_lies_on_open_water(county: Server) -> None:
    site = county.json("/api/site")
    assert site["invented"]
    assert site["title"]["zh"] == "望海示范县"
    manifest = json.loads((county.home / "county" / "manifest.json").read_bytes())
    names = {entry["layer"] for entry in manifest["layers"]}
    for entry in layers(county).values():
        if entry["id"] in names:
            assert entry["invented"], entry["id"]
            west, south, east, north = entry["bbox"]
            assert 118.28 <= west <= east <= 118.44, entry["id"]
            assert 38.28 <= south <= north <= 38.42, entry["id"]


def test_its_pipes_are_of_six_classes_and_seventeen_types(county: Server) -> None:
    classes: Counter[str] = Counter()
    types: set[str] = set()
    metres = 0.0
    page = "/ogc/collections/pipes/items?limit=10000&properties=class,type"
    while page:
        answer = county.json(page)
        for feature in answer["features"]:
            classes[feature["properties"]["class"]] += 1
            types.add(feature["properties"]["type"])
            metres += sum(
                (((b[0] - a[0]) * 87_300) ** 2 + ((b[1] - a[1]) * 111_000) ** 2) ** 0.5
                for a, b in zip(
                    feature["geometry"]["coordinates"], feature["geometry"]["coordinates"][1:], strict=False
                )
            )
        page = next((k["href"] for k in answer["links"] if k["rel"] == "next"), "").removeprefix(
            county.address
        )
    assert sorted(classes) == ["DL", "JS", "PS", "RL", "RQ", "TX"]
    assert len(types) == 17
    assert metres > 400_000


def test_time_has_something_to_show(county: Server) -> None:
    assert len(county.json("/api/site")["epochs"]) == 3
    for layer in ("buildings", "pipes"):
        then, now = matched(county, layer, "&datetime=2021-08-01"), matched(county, layer)
        assert then < now
        assert matched(county, layer, "&datetime=2020-01-01") == 0
    old = county.get("/tiles/buildings/@2021-08-01/tileset.json")
    assert old.headers["etag"] != county.get("/tiles/buildings/tileset.json").headers["etag"]


def test_two_characters_find_a_hospital_and_an_id_its_feature(county: Server) -> None:
    hits = county.json("/api/search", params={"q": "医院"})["hits"]
    assert hits
    assert all("医院" in h["title"] + h["detail"] for h in hits)
    some = county.json("/ogc/collections/pipes/items?limit=1")["features"][0]["id"]
    # A large layer is indexed by a process of its own, which goes on while the server serves.
    latest = time.monotonic() + 120
    while not (found := county.json("/api/search", params={"q": some})["hits"]):
        assert time.monotonic() < latest
        time.sleep(0.5)
    assert found[0]["id"] == some


def test_a_place_knows_its_grid_height_and_pipes(county: Server) -> None:
    here = county.json("/api/here?lon=118.36&lat=38.345&radius=50")
    assert [g["level"] for g in here["grids"]] == [1, 2, 3, 4]
    assert 0 < here["height"] < 60
    assert here["datum"] == "EPSG:5737"
    assert here["projected"][0]["crs"] == "EPSG:4548"
    assert here["pipes"]


def test_sensors_have_thirty_days_and_a_latest_value(county: Server) -> None:
    latest = county.json("/api/latest/sensors")["values"]
    assert len(latest) >= 250
    stream = next(v for v in latest if v["count"] > 500)
    start = datetime.fromisoformat(stream["time"]) - timedelta(days=30)
    path = f"/api/datastreams/{stream['datastream']}/series"
    series = county.json(path, params={"points": 100, "from": start.isoformat()})
    assert 10 < len(series["times"]) <= 100


def test_impact_answers_for_every_kind(county: Server) -> None:
    said = {"inputs": {"geometry": {"type": "Point", "coordinates": [118.36, 38.345]}, "radius": 300}}
    found = httpx2.post(f"{county.address}/ogc/processes/impact/execution", json=said, timeout=60).json()
    assert {"buildings", "pipes", "roads", "grid"} <= set(found)
    assert all(entry["count"] == len(entry["ids"]) for entry in found.values())


def content(county: Server, layer: str, most: int) -> list[str]:
    todo, found = [county.json(f"/tiles/{layer}/tileset.json")["root"]], []
    while todo and len(found) < most:
        tile = todo.pop(0)
        todo += tile.get("children", [])
        uri = tile.get("content", {}).get("uri", "")
        if uri.endswith(".json"):
            todo.append(county.json(uri)["root"])
        elif uri:
            found.append(uri)
    return found


@pytest.mark.parametrize("layer", ["buildings", "landmarks", "pipes", "pipe_points"])
def test_its_gltf_is_valid(county: Server, layer: str, tmp_path: Path) -> None:
    if shutil.which("node") is None or not (NODE / "node_modules").exists():
        pytest.skip("node or tests/node/node_modules is not here; `make test` sets them up")
    paths = []
    for i, uri in enumerate(content(county, layer, 3)):
        paths.append(tmp_path / f"{i}.glb")
        paths[-1].write_bytes(county.get(uri).content)
    done = subprocess.run(
        ["node", str(NODE / "validate_gltf.cjs"), *map(str, paths)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for report in json.loads(done.stdout):
        assert (report["errors"], report["warnings"]) == (0, 0), report


def test_terrain_stands_where_here_says(county: Server) -> None:
    described = county.json("/tiles/ground/layer.json")
    assert described["maxzoom"] >= 15
    assert "octvertexnormals" in described["extensions"]
    first = county.get("/tiles/ground/0/1/0.terrain")
    assert first.status_code == 200
    assert (
        county.get(
            "/tiles/ground/0/1/0.terrain", headers={"If-None-Match": first.headers["etag"]}
        ).status_code
        == 304
    )


def test_the_past_of_the_map_is_another_picture(county: Server) -> None:
    path = "/tiles/map/14/13579/6299.png"
    now, then = county.get(path), county.get(f"{path}?at=2021-08-01")
    assert now.headers["content-type"] == "image/png"
    assert now.content != then.content
