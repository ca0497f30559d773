"""Places that people look for: hospitals, schools, shelters, fire stations, villages, as GeoJSON points."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import shapely

from data_samples import files, governance, manifest, offices, place, skeleton
from data_samples.manifest import Entry

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from data_samples.blocks import Blocks

CATEGORIES = {
    "hospital": "医院",
    "school": "学校",
    "shelter": "应急避难场所",
    "fire_station": "消防救援站",
    "government": "政府机关",
    "bus_station": "汽车站",
    "park": "公园",
    "village": "村庄",
    "police": "派出所",
    "culture": "文化场馆",
    "sports": "体育场馆",
    "market": "市场",
    "utility": "公用设施",
    "town": "镇街",
    "fuel": "加油站",
    "port": "港口",
    "scenic": "景点",
    "industry": "工业园区",
}
FROM_USE = {
    "hospital": "hospital",
    "school": "school",
    "government": "government",
    "station": "bus_station",
    "park": "park",
    "culture": "culture",
    "stadium": "sports",
    "market": "market",
    "utility": "utility",
    "heritage": "scenic",
    "chemical": "industry",
}
# Name, category and place in the town frame of what has no block of its own.
EXTRA = (
    ("望海县消防救援大队", "fire_station", -1270, -60),
    ("新区消防救援站", "fire_station", 880, -3300),
    ("临港消防救援站", "fire_station", 3060, 760),
    ("城西消防救援站", "fire_station", -2080, 1230),
    ("海丰派出所", "police", 40, 1240),
    ("渤海派出所", "police", 1360, -720),
    ("棣新派出所", "police", -1660, -420),
    ("新区派出所", "police", -380, -3300),
    ("临港派出所", "police", 3480, 40),
    ("中石加油站（环城北路）", "fuel", 1800, 1715),
    ("滨河加油站", "fuel", -1740, -1460),
    ("海丰路加油站", "fuel", 40, -4100),
    ("工业园加油站", "fuel", 2600, 780),
    ("中心大街西加油站", "fuel", -2900, 40),
)
OUTER = (
    ("望海港", "port", 7_900, 8_420),
    ("盐场消防救援站", "fire_station", 3_150, 7_330),
    ("河口海防观景台", "scenic", 9_120, 4_420),
    ("南山水库管理所", "utility", 2_330, 1_500),
)


def find(blocks: Blocks, rng: np.random.Generator) -> dict[str, Any]:
    """Every place: name, category, position (local metres), capacity and population where they have one."""
    rows: list[tuple[str, str, float, float]] = []
    for use, name, land in zip(blocks.use, blocks.name, blocks.land, strict=True):
        if name and use in FROM_USE and not land.is_empty:
            rows.append((name, FROM_USE[use], *shapely.get_coordinates(land.representative_point())[0]))
    rows += [(name, "shelter", x + 14, y - 14) for name, category, x, y in _shelters(rows)]
    rows += [(name, "village", *middle) for name, middle, _ in skeleton.villages()]
    rows += [(name, "town", x, y) for name, x, y in governance.TOWNS]
    moved = place.from_town(np.array([(p, q) for _, _, p, q in EXTRA], dtype=np.float64))
    rows += [(name, category, *at) for (name, category, _, _), at in zip(EXTRA, moved.tolist(), strict=True)]
    rows += OUTER
    category = np.array([row[1] for row in rows], dtype=object)
    return {
        "name": np.array([row[0] for row in rows], dtype=object),
        "category": category,
        "at": np.array([row[2:] for row in rows], dtype=np.float64),
        "capacity": np.where(category == "shelter", rng.integers(8, 60, len(rows)) * 100, 0),
        "population": np.where(category == "village", rng.integers(380, 1900, len(rows)), 0),
        "phone": governance.phones(rng, len(rows)),
    }


def _shelters(rows: list[tuple[str, str, float, float]]) -> list[tuple[str, str, float, float]]:
    """Parks, schools and the stadium are where people gather."""
    return [
        (f"{name}应急避难场所", category, x, y)
        for name, category, x, y in rows
        if category in {"park", "school", "sports"}
    ]


def write(found: dict[str, Any], folder: Path) -> Entry:
    """Write the places as GeoJSON; returns the manifest's line."""
    lonlat = files.lonlat(found["at"])
    features = [_feature(found, k, lonlat[k]) for k in range(len(lonlat))]
    text = orjson.dumps({"type": "FeatureCollection", "features": features})
    (folder / "places.geojson").write_bytes(text)
    return Entry(
        files=("places.geojson",),
        layer="places",
        kind="places",
        valid_from=manifest.moment("2021-07-01"),
        title={"zh": "地名与设施", "en": "Places"},
        theme="emergency",
        department=offices.EMERGENCY,
        columns={
            "name": "name",
            "category": "category",
            "phone": "phone",
            "capacity": "capacity",
        },
    )


def _feature(found: dict[str, Any], k: int, lonlat: NDArray[np.float64]) -> dict[str, Any]:
    properties = {
        "name": found["name"][k],
        "category": found["category"][k],
        "category_zh": CATEGORIES[found["category"][k]],
    }
    properties["phone"] = (
        found["phone"][k] if found["category"][k] not in {"village", "town", "shelter", "park"} else None
    )
    properties["capacity"] = int(found["capacity"][k]) or None
    properties["population"] = int(found["population"][k]) or None
    return {
        "type": "Feature",
        "id": f"P{k + 1:04d}",
        "geometry": {"type": "Point", "coordinates": lonlat.tolist()},
        "properties": properties,
    }
