"""CRS at the OGC doors: their URIs, and coordinates in the order that each CRS defines (Features Part 2)."""

from __future__ import annotations

import re

import numpy as np
import pyproj
import shapely
from numpy.typing import NDArray

from twin import space
from twin.errors import UnknownCRS
from twin.model import BBox

CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
CRS84H = "http://www.opengis.net/def/crs/OGC/0/CRS84h"
EPSG = re.compile(
    r"(?:http://www\.opengis\.net/def/crs/EPSG/[0-9.]+/|urn:ogc:def:crs:EPSG:[0-9.]*:|EPSG:)(\d{4,6})"
)
OFFERED = (4326, 4490, 3857)
"""Listed for every collection beside CRS84 and the source's own; any other EPSG code is taken too."""


def uri(code: int) -> str:
    """The URI of an EPSG code."""
    return f"http://www.opengis.net/def/crs/EPSG/0/{code}"


def offered(source: str) -> list[str]:
    """The CRS list of a collection whose source was in `source`."""
    own = EPSG.fullmatch(source)
    codes = list(dict.fromkeys([*OFFERED, *([int(own[1])] if own else [])]))
    return [CRS84, *(uri(code) for code in codes)]


def parse(value: str, name: str) -> pyproj.CRS | None:
    """The CRS of a URI; None is CRS84.

    Raises:
        UnknownCRS: no such CRS; names the parameter.
    """
    if value in (CRS84, CRS84H, "OGC:CRS84", "[OGC:CRS84]"):
        return None
    match = EPSG.fullmatch(value.strip("[]"))
    if match is None:
        raise UnknownCRS(f"{name}={value[:200]!r} is not offered; name one as {uri(4490)}")
    found = space.crs(f"EPSG:{match[1]}")
    return found.sub_crs_list[0] if found.is_compound else found.to_2d()


def encode(geometries: NDArray[np.object_], target: pyproj.CRS | None) -> NDArray[np.object_]:
    """CRS84 geometries in the target CRS, axes in its own order; z stays."""
    if target is None:
        return geometries
    to = space.from_crs84(target)
    flip = space.latitude_first(target)
    return np.asarray(shapely.transform(geometries, lambda xyz: _columns(to, xyz, flip=flip), include_z=True))


def _columns(to: pyproj.Transformer, xyz: NDArray[np.float64], *, flip: bool) -> NDArray[np.float64]:
    x, y = to.transform(xyz[:, 0], xyz[:, 1])
    return np.column_stack([y, x, xyz[:, 2]] if flip else [x, y, xyz[:, 2]])


def box(values: tuple[float, float, float, float], source: pyproj.CRS | None) -> BBox:
    """A bbox given in a CRS (its own axis order) as longitudes and latitudes that cover it."""
    a, b, c, d = values
    if source is None:
        return BBox(west=a, south=b, east=c, north=d)
    if space.latitude_first(source):
        a, b, c, d = b, a, d, c
    if source.is_geographic and a > c:
        return BBox(west=a, south=b, east=c, north=d)
    west, south, east, north = space.to_crs84(source).transform_bounds(a, b, c, d, densify_pts=21)
    return BBox(west=west, south=south, east=east, north=north)
