r"""Terrain as triangles over a square grid of posts, and the surface that they make.

A tile has (N + 1) x (N + 1) posts; its triangles never change, so they are worked out once. Every cell is
cut from south-east to north-west:

    nw --- ne
    |  \    |
    |    \  |
    sw --- se
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

N = 64
"""Cells along a tile's side."""
FEWEST = 4
"""Cells along the side of a tile that is quite flat: enough for its light."""


@dataclass(frozen=True, kw_only=True)
class Pattern:
    """The triangles over a grid of n x n cells."""

    order: NDArray[np.int64]
    """(vertices,) int64: the post (row * (n + 1) + column, row 0 south) of each vertex, in order of first use."""
    triangles: NDArray[np.int64]
    """(t, 3) int64: vertices, counter-clockwise from above."""
    west: NDArray[np.int64]
    """Vertices on that edge, from south to north."""
    south: NDArray[np.int64]
    """Vertices on that edge, from west to east."""
    east: NDArray[np.int64]
    north: NDArray[np.int64]


@cache
def pattern(n: int = N) -> Pattern:
    """The triangles over n x n cells, their vertices numbered as they are first used."""
    post = np.arange((n + 1) * (n + 1)).reshape(n + 1, n + 1)
    sw, se, nw, ne = post[:-1, :-1], post[:-1, 1:], post[1:, :-1], post[1:, 1:]
    triangles = np.stack([sw, se, nw, se, ne, nw], axis=-1).reshape(-1, 3)
    _, first = np.unique(triangles, return_index=True)
    order = triangles.ravel()[np.sort(first)]
    vertex = np.empty(post.size, np.int64)
    vertex[order] = np.arange(post.size)
    numbered = vertex[post]
    return Pattern(
        order=order,
        triangles=vertex[triangles],
        west=numbered[:, 0],
        south=numbered[0],
        east=numbered[:, -1],
        north=numbered[-1],
    )


def enough(posts: NDArray[np.floating], tolerance: float, *, fewest: int = FEWEST) -> int:
    """How many cells a side draw the posts to the tolerance: N, or N halved as often as that goes.

    Plains and water need few triangles. A halving leaves out the middles of edges and diagonals; what they
    are off by adds up from step to step, so the sum is never less than the true error.

    Args:
        posts: (N + 1, N + 1) metres; where some are NaN and some are not, all are needed.
        tolerance: metres.
        fewest: cells a side that are never gone below, since the earth is round.
    """
    n = len(posts) - 1
    missing = np.isnan(posts)
    if missing.any():
        return n if not missing.all() else min(n, fewest)
    total = 0.0
    while n > fewest and n % 2 == 0:
        total += _left_out(posts)
        if total > tolerance:
            break
        posts, n = posts[::2, ::2], n // 2
    return n


def _left_out(posts: NDArray[np.floating]) -> float:
    """The farthest that a post lies from the triangles over every other post."""
    across = np.abs(posts[::2, 1::2] - (posts[::2, :-2:2] + posts[::2, 2::2]) / 2)
    up = np.abs(posts[1::2, ::2] - (posts[:-2:2, ::2] + posts[2::2, ::2]) / 2)
    middle = np.abs(posts[1::2, 1::2] - (posts[:-2:2, 2::2] + posts[2::2, :-2:2]) / 2)
    return float(max(across.max(), up.max(), middle.max()))


def surface(
    posts: NDArray[np.floating], u: NDArray[np.float64], v: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(m,) float64: the height of the triangles at places of a tile.

    Args:
        posts: (n + 1, n + 1) metres, row 0 south; NaN stands at 0 as it is drawn, and a triangle
            whose three corners are NaN is no ground: NaN.
        u, v: (m,) from 0 (west, south) to 1 (east, north).
    """
    n = len(posts) - 1
    x, y = u * n, v * n
    column = np.clip(np.floor(x), 0, n - 1).astype(np.int64)
    row = np.clip(np.floor(y), 0, n - 1).astype(np.int64)
    x, y = x - column, y - row
    low = x + y <= 1
    corner = np.where(low, posts[row, column], posts[row + 1, column + 1])
    beside = np.where(low, posts[row, column + 1], posts[row + 1, column])
    across = np.where(low, posts[row + 1, column], posts[row, column + 1])
    x, y = np.where(low, x, 1 - x), np.where(low, y, 1 - y)
    nothing = np.isnan(corner) & np.isnan(beside) & np.isnan(across)
    a, b, c = (np.nan_to_num(h.astype(np.float64)) for h in (corner, beside, across))
    return np.asarray(np.where(nothing, np.nan, a + x * (b - a) + y * (c - a)))
