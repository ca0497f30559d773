"""Values that stand in filters: numbers, moments, geometries."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Final

import numpy as np
import orjson
import pyproj
import shapely
from numpy.typing import NDArray

from twin import space
from twin.errors import InvalidFilter
from twin.own_systems import Move

SAFE: Final = 2**53
"""Whole numbers below it are the same as integers and as floats."""
_MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d(\.\d+)?)?([Zz]|[+-]\d\d:\d\d)?", re.ASCII)
_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_STEPS: Final = 20
"""Parts that the side of a box is cut into before it is moved from another CRS."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Shape:
    """A geometry: WKB, longitude and latitude in degrees (CRS84)."""

    wkb: bytes

    @property
    def geometry(self) -> shapely.Geometry:
        """The shapely geometry."""
        return shapely.from_wkb(self.wkb)


def number(value: str | float) -> int | float:
    """A finite number; whole ones that a float holds exactly are integers.

    Raises:
        InvalidFilter: it is not finite.
    """
    if isinstance(value, str) and value.lstrip("+-").isdigit() and len(value) < 21:
        whole = int(value)
        return whole if -(2**63) <= whole < 2**63 else float(whole)
    if isinstance(value, int) and -(2**63) <= value < 2**63:
        return value
    try:
        read = float(value)
    except OverflowError:
        read = math.inf
    if not math.isfinite(read):
        raise InvalidFilter(f"{str(value)[:50]} is no finite number")
    return int(read) if read.is_integer() and abs(read) < SAFE else read


def timestamp(text: str) -> datetime:
    """A moment in UTC; another offset is converted, none is UTC.

    Raises:
        InvalidFilter: it is none.
    """
    try:
        read = datetime.fromisoformat(text.upper()) if _MOMENT.fullmatch(text) else None
        if read is not None:
            return read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise InvalidFilter(f"{text[:100]!r} is no moment; write TIMESTAMP('2024-05-01T08:00:00Z')")


def day(text: str) -> date:
    """A day.

    Raises:
        InvalidFilter: it is none.
    """
    try:
        if _DAY.fullmatch(text):
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise InvalidFilter(f"{text[:100]!r} is no date; write DATE('2024-05-01')")


def end(text: str) -> date | datetime | None:
    """An end of an interval: a day, a moment, or None for `..`."""
    if text == "..":
        return None
    return day(text) if _DAY.fullmatch(text) else timestamp(text)


def wkt(text: str, crs: pyproj.CRS | None) -> Shape:
    """A geometry of WKT. Raises InvalidFilter."""
    try:
        read = shapely.from_wkt(text)
    except shapely.errors.ShapelyError as error:
        raise InvalidFilter(f"{text[:100]!r} is no WKT: {_reason(error)}") from error
    return _shape(read, text, crs)


def geojson(node: dict[str, Any], crs: pyproj.CRS | None) -> Shape:
    """A geometry of GeoJSON. Raises InvalidFilter."""
    text = orjson.dumps(node)
    try:
        read = shapely.from_geojson(text)
    except shapely.errors.ShapelyError as error:
        raise InvalidFilter(
            f"{text[:100].decode(errors='replace')} is no geometry: {_reason(error)}"
        ) from error
    return _shape(read, str(node), crs)


def bbox(values: list[Any], crs: pyproj.CRS | None) -> Shape:
    """A box of 4 numbers, or 6 with heights, which do not count; west > east crosses the antimeridian.

    Raises:
        InvalidFilter: it has other numbers, or its south is above its north.
    """
    wrong = [v for v in values if not isinstance(v, int | float) or isinstance(v, bool)]
    if len(values) not in (4, 6) or wrong:
        raise InvalidFilter("BBOX takes 4 numbers, or 6 with heights")
    half = len(values) // 2
    (a, b), (c, d) = values[:2], values[half : half + 2]
    if crs is not None and space.latitude_first(crs):
        a, b, c, d = b, a, d, c
    if b > d:
        raise InvalidFilter(f"BBOX({', '.join(map(str, values))}): its lower side is above its upper")
    if a <= c:
        return _shape(_rectangle(a, b, c, d), f"BBOX{tuple(values)}", crs, ordered=False)
    if crs is not None and not crs.is_geographic:
        raise InvalidFilter(f"BBOX({', '.join(map(str, values))}): its left side is beyond its right")
    parts = shapely.multipolygons([_rectangle(a, b, 180.0, d), _rectangle(-180.0, b, c, d)])
    return _shape(parts, f"BBOX{tuple(values)}", crs, ordered=False)


def _rectangle(west: float, south: float, east: float, north: float) -> shapely.Geometry:
    if west == east and south == north:
        return shapely.Point(west, south)
    if west == east or south == north:
        return shapely.LineString([(west, south), (east, north)])
    return shapely.box(west, south, east, north)


def _shape(read: shapely.Geometry, said: str, crs: pyproj.CRS | None, *, ordered: bool = True) -> Shape:
    """A geometry of a CRS in CRS84; `ordered` says that its axes stand in the order of the CRS."""
    if crs is not None:
        if not ordered:
            longest = max(read.bounds[2] - read.bounds[0], read.bounds[3] - read.bounds[1])
            read = shapely.segmentize(read, longest / _STEPS) if longest else read
        flip = ordered and space.latitude_first(crs)
        to = space.to_crs84(crs)
        read = shapely.transform(read, lambda xyz: _moved(to, xyz, flip=flip), include_z=read.has_z)
    places = shapely.get_coordinates(read)
    if not np.isfinite(places).all():
        raise InvalidFilter(f"{said[:100]!r} has coordinates that are no finite places")
    if (np.abs(places) > (180, 90)).any():
        raise InvalidFilter(f"{said[:100]!r} reaches outside the world; write longitude, latitude in degrees")
    if not shapely.is_valid(read):
        raise InvalidFilter(f"{said[:100]!r} is not valid: {shapely.is_valid_reason(read)}")
    return Shape(wkb=shapely.to_wkb(read))


def _moved(to: Move, xyz: NDArray[np.float64], *, flip: bool) -> NDArray[np.float64]:
    x, y = (xyz[:, 1], xyz[:, 0]) if flip else (xyz[:, 0], xyz[:, 1])
    return np.column_stack([*to.transform(x, y), *xyz[:, 2:].T])


def _reason(error: Exception) -> str:
    return str(error).split(":", 1)[-1].strip()[:200]
