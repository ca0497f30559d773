"""A decoder of quantized-mesh 1.0, written from the specification and from nothing of ours."""

from __future__ import annotations

import struct
from dataclasses import dataclass


@dataclass
class Tile:
    center: tuple[float, ...]
    lowest: float
    highest: float
    ball: tuple[float, ...]
    horizon: tuple[float, ...]
    u: list[int]
    v: list[int]
    h: list[int]
    triangles: list[tuple[int, ...]]
    west: list[int]
    south: list[int]
    east: list[int]
    north: list[int]
    normals: bytes | None
    rest: int


class Bytes:
    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def take(self, form: str) -> tuple:
        size = struct.calcsize("<" + form)
        values = struct.unpack_from("<" + form, self.data, self.at)
        self.at += size
        return values

    def one(self, form: str):
        return self.take(form)[0]


def zigzag(values: tuple[int, ...]) -> list[int]:
    out, value = [], 0
    for code in values:
        value += (code >> 1) ^ -(code & 1)
        out.append(value)
    return out


def decode(data: bytes) -> Tile:
    b = Bytes(data)
    center, (lowest, highest), ball, horizon = b.take("3d"), b.take("2f"), b.take("4d"), b.take("3d")
    count = b.one("I")
    u, v, h = (zigzag(b.take(f"{count}H")) for _ in range(3))
    form, width = ("I", 4) if count > 65536 else ("H", 2)
    b.at += -b.at % width
    codes = b.take(f"{3 * b.one('I')}{form}")
    indices, highest_index = [], 0
    for code in codes:
        indices.append(highest_index - code)
        highest_index += code == 0
    triangles = [tuple(indices[i : i + 3]) for i in range(0, len(indices), 3)]
    west, south, east, north = (list(b.take(f"{b.one('I')}{form}")) for _ in range(4))
    normals = None
    while b.at < len(data):
        kind, length = b.take("BI")
        block = b.take(f"{length}s")[0]
        normals = block if kind == 1 else normals
    return Tile(
        center,
        lowest,
        highest,
        ball,
        horizon,
        u,
        v,
        h,
        triangles,
        west,
        south,
        east,
        north,
        normals,
        len(data) - b.at,
    )
