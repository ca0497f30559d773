"""Points of the pipe survey: what stands at each end of a pipe, by type and by how many pipes meet there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from data_samples import files, pipes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from data_samples.pipes import Network

FEATURES = np.array(["非普查", "起讫点", "直线点", "三通", "四通", "五通", "六通"], dtype=object)
"""特征 by the number of pipes that meet; a point has either a feature or an appurtenance (CJJ 61)."""

# For each type: (appurtenance, category, share) at through points, then at junctions.
THROUGH = {
    "JP": (("消火栓", "hydrant", 0.22), ("阀门", "valve", 0.13)),
    "XS": (("消火栓", "hydrant", 0.5), ("阀门", "valve", 0.1)),
    "SS": (("排气阀", "valve", 0.12), ("阀门", "valve", 0.08)),
    "JY": (("排气阀", "valve", 0.12), ("泵站", "pump", 0.02)),
    "YS": (("检查井", "manhole", 0.7), ("雨水篦", "inlet", 0.3)),
    "WS": (("检查井", "manhole", 1.0),),
    "HS": (("检查井", "manhole", 0.85), ("雨水篦", "inlet", 0.15)),
    "TR": (("阀门", "valve", 0.12), ("凝水缸", "drip", 0.06)),
    "YH": (("阀门", "valve", 0.15),),
    "MQ": (("凝水缸", "drip", 0.15),),
    "RS": (("阀门", "valve", 0.12), ("补偿器", "compensator", 0.1)),
    "ZQ": (("疏水阀", "valve", 0.25),),
    "GD": (("人孔", "manhole", 0.5), ("手孔", "handhole", 0.3)),
    "LD": (("路灯", "lamp", 0.9),),
    "DH": (("人孔", "manhole", 0.55), ("手孔", "handhole", 0.3)),
    "DS": (("手孔", "handhole", 0.6),),
    "XX": (("人孔", "manhole", 0.5), ("手孔", "handhole", 0.35)),
}
JUNCTION = {
    "JP": (("阀门井", "valve", 0.6),),
    "XS": (("阀门井", "valve", 0.5),),
    "SS": (("阀门井", "valve", 0.8),),
    "JY": (("阀门井", "valve", 0.8),),
    "YS": (("检查井", "manhole", 1.0),),
    "WS": (("检查井", "manhole", 1.0),),
    "HS": (("检查井", "manhole", 1.0),),
    "TR": (("阀门井", "valve", 0.5), ("调压箱", "regulator", 0.3)),
    "YH": (("阀门井", "valve", 0.4),),
    "MQ": (("阀门井", "valve", 0.4),),
    "RS": (("检修井", "manhole", 0.7),),
    "ZQ": (("检修井", "manhole", 0.7),),
    "GD": (("分支箱", "cabinet", 0.4), ("人孔", "manhole", 0.6)),
    "LD": (("控制箱", "cabinet", 0.3),),
    "DH": (("人孔", "manhole", 0.7), ("交接箱", "cabinet", 0.3)),
    "DS": (("交接箱", "cabinet", 0.4),),
    "XX": (("人孔", "manhole", 0.7), ("交接箱", "cabinet", 0.3)),
}


def points(networks: list[Network], day: str) -> tuple[NDArray[np.object_], dict[str, Any]]:
    """The points that a survey found: Point Z (at the ground, where a surveyor's staff stands) and their columns."""
    named = pipes.point_names(networks)
    parts = [_rows(network, int(day[:4]), k, named[k]) for k, network in enumerate(networks)]
    shapes = np.concatenate([part[0] for part in parts])
    return shapes, {key: np.concatenate([part[1][key] for part in parts]) for key in parts[0][1]}


def _rows(
    network: Network, year: int, k: int, names: NDArray[np.object_]
) -> tuple[NDArray[np.object_], dict[str, NDArray[Any]]]:
    kind = network.type
    stood = network.year < year
    ends = np.concatenate((network.start[stood], network.end[stood]))
    used, degree = np.unique(ends, return_counts=True)
    first = np.full(len(network.points), 9999)
    np.minimum.at(first, ends, np.tile(network.year[stood], 2))
    # The same lots for every survey, so that a hydrant of 2021 is one in 2025.
    lots = np.random.default_rng([77, k]).random(len(network.points))[used]
    appurtenance, category = _appurtenances(kind.code, degree, lots)
    outlet = np.isin(used, network.outlets)
    appurtenance[outlet] = {"YS": "出水口", "WS": "泵站", "HS": "溢流井"}.get(kind.code)
    category[outlet] = {"YS": "outfall", "WS": "pump", "HS": "manhole"}.get(kind.code)
    plain = np.array([title is None for title in appurtenance])
    columns: dict[str, NDArray[Any]] = {
        "管点编号": names[used],
        "管类": np.full(len(used), kind.group, dtype=object),
        "管线种类": np.full(len(used), kind.code, dtype=object),
        "特征": files.blanked(FEATURES[np.minimum(degree, 6)], ~plain),
        "附属物": appurtenance,
        "类别": np.where(plain, "junction", category).astype(object),
        "使用状态": np.full(len(used), "在用", dtype=object),
        "地面高程": np.round(network.ground[used], 2),
        "埋深": np.round(network.ground[used] - network.points[used, 2], 2),
        "权属单位": np.full(len(used), kind.owner, dtype=object),
        "建设年代": first[used],
    }
    at = np.column_stack((network.points[used, :2], np.round(network.ground[used], 2)))
    return shapely.points(at), columns


def _appurtenances(
    code: str, degree: NDArray[np.int64], lots: NDArray[np.float64]
) -> tuple[NDArray[np.object_], NDArray[np.object_]]:
    name, category = np.full(len(degree), None, dtype=object), np.full(len(degree), None, dtype=object)
    for table, where in ((THROUGH, degree <= 2), (JUNCTION, degree > 2)):
        low = 0.0
        for title, sort, share in table[code]:
            mine = where & (lots >= low) & (lots < low + share)
            name[mine], category[mine] = title, sort
            low += share
    return name, category
