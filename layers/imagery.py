"""Imagery: rasters that are pictures, orthophotos above all."""

from __future__ import annotations

from layers.kind import Kind
from twin.model import Column, Titles

KIND = Kind(
    name="imagery",
    title=Titles(zh="影像", en="Imagery"),
    theme="base",
    order=20,
    geometry="Raster",
    draw="imagery",
    visible=False,
    columns=(
        Column(name="name", title=Titles(zh="名称", en="Name")),
        Column(name="file", title=Titles(zh="文件", en="File")),
        Column(name="sha256", title=Titles(zh="校验值", en="SHA-256")),
        Column(name="resolution", type="number", unit="m", title=Titles(zh="分辨率", en="Resolution")),
        Column(name="width", type="integer", title=Titles(zh="列数", en="Columns")),
        Column(name="height", type="integer", title=Titles(zh="行数", en="Rows")),
        Column(name="bands", type="integer", title=Titles(zh="波段数", en="Bands")),
        Column(name="missing", type="integer", title=Titles(zh="透明单元", en="Transparent cells")),
        Column(name="source_crs", title=Titles(zh="原坐标系", en="Source CRS")),
    ),
)
