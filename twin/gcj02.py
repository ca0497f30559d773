"""GCJ-02 and BD-09: the shifted degrees of Chinese web maps and telephones.

Neither has an official publication. The formulas are those that leaked in 2010 and that every map library
has since (gcoord, eviltransform): a polynomial with sines about 105° E, 35° N, in metres on the Krassowsky
ellipsoid. They agree with what the map services themselves answer to about 1 to 2 m; that is how well a
converted place is known. There is no closed inverse, so it is found by iteration, to far below a millimetre
of what the formula says.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

Degrees = NDArray[np.float64]
Places = tuple[Degrees, Degrees]
"""Longitudes and latitudes, (n,) each."""

A: Final = 6378245.0
"""Krassowsky's semi-major axis, metres, as the formula has it."""
EE: Final = 0.00669342162296594323
"""And its first eccentricity, squared."""
WEST, EAST, SOUTH, NORTH = 72.004, 137.8347, 0.8293, 55.8271
"""Outside of this box the formula leaves positions as they are."""
NEAR: Final = 0.1
"""Degrees about the box within which a shifted place may have come out of it."""
X_PI: Final = np.pi * 3000 / 180
CLOSE: Final = 1e-12
"""Degrees: a ten-thousandth of a millimetre."""
STEPS: Final = 30
"""The shift changes by less than a hundredth of the way moved: each step gains two digits, six do."""


def from_wgs84(lon: Degrees, lat: Degrees) -> Places:
    """GCJ-02 of (n,) WGS 84 degrees; outside of China's box they stay."""
    out_x, out_y = np.array(lon, np.float64), np.array(lat, np.float64)
    inside = _inside(lon, lat)
    out_x[inside], out_y[inside] = _shifted(out_x[inside], out_y[inside])
    return out_x, out_y


def to_wgs84(lon: Degrees, lat: Degrees) -> Places:
    """WGS 84 of (n,) GCJ-02 degrees: the place in China's box that the formula moves there, else the same."""
    return _back(lambda x, y: _inverse(_shifted, x, y), lon, lat)


def bd09_from_gcj02(lon: Degrees, lat: Degrees) -> Places:
    """BD-09 of (n,) GCJ-02 degrees."""
    radius = np.hypot(lon, lat) + 0.00002 * np.sin(lat * X_PI)
    angle = np.arctan2(lat, lon) + 0.000003 * np.cos(lon * X_PI)
    return radius * np.cos(angle) + 0.0065, radius * np.sin(angle) + 0.006


def bd09_from_wgs84(lon: Degrees, lat: Degrees) -> Places:
    """BD-09 of (n,) WGS 84 degrees; outside of China's box they stay."""
    out_x, out_y = np.array(lon, np.float64), np.array(lat, np.float64)
    inside = _inside(lon, lat)
    out_x[inside], out_y[inside] = bd09_from_gcj02(*_shifted(out_x[inside], out_y[inside]))
    return out_x, out_y


def bd09_to_wgs84(lon: Degrees, lat: Degrees) -> Places:
    """WGS 84 of (n,) BD-09 degrees."""
    return _back(lambda x, y: _inverse(_shifted, *_inverse(bd09_from_gcj02, x, y)), lon, lat)


def _back(inverse: Callable[[Degrees, Degrees], Places], lon: Degrees, lat: Degrees) -> Places:
    """What the inverse finds, where that or the place itself is in China's box."""
    out_x, out_y = np.array(lon, np.float64), np.array(lat, np.float64)
    near = _inside(lon, lat, slack=NEAR)
    x, y = inverse(out_x[near], out_y[near])
    moved = _inside(x, y) | _inside(out_x[near], out_y[near])
    out_x[near], out_y[near] = np.where(moved, x, out_x[near]), np.where(moved, y, out_y[near])
    return out_x, out_y


def _inside(lon: Degrees, lat: Degrees, *, slack: float = 0.0) -> NDArray[np.bool_]:
    across = (lon >= WEST - slack) & (lon <= EAST + slack)
    return across & (lat >= SOUTH - slack) & (lat <= NORTH + slack)


def _shifted(lon: Degrees, lat: Degrees) -> Places:
    east, north = _shift(lon, lat)
    return lon + east, lat + north


def _inverse(forward: Callable[[Degrees, Degrees], Places], lon: Degrees, lat: Degrees) -> Places:
    """Where `forward` comes from, by moving back what it is off, until that is nothing."""
    x, y = lon.copy(), lat.copy()
    for _ in range(STEPS):
        ahead_x, ahead_y = forward(x, y)
        off_x, off_y = lon - ahead_x, lat - ahead_y
        x, y = x + off_x, y + off_y
        if not (np.abs(off_x) > CLOSE).any() and not (np.abs(off_y) > CLOSE).any():
            break
    return x, y


def _shift(lon: Degrees, lat: Degrees) -> Places:
    """Degrees east and north by which the formula moves (n,) places."""
    x, y = lon - 105.0, lat - 35.0
    both = 20.0 * np.sin(6.0 * np.pi * x) + 20.0 * np.sin(2.0 * np.pi * x)
    root = np.sqrt(np.abs(x))
    waves_y = _waves(y, (20.0, 1), (40.0, 3), (160.0, 12), (320.0, 30))
    waves_x = _waves(x, (20.0, 1), (40.0, 3), (150.0, 12), (300.0, 30))
    north = -100 + 2 * x + 3 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * root + (both + waves_y) * 2 / 3
    east = 300 + x + 2 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * root + (both + waves_x) * 2 / 3
    w = 1 - EE * np.sin(np.radians(lat)) ** 2
    along = A / np.sqrt(w) * np.cos(np.radians(lat))
    up = A * (1 - EE) / (w * np.sqrt(w))
    return np.degrees(east / along), np.degrees(north / up)


def _waves(t: Degrees, *parts: tuple[float, int]) -> Degrees:
    """The sum of sines of (metres, half period in degrees)."""
    total = np.zeros_like(t)
    for metres, half in parts:
        total = total + metres * np.sin(t * np.pi / half)
    return total
