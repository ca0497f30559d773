"""What the types of city objects are called."""

from __future__ import annotations

from typing import Final

from twin.model import Titles

TITLES: Final = {
    name: Titles(zh=zh, en=en)
    for name, zh, en in (
        ("Bridge", "桥梁", "Bridges"),
        ("CityFurniture", "城市设施", "City furniture"),
        ("CityObjectGroup", "对象组", "City object groups"),
        ("GenericCityObject", "通用对象", "Generic city objects"),
        ("LandUse", "土地利用", "Land use"),
        ("OtherConstruction", "其他构筑物", "Other constructions"),
        ("PlantCover", "植被", "Plant cover"),
        ("Railway", "铁路", "Railways"),
        ("ReliefFeature", "地形", "Relief"),
        ("Road", "道路", "Roads"),
        ("SolitaryVegetationObject", "单株植被", "Solitary vegetation"),
        ("Square", "广场", "Squares"),
        ("TINRelief", "地形三角网", "TIN relief"),
        ("Track", "小径", "Tracks"),
        ("TransportSquare", "广场", "Squares"),
        ("TransportationComplex", "交通设施", "Transportation complexes"),
        ("Tunnel", "隧道", "Tunnels"),
        ("WaterBody", "水体", "Water bodies"),
        ("Waterway", "水道", "Waterways"),
    )
}
"""CityJSON 2.0 clause 3 and CityGML 2.0 (OGC 12-019) name them so; an extension's type has its own name only."""
