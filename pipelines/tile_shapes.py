"""From rows to the bytes of a vector tile: put on the grid, cut, the smallest left away until it is light enough.

A pure function of tables and a place, so that it may run in any process.
"""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
import shapely
from numpy.typing import NDArray

from pipelines import tile_rows
from tiles import mvt
from twin.tile_matrix_sets import WEB_MERCATOR, Cell, near, straight

HEAVIEST: Final = 500_000
"""Bytes of a layer in a tile, as gzip packs them."""
NEIGHBOURS: Final = 1.0
"""Tiles around the tile that a projection is asked for; far away it may make nonsense."""


@dataclass(frozen=True, kw_only=True)
class Rows:
    """What goes into a tile."""

    layer: str
    columns: tuple[str, ...]
    """Attributes, if they are there."""
    large: list[pa.Table]
    """Rows that are drawn as they are."""
    small: list[pa.Table]
    """Rows that are drawn as signs."""


def drawn(rows: Rows, cell: Cell) -> tuple[bytes, int, int]:
    """The tile, how many features are in it, and how many of the rows do not reach it."""
    tables, shapes, away = _shapes(rows.large, rows.small, cell)
    body, count = _fitting(rows.layer, tables, shapes, rows.columns)
    return body, count, away


def _shapes(
    large: list[pa.Table], small: list[pa.Table], cell: Cell
) -> tuple[list[pa.Table], NDArray[np.object_], int]:
    """The rows to draw, their shapes on the grid, and how many of them do not reach the tile."""
    placed = _placed(large, cell)
    inside = mvt.cut(mvt.straightened(placed))
    away = int((shapely.is_missing(inside) & ~shapely.is_missing(placed)).sum())
    inside[shapely.is_missing(mvt.large(placed))] = None
    signs = _signs(_placed(small, cell))
    return [*large, *small], np.concatenate([mvt.snapped(inside), signs]), away


def _signs(placed: NDArray[np.object_]) -> NDArray[np.object_]:
    """Squares in the middle of what is too small."""
    box = np.round(shapely.bounds(placed).reshape(-1, 4))
    half = tile_rows.SIGN // 2
    x, y = (box[:, 0] + box[:, 2]) // 2, (box[:, 1] + box[:, 3]) // 2
    out = np.asarray(shapely.box(x - half, y - half, x + half, y + half), object)
    out[~np.isfinite(box).all(axis=1)] = None
    return out


def _fitting(
    layer: str, tables: list[pa.Table], shapes: NDArray[np.object_], columns: tuple[str, ...]
) -> tuple[bytes, int]:
    """The tile and how many features are in it; the smallest go while it is too heavy."""
    held = np.flatnonzero(~shapely.is_missing(shapes))
    if not len(held):
        return b"", 0
    rows = pa.concat_tables(tables, promote_options="permissive")
    rows = rows.select(["id", *(c for c in columns if c in rows.column_names)])
    by_size = held[np.argsort(-_extent(shapes[held]), kind="stable")]
    while True:
        mine = np.sort(by_size)
        body = mvt.encode(layer, shapes[mine], rows if len(mine) == len(rows) else rows.take(pa.array(mine)))
        weight = len(body) if len(body) <= HEAVIEST else len(zlib.compress(body, 1))
        if weight <= HEAVIEST or len(by_size) < 2:
            return body, len(mine)
        by_size = by_size[: max(int(len(by_size) * 0.95 * HEAVIEST / weight), 1)]


def _extent(shapes: NDArray[np.object_]) -> NDArray[np.float64]:
    bounds = shapely.bounds(shapes)
    return np.asarray((bounds[:, 2:] - bounds[:, :2]).max(axis=1))


def _placed(tables: list[pa.Table], cell: Cell) -> NDArray[np.object_]:
    """The rows' geometries in the tile's grid units, not rounded; None where the projection has no place for one."""
    if not tables:
        return np.empty(0, object)
    wkb = np.concatenate([np.asarray(t["geom"], object) for t in tables])
    geometries = _bendable(shapely.from_wkb(wkb), cell)
    placed = np.asarray(shapely.transform(geometries, lambda xy: cell.inside(xy) * mvt.EXTENT), object)
    if not (cell.tms.degrees or cell.tms is WEB_MERCATOR):
        xy, of = shapely.get_coordinates(placed, return_index=True)
        placed[np.unique(of[~np.isfinite(xy).all(axis=1)])] = None
    return placed


def _bendable(geometries: NDArray[np.object_], cell: Cell) -> NDArray[np.object_]:
    """Geometries with vertices so close that what is straight in degrees may bend, and no farther than needed."""
    out = np.array(geometries, object)
    longest = straight(cell)
    if math.isinf(longest):
        return out
    bounds = shapely.bounds(out)
    if cell.tms is not WEB_MERCATOR:
        window = near(cell, NEIGHBOURS)
        far = np.flatnonzero(~shapely.covered_by(shapely.box(*bounds.T), window) & ~shapely.is_missing(out))
        out[far] = shapely.intersection(shapely.make_valid(out[far]), window)
    long = np.flatnonzero((bounds[:, 2:] - bounds[:, :2]).max(axis=1, initial=0) > longest)
    out[long] = shapely.segmentize(out[long], longest)
    return out
