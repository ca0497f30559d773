"""Terrain for the viewer: layer.json and quantized-mesh tiles out of a ground."""

from __future__ import annotations

from typing import Any

from pipelines.ground import Ground, size
from tiles import quantized_mesh
from twin.errors import TileNotFound
from twin.model import BBox

RECIPE = "t2"
"""Part of a tile's key; changes when the same ground would give other bytes."""


def layer_json(ground: Ground, template: str, *, attribution: str = "") -> dict[str, Any]:
    """The tileset's description.

    Args:
        template: where the tiles are, with {z}, {x} and {y}.

    See: https://github.com/CesiumGS/quantized-mesh and TileJSON 2.1.
    """
    return {
        "tilejson": "2.1.0",
        "name": "ground",
        "version": "1.0.0",
        "format": "quantized-mesh-1.0",
        "scheme": "tms",
        "projection": "EPSG:4326",
        "bounds": [-180.0, -90.0, 180.0, 90.0],
        "minzoom": 0,
        "maxzoom": ground.deepest,
        "tiles": [template],
        "extensions": ["octvertexnormals"],
        "attribution": attribution,
        "available": [_available(ground, level) for level in range(ground.deepest + 1)],
    }


def _available(ground: Ground, level: int) -> list[dict[str, int]]:
    return [
        {"startX": x0, "startY": y0, "endX": x1, "endY": y1}
        for x0, x1, y0, y1 in sorted(set(ground.spans(level)))
    ]


def box(level: int, column: int, row: int) -> BBox:
    """A tile's box, rows from the south."""
    side = size(level)
    west, south = -180 + column * side, -90 + row * side
    return BBox(west=west, south=south, east=west + side, north=south + side)


def tile(ground: Ground, level: int, column: int, row: int) -> bytes:
    """A quantized-mesh tile, not compressed.

    Raises:
        TileNotFound: the ground has no such tile (`available` in layer.json says which it has).
    """
    if not ground.has(level, column, row):
        deepest = f"levels 0 to {ground.deepest}, where layer.json says"
        raise TileNotFound(f"no terrain tile {level}/{column}/{row}; there are {deepest}")
    b = box(level, column, row)
    edges = quantized_mesh.Edges(west=b.west, south=b.south, east=b.east, north=b.north)
    posts, cells = ground.grid((level, column, row))
    return quantized_mesh.encode(posts, edges, cells=cells)
