"""Roads: centre lines with class and direction, routable where they name their nodes."""

from __future__ import annotations

from typing import Final

from layers.kind import Kind, Legend
from layers.words import canonical
from twin.model import Column, Titles
from twin.table import Batch

CLASSES: Final = {
    "motorway": ("高速公路", "高速", "EXPRESSWAY", "FREEWAY"),
    "trunk": ("快速路", "国道", "城市快速路"),
    "primary": ("主干路", "主干道", "省道", "ARTERIAL"),
    "secondary": ("次干路", "次干道", "县道"),
    "tertiary": ("支路", "乡道", "COLLECTOR"),
    "residential": ("街坊路", "小区道路", "居住区道路", "村道", "巷", "LOCAL"),
    "service": ("内部道路", "便道"),
}
"""Class (OSM's word) -> how Chinese and other sources say it (CJJ 37: 快速路, 主干路, 次干路, 支路)."""


def conform(batch: Batch) -> Batch:
    """The batch with classes in one vocabulary; links (`primary_link`) keep theirs."""
    return canonical(batch, "class", CLASSES)


def _class(value: str | None, zh: str, en: str, color: str) -> Legend:
    return Legend(value=value, label=Titles(zh=zh, en=en), color=color, symbol="line")


KIND = Kind(
    name="roads",
    title=Titles(zh="道路", en="Roads"),
    theme="transport",
    order=40,
    geometry="LineString",
    draw="flat",
    columns=(
        Column(name="name", title=Titles(zh="道路名称", en="Name")),
        Column(name="ref", title=Titles(zh="编号", en="Number")),
        Column(name="class", title=Titles(zh="道路等级", en="Class")),
        Column(name="oneway", type="boolean", title=Titles(zh="单行", en="One-way")),
        Column(name="lanes", type="integer", title=Titles(zh="车道数", en="Lanes")),
        Column(name="maxspeed", type="number", unit="km/h", title=Titles(zh="限速", en="Speed limit")),
        Column(name="width", type="number", unit="m", title=Titles(zh="路宽", en="Width")),
        Column(name="length", type="number", unit="m", title=Titles(zh="长度", en="Length")),
        Column(name="surface", title=Titles(zh="路面", en="Surface")),
        Column(name="bridge", type="boolean", title=Titles(zh="桥梁", en="Bridge")),
        Column(name="tunnel", type="boolean", title=Titles(zh="隧道", en="Tunnel")),
        Column(name="level", type="integer", title=Titles(zh="层", en="Level above or below others")),
        Column(name="from_node", title=Titles(zh="起点", en="From node")),
        Column(name="to_node", title=Titles(zh="终点", en="To node")),
    ),
    synonyms={
        "id": ("路段编号", "道路编码", "ROAD_ID"),
        "name": ("道路名称", "路名", "道路名", "名称", "NAME", "ROAD_NAME"),
        "ref": ("道路编号", "路线编号", "REF"),
        "class": ("道路等级", "道路级别", "道路类型", "等级", "CLASS", "HIGHWAY", "FCLASS", "ROAD_CLASS"),
        "oneway": ("单行", "单行道", "是否单行", "ONEWAY"),
        "lanes": ("车道数", "车道", "LANES"),
        "maxspeed": ("限速", "最高限速", "设计速度", "MAXSPEED", "SPEED_LIMIT"),
        "width": ("路宽", "宽度", "道路宽度", "红线宽度", "WIDTH"),
        "length": ("长度", "道路长度", "路段长度", "LENGTH"),
        "surface": ("路面", "路面类型", "SURFACE"),
        "bridge": ("桥梁", "是否桥梁", "BRIDGE"),
        "tunnel": ("隧道", "是否隧道", "TUNNEL"),
        "from_node": ("起点", "起点编号", "FROM_NODE", "FNODE"),
        "to_node": ("终点", "终点编号", "TO_NODE", "TNODE"),
        "valid_from": ("通车日期", "建成日期", "VALID_FROM"),
        "valid_to": ("废止日期", "VALID_TO"),
    },
    signs=("oneway", "lanes", "maxspeed"),
    conform=conform,
    legend_by="class",
    legend=(
        _class("motorway", "高速公路", "Motorway", "#D9A56B"),
        _class("trunk", "快速路、国道", "Trunk road", "#E3BC84"),
        _class("primary", "主干路", "Primary road", "#EBCF9E"),
        _class("secondary", "次干路", "Secondary road", "#F2E2BC"),
        _class("tertiary", "支路", "Tertiary road", "#DCDDD8"),
        _class("residential", "街坊路", "Residential street", "#D2D6D5"),
        _class("service", "内部道路", "Service road", "#C9CECE"),
        _class(None, "其他道路", "Other road", "#C2C8C8"),
    ),
)
