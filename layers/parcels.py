"""Parcels: land with one use and one right (宗地, 地块)."""

from __future__ import annotations

from typing import Final

from layers.kind import Kind, Legend
from layers.words import canonical
from twin.model import Column, Titles
from twin.table import Batch

USES: Final = {
    "residential": ("居住用地", "城镇住宅用地", "住宅用地", "R", "R2"),
    "commercial": ("商业用地", "商服用地", "商业服务业用地", "B"),
    "industrial": ("工业用地", "M", "工矿用地"),
    "warehouse": ("仓储用地", "物流仓储用地", "W"),
    "government": ("机关团体用地", "公共管理用地", "行政办公用地"),
    "education": ("教育用地", "学校用地"),
    "health": ("医疗卫生用地",),
    "culture": ("文化用地", "文化设施用地"),
    "sports": ("体育用地",),
    "transport": ("交通运输用地", "交通用地", "交通场站用地"),
    "port": ("港口码头用地",),
    "utility": ("公用设施用地",),
    "park": ("绿地与开敞空间用地", "公园绿地", "绿地", "G"),
    "village": ("农村宅基地", "宅基地", "村庄建设用地"),
    "farmland": ("耕地", "农用地"),
    "orchard": ("园地",),
    "forest": ("林地",),
    "windbreak": ("防护林", "防护绿地"),
    "saltpan": ("盐田",),
    "fishpond": ("坑塘水面",),
    "water": ("陆地水域", "水域"),
}
"""Use -> how sources say it (GB/T 21010, 国土空间调查、规划、用途管制用地用海分类指南)."""


def conform(batch: Batch) -> Batch:
    """The batch with uses in one vocabulary; unknown ones stay as they came."""
    return canonical(batch, "use", USES)


def _use(value: str | None, zh: str, en: str, color: str) -> Legend:
    return Legend(value=value, label=Titles(zh=zh, en=en), color=color)


KIND = Kind(
    name="parcels",
    title=Titles(zh="宗地", en="Parcels"),
    theme="planning",
    order=60,
    geometry="Polygon",
    draw="flat",
    visible=False,
    columns=(
        Column(name="name", title=Titles(zh="宗地号", en="Parcel number")),
        Column(name="use", title=Titles(zh="用途", en="Use")),
        Column(name="use_code", title=Titles(zh="用途代码", en="Use code")),
        Column(name="area", type="number", unit="m2", title=Titles(zh="面积", en="Area")),
        Column(name="tenure", title=Titles(zh="权利性质", en="Tenure")),
        Column(name="owner", title=Titles(zh="权利人", en="Holder")),
        Column(name="far", type="number", title=Titles(zh="容积率", en="Floor area ratio")),
        Column(name="max_height", type="number", unit="m", title=Titles(zh="建筑限高", en="Height limit")),
    ),
    synonyms={
        "id": (
            "宗地号",
            "宗地代码",
            "宗地编号",
            "地块编号",
            "不动产单元号",
            "ZDDM",
            "PARCEL_ID",
            "PARCEL_NO",
        ),
        "name": ("地块名称",),
        "use": ("用途", "宗地用途", "土地用途", "用地性质", "地类名称", "DLMC", "USE", "LANDUSE"),
        "use_code": ("用途代码", "用地代码", "地类编码", "DLBM", "USE_CODE"),
        "area": ("面积", "宗地面积", "地块面积", "用地面积", "ZDMJ", "AREA"),
        "tenure": ("权利性质", "使用权类型", "QLXZ", "TENURE"),
        "owner": ("权利人", "使用权人", "OWNER"),
        "far": ("容积率", "FAR"),
        "max_height": ("建筑限高", "限高", "MAX_HEIGHT"),
        "valid_from": ("登记日期", "登记时间", "VALID_FROM"),
        "valid_to": ("注销日期", "VALID_TO"),
    },
    signs=("tenure", "use_code"),
    conform=conform,
    legend_by="use",
    legend=(
        _use("residential", "居住", "Residential", "#EDDCA6"),
        _use("village", "村庄", "Village", "#E3CFAE"),
        _use("commercial", "商业", "Commercial", "#E0AFA4"),
        _use("industrial", "工业", "Industrial", "#C9B6A3"),
        _use("warehouse", "仓储", "Warehouse", "#BDB4C4"),
        _use("government", "行政", "Government", "#D9B3C4"),
        _use("education", "教育", "Education", "#C8BBDD"),
        _use("health", "医疗", "Health", "#E3BFC3"),
        _use("culture", "文化", "Culture", "#D3BFD9"),
        _use("sports", "体育", "Sports", "#C6D8BF"),
        _use("transport", "交通", "Transport", "#C9CDD0"),
        _use("port", "港口", "Port", "#BFC9D1"),
        _use("utility", "公用设施", "Utility", "#B3C3CE"),
        _use("park", "绿地", "Green", "#C3D9B4"),
        _use("farmland", "耕地", "Farmland", "#E2E5BE"),
        _use("orchard", "园地", "Orchard", "#D5DFB0"),
        _use("forest", "林地", "Forest", "#B5CFA5"),
        _use("windbreak", "防护林", "Windbreak", "#AFC9A3"),
        _use("saltpan", "盐田", "Salt pan", "#DCE4E6"),
        _use("fishpond", "坑塘", "Fish pond", "#C2D8DD"),
        _use("water", "水域", "Water", "#B8D3DF"),
        _use(None, "其他", "Other", "#DADDD9"),
    ),
    label="id",
)
