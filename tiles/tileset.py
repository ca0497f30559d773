"""3D Tiles 1.1 tileset JSON, written from a tree of tiles."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

import orjson

MEDIA_TYPE: Final = "application/json"


@dataclass(frozen=True, kw_only=True, slots=True)
class Region:
    """A bounding volume: degrees and metres above the ellipsoid."""

    west: float
    south: float
    east: float
    north: float
    low: float
    high: float

    def radians(self) -> list[float]:
        """As 3D Tiles writes it (1.1, 7.3.2), rounded outwards to 6 mm and a centimetre."""
        ground = (self.west, self.south, self.east, self.north)
        west, south, east, north = (math.radians(v) * 1e9 for v in ground)
        sides = [
            math.floor(west) / 1e9,
            math.floor(south) / 1e9,
            math.ceil(east) / 1e9,
            math.ceil(north) / 1e9,
        ]
        return [
            max(sides[0], -math.pi),
            max(sides[1], -math.pi / 2),
            min(sides[2], math.pi),
            min(sides[3], math.pi / 2),
            math.floor(self.low * 100) / 100,
            math.ceil(self.high * 100) / 100,
        ]


@dataclass(frozen=True, kw_only=True, slots=True)
class Tile:
    """One tile: what it holds itself comes from `content`, what is smaller from its children."""

    region: Region
    geometric_error: float
    """Metres: the size of the largest feature that is missing while the children are not there."""
    content: str | None = None
    """A URI."""
    children: tuple[Tile, ...] = ()


def tileset(root: Tile, *, geometric_error: float, version: str) -> bytes:
    """Tileset JSON.

    Args:
        root: the uppermost tile.
        geometric_error: metres, the error while nothing at all is drawn.
        version: what names this state of the content.
    """
    document = {
        "asset": {"version": "1.1", "tilesetVersion": version, "generator": "onemap-twin"},
        "geometricError": max(geometric_error, root.geometric_error),
        "root": {**_tile(root), "refine": "ADD"},
    }
    return orjson.dumps(document)


def nothing(version: str) -> bytes:
    """Tileset JSON of a layer without anything to draw."""
    region = Region(west=0, south=0, east=0, north=0, low=0, high=0)
    return tileset(Tile(region=region, geometric_error=0), geometric_error=0, version=version)


def _tile(tile: Tile) -> dict[str, Any]:
    written: dict[str, Any] = {
        "boundingVolume": {"region": tile.region.radians()},
        "geometricError": tile.geometric_error,
    }
    if tile.content is not None:
        written["content"] = {"uri": tile.content}
    if tile.children:
        written["children"] = [_tile(child) for child in tile.children]
    return written
