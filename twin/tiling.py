"""Tile matrix sets: which place an address names, and which Hilbert keys a box holds.

WebMercatorQuad (OGC 17-083r4, D.1): level z has 2^z x 2^z tiles, rows from the north.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from twin.errors import InvalidParameter
from twin.model import BBox
from twin.space import HILBERT_BITS, cell, hilbert_range
from twin.tree import unhilbert

DEEPEST: Final = 24
"""The deepest level served: 2.4 m a tile."""
LIMIT: Final = math.degrees(2 * math.atan(math.exp(math.pi)) - math.pi / 2)
"""The latitude at which the square of Web Mercator ends."""
WHOLE: Final = re.compile(r"0|[1-9][0-9]{0,8}", re.ASCII)


def address(z: str, x: str, y: str) -> tuple[int, int, int]:
    """Level, column and row of an address as it came.

    Raises:
        InvalidParameter: one of them is no whole number, or there is no such tile.
    """
    for name, value in (("z", z), ("x", x), ("y", y)):
        if not WHOLE.fullmatch(value):
            raise InvalidParameter(f"{name}={value[:40]!r} is no whole number from 0")
    return checked(int(z), int(x), int(y))


def checked(z: int, x: int, y: int) -> tuple[int, int, int]:
    """The address, when there is such a tile.

    Raises:
        InvalidParameter: there is none; says which there are.
    """
    if not 0 <= z <= DEEPEST:
        raise InvalidParameter(f"level {z} does not exist; levels go from 0 to {DEEPEST}")
    if not (0 <= x < 1 << z and 0 <= y < 1 << z):
        raise InvalidParameter(
            f"tile {z}/{x}/{y} does not exist; at level {z} x and y go from 0 to {(1 << z) - 1}"
        )
    return z, x, y


def bbox(z: int, x: int, y: int, *, margin: float = 0.0) -> BBox:
    """The box of a tile, widened on each side by `margin` tiles."""
    side = 1 << z
    west, east = (x - margin) / side * 360 - 180, (x + 1 + margin) / side * 360 - 180
    return BBox(
        west=max(west, -180.0),
        south=latitude((y + 1 + margin) / side),
        east=min(east, 180.0),
        north=latitude((y - margin) / side),
    )


def latitude(down: float) -> float:
    """Degrees of a place that far down the square, 0 the north edge and 1 the south edge."""
    return math.degrees(math.atan(math.sinh(math.pi * (1 - 2 * min(max(down, 0.0), 1.0)))))


def inside(
    lon: NDArray[np.float64], lat: NDArray[np.float64], z: int, x: int, y: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(n,) places across and down a tile, from 0 to 1 within it."""
    phi = np.radians(np.clip(lat, -LIMIT, LIMIT))
    down = (1 - np.arcsinh(np.tan(phi)) / math.pi) / 2
    return (lon + 180) / 360 * (1 << z) - x, down * (1 << z) - y


def metres(z: int, lat: float) -> float:
    """Metres on the ground along the side of a tile at a latitude."""
    return 2 * math.pi * 6378137.0 * math.cos(math.radians(lat)) / (1 << z)


def keys(box: BBox, most: int = 16) -> tuple[tuple[int, int], ...]:
    """Half-open ranges of Hilbert keys that together hold every place of a box, at most so many.

    Cells of one level, as deep as the number allows; neighbours on the curve are one range.
    """
    found = [r for part in box.parts() for r in _keys(part, max(most // len(box.parts()), 4))]
    return tuple(_joined(sorted(found)))


def cells(ranges: Iterable[tuple[int, int]]) -> NDArray[np.float64]:
    """(n, 4) degrees: of each half-open range of Hilbert keys the smallest cell that holds it."""
    boxes = []
    for start, end in ranges:
        level = max(HILBERT_BITS - ((start ^ (end - 1)).bit_length() + 1) // 2, 0)
        prefix = np.array([start >> 2 * (HILBERT_BITS - level)], np.uint64)
        (column,), (row,) = unhilbert(prefix, np.array([level], np.uint8))
        side = 1 << level
        west, south = int(column) / side * 360 - 180, int(row) / side * 180 - 90
        boxes.append((west, south, west + 360 / side, south + 180 / side))
    return np.array(boxes).reshape(-1, 4)


def widened(boxes: NDArray[np.float64], east: float, north: float | None = None) -> NDArray[np.float64]:
    """(n, 4) boxes with a margin in degrees on each side, in the world; it is as wide to the north as to the east."""
    up = east if north is None else north
    low, high = np.array([-180.0, -90.0] * 2), np.array([180.0, 90.0] * 2)
    return np.asarray(np.clip(boxes + np.array([-east, -up, east, up]), low, high))


def sides(boxes: NDArray[np.float64], size: float) -> tuple[float, float]:
    """Degrees of longitude and latitude that are at least so many metres anywhere in (n, 4) boxes."""
    north = size / 110_574.0 * 1.01
    farthest = min(float(np.abs(boxes[:, 1::2]).max(initial=0.0)) + north, 90.0)
    shrunk = math.cos(math.radians(farthest))
    return (min(north / shrunk, 360.0) if shrunk > 1e-6 else 360.0), north


def _keys(box: BBox, most: int) -> list[tuple[int, int]]:
    ends = np.array([box.west, box.east]), np.array([box.south, box.north])
    columns, rows = cell(ends[0], -180.0, 360.0), cell(ends[1], -90.0, 180.0)
    level = HILBERT_BITS
    while _spanned(columns, level) * _spanned(rows, level) > most:
        level -= 1
    shift = HILBERT_BITS - level
    return [
        hilbert_range(level, column, row)
        for column in range(int(columns[0]) >> shift, (int(columns[1]) >> shift) + 1)
        for row in range(int(rows[0]) >> shift, (int(rows[1]) >> shift) + 1)
    ]


def _spanned(cells: NDArray[np.int64], level: int) -> int:
    shift = HILBERT_BITS - level
    return (int(cells[1]) >> shift) - (int(cells[0]) >> shift) + 1


def _joined(ranges: list[tuple[int, int]]) -> list[tuple[int, int]]:
    joined: list[tuple[int, int]] = []
    for start, end in ranges:
        if joined and joined[-1][1] >= start:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined
