"""Incidents: what happened, how grave, where; posted, never swept away by a file.

Levels I to IV are red, orange, yellow and blue (突发事件应对法: 红橙黄蓝).
"""

from __future__ import annotations

import numpy as np

from layers.kind import Kind, Legend
from layers.words import canonical
from twin.model import Column, Titles
from twin.quarantine import refuse
from twin.table import Batch

LEVELS = {
    "I": ("1", "1级", "一级", "Ⅰ级", "I级", "红", "红色", "特别重大", "RED"),
    "II": ("2", "2级", "二级", "Ⅱ级", "II级", "橙", "橙色", "重大", "ORANGE"),
    "III": ("3", "3级", "三级", "Ⅲ级", "III级", "黄", "黄色", "较大", "YELLOW"),
    "IV": ("4", "4级", "四级", "Ⅳ级", "IV级", "蓝", "蓝色", "一般", "BLUE"),
}
"""Level -> how sources write it."""


def conform(batch: Batch) -> Batch:
    """Rows whose level is one of the four, however it is written."""
    batch = canonical(batch, "level", LEVELS)
    if "level" not in batch.table.column_names:
        return batch
    levels = batch.table["level"].to_pylist()
    wrong = np.array([level is not None and level not in LEVELS for level in levels], bool)
    return refuse(
        batch,
        wrong,
        "level",
        lambda i: f"level: {str(levels[i])[:50]!r} must be one of {', '.join(LEVELS)}",
        lambda i: str(levels[i]),
    )


def _level(value: str, zh: str, en: str, color: str) -> Legend:
    return Legend(value=value, label=Titles(zh=zh, en=en), color=color, symbol="warning")


KIND = Kind(
    name="incidents",
    title=Titles(zh="突发事件", en="Incidents"),
    theme="emergency",
    order=1,
    geometry="Point",
    draw="points",
    columns=(
        Column(name="title", title=Titles(zh="标题", en="Title")),
        Column(name="level", title=Titles(zh="等级", en="Level")),
        Column(name="kind", title=Titles(zh="类别", en="Kind")),
        Column(name="description", title=Titles(zh="描述", en="Description")),
        Column(name="state", title=Titles(zh="状态", en="State")),
        Column(name="reported_by", title=Titles(zh="报告人", en="Reported by")),
        Column(name="phone", title=Titles(zh="电话", en="Phone")),
    ),
    synonyms={
        "id": ("编号", "事件编号"),
        "title": ("标题", "事件名称", "事件标题"),
        "level": ("等级", "级别", "事件等级", "事件级别", "响应等级"),
        "kind": ("类别", "类型", "事件类别", "事件类型"),
        "description": ("描述", "事件描述", "DESC"),
        "state": ("状态", "事件状态", "STATUS"),
        "reported_by": ("报告人", "上报人"),
        "phone": ("电话", "联系电话"),
        "valid_from": ("发生时间", "事发时间", "VALID_FROM"),
        "valid_to": ("结束时间", "办结时间", "VALID_TO"),
    },
    signs=("level",),
    required=("title", "level"),
    conform=conform,
    legend_by="level",
    legend=(
        _level("I", "I级 特别重大", "I extremely serious", "#D0312D"),
        _level("II", "II级 重大", "II serious", "#E87722"),
        _level("III", "III级 较大", "III major", "#E0B100"),
        _level("IV", "IV级 一般", "IV ordinary", "#2F6FDB"),
    ),
    label="title",
)
