"""Point clouds as 3D Tiles: a row a file, its points coloured by class, height, intensity or their own colour."""

from __future__ import annotations

from layers import mesh
from layers.kind import Kind, Legend
from twin.model import Column, Titles

CLASSES = (
    (2, "地面", "Ground", "#b08d57"),
    (3, "低矮植被", "Low vegetation", "#b7d68c"),
    (4, "中等植被", "Medium vegetation", "#7fb24d"),
    (5, "高大植被", "High vegetation", "#3f7f2e"),
    (6, "建筑", "Building", "#d9694a"),
    (7, "低噪点", "Low noise", "#8c5a8c"),
    (9, "水体", "Water", "#4f8fd0"),
    (10, "铁路", "Rail", "#7a6a5a"),
    (11, "路面", "Road surface", "#8a8f98"),
    (13, "防护线", "Wire, guard", "#c8a2c8"),
    (14, "导线", "Wire, conductor", "#e0b400"),
    (15, "输电塔", "Transmission tower", "#a07000"),
    (17, "桥面", "Bridge deck", "#5f7fa0"),
    (18, "高噪点", "High noise", "#a05aa0"),
)
"""Standard point classes of LAS 1.4 (R15, table 17); those of the older point formats agree with them."""

KIND = Kind(
    name="pointcloud",
    title=Titles(zh="点云", en="Point cloud"),
    theme="base",
    order=35,
    geometry="Raster",  # its rights are a whole: it is neither cut nor coarsened
    draw="pointcloud",
    columns=(*mesh.COLUMNS, Column(name="classes", title=Titles(zh="点类别", en="Classes"))),
    legend_by="classification",
    legend=(
        *(
            Legend(value=code, label=Titles(zh=zh, en=en), color=color, symbol="circle")
            for code, zh, en, color in CLASSES
        ),
        Legend(value=None, label=Titles(zh="其他", en="Other"), color="#b9b9b9", symbol="circle"),
    ),
)
