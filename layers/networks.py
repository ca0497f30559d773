"""Pipes, cables and what belongs to them: lines with a size at a depth, and the points where they meet."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import shapely
from numpy.typing import NDArray

from layers import naming, shell, sizes
from layers.kind import Kind, Legend, Placed
from layers.tubes import tubes
from layers.wells import wells
from layers.years import with_years
from twin.mesh import Mesh
from twin.model import Column, Titles
from twin.quarantine import put, refuse
from twin.space import metres_per_degree
from twin.table import Batch

LARGEST: Final = 20.0
"""Metres: no pipe or tunnel of a network is wider; a larger figure is another unit."""
DEEPEST: Final = 200.0
"""Metres below ground, and above it for what hangs."""
BURIED: Final = r"埋|沟|管块|管廊|BURIED|TRENCH|DUCT"
"""Ways of laying that are below the ground (CJJ 61-2017: 直埋, 管埋, 管沟, 管块 …; 架空, 地面 and 上架 are not)."""

CLASSES: Final = (
    ("JS", "给水", "Water supply", "#00FFFF"),
    ("PS", "排水", "Drainage", "#4C3926"),
    ("RQ", "燃气", "Gas", "#FF00FF"),
    ("RL", "热力", "Heat", "#FF8000"),
    ("DL", "电力", "Power", "#FF0000"),
    ("TX", "通信", "Telecom", "#00FF00"),
    ("GY", "工业", "Industry", "#000000"),
    ("QT", "其他", "Other", "#000000"),
)
"""Code, name and colour of each class (CJJ 61-2017, appendix B)."""
UNKNOWN: Final = "#6600CC"
"""不明管线 BM (CJJ 61-2017, appendix B)."""

COLUMNS: Final = (
    Column(name="class", title=Titles(zh="管线大类", en="Class")),
    Column(name="type", title=Titles(zh="管线小类", en="Type")),
    Column(name="role", title=Titles(zh="类别", en="Role")),
    Column(name="diameter", type="number", unit="m", title=Titles(zh="管径", en="Diameter")),
    Column(name="width", type="number", unit="m", title=Titles(zh="断面宽", en="Section width")),
    Column(name="height", type="number", unit="m", title=Titles(zh="断面高", en="Section height")),
    Column(name="size", title=Titles(zh="规格（毫米）", en="Size as surveyed (mm)")),
    Column(name="section", title=Titles(zh="断面尺寸（毫米）", en="Section as surveyed (mm)")),
    Column(name="length", type="number", unit="m", title=Titles(zh="长度", en="Length")),
    Column(name="material", title=Titles(zh="材质", en="Material")),
    Column(name="from_node", title=Titles(zh="起点点号", en="From point")),
    Column(name="to_node", title=Titles(zh="终点点号", en="To point")),
    Column(name="from_depth", type="number", unit="m", title=Titles(zh="起点埋深", en="Depth at start")),
    Column(name="to_depth", type="number", unit="m", title=Titles(zh="终点埋深", en="Depth at end")),
    Column(name="depth", type="number", unit="m", title=Titles(zh="埋深", en="Depth")),
    Column(name="ground_z", type="number", unit="m", title=Titles(zh="地面高程", en="Ground height")),
    Column(name="z_ref", title=Titles(zh="埋深基准", en="What depth and height refer to")),
    Column(name="pressure", title=Titles(zh="压力", en="Pressure")),
    Column(name="voltage", title=Titles(zh="电压", en="Voltage")),
    Column(name="embed", title=Titles(zh="埋设方式", en="Laid how")),
    Column(name="feature", title=Titles(zh="特征", en="Feature")),
    Column(name="appurtenance", title=Titles(zh="附属物", en="Appurtenance")),
    Column(name="year_laid", type="integer", title=Titles(zh="敷设年份", en="Year laid")),
    Column(name="owner", title=Titles(zh="权属单位", en="Owner")),
    Column(name="road", title=Titles(zh="所在道路", en="Road")),
    Column(name="state", title=Titles(zh="使用状态", en="State")),
    Column(name="flow", title=Titles(zh="流向", en="Flow direction")),
)

SYNONYMS: Final = {
    "id": ("管线编号", "管线段编号", "管段编号", "LNO",
           "物探点号", "管线点编号", "管点编号", "点号", "EXP_NO", "PIPE_NUMBER"),
    "class": ("管线大类", "管类", "大类", "管线类别"),
    "type": ("管线小类", "小类", "管线种类", "LINE_SORT", "PIPE_TYPE"),
    "role": ("类别", "角色", "CATEGORY"),
    "size": ("管径", "管径或断面", "PSIZE", "LINE_DIAMETER", "DN", "口径"),
    "section": ("断面尺寸", "断面", "截面尺寸"),
    "length": ("长度", "管长", "管段长度", "LENGTH"),
    "material": ("材质", "管材", "管线材质", "MATERIAL", "LINE_TEXTURE"),
    "from_node": ("起点点号", "起点管线点号", "起点编号", "S_EXP", "START_NUMBER"),
    "to_node": ("终点点号", "终点管线点号", "终点编号", "连接点号", "下一点管线点号", "E_EXP", "END_NUMBER"),
    "from_depth": ("起点埋深", "起点管线埋深", "S_DEEP", "START_DEPTH"),
    "to_depth": ("终点埋深", "终点管线埋深", "下一点管线埋深", "E_DEEP", "END_DEPTH"),
    "depth": ("埋深", "井深", "井底深", "管线埋深", "WELLDEEP", "DEPTH"),
    "ground_z": ("地面高程", "HIGH", "GROUND_ELEVATION"),
    "z_ref": ("埋深基准", "高程基准", "ZREF"),
    "pressure": ("压力", "PRESSURE", "PRESURE"),
    "voltage": ("电压", "电压值", "VOLTAGE"),
    "embed": ("埋设方式", "埋设类型", "EMBED", "INBUILT_TYPE"),
    "feature": ("特征", "管点特征", "FEATURE", "POINT_FEATURE"),
    "appurtenance": ("附属物", "附属物名称", "SUBSID", "POINT_APPENTANT"),
    "year_laid": ("建设年代", "敷设年代", "埋设年代", "敷设年份", "BUILD_YEAR"),
    "owner": ("权属单位", "BELONG", "OWNER_UNIT"),
    "road": ("道路名称", "所在道路", "管线段地址", "ROAD_NAME", "ROAD_NAME_CODE", "OWNER_ROAD"),
    "state": ("使用状态", "USTATUS"),
    "flow": ("流向", "排水流向", "FLOWDIR", "FLOW_DIRECTION"),
    "valid_from": ("敷设日期", "埋设日期", "建成日期", "竣工日期", "MDATE", "BUILDING_DATE"),
    "valid_to": ("废除日期", "废弃日期", "拆除日期"),
}  # fmt: skip

Z_REFS: Final = {
    "crown": ("CROWN", "管顶", "管外顶", "外顶", "TOP"),
    "invert": ("INVERT", "管底", "管内底", "内底", "沟底", "BOTTOM"),
    "centre": ("CENTRE", "CENTER", "管中", "中心", "管线中心"),
    "top_of_block": ("TOPOFBLOCK", "管块顶", "块顶", "沟顶"),
}
"""What depth refers to, in our words -> in the field's."""
GRAVITY: Final = ("YS", "WS", "HS", "雨水", "污水", "雨污合流")
"""Types whose depth is to the inner bottom where nothing is said (CJJ 61: 管内底)."""

ROLES: Final = {
    "hydrant": ("消火栓", "消防栓", "HYDRANT"),
    "valve": ("阀门", "阀门井", "阀", "阀井", "排气阀", "疏水阀", "VALVE"),
    "manhole": ("检查井", "检修井", "窨井", "人孔", "手孔", "溢流井", "井", "MANHOLE"),
    "inlet": ("雨水篦", "雨水箅", "雨篦", "雨水口", "INLET"),
    "outfall": ("出水口", "排水口", "出口", "OUTFALL"),
    "pump": ("泵站", "水泵", "泵", "PUMP"),
}
"""Our word -> the field's names of appurtenances; others keep their own name."""


def conform(batch: Batch) -> Batch:
    """The batch with sizes in metres, classes by code, and what depth refers to.

    Sizes in the field's columns (管径, 断面尺寸, PSIZE …) are millimetres or text such as `DN300`, `800X600`.
    Refused: a size above 20 m, a depth above 200 m or, of what is said to be buried, below 0; what is not finite.
    """
    table = batch.table
    surveyed = _surveyed(table)
    for name, values in zip(("diameter", "width", "height"), sizes.metres(surveyed, len(table)), strict=True):
        said = table[name].combine_chunks() if name in table.column_names and not _has(surveyed) else None
        table = put(table, name, _positive(said if said is not None else values))
    table = put(table, "class", classes(_text(table, "class")))
    table = put(table, "z_ref", z_refs(_text(table, "z_ref"), _text(table, "type")))
    table = with_years(put(table, "role", roles(table)), "year_laid")
    batch = replace(batch, table=table)
    for name in ("diameter", "width", "height"):
        batch = _bounded(
            batch, name, LARGEST, "larger than 20 m; is it millimetres? then --column COLUMN=size"
        )
    for name in ("from_depth", "to_depth", "depth"):
        batch = _above_ground(_bounded(batch, name, DEEPEST, "deeper than 200 m"), name)
    return batch


def classes(values: pa.Array) -> pa.Array:
    """Codes of classes from codes or names; what is neither stays as it is."""
    known = {zh: code for code, zh, _, _ in CLASSES} | {en.upper(): code for code, _, en, _ in CLASSES}
    return _mapped(values, known | {code: code for code, *_ in CLASSES})


def z_refs(values: pa.Array, types: pa.Array) -> pa.Array:
    """What depth and z refer to: as said, else `unknown`, for gravity sewers `invert`."""
    words = {naming.plain(word): ours for ours, all_ in Z_REFS.items() for word in all_}
    said = _mapped(values, words)
    sewers = pc.is_in(types, pa.array(GRAVITY))
    assumed = pc.if_else(sewers, pa.scalar("invert"), pa.scalar("unknown"))
    return pc.coalesce(said, assumed)


def roles(table: pa.Table) -> pa.Array:
    """The role as said, else by the appurtenance's name, else pipe for lines and junction for points."""
    words = {naming.plain(word): ours for ours, all_ in ROLES.items() for word in all_}
    lines = shapely.get_dimensions(shapely.from_wkb(np.asarray(table["geom"], object))) == 1
    rest = pa.array(np.where(lines, "pipe", "junction"), pa.string())
    said = pc.coalesce(_text(table, "role"), _text(table, "category"))
    return pc.coalesce(_mapped(said, words), _mapped(_text(table, "appurtenance"), words), rest)


def size(table: pa.Table) -> NDArray[np.float32]:
    """(n,) float32 metres: the longer side of a line's box; points count as 2 m."""
    bounds = shapely.bounds(shapely.from_wkb(np.asarray(table["geom"], object)))
    bounds = np.where(np.isfinite(bounds), bounds, 0.0)
    east, north = metres_per_degree(float(bounds[:, 1].mean()) if len(bounds) else 0.0)
    sides = np.maximum((bounds[:, 2] - bounds[:, 0]) * east, (bounds[:, 3] - bounds[:, 1]) * north)
    return np.maximum(sides, 2.0).astype(np.float32)


def mesh(rows: pa.Table, placed: Placed) -> Mesh | None:
    """Lines as tubes and boxes of their true size at their true depth, points as short upright cylinders."""
    geometries = shapely.from_wkb(np.asarray(rows["geom"], object))
    box = shapely.total_bounds(geometries) if len(rows) else np.full(4, np.nan)
    if not np.isfinite(box).all():
        return None
    origin = np.array([(box[0] + box[2]) / 2, (box[1] + box[3]) / 2, 0.0])
    colors = class_colors(_text(rows, "class"))
    parts = [tubes(rows, geometries, placed, origin, colors), wells(rows, geometries, placed, origin, colors)]
    return shell.mesh(shell.joined(parts), origin, rows, KIND)


def class_colors(codes: pa.Array) -> NDArray[np.uint8]:
    """(n, 4) uint8 linear RGBA of (n,) class codes."""
    palette = {code: color for code, _, _, color in CLASSES}
    table = np.array([linear(color) for color in (*palette.values(), UNKNOWN)], np.uint8)
    found = pc.index_in(codes, pa.array(list(palette))).fill_null(len(palette))
    return table[np.asarray(found)]


def linear(color: str) -> tuple[int, int, int, int]:
    """`#rrggbb` (sRGB) as linear 8-bit RGBA, which is what glTF's COLOR_0 holds."""
    parts = np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    light = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)  # IEC 61966-2-1
    r, g, b = (int(v) for v in np.rint(light * 255))
    return r, g, b, 255


def _surveyed(table: pa.Table) -> list[pa.Array]:
    """The columns that hold sizes as surveys write them, in millimetres."""
    wanted = {naming.plain(n) for key in ("size", "section") for n in (key, *SYNONYMS[key])}
    names = [n for n in table.column_names if naming.plain(n) in wanted]
    return [pc.cast(table[n], pa.string()).combine_chunks() for n in names]


def _has(surveyed: list[pa.Array]) -> bool:
    return any(len(s) > s.null_count for s in surveyed)


def _positive(values: pa.Array) -> pa.Array:
    """Zero is what surveys write for "not measured"."""
    return pc.if_else(pc.equal(values, 0.0), pa.scalar(None, pa.float64()), values)


def _text(table: pa.Table, name: str) -> pa.Array:
    if name not in table.column_names:
        return pa.nulls(len(table), pa.string())
    return pc.cast(table[name], pa.string()).combine_chunks()


def _mapped(values: pa.Array, words: dict[str, str]) -> pa.Array:
    """Values that are among the words, in ours; the others as they are."""
    return pa.array(
        [None if v is None else words.get(naming.plain(v), v) for v in values.to_pylist()], pa.string()
    )


def _bounded(batch: Batch, name: str, limit: float, why: str) -> Batch:
    if name not in batch.table.column_names:
        return batch
    column = pc.cast(batch.table[name], pa.float64()).combine_chunks()
    value = np.asarray(column.fill_null(0.0), np.float64)
    low = 0.0 if limit == LARGEST else -limit
    if limit == LARGEST:  # a tank may be wider
        value = np.where(np.asarray(pc.equal(batch.table["role"], "pipe").fill_null(False)), value, 0.0)
    return refuse(
        batch,
        ~((value >= low) & (value <= limit)),
        name,
        lambda i: f"{name}: {column[i].as_py():g} m is {'negative' if value[i] < low else why}",
        lambda i: str(column[i].as_py()),
    )


def _above_ground(batch: Batch, name: str) -> Batch:
    """Without what is said to be buried and has a depth above the ground."""
    if name not in batch.table.column_names:
        return batch
    depth = np.asarray(pc.cast(batch.table[name], pa.float64()).combine_chunks().fill_null(0.0), np.float64)
    laid = _text(batch.table, "embed")
    buried = np.asarray(pc.match_substring_regex(laid, BURIED, ignore_case=True).fill_null(False))
    return refuse(
        batch,
        buried & (depth < 0),
        name,
        lambda i: f"{name}: {depth[i]:g} m is above the ground, but it is laid as {laid[i].as_py()}",
        lambda i: f"{depth[i]:g}",
    )


KIND = Kind(
    name="networks",
    title=Titles(zh="地下管线", en="Networks"),
    theme="pipes",
    order=40,
    geometry="Geometry",
    draw="3dtiles",
    columns=COLUMNS,
    synonyms=SYNONYMS,
    conform=conform,
    mesh=mesh,
    mesh_columns=(
        "id", "class", "type", "diameter", "depth", "from_depth", "to_depth", "material", "role",
        "valid_from", "valid_to",
    ),
    legend_by="class",
    legend=(
        *(
            Legend(value=code, label=Titles(zh=f"{code} {zh}", en=f"{code} {en}"), color=color, symbol="line")
            for code, zh, en, color in CLASSES
        ),
        Legend(value=None, label=Titles(zh="BM 不明管线", en="BM Unknown"), color=UNKNOWN, symbol="line"),
    ),
    size=size,
    label="id",
)  # fmt: skip
