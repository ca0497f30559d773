"""Point clouds: LAS, LAZ and COPC become 3D Tiles through py3dtiles, one row a file.

py3dtiles holds numpy back, so it is the extra `pointcloud` and may lie in an environment of its own; it runs as a
child either way, and gets points in a frame of metres, so no CRS is its business.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp
from typing import Any, Final

import pyarrow as pa
import shapely

from pipelines.bundle import Bundle, Folder
from pipelines.readers.reader import Options, Part, Reader
from pipelines.readers.scenes import las
from pipelines.readers.scenes.las import Counted, Source
from pipelines.readers.scenes.tileset_walk import resolved, tileset, uris, walk
from pipelines.readers.tilesets import ROOT, size
from tiles import contents
from twin.errors import InvalidParameter, MissingPart, UnreadableFile
from twin.space import vertical_of
from twin.table import Batch

EXTRA: Final = "pip install 'onemap-twin[pointcloud]', or make setup in a working copy"
BESIDE: Final = Path(__file__).parents[2] / ".tools" / "pointcloud" / "bin" / "python"
"""Where `make setup` puts it."""
RECIPE: Final = "1"
"""Of how tiles are made here; another one gives every cloud another name."""
SHORT: Final = "/tmp"  # noqa: S108  a folder of its own is made in it
"""Where py3dtiles has its socket: the shortest path that there is."""
JOBS: Final = 4
CACHE_MB: Final = 300
"""What py3dtiles keeps of its nodes in memory."""
FIELDS: Final = ("classification", "intensity", las.HEIGHT)
BYTES: Final = 256
"""Colours below this are of 8 bits, though the specification has 16."""


@dataclass(frozen=True, kw_only=True)
class Taken:
    """One cloud that went in."""

    source: Source
    counted: Counted
    row: dict[str, Any]
    folder: Path


def read(paths: tuple[Path, ...], options: Options) -> Iterator[Part]:
    """One part: a row a file.

    Raises:
        MissingPart: py3dtiles is not installed.
        UnreadableFile, UnknownCRS, OutsideCRSArea, TooLarge: as `pipelines.readers.scenes.las`.
    """
    if options.kind not in (None, "pointcloud"):
        raise InvalidParameter(f"--kind {options.kind}: LAS and LAZ are taken in as pointcloud")
    if options.at is not None:
        raise InvalidParameter("--at: a point cloud stands where its CRS says; --offset lifts it")
    tool = python()
    sources = [las.opened(path, options) for path in paths]
    taken = [take(source, options, tool) for source in sources]
    yield Part(
        kind="pointcloud",
        batches=iter([batch(one, number) for number, one in enumerate(taken)]),
        rows=len(taken),
        vertical=_vertical(sources),
        assets={t.row["file"]: t.folder for t in taken},
        notes=tuple(f"{t.source.path.name}: {note}" for t in taken for note in t.source.notes),
        extra={"offset": options.offset or 0.0, "points": ranges([t.counted for t in taken])},
    )


def python() -> Path:
    """The interpreter that has py3dtiles.

    Raises:
        MissingPart: none has; says what to install.
    """
    if importlib.util.find_spec("py3dtiles") is not None:
        return Path(sys.executable)
    if BESIDE.exists():
        return BESIDE
    raise MissingPart(f"point clouds go through py3dtiles, which is not installed: {EXTRA}")


def take(source: Source, options: Options, tool: Path) -> Taken:
    """A cloud as a tileset in a folder, and its row."""
    aside = Path(mkdtemp(prefix="twin-points-"))
    counted = las.localised(source, aside / "points.las")
    folder = baked(
        aside / "points.las", aside / "tiles", tool, dark=0 < counted.colour < BYTES, rgb=counted.colour > 0
    )
    (aside / "points.las").unlink()
    said, seen = walk(Folder(folder), ROOT)
    back = shown(Folder(folder), ROOT)
    if back != counted.points:
        raise UnreadableFile(
            f"{source.path.name}: {counted.points:,} points went to py3dtiles, {back:,} came back; nothing is taken"
        )
    offset = options.offset or 0.0
    row = {
        "id": source.path.name.partition(".")[0],
        "name": source.path.name.partition(".")[0],
        "file": _name(source),
        "entry": ROOT,
        "edition": str(said["asset"]["version"]),
        "contents": seen.contents,
        "points": counted.points,
        "bytes": size(folder),
        "offset": offset,
        "place": ",".join(repr(v) for v in source.origin),
        "lowest": round(counted.low + offset, 2),
        "highest": round(counted.high + offset, 2),
        "classes": " ".join(str(code) for code in sorted(counted.classes)),
        "geom": shapely.to_wkb(_outline(counted)),
    }
    return Taken(source=source, counted=counted, row=row, folder=folder)


def shown(bundle: Bundle, entry: str) -> int:
    """The points of a tileset that are seen from near: without those of tiles that their children replace."""
    total = 0
    waiting: list[tuple[dict[str, Any], str, str]] = [(tileset(bundle, entry)["root"], entry, "REPLACE")]
    while waiting:
        tile, file, refine = waiting.pop()
        refine = str(tile.get("refine", refine)).upper()
        children = tile.get("children", [])
        waiting.extend((child, file, refine) for child in children)
        for uri in uris(tile, file):
            name = resolved(uri, file, file)
            if name.endswith(".json"):
                waiting.append((tileset(bundle, name)["root"], name, refine))
            elif not children or refine == "ADD":
                total += contents.read(bundle.read(name), name).points
    return total


def _name(source: Source) -> str:
    """What a cloud's tiles are called: by what they are made of, since py3dtiles makes other bytes each time."""
    whole = hashlib.sha256(f"{RECIPE} {source.crs.to_wkt()} {source.up!r}".encode())
    with source.path.open("rb") as file:
        whole.update(hashlib.file_digest(file, "sha256").digest())
    return whole.hexdigest()


def _outline(counted: Counted) -> shapely.Geometry:
    """The area about the points; a little area where they are one or in a line."""
    return counted.hull if counted.hull.geom_type == "Polygon" else shapely.buffer(counted.hull, 1e-6)


def baked(points: Path, folder: Path, tool: Path, *, dark: bool, rgb: bool) -> Path:
    """The tileset that py3dtiles makes of a LAS in metres.

    Args:
        dark: colours are of 8 bits. rgb: there are colours.

    Raises:
        UnreadableFile: it failed; says its last words.
    """
    command: list[str] = [
        str(tool),
        "-m",
        "py3dtiles.command_line",
        "convert",
        str(points),
        "--out",
        str(folder),
    ]
    command += ["--jobs", str(min(os.cpu_count() or 1, JOBS)), "--cache_size", str(CACHE_MB)]
    for name in FIELDS:
        command += ["--extra-fields", name]
    command += ["--color_scale", str(BYTES)] if dark else []
    command += [] if rgb else ["--no-rgb"]
    # Its processes talk over a socket in its temporary folder, whose whole path may have 107 bytes: a home's is longer.
    with TemporaryDirectory(prefix="twin-", dir=SHORT) as near:
        environment = {**os.environ, "PYTHONPATH": "", "TMPDIR": near}
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode or not (folder / ROOT).exists():
        words = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:]
        raise UnreadableFile(f"py3dtiles made no tiles of it: {' '.join(words)[:500]}")
    return folder


def ranges(counted: Sequence[Counted]) -> dict[str, Any]:
    """What a legend of the points needs: heights, intensities, classes with their counts, whether there are colours."""
    classes = sum((one.classes for one in counted), start=type(counted[0].classes)())
    return {
        "height": [round(min(c.low for c in counted), 2), round(max(c.high for c in counted), 2)],
        "intensity": [min(c.intensity[0] for c in counted), max(c.intensity[1] for c in counted)],
        "classes": {str(code): classes[code] for code in sorted(classes)},
        "rgb": any(c.colour for c in counted),
    }


def _vertical(sources: Sequence[Source]) -> str | None:
    stated = {vertical_of(source.crs) for source in sources}
    return stated.pop() if len(stated) == 1 else None


def batch(taken: Taken, number: int) -> Batch:
    """A row as a reader gives it, in its own CRS, so that its outline is looked at where it comes to lie."""
    columns: dict[str, Any] = {name: [value] for name, value in taken.row.items()}
    return Batch(table=pa.table({**columns, "row": pa.array([number], pa.int64())}), crs=taken.source.crs)


READER = Reader(
    name="pointcloud",
    title="LAS, LAZ, COPC",
    suffixes=(".las", ".laz", ".copc.laz"),
    read=read,
    together=True,
    placed=True,
)
