"""The county's areas: towns, communities, grid cells; parcels and height limits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from data_samples import files, manifest, offices, place, plan, skeleton
from data_samples.cover import LAND_USE, USES_ZH
from data_samples.manifest import Entry

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from data_samples.blocks import Blocks

COUNTY_CODE = "379901"
"""Six digits as GB/T 2260 has them; this number is nobody's."""
TOWNS = (
    ("海丰街道", 4200, 5900),
    ("渤海街道", 5900, 5000),
    ("棣新街道", 3000, 4700),
    ("滨河新区街道", 4700, 1900),
    ("临港街道", 8000, 5600),
    ("沙河镇", 700, 4700),
    ("盐场镇", 3400, 8000),
    ("港口镇", 7600, 8200),
    ("南山镇", 1500, 1300),
    ("河口镇", 8200, 1700),
    ("柳林镇", 1200, 6400),
    ("南洼镇", 4600, 500),
)
SURNAMES = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕"
GIVEN = "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超霞平刚桂英华玉兰建国志文斌晓东海燕春梅"


def people(rng: np.random.Generator, count: int) -> NDArray[np.object_]:
    """Invented names."""
    first = np.array(list(SURNAMES))[rng.integers(len(SURNAMES), size=count)]
    rest = np.array(list(GIVEN))[rng.integers(len(GIVEN), size=(2, count))]
    short = rng.random(count) < 0.35
    return np.asarray(np.char.add(np.char.add(first, rest[0]), np.where(short, "", rest[1])), dtype=object)


def phones(rng: np.random.Generator, count: int) -> NDArray[np.object_]:
    """Telephone numbers that no exchange gives out: 0543-000xxxx."""
    return np.array([f"0543-000{n:04d}" for n in rng.choice(10_000, count, replace=False)], dtype=object)


@dataclass(frozen=True, kw_only=True)
class Areas:
    """The four levels of the grid, one row an area, county first; local metres."""

    shapes: NDArray[np.object_]
    level: NDArray[np.int64]
    code: NDArray[np.object_]
    parent: NDArray[np.object_]
    name: NDArray[np.object_]


def areas(blocks: Blocks, rng: np.random.Generator) -> Areas:
    """County, towns, communities and grid cells: cells are whole faces of the street network, so they nest exactly."""
    cells = _cells(blocks, rng)
    seeds, names = _communities()
    community = _nearest(shapely.get_coordinates(shapely.centroid(cells)), seeds)
    town_of = _nearest(seeds, np.array([(x, y) for _, x, y in TOWNS], dtype=np.float64))
    # Numbered as the code of GB/T 30428 is built: district, street, community, cell.
    rank = np.lexsort((community, town_of[community]))
    cells, community = cells[rank], community[rank]
    town = town_of[community]
    _, town_code, town_first = _coded(town, np.full(len(cells), COUNTY_CODE))
    _, community_code, community_first = _coded(community, town_code)
    _, cell_code, _ = _coded(np.arange(len(cells)), community_code)
    named = [names[k] for k in community[community_first]]
    return Areas(
        shapes=np.concatenate(
            ([shapely.union_all(cells)], _unions(cells, town_code), _unions(cells, community_code), cells)
        ),
        level=np.repeat([1, 2, 3, 4], [1, len(town_first), len(community_first), len(cells)]),
        code=np.concatenate(
            ([COUNTY_CODE], town_code[town_first], community_code[community_first], cell_code)
        ).astype(object),
        parent=np.concatenate(
            ([""], np.full(len(town_first), COUNTY_CODE), town_code[community_first], community_code)
        ).astype(object),
        name=np.array(
            [
                place.ZH,
                *(TOWNS[k][0] for k in town[town_first]),
                *named,
                *(f"{names[k]}第{int(c[-3:])}网格" for k, c in zip(community, cell_code, strict=True)),
            ],
            dtype=object,
        ),
    )


def _coded(
    group: NDArray[np.int64], parent: NDArray[np.str_]
) -> tuple[NDArray[np.int64], NDArray[np.str_], NDArray[np.int64]]:
    """The groups, each row's code and each group's first row.

    A code is the parent's and three digits that count within the parent.
    """
    groups, first, row = np.unique(group, return_index=True, return_inverse=True)
    order = np.argsort(first, kind="stable")
    owner = parent[first[order]]
    begins = np.concatenate(([True], owner[1:] != owner[:-1]))
    serial = np.arange(len(order)) - np.maximum.accumulate(np.where(begins, np.arange(len(order)), 0)) + 1
    code = np.empty(len(groups), dtype=f"<U{owner.dtype.itemsize // 4 + 3}")
    code[order] = np.char.add(owner, np.char.zfill(serial.astype(str), 3))
    return groups, code[row.reshape(-1)], np.sort(first)


def _unions(cells: NDArray[np.object_], code: NDArray[np.str_]) -> NDArray[np.object_]:
    _, first = np.unique(code, return_index=True)
    return np.array([shapely.union_all(cells[code == code[k]]) for k in np.sort(first)], dtype=object)


def _communities() -> tuple[NDArray[np.float64], list[str]]:
    """Middles and names of the communities and villages."""
    villages = [(name, middle) for name, middle, _ in skeleton.villages()]
    p, q = np.meshgrid(np.arange(-2000, 2600, 920.0), [-3800, -2950, -1100, -350, 450, 1300])
    keep = ~((p < -1700) & (q < -2000))
    urban = place.from_town(np.column_stack((p[keep], q[keep])))
    outer = np.array(
        [(8000, 5900), (8100, 4900), (7500, 8300), (3200, 8300), (900, 8300), (5600, 8500), (8200, 1400)],
        dtype=np.float64,
    )
    names = [
        f"{name}社区"
        for name in [
            "朝阳",
            "东风",
            "新华",
            "文化",
            "建设",
            "和平",
            "胜利",
            "解放",
            "光明",
            "团结",
            "友谊",
            "幸福",
            "红旗",
            "向阳",
            "长江",
            "黄河",
            "泰山",
            "海河",
            "渤海",
            "海滨",
            "金盾",
            "学苑",
            "民安",
            "瑞海",
            "福海",
            "祥海",
            "丽海",
            "景海",
            "盛海",
            "宁海",
            "安海",
        ]
    ]
    extra = ["工业园社区", "临港社区", "港区社区", "盐场一社区", "盐场二社区", "盐场三社区", "养殖场社区"]
    urban_names = [names[k % len(names)] for k in range(len(urban))]
    return np.vstack((np.array([middle for _, middle in villages]), urban, outer)), [
        *(name for name, _ in villages),
        *urban_names,
        *extra,
    ]


def _cells(blocks: Blocks, rng: np.random.Generator) -> NDArray[np.object_]:
    """Faces in neighbourly heaps of a few; big faces of open country are cells of their own."""
    centre = shapely.get_coordinates(shapely.centroid(blocks.face))
    size = shapely.area(blocks.face)
    weight = np.where(size > 4e5, 1e6, np.sqrt(size))
    order = rng.permutation(len(centre))
    seeds: list[int] = []
    for k in order.tolist():
        near = [
            s
            for s in seeds
            if np.hypot(*(centre[k] - centre[s])) < (330 if blocks.use[k] != "village" else 210)
        ]
        if not near or weight[k] >= 1e6:
            seeds.append(k)
    small = np.array([s for s in seeds if weight[s] < 1e6])
    heap = small[_nearest(centre, centre[small])]
    heap[weight >= 1e6] = np.flatnonzero(weight >= 1e6)
    return np.array([shapely.union_all(blocks.face[heap == k]) for k in np.unique(heap)], dtype=object)


def _nearest(points: NDArray[np.float64], seeds: NDArray[np.float64]) -> NDArray[np.int64]:
    return np.asarray(np.hypot(*(points[:, None, :] - seeds[None]).transpose(2, 0, 1)).argmin(axis=1))


def parcels(blocks: Blocks) -> tuple[NDArray[np.object_], dict[str, Any]]:
    """Cadastral parcels: each built block's land, parted where it is long."""
    built = np.array([use in LAND_USE for use in blocks.use]) & (shapely.area(blocks.land) > 0)
    shapes = shapely.get_parts(blocks.land[built])
    owner = np.repeat(np.flatnonzero(built), shapely.get_num_geometries(blocks.land[built]))
    use = np.array([LAND_USE[use] for use in blocks.use[owner]], dtype=object)
    state = np.isin(
        use, ["government", "education", "health", "culture", "park", "utility", "sports", "transport"]
    )
    columns = {
        "宗地号": np.array(
            [f"{COUNTY_CODE}001{k // 200 + 1:03d}GB{k % 200 + 1:05d}" for k in range(len(shapes))],
            dtype=object,
        ),
        "宗地用途": use,
        "用途名称": np.array([USES_ZH[u] for u in use], dtype=object),
        "宗地面积": np.round(shapely.area(shapes), 1),
        "权利性质": np.where(use == "village", "集体土地", np.where(state, "划拨", "出让")).astype(object),
        "权利人": np.where(
            use == "village",
            blocks.name[owner] + "村集体",
            np.where(blocks.name[owner] == "", "（虚构权利人）", blocks.name[owner]),
        ).astype(object),
    }
    return files.many(shapes), columns


def height_limits() -> tuple[NDArray[np.object_], dict[str, Any]]:
    """Zones in which buildings may not be higher than a figure, each with its reason."""

    def town(*corners: tuple[float, float]) -> shapely.Polygon:
        return shapely.Polygon(place.from_town(np.array(corners, dtype=np.float64)))

    land = plan.land()
    beam = shapely.LineString(place.from_town(np.array([(-2400.0, 1500.0), (2400.0, -1300.0)])))
    rows = [
        (town((-850, 0), (450, 0), (450, 800), (-850, 800)), 12.0, "望海古城历史文化保护区"),
        (
            town((-1150, -250), (760, -250), (760, 1050), (-1150, 1050)).difference(
                town((-850, 0), (450, 0), (450, 800), (-850, 800))
            ),
            24.0,
            "望海古城建设控制地带",
        ),
        (
            shapely.Polygon(land.river.buffer(320).exterior)
            .difference(land.river)
            .intersection(land.boundary.difference(land.sea)),
            36.0,
            "望海河滨水景观控制带",
        ),
        (land.lake.buffer(160).difference(land.lake), 24.0, "海天湖视廊"),
        (beam.buffer(45, cap_style="flat"), 60.0, "微波通道净空"),
        (shapely.Point(8_000, 6_900).buffer(900), 45.0, "气象雷达净空"),
        (town((-1740, -4190), (2590, -4190), (2590, -2440), (-1740, -2440)), 100.0, "滨河新区总体限高"),
    ]
    columns = {
        "id": np.array([f"HL{k + 1:02d}" for k in range(len(rows))]),
        "name": np.array([reason for _, _, reason in rows], dtype=object),
        "max_height": np.array([limit for _, limit, _ in rows]),
        "reason": np.array([reason for _, _, reason in rows], dtype=object),
    }
    return files.many(np.array([shape for shape, _, _ in rows], dtype=object)), columns


def write(found: Areas, blocks: Blocks, folder: Path, rng: np.random.Generator) -> list[Entry]:
    """Write grid, parcels and height limits; returns the manifest's lines."""
    count = len(found.shapes)
    columns = {
        "网格编码": found.code,
        "网格名称": found.name,
        "层级": found.level,
        "上级编码": files.blanked(found.parent, found.parent == ""),
        "负责人": people(rng, count),
        "联系电话": phones(rng, count),
        "面积": np.round(shapely.area(found.shapes), 1),
    }
    files.vector(
        folder / "grid.gpkg",
        files.many(found.shapes),
        columns,
        geometry="MultiPolygon",
    )
    files.vector(folder / "parcels.gpkg", *parcels(blocks), geometry="MultiPolygon")
    files.vector(folder / "height_limits.gpkg", *height_limits(), geometry="MultiPolygon")
    common: dict[str, Any] = {"crs": place.CRS, "valid_from": manifest.moment("2021-07-01"), "visible": False}
    return [
        Entry(
            files=("grid.gpkg",),
            layer="grid",
            kind="grids",
            title={"zh": "四级网格", "en": "Four-level grid"},
            theme="governance",
            department=offices.CITY,
            columns={
                "id": "网格编码",
                "name": "网格名称",
                "level": "层级",
                "parent": "上级编码",
                "manager": "负责人",
                "phone": "联系电话",
                "area": "面积",
            },
            **common,
        ),
        Entry(
            files=("parcels.gpkg",),
            layer="parcels",
            kind="parcels",
            title={"zh": "宗地", "en": "Parcels"},
            theme="planning",
            department=offices.NATURE,
            columns={
                "id": "宗地号",
                "use": "宗地用途",
                "area": "宗地面积",
                "tenure": "权利性质",
                "owner": "权利人",
            },
            **common,
        ),
        Entry(
            files=("height_limits.gpkg",),
            layer="height_limits",
            kind="zones",
            title={"zh": "限高区", "en": "Height limits"},
            theme="planning",
            department=offices.NATURE,
            columns={"id": "id", "name": "name", "max_height": "max_height", "reason": "reason"},
            **common,
        ),
    ]
