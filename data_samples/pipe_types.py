"""The seventeen types of pipe that the county lays: where in the street, how deep, how big, whose.

Classes, types and codes: CJJ 61-2017, appendix B. Offsets and depths are chosen so that neighbours in a
street do not touch, and each type keeps to a layer of its own, so that what crosses at a corner goes over
or under; they are this county's habit, no rule.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class PipeType:
    """One type of pipe."""

    group: str
    """Class code, as 大类: JS PS RQ RL DL TX."""
    code: str
    """Type code, as 小类."""
    zh: str
    offset: float
    """Metres from the street's axis: north of it in streets that run east, east of it in streets that run north."""
    depth: float
    """Usual depth of the reference (crown or top of block), metres."""
    sizes: tuple[str, str, str]
    """Diameter or section (width X height), mm: in main streets, side streets, lanes."""
    materials: tuple[str, str]
    """What was laid before 2005, and since."""
    z_ref: str = "crown"
    pressure: str | None = None
    voltage: str | None = None
    embed: str = "直埋"
    owner: str = ""


WATER_WORKS, DRAINS, GAS, HEAT = (
    "望海县自来水公司（虚构）",
    "望海县排水管理所（虚构）",
    "望海燃气公司（虚构）",
    "望海热力公司（虚构）",
)
GRID, LAMPS, TELECOM, CABLE, NET = (
    "望海供电所（虚构）",
    "望海县路灯管理所（虚构）",
    "海讯电信（虚构）",
    "望海广电（虚构）",
    "海讯网络（虚构）",
)

TYPES = (
    PipeType(
        group="JS",
        code="JY",
        zh="原水",
        offset=-11.6,
        depth=2.76,
        sizes=("800", "800", "800"),
        materials=("钢", "球墨铸铁"),
        pressure="0.4MPa",
        owner=WATER_WORKS,
    ),
    PipeType(
        group="JS",
        code="SS",
        zh="输水",
        offset=-9.9,
        depth=2.78,
        sizes=("600", "600", "500"),
        materials=("球墨铸铁", "球墨铸铁"),
        pressure="0.5MPa",
        owner=WATER_WORKS,
    ),
    PipeType(
        group="JS",
        code="JP",
        zh="配水",
        offset=3.6,
        depth=1.97,
        sizes=("250", "200", "110"),
        materials=("铸铁", "聚乙烯"),
        pressure="0.35MPa",
        owner=WATER_WORKS,
    ),
    PipeType(
        group="JS",
        code="XS",
        zh="消防水",
        offset=9.0,
        depth=2.28,
        sizes=("250", "200", "150"),
        materials=("钢", "球墨铸铁"),
        pressure="0.6MPa",
        owner=WATER_WORKS,
    ),
    PipeType(
        group="PS",
        code="YS",
        zh="雨水",
        offset=1.3,
        depth=3.21,
        sizes=("600", "400", "300"),
        materials=("混凝土", "混凝土"),
        z_ref="invert",
        owner=DRAINS,
    ),
    PipeType(
        group="PS",
        code="WS",
        zh="污水",
        offset=-1.4,
        depth=4.11,
        sizes=("400", "300", "300"),
        materials=("混凝土", "聚乙烯"),
        z_ref="invert",
        owner=DRAINS,
    ),
    PipeType(
        group="PS",
        code="HS",
        zh="雨污合流",
        offset=0.0,
        depth=3.06,
        sizes=("800", "600", "400"),
        materials=("砖石", "混凝土"),
        z_ref="invert",
        owner=DRAINS,
    ),
    PipeType(
        group="RQ",
        code="TR",
        zh="天然气",
        offset=-4.0,
        depth=1.66,
        sizes=("250", "160", "110"),
        materials=("钢", "聚乙烯"),
        pressure="中压B",
        owner=GAS,
    ),
    PipeType(
        group="RQ",
        code="YH",
        zh="液化气",
        offset=-4.0,
        depth=1.66,
        sizes=("150", "100", "80"),
        materials=("钢", "钢"),
        pressure="低压",
        owner=GAS,
    ),
    PipeType(
        group="RQ",
        code="MQ",
        zh="煤气",
        offset=-5.2,
        depth=2.78,
        sizes=("200", "150", "100"),
        materials=("铸铁", "钢"),
        pressure="低压",
        owner=GAS,
    ),
    PipeType(
        group="RL",
        code="RS",
        zh="热水",
        offset=7.6,
        depth=2.28,
        sizes=("400", "300", "200"),
        materials=("钢", "钢"),
        pressure="1.6MPa",
        owner=HEAT,
    ),
    PipeType(
        group="RL",
        code="ZQ",
        zh="蒸汽",
        offset=-7.8,
        depth=2.61,
        sizes=("350", "250", "200"),
        materials=("钢", "钢"),
        pressure="1.0MPa",
        owner=HEAT,
    ),
    PipeType(
        group="DL",
        code="GD",
        zh="供电",
        offset=5.5,
        depth=1.30,
        sizes=("400X300", "300X200", "200X200"),
        materials=("铜", "铜"),
        z_ref="top_of_block",
        voltage="10kV",
        embed="管块",
        owner=GRID,
    ),
    PipeType(
        group="DL",
        code="LD",
        zh="路灯",
        offset=6.4,
        depth=0.51,
        sizes=("75", "75", "50"),
        materials=("铜", "铜"),
        voltage="380V",
        embed="管埋",
        owner=LAMPS,
    ),
    PipeType(
        group="TX",
        code="DH",
        zh="电话",
        offset=-5.9,
        depth=0.80,
        sizes=("300X200", "200X200", "110"),
        materials=("铜", "光纤"),
        z_ref="top_of_block",
        embed="管块",
        owner=TELECOM,
    ),
    PipeType(
        group="TX",
        code="DS",
        zh="有线电视",
        offset=-6.6,
        depth=0.64,
        sizes=("110", "110", "110"),
        materials=("铜", "光纤"),
        embed="管埋",
        owner=CABLE,
    ),
    PipeType(
        group="TX",
        code="XX",
        zh="信息网络",
        offset=-7.2,
        depth=1.05,
        sizes=("300X200", "200X200", "110"),
        materials=("光纤", "光纤"),
        z_ref="top_of_block",
        embed="管块",
        owner=NET,
    ),
)
GROUPS = {"JS": "给水", "PS": "排水", "RQ": "燃气", "RL": "热力", "DL": "电力", "TX": "通信"}
GRAVITY = frozenset({"YS", "WS", "HS"})
