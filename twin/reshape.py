"""Geometry as a grant shows it: cut to an area, simplified, moved to a grid.

In this order, so that the grid has the last word. What a grid is too coarse for is not lost and not
revealed: an outline is shown as the cell that it lies in, a line as a line across the cell. What has
been moved carries no heights, for a depth is as telling as a place.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np
import shapely
from numpy.typing import NDArray

from twin.policy import Grant

METRES: Final = 110_574.0
"""A degree of latitude where it is shortest, so that no cell is smaller than what was asked for."""
SLANT: Final = 2.0
"""Degrees of longitude for one of latitude: a cell is as wide as asked for up to 60° of latitude."""

Shapes = NDArray[np.object_]


def reach(grants: Iterable[Grant]) -> float:
    """Degrees, of longitude up to 60° of latitude, within which everything lies that grants draw of a geometry."""
    return max(g.grid + (g.generalise or 0.0) for g in grants) / METRES * SLANT * 1.01 + 1e-9


def reshaped(geoms: Shapes, grant: Grant) -> Shapes:
    """(n,) WKB as a grant shows it, WKB or None; degrees, CRS84."""
    shapes = shapely.from_wkb(geoms)
    if grant.area is not None and grant.area.clip:
        shapes = clipped(shapes, shapely.from_wkb(grant.area.geometry))
    if grant.generalise:
        shapes = shapely.simplify(shapes, grant.generalise / METRES, preserve_topology=True)
    if grant.grid:
        shapes = snapped(shapes, grant.grid)
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


def snapped(shapes: Shapes, metres: float) -> Shapes:
    """(n,) geometries with their vertices on a grid, valid, without heights; None and empty stay."""
    tall = metres / METRES
    cell = np.array([tall * SLANT, tall])
    flat = shapely.force_2d(shapes)
    moved = np.asarray(shapely.transform(flat, lambda xy: _on_grid(xy, cell)), object)
    dimension = shapely.get_dimensions(flat)
    single = np.isin(shapely.get_type_id(flat), (1, 3))
    fine = single & np.where(dimension == 1, shapely.length(moved) > 0, shapely.area(moved) > 0)
    fine[fine] = shapely.is_valid(moved[fine])
    moved[fine] = shapely.remove_repeated_points(moved[fine])
    gone = (dimension == 2) & ~shapely.is_empty(flat) & (shapely.area(moved) == 0)
    moved[gone] = _cells(flat[gone], cell)
    left = ~fine & ~gone & (dimension > 0) & ~shapely.is_empty(flat)
    for n in np.flatnonzero(left):
        moved[n] = (_line if dimension[n] == 1 else _outline)(moved[n], flat[n], cell)
    return moved


def _on_grid(xy: NDArray[np.float64], cell: NDArray[np.float64]) -> NDArray[np.float64]:
    """Coordinates on the grid and in the world."""
    return np.clip(np.round(xy / cell) * cell, (-180.0, -90.0), (180.0, 90.0))


def _line(moved: shapely.Geometry, was: shapely.Geometry, cell: NDArray[np.float64]) -> shapely.Geometry:
    parts = [p for p in shapely.get_parts(moved) if shapely.length(p) > 0]
    if not parts:
        west, south, east, north = shapely.bounds(_cells(np.array([was], object), cell)[0])
        return shapely.LineString([(west, (south + north) / 2), (east, (south + north) / 2)])
    kept = [shapely.remove_repeated_points(p) for p in parts]
    return kept[0] if len(kept) == 1 else shapely.multilinestrings(kept)


def _outline(moved: shapely.Geometry, was: shapely.Geometry, cell: NDArray[np.float64]) -> shapely.Geometry:
    whole = moved if shapely.is_valid(moved) else shapely.make_valid(moved)
    parts = shapely.get_parts(shapely.get_parts(whole))
    kept = [p for p in parts if shapely.get_dimensions(p) == 2 and shapely.area(p) > 0]
    if not kept:
        return _cells(np.array([was], object), cell)[0]
    return shapely.remove_repeated_points(kept[0] if len(kept) == 1 else shapely.multipolygons(kept))


def _cells(shapes: Shapes, cell: NDArray[np.float64]) -> Shapes:
    """(n,) the cells that (n,) geometries lie in: their middles, or where that may be far from them a point of each.

    So whatever is drawn lies no farther from what it stands for than a cell (`reach`).
    """
    boxes = shapely.bounds(shapes)
    middle = (boxes[:, :2] + boxes[:, 2:]) / 2
    large = (boxes[:, 2:] - boxes[:, :2] > cell).any(axis=1)
    middle[large] = shapely.get_coordinates(shapely.point_on_surface(shapes[large]))
    x, y = _on_grid(middle, cell).T
    wide, tall = cell / 2
    return np.asarray(shapely.box(x - wide, y - tall, x + wide, y + tall), object)
