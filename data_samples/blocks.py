"""The land between the streets, and what each piece of it is for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import shapely

from data_samples import place, plan, skeleton

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from shapely.geometry.base import BaseGeometry

    from data_samples.streets import Streets

# What a public thing is, its name, and where it stands in the town frame (p east, q north of the town's middle).
SPECIAL = (
    ("government", "望海县政务服务中心", 1110, 200),
    ("culture", "望海市民文化中心", 1100, -190),
    ("heritage", "望海古街", -200, 200),
    ("stadium", "望海县体育中心", 1540, 600),
    ("hospital", "望海县人民医院", -640, -560),
    ("hospital", "望海县中医医院", 1030, 1030),
    ("hospital", "新区医院", 680, -3120),
    ("hospital", "妇幼保健院", -1900, 600),
    ("school", "望海县第一中学", -1500, -560),
    ("school", "望海县实验小学", -1060, 1030),
    ("school", "海丰路小学", 200, -1000),
    ("school", "渤海中学", 1900, -560),
    ("school", "盐业街小学", 1550, 1500),
    ("school", "环城西路中学", -2300, 1030),
    ("school", "职业技术学院", 2340, 1030),
    ("school", "新区实验学校", -640, -3100),
    ("school", "新区第二小学", 1100, -3560),
    ("school", "科技路中学", 1540, -2700),
    ("school", "锦绣小学", 200, -3950),
    ("station", "望海汽车总站", -2300, 200),
    ("market", "鼓楼农贸市场", -640, 1030),
    ("market", "海鲜批发市场", 2330, -190),
    ("park", "人民公园", -1060, 200),
    ("park", "文昌公园", -1060, -940),
    ("park", "盐韵公园", 640, 1500),
    ("park", "新区中央公园", 220, -3120),
    ("park", "锦绣公园", -1480, -3560),
    ("park", "科技公园", 1960, -3600),
    ("utility", "望海县自来水厂", -2300, -1310),
    ("utility", "望海县污水处理厂", 3680, -190),
    ("utility", "望海热电厂", 3230, 1530),
    ("utility", "天然气门站", 2360, 1520),
    ("chemical", "望海化工园区", 3670, 1500),
    ("chemical", "海化新材料（虚构）", 3670, 1030),
    ("utility", "220千伏望海变电站", -2300, 1530),
)
BUILT = frozenset(
    {
        "oldtown",
        "cbd",
        "renewal",
        "slab",
        "tower",
        "village",
        "industrial",
        "port",
        "office",
        "market",
        "newslab",
        *(use for use, *_ in SPECIAL if use != "park"),
    }
)
BIG = 700_000.0
"""Square metres above which a face is countryside whatever stands around it."""


@dataclass(frozen=True, kw_only=True)
class Blocks:
    """Faces of the street network, one row each, local metres."""

    face: NDArray[np.object_]
    """Polygons that tile the land without gaps, to the middle of the streets."""
    land: NDArray[np.object_]
    """(multi)polygons: the face without street reserve and water; may be empty."""
    use: NDArray[np.object_]
    name: NDArray[np.object_]
    """Of a special block or a village, else empty."""
    town: NDArray[np.float64]
    """(n, 2) centroids in the town frame."""


def divide(graph: Streets, rng: np.random.Generator) -> Blocks:
    """The faces of the street network with their uses."""
    land = plan.land()
    lines = [*graph.lines, land.boundary.exterior, land.coast.intersection(place.rectangle())]
    faces = shapely.get_parts(shapely.polygonize(shapely.get_parts(shapely.node(shapely.union_all(lines)))))
    faces = faces[
        shapely.contains_xy(land.boundary, shapely.get_coordinates(shapely.point_on_surface(faces)))
    ]
    taken = shapely.union_all(
        [graph.reserve(), land.open_water.buffer(12), land.river.buffer(86), *_works(land)]
    )
    rest = _land(faces, shapely.difference(land.boundary.difference(land.sea), taken))
    centre = shapely.get_coordinates(shapely.centroid(faces))
    town = place.to_town(centre)
    use, name = _uses(faces, centre, town, rng)
    _special(use, name, town, faces)
    return Blocks(face=faces, land=rest, use=use, name=name, town=town)


def _land(faces: NDArray[np.object_], free: BaseGeometry) -> NDArray[np.object_]:
    """The free land in each face, as multipolygons; one overlay for all faces is ten times as quick as one a face."""
    pieces = shapely.get_parts(shapely.buffer(free, -0.5, quad_segs=2))
    pieces = pieces[shapely.area(pieces) > 150]
    piece, face = shapely.STRtree(faces).query(shapely.point_on_surface(pieces), predicate="within")
    order = np.argsort(face, kind="stable")
    land = np.full(len(faces), shapely.MultiPolygon(), dtype=object)
    filled = shapely.multipolygons(pieces[piece[order]], indices=face[order], out=land)
    return np.asarray(filled, dtype=object)


def _works(land: plan.Land) -> list[BaseGeometry]:
    return [shapely.box(*plan.SALT).buffer(15), shapely.box(*plan.FISH).buffer(15), land.lake.buffer(25)]


def _uses(
    faces: NDArray[np.object_],
    centre: NDArray[np.float64],
    town: NDArray[np.float64],
    rng: np.random.Generator,
) -> tuple[NDArray[np.object_], NDArray[np.object_]]:
    p, q = town.T
    lots = rng.random(len(faces))
    area = shapely.area(faces)
    sea = shapely.contains_xy(plan.land().sea, centre)
    north = (p > -2510) & (p < 2580) & (q > -1520) & (q < 1780)
    south = (p > -1720) & (p < 2580) & (q > -4170) & (q < -2460)
    east = (p >= 2540) & (p < 3920) & (q > -780) & (q < 1780)
    port = (centre[:, 0] > 6_840) & (centre[:, 0] < 8_230) & (centre[:, 1] > 7_950) & (centre[:, 1] < 8_720)
    shore = (q <= -1520) & (q >= -2460) & (p > -2500) & (p < 2500)
    tells = [
        (sea, "sea"),
        (port, "port"),
        (east, "industrial"),
        (shore, "shore"),
        (north & (p > -850) & (p < 450) & (q > 0) & (q < 800), "oldtown"),
        (north & (p > -1700) & (p < -850) & (q > 400) & (q < 800), "renewal"),
        (north & (p > 0) & (p < 1750) & (q > -760) & (q < 420), "cbd"),
        (north & (lots < 0.10), "tower"),
        (north & (lots < 0.14), "office"),
        (north & (lots < 0.17), "park"),
        (north, "slab"),
        (south & (lots < 0.14), "office"),
        (south & (lots < 0.20), "park"),
        (south & (lots < 0.45), "newslab"),
        (south, "tower"),
    ]
    use = np.select(
        [mask & (area < BIG) for mask, _ in tells], [name for _, name in tells], "farmland"
    ).astype(object)
    use[sea] = "sea"
    name = np.full(len(faces), "", dtype=object)
    for village, middle, along in skeleton.villages():
        away = centre - middle
        inside = (np.abs(away @ along) < 215) & (np.abs(away @ np.array([-along[1], along[0]])) < 152)
        mine = inside & (area < 15_000) & (use == "farmland")
        use[mine], name[mine] = "village", village
    return use, name


def _special(
    use: NDArray[np.object_], name: NDArray[np.object_], town: NDArray[np.float64], faces: NDArray[np.object_]
) -> None:
    """Give each public thing the free face that is nearest to where it should stand."""
    free = (shapely.area(faces) > 14_000) & ~np.isin(use, ["farmland", "sea", "village", "shore"])
    lake = plan.land().lake
    use[shapely.intersects(faces, lake)], name[shapely.intersects(faces, lake)] = "park", "海天湖公园"
    free &= ~shapely.intersects(faces, lake)
    for kind, title, p, q in SPECIAL:
        away = np.where(free, np.hypot(town[:, 0] - p, town[:, 1] - q), np.inf)
        chosen = int(away.argmin())
        use[chosen], name[chosen], free[chosen] = kind, title, False
