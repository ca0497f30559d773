"""What a thing stands on: the ground that the viewer gets, or its own height where both datums are one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from layers.kind import Placed


def absolute(placed: Placed) -> bool:
    """Whether the layer's heights can be taken as they are: stated, and in the ground's own datum."""
    return (
        not placed.schematic
        and placed.vertical not in ("", "unknown")
        and placed.vertical == placed.ground.vertical
    )


def ground(placed: Placed, lon: NDArray[np.float64], lat: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n,) float64 metres at (n,) degrees; NaN where there is no terrain."""
    if not len(lon):
        return np.empty(0)
    return np.asarray(placed.ground.heights(lon, lat), np.float64)


def lowest(values: NDArray[np.float64], owners: NDArray[np.int64], count: int) -> NDArray[np.float64]:
    """(count,) float64: each owner's lowest value, NaN left aside; NaN for an owner that has none."""
    low = np.full(count, np.inf)
    known = np.isfinite(values)
    np.minimum.at(low, owners[known], values[known])
    return np.where(np.isfinite(low), low, np.nan)
