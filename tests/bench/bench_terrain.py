"""Terrain tiles: against pydelatin + quantized-mesh-encoder on the same DEM.

    python tests/bench/run.py terrain

Both make a mesh of the same tiles' heights to the same error and encode it with normals; the peer's is the
irregular one, so its tiles are smaller and ours are faster to make. A third figure is ours on the way of a
request: posts sampled out of the COG in its own CRS first. The peer runs in an environment of its own
(under `.cache/bench`, made once). The sides run in turns, three times each; the best of each counts.
"""

from __future__ import annotations

import gzip
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import rasterio
import shapely
from affine import Affine
from figures import Bench, Figure, PeerMissing, at_least, environment, said, versions

from pipelines import terrain_tiles
from pipelines.ground import Ground, deepest, fewest, span, tolerance
from pipelines.heights import Raster
from pipelines.readers.raster import READER
from pipelines.readers.reader import Options
from pipelines.tile_cache import LEVEL
from tiles import quantized_mesh
from tiles.tin import enough
from twin.model import BBox
from twin.space import crs, to_crs84

PACKAGES = ("pydelatin==0.4.0", "quantized-mesh-encoder==0.5.0")
SIDE = 1025
CELL = 5.0
ROUNDS = 3
EDGES = ("west", "south", "east", "north")
PEER_CODE = """
import gzip, io, sys, time
import numpy as np
from pydelatin import Delatin
from pydelatin.util import rescale_positions
from quantized_mesh_encoder import encode
from quantized_mesh_encoder.extensions import VertexNormalsExtension

tiles, error = np.load(sys.argv[1]), float(sys.argv[2])
start = time.perf_counter()
made = []
for heights, bounds in zip(tiles["heights"], tiles["bounds"]):
    tin = Delatin(heights, max_error=error)
    out = io.BytesIO()
    places = rescale_positions(tin.vertices, bounds, flip_y=True)
    light = VertexNormalsExtension(indices=tin.triangles, positions=places)
    encode(out, places, tin.triangles, extensions=(light,))
    made.append(out.getvalue())
print(time.perf_counter() - start, sum(map(len, made)), sum(len(gzip.compress(m, 5)) for m in made))
"""


def hills(rough: float) -> np.ndarray:
    """(SIDE, SIDE) float32: hills of some hundred metres, and a roughness in metres on top."""
    y, x = np.mgrid[0:SIDE, 0:SIDE] / SIDE
    smooth = 180 * np.sin(7 * x) * np.cos(5 * y) + 60 * np.sin(23 * x * y + 1) + 400
    return np.asarray(smooth + rough * np.random.default_rng(7).standard_normal((SIDE, SIDE)), np.float32)


def ground(heights: np.ndarray, folder: Path) -> Ground:
    """A ground of the one DEM, stored as an ingest stores it."""
    path = folder / "dem.tif"
    place = Affine(CELL, 0, 612_000, 0, -CELL, 4_246_000)
    profile = {"driver": "GTiff", "width": SIDE, "height": SIDE, "count": 1, "dtype": "float32"}
    with rasterio.open(path, "w", **profile, crs="EPSG:4548", transform=place) as file:
        file.write(heights, 1)
    (part,) = READER.read((path,), Options(kind="terrain"))
    (stored,) = part.assets.values()
    to = to_crs84(crs("EPSG:4548"))
    outline = shapely.box(612_000, 4_246_000 - SIDE * CELL, 612_000 + SIDE * CELL, 4_246_000)
    west, south, east, north = shapely.transform(
        outline, lambda xy: np.column_stack(to.transform(xy[:, 0], xy[:, 1]))
    ).bounds
    raster = Raster(
        path=stored,
        layer="dem",
        id="dem",
        bbox=BBox(west=west, south=south, east=east, north=north),
        resolution=CELL,
    )
    nothing = np.empty((0, 4))
    return Ground(rasters=(raster,), vertical="unknown", bounds=nothing, times=nothing.astype(np.int64))


def addresses(of: Ground) -> list[tuple[int, int, int]]:
    """Every tile of the deepest level."""
    level = deepest(of.rasters[0])
    x0, x1, y0, y1 = span(of.rasters[0].bbox, level)
    return [(level, x, y) for x in range(x0, x1 + 1) for y in range(y0, y1 + 1)]


Run = tuple[float, int, int]
"""Seconds, bytes of all tiles, and of all tiles as they go over the wire (gzip, level 5)."""


def requested(of: Ground, tiles: list[tuple[int, int, int]]) -> Run:
    """From the COG on; nothing kept from the run before."""
    of.kept.clear()
    start = time.perf_counter()
    made = [terrain_tiles.tile(of, *address) for address in tiles]
    return weighed(time.perf_counter() - start, made)


def weighed(seconds: float, made: list[bytes]) -> Run:
    """A run's seconds and sizes; packing is not part of the seconds."""
    return seconds, sum(map(len, made)), sum(len(gzip.compress(m, LEVEL)) for m in made)


def ours(of: Ground, tiles: list[tuple[int, int, int]]) -> Run:
    """Mesh and encoding alone, from heights in memory."""
    level = tiles[0][0]
    grids = [of.posts(a) for a in tiles]
    edges = [
        quantized_mesh.Edges(**dict(zip(EDGES, terrain_tiles.box(*a).astuple(), strict=True))) for a in tiles
    ]
    start = time.perf_counter()
    made = []
    for posts, where in zip(grids, edges, strict=True):
        cells = enough(posts[1:-1, 1:-1], tolerance(level), fewest=fewest(level))
        made.append(quantized_mesh.encode(posts, where, cells=cells))
    return weighed(time.perf_counter() - start, made)


def peer(python: Path, of: Ground, tiles: list[tuple[int, int, int]], error: float, folder: Path) -> Run:
    """The peer on the same tiles' heights."""
    file = folder / "tiles.npz"
    heights = [np.nan_to_num(of.posts(a)[1:-1, 1:-1][::-1]).astype(np.float32) for a in tiles]
    boxes = [terrain_tiles.box(*a) for a in tiles]
    np.savez(file, heights=np.stack(heights), bounds=np.array([b.astuple() for b in boxes]))
    seconds, size, packed = said([python, "-c", PEER_CODE, file, str(error)]).split()
    return float(seconds), int(size), int(packed)


def turns(python: Path | None, heights: np.ndarray, folder: Path) -> Iterator[Figure]:
    """Both sides in turns on one DEM; the best round of each counts."""
    found = ground(heights, folder)
    tiles = addresses(found)
    error = tolerance(tiles[0][0])
    runs: dict[str, list[Run]] = {"ours": [], "ours, out of the COG": [], "theirs": []}
    for _ in range(ROUNDS):
        runs["ours, out of the COG"].append(requested(found, tiles))
        runs["ours"].append(ours(found, tiles))
        if python:
            runs["theirs"].append(peer(python, found, tiles, error, folder))
    best = {side: min(run) for side, run in runs.items() if run}
    for side, (seconds, size, packed) in best.items():
        kilobytes = f"{size / len(tiles) / 1e3:.1f} kB a tile, {packed / len(tiles) / 1e3:.1f} packed"
        what = f"{side}: {len(tiles)} tiles, error {error:.2f} m, {kilobytes}"
        yield Figure(what=what, value=len(tiles) / seconds, unit="tiles/s")
    if python:
        yield at_least("ratio of the sides", best["theirs"][0] / best["ours"][0], "x", 1)


def run(quick: bool) -> Iterator[Figure]:
    """Smooth ground and rough ground."""
    python = None
    try:
        python = environment("delatin", *PACKAGES)
        yield Figure(what="theirs", value=versions(python, *(p.split("==")[0] for p in PACKAGES)))
    except PeerMissing as missing:
        yield Figure(what="theirs: not run", value=str(missing))
    for name, rough in (("smooth", 0.0), ("rough", 1.0))[: 1 if quick else 2]:
        with tempfile.TemporaryDirectory() as home:
            for figure in turns(python, hills(rough), Path(home)):
                yield replace(figure, what=f"{name} ground, {figure.what}")


BENCH = Bench(name="terrain", title="quantized-mesh against pydelatin + quantized-mesh-encoder", run=run)
