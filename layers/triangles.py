"""Triangles of polygons: many faces with holes at once."""

from __future__ import annotations

from collections.abc import Iterator

import mapbox_earcut
import numpy as np
from numpy.typing import NDArray


def triangulate(
    points: NDArray[np.float64], ring_ends: NDArray[np.integer], face_ends: NDArray[np.integer]
) -> NDArray[np.uint32]:
    """Counter-clockwise triangles of faces in the plane.

    Args:
        points: (n, 2) float64, the corners of all rings one after the other; rings are not closed.
        ring_ends: (rings,) where each ring ends in `points`.
        face_ends: (faces,) where each face ends in `ring_ends`; its first ring is the outer one.

    Returns:
        (t, 3) uint32 indices into `points`. A face without area gives no triangle.

    Most faces of a city are convex: those become fans, all at once; the others are cut ear by ear.
    """
    if not len(face_ends):
        return np.empty((0, 3), np.uint32)
    starts, ends = face_corners(ring_ends, face_ends)
    simple = np.diff(face_ends, prepend=0) == 1
    fans = simple & convex(points, ring_ends, face_ends)
    parts = [fan(starts[fans], ends[fans])]
    parts += list(_ears(points, ring_ends, face_ends, np.flatnonzero(~fans)))
    return counter_clockwise(points, np.concatenate(parts))


def ring_starts(ring_ends: NDArray[np.integer]) -> NDArray[np.int64]:
    """(rings,) int64: where each ring starts."""
    return np.concatenate([[0], ring_ends[:-1]]).astype(np.int64)


def face_corners(
    ring_ends: NDArray[np.integer], face_ends: NDArray[np.integer]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(faces,) int64 each: where the corners of each face start and end, its holes included."""
    ends = np.asarray(ring_ends, np.int64)[np.asarray(face_ends, np.int64) - 1]
    return ring_starts(ends), ends


def successors(ring_ends: NDArray[np.integer]) -> NDArray[np.int64]:
    """(corners,) int64: the corner that follows each corner on its ring."""
    following = np.arange(1, (int(ring_ends[-1]) if len(ring_ends) else 0) + 1, dtype=np.int64)
    if len(ring_ends):
        following[np.asarray(ring_ends, np.int64) - 1] = ring_starts(ring_ends)
    return following


def convex(
    points: NDArray[np.float64], ring_ends: NDArray[np.integer], face_ends: NDArray[np.integer]
) -> NDArray[np.bool_]:
    """(faces,) bool: whether the face turns left at every corner by more than rounding."""
    following = successors(ring_ends)
    along = points[following] - points
    turn = along[:, 0] * along[following, 1] - along[:, 1] * along[following, 0]
    scale = np.hypot(along[:, 0], along[:, 1])
    left = turn > 1e-9 * scale * scale[following]
    starts, ends = face_corners(ring_ends, face_ends)
    return np.asarray((np.add.reduceat(~left, starts) == 0) & (ends - starts > 2))


def fan(starts: NDArray[np.int64], ends: NDArray[np.int64]) -> NDArray[np.int64]:
    """(t, 3) int64: triangles about the first corner of each run of corners."""
    counts = np.maximum(ends - starts - 2, 0)
    first = np.repeat(starts, counts)
    step = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    return np.column_stack([first, first + step + 1, first + step + 2])


def counter_clockwise(points: NDArray[np.float64], triangles: NDArray[np.integer]) -> NDArray[np.uint32]:
    """(t, 3) uint32: the triangles, turned over where they run clockwise, without those of no area."""
    a, b, c = (points[triangles[:, k]] for k in range(3))
    area = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])
    turned = np.where((area < 0)[:, None], triangles[:, ::-1], triangles)
    return np.asarray(turned[area != 0], np.uint32)


def _ears(
    points: NDArray[np.float64],
    ring_ends: NDArray[np.integer],
    face_ends: NDArray[np.integer],
    which: NDArray[np.int64],
) -> Iterator[NDArray[np.int64]]:
    """(t, 3) int64 triangles, one face at a time."""
    ends = np.asarray(ring_ends, np.int64)
    for face in which:
        first = int(face_ends[face - 1]) if face else 0
        rings = ends[first : int(face_ends[face])]
        start = int(ends[first - 1]) if first else 0
        if rings[-1] - start < 3:
            continue
        cut = mapbox_earcut.triangulate_float64(
            np.ascontiguousarray(points[start : rings[-1]]), (rings - start).astype(np.uint32)
        )
        yield cut.astype(np.int64).reshape(-1, 3) + start
