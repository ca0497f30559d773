"""Positions that people type into the search: degrees, or X and Y with and without zone number."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Final

from twin import crs_advice, space

NUMBER: Final = re.compile(r"[-+]?\d+(?:\.\d+)?")
LETTERS: Final = re.compile(r"东坐标|北坐标|东经|北纬|坐标|[XYENxyen°度米mM,;:=、\s]")
NORTHING: Final = (1_500_000.0, 6_500_000.0)
"""Metres between which all of China lies: seven digits, which no easting without zone number has."""
EASTING: Final = (100_000.0, 900_000.0)


@dataclass(frozen=True, kw_only=True)
class Position:
    """A place that a text names."""

    lon: float
    lat: float
    crs: str
    """What it was read in: OGC:CRS84, or the zone's EPSG code."""


def named(text: str, near: float | None) -> list[Position]:
    """The places that a text may name, the likeliest first; none where it is no pair of numbers.

    Args:
        near: the site's longitude, by which an easting without zone number finds its 3-degree zone.
    """
    plain = unicodedata.normalize("NFKC", text)
    values = [float(n) for n in NUMBER.findall(plain)]
    if len(values) != 2 or LETTERS.sub("", NUMBER.sub("", plain)):
        return []
    return _projected(values, near) or _degrees(values, plain)


def _projected(values: list[float], near: float | None) -> list[Position]:
    """Of a northing and an easting, in either order."""
    north = next((v for v in values if NORTHING[0] <= v < NORTHING[1]), None)
    if north is None:
        return []
    east = values[1] if values[0] == north else values[0]
    if EASTING[0] <= east < EASTING[1]:
        codes = [] if near is None else [crs_advice.zone_of(near)]
    else:
        number = crs_advice.prefix(east)
        codes = [crs_advice.of_prefix(number)] if number else []
    return [_in(code, east, north) for code in codes if code]


def _in(code: str, east: float, north: float) -> Position:
    lon, lat = space.to_crs84(space.crs(code)).transform(east, north)
    return Position(lon=float(lon), lat=float(lat), crs=code)


def _degrees(values: list[float], text: str) -> list[Position]:
    """Of decimal degrees; what cannot be a latitude is the longitude, else it comes first."""
    if "." not in text and "," not in text:
        return []  # two small whole numbers are more likely half of a name
    lon, lat = values if abs(values[1]) <= 90 else values[::-1]
    if abs(lon) > 180 or abs(lat) > 90:
        return []
    return [Position(lon=lon, lat=lat, crs="OGC:CRS84")]
