"""A raster as it lies in a file: what its header says, and its cells in windows."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyproj
import rasterio
from affine import Affine
from numpy.typing import NDArray
from rasterio.enums import ColorInterp
from rasterio.errors import NotGeoreferencedWarning, RasterioError, RasterioIOError
from rasterio.windows import Window

from pipelines.readers.reader import Options
from twin import gdal, space
from twin.errors import InvalidParameter, MissingPart, TooLarge, UnknownCRS, UnreadableFile, UnsafeContent
from twin.own_systems import OwnSystem

CELLS = 1 << 31
"""The largest raster that is read, cells times bands."""
STEP = 1024
"""Windows are this many cells wide and high."""
DRIVERS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG"}
"""Pictures that a world file places; all others are TIFF."""
MAGIC = {
    "TIFF": (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"),
    "PNG": (b"\x89PNG\r\n\x1a\n",),
    "JPEG": (b"\xff\xd8\xff",),
}
HGT = re.compile(r"^([NS])(\d{2})([EW])(\d{3})", re.IGNORECASE)
HGT_SIDES = {1201: "SRTM3", 3601: "SRTM1"}
HGT_MISSING = -32768
EGM96 = "EPSG:5773"
METRES = {"": 1.0, "m": 1.0, "metre": 1.0, "meter": 1.0, "metres": 1.0, "meters": 1.0}
FEET = {"ft": 0.3048, "foot": 0.3048, "feet": 0.3048, "us survey foot": 1200 / 3937, "ftus": 1200 / 3937}

Cells = NDArray[np.generic]
Windows = Iterator[tuple[Window, Cells, NDArray[np.bool_]]]


@dataclass(frozen=True, kw_only=True)
class Source:
    """One raster."""

    name: str
    """The file's name without its suffix."""
    crs: pyproj.CRS
    transform: Affine
    """Column and row (corner of a cell) to x and y of the CRS; may be rotated."""
    width: int
    height: int
    bands: int
    dtype: str
    windows: Callable[[], Windows]
    """Window, (bands, rows, columns) cells, (rows, columns) bool whether there is data."""
    scale: float = 1.0
    offset: float = 0.0
    """Value in metres = cell * scale + offset."""
    vertical: str | None = None
    notes: tuple[str, ...] = ()


def open_source(path: Path, options: Options) -> Source:
    """The raster in a file, by its header. Raises as `raster.read` does."""
    if path.suffix.lower() == ".hgt":
        return _hgt(path)
    kind = _only(path)
    try:
        return _picture(path, options)
    except RasterioError as error:
        raise UnreadableFile(
            f"{path.name} begins as a {kind} does, but what follows is damaged or cut off; fetch or write it"
            f" again ({_plain(error, path)})"
        ) from error


def _only(path: Path) -> str:
    """What the file is; GDAL goes by content, so a `.tif` can be anything: only what it is called gets there."""
    kind = DRIVERS.get(path.suffix.lower(), "TIFF")
    with path.open("rb") as file:
        head = file.read(1024)
    if head.startswith(MAGIC[kind]):
        return kind
    if head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        raise UnsafeContent(
            f"{path.name} is XML that points to other files or servers, not a {kind}; give the {kind} itself"
        )
    raise UnreadableFile(f"{path.name} is no {kind}: it starts with {head[:4]!r}")


def _driver(path: Path) -> str:
    """The one GDAL driver that may open the file."""
    return DRIVERS.get(path.suffix.lower(), "GTiff")


def _picture(path: Path, options: Options) -> Source:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        opened = rasterio.open(gdal.plain(str(path)), driver=_driver(path))
    with closing(opened) as file:
        _limit(path, file.width * file.height * file.count)
        _whole(file)
        if file.transform.is_identity:
            raise MissingPart(
                f"{path.name} does not say where it lies (no geotransform, no world file beside it)"
            )
        missing = _missing(file, options)
        palette = file.count == 1 and file.colorinterp[0] == ColorInterp.palette
        factor = _factor(file.units[0])
        return Source(
            name=path.stem,
            crs=_crs(path, file, options),
            transform=file.transform,
            width=file.width,
            height=file.height,
            bands=3 if palette else file.count,
            dtype=file.dtypes[0],
            windows=lambda: _windows(path, missing, palette=palette),
            scale=file.scales[0] * factor,
            offset=file.offsets[0] * factor,
            notes=_noted(path, file, factor),
        )


def _limit(path: Path, cells: int) -> None:
    if cells > CELLS:
        raise TooLarge(
            f"{path.name} has {cells:,} cells by its header; the limit is {CELLS:,}; cut it into several"
        )


def _whole(file: rasterio.DatasetReader) -> None:
    """Read the last cell: where the file is cut off, tags may be lost too, and it would seem to lack a place.

    Raises:
        RasterioIOError: it is not there.
    """
    file.read(1, window=Window(file.width - 1, file.height - 1, 1, 1))


def _crs(path: Path, file: rasterio.DatasetReader, options: Options) -> pyproj.CRS:
    stated = file.crs.to_wkt() if file.crs else ""
    if stated and not stated.startswith(("LOCAL_CS", "ENGCRS")):
        return space.crs(stated)
    if not options.crs:
        raise UnknownCRS(f"no CRS in {path.name} and none given; pass --crs, for example --crs EPSG:4548")
    said = space.crs(options.crs)
    if isinstance(said, OwnSystem):
        raise UnknownCRS(
            f"{path.name}: a raster keeps its grid, so it cannot be in {said.name}; warp it to a CRS with an EPSG"
            " code first"
        )
    return said


def _missing(file: rasterio.DatasetReader, options: Options) -> float | None:
    """The caller's no-data value (`--nodata height=…`), else the file's."""
    said = options.nodata.get("height", options.nodata.get("value"))
    if said is None:
        return None if file.nodata is None else float(file.nodata)
    try:
        return float(said)
    except ValueError as error:
        raise InvalidParameter(f"--nodata height={said}: a number is wanted") from error


def _factor(unit: str | None) -> float:
    name = (unit or "").strip().lower()
    if name not in METRES | FEET:
        # An unknown unit is data, not an error: pictures carry reflectance, counts and the like.
        return 1.0
    return (METRES | FEET)[name]


def _noted(path: Path, file: rasterio.DatasetReader, factor: float) -> tuple[str, ...]:
    notes = []
    if factor != 1.0:
        notes.append(f"{path.name}: heights in {file.units[0]} are kept as metres")
    if not file.transform.is_rectilinear:
        notes.append(f"{path.name}: the grid is rotated; it is kept as it is")
    return tuple(notes)


def _windows(path: Path, missing: float | None, *, palette: bool) -> Windows:
    with rasterio.open(gdal.plain(str(path)), driver=_driver(path)) as file:
        colours = _colours(file) if palette else None
        for window in steps(file.width, file.height):
            try:
                cells = file.read(window=window)
                masked = file.dataset_mask(window=window) > 0
            except RasterioIOError as error:
                where = f"row {window.row_off}, column {window.col_off}"
                raise UnreadableFile(f"{path.name} breaks off or is damaged at {where}") from error
            known = masked & _known(cells[0], missing)
            yield window, cells if colours is None else colours[:, cells[0]], known


def _colours(file: rasterio.DatasetReader) -> NDArray[np.uint8]:
    """(3, 256) uint8."""
    table = np.zeros((3, 256), np.uint8)
    for value, colour in file.colormap(1).items():
        table[:, value] = colour[:3]
    return table


def _known(cells: Cells, missing: float | None) -> NDArray[np.bool_]:
    known = np.isfinite(cells) if np.issubdtype(cells.dtype, np.floating) else np.ones(cells.shape, bool)
    return known if missing is None else np.asarray(known & (cells != missing))


def steps(width: int, height: int) -> Iterator[Window]:
    """Windows of STEP cells, row by row."""
    for row in range(0, height, STEP):
        for column in range(0, width, STEP):
            yield Window(column, row, min(STEP, width - column), min(STEP, height - row))


def _hgt(path: Path) -> Source:
    """SRTM: big-endian int16, rows from north, cells centred on the degree's edges; placed by name."""
    name = HGT.match(path.name)
    if not name:
        raise UnknownCRS(f"{path.name}: a .hgt file's place is in its name, for example N38E118.hgt")
    side = round((path.stat().st_size / 2) ** 0.5)
    if side not in HGT_SIDES or 2 * side * side != path.stat().st_size:
        raise UnreadableFile(
            f"{path.name} has {path.stat().st_size:,} bytes; a .hgt has 2,884,802 or 25,934,402"
        )
    south = int(name[2]) * (1 if name[1].upper() == "N" else -1)
    west = int(name[4]) * (1 if name[3].upper() == "E" else -1)
    if not (-90 <= south < 90 and -180 <= west < 180):
        raise UnknownCRS(f"{path.name}: there is no such place")
    cell = 1 / (side - 1)
    return Source(
        name=path.stem,
        crs=space.crs("EPSG:4326"),
        transform=Affine(cell, 0, west - cell / 2, 0, -cell, south + 1 + cell / 2),
        width=side,
        height=side,
        bands=1,
        dtype="int16",
        windows=lambda: _hgt_windows(path, side),
        vertical=EGM96,
        notes=(
            f"{path.name}: place from the name, heights above EGM96 as SRTM ({HGT_SIDES[side]}) has them",
        ),
    )


def _hgt_windows(path: Path, side: int) -> Windows:
    cells = np.memmap(path, ">i2", "r", shape=(side, side))
    for window in steps(side, side):
        part = cells[window.toslices()].astype(np.int16)
        yield window, part[None], part != HGT_MISSING


def _plain(error: Exception, path: Path) -> str:
    """What went wrong, without the folder that the file lies in."""
    return str(error.__cause__ or error).replace(str(path), path.name).replace(str(path.parent), "")[:200]
