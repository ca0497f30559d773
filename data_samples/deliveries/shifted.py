"""GCJ-02 as telephones give it: WGS 84 moved by some hundred metres by a formula that has no publication.

Written down from the description that gcoord and eviltransform share, apart from the reader that undoes it.
"""

from __future__ import annotations

import math

AXIS = 6_378_245.0
SQUARED = 0.00669342162296594323


def gcj02(lon: float, lat: float) -> tuple[float, float]:
    """Longitude and latitude in GCJ-02 of a place in China, degrees."""
    x, y = lon - 105.0, lat - 35.0
    rough = (20 * math.sin(6 * x * math.pi) + 20 * math.sin(2 * x * math.pi)) * 2 / 3
    up = -100 + 2 * x + 3 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * math.sqrt(abs(x)) + rough
    up += (20 * math.sin(y * math.pi) + 40 * math.sin(y / 3 * math.pi)) * 2 / 3
    up += (160 * math.sin(y / 12 * math.pi) + 320 * math.sin(y * math.pi / 30)) * 2 / 3
    over = 300 + x + 2 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * math.sqrt(abs(x)) + rough
    over += (20 * math.sin(x * math.pi) + 40 * math.sin(x / 3 * math.pi)) * 2 / 3
    over += (150 * math.sin(x / 12 * math.pi) + 300 * math.sin(x / 30 * math.pi)) * 2 / 3
    sine = math.sin(math.radians(lat))
    magic = 1 - SQUARED * sine * sine
    north = up * 180 / (AXIS * (1 - SQUARED) / (magic * math.sqrt(magic)) * math.pi)
    east = over * 180 / (AXIS / math.sqrt(magic) * math.cos(math.radians(lat)) * math.pi)
    return lon + east, lat + north
