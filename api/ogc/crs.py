"""CRS at the OGC doors: their URIs, and coordinates in the order that each CRS defines (Features Part 2)."""

from __future__ import annotations

import re

import numpy as np
import pyarrow as pa
import pyproj
import shapely
from numpy.typing import NDArray

from twin import space
from twin.errors import OutsideCRSArea, UnknownCRS
from twin.model import BBox
from twin.own_systems import Move

CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
CRS84H = "http://www.opengis.net/def/crs/OGC/0/CRS84h"
EPSG = re.compile(
    r"(?:http://www\.opengis\.net/def/crs/EPSG/[0-9.]+/|urn:ogc:def:crs:EPSG:[0-9.]*:|EPSG:)(\d{4,6})"
)
Target = pyproj.CRS | None
"""A horizontal CRS; None is CRS84."""
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


def parse(value: str, name: str, *, vertical: str | None = None) -> Target:
    """The CRS of a URI; None is CRS84.

    Args:
        value: URI, URN or `EPSG:code`. name: the parameter, for messages.
        vertical: the vertical datum of the layer's heights. Heights are never shifted, so a CRS that states
            a vertical datum is only taken where it is the layer's own; None does not look.

    Raises:
        UnknownCRS: no such CRS, or its heights are not the layer's; names the parameter.
    """
    if value in (CRS84, CRS84H, "OGC:CRS84", "[OGC:CRS84]"):
        return None
    match = EPSG.fullmatch(value.strip("[]"))
    if match is None:
        raise UnknownCRS(f"{name}={value[:200]!r} is not offered; name one as {uri(4490)}")
    found = space.crs(f"EPSG:{match[1]}")
    stated = space.vertical_of(found)
    if vertical is not None and (stated not in (None, vertical) or space.metres_up(found) != 1.0):
        raise UnknownCRS(
            f"{name}={value[:200]!r} states heights of {stated}, the layer's are of {vertical} "
            "and are not converted; name a 2D CRS"
        )
    return flattened(found, name)


def flattened(found: pyproj.CRS, name: str) -> pyproj.CRS:
    """The horizontal part.

    Raises:
        UnknownCRS: it has none that positions can be given in (geocentric, vertical, engineering).
    """
    flat = found.sub_crs_list[0] if found.is_compound else found.to_2d()
    if not (flat.is_geographic or flat.is_projected) or flat.is_geocentric:
        raise UnknownCRS(f"{name}: {found.name} is neither geographic nor projected; name one that is")
    return flat


def encode(geometries: NDArray[np.object_], target: Target, *, x_first: bool = False) -> NDArray[np.object_]:
    """CRS84 geometries in the target CRS, axes in its own order (or x before y); z stays."""
    if target is None:
        return geometries
    to = space.from_crs84(target)
    flip = space.latitude_first(target) and not x_first
    return np.asarray(shapely.transform(geometries, lambda xyz: _columns(to, xyz, flip=flip), include_z=True))


def _columns(to: Move, xyz: NDArray[np.float64], *, flip: bool) -> NDArray[np.float64]:
    x, y = to.transform(xyz[:, 0], xyz[:, 1])
    return np.column_stack([y, x, xyz[:, 2]] if flip else [x, y, xyz[:, 2]])


def decode(geometry: shapely.Geometry, source: Target) -> shapely.Geometry:
    """A geometry given in a CRS, axes in its own order, as longitude and latitude; z stays.

    Raises:
        OutsideCRSArea: a position cannot be in that CRS.
    """
    if source is None:
        return geometry
    to, flip = space.to_crs84(source), space.latitude_first(source)

    def back(xyz: NDArray[np.float64]) -> NDArray[np.float64]:
        x, y = (xyz[:, 1], xyz[:, 0]) if flip else (xyz[:, 0], xyz[:, 1])
        lon, lat = to.transform(x, y)
        off = ~(np.isfinite(lon) & np.isfinite(lat) & (np.abs(lon) <= 180) & (np.abs(lat) <= 90))
        if off.any():
            place = xyz[np.flatnonzero(off)[0], :2].tolist()
            raise OutsideCRSArea(f"position {place} is none in {source.name} (axes in that CRS's own order)")
        return np.column_stack([lon, lat, xyz[:, 2]])

    return (
        shapely.transform(geometry, back, include_z=True)
        if geometry.has_z
        else shapely.transform(geometry, lambda xy: back(np.column_stack([xy, np.zeros(len(xy))]))[:, :2])
    )


def table(found: pa.Table, target: Target, *, x_first: bool = False) -> pa.Table:
    """The rows with `geom` in the target CRS."""
    if target is None or "geom" not in found.column_names:
        return found
    geometries = np.asarray(shapely.from_wkb(found["geom"].to_numpy(zero_copy_only=False)))
    moved = encode(geometries, target, x_first=x_first)
    return found.set_column(
        found.column_names.index("geom"), "geom", pa.array(shapely.to_wkb(moved), pa.binary())
    )


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
