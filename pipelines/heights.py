"""Heights out of a raster's COG: blocks kept in memory, bilinear between the middles of cells."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import pyproj
import rasterio
import shapely
from affine import Affine
from numpy.typing import NDArray
from rasterio.errors import RasterioError
from rasterio.windows import Window

from twin import gdal, space
from twin.errors import UnreadableFile
from twin.model import BBox

BLOCK = 512
"""Cells a side of what is read at once."""
BLOCKS = 192
"""Blocks kept: 1 MB each."""


@dataclass(frozen=True, kw_only=True)
class Raster:
    """A terrain raster in the twin."""

    path: Path
    layer: str
    id: str
    bbox: BBox
    """Its footprint's box."""
    resolution: float
    """Metres between cells."""
    footprint: shapely.Geometry | None = None
    """Its outline, longitude and latitude; None is the box."""


@dataclass(frozen=True, kw_only=True)
class Header:
    """What a COG's header says."""

    crs: pyproj.CRS
    inverse: Affine
    """x and y of the CRS to column and row (corner of a cell) at full resolution."""
    width: int
    height: int
    factors: tuple[int, ...]
    """1, then how many cells of the full resolution a cell of each overview has."""


@lru_cache(maxsize=1024)
def header(path: Path) -> Header:
    """The header of a COG. Raises UnreadableFile when the file is not there or broken."""
    try:
        with rasterio.open(gdal.plain(str(path)), driver="GTiff") as file:
            return Header(
                crs=space.crs(file.crs.to_wkt()),
                inverse=~file.transform,
                width=file.width,
                height=file.height,
                factors=(1, *file.overviews(1)),
            )
    except RasterioError as error:
        raise UnreadableFile(
            f"the raster {path.name} is not there or broken; restore it or ingest it again"
        ) from error


def sample(
    raster: Raster, lon: NDArray[np.float64], lat: NDArray[np.float64], *, spacing: float
) -> NDArray[np.float32]:
    """(n,) float32 metres at (n,) degrees; NaN outside of the raster and where its nearest cell has no data.

    Args:
        spacing: metres between the places asked for; cells of an overview about as large are taken, so that a
            coarse picture is made of means and not of single cells. 0 takes the full resolution.
    """
    head = header(raster.path)
    x, y = space.from_crs84(head.crs).transform(lon, lat)
    t = head.inverse
    column, row = t.a * x + t.b * y + t.c, t.d * x + t.e * y + t.f
    inside = (column >= 0) & (column <= head.width) & (row >= 0) & (row <= head.height)
    out = np.full(lon.shape, np.nan, np.float32)
    if inside.any():
        level = _overview(head, spacing / raster.resolution)
        out[inside] = _bilinear(raster.path, head, level, column[inside], row[inside])
    return out


def _overview(head: Header, ratio: float) -> int:
    """The coarsest overview whose cells are no larger than wanted."""
    return max(k for k, factor in enumerate(head.factors) if factor <= max(ratio, 1.0))


def _bilinear(
    path: Path, head: Header, level: int, column: NDArray[np.float64], row: NDArray[np.float64]
) -> NDArray[np.float64]:
    factor = head.factors[level]
    width, height = math.ceil(head.width / factor), math.ceil(head.height / factor)
    # An overview's cells are not exactly `factor` wide when the size does not divide.
    c = np.clip(column * (width / head.width) - 0.5, 0, width - 1)
    r = np.clip(row * (height / head.height) - 0.5, 0, height - 1)
    c0, r0 = (
        np.minimum(c.astype(np.int64), max(width - 2, 0)),
        np.minimum(r.astype(np.int64), max(height - 2, 0)),
    )
    left, top = int(c0.min()), int(r0.min())
    cells = _cells(path, level, left, top, int(c0.max()) + 2, int(r0.max()) + 2)
    c0, r0, c, r = c0 - left, r0 - top, c - left, r - top
    return _weighted(cells, c0, r0, c - c0, r - r0)


def _weighted(
    cells: NDArray[np.float32],
    c: NDArray[np.int64],
    r: NDArray[np.int64],
    x: NDArray[np.float64],
    y: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Bilinear, cells without data left out of the mean; without data where the nearest cell is."""
    corners = np.stack([cells[r, c], cells[r, c + 1], cells[r + 1, c], cells[r + 1, c + 1]]).astype(
        np.float64
    )
    weights = np.stack([(1 - x) * (1 - y), x * (1 - y), (1 - x) * y, x * y])
    known = np.isfinite(corners)
    if known.all():
        return np.asarray((corners * weights).sum(axis=0))
    weights = np.where(known, weights, 0)
    total = weights.sum(axis=0)
    mean = (np.where(known, corners, 0) * weights).sum(axis=0) / np.where(total > 0, total, 1)
    nearest = (x >= 0.5).astype(np.int64) + 2 * (y >= 0.5)
    return np.asarray(np.where(known[nearest, np.arange(len(x))], mean, np.nan))


def _cells(path: Path, level: int, left: int, top: int, right: int, bottom: int) -> NDArray[np.float32]:
    """Cells of an overview from (left, top) to before (right, bottom); the last ones again beyond the raster."""
    rows = []
    for row in range(top // BLOCK, (bottom - 1) // BLOCK + 1):
        high = slice(max(top - row * BLOCK, 0), bottom - row * BLOCK)
        line = []
        for column in range(left // BLOCK, (right - 1) // BLOCK + 1):
            wide = slice(max(left - column * BLOCK, 0), right - column * BLOCK)
            line.append(_block(path, level, row, column)[high, wide])
        rows.append(line)
    # Cut before they are put together: a few cells of a block are not worth a copy of all of it.
    return np.block(rows)


@lru_cache(maxsize=BLOCKS)
def _block(path: Path, level: int, row: int, column: int) -> NDArray[np.float32]:
    """(BLOCK, BLOCK) float32; beyond the raster NaN."""
    overview = {} if level == 0 else {"OVERVIEW_LEVEL": level - 1}
    block = np.full((BLOCK, BLOCK), np.nan, np.float32)
    try:
        with rasterio.open(gdal.plain(str(path)), driver="GTiff", **overview) as file:
            wide = min(BLOCK, file.width - column * BLOCK)
            high = min(BLOCK, file.height - row * BLOCK)
            if wide > 0 and high > 0:
                block[:high, :wide] = file.read(1, window=Window(column * BLOCK, row * BLOCK, wide, high))
    except RasterioError as error:
        raise UnreadableFile(f"the raster {path.name} is broken; restore it or ingest it again") from error
    block.flags.writeable = False
    return block
