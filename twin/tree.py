"""The frozen threshold tree: which tile a feature lives in, without a key in its row.

A quadtree over the cells of `twin.space.hilbert`, from the world downwards. Each node keeps a size
threshold, taken from the layer's distribution when the tree was grown; a feature's home is the first
node on the path to its cell whose threshold its size reaches. So a node is one range of Hilbert keys
and one range of sizes, and an edit that keeps a feature's size touches one node. Nodes only split, when
they hold more than twice the capacity; a split gives the touched nodes a new revision.

Every inner node has four children, the quarters of its range in Hilbert order, so that each feature
there can ever be has a home.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from twin.model import Window
from twin.space import HILBERT_BITS, hilbert_range

CAPACITY = 500
"""Features that a node is meant to hold."""
MUCH = 1 / 8
"""When more than this share of the nodes is full, the tree is grown anew."""
DEEPEST = 22
"""Cells of some 10 m by 5 m: what lies closer together than that shares a tile, whatever its number."""
MAGIC = b"TREE1\0\0\0"
NAME = re.compile(r"(0|[1-9][0-9]?)/(0|[1-9][0-9]{0,7})/(0|[1-9][0-9]{0,7})", re.ASCII)
HEAD = struct.Struct("<8sQQ")


@dataclass(frozen=True, kw_only=True, eq=False)
class Tree:
    """Nodes as columns; node 0 is the world, a node's children stand one after the other."""

    level: NDArray[np.uint8]
    """(n,) uint8, 0 is the world."""
    prefix: NDArray[np.uint64]
    """(n,) uint64: the node's Hilbert keys without their lower 2 (26 - level) bits."""
    threshold: NDArray[np.float32]
    """(n,) float32 metres: the size from which a feature stays here; 0 for a leaf."""
    limit: NDArray[np.float32]
    """(n,) float32 metres: the size from which an ancestor keeps it; infinite for the root."""
    child: NDArray[np.int32]
    """(n,) int32: the first of four children, -1 for a leaf."""
    revision: NDArray[np.uint32]
    """(n,) uint32: the tree's revision at which the node's range of sizes last changed."""

    def __len__(self) -> int:
        return len(self.level)

    @property
    def last(self) -> int:
        """The revision of the tree."""
        return int(self.revision.max())

    def window(self, node: int) -> Window:
        """The node's range of keys and of sizes."""
        shift = 2 * (HILBERT_BITS - int(self.level[node]))
        start = int(self.prefix[node]) << shift
        return Window(
            keys=((start, start + (1 << shift)),),
            size_min=float(self.threshold[node]),
            size_max=float(self.limit[node]),
        )

    def cell(self, node: int) -> tuple[int, int, int]:
        """Level, column and row (from south) of a node in the world's 2^level grid."""
        level, column, row = self._cells[node].tolist()
        return level, column, row

    @cached_property
    def _cells(self) -> NDArray[np.int64]:
        x, y = unhilbert(self.prefix, self.level)
        return np.column_stack([self.level.astype(np.int64), x, y])

    def find(self, name: str) -> int | None:
        """The node called `level/column/row`; None when there is none."""
        match = NAME.fullmatch(name)
        if match is None:
            return None
        level, column, row = (int(v) for v in match.groups())
        if level > HILBERT_BITS or max(column, row) >= 1 << level:
            return None
        key = hilbert_range(level, column, row)[0]
        node = 0
        for step in range(1, level + 1):
            if self.child[node] < 0:
                return None
            node = int(self.child[node]) + (key >> 2 * (HILBERT_BITS - step) & 3)
        return node

    def encode(self) -> bytes:
        """The block that a store keeps: a head, then the columns one after the other, little-endian."""
        head = HEAD.pack(MAGIC, len(self), self.last)
        return head + b"".join(
            np.ascontiguousarray(column, column.dtype.newbyteorder("<")).tobytes()
            for column in (self.level, self.prefix, self.threshold, self.limit, self.child, self.revision)
        )


def decode(block: bytes) -> Tree:
    """The tree in a block.

    Raises:
        ValueError: the block is no tree.
    """
    magic, count, _ = HEAD.unpack_from(block)
    if magic != MAGIC:
        raise ValueError(f"a block that starts with {magic!r} is no tile tree")
    at, columns = HEAD.size, []
    for dtype in ("u1", "<u8", "<f4", "<f4", "<i4", "<u4"):
        columns.append(np.frombuffer(block, dtype, count, at))
        at += count * np.dtype(dtype).itemsize
    level, prefix, threshold, limit, child, revision = columns
    return Tree(level=level, prefix=prefix, threshold=threshold, limit=limit, child=child, revision=revision)


def grow(
    keys: NDArray[np.uint64], sizes: NDArray[np.float32], capacity: int = CAPACITY, *, revision: int = 0
) -> Tree:
    """The tree of a distribution.

    Args:
        keys: (n,) uint64 Hilbert keys.
        sizes: (n,) float32 metres, not negative.
        capacity: features that a node is meant to hold.
    """
    order = np.argsort(keys, kind="stable")
    sprout = _Sprout()
    root = sprout.leaf(0, 0, np.inf, revision)
    sprout.fill(root, keys[order], sizes[order], capacity, revision)
    return sprout.tree()


def split(
    tree: Tree,
    keys: NDArray[np.uint64],
    sizes: NDArray[np.float32],
    capacity: int = CAPACITY,
    *,
    revision: int,
) -> Tree:
    """The tree with the nodes split that hold more than twice the capacity; the same tree when none does.

    Features that a full node no longer keeps go down to its children, which may become full in turn.
    Nodes whose range of sizes does not change keep their revision; the others get the one given.
    """
    home = homes(tree, keys, sizes)
    crowded = full(tree, np.bincount(home, minlength=len(tree)), capacity)
    if not crowded.any():
        return tree
    if crowded.sum() > len(tree) * MUCH:
        return grow(keys, sizes, capacity, revision=revision)
    # The uppermost first: what they hand down is part of what the lower ones then hold.
    top = np.flatnonzero(crowded & (tree.level == tree.level[crowded].min()))
    sprout = _Sprout(tree)
    order = np.lexsort((keys, home))
    starts = np.searchsorted(home, top, sorter=order)
    ends = np.searchsorted(home, top, side="right", sorter=order)
    for node, start, end in zip(top.tolist(), starts, ends, strict=True):
        inside = order[start:end]
        sprout.fill(node, keys[inside], sizes[inside], capacity, revision)
    return split(sprout.tree(), keys, sizes, capacity, revision=revision)


def full(tree: Tree, held: NDArray[np.int64], capacity: int = CAPACITY) -> NDArray[np.bool_]:
    """(n,) bool: nodes that hold more than twice the capacity and can be split."""
    return np.asarray((held > 2 * capacity) & (tree.level < DEEPEST))


def homes(tree: Tree, keys: NDArray[np.uint64], sizes: NDArray[np.float32]) -> NDArray[np.int32]:
    """(n,) int32: the node of each feature."""
    home = np.zeros(len(keys), np.int32)
    moving = np.arange(len(keys))
    while len(moving):
        node = home[moving]
        moving = moving[(sizes[moving] < tree.threshold[node]) & (tree.child[node] >= 0)]
        node = home[moving]
        shift = (2 * (HILBERT_BITS - 1 - tree.level[node].astype(np.int64))).astype(np.uint64)
        quarter = (keys[moving] >> shift) & np.uint64(3)
        home[moving] = tree.child[node] + quarter.astype(np.int32)
    return home


def unhilbert(
    prefix: NDArray[np.uint64], level: NDArray[np.uint8]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(n,) columns and (n,) rows of cells given by the Hilbert prefix at their level."""
    x, y = np.zeros(len(prefix), np.int64), np.zeros(len(prefix), np.int64)
    # The order-26 curve starts in another orientation for odd and even levels, so walk the whole key.
    key = prefix << (2 * (HILBERT_BITS - level.astype(np.int64))).astype(np.uint64)
    for bit in range(HILBERT_BITS):
        part = ((key >> np.uint64(2 * bit)) & np.uint64(3)).astype(np.int64)
        rx = part >> 1 & 1
        ry = (part ^ rx) & 1
        side = (1 << bit) - 1
        turn, flip = ry == 0, (ry == 0) & (rx == 1)
        x, y = np.where(flip, side - x, x), np.where(flip, side - y, y)
        x, y = np.where(turn, y, x), np.where(turn, x, y)
        x, y = x + (rx << bit), y + (ry << bit)
    shift = HILBERT_BITS - level.astype(np.int64)
    return x >> shift, y >> shift


def cut(sizes: NDArray[np.float32], capacity: int) -> np.float32:
    """The smallest size that at most `capacity` of more than `capacity` sizes reach."""
    first = len(sizes) - capacity - 1
    below = np.partition(sizes, first)[first]
    larger = sizes[sizes > below]
    return np.float32(larger.min()) if len(larger) else np.nextafter(np.float32(below), np.float32(np.inf))


class _Sprout:
    """A tree while it grows: columns as lists."""

    def __init__(self, tree: Tree | None = None) -> None:
        columns = (
            [[], [], [], [], [], []]
            if tree is None
            else [
                c.tolist()
                for c in (tree.level, tree.prefix, tree.threshold, tree.limit, tree.child, tree.revision)
            ]
        )
        self.level, self.prefix, self.threshold, self.limit, self.child, self.revision = columns

    def leaf(self, level: int, prefix: int, limit: float, revision: int) -> int:
        """Add a node that keeps all that reaches it."""
        for column, value in zip(self._columns(), (level, prefix, 0.0, limit, -1, revision), strict=True):
            column.append(value)
        return len(self.level) - 1

    def fill(
        self, node: int, keys: NDArray[np.uint64], sizes: NDArray[np.float32], capacity: int, revision: int
    ) -> None:
        """Give a node its features, by key; what is too many goes down."""
        if len(keys) <= capacity or self.level[node] >= DEEPEST:
            return
        threshold = cut(sizes, capacity)
        self.threshold[node], self.revision[node] = float(threshold), revision
        down = sizes < threshold
        if self.child[node] >= 0:
            for k in range(4):
                self._lift(self.child[node] + k, float(threshold), revision)
            return
        self.child[node] = len(self.level)
        children = [
            self.leaf(self.level[node] + 1, 4 * self.prefix[node] + k, float(threshold), revision)
            for k in range(4)
        ]
        self._hand_down(children, keys[down], sizes[down], capacity, revision)

    def _hand_down(
        self,
        children: list[int],
        keys: NDArray[np.uint64],
        sizes: NDArray[np.float32],
        capacity: int,
        revision: int,
    ) -> None:
        span = 1 << (2 * (HILBERT_BITS - self.level[children[0]]))
        starts = np.array([self.prefix[c] * span for c in children], np.uint64)
        ends = [*np.searchsorted(keys, starts[1:]).tolist(), len(keys)]
        start = 0
        for child, end in zip(children, ends, strict=True):
            self.fill(child, keys[start:end], sizes[start:end], capacity, revision)
            start = end

    def _lift(self, node: int, limit: float, revision: int) -> None:
        """A parent keeps less than before: its child takes larger features."""
        self.limit[node], self.revision[node] = limit, revision

    def _columns(self) -> tuple[list[float], ...]:
        return self.level, self.prefix, self.threshold, self.limit, self.child, self.revision

    def tree(self) -> Tree:
        """The columns as they are now."""
        return Tree(
            level=np.array(self.level, np.uint8),
            prefix=np.array(self.prefix, np.uint64),
            threshold=np.array(self.threshold, np.float32),
            limit=np.array(self.limit, np.float32),
            child=np.array(self.child, np.int32),
            revision=np.array(self.revision, np.uint32),
        )
