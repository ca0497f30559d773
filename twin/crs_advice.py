"""What positions outside of their CRS's area may be instead, and how well those of an old datum are known."""

from __future__ import annotations

from typing import Final

import numpy as np
import pyproj
from numpy.typing import NDArray
from pyproj.exceptions import ProjError

from twin import space
from twin.own_systems import OwnSystem

CGCS2000: Final = 4490
NULL: Final = (4326, 4490, 4979, 4480)
"""Geodetic CRSs whose degrees PROJ takes as WGS 84's; CGCS2000 differs by less than a metre."""
OLD: Final = {4214: "Beijing 1954", 4555: "New Beijing", 4610: "Xian 1980"}
THREE: Final = {"plain": 4534, "prefixed": 4513}
"""EPSG codes of the 3-degree zones of 75° E (number 25): 21 of each."""
SIX: Final = {"plain": 4502, "prefixed": 4491}
"""EPSG codes of the 6-degree zones of 75° E (number 13): 11 of each."""
FINE: Final = 1.0
"""Metres: a better transformation needs no word."""


def prefix(x: float) -> int | None:
    """The zone number that an easting seems to begin with, 3-degree or 6-degree."""
    number = int(x // 1_000_000)
    return number if 13 <= number <= 23 or 25 <= number <= 45 else None


def of_prefix(number: int) -> str:
    """The CGCS2000 CRS whose eastings begin with a zone number."""
    return f"EPSG:{4513 + number - 25 if number >= 25 else 4491 + number - 13}"


def zone_of(lon: float) -> str | None:
    """The 3-degree CGCS2000 zone without number about a longitude; None outside of China's zones."""
    meridian = round(lon / 3) * 3
    return f"EPSG:{THREE['plain'] + (meridian - 75) // 3}" if 75 <= meridian <= 135 else None


def other_width(source: pyproj.CRS, x: NDArray[np.float64], y: NDArray[np.float64]) -> str:
    """What other CRS of CGCS2000, or order of axes, puts all positions where it is used; empty where none does."""
    if fits(source, y, x):
        return "; coordinates look swapped"
    for code in _alike(source):
        candidate = space.crs(f"EPSG:{code}")
        if fits(candidate, x, y):
            return f"; they fit EPSG:{code} ({candidate.name})"
    return ""


def fits(source: pyproj.CRS, x: NDArray[np.float64], y: NDArray[np.float64]) -> bool:
    """Whether all positions lie in a CRS's area of use."""
    area = source.area_of_use
    if area is None or not len(x):
        return False
    lon, lat = space.to_crs84(source).transform(x, y)
    inside = (lon >= area.west) & (lon <= area.east) & (lat >= area.south) & (lat <= area.north)
    return bool(inside.all())


def _alike(source: pyproj.CRS) -> list[int]:
    """The zones of the other width about the same meridian, with or without number as the CRS is."""
    found = source.to_epsg() or 0
    for form in ("plain", "prefixed"):
        three, six = found - THREE[form], found - SIX[form]
        if 0 <= three < 21 and not three % 2:
            # A 6-degree zone's number is half of the 3-degree zone's, so a prefix tells the two apart.
            return [SIX["plain"] + three // 2] if form == "plain" else []
        if 0 <= six < 11:
            return [THREE["plain"] + 2 * six] if form == "plain" else []
    return []


def accuracy(source: pyproj.CRS) -> str | None:
    """What to say of how well positions are known after the way from the CRS's datum; None where nothing is.

    Asks for the operation that the last transformation took, so it is asked after one.
    """
    if isinstance(source, OwnSystem):
        return source.note
    base = source.geodetic_crs
    code = base.to_epsg() if base else None
    if base is None or code in NULL:
        return None
    metres, words = _operation(source)
    if metres is not None and 0 <= metres <= FINE:
        return None
    if code in OLD:
        return (
            f"WARNING: no parameters between {OLD[code]} and CGCS2000 are public: PROJ took {words}; where that is"
            " not good enough, put the site's own parameters into a profile (TWIN_HOME/crs/NAME.toml, --crs NAME)"
        )
    return f"positions were moved from {base.name} to WGS 84 by {words}"


def _operation(source: pyproj.CRS) -> tuple[float | None, str]:
    """Stated accuracy in metres of the operation last taken, None where unknown, and both in words."""
    mover = space.to_crs84(source)
    if not isinstance(mover, pyproj.Transformer):
        return None, "its own way"
    try:
        taken = mover.get_last_used_operation()
    except ProjError:
        taken = mover
    steps = [part for part in taken.description.split(" + ") if " to " in part]
    if taken.accuracy < 0 or any("Ballpark" in step for step in steps):
        return None, "none, so the places may be off by 100 m and more"
    return taken.accuracy, f"'{' + '.join(steps)[:200]}', whose stated accuracy is {taken.accuracy:g} m"
