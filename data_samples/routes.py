"""Shortest ways over a small graph, in plain Python: a county's streets are a few thousand nodes."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray


def tree(
    count: int,
    start: NDArray[np.int64],
    end: NDArray[np.int64],
    length: NDArray[np.float64],
    roots: Iterable[int],
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Each node's distance to the nearest root, and the edge that leads one step towards it.

    Both (count,); metres, infinite where no way leads; -1 at roots and where no way leads.
    """
    links: list[list[tuple[int, int, float]]] = [[] for _ in range(count)]
    for edge, (a, b, metres) in enumerate(zip(start.tolist(), end.tolist(), length.tolist(), strict=True)):
        links[a].append((b, edge, metres))
        links[b].append((a, edge, metres))
    distance = [float("inf")] * count
    back = [-1] * count
    queue = [(0.0, root) for root in sorted(set(roots))]
    for _, root in queue:
        distance[root] = 0.0
    while queue:
        here, node = heapq.heappop(queue)
        if here > distance[node]:
            continue
        for other, edge, metres in links[node]:
            if here + metres < distance[other]:
                distance[other], back[other] = here + metres, edge
                heapq.heappush(queue, (here + metres, other))
    return np.array(distance), np.array(back, dtype=np.int64)


def way(back: NDArray[np.int64], start: NDArray[np.int64], end: NDArray[np.int64], node: int) -> list[int]:
    """The edges from a node to its root."""
    edges = []
    while back[node] >= 0:
        edge = int(back[node])
        edges.append(edge)
        node = int(end[edge] if start[edge] == node else start[edge])
    return edges
