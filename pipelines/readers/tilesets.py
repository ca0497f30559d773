"""3D Tiles as somebody else baked them: a folder, a `tileset.json`, a `.3tz`, a `.zip`; oblique meshes above all.

A tileset becomes one row: its outline, heights, date, and the name of the folder or archive that holds it, untouched.
Where it stands is its own business (3D Tiles are earth-centred); one in a local frame is placed by `--at`.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, Final

import numpy as np
import pyarrow as pa
import shapely
from numpy.typing import NDArray

from pipelines.bundle import ENTRIES, Folder, checked, directory, opened
from pipelines.readers.reader import Options, Part, Reader
from pipelines.readers.scenes.tileset_walk import Seen, geodetic, transform, walk
from tiles import volume
from tiles.volume import Volume
from twin.errors import InvalidParameter, MissingPart, TooLarge
from twin.space import crs, enu_matrix
from twin.table import Batch

Floats = NDArray[np.float64]
KINDS: Final = ("mesh", "pointcloud")
ROOT: Final = "tileset.json"
ARCHIVES: Final = (".3tz", ".zip")
GROUND: Final = (6.2e6, 6.6e6)
"""Metres from the earth's centre between which things stand."""
LOCAL: Final = 100_000.0
"""Metres from its origin within which a tileset may be a drawing in a frame of its own."""
WIDE: Final = 500_000.0
"""Metres; what is larger has no outline but the world."""
HOLLOW: Final = 10
"""Times that a root volume may be larger than what is in it."""
CIRCLE: Final = 32
"""Corners of a sphere's outline."""
HEAD: Final = 1 << 16


@dataclass(frozen=True, kw_only=True)
class Found:
    """One tileset of a delivery."""

    name: str
    path: Path
    entry: str
    alone: bool = False
    """Whether only the files that the tileset names belong to it, not all of the folder."""


@dataclass(frozen=True, kw_only=True)
class Taken:
    """One tileset that went in."""

    row: dict[str, Any]
    asset: tuple[str, Path]
    notes: tuple[str, ...]
    drawn: bool
    """Whether it says of no place."""


def read(paths: tuple[Path, ...], options: Options) -> Iterator[Part]:
    """One part: a row a tileset.

    Raises:
        MissingPart: no tileset is there.
        UnreadableFile, ForbiddenReference, TooLarge, UnsafeArchive: it is broken, or reaches out of itself.
        InvalidParameter: it cannot be where it says; `--at` places it.
    """
    if options.kind not in (None, *KINDS):
        raise InvalidParameter(f"--kind {options.kind}: a tileset is taken in as mesh or as pointcloud")
    found = [one for path in paths for one in tilesets(path)]
    if options.at is not None and len(found) > 1:
        names = ", ".join(one.name for one in found)[:300]
        raise InvalidParameter(f"--at places one tileset, and there are {len(found)}: {names}")
    aside = Path(mkdtemp(prefix="twin-tilesets-"))
    taken = [take(one, options, aside) for one in found]
    yield Part(
        kind=options.kind or ("pointcloud" if all(t.row["points"] for t in taken) else "mesh"),
        batches=iter([batch([t.row for t in taken])]),
        rows=len(taken),
        vertical="ellipsoid" if options.vertical is None else None,
        assets=dict(t.asset for t in taken),
        schematic=any(t.drawn for t in taken),
        notes=tuple(note for t in taken for note in t.notes),
        extra={"offset": options.offset or 0.0},
    )


def tilesets(path: Path) -> list[Found]:
    """The tilesets that a path names: itself, or those in the folders of a folder.

    Raises:
        MissingPart: there is none.
    """
    if path.is_file() and path.suffix.lower() in ARCHIVES:
        checked(path)
        return [Found(name=path.stem, path=path, entry=_entry(path))]
    if path.is_file():
        folder = path.resolve().parent
        name = folder.name if path.name == ROOT else path.stem
        return [Found(name=name, path=folder, entry=path.name, alone=True)]
    if (path / ROOT).is_file():
        return [Found(name=path.resolve().name, path=path, entry=ROOT)]
    inside = sorted(p.parent for p in (*path.glob(f"*/{ROOT}"), *path.glob(f"*/*/{ROOT}")))
    outer = [p for p in inside if p.parent not in inside]
    if outer:
        return [Found(name=p.relative_to(path).as_posix(), path=p, entry=ROOT) for p in outer]
    roots = [p for p in sorted(path.glob("*.json")) if says_tileset(p)]
    if len(roots) == 1:
        return [Found(name=path.resolve().name, path=path, entry=roots[0].name)]
    what = f"several: {', '.join(p.name for p in roots)[:300]}; name one of them" if roots else "none"
    raise MissingPart(f"{path.name}: a folder of 3D Tiles holds one {ROOT}; here is {what}")


def _entry(path: Path) -> str:
    """The root tileset JSON of an archive: at its root, or in its one folder."""
    names = [i.filename for i in directory(path) if i.filename.rpartition("/")[2] == ROOT]
    if ROOT in names:
        return ROOT
    if not names:
        raise MissingPart(f"{path.name} holds no {ROOT}")
    return min(names, key=lambda name: (name.count("/"), name))


def claims(path: Path) -> bool:
    """Whether a folder, archive or JSON file is a tileset."""
    if path.is_dir():
        return bool((path / ROOT).exists() or [*path.glob(f"*/{ROOT}"), *path.glob(f"*/*/{ROOT}")]) or any(
            says_tileset(p) for p in path.glob("*.json")
        )
    if path.suffix.lower() == ".zip":
        try:
            return any(i.filename.rpartition("/")[2] == ROOT for i in directory(path))
        except Exception:  # noqa: BLE001  whoever reads zips will say what is wrong with it
            return False
    return path.suffix.lower() == ".3tz" or path.name.lower() == ROOT or says_tileset(path)


def says_tileset(path: Path) -> bool:
    """Whether a JSON file begins as a tileset does."""
    with path.open("rb") as file:
        head = file.read(HEAD)
    return b'"geometricError"' in head and b'"asset"' in head and b'"FeatureCollection"' not in head


def take(found: Found, options: Options, aside: Path) -> Taken:
    """Look a tileset over, and put a copy of it aside."""
    said, seen = walk(opened(found.path), found.entry)
    root = said["root"]
    bound = volume.moved(volume.read(root["boundingVolume"], "root"), transform(root, "root"))
    place, notes, drawn = placed(found.name, bound, options)
    standing = bound if place is None else volume.moved(bound, enu_matrix(np.array(place)))
    offset = options.offset or 0.0
    outline, low, high = footprint(standing)
    asset = _stored(found, seen, aside)
    row = {
        "id": found.name,
        "name": found.name,
        "file": asset[0],
        "entry": found.entry,
        "edition": str(said["asset"]["version"]),
        "contents": seen.contents,
        "points": seen.points,
        "bytes": size(asset[1]),
        "offset": offset,
        "place": "" if place is None else ",".join(repr(v) for v in place),
        "lowest": round(low + offset, 2),
        "highest": round(high + offset, 2),
        "geom": shapely.to_wkb(outline),
    }
    told = (*seen.notes(), *_hollow(seen, bound), *notes)
    return Taken(row=row, asset=asset, drawn=drawn, notes=tuple(f"{found.name}: {note}" for note in told))


def placed(
    name: str, bound: Volume, options: Options
) -> tuple[tuple[float, float, float] | None, tuple[str, ...], bool]:
    """Where a tileset's frame stands (longitude, latitude, height; None: earth-centred), notes, whether nowhere.

    Raises:
        InvalidParameter: its numbers are neither earth-centred nor those of a local frame, or `--at` would move it.
    """
    away = float(np.linalg.norm(bound.centre))
    earthly = bound.form == "region" or GROUND[0] < away < GROUND[1] or bound.radius > WIDE
    if options.at is not None:
        if earthly:
            raise InvalidParameter(f"{name} says where on earth it is; leave --at out, --offset lifts it")
        lon, lat, *height = options.at
        return (lon, lat, *(height or [0.0])), (f"placed at {lon:g}, {lat:g} by --at",), False  # type: ignore[return-value]
    if earthly:
        return None, (), False
    if away > LOCAL:
        raise InvalidParameter(
            f"{name}: its middle is {away / 1000:,.0f} km from the earth's centre, so its coordinates are not "
            "earth-centred (EPSG:4978); perhaps they are of a projected CRS. Place it with --at LON,LAT,HEIGHT"
        )
    note = (
        "WARNING: it says of no place on earth: its coordinates are a frame of its own. It stands as a drawing at "
        "longitude 0, latitude 0; --at LON,LAT[,HEIGHT] places it"
    )
    return (0.0, 0.0, 0.0), (note,), True


def _hollow(seen: Seen, bound: Volume) -> Iterator[str]:
    """What is to be said of a root volume that is far larger than what is in it."""
    if seen.measured and seen.measured == seen.contents:
        fills = float(np.linalg.norm(seen.high - seen.low)) / 2
        if bound.radius > HOLLOW * fills + 1:
            yield (
                f"WARNING: its root volume has a radius of {bound.radius:,.1f} m, its contents fill {fills:,.1f} m; "
                "its outline is that of the volume"
            )


def footprint(bound: Volume) -> tuple[shapely.Geometry, float, float]:
    """The outline in longitude and latitude (degrees), lowest and highest metres, of an earth-centred volume."""
    if bound.form == "region":
        west, south, east, north = np.degrees(bound.values[:4]).tolist()
        parts = [(west, east)] if west < east else [(west, 180.0), (-180.0, east)]
        boxes = [shapely.box(w, max(south, -90.0), e, min(north, 90.0)) for w, e in parts]
        outline = boxes[0] if len(boxes) == 1 else shapely.MultiPolygon(boxes)
        return outline, float(bound.values[4]), float(bound.values[5])
    if bound.radius > WIDE:
        return shapely.box(-180, -90, 180, 90), -bound.radius, bound.radius
    if bound.form == "sphere":
        return _circle(bound)
    places = geodetic(bound.corners())
    return _hull(places[:, 0], places[:, 1]), float(places[:, 2].min()), float(places[:, 2].max())


def _circle(bound: Volume) -> tuple[shapely.Geometry, float, float]:
    radius = float(bound.values[3])
    origin = geodetic(bound.values[None, :3])[0]
    turn = np.linspace(0, 2 * np.pi, CIRCLE, endpoint=False)
    local = np.column_stack([radius * np.cos(turn), radius * np.sin(turn), np.zeros(CIRCLE)])
    matrix = enu_matrix(origin)
    around = geodetic(local @ matrix[:3, :3].T + matrix[:3, 3])
    return _hull(around[:, 0], around[:, 1]), float(origin[2]) - radius, float(origin[2]) + radius


def _hull(lon: Floats, lat: Floats) -> shapely.Geometry:
    """The area about some places; one across the 180th meridian goes on past it and is cut when it is conformed."""
    around = np.where(lon < 0, lon + 360, lon) if np.ptp(lon) > 180 else lon
    hull = shapely.convex_hull(shapely.multipoints(np.column_stack([around, lat])))
    # A volume without width still has a place.
    return hull if hull.geom_type == "Polygon" else shapely.buffer(hull, 1e-6, cap_style="square")


def _stored(found: Found, seen: Seen, aside: Path) -> tuple[str, Path]:
    """The name of a tileset by its content, and where a copy of it lies."""
    if found.path.is_file():
        return _packed(found.path, aside)
    names = sorted(seen.visited) if found.alone else list(Folder(found.path).names())
    if len(names) > ENTRIES:
        raise TooLarge(f"{found.name} has {len(names):,} files; the limit is {ENTRIES:,}")
    target = Path(mkdtemp(dir=aside))
    for name in names:
        place = target / name
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(found.path / name, place, follow_symlinks=False)
    return named(target, names), target


def named(folder: Path, names: list[str]) -> str:
    """The name of a folder by the names and bytes of its files."""
    whole = hashlib.sha256()
    for name in names:
        with (folder / name).open("rb") as file:
            whole.update(f"{name}\0{hashlib.file_digest(file, 'sha256').hexdigest()}\n".encode())
    return whole.hexdigest()


def _packed(path: Path, aside: Path) -> tuple[str, Path]:
    target = Path(mkdtemp(dir=aside)) / path.name
    shutil.copyfile(path, target)
    with target.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return digest + path.suffix.lower(), target


def size(path: Path) -> int:
    """Bytes of a file, or of all files of a folder."""
    return (
        path.stat().st_size
        if path.is_file()
        else sum(p.stat().st_size for p in path.rglob("*") if p.is_file())
    )


def batch(rows: list[dict[str, Any]]) -> Batch:
    """Rows as a reader gives them."""
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    return Batch(
        table=pa.table({**columns, "row": pa.array(range(len(rows)), pa.int64())}), crs=crs("OGC:CRS84")
    )


READER = Reader(
    name="tileset",
    title="3D Tiles (folder, tileset.json, 3tz, zip)",
    suffixes=(ROOT, ".3tz", ".json", ".zip"),
    read=read,
    claims=claims,
    together=True,
    folders=True,
    placed=True,
)
