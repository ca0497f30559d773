"""Areas and lines to pixels: Agg, antialiased, a path of thousands of shapes at a time."""

from __future__ import annotations

from typing import Any, Literal, cast

import numpy as np
import shapely
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.path import Path
from matplotlib.transforms import Affine2D
from numpy.typing import NDArray
from shapely import GeometryType

Colour = tuple[float, float, float, float]
"""Red, green, blue, alpha from 0 to 1."""
Cap = Literal["butt", "round", "projecting"]


def colour(name: str, alpha: float = 1.0) -> Colour:
    """`#rrggbb` and an alpha."""
    red, green, blue = (int(name[i : i + 2], 16) / 255 for i in (1, 3, 5))
    return red, green, blue, alpha


class Canvas:
    """A transparent picture to draw on; (0, 0) is its north-west corner."""

    def __init__(self, side: int, *, margin: int = 0) -> None:
        """`margin` pixels around the square can be drawn on too."""
        self.side = side + 2 * margin
        # matplotlib leaves its renderers untyped.
        self.renderer: Any = cast("Any", RendererAgg)(self.side, self.side, 72)
        self.place = Affine2D().scale(1, -1).translate(margin, side + margin)

    def fill(self, shapes: NDArray[np.object_], paint: Colour) -> None:
        """Fill areas with one colour; where they overlap it is laid on once."""
        path = rings(shapes)
        if path is not None:
            pen = self.renderer.new_gc()
            pen.set_snap(False)
            pen.set_linewidth(0)
            self.renderer.draw_path(pen, path, self.place, paint)

    def stroke(
        self,
        shapes: NDArray[np.object_],
        paint: Colour,
        width: float,
        *,
        cap: Cap = "round",
        dashes: tuple[float, ...] = (),
    ) -> None:
        """Draw lines, or the outlines of areas, `width` pixels wide."""
        shapes = shapely.get_parts(shapes)
        areas = shapely.get_dimensions(shapes) == 2
        lines = np.concatenate([shapes[~areas], shapely.boundary(shapes[areas])])
        path = strands(lines)
        if path is None:
            return
        pen = self.renderer.new_gc()
        pen.set_snap(False)
        pen.set_linewidth(width)
        pen.set_foreground(paint, isRGBA=True)
        pen.set_alpha(paint[3])
        pen.set_capstyle(cap)
        pen.set_joinstyle("round")
        if dashes:
            pen.set_dashes(0, list(dashes))
        self.renderer.draw_path(pen, path, self.place)

    def pixels(self) -> NDArray[np.uint8]:
        """(rows, columns, 4) uint8, row 0 north; alpha not multiplied in."""
        return np.asarray(self.renderer.buffer_rgba())


def rings(shapes: NDArray[np.object_]) -> Path | None:
    """One path of all polygons among the shapes, holes turned against their shells."""
    parts = shapely.get_parts(shapely.get_parts(shapes))
    parts = parts[(shapely.get_type_id(parts) == GeometryType.POLYGON) & ~shapely.is_empty(parts)]
    if not len(parts):
        return None
    _, places, offsets = shapely.to_ragged_array(shapely.orient_polygons(parts))
    return _path(places, offsets[0], closed=True)


def strands(shapes: NDArray[np.object_]) -> Path | None:
    """One path of all lines among the shapes."""
    parts = shapely.get_parts(shapely.get_parts(shapes))
    parts = parts[np.isin(shapely.get_type_id(parts), (1, 2)) & ~shapely.is_empty(parts)]
    if not len(parts):
        return None
    _, places, offsets = shapely.to_ragged_array(parts)
    return _path(places, offsets[0], closed=False)


def _path(places: NDArray[np.float64], starts: NDArray[np.int64], *, closed: bool) -> Path:
    codes = np.full(len(places), Path.LINETO, np.uint8)
    codes[starts[:-1]] = Path.MOVETO
    if closed:
        codes[starts[1:] - 1] = Path.CLOSEPOLY
    path = Path(places[:, :2], codes)
    path.should_simplify = False
    return path
