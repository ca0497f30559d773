"""Where the invented county lies, and the two frames that its plan is drawn in.

*Local* coordinates are metres east and north of the south-west corner of the county's rectangle;
the plan is thought out in them and only moved to EPSG:4548 when a file is written. The *town* frame
is local, turned a few degrees about the middle of the town, because no old town stands square to north.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import shapely
from shapely import LineString, Polygon

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

CRS = "EPSG:4548"
"""CGCS2000 / 3-degree Gauss-Kruger CM 117E, eastings without zone prefix (4528 is zone 40, 120E)."""
VERTICAL = "EPSG:5737"
"""Yellow Sea 1985 heights."""
EAST = 613_720.0
NORTH = 4_241_760.0
"""The south-west corner in EPSG:4548; the whole rectangle lies in 118.30-118.42 E, 38.30-38.40 N."""
WIDTH = 10_320.0
HEIGHT = 10_920.0
ZH = "望海示范县"
EN = "Wanghai demo county"

TOWN = (4_700.0, 5_000.0)
"""The middle of the town, local metres."""
TURN = np.radians(-4.0)


def rectangle() -> Polygon:
    """The county's rectangle, local metres."""
    return shapely.box(0.0, 0.0, WIDTH, HEIGHT)


def from_town(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Local positions of town ones; (n, 2) metres each, with a slow bend: no street is a ruled line."""
    p, q = points[:, 0], points[:, 1]
    bent_p = p + 24.0 * np.sin(q / 900.0 + 0.6) + 7.0 * np.sin(q / 310.0)
    bent_q = q + 20.0 * np.sin(p / 1_100.0) + 6.0 * np.sin(p / 270.0 + 1.0)
    cos, sin = np.cos(TURN), np.sin(TURN)
    return _columns(TOWN[0] + bent_p * cos - bent_q * sin, TOWN[1] + bent_p * sin + bent_q * cos)


def to_town(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Town positions of local ones, (n, 2) metres, without the bend: good to 30 m, enough to ask which quarter."""
    x, y = points[:, 0] - TOWN[0], points[:, 1] - TOWN[1]
    cos, sin = np.cos(TURN), np.sin(TURN)
    return _columns(x * cos + y * sin, -x * sin + y * cos)


def _columns(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.stack((x, y), axis=1)


def curve(points: Sequence[tuple[float, float]], *, step: float = 30.0) -> LineString:
    """A smooth line through the points (Catmull-Rom), a vertex every `step` metres or so, local metres."""
    knots = np.asarray(points, dtype=np.float64)
    knots = np.vstack((2 * knots[0] - knots[1], knots, 2 * knots[-1] - knots[-2]))
    pieces = [_span(knots[i : i + 4], step) for i in range(len(knots) - 3)]
    return LineString(np.vstack((*pieces, knots[-2:-1])))


def _span(four: NDArray[np.float64], step: float) -> NDArray[np.float64]:
    count = max(2, int(np.hypot(*(four[2] - four[1])) / step))
    t = np.arange(count)[:, None] / count
    a, b, c, d = four
    curved = 0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
    return np.asarray(curved, dtype=np.float64)
