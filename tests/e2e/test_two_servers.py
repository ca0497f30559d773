"""Two server processes on one PostGIS: what is edited through one is seen by the other at the next request."""

from __future__ import annotations

import json
import math
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
import mapbox_vector_tile
import pytest
from postgres_support import Cluster, running
from servers import Server, start, stop, twin

ITEMS = "/ogc/collections/incidents/items"
LON, LAT = 118.36, 38.35
ZOOM = 12


@pytest.fixture(scope="module")
def database() -> Iterator[Cluster]:
    with running() as cluster:
        cluster.run("CREATE DATABASE city TEMPLATE pattern")
        yield cluster


@pytest.fixture(scope="module")
def pair(database: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Server]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TWIN_STORE", database.url("city"))
        servers = [start(tmp_path_factory.mktemp(name)) for name in ("one", "other")]
    yield servers[0], servers[1]
    for server in servers:
        stop(server)


def post(server: Server, title: str) -> str:
    body = {
        "type": "Feature",
        "geometry": {"type": "Point", "coordinates": [LON, LAT]},
        "properties": {"title": title, "level": "III"},
    }
    headers = {"Content-Type": "application/geo+json"}
    answer = httpx2.post(server.address + ITEMS, content=json.dumps(body), headers=headers, timeout=30)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def address() -> str:
    x = int((LON + 180) / 360 * 2**ZOOM)
    y = int((1 - math.asinh(math.tan(math.radians(LAT))) / math.pi) / 2 * 2**ZOOM)
    return f"/tiles/incidents/{ZOOM}/{x}/{y}.mvt"


def drawn(server: Server) -> tuple[int, str]:
    """How many features the tile has, and its ETag."""
    answer = server.get(address())
    if answer.status_code == 204:
        return 0, answer.headers.get("etag", "")
    assert answer.status_code == 200, answer.text
    layers = mapbox_vector_tile.decode(answer.content)
    return sum(len(layer["features"]) for layer in layers.values()), answer.headers["etag"]


def test_an_edit_through_one_is_in_the_others_items_and_tile_at_the_next_request(
    pair: tuple[Server, Server],
) -> None:
    for n in range(6):
        writer, reader = pair if n % 2 else pair[::-1]
        before, etag = drawn(reader)
        ident = post(writer, f"event {n}")
        assert reader.get(f"{ITEMS}/{ident}").status_code == 200
        assert ident in {f["id"] for f in reader.json(f"{ITEMS}?limit=1000")["features"]}
        after, changed = drawn(reader)
        assert after == before + 1
        assert changed != etag
        assert drawn(writer) == (after, changed)


def test_equal_requests_with_a_key_at_both_make_one_feature(pair: tuple[Server, Server]) -> None:
    place = {"type": "Point", "coordinates": [LON, LAT]}
    for n in range(5):
        title = f"once {n}"
        body = {"type": "Feature", "geometry": place, "properties": {"title": title, "level": "III"}}
        headers = {"Content-Type": "application/geo+json", "Idempotency-Key": title}
        begin = threading.Barrier(4)

        def send(server: Server) -> Any:
            begin.wait()  # noqa: B023  (each round ends before the next begins)
            return httpx2.post(server.address + ITEMS, json=body, headers=headers, timeout=30)  # noqa: B023

        with ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(send, pair * 2))
        assert [a.status_code for a in answers] == [201] * 4
        assert len({a.json()["id"] for a in answers}) == 1
        for server in pair:
            assert server.json(f"{ITEMS}?title=once%20{n}")["numberMatched"] == 1


def test_a_database_that_stops_is_said_and_comes_back_without_a_restart(
    database: Cluster, pair: tuple[Server, Server]
) -> None:
    one, other = pair
    database.stop()
    answer = one.get(ITEMS)
    assert answer.status_code == 503
    assert answer.json()["type"].endswith("unavailable")
    assert answer.headers["retry-after"]
    ready = one.get("/readyz")
    assert ready.status_code == 503
    assert "PostgreSQL" in ready.text
    assert one.get("/healthz").status_code == 200
    database.start()
    latest = time.monotonic() + 10
    while {s.get("/readyz").status_code for s in pair} != {200}:
        assert time.monotonic() < latest, one.get("/readyz").text
        time.sleep(0.2)
    ident = post(one, "after")
    assert other.get(f"{ITEMS}/{ident}").status_code == 200


def test_the_command_line_writes_beside_the_servers(
    database: Cluster, pair: tuple[Server, Server], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TWIN_STORE", database.url("city"))
    file = tmp_path / "trees.geojson"
    place = {"type": "Point", "coordinates": [LON, LAT]}
    rows = [{"type": "Feature", "id": f"t{n}", "geometry": place, "properties": {"n": n}} for n in range(3)]
    file.write_text(json.dumps({"type": "FeatureCollection", "features": rows}))
    home = tmp_path / "home"
    twin(home, "ingest", str(file), "--layer", "trees")
    for server in pair:
        assert server.json("/ogc/collections/trees/items")["numberMatched"] == 3
    twin(home, "backup", str(tmp_path / "backup"))
    monkeypatch.setenv("TWIN_STORE", "")
    twin(tmp_path / "new", "restore", str(tmp_path / "backup"))
    assert '"trees"' in twin(tmp_path / "new", "layers", "--json").stdout
