"""Terrain: rasters of heights. All terrain layers together are the ground, the finest raster first."""

from __future__ import annotations

from layers.kind import Kind
from twin.model import Column, Titles

COLUMNS = (
    Column(name="name", title=Titles(zh="名称", en="Name")),
    Column(name="file", title=Titles(zh="文件", en="File")),
    Column(name="sha256", title=Titles(zh="校验值", en="SHA-256")),
    Column(name="resolution", type="number", unit="m", title=Titles(zh="分辨率", en="Resolution")),
    Column(name="minimum", type="number", unit="m", title=Titles(zh="最低高程", en="Lowest")),
    Column(name="maximum", type="number", unit="m", title=Titles(zh="最高高程", en="Highest")),
    Column(name="width", type="integer", title=Titles(zh="列数", en="Columns")),
    Column(name="height", type="integer", title=Titles(zh="行数", en="Rows")),
    Column(name="bands", type="integer", title=Titles(zh="波段数", en="Bands")),
    Column(name="missing", type="integer", title=Titles(zh="无数据单元", en="Cells without data")),
    Column(name="source_crs", title=Titles(zh="原坐标系", en="Source CRS")),
)

KIND = Kind(
    name="terrain",
    title=Titles(zh="地形", en="Terrain"),
    theme="base",
    order=10,
    geometry="Raster",
    draw="terrain",
    columns=COLUMNS,
)
