"""Whether a network's coordinates are places or a drawing, and where a drawing goes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import pyproj
from numpy.typing import NDArray

from twin.space import to_crs84

RATIO: Final = 5.0
"""A drawing whose pipes are in the median this many times shorter or longer than stated is schematic."""


def scale(pipes: Sequence[tuple[NDArray[np.float64], float]], crs: pyproj.CRS) -> float | None:
    """The median of drawn by stated length; None without a pipe that states one.

    Args:
        pipes: (n, 2 or more) x, y in the CRS, and the stated length in metres.
        crs: of x and y.
    """
    ratios = [drawn(line[:, :2], crs) / length for line, length in pipes if length > 0]
    return float(np.median(ratios)) if ratios else None


def drawn(line: NDArray[np.float64], crs: pyproj.CRS) -> float:
    """Metres along a (n, 2) line of a CRS."""
    if crs.is_geographic:
        geod = crs.get_geod() or pyproj.Geod(ellps="WGS84")
        return float(geod.line_length(line[:, 0], np.clip(line[:, 1], -90, 90)))
    steps = np.diff(line, axis=0)
    return float(crs.axis_info[0].unit_conversion_factor * np.hypot(steps[:, 0], steps[:, 1]).sum())


def placement(
    xy: NDArray[np.float64], ratio: float | None, crs: pyproj.CRS
) -> tuple[tuple[float, float], tuple[str, ...]]:
    """By how much the drawing is moved (x, y), and what is to be said when it is not a map.

    A schematic drawing lies where the CRS puts its figures, even in the sea; only when that is nowhere on
    earth is it moved, whole and unscaled, to the middle of the CRS's area of use.

    Args:
        xy: (n, 2) positions of the nodes in the CRS.
        ratio: drawn by stated length.
        crs: of the positions.
    """
    off_scale = ratio is not None and not 1 / RATIO < ratio < RATIO
    outside, impossible = astray(xy, crs)
    if not (off_scale or outside or impossible):
        return (0.0, 0.0), ()
    why = (
        f"pipes are drawn at {ratio:.3g} times their stated length"
        if off_scale
        else "the coordinates lie outside the area of use of the CRS given; is it another CRS?"
    )
    said = f"SCHEMATIC: {why}; the network is drawn, but its places are not places in the city"
    if not impossible or crs.area_of_use is None:
        return (0.0, 0.0), (said,)
    move = _to_the_middle(xy, crs.area_of_use.bounds, crs)
    moved = f"the drawing was moved by {move[0]:g}, {move[1]:g}: as given it is nowhere on earth"
    return move, (said, moved)


def astray(xy: NDArray[np.float64], crs: pyproj.CRS) -> tuple[bool, bool]:
    """Whether most positions are outside the CRS's area of use, and whether any is nowhere on earth."""
    lon, lat = to_crs84(crs).transform(xy[:, 0], xy[:, 1])
    impossible = ~(np.isfinite(lon) & (np.abs(lon) <= 180) & (np.abs(lat) <= 90))
    area = crs.area_of_use
    if area is None or area.west > area.east:
        return False, bool(impossible.any())
    inside = (lon >= area.west) & (lon <= area.east) & (lat >= area.south) & (lat <= area.north)
    return bool(inside.mean() < 0.5), bool(impossible.any())


def _to_the_middle(
    xy: NDArray[np.float64], area: tuple[float, float, float, float], crs: pyproj.CRS
) -> tuple[float, float]:
    middle = to_crs84(crs).transform((area[0] + area[2]) / 2, (area[1] + area[3]) / 2, direction="INVERSE")
    centre = (xy.min(axis=0) + xy.max(axis=0)) / 2
    return float(middle[0] - centre[0]), float(middle[1] - centre[1])
