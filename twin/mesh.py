"""What the 3D and raster formats eat: Mesh and Grid."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from affine import Affine
from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class Mesh:
    """Triangles of some features in a local frame."""

    origin: NDArray[np.float64]
    """(3,) float64: longitude, latitude (degrees), height (metres) of the local ENU frame's origin."""
    positions: NDArray[np.float64]
    """(n, 3) float64: east, north, up in metres from the origin."""
    indices: NDArray[np.uint32]
    """(t, 3) uint32, counter-clockwise seen from outside."""
    normals: NDArray[np.float32]
    """(n, 3) float32 unit vectors in the same frame."""
    feature_ids: NDArray[np.uint32]
    """(n,) uint32: the row of `properties` that a vertex belongs to."""
    properties: pa.Table
    """One row a feature; `id` first."""
    colors: NDArray[np.uint8] | None = None
    """(n, 4) uint8 RGBA, multiplied with the material."""
    edges: NDArray[np.uint32] | None = None
    """(e, 2) uint32 vertex pairs to draw as outline."""


@dataclass(frozen=True, kw_only=True)
class Grid:
    """A regular grid of heights."""

    heights: NDArray[np.float32]
    """(rows, columns) float32 metres; row 0 is north; NaN where nothing is known."""
    transform: Affine
    """Column and row (pixel corner) to longitude and latitude, degrees."""
