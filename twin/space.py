"""Places: CRS, axis order, geodetic and earth-centred positions, local frames, Hilbert keys."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pyproj
from numpy.typing import NDArray
from pyproj.exceptions import CRSError

from twin import own_systems
from twin.errors import UnknownCRS
from twin.own_systems import Move, OwnSystem

A = 6378137.0
"""WGS 84 semi-major axis, metres (EPSG:7030)."""
F = 1 / 298.257223563
"""WGS 84 flattening."""
E2 = F * (2 - F)

CGCS2000 = 4490
"""EPSG code of its longitudes and latitudes."""
HILBERT_BITS = 26
"""Bits an axis: cells of about 0.6 m by 0.3 m; a key has 52 bits."""


def crs(name: str) -> pyproj.CRS:
    """The CRS of an EPSG code, OGC name or URI, WKT or PROJ string, GCJ02, BD09, or the name of a profile.

    Raises:
        UnknownCRS: PROJ does not know it, or the profile is not well-formed; says how to name one.
    """
    return own_systems.find(name) or _standard(name)


@lru_cache(maxsize=256)
def _standard(name: str) -> pyproj.CRS:
    try:
        return pyproj.CRS.from_user_input(name)
    except CRSError as error:
        own = "".join(f", {profile}" for profile in own_systems.names())
        raise UnknownCRS(
            f"no CRS is known as {name[:200]!r}; name one by EPSG code, for example --crs EPSG:4548, or one of"
            f" GCJ02, BD09{own}"
        ) from error


@lru_cache(maxsize=256)
def to_crs84(source: pyproj.CRS) -> Move:
    """What turns positions of a CRS (x before y) into longitude and latitude; z passes unchanged."""
    if isinstance(source, OwnSystem):
        return source.moves
    horizontal = (source.sub_crs_list[0] if source.is_compound else source).to_2d()
    return pyproj.Transformer.from_crs(horizontal, _degrees(horizontal), always_xy=True)


@lru_cache(maxsize=256)
def from_crs84(target: pyproj.CRS) -> Move:
    """What turns longitude and latitude into positions of a CRS, x before y."""
    if isinstance(target, OwnSystem):
        return target.moves.turned()
    horizontal = (target.sub_crs_list[0] if target.is_compound else target).to_2d()
    return pyproj.Transformer.from_crs(_degrees(horizontal), horizontal, always_xy=True)


def _degrees(horizontal: pyproj.CRS) -> pyproj.CRS | str:
    """The degrees that a CRS goes through: CRS84, or its own where PROJ has nothing between the two.

    PROJ knows of no difference between CGCS2000 and WGS 84 (there is less than a metre), and takes most of a
    second to find that out each time.
    """
    base = horizontal.geodetic_crs
    return base if base is not None and base.to_epsg() == CGCS2000 else "OGC:CRS84"


def vertical_of(source: pyproj.CRS) -> str | None:
    """The vertical datum that a CRS states: an EPSG code, `ellipsoid`, or None when it is 2D."""
    if source.is_compound:
        part = source.sub_crs_list[-1]
        if metres_up(source) != 1.0:
            # Heights are kept as metres upwards, so the code, which states feet or depths, is no longer theirs.
            return f"{part.datum.name if part.datum else part.name} (m)"
        code = part.to_epsg()
        return f"EPSG:{code}" if code else part.name
    return "ellipsoid" if len(source.axis_info) == 3 else None


def metres_up(source: pyproj.CRS) -> float:
    """By what a height of the CRS is multiplied to be metres upwards; 1 where it has no heights."""
    if not source.is_compound and len(source.axis_info) < 3:
        return 1.0
    axis = source.axis_info[-1]
    return axis.unit_conversion_factor * (-1.0 if axis.direction.lower() == "down" else 1.0)


def latitude_first(name: pyproj.CRS) -> bool:
    """Whether the CRS's own axis order puts north before east."""
    first = name.axis_info[0].direction.lower() if name.axis_info else "east"
    return first in ("north", "south")


def geodetic_to_ecef(places: NDArray[np.float64]) -> NDArray[np.float64]:
    """Earth-centred positions of geodetic ones.

    Args:
        places: (n, 3) float64; degrees east, degrees north, metres above the WGS 84 ellipsoid.

    Returns:
        (n, 3) float64 metres, EPSG:4978.

    See: EPSG Guidance Note 7-2, operation method 9602.
    """
    lon, lat = np.radians(places[:, 0]), np.radians(places[:, 1])
    h = places[:, 2]
    nu = A / np.sqrt(1 - E2 * np.sin(lat) ** 2)
    x = (nu + h) * np.cos(lat) * np.cos(lon)
    y = (nu + h) * np.cos(lat) * np.sin(lon)
    z = ((1 - E2) * nu + h) * np.sin(lat)
    return np.column_stack([x, y, z])


def enu_matrix(origin: NDArray[np.float64]) -> NDArray[np.float64]:
    """The 4 x 4 matrix (row-major, column vectors) from an east-north-up frame to earth-centred metres.

    Args:
        origin: (3,) longitude, latitude (degrees), height (metres).

    See: EPSG Guidance Note 7-2, operation method 9837.
    """
    lon, lat = np.radians(origin[0]), np.radians(origin[1])
    so, co, sa, ca = np.sin(lon), np.cos(lon), np.sin(lat), np.cos(lat)
    matrix = np.eye(4)
    matrix[:3, 0] = [-so, co, 0]
    matrix[:3, 1] = [-sa * co, -sa * so, ca]
    matrix[:3, 2] = [ca * co, ca * so, sa]
    matrix[:3, 3] = geodetic_to_ecef(np.asarray(origin, np.float64)[None, :])[0]
    return matrix


def geodetic_to_enu(places: NDArray[np.float64], origin: NDArray[np.float64]) -> NDArray[np.float64]:
    """East, north, up in metres of (n, 3) geodetic positions about a geodetic origin."""
    matrix = enu_matrix(origin)
    return np.asarray((geodetic_to_ecef(places) - matrix[:3, 3]) @ matrix[:3, :3])


def metres_per_degree(lat: float) -> tuple[float, float]:
    """Metres in a degree of longitude and of latitude there, on the ellipsoid."""
    s = np.sin(np.radians(lat))
    w = 1 - E2 * s * s
    east = np.radians(1) * A / np.sqrt(w) * np.cos(np.radians(lat))
    return float(east), float(np.radians(1) * A * (1 - E2) / w**1.5)


def around(lon: float, lat: float) -> pyproj.Transformer:
    """What turns longitude and latitude into metres east and north of a place, true to distance from it.

    See: Snyder 1987, chapter 25 (azimuthal equidistant).
    """
    local = f"+proj=aeqd +lat_0={lat:.9f} +lon_0={lon:.9f} +datum=WGS84 +units=m"
    return pyproj.Transformer.from_crs("OGC:CRS84", local, always_xy=True)


def hilbert(lon: NDArray[np.float64], lat: NDArray[np.float64]) -> NDArray[np.uint64]:
    """Hilbert keys of positions in the world's 2^26 x 2^26 grid of longitude and latitude.

    Args:
        lon, lat: (n,) float64 degrees; values outside the world are taken to its edge.

    Returns:
        (n,) uint64 below 2^52. All keys of a quadtree cell at level L (from the world as level 0,
        cells of 360/2^L by 180/2^L degrees) are one range of length 4^(26-L).
    """
    side = 1 << HILBERT_BITS
    x = cell(lon, -180.0, 360.0)
    y = cell(lat, -90.0, 180.0)
    key = np.zeros(len(x), np.uint64)
    for bit in range(HILBERT_BITS - 1, -1, -1):
        s = np.int64(1 << bit)
        rx, ry = (x & s) > 0, (y & s) > 0
        key += np.uint64(1 << (2 * bit)) * ((3 * rx) ^ ry).astype(np.uint64)
        flip = ~ry & rx
        x, y = np.where(flip, side - 1 - x, x), np.where(flip, side - 1 - y, y)
        x, y = np.where(~ry, y, x), np.where(~ry, x, y)
    return key


def cell(values: NDArray[np.float64], start: float, width: float) -> NDArray[np.int64]:
    """Column or row of degrees in the grid of 2^26."""
    side = 1 << HILBERT_BITS
    return np.clip(np.floor((values - start) / width * side), 0, side - 1).astype(np.int64)


def hilbert_range(level: int, column: int, row: int) -> tuple[int, int]:
    """The half-open range of keys of the quadtree cell at a level (row from south)."""
    span = 1 << (2 * (HILBERT_BITS - level))
    lon = -180.0 + (column + 0.5) * 360.0 / (1 << level)
    lat = -90.0 + (row + 0.5) * 180.0 / (1 << level)
    start = int(hilbert(np.array([lon]), np.array([lat]))[0]) // span * span
    return start, start + span
