"""`kill -9` while tiles are made (F56): none is half there, and in the end they are as if nobody had been killed."""

from __future__ import annotations

import gzip
import json
import random
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from urllib.parse import urljoin

import httpx2
import pytest
from servers import Server, start, stop, twin

SEEN = 6
"""So many tiles are answered, at least, before the server is killed amid the next ones."""


def town(path: Path) -> Path:
    """Twenty thousand houses: a tree of some forty tiles."""
    chance = random.Random(5)
    features = []
    for n in range(20_000):
        x, y, a = 118 + chance.random() * 0.1, 38 + chance.random() * 0.1, chance.uniform(5e-5, 5e-4)
        ring = [[x, y], [x + a, y], [x + a, y + a], [x, y + a], [x, y]]
        house = {"type": "Feature", "id": n, "properties": {"height": chance.uniform(3, 90)}}
        features.append({**house, "geometry": {"type": "Polygon", "coordinates": [ring]}})
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    return path


def addresses(server: Server) -> list[str]:
    """Paths of all that the layer's tileset leads to."""
    found, waiting = [], ["/tiles/town/tileset.json"]
    while waiting:
        at = waiting.pop()
        tiles = [server.json(at)["root"]]
        while tiles:
            tile = tiles.pop()
            tiles += tile.get("children", [])
            if uri := tile.get("content", {}).get("uri"):
                path = urljoin(at, uri)
                (waiting if path.endswith(".json") else found).append(path)
    return sorted(found)


def killed(home: Path, paths: list[str], chance: random.Random) -> None:
    """Ask for tiles from four threads and kill the server amid them."""
    server, seen, lock = start(home), [], threading.Lock()

    def ask(path: str) -> None:
        with suppress(httpx2.HTTPError, OSError):
            server.get(path)
            with lock:
                seen.append(path)
                if len(seen) == SEEN + chance.randrange(10):
                    server.process.kill()

    order = chance.sample(paths, len(paths))
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(ask, order))
    server.process.kill()
    server.process.wait(20)
    server.drain.join(20)
    if server.process.stdout:
        server.process.stdout.close()


def rounds(tmp_path: Path, times: int) -> None:
    home, chance = tmp_path / "home", random.Random(3)
    twin(home, "ingest", str(town(tmp_path / "town.geojson")), "--layer", "town", "--kind", "buildings")
    server = start(home)
    paths = addresses(server)
    stop(server)
    assert len(paths) > SEEN + 10
    for _ in range(times):
        shutil.rmtree(home / "cache", ignore_errors=True)
        killed(home, paths, chance)
        kept = [p for p in (home / "cache").rglob("*") if p.is_file() and p.suffix == ".gz"]
        assert all(gzip.decompress(p.read_bytes()) for p in kept)
    server = start(home)
    try:
        resumed = {p: server.get(p).content for p in paths}
        assert {p.suffix for p in (home / "cache").rglob("*") if p.is_file()} == {".gz"}
    finally:
        stop(server)
    shutil.rmtree(home / "cache")
    server = start(home)
    try:
        assert {p: server.get(p).content for p in paths} == resumed
    finally:
        stop(server)


def test_a_killed_server_leaves_no_half_tile(tmp_path: Path) -> None:
    rounds(tmp_path, 2)


@pytest.mark.long
def test_many_killed_servers_leave_no_half_tile(tmp_path: Path) -> None:
    rounds(tmp_path, 25)
