"""Geometry of drawing entities in world coordinates; arcs and curves as chords, closed lines as areas.

Chords lie within the tolerance of arcs up to a radius of 4 km; beyond it a chord spans a quarter of a degree.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from functools import reduce
from typing import Any, Final

import ezdxf.path
import numpy as np
import shapely
from ezdxf.entities.boundary_paths import PolylinePath
from ezdxf.entities.dxfgfx import DXFGraphic
from numpy.typing import NDArray

from twin.errors import InvalidGeometry

Points = NDArray[np.float64]
FINEST, COARSEST = math.radians(0.25), math.radians(15)
"""Least and largest angle of a chord."""
FARTHEST: Final = 1e12
"""No coordinate, radius or bulge of a map is larger, in whatever unit; curves through such would never end."""
SMALL: Final = FINEST**2 / 8
"""Sagitta of the finest chord, as a share of the radius."""
FRAME: Final = 16
"""Flag of a vertex that only controls a spline (DXF reference, VERTEX group 70)."""


def shape_of(entity: Any, sagitta: float) -> shapely.Geometry:
    """The geometry of an entity of one of the types in `READ`.

    Args:
        entity: of a loaded drawing.
        sagitta: how far a chord may lie from its arc, drawing units.

    Raises:
        InvalidGeometry: a coordinate is not finite, or there are too few; ezdxf's and numpy's own errors.
    """
    return READ[entity.dxftype()](entity, sagitta)


def _point(entity: Any, _sagitta: float) -> shapely.Geometry:
    return shapely.Point(*_finite([tuple(entity.dxf.location)])[0])


def _line(entity: Any, _sagitta: float) -> shapely.Geometry:
    return shapely.LineString(_finite([tuple(entity.dxf.start), tuple(entity.dxf.end)]))


def _insert(entity: Any, _sagitta: float) -> shapely.Geometry:
    return _placed(entity, entity.dxf.insert)


def _text(entity: Any, _sagitta: float) -> shapely.Geometry:
    return _placed(entity, entity.dxf.insert)


def _mtext(entity: Any, _sagitta: float) -> shapely.Geometry:
    return shapely.Point(*_finite([tuple(entity.dxf.insert)])[0])


def _placed(entity: Any, place: Any) -> shapely.Geometry:
    """A position in the entity's own system (OCS) as a point of the world."""
    at = _finite([tuple(place)])
    return shapely.Point(*_lifted(entity, at[:, :2], float(at[0, 2]))[0])


def _circle(entity: Any, sagitta: float) -> shapely.Geometry:
    return _area(_arc(entity, 0.0, math.tau, sagitta))


def _arc_line(entity: Any, sagitta: float) -> shapely.Geometry:
    start, end = (math.radians(a) for a in (entity.dxf.start_angle, entity.dxf.end_angle))
    return shapely.LineString(_arc(entity, start, (end - start) % math.tau or math.tau, sagitta))


def _arc(entity: Any, start: float, turn: float, sagitta: float) -> Points:
    centre, radius = _finite([tuple(entity.dxf.center)])[0], float(entity.dxf.radius)
    if not (math.isfinite(start + turn) and 0 < radius < FARTHEST):
        raise InvalidGeometry(f"radius {radius:g} and angles make no arc")
    at = start + np.linspace(0, turn, chords(radius, turn, sagitta) + 1)
    xy = centre[:2] + radius * np.column_stack([np.cos(at), np.sin(at)])
    return _lifted(entity, xy, float(centre[2]))


def _ellipse(entity: Any, sagitta: float) -> shapely.Geometry:
    _finite([(entity.dxf.ratio, entity.dxf.start_param, entity.dxf.end_param), tuple(entity.dxf.center)])
    size = math.dist((0, 0, 0), _finite([tuple(entity.dxf.major_axis)])[0])
    places = _finite(entity.flattening(max(sagitta, size * SMALL)))
    turn = (entity.dxf.end_param - entity.dxf.start_param) % math.tau
    whole = math.isclose(turn, 0, abs_tol=1e-9) or math.isclose(turn, math.tau, abs_tol=1e-9)
    return _area(places) if whole else shapely.LineString(places)


def _spline(entity: Any, sagitta: float) -> shapely.Geometry:
    control = _finite([*map(tuple, entity.control_points), *map(tuple, entity.fit_points)])
    _finite([(value,) for value in (*entity.knots, *entity.weights)])
    size = float(np.ptp(control, axis=0).max())
    places = _finite(entity.flattening(max(sagitta, size * SMALL)))
    return _area(places) if entity.closed else _line_or_area(places)


def _lwpolyline(entity: Any, sagitta: float) -> shapely.Geometry:
    points = np.array(entity.get_points("xyb"), np.float64).reshape(-1, 3)
    xy = bulged(points, closed=entity.closed, sagitta=sagitta)
    places = _lifted(entity, xy, float(entity.dxf.elevation))
    return _area(places) if entity.closed else _line_or_area(places)


def _polyline(entity: Any, sagitta: float) -> shapely.Geometry:
    """2D or 3D; meshes are another thing."""
    if not (entity.is_2d_polyline or entity.is_3d_polyline):
        raise InvalidGeometry("a mesh; lines and areas are read")
    vertices = [v for v in entity.vertices if not v.dxf.flags & FRAME]
    places = _finite([tuple(v.dxf.location) for v in vertices])
    if entity.is_2d_polyline:
        bulges = np.array([v.dxf.bulge for v in vertices], np.float64)
        xy = bulged(np.column_stack([places[:, :2], bulges]), closed=entity.is_closed, sagitta=sagitta)
        places = _lifted(entity, xy, float(places[0, 2]) or float(entity.dxf.elevation.z))
    return _area(places) if entity.is_closed else _line_or_area(places)


def _face(entity: Any, _sagitta: float) -> shapely.Geometry:
    return _area(_finite([tuple(v) for v in entity.wcs_vertices()]))


def _hatch(entity: Any, sagitta: float) -> shapely.Geometry:
    """The boundary paths, each other one a hole (even-odd)."""
    height = float(entity.dxf.elevation.z)
    rings = [
        ring
        for path in entity.paths.rendering_paths(entity.dxf.hatch_style)
        for ring in _rings(path, sagitta)
    ]
    areas = [shapely.make_valid(shapely.Polygon(_finite(r))) for r in rings if len(r) > 2]
    whole = reduce(shapely.symmetric_difference, areas) if areas else None
    parts = [p for p in shapely.get_parts(whole) if p.geom_type == "Polygon"] if whole is not None else []
    if not parts:
        raise InvalidGeometry("a hatch without an area")
    lift = shapely.transform(
        shapely.MultiPolygon(parts) if len(parts) > 1 else parts[0],
        lambda xy: _lifted(entity, xy[:, :2], height)[:, :2],
    )
    return shapely.force_3d(lift, z=height)


def _rings(path: Any, sagitta: float) -> Iterable[Points]:
    if isinstance(path, PolylinePath):
        points = np.array([tuple(v) for v in path.vertices], np.float64).reshape(-1, 3)
        yield bulged(points, closed=True, sagitta=sagitta)
        return
    for each in ezdxf.path.from_hatch_boundary_path(path).sub_paths():
        # Edges are Bezier curves by then, which are within 2.7e-4 of an arc's radius.
        yield _finite([(v.x, v.y, 0.0) for v in each.flattening(sagitta)])[:, :2]


def bulged(points: Points, *, closed: bool, sagitta: float) -> Points:
    """(m, 2) the way along (n, 3) x, y, bulge; a bulge is the tangent of a quarter of the arc to the next point.

    Raises:
        InvalidGeometry: a figure is not finite, or there is no point.
    """
    places = _finite(points)
    if not len(places):
        raise InvalidGeometry("a line without points")
    ends = np.roll(places, -1, axis=0) if closed else places[1:]
    runs = [
        _bulge(complex(*a[:2]), complex(*b[:2]), float(a[2]), sagitta)
        for a, b in zip(places[: len(ends)], ends, strict=True)
    ]
    way = np.concatenate([*runs, [complex(*(ends if len(ends) else places)[-1][:2])]])
    return np.column_stack([way.real, way.imag])


def _bulge(a: complex, b: complex, bulge: float, sagitta: float) -> NDArray[np.complex128]:
    """From a up to b, without b."""
    if bulge == 0 or a == b:
        return np.array([a])
    turn = 4 * math.atan(bulge)
    centre = (a + b) / 2 + 1j * (b - a) / 2 * (1 - bulge**2) / (2 * bulge)
    share = np.arange(chords(abs(a - centre), abs(turn), sagitta)) / chords(
        abs(a - centre), abs(turn), sagitta
    )
    run: NDArray[np.complex128] = centre + (a - centre) * np.exp(1j * turn * share)
    run[0] = a
    return run


def chords(radius: float, turn: float, sagitta: float) -> int:
    """How many chords an arc of a turn (radians) needs."""
    step = 2 * math.acos(max(-1.0, 1 - sagitta / radius)) if radius > sagitta else COARSEST
    return max(1, math.ceil(turn / min(max(step, FINEST), COARSEST)))


def _lifted(entity: DXFGraphic, xy: Points, height: float) -> Points:
    """(n, 3) world positions of (n, 2) ones in the entity's own system."""
    if not math.isfinite(height):
        raise InvalidGeometry(f"a height of {height}")
    places = np.column_stack([xy, np.full(len(xy), height)])
    if tuple(entity.dxf.get("extrusion", (0, 0, 1))) == (0, 0, 1):
        return places
    return _finite([tuple(v) for v in entity.ocs().points_to_wcs(ezdxf.math.Vec3.generate(places.tolist()))])


def _line_or_area(places: Points) -> shapely.Geometry:
    """A line that comes back to where it began is an area."""
    if len(places) > 3 and (places[0, :2] == places[-1, :2]).all():
        return _area(places)
    if len(places) < 2:
        raise InvalidGeometry("a line of one point")
    return shapely.LineString(places)


def _area(places: Points) -> shapely.Geometry:
    """The area inside of a closed line; of one that encloses nothing, the line."""
    _finite(places)
    if len(np.unique(places[:, :2], axis=0)) > 2:
        area = shapely.Polygon(places)
        if area.area > 0:
            return area
    if len(places) < 2:
        raise InvalidGeometry("a line of one point")
    return shapely.LineString(places)


def _finite(places: Any) -> Points:
    found = np.array(places if isinstance(places, np.ndarray) else [tuple(p) for p in places], np.float64)
    if not (np.abs(found) < FARTHEST).all():
        raise InvalidGeometry(f"a figure is not finite, or beyond {FARTHEST:g}")
    return found


READ: Final[dict[str, Callable[[Any, float], shapely.Geometry]]] = {
    "POINT": _point,
    "LINE": _line,
    "LWPOLYLINE": _lwpolyline,
    "POLYLINE": _polyline,
    "CIRCLE": _circle,
    "ARC": _arc_line,
    "ELLIPSE": _ellipse,
    "SPLINE": _spline,
    "HATCH": _hatch,
    "MPOLYGON": _hatch,
    "SOLID": _face,
    "TRACE": _face,
    "3DFACE": _face,
    "INSERT": _insert,
    "TEXT": _text,
    "MTEXT": _mtext,
}
CURVED: Final = ("CIRCLE", "ARC", "ELLIPSE", "SPLINE", "HATCH", "MPOLYGON", "LWPOLYLINE", "POLYLINE")
