"""Points of a network as upright cylinders: wells from the ground down, hydrants above it, others at the pipe."""

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
from layers.shell import Shell, frame, joined
from layers.tubes import COVER, cap, circle, numbers, sides_of

SIDES: Final = 10


@dataclass(frozen=True, kw_only=True)
class Body:
    """How a role is drawn: a cylinder between two heights."""

    radius: float
    below: float
    """Metres below its reference; NaN: down to the point's own depth, 2 m where it has none."""
    above: float
    ground: bool
    """Whether the reference is the ground; otherwise it is the pipe."""


DEEP: Final = 2.0
"""Metres of a well whose depth is not known."""
BODIES: Final = {
    "manhole": Body(radius=0.4, below=np.nan, above=0.02, ground=True),
    "inlet": Body(radius=0.3, below=0.8, above=0.02, ground=True),
    "hydrant": Body(radius=0.15, below=0.3, above=0.8, ground=True),
    "valve": Body(radius=0.25, below=0.25, above=0.35, ground=False),
    "pump": Body(radius=0.6, below=0.5, above=0.7, ground=False),
    "outfall": Body(radius=0.5, below=0.3, above=0.3, ground=False),
    "reservoir": Body(radius=3.0, below=1.0, above=0.5, ground=True),
    "tank": Body(radius=4.0, below=0.5, above=4.0, ground=True),
}
OTHER: Final = Body(radius=0.12, below=0.12, above=0.12, ground=False)


def wells(
    rows: pa.Table,
    geometries: NDArray[np.object_],
    placed: Placed,
    origin: NDArray[np.float64],
    colors: NDArray[np.uint8],
) -> Shell:
    """The cylinders of the rows that are points, in the frame about a geodetic origin; arguments as `tubes`."""
    parts, owners = shapely.get_parts(geometries, return_index=True)
    points = shapely.get_type_id(parts) == shapely.GeometryType.POINT
    coords = shapely.get_coordinates(parts[points], include_z=True)
    owners = np.asarray(owners[points], np.int64)
    radius, bottom, top = cylinders(rows, coords, owners, placed)
    return upright_tubes(coords, radius, bottom, top, owners, colors, origin)


def cylinders(
    rows: pa.Table, coords: NDArray[np.float64], owners: NDArray[np.int64], placed: Placed
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """(n,) float64 metres each: radius, bottom and top.

    A tank and a reservoir have their own diameter and height where they are known.
    """
    shapes = [BODIES.get(role or "", OTHER) for role in _text(rows, "role")]
    radius, below, above = (
        np.array([getattr(s, name) for s in shapes], np.float64)[owners]
        for name in ("radius", "below", "above")
    )
    on_ground = np.array([s.ground for s in shapes], bool)[owners]
    depth = numbers(rows, "depth", missing=np.nan)[owners]
    wide = np.isin(np.array(_text(rows, "role"), object), ("tank", "reservoir"))
    own = np.where(wide, numbers(rows, "diameter"), 0.0)[owners]
    high = np.where(wide, numbers(rows, "height"), 0.0)[owners]
    surface, pipe = references(coords, depth, placed)
    foot = np.where(np.isnan(below), np.where(np.isnan(depth), DEEP, depth), below)
    base = np.where(on_ground, surface, pipe)
    return np.where(own > 0, own / 2, radius), base - foot, base + np.where(high > 0, high, above)


def references(
    coords: NDArray[np.float64], depth: NDArray[np.float64], placed: Placed
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(n,) float64 metres each: the ground at each point, and its pipe.

    A point with a depth has its z at the ground (a surveyor's staff); one without has it at the pipe.
    """
    floor = ground(placed, coords[:, 0], coords[:, 1])
    surface = np.nan_to_num(floor)
    deep = np.where(np.isnan(depth), COVER, depth)
    own = absolute(placed) & np.isfinite(coords[:, 2]) & np.isfinite(floor) & np.isnan(depth)
    return surface, np.where(own, coords[:, 2], surface - deep)


def upright_tubes(
    coords: NDArray[np.float64],
    radius: NDArray[np.float64],
    bottom: NDArray[np.float64],
    top: NDArray[np.float64],
    owners: NDArray[np.int64],
    colors: NDArray[np.uint8],
    origin: NDArray[np.float64],
) -> Shell:
    """Closed cylinders between two heights."""
    profile = circle(SIDES)
    places = frame(coords[:, 0], coords[:, 1], origin)
    north = np.array([0.0, 1.0, 0.0])
    east = np.cross(north, places.up)
    east /= np.linalg.norm(east, axis=1, keepdims=True)
    way = (
        profile.points[None, :, :1] * east[:, None]
        + profile.points[None, :, 1:] * np.cross(places.up, east)[:, None]
    )
    rings = [places.at(h)[:, None] + way * radius[:, None, None] for h in (bottom, top)]
    body = Shell(
        positions=np.concatenate(rings, axis=1).reshape(-1, 3),
        normals=np.tile(way, (1, 2, 1)).reshape(-1, 3),
        colors=np.repeat(colors[owners], 2 * SIDES, axis=0),
        owners=np.repeat(owners, 2 * SIDES),
        indices=sides_of(len(owners), SIDES, profile.sides),
        edges=np.empty((0, 2), np.int64),
    )
    return joined(
        [
            body,
            cap(rings[0], -places.up, owners, colors, turn=True),
            cap(rings[1], places.up, owners, colors, turn=False),
        ]
    )


def _text(rows: pa.Table, name: str) -> list[str | None]:
    if name not in rows.column_names:
        return [None] * len(rows)
    return list(pc.cast(rows[name], pa.string()).to_pylist())
