"""Places that people know by name: hospitals, schools, shelters, offices, villages."""

from __future__ import annotations

from typing import Final

from layers.kind import Kind, Legend
from layers.words import canonical
from twin.model import Column, Titles
from twin.table import Batch

CATEGORIES: Final = {
    "hospital": ("医院", "卫生院", "医疗机构", "急救中心", "CLINIC"),
    "school": ("学校", "中学", "小学", "幼儿园", "大学", "教育机构"),
    "shelter": ("避难场所", "应急避难场所", "避险点", "庇护所"),
    "fire_station": ("消防站", "消防队", "消防救援站", "FIRE"),
    "police": ("派出所", "公安局", "警务站"),
    "government": ("政府", "政府机关", "行政机关", "镇政府", "街道办", "TOWNHALL", "TOWN HALL"),
    "bus_station": ("汽车站", "客运站", "公交站", "BUS"),
    "park": ("公园", "广场"),
    "village": ("村", "村庄", "自然村", "行政村", "HAMLET"),
    "town": ("镇", "镇街", "乡镇", "街道"),
    "culture": ("文化场馆", "图书馆", "博物馆", "文化馆", "LIBRARY", "MUSEUM"),
    "sports": ("体育场馆", "体育馆", "体育场", "STADIUM"),
    "market": ("市场", "农贸市场", "超市", "商场"),
    "fuel": ("加油站", "加气站", "GAS STATION"),
    "port": ("港口", "码头", "HARBOUR"),
    "scenic": ("景点", "景区", "旅游景点", "ATTRACTION"),
    "utility": ("公用设施", "水厂", "污水处理厂", "变电站"),
}
"""Category -> how sources say it."""


def conform(batch: Batch) -> Batch:
    """The batch with categories in one vocabulary; unknown ones stay as they came."""
    return canonical(batch, "category", CATEGORIES)


def _category(value: str | None, zh: str, en: str, color: str, symbol: str) -> Legend:
    return Legend(value=value, label=Titles(zh=zh, en=en), color=color, symbol=symbol)


KIND = Kind(
    name="places",
    title=Titles(zh="地点", en="Places"),
    theme="base",
    order=12,
    geometry="Point",
    draw="points",
    columns=(
        Column(name="name", title=Titles(zh="名称", en="Name")),
        Column(name="category", title=Titles(zh="类别", en="Category")),
        Column(name="address", title=Titles(zh="地址", en="Address")),
        Column(name="phone", title=Titles(zh="电话", en="Phone")),
        Column(name="capacity", type="integer", title=Titles(zh="容量", en="Capacity")),
        Column(name="owner", title=Titles(zh="主管单位", en="Owner")),
    ),
    synonyms={
        "id": ("编号", "编码", "POI_ID"),
        "name": ("名称", "单位名称", "场所名称", "NAME"),
        "category": ("类别", "类型", "分类", "CATEGORY", "TYPE", "AMENITY"),
        "address": ("地址", "ADDRESS", "ADDR"),
        "phone": ("电话", "联系电话", "PHONE", "TEL"),
        "capacity": ("容量", "容纳人数", "床位数", "CAPACITY"),
        "owner": ("主管单位", "管理单位", "OWNER"),
        "valid_from": ("启用日期", "VALID_FROM"),
        "valid_to": ("停用日期", "VALID_TO"),
    },
    conform=conform,
    legend_by="category",
    legend=(
        _category("hospital", "医院", "Hospital", "#B5544F", "hospital"),
        _category("school", "学校", "School", "#7A6A9A", "school"),
        _category("shelter", "避难场所", "Shelter", "#3E8E6E", "shelter"),
        _category("fire_station", "消防站", "Fire station", "#C26A3D", "fire"),
        _category("police", "公安", "Police", "#46698F", "police"),
        _category("government", "政府机关", "Government", "#5B666E", "government"),
        _category("bus_station", "车站", "Bus station", "#5F7F99", "bus"),
        _category("park", "公园", "Park", "#6E9A62", "park"),
        _category("village", "村庄", "Village", "#8C8577", "place"),
        _category("town", "镇街", "Town", "#6B7680", "place"),
        _category("culture", "文化场馆", "Culture", "#8A6E9E", "place"),
        _category("sports", "体育场馆", "Sports", "#5E8F7A", "place"),
        _category("market", "市场", "Market", "#A98B56", "place"),
        _category("fuel", "加油站", "Fuel station", "#A8715C", "pump"),
        _category("port", "港口", "Port", "#4F7C97", "place"),
        _category("scenic", "景点", "Sight", "#7F9A5B", "tree"),
        _category("utility", "公用设施", "Utility", "#6F8794", "power"),
        _category(None, "其他", "Other", "#7B858C", "place"),
    ),
)
