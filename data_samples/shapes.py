"""Footprints: templates about the origin, stamped many at a time."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import shapely
from shapely import Polygon

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from shapely.geometry.base import BaseGeometry


@cache
def slab(width: float, depth: float) -> Polygon:
    """A plain rectangle."""
    return shapely.box(-width / 2, -depth / 2, width / 2, depth / 2)


@cache
def disc(radius: float) -> Polygon:
    """A round tank or column."""
    return shapely.Point(0, 0).buffer(radius, quad_segs=5)


@cache
def flats(width: float, depth: float) -> Polygon:
    """A row of flats: a slab whose stairwells stand out a little to the north."""
    stairs = max(2, round(width / 17))
    at = (np.arange(stairs) + 0.5) * width / stairs - width / 2
    bays = shapely.box(at - 2.1, depth / 2 - 0.5, at + 2.1, depth / 2 + 1.3)
    return _clean(shapely.union_all([slab(width, depth), *bays]))


@cache
def ell(width: float, depth: float, wing: float) -> Polygon:
    """An L: a range along the north and a wing down the west side."""
    west, north = -width / 2, depth / 2
    return _clean(
        shapely.union_all(
            [shapely.box(west, north - wing, -west, north), shapely.box(west, -north, west + wing, north)]
        )
    )


@cache
def court(width: float, depth: float, wing: float) -> Polygon:
    """A U that is open to the south."""
    right = shapely.box(width / 2 - wing, -depth / 2, width / 2, depth / 2)
    return _clean(shapely.union_all([ell(width, depth, wing), right]))


@cache
def ring(width: float, depth: float, wing: float) -> Polygon:
    """Four ranges about a courtyard: a footprint with a hole."""
    return slab(width, depth).difference(slab(width - 2 * wing, depth - 2 * wing))


@cache
def cross(width: float, depth: float, arm: float) -> Polygon:
    """A point tower: a cross with stout arms."""
    return _clean(shapely.union_all([slab(width, arm), slab(arm, depth)]))


@cache
def comb(width: float, depth: float, wing: float) -> Polygon:
    """An E on its back: a long range with three wings to the south, as schools and hospitals have."""
    north = depth / 2
    wings = [shapely.box(x, -north, x + wing, north) for x in (-width / 2, -wing / 2, width / 2 - wing)]
    return _clean(shapely.union_all([shapely.box(-width / 2, north - wing, width / 2, north), *wings]))


def _clean(shape: BaseGeometry) -> Polygon:
    cleaned = shapely.normalize(shape.simplify(0))
    assert isinstance(cleaned, Polygon)  # noqa: S101 - for the type checker; the parts touch by construction
    return cleaned


def stamp(
    templates: Sequence[Polygon], which: NDArray[np.int64], centres: NDArray[np.float64]
) -> NDArray[np.object_]:
    """(n,) polygons: template `which[i]` moved to `centres[i]`; (n, 2) metres."""
    placed = np.empty(len(which), dtype=object)
    for k, template in enumerate(templates):
        rows = np.flatnonzero(which == k)
        at = centres[rows][:, None, :]
        outer = shapely.linearrings(shapely.get_coordinates(template.exterior)[None] + at)
        if template.interiors:
            inner = shapely.linearrings(shapely.get_coordinates(template.interiors[0])[None] + at)
            placed[rows] = shapely.polygons(outer, holes=inner[:, None])
        else:
            placed[rows] = shapely.polygons(outer)
    return placed


def turned(shapes: NDArray[np.object_], angle: float, about: NDArray[np.float64]) -> NDArray[np.object_]:
    """The shapes turned by `angle` radians, counter-clockwise, about the point `about` (2,)."""
    cos, sin = np.cos(angle), np.sin(angle)
    matrix = np.array([[cos, sin], [-sin, cos]])
    return np.asarray(shapely.transform(shapes, lambda at: (at - about) @ matrix + about), dtype=object)
