"""Geometries on the grid of a vector tile as parts: points, lines, and rings that run as the specification wants."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
import shapely
from numpy.typing import NDArray

from tiles import simple

EXTENT: Final = 4096
BUFFER: Final = 64
"""Grid units kept around the tile, so that outlines and lines do not end at its edge."""
POINT, LINE, POLYGON = 1, 2, 3
SMALLEST: Final = 4.0
"""Grid units squared below which a polygon is not drawn; a line is dropped below its root."""


@dataclass(frozen=True, kw_only=True)
class Rings:
    """Parts of geometries on the grid."""

    xy: NDArray[np.int64]
    """(n, 2) grid units; rings are not closed."""
    starts: NDArray[np.int64]
    """(r + 1,) where each part starts in `xy`, and the end."""
    owner: NDArray[np.int64]
    """(r,) the feature of each part; ascending."""
    hole: NDArray[np.bool_]
    """(r,) whether it is an interior ring."""


@dataclass(frozen=True, kw_only=True)
class Plain:
    """Polygons that were done without GEOS."""

    rows: NDArray[np.int64]
    """(k,) which they are, also those that are not drawn."""
    rings: Rings
    """Those that are; the owner is the row."""
    away: int
    """How many do not reach the tile."""


def points(parts: NDArray[np.object_], owner: NDArray[np.int64]) -> Rings:
    """Each feature's points as one part."""
    xy = shapely.get_coordinates(parts).astype(np.int64)
    owners, first = np.unique(owner, return_index=True)
    return Rings(
        xy=xy,
        starts=np.append(first, len(xy)).astype(np.int64),
        owner=owners,
        hole=np.zeros(len(owners), bool),
    )


def rings(parts: NDArray[np.object_], owner: NDArray[np.int64], kind: int) -> Rings:
    """Lines, or rings in the direction that the specification wants, without what the grid made of nothing."""
    if kind == POLYGON:
        lines, index = shapely.get_rings(parts, return_index=True)
        hole = np.concatenate([[False], index[1:] == index[:-1]]) if len(index) else np.empty(0, bool)
    else:
        lines, index, hole = parts, np.arange(len(parts)), np.zeros(len(parts), bool)
    xy, of = shapely.get_coordinates(lines, return_index=True)
    xy, of = _tidied(xy.astype(np.int64), of.astype(np.int64), kind)
    return _oriented(xy, of, owner[index], hole, index, kind)


def plain(
    wkb: pa.Array, place: Callable[[NDArray[np.float64]], NDArray[np.float64]], longest: float
) -> Plain:
    """The polygons among geometries that need no GEOS: one ring, not cut by the tile, convex on the grid.

    Args:
        wkb: (n,) binary.
        place: (m, 2) positions to grid units, not rounded.
        longest: units of the positions beyond which what is straight there may bend on the grid.
    """
    rows, positions, starts = simple.polygons(wkb)
    xy = place(positions)
    low, high = (side.reduceat(xy, starts[:-1]) for side in (np.minimum, np.maximum))
    short = _sides(positions, starts) <= longest
    away = short & ((high < -BUFFER).any(axis=1) | (low > EXTENT + BUFFER).any(axis=1))
    inside = short & (low >= -BUFFER).all(axis=1) & (high <= EXTENT + BUFFER).all(axis=1)
    counts = np.diff(starts)
    of = np.repeat(np.arange(len(rows)), counts)
    # Without the last position, which is the first: it closes what the sum needs.
    ahead = np.append(xy[1:], xy[:1], axis=0) - xy[starts[:-1]][of]
    from_ = xy - xy[starts[:-1]][of]
    cross = from_[:, 0] * ahead[:, 1] - ahead[:, 0] * from_[:, 1]
    cross[starts[1:] - 1] = 0
    seen = inside & (np.abs(np.add.reduceat(cross, starts[:-1])) >= 2 * SMALLEST)
    kept = seen[of]
    whole, ring = _tidied(np.rint(xy[kept]).astype(np.int64), of[kept], POLYGON)
    convex = np.zeros(len(rows), bool)
    convex[np.unique(ring)] = True
    convex[ring[_odd(whole, ring)]] = False
    mine = convex[ring]
    owner = np.flatnonzero(convex)
    number = np.cumsum(convex) - 1
    return Plain(
        rows=rows[away | (inside & ~seen) | convex],
        rings=_oriented(
            whole[mine],
            number[ring[mine]],
            rows[owner],
            np.zeros(len(owner), bool),
            np.arange(len(owner)),
            POLYGON,
        ),
        away=int(away.sum()),
    )


def _sides(xy: NDArray[np.float64], starts: NDArray[np.int64]) -> NDArray[np.float64]:
    """(r,) the longer side of each ring's box."""
    low, high = (side.reduceat(xy, starts[:-1]) for side in (np.minimum, np.maximum))
    return np.asarray((high - low).max(axis=1, initial=0))


def _odd(xy: NDArray[np.int64], of: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which vertices belong to rings that are not convex, or go round more than once."""
    if not len(of):
        return np.empty(0, bool)
    before, after = _beside(of, closed=True)
    there, on = xy - xy[before], xy[after] - xy
    cross = there[:, 0] * on[:, 1] - there[:, 1] * on[:, 0]
    starts = np.flatnonzero(np.append(True, of[1:] != of[:-1]))
    turned = np.add.reduceat(np.arctan2(cross, (there * on).sum(axis=1)), starts)
    once = np.abs(np.abs(turned) - 2 * np.pi) < 1
    alike = np.minimum.reduceat(cross, starts) * np.maximum.reduceat(cross, starts) > 0
    return np.repeat(~(once & alike), np.diff(np.append(starts, len(of))))


def _tidied(
    xy: NDArray[np.int64], of: NDArray[np.int64], kind: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Lines, or rings, which are closed before and open after, without vertices that are not needed."""
    fresh = np.ones(len(xy), bool)
    fresh[1:] = (of[1:] != of[:-1]) | (xy[1:] != xy[:-1]).any(axis=1)
    xy, of = xy[fresh], of[fresh]
    if kind == POLYGON:
        # a ring's last point is its first
        last = np.append(of[1:] != of[:-1], len(of) > 0)[: len(of)]
        xy, of = xy[~last], of[~last]
    bends = _bends(xy, of, closed=kind == POLYGON)
    return xy[bends], of[bends]


def _bends(xy: NDArray[np.int64], of: NDArray[np.int64], *, closed: bool) -> NDArray[np.bool_]:
    """Which vertices are needed: all but those on the straight way from the one before to the one after."""
    if not len(of):
        return np.empty(0, bool)
    before, after = _beside(of, closed=closed)
    there, on = xy - xy[before], xy[after] - xy
    turns = there[:, 0] * on[:, 1] != there[:, 1] * on[:, 0]
    return np.asarray(turns | ((there * on).sum(axis=1) <= 0))


def _beside(of: NDArray[np.int64], *, closed: bool) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The vertex before each and the one after it; at the ends of a line it is the vertex itself."""
    here = np.arange(len(of))
    opens, ends = np.append(True, of[1:] != of[:-1]), np.append(of[1:] != of[:-1], True)
    firsts, lasts = here[opens], here[ends]
    part = np.cumsum(opens) - 1
    before = np.where(opens, lasts[part] if closed else here, here - 1)
    after = np.where(ends, firsts[part] if closed else here, here + 1)
    return before, after


def _oriented(
    xy: NDArray[np.int64],
    of: NDArray[np.int64],
    owner: NDArray[np.int64],
    hole: NDArray[np.bool_],
    polygon: NDArray[np.int64],
    kind: int,
) -> Rings:
    sizes = np.bincount(of, minlength=len(owner))
    starts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    good = sizes >= kind
    if kind == POLYGON:
        area = _areas(xy, of, starts, len(owner))
        good &= area != 0
        # a hole goes with its exterior
        gone = np.zeros(int(polygon.max(initial=-1)) + 1, bool)
        gone[polygon[~good & ~hole]] = True
        good &= ~gone[polygon]
        turn = (area > 0) == hole
        mirror = starts[of] + starts[of + 1] - 1 - np.arange(len(xy))
        xy = np.where(turn[of][:, None], xy[mirror], xy)
    xy = xy[good[of]]
    return Rings(
        xy=xy,
        starts=np.concatenate([[0], np.cumsum(sizes[good])]).astype(np.int64),
        owner=owner[good],
        hole=hole[good],
    )


def _areas(
    xy: NDArray[np.int64], of: NDArray[np.int64], starts: NDArray[np.int64], count: int
) -> NDArray[np.int64]:
    """Twice the area of each ring: positive when it runs clockwise on the screen, y down."""
    following = np.arange(1, len(xy) + 1)
    ends = starts[1:][np.diff(starts) > 0] - 1
    following[ends] = starts[:-1][np.diff(starts) > 0]
    cross = xy[:, 0] * xy[following, 1] - xy[following, 0] * xy[:, 1]
    return np.bincount(of, cross, count).astype(np.int64)
