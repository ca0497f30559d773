"""Surfaces of city objects: faces to a body, bodies to a footprint. Shared by the readers of city models."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyproj
import shapely
from numpy.typing import NDArray

from layers.bodies import newell
from layers.triangles import ring_starts
from twin.body import Body, Surface
from twin.space import metres_per_degree

STEEP = 0.02
"""A face whose unit normal's z is smaller than this is a wall: it has no footprint."""

SEMANTICS = {
    "GroundSurface": Surface.GROUND,
    "OuterFloorSurface": Surface.FLOOR,
    "FloorSurface": Surface.FLOOR,
    "WallSurface": Surface.WALL,
    "InteriorWallSurface": Surface.WALL,
    "RoofSurface": Surface.ROOF,
    "OuterCeilingSurface": Surface.CEILING,
    "CeilingSurface": Surface.CEILING,
    "ClosureSurface": Surface.CLOSURE,
}
"""CityGML's boundary surfaces; other names are `Surface.OTHER`."""


@dataclass(kw_only=True)
class Faces:
    """Faces as they are read, corner by corner."""

    corners: list[int] = field(default_factory=list)
    ring_ends: list[int] = field(default_factory=list)
    face_ends: list[int] = field(default_factory=list)
    surfaces: list[int] = field(default_factory=list)
    dropped: int = 0
    """Faces with fewer than three corners, left out."""

    def add(self, rings: Sequence[Sequence[int]], surface: int) -> None:
        """One face: vertex numbers of its outer ring, then of its holes; closed or not."""
        opened = [r[:-1] if len(r) > 1 and r[0] == r[-1] else r for r in rings]
        kept = [r for r in opened if len(r) > 2]
        if not opened or len(opened[0]) < 3:
            self.dropped += 1
            return
        for ring in kept:
            self.corners.extend(ring)
            self.ring_ends.append(len(self.corners))
        self.face_ends.append(len(self.ring_ends))
        self.surfaces.append(surface)

    def body(self, vertices: NDArray[np.float64]) -> Body:
        """The body, with those of the (n, 3) vertices that its faces use, none of them twice."""
        used, corners = np.unique(np.asarray(self.corners, np.int64), return_inverse=True)
        places, same = np.unique(vertices[used].reshape(-1, 3), axis=0, return_inverse=True)
        return Body(
            vertices=places,
            ring_ends=np.asarray(self.ring_ends, np.uint32),
            face_ends=np.asarray(self.face_ends, np.uint32),
            corners=np.asarray(same.reshape(-1)[corners], np.uint32),
            surfaces=np.asarray(self.surfaces, np.uint8),
        )


def surface_code(name: str | None) -> int:
    """The `Surface` of a boundary surface's name; None is unknown."""
    return int(Surface.UNKNOWN if name is None else SEMANTICS.get(name, Surface.OTHER))


def merged(bodies: Sequence[Body]) -> Body:
    """One body of several."""
    if len(bodies) == 1:
        return bodies[0]
    vertices = ring_starts(np.cumsum([len(b.vertices) for b in bodies]))
    corners = ring_starts(np.cumsum([len(b.corners) for b in bodies]))
    rings = ring_starts(np.cumsum([len(b.ring_ends) for b in bodies]))
    return Body(
        vertices=np.concatenate([b.vertices for b in bodies]),
        corners=_shifted((b.corners for b in bodies), vertices),
        ring_ends=_shifted((b.ring_ends for b in bodies), corners),
        face_ends=_shifted((b.face_ends for b in bodies), rings),
        surfaces=np.concatenate([b.surfaces for b in bodies]),
    )


def footprint(body: Body, grid: float, metres: tuple[float, float] = (1.0, 1.0)) -> shapely.Geometry | None:
    """The valid Polygon or MultiPolygon that a body covers, its z the lowest; None when all faces stand.

    Ground surfaces where there are some, else everything that is not a wall, seen from above.

    Args:
        body: in the source's CRS.
        grid: size to which corners are rounded before the faces are put together, CRS units.
        metres: in a unit of x and of y, so that slopes are seen as they are.
    """
    normals = newell(
        (body.vertices * (*metres, 1.0))[body.corners],
        body.ring_ends.astype(np.int64),
        body.face_ends.astype(np.int64),
    )
    lying = np.abs(normals[:, 2]) > STEEP
    ground = lying & (body.surfaces == Surface.GROUND)
    area = union(polygons(body)[ground if ground.any() else lying], grid)
    if area is None:
        return None
    low = float(body.vertices[:, 2].min())
    return shapely.force_3d(area, z=low)


def polygons(body: Body) -> NDArray[np.object_]:
    """(faces,) shapely polygons: the faces seen from above."""
    starts, ends = ring_starts(body.ring_ends), body.ring_ends.astype(np.int64)
    order = np.insert(np.arange(len(body.corners)), ends, starts)
    rings = np.concatenate([[0], np.cumsum(np.diff(ends, prepend=0) + 1)])
    places = body.vertices[body.corners[order], :2]
    faces = np.concatenate([[0], body.face_ends]).astype(np.int64)
    return np.asarray(shapely.from_ragged_array(shapely.GeometryType.POLYGON, places, (rings, faces)), object)


def union(areas: NDArray[np.object_], grid: float) -> shapely.Geometry | None:
    """The polygons put together as a valid Polygon or MultiPolygon; None when nothing is left."""
    if not len(areas):
        return None
    valid = shapely.make_valid(areas)
    whole = shapely.union_all(valid)
    if shapely.get_num_geometries(whole) > 1 or shapely.get_num_interior_rings(whole) > 0:
        # what looks like a gap may be rounding; the grid closes it, at four times the price
        whole = shapely.union_all(valid, grid_size=grid)
    parts = shapely.get_parts(whole)
    parts = parts[shapely.get_type_id(parts) == shapely.GeometryType.POLYGON]
    parts = parts[shapely.area(parts) > 0]
    if not len(parts):
        return None
    return parts[0] if len(parts) == 1 else shapely.multipolygons(parts)


def rounding(crs: pyproj.CRS | None) -> float:
    """A millimetre in the units of a CRS (in degrees: about)."""
    if crs is None or crs.is_geographic:
        return 1e-8
    return 0.001 / crs.axis_info[0].unit_conversion_factor


def metres_per_unit(crs: pyproj.CRS, body: Body) -> tuple[float, float]:
    """Metres in a unit of x and of y where the body is."""
    if crs.is_geographic:
        return metres_per_degree(float(np.clip(body.vertices[:, 1].mean(), -89.0, 89.0)))
    factor = float(crs.axis_info[0].unit_conversion_factor)
    return factor, factor


def crowded_edges(body: Body) -> int:
    """How many edges more than two faces share (val3dity 303, NON_MANIFOLD_CASE)."""
    ends = body.ring_ends.astype(np.int64)
    following = np.arange(1, len(body.corners) + 1)
    following[ends - 1] = ring_starts(ends)
    pairs = np.sort(np.column_stack([body.corners, body.corners[following]]).astype(np.int64), axis=1)
    counts = np.unique(pairs[:, 0] * (len(body.vertices) + 1) + pairs[:, 1], return_counts=True)[1]
    return int((counts > 2).sum())


def _shifted(parts: Iterable[NDArray[np.uint32]], by: NDArray[np.int64]) -> NDArray[np.uint32]:
    return np.concatenate([p + np.uint32(n) for p, n in zip(parts, by, strict=True)])
