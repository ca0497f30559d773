"""Geometry as a grant shows it: cut to an area, simplified, moved to a grid.

In this order, so that the grid has the last word. What a grid is too coarse for is not lost and not
revealed: an outline is shown as the cell that it lies in, a line as a line across the cell. What has
been moved carries no heights, for a depth is as telling as a place.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import shapely
from numpy.typing import NDArray

from twin.policy import Grant

METRES: Final = 110_574.0
"""A degree of latitude where it is shortest, so that no cell is smaller than what was asked for."""
SLANT: Final = 2.0
"""Degrees of longitude for one of latitude: a cell is as wide as asked for up to 60° of latitude."""
POINTS: Final = (0, 4)
LINES: Final = (1, 2, 5)

Shapes = NDArray[np.object_]


def reshaped(geoms: Shapes, grant: Grant) -> Shapes:
    """(n,) WKB as a grant shows it, WKB or None; degrees, CRS84."""
    shapes = shapely.from_wkb(geoms)
    if grant.area is not None and grant.area.clip:
        shapes = clipped(shapes, shapely.from_wkb(grant.area.geometry))
    if grant.generalise:
        shapes = shapely.simplify(shapes, grant.generalise / METRES, preserve_topology=True)
    if grant.grid:
        shapes = np.array([snapped(s, grant.grid) for s in shapes], object)
    out = shapely.to_wkb(shapes, include_srid=False)
    return np.asarray(out, object)


def clipped(shapes: Shapes, area: shapely.Geometry) -> Shapes:
    """What of each geometry lies in an area, in the dimension that it had; None where nothing does."""
    shapely.prepare(area)
    inside = shapely.contains_properly(area, shapes)
    cut = shapes.copy()
    cut[~inside] = [_alike(s, area) for s in shapes[~inside]]
    return cut


def _alike(shape: shapely.Geometry | None, area: shapely.Geometry) -> shapely.Geometry | None:
    """An intersection without the points and lines in which the area is only touched."""
    if shape is None:
        return None
    dimension = shapely.get_dimensions(shape)
    parts = shapely.get_parts(shapely.get_parts(shapely.intersection(shape, area)))
    kept = [p for p in parts if shapely.get_dimensions(p) == dimension and not shapely.is_empty(p)]
    return kept[0] if len(kept) == 1 else _gathered(kept, dimension)


def _gathered(parts: list[shapely.Geometry], dimension: int) -> shapely.Geometry | None:
    if not parts:
        return None
    make = (shapely.multipoints, shapely.multilinestrings, shapely.multipolygons)[dimension]
    return make(parts)


def snapped(shape: shapely.Geometry | None, metres: float) -> shapely.Geometry | None:
    """A geometry with its vertices on a grid, valid, without heights; None and empty stay."""
    if shape is None or shapely.is_empty(shape):
        return shape
    tall = metres / METRES
    cell = np.array([tall * SLANT, tall])
    flat = shapely.force_2d(shape)
    moved = shapely.transform(flat, lambda xy: _on_grid(xy, cell))
    if shapely.get_type_id(flat) in POINTS:
        return moved
    if shapely.get_type_id(flat) in LINES:
        return _line(moved, flat, cell)
    return _outline(moved, flat, cell)


def _on_grid(xy: NDArray[np.float64], cell: NDArray[np.float64]) -> NDArray[np.float64]:
    """Coordinates on the grid and in the world."""
    return np.clip(np.round(xy / cell) * cell, (-180.0, -90.0), (180.0, 90.0))


def _line(moved: shapely.Geometry, was: shapely.Geometry, cell: NDArray[np.float64]) -> shapely.Geometry:
    parts = [p for p in shapely.get_parts(moved) if shapely.length(p) > 0]
    if not parts:
        x, y = _middle(was, cell)
        return shapely.LineString([(x - cell[0] / 2, y), (x + cell[0] / 2, y)])
    kept = [shapely.remove_repeated_points(p) for p in parts]
    return kept[0] if len(kept) == 1 else shapely.multilinestrings(kept)


def _outline(moved: shapely.Geometry, was: shapely.Geometry, cell: NDArray[np.float64]) -> shapely.Geometry:
    whole = moved if shapely.is_valid(moved) else shapely.make_valid(moved)
    parts = shapely.get_parts(shapely.get_parts(whole))
    kept = [p for p in parts if shapely.get_dimensions(p) == 2 and shapely.area(p) > 0]
    if not kept:
        x, y = _middle(was, cell)
        return shapely.box(x - cell[0] / 2, y - cell[1] / 2, x + cell[0] / 2, y + cell[1] / 2)
    return shapely.remove_repeated_points(kept[0] if len(kept) == 1 else shapely.multipolygons(kept))


def _middle(shape: shapely.Geometry, cell: NDArray[np.float64]) -> tuple[float, float]:
    """The middle of the cell that a geometry lies in."""
    west, south, east, north = shapely.bounds(shape)
    x, y = _on_grid(np.array([[(west + east) / 2, (south + north) / 2]]), cell)[0]
    return float(x), float(y)
