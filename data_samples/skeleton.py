"""The county's road lines as a planner draws them, before they are cut at their crossings.

Every line carries its name, its class and whether it may bridge open water.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import shapely
from shapely import LineString

from data_samples import place, plan

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class Road:
    """A road line, local metres."""

    line: LineString
    name: str
    grade: str
    """motorway | trunk | primary | secondary | tertiary | residential | service."""
    bridges: bool = False


# Town lines: (offset, from, to, name, class); the offset is p for streets that run north, q for those that run east.
NORTHWARD = (
    (-2500, -2480, 2270, "环城西路", "primary"),
    (-1700, -4150, 1750, "永安大街", "primary"),
    (-850, -4150, 1750, "文昌路", "primary"),
    (0, -5000, 2620, "海丰路", "trunk"),
    (900, -4150, 1750, "府前路", "primary"),
    (1750, -4150, 1750, "东海大道", "primary"),
    (2560, -4150, 1750, "环城东路", "primary"),
    (-2100, -1500, 1750, "棣新路", "secondary"),
    (-1270, -4150, 1750, "学府路", "secondary"),
    (-420, -1500, 1750, "古城街", "secondary"),
    (450, -4150, 1750, "民生路", "secondary"),
    (1320, -4150, 1750, "科技路", "secondary"),
    (2150, -4150, 1750, "望潮路", "secondary"),
    (3020, -750, 1750, "工业一路", "secondary"),
    (3460, -380, 1750, "工业二路", "secondary"),
    (3880, -380, 1750, "临港路", "secondary"),
)
EASTWARD = (
    (-4150, -1700, 2560, "环城南路", "primary"),
    (-3760, -1700, 1750, "锦绣街", "secondary"),
    (-3340, -1700, 2560, "新区大道", "primary"),
    (-2900, -1700, 1750, "和谐街", "secondary"),
    (-2480, -2500, 2560, "滨河南路", "secondary"),
    (-1500, -2500, 2560, "滨河北路", "primary"),
    (-1120, -2500, 2560, "迎宾街", "secondary"),
    (-750, -2500, 3020, "渤海路", "primary"),
    (-380, -2500, 3880, "和平街", "secondary"),
    (0, -5100, 4520, "中心大街", "trunk"),
    (400, -2500, 3880, "鼓楼街", "secondary"),
    (800, -2500, 3880, "朝阳路", "primary"),
    (1270, -2500, 3880, "盐业街", "secondary"),
    (1750, -2500, 3880, "环城北路", "primary"),
)
RURAL = (
    (
        "沙河路",
        "tertiary",
        True,
        ((700, 2350), (640, 3300), (760, 4300), (640, 5200), (720, 6300), (650, 7050), (640, 7370)),
    ),
    (
        "柳林路",
        "tertiary",
        True,
        ((1480, 2300), (1420, 3100), (1500, 4300), (1400, 5400), (1490, 6500), (1420, 7050), (1400, 7400)),
    ),
    ("望城路", "tertiary", False, ((0, 4150), (700, 4230), (1480, 4180), (2260, 4260))),
    ("枣园路", "tertiary", True, ((0, 6150), (700, 6080), (1450, 6210), (2300, 6120))),
    ("南山路", "tertiary", False, ((0, 2480), (700, 2380), (1480, 2420), (2290, 2470))),
    (
        "盐场路",
        "tertiary",
        True,
        ((0, 7330), (1500, 7390), (3000, 7360), (4600, 7400), (6300, 7380), (6900, 7500), (7500, 7700)),
    ),
    (
        "水库路",
        "tertiary",
        False,
        ((2180, 2735), (2260, 2480), (2420, 2050), (2460, 1400), (2330, 850), (2560, 420), (2600, 0)),
    ),
    (
        "南环村路",
        "tertiary",
        False,
        ((2440, 560), (3300, 500), (4200, 420), (5500, 520), (6700, 380), (7260, 420)),
    ),
    ("河口路", "tertiary", False, ((7150, 2380), (7900, 2620), (8600, 2600), (9140, 2680))),
    ("养殖场路", "tertiary", False, ((7180, 2500), (7200, 1400), (7260, 420), (7400, 0))),
    ("疏港路", "primary", False, ((7060, 6650), (7220, 7100), (7480, 7650), (7540, 8200), (7560, 8700))),
    ("港前街", "secondary", False, ((6750, 8700), (7560, 8690), (8380, 8660))),
    ("码头路", "secondary", False, ((6750, 8230), (7540, 8220), (8350, 8230))),
    ("港西路", "secondary", False, ((6820, 7480), (6840, 8230), (6860, 9200))),
    ("港东路", "secondary", False, ((8150, 7760), (8180, 8230), (8200, 8680))),
    ("海防路", "tertiary", False, ((7500, 7700), (8150, 7760), (8420, 7200), (8640, 6300), (8560, 5900))),
)
MOTORWAY = (
    "疏港高速",
    (
        (-100, 6960),
        (1200, 6990),
        (2600, 7060),
        (4400, 7090),
        (6000, 7150),
        (7000, 7180),
        (8000, 7290),
        (8560, 7350),
    ),
)


def roads() -> list[Road]:
    """Every line except the motorway and its ramps."""
    return [*_town(), *_locals(), *_country(), *_villages(), *_dykes()]


def motorway() -> Road:
    """The one motorway; it meets others only at its interchanges."""
    name, points = MOTORWAY
    return Road(line=_inside(place.curve(points)), name=name, grade="motorway", bridges=True)


def _inside(line: LineString) -> LineString:
    return max(shapely.get_parts(line.intersection(place.rectangle())), key=lambda part: part.length)


def _town_line(start: tuple[float, float], end: tuple[float, float]) -> LineString:
    count = max(2, int(np.hypot(end[0] - start[0], end[1] - start[1]) / 45))
    return LineString(place.from_town(np.linspace(start, end, count)))


def _town() -> Iterator[Road]:
    # A few metres too far at each end, so that the line certainly meets the one that it ends at.
    for p, south, north, name, grade in NORTHWARD:
        line = _inside(_town_line((p, south - 12), (p, north + 12)))
        yield Road(line=line, name=name, grade=grade, bridges=grade != "secondary" or p in {-1270, 450})
    for q, west, east, name, grade in EASTWARD:
        line = _inside(_town_line((west - 12, q), (east + 12, q)))
        yield Road(line=line, name=name, grade=grade, bridges=grade in {"trunk", "primary"})


def _locals() -> Iterator[Road]:
    """Quiet streets that halve the blocks between the main ones, some left out."""
    rng = np.random.default_rng(11)
    columns = sorted(p for p, south, _, _, _ in NORTHWARD if p <= 2560 and south <= -1500)
    rows = sorted(q for q, *_ in EASTWARD)
    for west, east in pairwise(columns):
        for south, north in pairwise(rows):
            middle = ((west + east) / 2, (south + north) / 2)
            if north - south > 700 or (west < -1700 and north < -2000):
                continue
            yield from _halves(rng, (west, east), (south, north), middle)


def _halves(
    rng: np.random.Generator,
    across: tuple[float, float],
    up: tuple[float, float],
    middle: tuple[float, float],
) -> Iterator[Road]:
    p, q = middle + rng.normal(0, 14, 2)
    old = -850 <= middle[0] <= 450 and 0 <= middle[1] <= 800
    if rng.random() < 0.82 or old:
        yield Road(
            line=_town_line((p, up[0] - 8), (p, up[1] + 8)), name=_lane(rng, "巷"), grade="residential"
        )
    if rng.random() < 0.86 or old:
        yield Road(
            line=_town_line((across[0] - 8, q), (across[1] + 8, q)),
            name=_lane(rng, "街"),
            grade="residential",
        )


def _lane(rng: np.random.Generator, kind: str) -> str:
    first = "安康宁福泰瑞祥兴盛富荣华春秋明德仁义礼信"
    second = "居民业平乐和顺源泉园庆裕达通远"
    return f"{first[rng.integers(len(first))]}{second[rng.integers(len(second))]}{kind}"


def _country() -> Iterator[Road]:
    for name, grade, bridges, points in RURAL:
        yield Road(line=_inside(place.curve(points, step=40)), name=name, grade=grade, bridges=bridges)


def _dykes() -> Iterator[Road]:
    """Roads on the dykes' crests: along the river on both sides, and behind the sea."""
    land = plan.land()
    crest = land.river.buffer(75, quad_segs=4).simplify(2).boundary.difference(land.sea.buffer(60))
    for part in shapely.get_parts(crest.intersection(place.rectangle().buffer(-30))):
        yield Road(line=part, name="河堤路", grade="service")
    for part in shapely.get_parts(land.coast.parallel_offset(52, "right").intersection(place.rectangle())):
        yield Road(line=part.difference(land.river.buffer(40)), name="海堤路", grade="tertiary", bridges=True)


NUMBERS = {
    "中心大街": "G599",
    "疏港高速": "S99",
    "海丰路": "S799",
    "疏港路": "S798",
    "盐场路": "X901",
    "沙河路": "X902",
    "柳林路": "X903",
    "水库路": "X904",
    "河口路": "X905",
    "海防路": "X906",
}
"""Numbers of national, provincial and county roads (国道 G, 省道 S, 县道 X; GB/T 917); nobody's, like the rest."""
VILLAGES = (
    ("沙河东村", "沙河路", 0.16),
    ("沙河西村", "沙河路", 0.42),
    ("赵家庄", "沙河路", 0.62),
    ("大杨村", "沙河路", 0.86),
    ("柳林村", "柳林路", 0.30),
    ("孙家洼", "柳林路", 0.55),
    ("刘家铺", "柳林路", 0.72),
    ("北柳林", "柳林路", 0.86),
    ("望城村", "望城路", 0.17),
    ("枣园村", "枣园路", 0.17),
    ("枣林新村", "枣园路", 0.46),
    ("南山口", "南山路", 0.17),
    ("前堤村", "南山路", 0.48),
    ("水库村", "水库路", 0.38),
    ("石桥村", "水库路", 0.86),
    ("南洼村", "南环村路", 0.30),
    ("小营村", "南环村路", 0.62),
    ("后营村", "南环村路", 0.86),
    ("河口村", "河口路", 0.45),
    ("渔家村", "河口路", 0.82),
    ("盐坨村", "盐场路", 0.17),
    ("盐丰村", "盐场路", 0.44),
    ("海丰村", "盐场路", 0.64),
    ("滩头村", "海防路", 0.30),
    ("东海村", "海防路", 0.62),
    ("望海楼村", "养殖场路", 0.55),
)


def villages() -> list[tuple[str, NDArray[np.float64], NDArray[np.float64]]]:
    """Each village's name, its middle and the direction of its main road (unit vector), local metres."""
    lines = {road.name: road.line for road in _country()}
    found = []
    for name, road, share in VILLAGES:
        line = lines[road]
        ahead = line.interpolate(line.length * share + 5)
        here = line.interpolate(line.length * share)
        direction = np.array([ahead.x - here.x, ahead.y - here.y]) / 5
        found.append((name, np.array([here.x, here.y]), direction / np.hypot(*direction)))
    return found


def _villages() -> Iterator[Road]:
    """Each village's lanes: two beside the main road, six across it."""
    ground = plan.land().boundary.buffer(-20).difference(plan.land().all_water.buffer(25))
    for name, middle, along in villages():
        across = np.array([-along[1], along[0]])
        half = 215.0
        for k, side in enumerate((-1.0, -0.5, 0.5, 1.0)):
            ends = [middle + across * side * 150 + along * reach for reach in (-half, half)]
            yield Road(
                line=LineString(ends).intersection(ground),
                name=f"{name}{'一二三四'[k]}街",
                grade="residential",
            )
        for reach in np.linspace(-half, half, 6) * 0.985:
            ends = [middle + along * reach + across * side for side in (-156.0, 156.0)]
            yield Road(line=LineString(ends).intersection(ground), name=f"{name}胡同", grade="service")
