"""Names on the map: where they may stand, which of them do, and their pixels.

Neighbouring tiles must agree on a name that crosses their edge, though each is drawn by itself. So a
candidate's place depends on its feature alone, not on the tile, and who yields to whom is settled in ROUNDS
rounds: a name stands when it outranks all undecided names that it touches, and what it touches goes. Round k
looks no farther than k names' lengths, so a window of a tile around the tile holds all that matters.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from PIL import Image

from pipelines.drawing import text
from pipelines.drawing.frame import SIDE

ROUNDS = 2
APART = 6
"""Pixels between names."""
REPEAT = 240
"""Pixels between two of the same name."""

Box = tuple[float, float, float, float]


@dataclass(frozen=True, kw_only=True)
class Glyphs:
    """A piece of a name: some letters about a point."""

    text: str
    x: float
    y: float
    angle: int = 0

    def box(self, size: int) -> Box:
        """Pixels that it covers."""
        width, height = text.measure(self.text, size)
        turn = np.radians(self.angle)
        across = abs(width * np.cos(turn)) + abs(height * np.sin(turn))
        down = abs(width * np.sin(turn)) + abs(height * np.cos(turn))
        return self.x - across / 2, self.y - down / 2, self.x + across / 2, self.y + down / 2


@dataclass(frozen=True, kw_only=True)
class Name:
    """A candidate."""

    name: str
    rank: float
    """The higher goes first."""
    size: int
    """Pixels."""
    ink: str
    pieces: tuple[Glyphs, ...]
    dot: tuple[float, float, str] | None = None
    """Where a dot marks the place, and its colour."""
    key: int = 0
    """Settles equal ranks, the same in every tile."""

    def boxes(self) -> list[Box]:
        """Pixels that it covers, a box a piece."""
        found = [p.box(self.size) for p in self.pieces]
        if self.dot:
            x, y, _ = self.dot
            found.append((x - 7, y - 7, x + 7, y + 7))
        return found


def key(*parts: object) -> int:
    """A number that is the same in every tile and every process."""
    return zlib.crc32("|".join(map(str, parts)).encode())


def standing(names: Sequence[Name]) -> list[Name]:
    """Those of the candidates that stand, in drawing order (the highest rank last)."""
    order = sorted(names, key=lambda n: (-round(n.rank, 2), n.key, n.name))
    if not order:
        return []
    repeated = np.zeros(len(order), bool)
    repeated[_same(order)] = True
    kept = [name for name, again in zip(order, repeated, strict=True) if not again]
    return [kept[i] for i in np.flatnonzero(settle(len(kept), *_touching(kept)))[::-1]]


def settle(count: int, first: NDArray[np.int64], second: NDArray[np.int64]) -> NDArray[np.bool_]:
    """(count,) bool: who stands, the earlier outranking the later; `first` < `second` are in conflict."""
    stands, gone = np.zeros(count, bool), np.zeros(count, bool)
    for _ in range(ROUNDS):
        open_ = ~stands & ~gone
        live = open_[first] & open_[second]
        outranked = np.zeros(count, bool)
        outranked[second[live]] = True
        winners = open_ & ~outranked
        stands |= winners
        gone[second[winners[first]]] = True
        gone[first[winners[second]]] = True
        gone &= ~stands
    return stands


def _touching(names: list[Name]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pairs of candidates that touch, the higher ranking one first."""
    boxes, owners = [], []
    for i, name in enumerate(names):
        for box in name.boxes():
            boxes.append(box)
            owners.append(i)
    owner = np.array(owners)
    west, north, east, south = np.array(boxes).T
    half = APART / 2
    shapes = shapely.box(west - half, north - half, east + half, south + half)
    one, two = shapely.STRtree(shapes).query(shapes, predicate="intersects")
    found = np.unique(np.column_stack([owner[one], owner[two]])[owner[one] < owner[two]], axis=0)
    return found[:, 0], found[:, 1]


def _same(names: list[Name]) -> NDArray[np.int64]:
    """Those of the candidates that a higher ranking one says already within REPEAT pixels."""
    middles = shapely.points(
        [(n.pieces[len(n.pieces) // 2].x, n.pieces[len(n.pieces) // 2].y) for n in names]
    )
    said = np.array([n.name for n in names], object)
    one, two = shapely.STRtree(middles).query(middles, predicate="dwithin", distance=REPEAT)
    return np.asarray(two[(said[one] == said[two]) & (one < two)])


def visible(names: Iterable[Name]) -> list[Name]:
    """Those that reach into the tile."""
    return [n for n in names if any(b[0] < SIDE and b[1] < SIDE and b[2] > 0 and b[3] > 0 for b in n.boxes())]


def paint(image: Image.Image, names: Sequence[Name], halo: str) -> None:
    """Write the names, all halos before all letters."""
    for name in names:
        _write(image, name, halo, 1)
    for name in names:
        _write(image, name, name.ink, 0)


def _write(image: Image.Image, name: Name, ink: str, layer: int) -> None:
    if name.dot:
        _dot(image, name.dot, ink if layer else None)
    for piece in name.pieces:
        mask = Image.fromarray(text.masks(piece.text, name.size, piece.angle)[layer])
        at = round(piece.x - mask.width / 2), round(piece.y - mask.height / 2)
        image.paste(ink, at, mask)


def _dot(image: Image.Image, dot: tuple[float, float, str], halo: str | None) -> None:
    mask = Image.fromarray(_disc(7.5 if halo else 5.0))
    image.paste(halo or dot[2], (round(dot[0] - mask.width / 2), round(dot[1] - mask.height / 2)), mask)


def _disc(radius: float) -> NDArray[np.uint8]:
    """(17, 17) uint8: an antialiased disc."""
    y, x = np.mgrid[-8:9, -8:9]
    return np.asarray(np.clip(radius - np.hypot(x, y) + 0.5, 0, 1) * 255, np.uint8)
