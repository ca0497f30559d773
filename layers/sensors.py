"""Sensors: stations that measure; what they measure are Datastreams and Observations beside them."""

from __future__ import annotations

from typing import Final

from layers.kind import Kind, Legend
from layers.words import canonical
from twin.model import Column, Titles
from twin.table import Batch

KINDS: Final = {
    "water_level": ("水位", "水位计", "河道水位", "液位", "水位站", "WATERLEVEL", "STAGE"),
    "rain": ("雨量", "雨量计", "雨量站", "降雨量", "RAINFALL", "RAIN GAUGE"),
    "air": ("空气质量", "空气", "大气", "环境空气", "PM2.5", "AIR QUALITY"),
    "weather": ("气象", "气象站", "WEATHER STATION"),
    "manhole": ("井盖", "智能井盖", "MANHOLE COVER"),
    "gas": ("燃气", "燃气浓度", "可燃气体", "甲烷", "METHANE"),
    "pressure": ("压力", "管网压力", "PIPE PRESSURE"),
    "flow": ("流量", "管网流量", "流量计", "DISCHARGE"),
    "ponding": ("积水", "路面积水", "内涝", "FLOOD", "ROAD FLOOD"),
    "displacement": ("位移", "桥梁位移", "结构", "沉降", "BRIDGE", "TILT"),
    "noise": ("噪声", "噪音"),
    "water_quality": ("水质",),
}
"""Kind -> how sources say it."""


def conform(batch: Batch) -> Batch:
    """The batch with kinds in one vocabulary; unknown ones stay as they came."""
    return canonical(batch, "kind", KINDS)


def _kind(value: str | None, zh: str, en: str, color: str, symbol: str) -> Legend:
    return Legend(value=value, label=Titles(zh=zh, en=en), color=color, symbol=symbol)


KIND = Kind(
    name="sensors",
    title=Titles(zh="传感器", en="Sensors"),
    theme="iot",
    order=50,
    geometry="Point",
    draw="points",
    columns=(
        Column(name="name", title=Titles(zh="名称", en="Name")),
        Column(name="kind", title=Titles(zh="类型", en="Kind")),
        Column(name="state", title=Titles(zh="状态", en="State")),
        Column(name="owner", title=Titles(zh="管理单位", en="Owner")),
        Column(name="address", title=Titles(zh="位置", en="Address")),
        Column(name="model", title=Titles(zh="型号", en="Model")),
    ),
    synonyms={
        "id": (
            "编号", "站点编号", "测站编码", "设备编号", "设备编码", "监测点编号",
            "STATION", "STATION_ID", "LOCATION", "SENSOR_ID", "DEVICE_ID", "SITE",
        ),
        "name": ("名称", "站名", "站点名称", "测站名称", "设备名称", "NAME", "STATION_NAME"),
        "kind": ("类型", "类别", "设备类型", "监测类型", "监测类别", "KIND", "TYPE"),
        "state": ("状态", "设备状态", "STATE", "STATUS"),
        "owner": ("管理单位", "权属单位", "OWNER", "DEPARTMENT"),
        "address": ("位置", "地址", "安装位置", "ADDRESS"),
        "model": ("型号", "设备型号", "MODEL"),
        "valid_from": ("安装日期", "启用日期", "VALID_FROM"),
        "valid_to": ("停用日期", "拆除日期", "VALID_TO"),
    },
    conform=conform,
    legend_by="kind",
    legend=(
        _kind("water_level", "水位", "Water level", "#2E7FA3", "water-level"),
        _kind("rain", "雨量", "Rain", "#4C8FBF", "rain"),
        _kind("ponding", "路面积水", "Road ponding", "#3C6E9E", "water-level"),
        _kind("flow", "流量", "Flow", "#3F8F8A", "flow"),
        _kind("pressure", "压力", "Pressure", "#5B7FA6", "pressure"),
        _kind("air", "空气质量", "Air quality", "#6E9A62", "air"),
        _kind("weather", "气象", "Weather", "#7C93A6", "temperature"),
        _kind("gas", "燃气", "Gas", "#C28A3D", "gas"),
        _kind("manhole", "井盖", "Manhole cover", "#7B6F63", "manhole"),
        _kind("displacement", "结构位移", "Displacement", "#8A6E9E", "sensor"),
        _kind("noise", "噪声", "Noise", "#A0785A", "sensor"),
        _kind("water_quality", "水质", "Water quality", "#3E8E7E", "flow"),
        _kind(None, "其他传感器", "Other sensor", "#5B666E", "sensor"),
    ),
)  # fmt: skip
