"""Zones: areas in which a rule or a use holds: land use, height limits, risk areas, districts."""

from __future__ import annotations

from layers.kind import Kind, Legend
from layers.parcels import KIND as PARCELS
from layers.parcels import conform
from twin.model import Column, Titles

KIND = Kind(
    name="zones",
    title=Titles(zh="分区", en="Zones"),
    theme="planning",
    order=65,
    geometry="Polygon",
    draw="flat",
    visible=False,
    columns=(
        Column(name="name", title=Titles(zh="名称", en="Name")),
        Column(name="class", title=Titles(zh="分区类别", en="Class")),
        Column(name="use", title=Titles(zh="用途", en="Use")),
        Column(name="max_height", type="number", unit="m", title=Titles(zh="限高", en="Height limit")),
        Column(name="level", title=Titles(zh="等级", en="Level")),
        Column(name="reason", title=Titles(zh="依据", en="Reason")),
        Column(name="area", type="number", unit="m2", title=Titles(zh="面积", en="Area")),
        Column(name="owner", title=Titles(zh="管理单位", en="Owner")),
    ),
    synonyms={
        "id": ("编号", "分区编号", "ZONE_ID"),
        "name": ("名称", "分区名称", "区域名称", "NAME"),
        "class": ("分区类别", "类别", "分区类型", "CLASS", "ZONE_TYPE"),
        "use": ("用途", "用地性质", "USE", "LANDUSE"),
        "max_height": ("限高", "建筑限高", "控制高度", "MAX_HEIGHT", "HEIGHT_LIMIT"),
        "level": ("等级", "风险等级", "LEVEL"),
        "reason": ("依据", "管控依据", "原因", "REASON"),
        "area": ("面积", "AREA"),
        "owner": ("管理单位", "主管单位", "OWNER"),
        "valid_from": ("生效日期", "批准日期", "VALID_FROM"),
        "valid_to": ("失效日期", "VALID_TO"),
    },
    signs=("max_height",),
    conform=conform,
    legend_by="use",
    legend=(
        *(entry for entry in PARCELS.legend if entry.value is not None),
        Legend(value=None, label=Titles(zh="分区", en="Zone"), color="#9FB3BF"),
    ),
)
