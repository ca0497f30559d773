"""Triangles cut at a level, so that a colour can change there and nowhere else."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class Cut:
    """Triangles of which none crosses the level any more."""

    parents: NDArray[np.int64]
    """(m, 2) the two old vertices that each vertex lies between; twice the same for an old one."""
    share: NDArray[np.float64]
    """(m,) how far from the first to the second."""
    indices: NDArray[np.int64]
    """(t, 3) the triangles, turned as they were."""
    edges: NDArray[np.int64]
    """(e, 2) the given edges, in two where they crossed."""

    def of(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """(m, …) values of old vertices at the new ones."""
        weight = self.share.reshape(-1, *[1] * (values.ndim - 1))
        return values[self.parents[:, 0]] * (1 - weight) + values[self.parents[:, 1]] * weight


def cut(indices: NDArray[np.int64], edges: NDArray[np.int64], rise: NDArray[np.float64], level: float) -> Cut:
    r"""Triangles cut where `rise` is `level`.

    Args:
        indices: (t, 3) of vertices.
        edges: (e, 2) pairs of vertices, each a side of a triangle.
        rise: (n,) a height of each vertex; one within a millimetre of the level counts as above it.
        level: where to cut.

           A           A is alone on its side; P and Q are new
          / \
         P---Q
        / \   \
       B-----C
    """
    low = rise < level - 1e-3
    below = low[indices]
    crossing = (below.sum(axis=1) % 3) != 0
    a, b, c = _lone_first(indices[crossing], below[crossing]).T
    old, count = len(rise), len(a)
    p, q = old + np.arange(count), old + count + np.arange(count)
    kept = np.arange(old)
    parents = np.concatenate(
        [np.column_stack([kept, kept]), np.column_stack([a, b]), np.column_stack([a, c])]
    )
    near, far = rise[parents[:, 0]], rise[parents[:, 1]]
    share = np.where(near == far, 0.0, (level - near) / np.where(near == far, 1.0, far - near))
    share[:old] = 0.0
    pieces = [np.column_stack(t) for t in ((a, p, q), (p, b, c), (p, c, q))]
    return Cut(
        parents=parents,
        share=share,
        indices=np.concatenate([indices[~crossing], *pieces]),
        edges=_split(edges, low, parents[old:], old),
    )


def _lone_first(indices: NDArray[np.int64], below: NDArray[np.bool_]) -> NDArray[np.int64]:
    """(t, 3) the triangles turned so that the vertex alone on its side comes first."""
    alone = below == (below.sum(axis=1) == 1)[:, None]
    start = np.argmax(alone, axis=1)
    return np.asarray(indices[np.arange(len(indices))[:, None], (start[:, None] + np.arange(3)) % 3])


def _split(
    edges: NDArray[np.int64], low: NDArray[np.bool_], parents: NDArray[np.int64], old: int
) -> NDArray[np.int64]:
    """(e, 2) edges by way of the new vertex on them, where there is one."""
    crossing = low[edges[:, 0]] != low[edges[:, 1]]
    if not crossing.any() or not len(parents):
        return edges
    size = old + 1
    keys = parents.min(axis=1) * size + parents.max(axis=1)
    order = np.argsort(keys, kind="stable")
    wanted = edges[crossing].min(axis=1) * size + edges[crossing].max(axis=1)
    at = np.minimum(np.searchsorted(keys[order], wanted), len(keys) - 1)
    found = keys[order][at] == wanted
    middle = old + order[at][found]
    ends = edges[crossing][found]
    halves = [np.column_stack([ends[:, 0], middle]), np.column_stack([middle, ends[:, 1]])]
    return np.concatenate([edges[~crossing], *halves])
