"""The map's colours, by day and by night, and which values of an attribute mean which surface.

Ground, buildings, text and accent are the viewer's own tokens; the rest is chosen to stay quiet beside them,
since colour carries meaning and the meaning is in the layers above the map.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import cache


@dataclass(frozen=True, kw_only=True)
class Palette:
    """One set of colours, `#rrggbb`."""

    ground: str
    relief: tuple[tuple[float, str], ...]
    """Metres and the colour of the ground there."""
    surfaces: dict[str, str]
    building: str
    public: str
    """Buildings that everybody goes to."""
    outline: str
    shadow: str
    road: str
    casing: str
    main: str
    """Trunk roads and motorways."""
    main_casing: str
    second: str
    """Primary roads."""
    second_casing: str
    path: str
    rail: str
    boundary: str
    quiet: str
    text: str
    water_text: str
    green_text: str
    road_text: str
    halo: str
    shade: float
    """How strong the hillshade is."""


DAY = Palette(
    ground="#DFE3DC",
    relief=(
        (-50, "#DCE2DC"),
        (0, "#DFE3DC"),
        (8, "#E2E5DB"),
        (40, "#E5E4D3"),
        (150, "#E7E0C9"),
        (500, "#E3D6BC"),
        (1500, "#DACBB5"),
        (2500, "#E0D7CB"),
        (4000, "#F1EFEC"),
    ),
    surfaces={
        "sea": "#AECBD9",
        "water": "#B3D0DC",
        "pond": "#BFD8DE",
        "wetland": "#C8DCD2",
        "saltpan": "#D7E2E2",
        "park": "#C6DBB4",
        "wood": "#BBD2A9",
        "orchard": "#D2DDBC",
        "grass": "#D3E0C3",
        "farm": "#E1E5CE",
        "sport": "#C8DFC4",
        "residential": "#DCDBD4",
        "village": "#DDD8CB",
        "commercial": "#E3D9CF",
        "industrial": "#D5D4D8",
        "civic": "#E0DBD6",
        "transport": "#DADBDB",
        "sand": "#EBE4CC",
    },
    building="#E9E4DA",
    public="#EADFD0",
    outline="#C3BAAA",
    shadow="#3C4348",
    road="#FFFFFF",
    casing="#C7CBC6",
    main="#F6CF8C",
    main_casing="#D8A95C",
    second="#FBE9BF",
    second_casing="#DCC48C",
    path="#B9AFA0",
    rail="#8C9298",
    boundary="#8A8399",
    quiet="#7B858C",
    text="#14181B",
    water_text="#2F6B8C",
    green_text="#3F6B3A",
    road_text="#5B5346",
    halo="#FFFFFF",
    shade=1.0,
)

NIGHT = Palette(
    ground="#2A2F2C",
    relief=(
        (-50, "#272C2A"),
        (0, "#2A2F2C"),
        (8, "#2C312D"),
        (40, "#30342E"),
        (150, "#35372F"),
        (500, "#3B3A31"),
        (1500, "#423F36"),
        (2500, "#4A4741"),
        (4000, "#5A5854"),
    ),
    surfaces={
        "sea": "#16232C",
        "water": "#1A2A34",
        "pond": "#1D2E36",
        "wetland": "#223131",
        "saltpan": "#2B3538",
        "park": "#28382A",
        "wood": "#263527",
        "orchard": "#2C372A",
        "grass": "#2B372C",
        "farm": "#2D332A",
        "sport": "#273A2C",
        "residential": "#303433",
        "village": "#32332F",
        "commercial": "#363331",
        "industrial": "#2F3236",
        "civic": "#333334",
        "transport": "#323536",
        "sand": "#37362F",
    },
    building="#3A4046",
    public="#444546",
    outline="#4B5359",
    shadow="#0A0D0F",
    road="#4C5459",
    casing="#23282A",
    main="#6B5A3D",
    main_casing="#2B251B",
    second="#595244",
    second_casing="#28251E",
    path="#4F4B44",
    rail="#5C646A",
    boundary="#7C7590",
    quiet="#7F8A92",
    text="#E9EDF0",
    water_text="#7FB2CE",
    green_text="#93BB8C",
    road_text="#C9C2B4",
    halo="#14181B",
    shade=0.8,
)

SURFACES: dict[str, tuple[str, ...]] = {
    "sea": ("sea", "ocean", "bay", "海域", "海洋"),
    "water": (
        *("water", "river", "canal", "lake", "reservoir", "stream", "riverbank", "basin", "dock", "ditch"),
        *("水域", "水系", "河流", "湖泊", "水库", "坑塘水面", "沟渠", "河流水面", "湖泊水面", "水库水面"),
    ),
    "pond": ("pond", "fishpond", "aquaculture", "鱼塘", "养殖坑塘", "坑塘"),
    "wetland": ("wetland", "marsh", "mangrove", "swamp", "湿地", "沼泽", "滩涂"),
    "saltpan": ("saltpan", "salt_pond", "salt_pan", "salt", "盐田"),
    "park": (
        "park",
        "garden",
        "green",
        "recreation_ground",
        "cemetery",
        "公园",
        "绿地",
        "公园绿地",
        "公园与绿地",
    ),
    "wood": ("forest", "wood", "windbreak", "trees", "林地", "乔木林地", "灌木林地", "防护林"),
    "orchard": ("orchard", "vineyard", "plant_nursery", "园地", "果园", "茶园"),
    "grass": ("grass", "meadow", "grassland", "scrub", "heath", "草地"),
    "farm": ("farmland", "farm", "cropland", "farmyard", "耕地", "农田", "水田", "旱地", "水浇地"),
    "sport": ("sports", "pitch", "stadium", "playground", "golf_course", "体育用地"),
    "residential": ("residential", "居住用地", "住宅用地", "城镇住宅用地"),
    "village": ("village", "rural", "allotments", "农村宅基地"),
    "commercial": ("commercial", "retail", "office", "mixed", "商业用地", "商业服务业用地"),
    "industrial": (
        "industrial",
        "utility",
        "warehouse",
        "port",
        "quarry",
        "brownfield",
        "工业用地",
        "仓储用地",
    ),
    "civic": (
        *(
            "education",
            "school",
            "university",
            "health",
            "hospital",
            "government",
            "culture",
            "civic",
            "religious",
        ),
        *("military", "institutional", "公共管理与公共服务用地", "教育用地", "医疗卫生用地", "机关团体用地"),
    ),
    "transport": ("transport", "railway", "parking", "aerodrome", "station", "交通运输用地"),
    "sand": ("beach", "sand", "沙滩", "沙地"),
}
"""Surface -> the values that mean it, OSM's and the land survey's; a surface further down is drawn earlier."""
ORDER = (
    *("residential", "village", "commercial", "industrial", "civic", "transport", "sand"),
    *("farm", "orchard", "grass", "wood", "park", "sport", "wetland", "saltpan", "pond", "sea", "water"),
)
"""From the bottom up."""
WET = ("sea", "water", "pond")
GREEN = ("park", "wood", "sport")
COLUMNS = ("class", "use", "landuse", "natural", "water", "leisure", "type", "category", "fclass")
"""Attribute columns in which a surface is looked for, the first that says one wins."""
BOUNDARIES = {
    "boundary",
    "administrative",
    "county",
    "town",
    "township",
    "district",
    "行政区",
    "县界",
    "镇界",
}
PUBLIC = {
    *("school", "hospital", "government", "university", "college", "station", "culture", "sports", "stadium"),
    *(
        "museum",
        "library",
        "public",
        "civic",
        "train_station",
        "学校",
        "医院",
        "政府",
        "机关",
        "文化",
        "体育",
    ),
}


@cache
def surface(value: object) -> str | None:
    """The surface that an attribute value means."""
    if value is None:
        return None
    return _meanings().get(unicodedata.normalize("NFKC", str(value)).strip().lower())


@cache
def _meanings() -> dict[str, str]:
    return {value: name for name, values in SURFACES.items() for value in values}
