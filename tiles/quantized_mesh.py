"""Terrain tiles: quantized-mesh 1.0 with oct-encoded normals, on the plain grid of `tiles/tin.py`.

A tile, little-endian:

    head      center 3 x float64 (ECEF) | lowest, highest float32 | bounding sphere 4 x float64
              | horizon occlusion point 3 x float64 (ECEF scaled by the ellipsoid's radii)
    vertices  count uint32 | u, v, height: count x uint16 each, deltas, zig-zag
    indices   triangles uint32 | 3 x triangles x uint16, high-water mark
    edges     west, south, east, north: count uint32 | uint16 each
    normals   1 uint8 | bytes uint32 | 2 x count x uint8

Everything is float64 until it is quantised: a float32 longitude is 0.85 m wide at 118 degrees.

See: https://github.com/CesiumGS/quantized-mesh
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from tiles.tin import pattern
from twin.space import E2, A, F, geodetic_to_ecef

MEDIA_TYPE = "application/vnd.quantized-mesh"
TOP = 32767
"""u, v and height go from 0 to this."""
RADII = np.array([A, A, A * (1 - F)])
INFINITE = 1e9
"""Where the horizon point lies of a tile that always shows from somewhere: a hemisphere."""

Doubles = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Edges:
    """Where a tile lies, degrees."""

    west: float
    south: float
    east: float
    north: float


@dataclass(frozen=True, kw_only=True)
class Frame:
    """East, north and up at the posts of a tile; rows from south, columns from west."""

    east: Doubles
    """(3, 1, columns) unit vectors, ECEF."""
    north: Doubles
    """(3, rows, columns)."""
    up: Doubles
    """(3, rows, columns) normals of the ellipsoid."""
    prime: Doubles
    """(rows, 1) metres: radius of curvature across the meridian."""
    reach: tuple[Doubles, Doubles]
    """(rows, 1) metres from a post to the next one in the east, and in the north."""


def encode(heights: NDArray[np.floating], edges: Edges, *, cells: int | None = None) -> bytes:
    """A tile.

    Args:
        heights: (n + 3, n + 3) metres, row 0 south: the tile's (n + 1, n + 1) posts with one more post
            around them, from which the normals at the edge are made; NaN is drawn at 0.
        cells: cells a side that are drawn, n or a power of two times fewer (`tin.enough`).
    """
    posts = len(heights) - 3
    n = cells or posts
    step = posts // n
    around = np.nan_to_num(np.asarray(heights, np.float64))
    inner = np.ascontiguousarray(around[1:-1:step, 1:-1:step])
    at = frame(edges, n)
    order = pattern(n).order
    low, high = float(inner.min()), float(inner.max())
    vertices, indices = _unchanging(n)
    parts = (
        _head(positions(at, inner).reshape(3, -1), edges, low, high),
        vertices,
        _deltas(quantised(inner, low, high).reshape(-1)[order]),
        indices,
        _normals(oct_encode(normals(at, around, step).reshape(3, -1))[order]),
    )
    return b"".join(parts)


def frame(edges: Edges, n: int) -> Frame:
    """The frame of a tile's (n + 1, n + 1) posts; the sines are shared by rows and columns."""
    lon = np.radians(np.linspace(edges.west, edges.east, n + 1))[None, :]
    lat = np.radians(np.linspace(edges.south, edges.north, n + 1))[:, None]
    so, co, sa, ca = np.sin(lon), np.cos(lon), np.sin(lat), np.cos(lat)
    flat = np.zeros((n + 1, n + 1))
    w = 1 - E2 * sa * sa
    prime = A / np.sqrt(w)
    step = np.radians(edges.north - edges.south) / n
    # At the poles a degree of longitude has no length, and a slope along it is none.
    reach = np.maximum(step * prime * ca, 1.0), step * A * (1 - E2) / w**1.5
    return Frame(
        east=np.stack([-so, co, np.zeros_like(so)]),
        north=np.stack([-sa * co, -sa * so, flat + ca]),
        up=np.stack([ca * co, ca * so, flat + sa]),
        prime=prime,
        reach=reach,
    )


def positions(at: Frame, heights: Doubles) -> Doubles:
    """(3, rows, columns) float64 metres, ECEF (EPSG method 9602)."""
    out = at.up * (at.prime + heights)
    out[2] -= E2 * at.prime * at.up[2]
    return np.asarray(out)


def quantised(heights: Doubles, low: float, high: float) -> NDArray[np.int64]:
    """Heights from 0 (the tile's lowest) to TOP (its highest)."""
    if high <= low:
        return np.zeros(heights.shape, np.int64)
    return np.rint((heights - low) * (TOP / (high - low))).astype(np.int64)


def normals(at: Frame, around: Doubles, step: int = 1) -> Doubles:
    """(3, rows, columns) normals (not of unit length), ECEF, by central differences.

    They look at the posts around the tile too: neighbours see the same ones, so the light is continuous.
    Where only every `step`-th post is drawn, its neighbours are still those of the full grid.
    """
    to_east = (around[1:-1, 2:] - around[1:-1, :-2])[::step, ::step] * (step / 2) / at.reach[0]
    to_north = (around[2:, 1:-1] - around[:-2, 1:-1])[::step, ::step] * (step / 2) / at.reach[1]
    return np.asarray(at.up - to_east * at.east - to_north * at.north)


def _head(points: Doubles, edges: Edges, low: float, high: float) -> bytes:
    middle = [(edges.west + edges.east) / 2, (edges.south + edges.north) / 2, (low + high) / 2]
    center = geodetic_to_ecef(np.array([middle]))[0]
    ball = (points.min(axis=1) + points.max(axis=1)) / 2
    radius = float(np.sqrt(((points - ball[:, None]) ** 2).sum(axis=0).max()))
    return struct.pack("<3d2f4d3d", *center, low, high, *ball, radius, *horizon_point(points, ball))


def horizon_point(points: Doubles, toward: Doubles) -> Doubles:
    """The point that is behind the horizon when every one of the points is.

    Args:
        points: (3, n) ECEF metres; those below the ellipsoid count as on it.
        toward: (3,) the direction in which to look for it, ECEF.

    Returns:
        (3,) in ECEF scaled by the ellipsoid's radii, as Cesium's EllipsoidalOccluder has it.
    """
    along = toward / RADII
    along = along / np.linalg.norm(along)
    scaled = points / RADII[:, None]
    square = (scaled * scaled).sum(axis=0)
    cos_a = (along @ scaled) / np.sqrt(square)
    square = np.maximum(square, 1.0)
    # 1 / size is the cosine of the angle at which a point sees its horizon.
    below = (cos_a - np.sqrt(np.maximum(1 - cos_a * cos_a, 0) * (square - 1))) / np.sqrt(square)
    lowest = float(below.min())
    return np.asarray(along / max(lowest, 1 / INFINITE))


def oct_encode(vectors: Doubles) -> NDArray[np.uint8]:
    """(n, 2) uint8 of (3, n) vectors (Cigolle et al. 2014, independent unit vectors)."""
    x, y, z = vectors / np.abs(vectors).sum(axis=0)
    under = z < 0
    u = np.where(under, (1 - np.abs(y)) * np.where(x >= 0, 1.0, -1.0), x)
    v = np.where(under, (1 - np.abs(x)) * np.where(y >= 0, 1.0, -1.0), y)
    return np.rint(np.column_stack([u, v]) * 127.5 + 127.5).astype(np.uint8)


def _normals(encoded: NDArray[np.uint8]) -> bytes:
    return struct.pack("<BI", 1, encoded.size) + encoded.tobytes()


def _deltas(values: NDArray[np.int64]) -> bytes:
    deltas = np.diff(values, prepend=0)
    return ((deltas << 1) ^ (deltas >> 63)).astype("<u2").tobytes()


@cache
def _unchanging(n: int) -> tuple[bytes, bytes]:
    """What all tiles share: the bytes before the heights (count, u, v), and those after (indices, edges)."""
    p = pattern(n)
    row, column = np.divmod(p.order, n + 1)
    u, v = (np.rint(k * (TOP / n)).astype(np.int64) for k in (column, row))
    count = len(p.order)
    vertices = struct.pack("<I", count) + _deltas(u) + _deltas(v)
    edges = (
        struct.pack("<I", len(e)) + e.astype("<u2").tobytes() for e in (p.west, p.south, p.east, p.north)
    )
    indices = struct.pack("<I", len(p.triangles)) + _high_water(p.triangles.ravel()).astype("<u2").tobytes()
    if (88 + 4 + 6 * count) % 2 or count > 65536:
        raise ValueError(f"{n} cells a side do not fit 16-bit indices")
    return vertices, indices + b"".join(edges)


def _high_water(indices: NDArray[np.int64]) -> NDArray[np.int64]:
    """How far each index lies below the highest so far plus one (vertices come in order of first use)."""
    highest = np.maximum.accumulate(np.concatenate([[0], indices[:-1] + 1]))
    return highest - indices
