"""Footprints pulled up: walls with a band at their foot, a flat roof, and the lines between them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from layers.shell import Frame, Shell, frame, grey, joined, unit
from layers.triangles import successors, triangulate

FOOT, HIGH, BAND = 0.60, 0.90, 5.0
"""Shade at the foot, shade from `BAND` metres above it upwards."""
CORNER = float(np.cos(np.radians(20)))
"""Walls that meet at less than 20 degrees are one curved wall: no line between them."""


@dataclass(frozen=True, kw_only=True)
class Footprints:
    """The corners of many footprints."""

    lon: NDArray[np.float64]
    """(n,) degrees; outer rings counter-clockwise, holes clockwise, none closed."""
    lat: NDArray[np.float64]
    ring_ends: NDArray[np.int64]
    """(rings,) where each ring ends among the corners."""
    face_ends: NDArray[np.int64]
    """(faces,) where each polygon ends among the rings."""
    owners: NDArray[np.int64]
    """(n,) the row that each corner belongs to."""


@dataclass(frozen=True, kw_only=True)
class Standing:
    """Where each row's foot, base and roof are: (rows,) float64 metres each."""

    foot: NDArray[np.float64]
    """A little below the ground."""
    base: NDArray[np.float64]
    """Where the wall leaves the ground."""
    top: NDArray[np.float64]


def footprints(geometries: NDArray[np.object_]) -> Footprints:
    """The corners of (rows,) shapely geometries; what is not a polygon has none."""
    parts, owners = shapely.get_parts(geometries, return_index=True)
    areas = (shapely.get_type_id(parts) == shapely.GeometryType.POLYGON) & ~shapely.is_empty(parts)
    parts, owners = shapely.orient_polygons(parts[areas]), owners[areas]
    if not len(parts):
        none = np.empty(0, np.int64)
        return Footprints(lon=np.empty(0), lat=np.empty(0), ring_ends=none, face_ends=none, owners=none)
    _, corners, (rings, faces) = shapely.to_ragged_array(parts, include_z=False)
    keep = np.ones(len(corners), bool)
    keep[rings[1:] - 1] = False
    ring_ends = np.cumsum(np.diff(rings) - 1)
    face_ends = np.asarray(faces[1:], np.int64)
    sizes = np.diff(ring_ends[face_ends - 1], prepend=0)
    return Footprints(
        lon=corners[keep, 0],
        lat=corners[keep, 1],
        ring_ends=ring_ends,
        face_ends=face_ends,
        owners=np.repeat(np.asarray(owners, np.int64), sizes),
    )


def extrude(prints: Footprints, standing: Standing, origin: NDArray[np.float64]) -> Shell:
    """Walls and roofs of footprints in the frame about a geodetic origin."""
    places = frame(prints.lon, prints.lat, origin)
    tall = standing.top - standing.base > BAND
    low = ~tall[prints.owners]
    return joined(
        [
            walls(prints, places, standing, np.flatnonzero(low), banded=False),
            walls(prints, places, standing, np.flatnonzero(~low), banded=True),
            roofs(prints, places, standing),
        ]
    )


def roofs(prints: Footprints, places: Frame, standing: Standing) -> Shell:
    """The flat roofs."""
    height = standing.top[prints.owners]
    rise = (standing.top - standing.base)[prints.owners]
    return Shell(
        positions=places.at(height),
        normals=places.up,
        colors=grey(shade(rise)),
        owners=prints.owners,
        indices=triangulate(places.base[:, :2], prints.ring_ends, prints.face_ends).astype(np.int64),
        edges=np.column_stack([np.arange(len(height)), successors(prints.ring_ends)]),
    )


def walls(
    prints: Footprints, places: Frame, standing: Standing, which: NDArray[np.int64], *, banded: bool
) -> Shell:
    """The walls that start at the chosen corners; banded ones have a line of vertices at 5 m."""
    ends = successors(prints.ring_ends)[which]
    rows = prints.owners[which]
    foot, base, top = standing.foot[rows], standing.base[rows], standing.top[rows]
    levels = [foot, base + BAND, top] if banded else [foot, top]
    shades = [shade(np.maximum(level - base, 0)) for level in levels]
    left = [places.at(level, which) for level in levels]
    right = [places.at(level, ends) for level in levels]
    normal = unit(np.cross(right[0] - left[0], left[-1] - left[0]))
    width = 2 * len(levels)
    corner = width * np.arange(len(which))[:, None]
    return Shell(
        positions=_interleaved(left, right),
        normals=np.repeat(normal, width, axis=0),
        colors=grey(np.column_stack([s for s in shades for _ in range(2)]).ravel()),
        owners=np.repeat(rows, width),
        indices=(corner[:, None, :] + _strip(len(levels))[None]).reshape(-1, 3),
        edges=_lines(prints, places, which, corner, len(levels)),
    )


def shade(rise: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n,) shades of (n,) metres above the base."""
    return FOOT + (HIGH - FOOT) * np.clip(rise / BAND, 0, 1)


def _interleaved(left: list[NDArray[np.float64]], right: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Vertices wall by wall, upwards: left, right, and so on."""
    pairs = [side for level in zip(left, right, strict=True) for side in level]
    return np.stack(pairs, axis=1).reshape(-1, 3)


def _strip(levels: int) -> NDArray[np.int64]:
    """(t, 3) triangles of one wall.

    4---5
    2---3   seen from outside
    0---1
    """
    quad = np.array([[0, 1, 3], [0, 3, 2]])
    return np.concatenate([quad + 2 * k for k in range(levels - 1)])


def _lines(
    prints: Footprints, places: Frame, which: NDArray[np.int64], corner: NDArray[np.int64], levels: int
) -> NDArray[np.int64]:
    """(e, 2) the walls' upper edges, and their sides where the building has a corner."""
    sharp = corners(prints, places)
    ends = successors(prints.ring_ends)[which]
    top = corner + np.array([2 * levels - 2, 2 * levels - 1])
    rises = [[2 * k, 2 * k + 2] for k in range(levels - 1)]
    left = [corner[sharp[which]] + r for r in rises]
    right = [corner[sharp[ends]] + np.add(r, 1) for r in rises]
    return np.concatenate([top, *left, *right])


def corners(prints: Footprints, places: Frame) -> NDArray[np.bool_]:
    """(n,) bool: whether two walls meet there at an angle worth a line."""
    following = successors(prints.ring_ends)
    along = places.base[following] - places.base
    along = unit(along * (1, 1, 0))
    before = np.empty_like(following)
    before[following] = np.arange(len(following))
    return np.asarray(np.einsum("ij,ij->i", along, along[before]) < CORNER)
