"""Tiles over HTTP, cold and warm: the drawn map, vector tiles and 3D Tiles contents of a town.

    python tests/bench/run.py map

One client, one request at a time, a server that has just started. Cold tiles are made for the request, warm
ones come out of the tile cache; the last figure is a revalidation that ends with 304.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import numpy as np
from bench_buildings import SOUTH, WEST, side
from bench_edits import OPTIONS, fetched
from bench_ingest import warm
from figures import Bench, Figure
from million import ingested, served, town

LEVEL = 16
MOST = 100


def run(quick: bool) -> Iterator[Figure]:
    """Each kind of tile."""
    count = 5_000 if quick else 100_000
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        warm(folder)
        ingested(folder / "home", str(town(count)), *OPTIONS)
        with served(folder / "home") as (client, _):
            squares = addresses(count)
            map_tiles = [f"/tiles/map/{a}.png" for a in squares]
            yield from asked(client, f"drawn map, 512 px, level {LEVEL}, {count:,} buildings", map_tiles)
            yield from asked(
                client, f"vector tiles, level {LEVEL}", [f"/tiles/buildings/{a}.mvt" for a in squares]
            )
            found, _ = fetched(client, set(), contents=False)
            contents = sorted(uri for uri in found if uri.endswith(".glb"))[:MOST]
            yield from asked(client, "3D Tiles contents", contents)


def asked(client: httpx2.Client, what: str, paths: list[str]) -> Iterator[Figure]:
    """Tiles a second: made, kept, unchanged."""
    tags = []
    for name in ("cold", "warm"):
        start = time.perf_counter()
        answers = [client.get(path).raise_for_status() for path in paths]
        yield Figure(what=f"{what}: {name}", value=len(paths) / (time.perf_counter() - start), unit="tiles/s")
        tags = [a.headers["ETag"] for a in answers]
    start = time.perf_counter()
    said = {client.get(p, headers={"If-None-Match": t}).status_code for p, t in zip(paths, tags, strict=True)}
    if said != {304}:
        raise AssertionError(f"304 was expected, {said} came")
    yield Figure(what=f"{what}: 304", value=len(paths) / (time.perf_counter() - start), unit="tiles/s")


def addresses(count: int) -> list[str]:
    """Tiles of the middle of the town, `z/x/y`."""
    lon, lat = WEST + side(count) / 2, SOUTH + side(count) / 2
    x = int((lon + 180) / 360 * 2**LEVEL)
    y = int((1 - np.arcsinh(np.tan(np.radians(lat))) / np.pi) / 2 * 2**LEVEL)
    reach = max(min(int(side(count) / 360 * 2**LEVEL / 2), int(MOST**0.5 / 2)), 1)
    return [f"{LEVEL}/{x + i}/{y + j}" for i in range(-reach, reach) for j in range(-reach, reach)]


BENCH = Bench(name="map", title="tiles over HTTP, cold and warm", run=run)
