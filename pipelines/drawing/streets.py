"""Roads on the map: which class a value means, how wide it is at a level, in which colour."""

from __future__ import annotations

import unicodedata
from functools import cache

import numpy as np
from numpy.typing import NDArray

from pipelines.drawing.canvas import Canvas, colour
from pipelines.drawing.palette import Palette

GRADES: dict[str, tuple[str, ...]] = {
    "path": ("path", "footway", "cycleway", "pedestrian", "steps", "track", "bridleway", "小路", "步行街"),
    "service": ("service", "driveway", "alley", "living_street", "内部道路", "巷道"),
    "residential": ("residential", "unclassified", "road", "支路", "乡道", "村道", "街巷"),
    "tertiary": ("tertiary", "tertiary_link", "次干路", "县道"),
    "secondary": ("secondary", "secondary_link", "主干路", "省道"),
    "primary": ("primary", "primary_link", "快速路", "国道"),
    "trunk": ("trunk", "trunk_link", "一级公路"),
    "motorway": ("motorway", "motorway_link", "高速公路", "高速"),
    "rail": ("rail", "railway", "铁路"),
}
"""From the bottom up: the values that mean each class."""
WIDTHS: dict[str, tuple[tuple[float, float], ...]] = {
    "path": ((14.5, 0.0), (15, 1.2), (17, 2.4), (19, 6)),
    "service": ((13.5, 0.0), (14, 1.0), (15, 2.0), (16, 4.0), (17, 8), (18, 14), (19, 26)),
    "residential": ((12.5, 0.0), (13, 1.2), (14, 2.4), (15, 4.6), (16, 9), (17, 16), (18, 28), (19, 50)),
    "tertiary": (
        (11.5, 0.0),
        (12, 1.2),
        (13, 2.4),
        (14, 4.2),
        (15, 7),
        (16, 12),
        (17, 20),
        (18, 36),
        (19, 66),
    ),
    "secondary": (
        (10.5, 0.0),
        (11, 1.2),
        (12, 2.2),
        (13, 4.0),
        (14, 6.5),
        (15, 10),
        (16, 16),
        (17, 28),
        (18, 52),
    ),
    "primary": (
        (8.5, 0.0),
        (9, 1.2),
        (11, 2.4),
        (12, 3.6),
        (13, 5.6),
        (14, 8.4),
        (15, 13),
        (16, 20),
        (17, 36),
    ),
    "trunk": ((6.5, 0.0), (7, 1.2), (10, 2.6), (12, 4.6), (13, 6.8), (14, 10), (15, 15), (16, 24), (17, 42)),
    "motorway": (
        (5.5, 0.0),
        (6, 1.4),
        (10, 3.0),
        (12, 5.0),
        (13, 7.4),
        (14, 11),
        (15, 16),
        (16, 25),
        (17, 44),
    ),
    "rail": ((9.5, 0.0), (10, 1.0), (14, 2.0), (16, 3.0), (19, 6)),
}
"""Pixels at levels; beyond the last level a width doubles with each."""
CASED_FROM = 1.9
"""Narrower roads have no casing."""


@cache
def grade(value: object) -> str:
    """The class of a road; `residential` where nothing is said."""
    name = unicodedata.normalize("NFKC", str(value)).strip().lower()
    return next((g for g, values in GRADES.items() if name in values), "residential")


@cache
def width(name: str, z: float) -> float:
    """Pixels that a road of the class is wide at a level; 0 where it is not drawn."""
    levels, pixels = (np.array(v) for v in zip(*WIDTHS[name], strict=True))
    if z > levels[-1]:
        return float(pixels[-1] * 2 ** (z - levels[-1]))
    # Between the levels a width grows by a constant factor.
    grown = float(np.exp2(np.interp(z, levels, np.log2(np.maximum(pixels, 0.5)))))
    return grown if z > levels[0] else 0.0


def draw(
    canvas: Canvas,
    palette: Palette,
    z: int,
    roads: dict[str, NDArray[np.object_]],
    bridges: dict[str, NDArray[np.object_]],
) -> None:
    """Casings first, then the roads from the least to the largest, then the bridges over them."""
    for shapes, bridge in ((roads, False), (bridges, True)):
        drawn = [(g, shapes[g], width(g, z)) for g in GRADES if g in shapes and width(g, z) > 0]
        for name, lines, wide in drawn:
            if wide >= CASED_FROM and name not in ("path", "rail"):
                edge = palette.outline if bridge else paints(palette, name)[1]
                more = 2.6 if bridge else 2.0
                canvas.stroke(lines, colour(edge), wide + more, cap="butt" if bridge else "round")
        for name, lines, wide in drawn:
            _fill(canvas, palette, name, lines, wide)


def _fill(canvas: Canvas, palette: Palette, name: str, lines: NDArray[np.object_], wide: float) -> None:
    paint = paints(palette, name)[0]
    if name == "path":
        canvas.stroke(lines, colour(paint), wide, cap="butt", dashes=(4 + wide, 3))
    elif name == "rail":
        canvas.stroke(lines, colour(paint), wide, cap="butt")
        canvas.stroke(lines, colour(palette.road), max(wide - 1.6, 0.5), cap="butt", dashes=(8, 8))
    else:
        canvas.stroke(lines, colour(paint), wide)


def paints(palette: Palette, name: str) -> tuple[str, str]:
    """Fill and casing of a class."""
    if name in ("motorway", "trunk"):
        return palette.main, palette.main_casing
    if name == "primary":
        return palette.second, palette.second_casing
    if name in ("path", "rail"):
        return (palette.path if name == "path" else palette.rail), palette.casing
    return palette.road, palette.casing
