"""A map tile's frame: where its picture lies and how large a metre is in it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from twin import tiling
from twin.model import BBox

SIDE = 512
"""Pixels a side; addresses are those of 256-pixel tiles, so this is twice the density."""


@dataclass(frozen=True, kw_only=True)
class Frame:
    """One tile of WebMercatorQuad."""

    z: int
    x: int
    y: int

    def box(self, margin: float = 0.0) -> BBox:
        """The tile's box, wider by so many pixels."""
        return tiling.bbox(self.z, self.x, self.y, margin=margin / SIDE)

    @property
    def metre(self) -> float:
        """Pixels that a metre is long in the tile's middle."""
        box = self.box()
        return SIDE / tiling.metres(self.z, (box.south + box.north) / 2)

    def pixels(self, places: NDArray[np.float64]) -> NDArray[np.float64]:
        """(n, 2) pixels from the tile's north-west corner, of (n, 2) degrees."""
        return SIDE * np.column_stack(tiling.inside(places[:, 0], places[:, 1], self.z, self.x, self.y))

    def placed(self, shapes: NDArray[np.object_], margin: float) -> NDArray[np.object_]:
        """Shapes in pixels, cut to the tile and a margin around it."""
        if not len(shapes):
            return shapes
        moved = shapely.transform(shapely.force_2d(shapes), self.pixels)
        return np.asarray(shapely.clip_by_rect(moved, -margin, -margin, SIDE + margin, SIDE + margin))
