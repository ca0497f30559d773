"""Where rows are: the columns that a store derives from geometry and bodies."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import shapely
from numpy.typing import NDArray

from twin.model import BBox
from twin.space import E2, A, hilbert

HALF = np.float64(0.5)


def extents(geoms: pa.Array, bodies: list[pa.Array], sizes: pa.Array | None = None) -> dict[str, pa.Array]:
    """Box, heights, Hilbert key and size of rows.

    Args:
        geoms: (n,) binary, WKB in degrees; null or empty has no place.
        bodies: columns of body bytes; their heights count too.
        sizes: (n,) float32 metres that win over the box where not null.

    Returns:
        hkey uint64 (of the box's centre), size float32 (metres, the box's larger side), minx miny maxx
        maxy float64 (degrees), minz maxz float32 (metres); null where there is none.
    """
    shapes = shapely.from_wkb(geoms.to_numpy(zero_copy_only=False))
    boxes = shapely.bounds(shapes)
    low, high = _heights(shapes)
    for column in bodies:
        low, high = _with_bodies(column, low, high)
    nowhere = np.isnan(boxes[:, 0])
    x, y = (boxes[:, 0] + boxes[:, 2]) * HALF, (boxes[:, 1] + boxes[:, 3]) * HALF
    keys = hilbert(np.where(nowhere, 0, x), np.where(nowhere, 0, y))
    size = box_size(boxes)
    if sizes is not None:
        own = sizes.to_numpy(zero_copy_only=False).astype(np.float32)
        size = np.where(np.isnan(own), size, own)
    named = dict(zip(("minx", "miny", "maxx", "maxy"), boxes.T, strict=True))
    return {
        "hkey": pa.array(keys, pa.uint64(), mask=nowhere),
        "size": _floats(size, np.float32),
        **{name: _floats(values, np.float64) for name, values in named.items()},
        "minz": _floats(low, np.float32),
        "maxz": _floats(high, np.float32),
    }


def _floats(values: NDArray[np.floating], dtype: type) -> pa.Array:
    return pa.array(values.astype(dtype), mask=np.isnan(values))


def box_size(boxes: NDArray[np.float64]) -> NDArray[np.float32]:
    """The larger side in metres, (n,) float32, of (n, 4) boxes in degrees."""
    sine = np.sin(np.radians((boxes[:, 1] + boxes[:, 3]) * HALF))
    w = 1 - E2 * sine * sine
    east = np.radians(boxes[:, 2] - boxes[:, 0]) * A / np.sqrt(w) * np.sqrt(1 - sine * sine)
    north = np.radians(boxes[:, 3] - boxes[:, 1]) * A * (1 - E2) / w**1.5
    return np.maximum(east, north).astype(np.float32)


def _heights(shapes: NDArray[np.object_]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    low = np.full(len(shapes), np.nan)
    high = low.copy()
    solid = np.flatnonzero(shapely.has_z(shapes))
    if len(solid):
        places, of = shapely.get_coordinates(shapes[solid], include_z=True, return_index=True)
        z, of = places[:, 2], of[~np.isnan(places[:, 2])]
        z = z[~np.isnan(z)]
        if len(z):
            starts = np.flatnonzero(np.diff(of, prepend=-1))
            rows = solid[of[starts]]
            low[rows], high[rows] = np.minimum.reduceat(z, starts), np.maximum.reduceat(z, starts)
    return low, high


def _with_bodies(
    column: pa.Array, low: NDArray[np.float64], high: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    low, high = low.copy(), high.copy()
    for row in np.flatnonzero(column.is_valid().to_numpy(zero_copy_only=False)):
        block = column[int(row)].as_buffer()
        vertices = int(np.frombuffer(block, "<u4", 1)[0])
        if vertices:
            z = np.frombuffer(block, "<f8", 3 * vertices, 16)[2::3]
            low[row], high[row] = np.fmin(low[row], z.min()), np.fmax(high[row], z.max())
    return low, high


def box_shape(box: BBox) -> shapely.Geometry:
    """The box as a geometry, also where it is only a line or a point; it must not cross the antimeridian."""
    west, south, east, north = box.astuple()
    if west == east and south == north:
        return shapely.Point(west, south)
    if west == east or south == north:
        return shapely.LineString([(west, south), (east, north)])
    return shapely.box(west, south, east, north)


def touches(geoms: pa.Array, box: BBox) -> NDArray[np.bool_]:
    """Whether (n,) WKB geometries intersect a box; empty and null ones do not."""
    shape = box_shape(box)
    shapely.prepare(shape)
    return np.asarray(shapely.intersects(shape, shapely.from_wkb(geoms.to_numpy(zero_copy_only=False))))


def union(boxes: list[BBox]) -> BBox | None:
    """The box around boxes; None around nothing."""
    if not boxes:
        return None
    west, south, east, north = zip(*(b.astuple() for b in boxes), strict=True)
    return BBox(west=min(west), south=min(south), east=max(east), north=max(north))
