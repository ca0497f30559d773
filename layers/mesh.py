"""Meshes that were baked elsewhere, oblique photogrammetry (实景三维) above all: a row a tileset, served as it came."""

from __future__ import annotations

from layers.kind import Kind
from twin.model import Column, Titles

COLUMNS = (
    Column(name="name", title=Titles(zh="名称", en="Name")),
    Column(name="file", title=Titles(zh="文件", en="File")),
    Column(name="entry", title=Titles(zh="入口", en="Entry")),
    Column(name="edition", title=Titles(zh="3D Tiles 版本", en="3D Tiles")),
    Column(name="contents", type="integer", title=Titles(zh="瓦片内容数", en="Contents")),
    Column(name="points", type="integer", title=Titles(zh="点数", en="Points")),
    Column(name="bytes", type="integer", unit="B", title=Titles(zh="大小", en="Size")),
    Column(name="offset", type="number", unit="m", title=Titles(zh="高程偏移", en="Height offset")),
    Column(name="place", title=Titles(zh="放置位置", en="Placed at")),
    Column(name="lowest", type="number", unit="m", title=Titles(zh="最低高程", en="Lowest")),
    Column(name="highest", type="number", unit="m", title=Titles(zh="最高高程", en="Highest")),
)

KIND = Kind(
    name="mesh",
    title=Titles(zh="实景三维", en="Oblique mesh"),
    theme="base",
    order=30,
    geometry="Raster",  # its rights are a whole: it is neither cut nor coarsened
    draw="mesh",
    columns=COLUMNS,
)
