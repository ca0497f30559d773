"""GeoJSON geometries (RFC 7946) that somebody posts: read strictly, refused with the reason and the place."""

from __future__ import annotations

import math
from typing import Any

import orjson
import shapely

from twin.errors import InvalidGeometry, OutsideCRSArea, TooLarge

LEVELS = {
    "Point": 0, "MultiPoint": 1, "LineString": 1, "MultiLineString": 2, "Polygon": 2, "MultiPolygon": 3,
}  # fmt: skip
"""How deep positions lie in `coordinates`."""
VERTICES = 1_000_000
DEPTH = 8


def read(said: Any, *, globe: bool = True) -> shapely.Geometry:
    """The geometry, valid and on the globe; with `globe=False` its positions may be of another CRS.

    Raises:
        InvalidGeometry: its form or its shape is wrong; names the ring, position or reason.
        OutsideCRSArea: a position is off the globe. TooLarge: it has too many positions.
    """
    count = _check(said, 0, globe=globe)
    if count > VERTICES:
        raise TooLarge(f"geometry has {count} positions; at most {VERTICES}")
    try:
        found = shapely.from_geojson(orjson.dumps(said))
    except (shapely.GEOSException, orjson.JSONEncodeError) as error:
        raise InvalidGeometry(f"geometry is no GeoJSON: {str(error)[:200]}") from error
    if found.is_empty:
        raise InvalidGeometry("geometry is empty")
    if not found.is_valid:
        raise InvalidGeometry(f"geometry is not valid: {shapely.is_valid_reason(found)}")
    return found


def _check(said: Any, depth: int, *, globe: bool) -> int:
    """Positions in a geometry whose form is right."""
    if not isinstance(said, dict):
        raise InvalidGeometry("geometry must be a GeoJSON geometry object")
    kind = said.get("type")
    if depth > DEPTH:
        raise InvalidGeometry(f"a GeometryCollection nested deeper than {DEPTH}")
    if kind == "GeometryCollection":
        members = said.get("geometries")
        if not isinstance(members, list):
            raise InvalidGeometry("a GeometryCollection needs geometries")
        return sum(_check(member, depth + 1, globe=globe) for member in members)
    if kind not in LEVELS:
        raise InvalidGeometry(
            f"geometry type {str(kind)[:50]!r}; there are {', '.join(LEVELS)}, GeometryCollection"
        )
    return _coordinates(said.get("coordinates"), LEVELS[kind], kind, globe=globe)


def _coordinates(value: Any, level: int, kind: str, *, globe: bool) -> int:
    if level == 0:
        _position(value, globe=globe)
        return 1
    if not isinstance(value, list) or not value:
        raise InvalidGeometry(f"coordinates of a {kind} must be lists of positions")
    if len(value) > VERTICES:
        raise TooLarge(f"geometry has {len(value)} positions or more; at most {VERTICES}")
    found = sum(_coordinates(member, level - 1, kind, globe=globe) for member in value)
    if level == 1 and "Polygon" in kind:
        _ring(value)
    if level == 1 and "Line" in kind and len(value) < 2:
        raise InvalidGeometry(f"a {kind} needs two positions")
    return found


def _position(value: Any, *, globe: bool) -> None:
    if not isinstance(value, list) or len(value) not in (2, 3):
        raise InvalidGeometry(f"a position is [longitude, latitude] or with height, not {str(value)[:100]}")
    if not all(isinstance(v, int | float) and not isinstance(v, bool) and math.isfinite(v) for v in value):
        raise InvalidGeometry(f"a position holds finite numbers, not {str(value)[:100]}")
    lon, lat = value[:2]
    if max(abs(lon), abs(lat)) > 1e9:
        raise InvalidGeometry(f"position {str(value)[:100]} is no place at all")
    if globe and (abs(lon) > 180 or abs(lat) > 90):
        swapped = "; the two look swapped" if abs(lon) <= 90 and abs(lat) <= 180 else ""
        raise OutsideCRSArea(
            f"position {str(value)[:100]} is off the globe (longitude, latitude in degrees){swapped}"
        )


def _ring(ring: list[Any]) -> None:
    if len(ring) < 4:
        raise InvalidGeometry(
            f"a ring of {len(ring)} positions; it needs at least 4, the last equal to the first"
        )
    if ring[0] != ring[-1]:
        raise InvalidGeometry(f"the ring from {ring[0]} is not closed: it ends at {ring[-1]}")
