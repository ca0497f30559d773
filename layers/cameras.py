"""Cameras: where they stand and which way they look; the picture itself is never kept here."""

from __future__ import annotations

from layers.kind import Kind, Legend
from twin.model import Column, Titles

KIND = Kind(
    name="cameras",
    title=Titles(zh="摄像机", en="Cameras"),
    theme="iot",
    order=55,
    geometry="Point",
    draw="points",
    visible=False,
    columns=(
        Column(name="name", title=Titles(zh="名称", en="Name")),
        Column(name="kind", title=Titles(zh="类型", en="Kind")),
        Column(name="direction", type="number", unit="deg", title=Titles(zh="朝向", en="Direction")),
        Column(
            name="field_of_view", type="number", unit="deg", title=Titles(zh="视场角", en="Field of view")
        ),
        Column(
            name="mount_height", type="number", unit="m", title=Titles(zh="架设高度", en="Mounting height")
        ),
        Column(name="state", title=Titles(zh="状态", en="State")),
        Column(name="owner", title=Titles(zh="建设单位", en="Owner")),
        Column(name="address", title=Titles(zh="位置", en="Address")),
    ),
    synonyms={
        "id": ("编号", "设备编码", "国标编码", "摄像机编码", "CAMERA_ID", "DEVICE_ID"),
        "name": ("名称", "摄像机名称", "设备名称", "点位名称", "NAME"),
        "kind": ("类型", "摄像机类型", "KIND", "TYPE"),
        "direction": ("朝向", "方向", "监视方位", "方位角", "DIRECTION", "AZIMUTH", "HEADING"),
        "field_of_view": ("视场角", "FOV", "FIELD_OF_VIEW"),
        "mount_height": ("架设高度", "安装高度", "MOUNT_HEIGHT"),
        "state": ("状态", "设备状态", "STATE", "STATUS"),
        "owner": ("建设单位", "所属部门", "权属单位", "OWNER"),
        "address": ("位置", "安装地址", "地址", "ADDRESS"),
        "valid_from": ("安装日期", "启用日期", "VALID_FROM"),
        "valid_to": ("拆除日期", "VALID_TO"),
    },
    signs=("direction",),
    legend=(Legend(value=None, label=Titles(zh="摄像机", en="Camera"), color="#5A6B8C", symbol="camera"),),
)
