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
from tiles.mvt_rings import Plain, plain
from twin.table import whole
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
    plain = _plain(rows, cell)
    if plain is not None:
        shapes, away = _shapes(rows, cell, plain.rows)
        held = len(plain.rings.owner) + int((~shapely.is_missing(shapes)).sum())
        body = mvt.encode(rows.layer, shapes, _attributes(rows), plain.rings) if held else b""
        if _weight(body) <= HEAVIEST:
            return body, held, plain.away + away
    shapes, away = _shapes(rows, cell)
    body, count = _fitting(rows, shapes)
    return body, count, away


def _plain(rows: Rows, cell: Cell) -> Plain | None:
    """What of the rows needs no GEOS; None where the projection may have no place for something."""
    if not rows.large or not (cell.tms.degrees or cell.tms is WEB_MERCATOR):
        return None
    wkb = pa.chunked_array([c for t in rows.large for c in t["geom"].chunks], pa.binary())
    return plain(whole(wkb), lambda xy: cell.inside(xy) * mvt.EXTENT, straight(cell))


def _shapes(rows: Rows, cell: Cell, done: NDArray[np.int64] | None = None) -> tuple[NDArray[np.object_], int]:
    """The rows' shapes on the grid but of those that are done, and how many of them do not reach the tile."""
    placed = _placed(rows.large, cell, done)
    inside = mvt.cut(mvt.straightened(placed))
    there = ~(shapely.is_missing(placed) | shapely.is_empty(placed))
    away = int((shapely.is_missing(inside) & there).sum())
    inside[shapely.is_missing(mvt.large(placed))] = None
    signs = _signs(_placed(rows.small, cell))
    return np.concatenate([mvt.snapped(inside), signs]), away


def _attributes(rows: Rows) -> pa.Table:
    found = pa.concat_tables([*rows.large, *rows.small], promote_options="permissive")
    return found.select(["id", *(c for c in rows.columns if c in found.column_names)])


def _weight(body: bytes) -> int:
    """About how many bytes it has packed."""
    return len(body) if len(body) <= HEAVIEST else len(zlib.compress(body, 1))


def _signs(placed: NDArray[np.object_]) -> NDArray[np.object_]:
    """Squares in the middle of what is too small."""
    box = np.round(shapely.bounds(placed).reshape(-1, 4))
    half = tile_rows.SIGN // 2
    x, y = (box[:, 0] + box[:, 2]) // 2, (box[:, 1] + box[:, 3]) // 2
    out = np.asarray(shapely.box(x - half, y - half, x + half, y + half), object)
    out[~np.isfinite(box).all(axis=1)] = None
    return out


def _fitting(rows: Rows, shapes: NDArray[np.object_]) -> tuple[bytes, int]:
    """The tile and how many features are in it; the smallest go while it is too heavy."""
    held = np.flatnonzero(~shapely.is_missing(shapes))
    if not len(held):
        return b"", 0
    attributes = _attributes(rows)
    by_size = held[np.argsort(-_extent(shapes[held]), kind="stable")]
    while True:
        mine = np.sort(by_size)
        shown = attributes if len(mine) == len(attributes) else attributes.take(pa.array(mine))
        body = mvt.encode(rows.layer, shapes[mine], shown)
        weight = _weight(body)
        if weight <= HEAVIEST or len(by_size) < 2:
            return body, len(mine)
        by_size = by_size[: max(int(len(by_size) * 0.95 * HEAVIEST / weight), 1)]


def _extent(shapes: NDArray[np.object_]) -> NDArray[np.float64]:
    bounds = shapely.bounds(shapes)
    return np.asarray((bounds[:, 2:] - bounds[:, :2]).max(axis=1))


def _placed(tables: list[pa.Table], cell: Cell, done: NDArray[np.int64] | None = None) -> NDArray[np.object_]:
    """The rows' geometries in the tile's grid units, not rounded; None where the projection has no place for one."""
    if not tables:
        return np.empty(0, object)
    wkb = np.concatenate([np.asarray(t["geom"], object) for t in tables])
    if done is not None:
        wkb[done] = None
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
