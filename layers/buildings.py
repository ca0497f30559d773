"""Buildings: footprints with a height, or bodies with roofs; their columns, and how they are drawn."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import shapely
from numpy.typing import NDArray

from layers import bodies, shell
from layers.extrude import Standing, extrude, footprints
from layers.footing import absolute, ground, lowest
from layers.kind import Kind, Legend, Placed
from layers.years import with_years
from twin.mesh import Mesh
from twin.model import Column, Rejected, Titles
from twin.space import metres_per_degree
from twin.table import Batch

STOREY: Final = 3.0
"""Metres a storey where only the number of storeys is known."""
DEFAULT: Final = 6.0
"""Metres drawn where nothing is known of a building's height."""
HIGHEST: Final = 1500.0
"""No building is higher; a larger figure is a mistake or another unit."""

COLUMNS: Final = (
    Column(name="name", title=Titles(zh="名称", en="Name")),
    Column(name="address", title=Titles(zh="地址", en="Address")),
    Column(name="use", title=Titles(zh="用途", en="Use")),
    Column(name="storeys", type="integer", title=Titles(zh="地上层数", en="Storeys above ground")),
    Column(name="storeys_below", type="integer", title=Titles(zh="地下层数", en="Storeys below ground")),
    Column(name="height", type="number", unit="m", title=Titles(zh="高度", en="Height")),
    Column(name="height_source", title=Titles(zh="高度来源", en="Where the height is from")),
    Column(name="year_built", type="integer", title=Titles(zh="建成年份", en="Year built")),
    Column(name="structure", title=Titles(zh="结构", en="Structure")),
    Column(name="roof", title=Titles(zh="屋顶形式", en="Roof")),
    Column(name="parts", type="integer", title=Titles(zh="组成部分数", en="Parts")),
    Column(name="lod", title=Titles(zh="细节层次", en="Level of detail")),
)

SYNONYMS: Final = {
    "id": ("建筑编号", "建筑物编号", "建筑代码", "楼栋编号", "楼栋编码", "幢号", "BUILDING_ID", "BLDG_ID"),
    "name": ("名称", "建筑名称", "建筑物名称", "楼栋名称", "楼名", "NAME", "BUILDING_NAME"),
    "address": ("地址", "门牌", "门牌号", "门牌地址", "坐落", "ADDRESS", "ADDR"),
    "use": ("用途", "建筑用途", "房屋用途", "建筑性质", "使用性质", "建筑功能", "建筑类型",
            "USE", "USAGE", "FUNCTION"),
    "storeys": (
        "层数", "地上层数", "楼层", "楼层数", "总层数", "建筑层数",
        "STOREYS", "STORIES", "FLOORS", "LEVELS",
        "NUM_FLOORS", "BUILDING:LEVELS", "STOREYSABOVEGROUND",
    ),
    "storeys_below": ("地下层数", "STOREYS_BELOW", "BUILDING:LEVELS:UNDERGROUND", "STOREYSBELOWGROUND"),
    "height": (
        "高度", "建筑高度", "楼高", "房屋高度",
        "HEIGHT", "BUILDING_HEIGHT", "BLDG_HEIGHT", "MEASUREDHEIGHT", "ELEVATION_HEIGHT",
    ),
    "year_built": ("建成年份", "建造年份", "建造年代",
        "YEAR_BUILT", "BUILT_YEAR", "YEAROFCONSTRUCTION", "OORSPRONKELIJKBOUWJAAR"),
    "structure": ("结构", "建筑结构", "房屋结构", "结构类型", "STRUCTURE"),
    "roof": ("屋顶", "屋顶形式", "屋顶类型", "ROOF", "ROOFTYPE", "ROOF:SHAPE"),
    "valid_from": ("建成年代", "建成日期", "建成时间", "竣工日期", "竣工时间", "VALID_FROM"),
    "valid_to": ("拆除日期", "拆除时间", "VALID_TO"),
}  # fmt: skip


def conform(batch: Batch) -> Batch:
    """The batch with heights that can be true, and a column that says where each one is from.

    0 and null are unknown, not wrong; what is below 0, above 1,500 m or not a number is refused.
    """
    table = batch.table
    if "height" not in table.column_names:
        table = table.append_column("height", pa.nulls(len(table), pa.float64()))
    heights = pc.cast(table["height"], pa.float64()).combine_chunks()
    wrong = impossible(heights)
    rejected = tuple(_refused(table, heights, int(i)) for i in np.flatnonzero(wrong))
    table = _replace(
        table, "height", pc.if_else(pc.equal(heights, 0.0), pa.scalar(None, pa.float64()), heights)
    )
    table = _replace(table, "height_source", height_source(table))
    table = with_years(table, "year_built")
    return replace(
        batch,
        table=table.filter(pa.array(~wrong)) if rejected else table,
        rejected=(*batch.rejected, *rejected),
    )


def impossible(heights: pa.Array) -> NDArray[np.bool_]:
    """(n,) bool: heights that no building has."""
    known = np.asarray(heights.is_valid())
    value = np.asarray(heights.fill_null(0.0), np.float64)
    return np.asarray(known & ~((value >= 0) & (value <= HIGHEST)))


def height_source(table: pa.Table) -> pa.Array:
    """(n,) string: what the source said of it, `stated`, `storeys` or `default`."""
    count = len(table)
    known = np.asarray(pc.greater(table["height"], 0.0).fill_null(False))
    levels = storeys(table) > 0
    said = table["height_source"] if "height_source" in table.column_names else pa.nulls(count, pa.string())
    derived = pa.array(np.where(levels, "storeys", "default"), pa.string())
    return pc.if_else(pa.array(known), pc.coalesce(said, pa.scalar("stated")), derived)


def storeys(table: pa.Table) -> NDArray[np.float64]:
    """(n,) float64: storeys above ground; 0 where unknown or more than any building has (9999)."""
    levels = _numbers(table, "storeys")
    return np.where((levels > 0) & (levels * STOREY <= HIGHEST), levels, 0.0)


def height_drawn(table: pa.Table) -> NDArray[np.float64]:
    """(n,) float64 metres: the height; without one 3 m a storey; without storeys 6 m."""
    height, levels = _numbers(table, "height"), storeys(table)
    return np.where(height > 0, height, np.where(levels > 0, levels * STOREY, DEFAULT))


def size(table: pa.Table) -> NDArray[np.float32]:
    """(n,) float32 metres: the larger of height and longer side, so that towers come early."""
    drawn = np.maximum(height_drawn(table), bodies.rises(bodies.best(table)))
    geometries = shapely.from_wkb(np.asarray(table["geom"], object))
    return np.maximum(longer_sides(geometries), drawn).astype(np.float32)


def longer_sides(geometries: NDArray[np.object_]) -> NDArray[np.float64]:
    """(n,) float64 metres: the longer side of each footprint's box."""
    bounds = shapely.bounds(geometries)
    bounds = np.where(np.isfinite(bounds), bounds, 0.0)
    east, north = metres_per_degree(float(bounds[:, 1].mean()) if len(bounds) else 0.0)
    return np.maximum((bounds[:, 2] - bounds[:, 0]) * east, (bounds[:, 3] - bounds[:, 1]) * north)


def mesh(rows: pa.Table, placed: Placed) -> Mesh | None:
    """Bodies as they are, the other footprints pulled up, all standing on the ground that the viewer gets."""
    geometries = shapely.from_wkb(np.asarray(rows["geom"], object))
    box = shapely.total_bounds(geometries) if len(rows) else np.full(4, np.nan)
    if not np.isfinite(box).all():
        return None
    prints = footprints(geometries)
    floor = lowest(ground(placed, prints.lon, prints.lat), prints.owners, len(rows))
    blocks = bodies.best(rows)
    standing = _standing(rows, geometries, floor, placed)
    origin = np.array([(box[0] + box[2]) / 2, (box[1] + box[3]) / 2, float(standing.foot.min())])
    if blocks.null_count < len(rows):
        geometries[np.asarray(blocks.is_valid())] = None
        prints = footprints(geometries)
    parts = [
        extrude(prints, standing, origin),
        bodies.shell_of(blocks, floor, origin, as_given=absolute(placed)),
    ]
    return shell.mesh(shell.joined(parts), origin, rows, KIND)


def sink(sides: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n,) metres that walls reach below the lowest ground, by the footprint's larger side: 0.5 to 2."""
    return np.clip(0.5 + 0.02 * sides, 0.5, 2.0)


def _standing(
    rows: pa.Table, geometries: NDArray[np.object_], floor: NDArray[np.float64], placed: Placed
) -> Standing:
    low = np.where(np.isfinite(floor), floor, 0.0)
    base = low
    if absolute(placed):
        own = lowest_z(geometries)
        base = np.where(np.isfinite(own) & np.isfinite(floor), own, low)
    foot = np.minimum(base, low) - sink(longer_sides(geometries))
    return Standing(foot=foot, base=base, top=base + height_drawn(rows))


def lowest_z(geometries: NDArray[np.object_]) -> NDArray[np.float64]:
    """(n,) float64: the lowest z of each geometry; NaN where it has none."""
    coords, owners = shapely.get_coordinates(geometries, include_z=True, return_index=True)
    return lowest(coords[:, 2], np.asarray(owners, np.int64), len(geometries))


def _numbers(table: pa.Table, name: str) -> NDArray[np.float64]:
    if name not in table.column_names:
        return np.zeros(len(table))
    values = pc.cast(table[name], pa.float64()).combine_chunks().fill_null(0.0)
    return np.nan_to_num(np.asarray(values, np.float64))


def _replace(table: pa.Table, name: str, values: pa.Array) -> pa.Table:
    if name in table.column_names:
        return table.set_column(table.column_names.index(name), name, values)
    return table.append_column(name, values)


def _refused(table: pa.Table, heights: pa.Array, i: int) -> Rejected:
    value = heights[i].as_py()
    number = table["row"][i].as_py() if "row" in table.column_names else i
    return Rejected(
        row=number,
        column="height",
        reason=f"a building is not {value} m high; 0 to {HIGHEST:g} m, or declare the nodata value",
        original=str(value),
    )


KIND = Kind(
    name="buildings",
    title=Titles(zh="建筑", en="Buildings"),
    theme="buildings",
    order=30,
    geometry="Polygon",
    draw="3dtiles",
    columns=COLUMNS,
    synonyms=SYNONYMS,
    signs=("height", "storeys"),
    conform=conform,
    mesh=mesh,
    mesh_columns=(
        "id",
        "name",
        "use",
        "storeys",
        "height",
        "height_source",
        "year_built",
        "valid_from",
        "valid_to",
    ),
    legend=(Legend(value=None, label=Titles(zh="建筑", en="Building"), color="#E9E4DA"),),
    size=size,
)
