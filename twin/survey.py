"""What a tileset says of a layer at a moment: for each node how much it holds, where, how large, since when."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from twin.spread import NEVER, Columns
from twin.stamps import Stamp, seen
from twin.tree import Tree


@dataclass(frozen=True, kw_only=True, eq=False)
class Survey:
    """Columns by node; what is visible at the moment, except for the stamps, which also know of what was."""

    count: NDArray[np.int64]
    """(n,) visible features of the node itself."""
    size: NDArray[np.float32]
    """(n,) metres: the largest of them; 0 when there are none."""
    box: NDArray[np.float64]
    """(n, 6): west, south, low, east, north, high of them; infinite the wrong way round when there are none."""
    stamp: NDArray[np.int64]
    """(n, 2): stamps of the node's rows."""

    def stamped(self, node: int) -> Stamp:
        """The stamps of one node."""
        return int(self.stamp[node, 0]), int(self.stamp[node, 1])


def survey(tree: Tree, columns: Columns, home: NDArray[np.int32], at: int, known: int) -> Survey:
    """What each node itself holds.

    Args:
        tree: the layer's tree.
        columns: of some rows, as `twin.spread.DTYPES` names them.
        home: (rows,) int32, the node of each.
        at: microseconds of Unix time; the moment.
        known: microseconds of Unix time; what was believed then.
    """
    visible, valid, recorded = seen(columns, at, known)
    node = home.astype(np.intp)
    count = np.bincount(node[visible], minlength=len(tree))
    stamp = np.full((2, len(tree)), NEVER)
    for column, values in zip(stamp, (valid, recorded), strict=True):
        np.maximum.at(column, node, values)
    shown, where = {n: columns[n][visible] for n in (*EDGES, "size")}, node[visible]
    box = np.empty((6, len(tree)))
    for column, name in zip(box, EDGES, strict=True):
        low = name.startswith("min")
        column[:] = np.inf if low else -np.inf
        (np.fmin if low else np.fmax).at(column, where, shown[name].astype(np.float64))
    size = np.zeros(len(tree), np.float32)
    np.fmax.at(size, where, shown["size"])
    return Survey(count=count, size=size, box=box.T, stamp=stamp.T)


EDGES = ("minx", "miny", "minz", "maxx", "maxy", "maxz")


def total(tree: Tree, own: Survey) -> Survey:
    """What each node holds together with everything below it."""
    count, size = own.count.copy(), own.size.copy()
    box, stamp = own.box.copy(), own.stamp.copy()
    inner = np.flatnonzero(tree.child >= 0)
    for level in range(int(tree.level.max()) - 1, -1, -1):
        parents = inner[tree.level[inner] == level]
        children = tree.child[parents][:, None] + np.arange(4)
        count[parents] += count[children].sum(axis=1)
        size[parents] = np.maximum(size[parents], size[children].max(axis=1))
        stamp[parents] = np.maximum(stamp[parents], stamp[children].max(axis=1))
        box[parents, :3] = np.minimum(box[parents, :3], box[children, :3].min(axis=1))
        box[parents, 3:] = np.maximum(box[parents, 3:], box[children, 3:].max(axis=1))
    return Survey(count=count, size=size, box=box, stamp=stamp)
