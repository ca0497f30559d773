"""Lines with a size as tubes and boxes: true diameter, true depth, mitred at their corners."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import shapely
from numpy.typing import NDArray

from layers.footing import absolute, ground
from layers.kind import Placed
from layers.shell import Shell, frame, joined, unit

DIAMETER: Final = 0.2
"""Metres drawn where no size is known."""
COVER: Final = 1.5
"""Metres of ground above the crown where no depth is known."""
SIDES: Final = ((0.25, 8), (0.75, 10), (np.inf, 12))
"""Up to which radius (metres) a tube has how many sides."""
NEAR: Final = 0.001
"""Metres: vertices closer than this to the one before are one."""
SHARPEST: Final = 3.0
"""A mitre reaches at most this many radii beyond its corner; sharper turns are cut off there."""


@dataclass(frozen=True, kw_only=True)
class Profile:
    """A cross-section: points to the right of and above the axis, in units of half width and half height."""

    points: NDArray[np.float64]
    """(k, 2) counter-clockwise for one who looks along the line."""
    normals: NDArray[np.float64]
    """(k, 2) unit vectors."""
    sides: NDArray[np.int64]
    """(s, 2) pairs of points that a side lies between."""
    rim: NDArray[np.int64]
    """(r,) the points that go once around."""


@dataclass(frozen=True, kw_only=True)
class Segments:
    """Straight pieces of lines, each with the planes in which it meets its neighbours."""

    start: NDArray[np.float64]
    """(n, 3) float64 local metres, on the axis."""
    end: NDArray[np.float64]
    along: NDArray[np.float64]
    """(n, 3) unit vectors."""
    start_plane: NDArray[np.float64]
    """(n, 3) normals of the planes in which the piece begins and ends."""
    end_plane: NDArray[np.float64]
    up: NDArray[np.float64]
    """(n, 3) the vertical there."""
    half: NDArray[np.float64]
    """(n, 2) half width and half height, metres."""
    owners: NDArray[np.int64]
    first: NDArray[np.bool_]
    """Whether a line begins or ends there: an end is closed."""
    last: NDArray[np.bool_]


def tubes(
    rows: pa.Table,
    geometries: NDArray[np.object_],
    placed: Placed,
    origin: NDArray[np.float64],
    colors: NDArray[np.uint8],
) -> Shell:
    """The tubes and boxes of the rows that are lines, in the frame about a geodetic origin.

    Args:
        rows: with the columns of `layers/networks.py` that there are.
        geometries: (rows,) longitude, latitude, z.
        placed: the ground, and whether z is to be taken as it is.
        origin: longitude, latitude, height.
        colors: (rows, 4) uint8.
    """
    half, box = halves(rows)
    pieces = segments(rows, geometries, placed, origin, half)
    radius = pieces.half[:, 0]
    parts = [swept(_chosen(pieces, box[pieces.owners]), rectangle(), colors)]
    low = 0.0
    for high, sides in SIDES:
        mine = ~box[pieces.owners] & (radius > low) & (radius <= high)
        parts.append(swept(_chosen(pieces, mine), circle(sides), colors))
        low = high
    return joined(parts)


def halves(rows: pa.Table) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """(rows, 2) half width and half height in metres, and (rows,) whether it is a box; 0.2 m where unknown."""
    diameter, width, height = (numbers(rows, name) for name in ("diameter", "width", "height"))
    box = (width > 0) & (height > 0)
    radius = np.where(diameter > 0, diameter, DIAMETER) / 2
    pair = np.column_stack([np.where(box, width / 2, radius), np.where(box, height / 2, radius)])
    return pair, box


def segments(
    rows: pa.Table,
    geometries: NDArray[np.object_],
    placed: Placed,
    origin: NDArray[np.float64],
    half: NDArray[np.float64],
) -> Segments:
    """The straight pieces of the rows' lines."""
    parts, owners = shapely.get_parts(geometries, return_index=True)
    lines = shapely.get_type_id(parts) == shapely.GeometryType.LINESTRING
    parts, owners = parts[lines], np.asarray(owners[lines], np.int64)
    coords, line = shapely.get_coordinates(parts, include_z=True, return_index=True)
    row = owners[line]
    height = axis_heights(rows, coords, line, row, placed, half[:, 1])
    places = frame(coords[:, 0], coords[:, 1], origin)
    return _pieces(places.at(height), places.up, line, row, half)


def _pieces(
    points: NDArray[np.float64],
    up: NDArray[np.float64],
    line: NDArray[np.int64],
    row: NDArray[np.int64],
    half: NDArray[np.float64],
) -> Segments:
    step = np.linalg.norm(np.diff(points, axis=0, prepend=points[:1] - 1), axis=1)
    begins = np.diff(line, prepend=-1) != 0
    kept = begins | (step > NEAR)
    points, up, line, row = points[kept], up[kept], line[kept], row[kept]
    inner = np.flatnonzero(line[1:] == line[:-1])
    along = unit(points[inner + 1] - points[inner])
    # a piece's neighbour is the piece beside it when both are of one line
    joins = np.flatnonzero(np.diff(line[inner]) == 0)
    start_plane, end_plane = along.copy(), along.copy()
    middle = along[joins] + along[joins + 1]
    # straight back: no plane lies between, each keeps its own
    turns = np.linalg.norm(middle, axis=1) > 1e-6
    start_plane[joins[turns] + 1] = end_plane[joins[turns]] = unit(middle[turns])
    first, last = np.ones(len(inner), bool), np.ones(len(inner), bool)
    first[joins + 1] = last[joins] = False
    return Segments(
        start=points[inner],
        end=points[inner + 1],
        along=along,
        start_plane=start_plane,
        end_plane=end_plane,
        up=up[inner],
        half=half[row[inner]],
        owners=row[inner],
        first=first,
        last=last,
    )


def axis_heights(
    rows: pa.Table,
    coords: NDArray[np.float64],
    line: NDArray[np.int64],
    row: NDArray[np.int64],
    placed: Placed,
    half_height: NDArray[np.float64],
) -> NDArray[np.float64]:
    """(n,) float64 metres: where the axis is at each vertex.

    z as it is where it is stated in the ground's datum; otherwise the line hangs below the ground by its
    depth, which runs evenly from one end's to the other's, or by 1.5 m of cover. What depth and z refer to
    (crown, invert, centre) is worked out from `z_ref`; unknown counts as the crown below ground, and as the
    axis where z is taken.
    """
    reach = half_height[row]
    ref = references(rows)[row]
    given = coords[:, 2] + np.select([ref == "crown", ref == "invert"], [-reach, reach], 0.0)
    floor = ground(placed, coords[:, 0], coords[:, 1])
    depth = depths(rows, coords, line, row)
    above = np.select([ref == "invert", ref == "centre"], [-reach, 0.0], reach)
    hung = np.nan_to_num(floor) - np.where(np.isnan(depth), COVER + reach, depth + above)
    use = absolute(placed) & np.isfinite(given) & np.isfinite(floor)
    return np.where(use, given, hung)


def references(rows: pa.Table) -> NDArray[np.str_]:
    """(rows,) text: crown (the top of a block too), invert, centre or unknown."""
    if "z_ref" not in rows.column_names:
        return np.full(len(rows), "unknown")
    words = np.asarray(pc.fill_null(rows["z_ref"], "unknown"), str)
    return np.where(words == "top_of_block", "crown", words)


def depths(
    rows: pa.Table, coords: NDArray[np.float64], line: NDArray[np.int64], row: NDArray[np.int64]
) -> NDArray[np.float64]:
    """(n,) float64 metres below ground at each vertex; NaN where nothing is known."""
    start, end, whole = (numbers(rows, n, missing=np.nan) for n in ("from_depth", "to_depth", "depth"))
    start = np.where(np.isnan(start), np.where(np.isnan(end), whole, end), start)
    end = np.where(np.isnan(end), start, end)
    return start[row] + share(coords, line) * (end - start)[row]


def share(coords: NDArray[np.float64], line: NDArray[np.int64]) -> NDArray[np.float64]:
    """(n,) 0 to 1: how far along its line each vertex is."""
    if not len(coords):
        return np.empty(0)
    squeeze = np.cos(np.radians(coords[:, 1]))
    plan = np.column_stack([coords[:, 0] * squeeze, coords[:, 1]])
    step = np.linalg.norm(np.diff(plan, axis=0, prepend=plan[:1]), axis=1)
    begins = np.diff(line, prepend=-1) != 0
    step[begins] = 0.0
    way = np.cumsum(step)
    starts = np.flatnonzero(begins)
    counts = np.diff(np.append(starts, len(line)))
    total = np.repeat(np.add.reduceat(step, starts), counts)
    return (way - np.repeat(way[starts], counts)) / np.where(total > 0, total, 1.0)


def circle(sides: int) -> Profile:
    """A round tube of so many sides."""
    turn = 2 * np.pi * np.arange(sides) / sides
    points = np.column_stack([np.cos(turn), np.sin(turn)])
    around = np.arange(sides)
    pairs = np.column_stack([around, (around + 1) % sides])
    return Profile(points=points, normals=points, sides=pairs, rim=around)


def rectangle() -> Profile:
    """A box: two points a corner, so that each side has its own normal."""
    corners = np.array([[1, -1], [1, 1], [-1, 1], [-1, -1]], np.float64)
    normals = np.array([[1, 0], [0, 1], [-1, 0], [0, -1]], np.float64)
    points = np.stack([corners, np.roll(corners, -1, axis=0)], axis=1).reshape(-1, 2)
    sides = np.array([[0, 1], [2, 3], [4, 5], [6, 7]])
    return Profile(points=points, normals=np.repeat(normals, 2, axis=0), sides=sides, rim=sides[:, 0])


def swept(pieces: Segments, profile: Profile, colors: NDArray[np.uint8]) -> Shell:
    """A profile drawn along pieces, with closed ends where a line begins or ends.

    Vertices a piece: the ring at its start, then the ring at its end.
    """
    count, width = len(pieces.owners), len(profile.points)
    right, top = upright(pieces.along, pieces.up)
    offset = _spread(profile.points[None] * pieces.half[:, None, :], right, top)
    normal = _spread(np.broadcast_to(profile.normals, (count, width, 2)), right, top)
    # the two ends of a short piece must not pass each other
    length = np.linalg.norm(pieces.end - pieces.start, axis=1)
    limit = np.minimum(SHARPEST * pieces.half.max(axis=1, initial=0.0), length / 2)[:, None]
    rings = [
        at[:, None] + offset + mitre(offset, pieces.along, plane, limit)[..., None] * pieces.along[:, None]
        for at, plane in ((pieces.start, pieces.start_plane), (pieces.end, pieces.end_plane))
    ]
    body = Shell(
        positions=np.concatenate(rings, axis=1).reshape(-1, 3),
        normals=np.tile(normal, (1, 2, 1)).reshape(-1, 3),
        colors=np.repeat(colors[pieces.owners], 2 * width, axis=0),
        owners=np.repeat(pieces.owners, 2 * width),
        indices=sides_of(count, width, profile.sides)[:, ::-1],
        edges=np.empty((0, 2), np.int64),
    )
    first, last = pieces.first, pieces.last
    start, end = (ring[:, profile.rim] for ring in rings)
    caps = [
        cap(start[first], -pieces.along[first], pieces.owners[first], colors, turn=False),
        cap(end[last], pieces.along[last], pieces.owners[last], colors, turn=True),
    ]
    return joined([body, *caps])


def upright(
    along: NDArray[np.float64], up: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(n, 3) unit vectors each: level to the right of a direction, and square to both."""
    right = np.cross(along, up)
    # a vertical pipe has no right side: any level direction will do
    steep = np.linalg.norm(right, axis=1) < 1e-6
    level = np.cross(along, np.where(np.abs(along[:, :1]) < 0.9, (1.0, 0.0, 0.0), (0.0, 1.0, 0.0)))
    right = unit(np.where(steep[:, None], level, right))
    return right, np.cross(right, along)


def mitre(
    offset: NDArray[np.float64],
    along: NDArray[np.float64],
    plane: NDArray[np.float64],
    limit: NDArray[np.float64],
) -> NDArray[np.float64]:
    """(n, k) metres along the piece by which points of a ring move so that they lie in its plane."""
    across = np.einsum("nkc,nc->nk", offset, plane)
    lean = np.einsum("nc,nc->n", along, plane)[:, None]
    return np.asarray(np.clip(-across / np.where(np.abs(lean) > 1e-3, lean, 1e-3), -limit, limit))


def cap(
    ring: NDArray[np.float64],
    normal: NDArray[np.float64],
    owners: NDArray[np.int64],
    colors: NDArray[np.uint8],
    *,
    turn: bool,
) -> Shell:
    """(n, k) rings closed with a flat face."""
    count, width = ring.shape[:2]
    around = np.arange(1, width - 1)
    fan = np.column_stack([np.zeros_like(around), around, around + 1])
    fan = fan[:, ::-1] if turn else fan
    return Shell(
        positions=ring.reshape(-1, 3),
        normals=np.repeat(normal, width, axis=0),
        colors=np.repeat(colors[owners], width, axis=0),
        owners=np.repeat(owners, width),
        indices=(width * np.arange(count)[:, None, None] + fan[None]).reshape(-1, 3),
        edges=np.empty((0, 2), np.int64),
    )


def numbers(rows: pa.Table, name: str, *, missing: float = 0.0) -> NDArray[np.float64]:
    """(rows,) float64 of a column; `missing` where it is null or not there."""
    if name not in rows.column_names:
        return np.full(len(rows), missing)
    return np.asarray(pc.cast(rows[name], pa.float64()).combine_chunks().fill_null(missing), np.float64)


def _spread(
    plan: NDArray[np.float64], right: NDArray[np.float64], top: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(n, k, 3): profile coordinates in space."""
    return np.asarray(plan[..., :1] * right[:, None] + plan[..., 1:] * top[:, None])


def sides_of(count: int, width: int, sides: NDArray[np.int64]) -> NDArray[np.int64]:
    """(t, 3) two triangles a side of each of `count` pairs of rings of `width` points."""
    a, b = sides[:, 0], sides[:, 1]
    one = np.concatenate([np.column_stack([a, b, b + width]), np.column_stack([a, b + width, a + width])])
    return np.asarray((2 * width * np.arange(count)[:, None, None] + one[None]).reshape(-1, 3))


def _chosen(pieces: Segments, which: NDArray[np.bool_]) -> Segments:
    return Segments(**{name: value[which] for name, value in vars(pieces).items()})
