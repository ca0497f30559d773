"""Terrain tiles: against pydelatin + quantized-mesh-encoder on the same DEM.

    python tests/bench/bench_terrain.py

Both make a mesh of the same tiles' heights to the same error and encode it with normals; the peer's is the
irregular one, so its tiles are smaller and ours are faster to make. A third figure is ours on the way of a
request: posts sampled out of the COG in its own CRS first. The peer runs in an environment of its own
(`.tools/bench-delatin`, made once). The sides run in turns, three times each; the best of each counts.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
import venv
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import rasterio
import shapely
from affine import Affine

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from pipelines import terrain_tiles  # noqa: E402
from pipelines.ground import Ground, deepest, fewest, span, tolerance  # noqa: E402
from pipelines.heights import Raster  # noqa: E402
from pipelines.readers.raster import READER  # noqa: E402
from pipelines.readers.reader import Options  # noqa: E402
from tiles import quantized_mesh  # noqa: E402
from tiles.tin import enough  # noqa: E402
from twin.model import BBox  # noqa: E402
from twin.space import crs, to_crs84  # noqa: E402

PEER = ROOT / ".tools" / "bench-delatin"
SIDE = 1025
CELL = 5.0
ROUNDS = 3
EDGES = ("west", "south", "east", "north")
PEER_CODE = """
import io, sys, time
import numpy as np
from pydelatin import Delatin
from pydelatin.util import rescale_positions
from quantized_mesh_encoder import encode
from quantized_mesh_encoder.extensions import VertexNormalsExtension

tiles, error = np.load(sys.argv[1]), float(sys.argv[2])
start = time.perf_counter()
size = 0
for heights, bounds in zip(tiles["heights"], tiles["bounds"]):
    tin = Delatin(heights, max_error=error)
    out = io.BytesIO()
    places = rescale_positions(tin.vertices, bounds, flip_y=True)
    light = VertexNormalsExtension(indices=tin.triangles, positions=places)
    encode(out, places, tin.triangles, extensions=(light,))
    size += out.tell()
print(time.perf_counter() - start, size)
"""


def hills(rough: float) -> np.ndarray:
    """(SIDE, SIDE) float32: hills of some hundred metres, and a roughness in metres on top."""
    y, x = np.mgrid[0:SIDE, 0:SIDE] / SIDE
    smooth = 180 * np.sin(7 * x) * np.cos(5 * y) + 60 * np.sin(23 * x * y + 1) + 400
    return (smooth + rough * np.random.default_rng(7).standard_normal((SIDE, SIDE))).astype(np.float32)


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


def requested(of: Ground, tiles: list[tuple[int, int, int]]) -> tuple[float, int]:
    """Seconds and bytes from the COG on; nothing kept from the run before."""
    of.kept.clear()
    start = time.perf_counter()
    size = sum(len(terrain_tiles.tile(of, *address)) for address in tiles)
    return time.perf_counter() - start, size


def ours(of: Ground, tiles: list[tuple[int, int, int]]) -> tuple[float, int]:
    """Seconds and bytes of mesh and encoding alone, from heights in memory."""
    level = tiles[0][0]
    grids = [of.posts(a) for a in tiles]
    edges = [
        quantized_mesh.Edges(**dict(zip(EDGES, terrain_tiles.box(*a).astuple(), strict=True))) for a in tiles
    ]
    start = time.perf_counter()
    size = 0
    for posts, where in zip(grids, edges, strict=True):
        cells = enough(posts[1:-1, 1:-1], tolerance(level), fewest=fewest(level))
        size += len(quantized_mesh.encode(posts, where, cells=cells))
    return time.perf_counter() - start, size


def peer(of: Ground, tiles: list[tuple[int, int, int]], error: float, folder: Path) -> tuple[float, int]:
    """Seconds and bytes of the peer on the same tiles' heights."""
    file = folder / "tiles.npz"
    heights = [np.nan_to_num(of.posts(a)[1:-1, 1:-1][::-1]).astype(np.float32) for a in tiles]
    boxes = [terrain_tiles.box(*a) for a in tiles]
    np.savez(file, heights=np.stack(heights), bounds=np.array([b.astuple() for b in boxes]))
    command = [PEER / "bin" / "python", "-c", PEER_CODE, file, str(error)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    seconds, size = done.stdout.split()
    return float(seconds), int(size)


def environment() -> None:
    """The peer's packages, once."""
    if not (PEER / "bin" / "python").exists():
        venv.create(PEER, with_pip=True)
        packages = ["pydelatin", "quantized-mesh-encoder"]
        install = [PEER / "bin" / "python", "-m", "pip", "install", "--quiet", *packages]
        subprocess.run(install, check=True)


def main() -> None:
    """Run and print."""
    environment()
    print(f"terrain tiles of 65 x 65 posts from a {SIDE} x {SIDE} DEM · {datetime.now(UTC):%Y-%m-%d %H:%M}Z")
    for name, rough in (("smooth", 0.0), ("rough", 1.0)):
        with tempfile.TemporaryDirectory() as home:
            folder = Path(home)
            found = ground(hills(rough), folder)
            tiles = addresses(found)
            error = tolerance(tiles[0][0])
            runs: dict[str, list[tuple[float, int]]] = {"ours": [], "requested": [], "peer": []}
            for _ in range(ROUNDS):
                runs["requested"].append(requested(found, tiles))
                runs["ours"].append(ours(found, tiles))
                runs["peer"].append(peer(found, tiles, error, folder))
            best = {side: min(run) for side, run in runs.items()}
            print(f"  {name} ground, {len(tiles)} tiles, error {error:.3f} m, with normals")
            for side, (seconds, size) in best.items():
                print(
                    f"    {side:10} {len(tiles) / seconds:6,.0f} tiles/s, {size / len(tiles) / 1e3:.1f} kB a tile"
                )
            print(f"    ratio ours : peer {best['peer'][0] / best['ours'][0]:.1f}")


if __name__ == "__main__":
    main()
