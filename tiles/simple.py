"""Points, lines and polygons without holes, which most geometries are: taken out of their WKB without GEOS."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

POINT: Final = 1
LINE: Final = 2
POLYGON: Final = 3
DEEP: Final = 0x80000000
"""WKB type numbers, and what is added for z (the extended form, which GEOS writes)."""
HEADS: Final = {POINT: 5, LINE: 9, POLYGON: 13}
"""Bytes before the coordinates of one that has no holes."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Simple:
    """Geometries of one type without holes."""

    kind: int
    xyz: NDArray[np.float64]
    """(m, 2 or 3) all their positions."""
    counts: NDArray[np.int64]
    """(n,) how many each has."""


def taken(wkb: pa.Array) -> Simple | None:
    """Coordinates straight out of little-endian WKB; None where it is not all of one type without holes."""
    if wkb.null_count or not len(wkb):
        return None
    _, places, data = wkb.buffers()
    offsets = np.frombuffer(places, np.int32)[wkb.offset : wkb.offset + len(wkb) + 1].astype(np.int64)
    sizes = np.diff(offsets)
    if sizes.min() < max(HEADS.values()):
        return None
    held = np.frombuffer(data, np.uint8)[offsets[0] : offsets[-1]]
    starts = offsets[:-1] - offsets[0]
    heads = held[starts[:, None] + np.arange(9)]
    code = int(heads[0, 1:5].copy().view("<u4")[0])
    kind, width = code & ~DEEP, 24 if code & DEEP else 16
    # One byte order, one type; of polygons one ring.
    same = 9 if kind == POLYGON else 5
    if kind not in HEADS or heads[0, 0] != 1 or (heads[:, :same] != heads[0, :same]).any():
        return None
    if kind == POLYGON and int(heads[0, 5:9].copy().view("<u4")[0]) != 1:
        return None
    body = np.ones(len(held), bool)
    body[starts[:, None] + np.arange(HEADS[kind])] = False
    counts, rest = np.divmod(sizes - HEADS[kind], width)
    xyz = held[body].view("<f8").reshape(-1, width // 8)
    if rest.any() or not counts.all() or not np.isfinite(xyz).all():
        return None
    return Simple(kind=kind, xyz=xyz, counts=counts)


def polygons(wkb: pa.Array) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]]:
    """Of (n,) WKB the polygons with one closed ring.

    Returns:
        (k,) which they are, (m, 2) their positions, (k + 1,) where each begins among these, and the end.
    """
    _, places, data = wkb.buffers()
    offsets = np.frombuffer(places, np.int32)[wkb.offset : wkb.offset + len(wkb) + 1].astype(np.int64)
    held = np.frombuffer(data if data is not None else b"", np.uint8)
    sizes = np.diff(offsets)
    found = np.flatnonzero(sizes > HEADS[POLYGON])
    heads = held[offsets[found][:, None] + np.arange(9)]
    alike = np.zeros(len(found), bool)
    width = 16
    for code, bytes_ in ((POLYGON, 16), (POLYGON | DEEP, 24)):
        head = np.frombuffer(b"\x01" + code.to_bytes(4, "little") + b"\x01\0\0\0", np.uint8)
        same = (heads == head).all(axis=1)
        if same.sum() > alike.sum():
            alike, width = same, bytes_
    found = found[alike]
    counts = (sizes[found] - HEADS[POLYGON]) // width
    starts = np.concatenate([[0], np.cumsum(counts)])
    # Bytes of the positions: each ring's from where it begins.
    first = np.repeat(offsets[found] + HEADS[POLYGON] - starts[:-1] * width, counts)
    at = first + np.arange(starts[-1]) * width
    xy = held[at[:, None] + np.arange(16)].view("<f8").reshape(-1, 2)
    closed = (xy[starts[:-1]] == xy[starts[1:] - 1]).all(axis=1) & (counts > POLYGON)
    if closed.all():
        return found, xy, starts
    kept = np.repeat(closed, counts)
    return found[closed], xy[kept], np.concatenate([[0], np.cumsum(counts[closed])])
