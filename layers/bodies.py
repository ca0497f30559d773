"""Bodies drawn: faces as they are, flat normals, lines where they meet, the bottom below the ground."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from layers.bands import cut
from layers.extrude import BAND, CORNER, shade
from layers.footing import lowest
from layers.shell import Frame, Shell, frame, grey, unit
from layers.triangles import face_corners, ring_starts, successors, triangulate
from twin.body import Surface, decode
from twin.table import BODY

SINK = 1.0
"""Metres that a body's bottom is drawn below the lowest ground under it."""
BOTTOM = 0.5
"""A face that looks down and lies within this many metres of the lowest point is the bottom."""
ROOF_TINT = (1.0, 0.96, 0.93)


@dataclass(frozen=True, kw_only=True)
class Bodies:
    """Many bodies, one after the other."""

    vertices: NDArray[np.float64]
    """(n, 3) longitude, latitude, height."""
    owners: NDArray[np.int64]
    """(n,) the row of each vertex."""
    corners: NDArray[np.int64]
    """(c,) vertex of each corner."""
    ring_ends: NDArray[np.int64]
    face_ends: NDArray[np.int64]
    surfaces: NDArray[np.uint8]

    def face_of(self) -> NDArray[np.int64]:
        """(c,) the face of each corner."""
        starts, ends = face_corners(self.ring_ends, self.face_ends)
        return np.repeat(np.arange(len(starts)), ends - starts)


def best(rows: pa.Table) -> pa.Array:
    """(rows,) binary: the most detailed body of each row, null where there is none."""
    names = sorted((n for n in rows.column_names if n.startswith(BODY)), reverse=True)
    none = pa.nulls(len(rows), pa.binary())
    return pc.coalesce(*(pc.cast(rows[n], pa.binary()).combine_chunks() for n in names), none)


def rises(blocks: pa.Array) -> NDArray[np.float64]:
    """(rows,) float64 metres from each body's lowest to its highest vertex; 0 where there is none."""
    found = np.zeros(len(blocks))
    for row in np.flatnonzero(np.asarray(blocks.is_valid())):
        found[row] = np.ptp(decode(blocks[int(row)].as_buffer()).vertices[:, 2])
    return found


def gathered(blocks: pa.Array) -> Bodies:
    """The bodies of (rows,) blocks; a null or an empty one gives nothing.

    Raises:
        InvalidGeometry: a block is not a body.
    """
    rows = np.flatnonzero(np.asarray(blocks.is_valid()))
    parts = [decode(blocks[int(r)].as_buffer()) for r in rows]
    starts = np.cumsum([0, *(len(b.vertices) for b in parts)])
    return Bodies(
        vertices=np.concatenate([np.empty((0, 3)), *(b.vertices for b in parts)]),
        owners=np.repeat(rows, np.diff(starts)).astype(np.int64),
        corners=_stacked([b.corners + np.int64(s) for b, s in zip(parts, starts, strict=False)]),
        ring_ends=_ends([b.ring_ends for b in parts]),
        face_ends=_ends([b.face_ends for b in parts]),
        surfaces=np.concatenate([np.empty(0, np.uint8), *(b.surfaces for b in parts)]),
    )


def shell_of(
    blocks: pa.Array, floor: NDArray[np.float64], origin: NDArray[np.float64], *, as_given: bool
) -> Shell:
    """The shell of (rows,) bodies.

    Args:
        blocks: bodies, null where a row has none.
        floor: (rows,) float64 metres, the lowest ground under each; NaN where there is no terrain.
        origin: of the local frame.
        as_given: the heights are those of the ground's datum; otherwise each body is moved so that its
            lowest point stands on the lowest ground under it.
    """
    body = gathered(blocks)
    if not len(body.face_ends):
        return Shell(
            positions=np.empty((0, 3)),
            normals=np.empty((0, 3)),
            colors=np.empty((0, 4), np.uint8),
            owners=np.empty(0, np.int64),
            indices=np.empty((0, 3), np.int64),
            edges=np.empty((0, 2), np.int64),
        )
    own = lowest(body.vertices[:, 2], body.owners, len(blocks))
    low = np.where(np.isfinite(floor), floor, 0.0)
    base = np.where(np.isfinite(floor), own, low) if as_given else low
    height = body.vertices[:, 2] + (base - own)[body.owners]
    places = frame(body.vertices[:, 0], body.vertices[:, 1], origin)
    bottom = bottoms(body, places, height, base)
    sunk = _touched(body, bottom)
    drawn = np.where(sunk, np.minimum(base, low)[body.owners] - SINK, height)
    return _faces(body, places.at(drawn), drawn - base[body.owners], ~bottom)


def bottoms(
    body: Bodies, places: Frame, height: NDArray[np.float64], base: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """(faces,) bool: ground surfaces, and where surfaces are not named the faces that lie on the base."""
    starts, _ = face_corners(body.ring_ends, body.face_ends)
    normal = newell(places.at(height)[body.corners], body.ring_ends, body.face_ends)
    first = body.corners[starts]
    # within 26 degrees of straight down
    down = np.einsum("ij,ij->i", normal, places.up[first]) < -0.9
    above = np.maximum.reduceat((height - base[body.owners])[body.corners], starts)
    unnamed = body.surfaces == Surface.UNKNOWN
    return np.asarray((body.surfaces == Surface.GROUND) | (unnamed & down & (above < BOTTOM)))


def newell(
    points: NDArray[np.float64], ring_ends: NDArray[np.int64], face_ends: NDArray[np.int64]
) -> NDArray[np.float64]:
    """(faces, 3) float64 unit normals of faces from the (c, 3) points of their corners (Newell's method)."""
    starts, ends = face_corners(ring_ends, face_ends)
    near = points - np.repeat(points[starts], ends - starts, axis=0)
    return unit(np.add.reduceat(np.cross(near, near[successors(ring_ends)]), starts))


def flattened(points: NDArray[np.float64], normals: NDArray[np.float64]) -> NDArray[np.float64]:
    """(c, 2) float64: points without the axis their (c, 3) normals follow most, still counter-clockwise."""
    axis = np.argmax(np.abs(normals), axis=1)
    rows = np.arange(len(points))
    first, second = (axis + 1) % 3, (axis + 2) % 3
    over = normals[rows, axis] < 0
    x, y = points[rows, first], points[rows, second]
    return np.column_stack([np.where(over, y, x), np.where(over, x, y)])


def creases(body: Bodies, normals: NDArray[np.float64], kept: NDArray[np.bool_]) -> NDArray[np.int64]:
    """(e, 2) corner pairs: ring edges where the surface bends by more than 20 degrees or ends."""
    following = successors(body.ring_ends)
    ends = np.sort(np.column_stack([body.corners, body.corners[following]]), axis=1)
    key = ends[:, 0] * (len(body.vertices) + 1) + ends[:, 1]
    face = body.face_of()
    edge, count = np.unique(key, return_inverse=True, return_counts=True)[1:]
    total = np.zeros((len(count), 3))
    for axis in range(3):
        total[:, axis] = np.bincount(edge, normals[face, axis], len(count))
    # two unit normals at an angle a add up to a vector of length 2 cos(a / 2)
    smooth = (count == 2) & (np.linalg.norm(total, axis=1) > np.sqrt(2 + 2 * CORNER))
    lines = ~smooth[edge] & kept[face]
    return np.column_stack([np.flatnonzero(lines), following[lines]])


def _faces(
    body: Bodies, positions: NDArray[np.float64], rise: NDArray[np.float64], kept: NDArray[np.bool_]
) -> Shell:
    """The kept faces with a vertex of their own for each corner."""
    points = positions[body.corners]
    normals = newell(points, body.ring_ends, body.face_ends)
    face = body.face_of()
    triangles = triangulate(flattened(points, normals[face]), body.ring_ends, body.face_ends).astype(np.int64)
    triangles = triangles[kept[face[triangles[:, 0]]]]
    banded = cut(triangles, creases(body, normals, kept), rise[body.corners], BAND)
    of = banded.parents[:, 0]
    return Shell(
        positions=banded.of(points),
        normals=normals[face][of],
        colors=_colors(banded.of(rise[body.corners]), body.surfaces[face][of]),
        owners=body.owners[body.corners][of],
        indices=banded.indices,
        edges=banded.edges,
    )


def _colors(rise: NDArray[np.float64], surfaces: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(c, 4) uint8: dark at the foot, light from 5 m up, roofs a little warmer."""
    colors = grey(shade(np.clip(rise, 0, BAND))).astype(np.float64)
    colors[surfaces == Surface.ROOF, :3] *= ROOF_TINT
    return np.rint(colors).astype(np.uint8)


def _touched(body: Bodies, faces: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(n,) bool: vertices of the chosen faces."""
    touched = np.zeros(len(body.vertices), bool)
    touched[body.corners[faces[body.face_of()]]] = True
    return touched


def _stacked(parts: list[NDArray[np.int64]]) -> NDArray[np.int64]:
    return np.concatenate([np.empty(0, np.int64), *parts])


def _ends(parts: list[NDArray[np.uint32]]) -> NDArray[np.int64]:
    """Ends of each body's runs, counted through all bodies."""
    starts = ring_starts(np.cumsum([int(p[-1]) if len(p) else 0 for p in parts]))
    return _stacked([p + np.int64(s) for p, s in zip(parts, starts, strict=False)])
