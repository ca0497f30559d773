"""Grids: who looks after which piece of the city, in levels that nest (网格化管理)."""

from __future__ import annotations

from layers.kind import Kind, Legend
from twin.model import Column, Titles


def _level(value: int | None, zh: str, en: str, color: str) -> Legend:
    return Legend(value=value, label=Titles(zh=zh, en=en), color=color)


KIND = Kind(
    name="grids",
    title=Titles(zh="网格", en="Grid"),
    theme="governance",
    order=70,
    geometry="Polygon",
    draw="flat",
    visible=False,
    columns=(
        Column(name="name", title=Titles(zh="网格名称", en="Name")),
        Column(name="level", type="integer", title=Titles(zh="层级", en="Level")),
        Column(name="parent", title=Titles(zh="上级编码", en="Parent")),
        Column(name="manager", title=Titles(zh="负责人", en="Manager")),
        Column(name="phone", title=Titles(zh="联系电话", en="Phone")),
        Column(name="area", type="number", unit="m2", title=Titles(zh="面积", en="Area")),
        Column(name="population", type="integer", title=Titles(zh="人口", en="Population")),
    ),
    synonyms={
        "id": ("网格编码", "网格编号", "网格代码", "单元网格编码", "BGCODE", "GRID_ID"),
        "name": ("网格名称", "名称", "NAME"),
        "level": ("层级", "网格层级", "级别", "LEVEL"),
        "parent": ("上级编码", "上级网格", "父网格", "PARENT", "PARENT_ID"),
        "manager": ("负责人", "网格员", "网格长", "MANAGER"),
        "phone": ("联系电话", "电话", "PHONE"),
        "area": ("面积", "网格面积", "AREA"),
        "population": ("人口", "人口数", "POPULATION"),
        "valid_from": ("初始时间", "启用日期", "VALID_FROM"),
        "valid_to": ("终止日期", "VALID_TO"),
    },
    signs=("parent", "manager"),
    legend_by="level",
    legend=(
        _level(1, "县", "County", "#5B666E"),
        _level(2, "镇街", "Town or subdistrict", "#7A8FA0"),
        _level(3, "社区、村", "Community or village", "#9DB0BC"),
        _level(4, "网格", "Grid cell", "#BDCAD1"),
        _level(None, "网格", "Grid", "#BDCAD1"),
    ),
)
