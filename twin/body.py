"""Bodies: the 3D surfaces of a feature, as one block of bytes.

Layout, little-endian: 4 x uint32 (vertices, faces, rings, corners), then
vertices float64 (n, 3), ring ends uint32 (rings), face ends uint32 (faces, counted in rings),
corners uint32, surfaces uint8 (faces). A face's first ring is its outer one, the others are holes;
rings are not closed (the first corner is not repeated) and run counter-clockwise seen from outside.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import IntEnum

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from twin.errors import InvalidGeometry


class Surface(IntEnum):
    """What a face is, after CityGML's boundary surfaces."""

    UNKNOWN = 0
    GROUND = 1
    WALL = 2
    ROOF = 3
    CLOSURE = 4
    FLOOR = 5
    CEILING = 6
    OTHER = 7


@dataclass(frozen=True, kw_only=True)
class Body:
    """Surfaces of one feature at one level of detail."""

    vertices: NDArray[np.float64]
    """(n, 3) float64: longitude, latitude (degrees), height in metres of the layer's vertical datum.
    On the way in, before `moved`: x, y of the source's CRS."""
    ring_ends: NDArray[np.uint32]
    """(rings,) uint32: where each ring ends in `corners`."""
    face_ends: NDArray[np.uint32]
    """(faces,) uint32: where each face ends in `ring_ends`."""
    corners: NDArray[np.uint32]
    """(corners,) uint32: vertex indices."""
    surfaces: NDArray[np.uint8]
    """(faces,) uint8: `Surface`."""

    def encode(self) -> bytes:
        """The block of bytes that a store keeps."""
        head = np.array(
            [len(self.vertices), len(self.face_ends), len(self.ring_ends), len(self.corners)], "<u4"
        )
        parts = (
            head,
            self.vertices.astype("<f8", copy=False),
            self.ring_ends.astype("<u4", copy=False),
            self.face_ends.astype("<u4", copy=False),
            self.corners.astype("<u4", copy=False),
            self.surfaces.astype("u1", copy=False),
        )
        return b"".join(np.ascontiguousarray(p).tobytes() for p in parts)


def decode(block: bytes) -> Body:
    """The body in a block of bytes.

    Raises:
        InvalidGeometry: the block's length is not what its head says.
    """
    if len(block) < 16:
        raise InvalidGeometry(f"a body of {len(block)} bytes has no head")
    n, faces, rings, corners = (int(v) for v in np.frombuffer(block, "<u4", 4))
    if len(block) != 16 + 24 * n + 4 * (rings + faces + corners) + faces:
        raise InvalidGeometry(f"a body of {len(block)} bytes does not hold what its head says")
    at = 16
    vertices = np.frombuffer(block, "<f8", 3 * n, at).reshape(n, 3)
    at += 24 * n
    ring_ends = np.frombuffer(block, "<u4", rings, at)
    at += 4 * rings
    face_ends = np.frombuffer(block, "<u4", faces, at)
    at += 4 * faces
    return Body(
        vertices=vertices,
        ring_ends=ring_ends,
        face_ends=face_ends,
        corners=np.frombuffer(block, "<u4", corners, at),
        surfaces=np.frombuffer(block, "u1", faces, at + 4 * corners),
    )


Move = Callable[[NDArray[np.float64], NDArray[np.float64]], tuple[NDArray[np.float64], NDArray[np.float64]]]
"""(n,) x and y to (n,) longitude and latitude."""
Shift = Callable[[NDArray[np.float64], NDArray[np.float64]], NDArray[np.float64]]
"""(n,) degrees to (n,) metres; NaN where nothing is known."""


def moved(blocks: pa.Array, move: Move, *, up: float = 1.0) -> pa.Array:
    """A column of bodies in another horizontal CRS, all vertices moved at once; nulls stay.

    Args:
        up: what heights are multiplied by.

    Raises:
        InvalidGeometry: a block is not a body.
    """

    def change(vertices: NDArray[np.float64]) -> None:
        vertices[:, 0], vertices[:, 1] = move(vertices[:, 0], vertices[:, 1])
        vertices[:, 2] *= up

    return _changed(blocks, change)


def lifted(blocks: pa.Array, shift: Shift) -> pa.Array:
    """A column of bodies with metres added to their heights, by longitude and latitude; nulls stay.

    Raises:
        InvalidGeometry: a block is not a body.
    """

    def change(vertices: NDArray[np.float64]) -> None:
        vertices[:, 2] += shift(vertices[:, 0], vertices[:, 1])

    return _changed(blocks, change)


def _changed(blocks: pa.Array, change: Callable[[NDArray[np.float64]], None]) -> pa.Array:
    bodies = [None if block is None else decode(block) for block in blocks.to_pylist()]
    known = [b for b in bodies if b is not None]
    vertices = np.concatenate([np.empty((0, 3)), *(b.vertices for b in known)])
    change(vertices)
    ends = np.cumsum([len(b.vertices) for b in known])
    shifted = iter(np.split(vertices, ends[:-1])) if known else iter(())
    return pa.array(
        [None if b is None else replace(b, vertices=next(shifted)).encode() for b in bodies], pa.binary()
    )
