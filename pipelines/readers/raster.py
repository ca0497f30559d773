"""Rasters as terrain (heights) or imagery: GeoTIFF, COG, SRTM `.hgt`; TIFF, PNG or JPEG with a world file.

A raster becomes one row: its footprint, and the name of a cloud-optimised GeoTIFF that holds the same
values in the same CRS on the same cells. Nothing is resampled on the way in: the ground and the tiles
sample that file where they need it, so a value that was measured is never smoothed by storing it, and
a rotated grid stays exact.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp

import numpy as np
import pyarrow as pa
import pyproj
import shapely

from pipelines.readers.pictures.cog import Stored, store
from pipelines.readers.pictures.raster_source import DRIVERS, Source, open_source
from pipelines.readers.reader import Options, Part, Reader
from twin.errors import InvalidParameter
from twin.space import metres_per_degree, to_crs84, vertical_of
from twin.table import Batch

SIDES = 21
"""Points on each side of a footprint, so that it stays true when it is bent into longitude and latitude."""
KINDS = ("terrain", "imagery")


@dataclass(frozen=True, kw_only=True)
class Taken:
    """One raster that went in."""

    source: Source
    stored: Stored
    resolution: float


def read(paths: tuple[Path, ...], options: Options) -> Iterator[Part]:
    """One part: a row a raster, all of one kind.

    Raises:
        UnreadableFile: broken or truncated, or not a raster.
        UnsafeContent: it is XML that would make GDAL open something else.
        TooLarge: more cells than the limit, by its header.
        UnknownCRS: no CRS in it and none given.
    """
    folder = Path(mkdtemp(prefix="twin-rasters-"))
    kind = _kind([open_source(path, options) for path in paths], options.kind)
    yield part([_take(open_source(path, options), kind or "terrain", folder) for path in paths], kind)


def part(taken: list[Taken], kind: str | None) -> Part:
    """The part that rasters make: a row each."""
    crs = {t.source.crs.to_wkt(): t.source.crs for t in taken}
    return Part(
        kind=kind,
        batches=iter([_batch(taken, c) for c in crs.values()]),
        rows=len(taken),
        vertical=_vertical(taken) if kind == "terrain" else None,
        assets={t.stored.path.name: t.stored.path for t in taken},
        notes=tuple(note for t in taken for note in (*t.source.notes, *t.stored.notes)),
    )


def claims(path: Path) -> bool:
    """Whether a picture lies somewhere: PNG and JPEG without a world file beside them are icons and textures."""
    suffix = path.suffix.lower()
    if suffix not in DRIVERS:
        return True
    worlds = {f"{path.stem}{s}".lower() for s in (f".{suffix[1]}{suffix[-1]}w", f"{suffix}w", ".wld")}
    return any(p.name.lower() in worlds for p in path.parent.iterdir())


def _kind(sources: list[Source], wanted: str | None) -> str | None:
    """What the caller says, else what all of the rasters plainly are, else None."""
    if wanted is not None and wanted not in KINDS:
        raise InvalidParameter(f"--kind {wanted}: a raster is terrain or imagery")
    guesses = {_guess(s) for s in sources}
    if wanted is None and guesses == {"terrain", "imagery"}:
        raise InvalidParameter(
            "some of these rasters are heights and some are pictures; give them in two calls"
        )
    return wanted or (guesses.pop() if len(guesses) == 1 else None)


def _guess(source: Source) -> str | None:
    if source.bands == 1 and source.dtype in ("float32", "float64", "int16"):
        return "terrain"
    return "imagery" if source.bands in (3, 4) and source.dtype == "uint8" else None


def _take(source: Source, kind: str, folder: Path) -> Taken:
    return Taken(source=source, stored=store(source, kind, folder), resolution=resolution(source))


def resolution(source: Source) -> float:
    """Metres between the cells at the raster's middle: the larger side of a cell."""
    t = source.transform
    across, down = math.hypot(t.a, t.d), math.hypot(t.b, t.e)
    if not source.crs.is_geographic:
        factor = source.crs.axis_info[0].unit_conversion_factor
        return max(across, down) * factor
    east, north = metres_per_degree((t @ (source.width / 2, source.height / 2))[1])
    return max(math.hypot(t.a * east, t.d * north), math.hypot(t.b * east, t.e * north))


def _vertical(taken: list[Taken]) -> str | None:
    stated = {t.source.vertical or vertical_of(t.source.crs) for t in taken}
    return stated.pop() if len(stated) == 1 else None


def _batch(taken: list[Taken], crs: pyproj.CRS) -> Batch:
    mine = [(row, t) for row, t in enumerate(taken) if t.source.crs.to_wkt() == crs.to_wkt()]
    to_crs84(crs)  # raises early, with a message, when PROJ cannot bring it to longitude and latitude
    columns = {
        "id": [t.source.name for _, t in mine],
        "name": [t.source.name for _, t in mine],
        "file": [t.stored.path.name for _, t in mine],
        "sha256": [t.stored.path.stem for _, t in mine],
        "resolution": [round(t.resolution, 4) for _, t in mine],
        "minimum": [t.stored.minimum for _, t in mine],
        "maximum": [t.stored.maximum for _, t in mine],
        "width": [t.source.width for _, t in mine],
        "height": [t.source.height for _, t in mine],
        "bands": [t.stored.bands for _, t in mine],
        "missing": [t.stored.missing for _, t in mine],
        "source_crs": [_short(t.source.crs) for _, t in mine],
        "geom": [shapely.to_wkb(footprint(t.source)) for _, t in mine],
        "row": pa.array([row for row, _ in mine], pa.int64()),
    }
    heights = ("minimum", "maximum")
    return Batch(
        table=pa.table({k: v for k, v in columns.items() if k not in heights or v[0] is not None}), crs=crs
    )


def _short(crs: pyproj.CRS) -> str:
    code = crs.to_epsg()
    return f"EPSG:{code}" if code else crs.name


def footprint(source: Source) -> shapely.Polygon:
    """The raster's outline in its CRS, x before y, with points along its sides."""
    t = np.linspace(0, 1, SIDES)[:-1]
    zero, one = np.zeros_like(t), np.ones_like(t)
    u = np.concatenate([t, one, 1 - t, zero]) * source.width
    v = np.concatenate([one, 1 - t, zero, t]) * source.height
    a = source.transform
    ring = np.column_stack([a.a * u + a.b * v + a.c, a.d * u + a.e * v + a.f])
    return shapely.normalize(shapely.polygons(ring))


READER = Reader(
    name="raster",
    title="GeoTIFF, COG, SRTM hgt, pictures with a world file",
    suffixes=(".tif", ".tiff", ".hgt", ".png", ".jpg", ".jpeg"),
    read=read,
    claims=claims,
    together=True,
)
