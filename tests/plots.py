"""2,300 squares with Chinese names, numbers and dates, for clients that page and filter."""

from __future__ import annotations

import json
from pathlib import Path

COUNT = 2300
WIDE = 0.0005
"""Degrees; the next one begins two widths on."""


def plots(path: Path) -> Path:
    """Write them as GeoJSON: 50 in a row, from 118.3°E 38.3°N."""
    whole = {"type": "FeatureCollection", "features": [plot(n) for n in range(COUNT)]}
    path.write_text(json.dumps(whole, ensure_ascii=False), "utf-8")
    return path


def plot(n: int) -> dict[str, object]:
    west, south = 118.3 + n % 50 * 2 * WIDE, 38.3 + n // 50 * 2 * WIDE
    east, north = west + WIDE, south + WIDE
    return {
        "type": "Feature",
        "id": f"P{n:05}",
        "properties": {
            "name": f"地块<{n}>&",
            "height": 1.5 * n,
            "floors": n % 7,
            "use": "住宅" if n % 3 else "商业",
            "built": f"20{n % 20:02}-03-0{1 + n % 9}",
        },
        "geometry": {
            "type": "Polygon",
            "coordinates": [[[west, south], [east, south], [east, north], [west, north], [west, south]]],
        },
    }
