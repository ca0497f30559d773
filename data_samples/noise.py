"""Smooth randomness: cubic B-spline surfaces through random knots, without a step or an edge in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def surface(
    rng: np.random.Generator, *, shape: tuple[int, int], cells: tuple[int, int]
) -> NDArray[np.float32]:
    """A smooth random surface of the shape, about -1 to 1, that bends `cells` times each way."""
    knots = rng.uniform(-1.8, 1.8, (cells[0] + 3, cells[1] + 3))
    rows, columns = _weights(shape[0], cells[0]), _weights(shape[1], cells[1])
    return (rows @ knots @ columns.T).astype(np.float32)


def _weights(count: int, cells: int) -> NDArray[np.float64]:
    """(count, cells + 3) cubic B-spline weights of evenly spaced samples."""
    at = np.arange(count) * cells / count
    knot = at.astype(np.int64)
    f = at - knot
    weights = np.zeros((count, cells + 3))
    row = np.arange(count)
    weights[row, knot] = (1 - f) ** 3 / 6
    weights[row, knot + 1] = (3 * f**3 - 6 * f**2 + 4) / 6
    weights[row, knot + 2] = (-3 * f**3 + 3 * f**2 + 3 * f + 1) / 6
    weights[row, knot + 3] = f**3 / 6
    return weights


def upsample(coarse: NDArray[np.float64], factor: int) -> NDArray[np.float32]:
    """The coarse grid, bilinear, `factor` times as fine.

    (r, c) cell corners give ((r - 1) * factor, (c - 1) * factor) cell centres, float32.
    """
    tall = _lerp(np.asarray(coarse, dtype=np.float32), factor)
    return np.ascontiguousarray(_lerp(np.ascontiguousarray(tall.T), factor).T)


def _lerp(grid: NDArray[np.float32], factor: int) -> NDArray[np.float32]:
    f = ((np.arange(factor, dtype=np.float32) + np.float32(0.5)) / np.float32(factor))[None, :, None]
    fine = grid[:-1, None, :] * (1 - f) + grid[1:, None, :] * f
    return fine.reshape(-1, grid.shape[1])
