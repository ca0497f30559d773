"""Buildings to 3D Tiles: against py3dtiles' `export` on the same footprints, how it grows, and what an edit costs.

    python tests/bench/run.py buildings

Ours reads footprints out of a DuckDB store, stands them on a terrain layer, and writes every tileset JSON
and GLB into a folder. py3dtiles gets the same buildings as solids that are already extruded and stood on the
ground, one WKB file each, which is what it reads; making those is not counted. It runs in an environment of
its own (under `.cache/bench`, made once), its imports are not counted either.
"""

from __future__ import annotations

import re
import resource
import shutil
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import rasterio
import shapely
from affine import Affine
from figures import Bench, Figure, PeerMissing, at_least, below, environment, said, versions

from layers import buildings, terrain
from layers.conform import conform
from pipelines import bake
from pipelines.ground import Grounds
from pipelines.readers.raster import READER
from pipelines.readers.reader import Options
from twin.duckdb.store import DuckDBStore
from twin.forest import Forest
from twin.model import Delivery, Layer, Mode, Titles
from twin.place import to_crs84
from twin.policy import Policy
from twin.space import crs
from twin.table import Batch, columns_of

OPEN = Policy.open()
WEST, SOUTH = 116.0, 39.0
SURVEY = datetime(2025, 7, 1, tzinfo=UTC)
PACKAGES = ("py3dtiles==12.1.1", "psycopg2-binary")
STEP = 50_000
EXPORT = """
import sys, time
from pathlib import Path
from py3dtiles.export import from_directory
start, used = time.perf_counter(), time.process_time()
from_directory(Path(sys.argv[1]), (0, 0, 0), Path(sys.argv[2]))
print(time.perf_counter() - start, time.process_time() - used)
"""


def side(count: int) -> float:
    """Degrees along a town's side: 2,500 buildings to a square kilometre."""
    return float(np.sqrt(count / 2500) / 111)


def footprints(count: int, seed: int = 7) -> tuple[np.ndarray, np.ndarray]:
    """Turned rectangles and L-shapes, and their heights."""
    random = np.random.default_rng(seed)
    middle = np.array([WEST, SOUTH]) + random.uniform(0.001, side(count), (count, 2))
    half = random.lognormal(1.9, 0.35, (count, 2))
    ell = np.array([[-1, -1], [1, -1], [1, 0.2], [0, 0.2], [0, 1], [-1, 1], [-1, -1]])
    turn = random.uniform(0, np.pi, count)
    corners = ell[None] * half[:, None, :]
    c, s = np.cos(turn)[:, None], np.sin(turn)[:, None]
    metres = np.stack(
        [corners[..., 0] * c - corners[..., 1] * s, corners[..., 0] * s + corners[..., 1] * c], -1
    )
    places = middle[:, None, :] + metres / np.array([86_000.0, 111_000.0])
    return shapely.polygons(places), random.uniform(3, 60, count)


def deliveries(count: int) -> Iterator[Batch]:
    """The footprints as a reader would give them."""
    shapes, heights = footprints(count)
    for start in range(0, count, STEP):
        part = slice(start, min(start + STEP, count))
        table = pa.table(
            {
                "id": [f"B{i:07}" for i in range(part.start, part.stop)],
                "name": [f"楼{i}" for i in range(part.start, part.stop)],
                "height": heights[part],
                "storeys": np.maximum(heights[part] // 3, 1).astype(np.int64),
                "use": np.where(np.arange(part.start, part.stop) % 7, "residential", "office"),
                "geom": pa.array(shapely.to_wkb(shapes[part]), pa.binary()),
                "row": np.arange(part.start, part.stop),
            }
        )
        batch = to_crs84(Batch(table=table, crs=crs("OGC:CRS84")), crs=crs("OGC:CRS84"))
        yield conform(batch, buildings.KIND)


def town(home: Path, count: int) -> tuple[bake.Source, Layer, float]:
    """A store with terrain and buildings, and how long the buildings took to go in."""
    store = DuckDBStore(home / "twin.duckdb")
    ground(store, home, side(count) + 0.01)
    batches = deliveries(count)
    first = next(batches)
    layer = Layer(
        id="buildings",
        kind="buildings",
        title=Titles(en="Buildings"),
        geometry="Polygon",
        columns=columns_of(first.table.schema),
    )

    def every() -> Iterator[Batch]:
        yield first
        yield from batches

    start = time.perf_counter()
    store.write(layer, every(), Delivery(source="bench", at=SURVEY))
    took = time.perf_counter() - start
    grounds = Grounds(store, home)
    source = bake.Source(
        store=store,
        forest=Forest(store),
        ground=lambda at, known: grounds.at(OPEN, at=at, known=known),
    )
    return source, layer, took


def ground(store: DuckDBStore, home: Path, extent: float) -> None:
    """Rolling hills, a cell a second of arc."""
    cells = int(extent * 3600) + 30
    y, x = np.mgrid[:cells, :cells]
    heights = (40 + 25 * np.sin(x / 17) * np.cos(y / 23)).astype(np.float32)
    path = home / "dem.tif"
    place = Affine(1 / 3600, 0, WEST - 10 / 3600, 0, -1 / 3600, SOUTH + (cells - 10) / 3600)
    profile = {"driver": "GTiff", "width": cells, "height": cells, "count": 1, "dtype": "float32"}
    with rasterio.open(path, "w", **profile, crs="EPSG:4326", transform=place) as file:
        file.write(heights, 1)
    (part,) = READER.read((path,), Options(kind="terrain"))
    for name, asset in part.assets.items():
        shutil.copy(asset, home / name)
    batches = [conform(to_crs84(b, crs=b.crs), terrain.KIND) for b in part.batches]
    what = Layer(id="dem", kind="terrain", title=Titles(en="DEM"), geometry="Raster")
    store.write(what, batches, Delivery(source="bench", at=SURVEY))


def write_all(source: bake.Source, folder: Path, most: int | None = None) -> tuple[int, int, float]:
    """Bake into a folder: tileset JSON files, GLB files (at most so many, spread evenly), seconds."""
    start = time.perf_counter()
    now = datetime.now(UTC)
    root = bake.entrance(source, "buildings", at=now, known=now, policy=OPEN)
    written, contents, todo = 1, [], [root.body]
    while todo:
        for uri in addresses(todo.pop()):
            if uri.endswith(".glb"):
                contents.append(uri)
                continue
            todo.append(fetched(source, uri, folder))
            written += 1
    if most and len(contents) > most:
        contents = contents[:: -(-len(contents) // most)]
    for uri in contents:
        fetched(source, uri, folder)
    return written, len(contents), time.perf_counter() - start


def addresses(body: bytes) -> list[str]:
    """What a tileset JSON links to."""
    return [uri.decode() for uri in re.findall(rb'"uri":"([^"]+)"', body)]


def fetched(source: bake.Source, uri: str, folder: Path | None = None) -> bytes:
    """One file of the tileset, written where its address says."""
    _, _, layer, key, name = uri.split("/", 4)
    node, _, suffix = name.rpartition(".")
    maker = bake.content if suffix == "glb" else bake.branch
    body = maker(source, layer, key, node, policy=OPEN)
    if folder is not None:
        path = folder / uri.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
    return body


def solids(source: bake.Source, count: int, folder: Path) -> None:
    """The same buildings as py3dtiles reads them: extruded, on the ground, earth-centred, a file each."""
    from twin.space import geodetic_to_ecef

    shapes, heights = footprints(count)
    now = datetime.now(UTC)
    surface = source.ground(now, now)
    for i, (shape, height) in enumerate(zip(shapes, heights, strict=True)):
        ring = shapely.get_coordinates(shape)
        low = float(np.nanmin(surface.heights(ring[:, 0], ring[:, 1])))
        foot = geodetic_to_ecef(np.column_stack([ring, np.full(len(ring), low)]))
        top = geodetic_to_ecef(np.column_stack([ring, np.full(len(ring), low + height)]))
        walls = [[foot[k], foot[k + 1], top[k + 1], top[k], foot[k]] for k in range(len(ring) - 1)]
        faces = [list(top), list(foot[::-1]), *walls]
        body = b"\x01" + np.array([1015, len(faces)], "<u4").tobytes()
        for face in faces:
            head = b"\x01" + np.array([1003, 1, len(face)], "<u4").tobytes()
            body += head + np.array(face, "<f8").tobytes()
        (folder / f"{i:05}.wkb").write_bytes(body)


def compared(count: int) -> Iterator[Figure]:
    """Both sides on the same buildings, in the same minute."""
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        source, _, took = town(home, count)
        runs = [timed(source, home / f"ours{i}") for i in range(3)]
        ours, used = min(runs)
        yield Figure(what=f"{count:,} buildings into the store", value=took, unit="s")
        yield Figure(
            what="ours: clamped, into a folder, best of three", value=count / ours, unit="buildings/s"
        )
        yield Figure(what="ours: first run", value=count / runs[0][0], unit="buildings/s")
        try:
            python = environment("py3dtiles", *PACKAGES)
            (home / "solid").mkdir()
            solids(source, count, home / "solid")
            (home / "theirs" / "tiles").mkdir(parents=True)
            words = said([python, "-c", EXPORT, home / "solid", home / "theirs"]).split()
            theirs, took_theirs = float(words[-2]), float(words[-1])
        except PeerMissing as missing:
            yield Figure(what="theirs: not run", value=str(missing))
            return
        yield Figure(
            what=f"theirs: {versions(python, 'py3dtiles')}", value=count / theirs, unit="buildings/s"
        )
        yield at_least("ratio of the sides", theirs / ours, "x", 30)
        yield at_least("ratio of the sides, processor time", took_theirs / used, "x", 30)
        yield Figure(what="ratio, our way into the store counted too", value=theirs / (ours + took), unit="x")


def timed(source: bake.Source, folder: Path) -> tuple[float, float]:
    """Seconds and processor seconds of one bake with nothing in memory."""
    used = time.process_time()
    seconds = write_all(fresh(source), folder)[2]
    return seconds, time.process_time() - used


def fresh(source: bake.Source) -> bake.Source:
    """The same store with nothing in memory yet."""
    return bake.Source(store=source.store, forest=Forest(source.store), ground=source.ground)


def grown(count: int) -> Iterator[Figure]:
    """What one size takes; of very many tiles a thousand are made."""
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        source, layer, took = town(home, count)
        documents, contents, seconds = write_all(source, home / "out", most=1000)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        made = documents + contents
        yield Figure(what=f"{count:,} buildings into the store", value=took, unit="s")
        yield Figure(what=f"{count:,}: {documents} JSON and {contents} GLB", value=seconds, unit="s")
        yield Figure(what=f"{count:,}: a file of the tileset", value=1000 * seconds / made, unit="ms")
        yield Figure(what=f"{count:,}: peak memory so far", value=peak, unit="MB")
        yield from edited(source, layer, count)


def edited(source: bake.Source, layer: Layer, count: int, rounds: int = 20) -> Iterator[Figure]:
    """From an edit of one building to its new tile, after some rounds of edits."""
    random = np.random.default_rng(3)
    waits, changed = [], []
    before = linked(source)
    for step in range(rounds):
        (batch,) = (b for b in deliveries_of(count, int(random.integers(0, count)), step))
        start = time.perf_counter()
        source.store.write(layer, [batch], Delivery(source="edit", mode=Mode.UPSERT))
        committed = time.perf_counter()
        now = datetime.now(UTC)
        root = bake.entrance(source, "buildings", at=now, known=now, policy=OPEN)
        fresh_uris = news(source, root.body, before)
        bodies = [fetched(source, uri) for uri in fresh_uris if uri.endswith(".glb")]
        waits.append((committed - start, time.perf_counter() - committed))
        changed.append(len(bodies))
        before |= set(fresh_uris)
    commit, serve = (1000 * float(np.median(w)) for w in zip(*waits, strict=True))
    yield Figure(what=f"{count:,}: commit of one edit, in process", value=commit, unit="ms")
    yield Figure(what=f"{count:,}: its new tile, in process", value=serve, unit="ms")
    yield below(f"{count:,}: contents made again by it, at most", max(changed), "tiles", 6)


def deliveries_of(count: int, which: int, step: int) -> Iterator[Batch]:
    """One building with another height."""
    shapes, _ = footprints(count)
    table = pa.table(
        {
            "id": [f"B{which:07}"],
            "name": [f"edited {step}"],
            "height": [12.0 + step],
            "storeys": [4],
            "use": ["office"],
            "geom": pa.array([shapely.to_wkb(shapes[which])], pa.binary()),
            "row": [0],
        }
    )
    yield conform(to_crs84(Batch(table=table, crs=crs("OGC:CRS84")), crs=crs("OGC:CRS84")), buildings.KIND)


def linked(source: bake.Source) -> set[str]:
    """Every address of the tileset as it is now."""
    now = datetime.now(UTC)
    return set(news(source, bake.entrance(source, "buildings", at=now, known=now, policy=OPEN).body, set()))


def news(source: bake.Source, body: bytes, known: set[str]) -> list[str]:
    """Addresses that a client which knows some would have to fetch."""
    found = [uri for uri in addresses(body) if uri not in known]
    for uri in [u for u in found if u.endswith(".json")]:
        found += news(source, fetched(source, uri), known)
    return found


def run(quick: bool) -> Iterator[Figure]:
    """The comparison, then the growth."""
    yield from compared(1_000 if quick else 10_000)
    for count in (10_000,) if quick else (10_000, 100_000, 1_000_000):
        yield from grown(count)


BENCH = Bench(name="buildings", title="footprints to 3D Tiles against py3dtiles export", run=run)
