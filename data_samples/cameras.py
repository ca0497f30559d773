"""760 cameras at crossings, each with the way it looks, named as a police list names them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from pyarrow import csv

from data_samples import files, manifest, offices
from data_samples.manifest import Entry

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from data_samples.streets import Streets

COUNT = 760
RANK = {
    "trunk": 5,
    "primary": 4,
    "secondary": 3,
    "tertiary": 2,
    "residential": 1,
    "service": 0,
    "motorway": 0,
}
COMPASS = "北东南西"


def place_at(graph: Streets) -> dict[str, Any]:
    """Cameras at the busiest crossings, one for each arm, until there are enough."""
    rank = np.array([RANK[grade] for grade in graph.grade])
    rank[graph.oneway] = 0
    node = np.concatenate((graph.start, graph.end))
    edge = np.tile(np.arange(len(graph)), 2)
    order = np.lexsort((edge, -rank[edge], node))
    node, edge = node[order], edge[order]
    begins = np.searchsorted(node, np.arange(len(graph.nodes)))
    stops = np.append(begins[1:], len(node))
    crossings = [
        k for k in range(len(graph.nodes)) if len({graph.name[e] for e in edge[begins[k] : stops[k]]}) > 1
    ]
    crossings.sort(key=lambda k: (-int(rank[edge[begins[k] : stops[k]]].sum()), k))
    rows: list[dict[str, Any]] = []
    for crossing in crossings:
        rows += _arms(graph, crossing, edge[begins[crossing] : stops[crossing]], len(rows))
    kept = rows[:COUNT]
    return {key: [row[key] for row in kept] for key in kept[0]}


def _arms(graph: Streets, node: int, edges: NDArray[np.int64], before: int) -> list[dict[str, Any]]:
    """One camera an arm (and a dome in the middle of a big crossing)."""
    here = graph.nodes[node]
    names = list(dict.fromkeys(graph.name[edges]))[:2]
    title = f"{names[0]}与{names[1]}{'口' if names[1].endswith('路') else '路口'}"
    rows = []
    for k, edge in enumerate(edges.tolist()):
        other = graph.nodes[graph.end[edge] if graph.start[edge] == node else graph.start[edge]]
        away = (other - here) / np.hypot(*(other - here))
        looks = float(np.degrees(np.arctan2(-away[0], -away[1])) % 360)
        arm = int(((looks + 180 + 45) % 360) // 90)
        side = np.array([away[1], -away[0]])
        gate = graph.grade[edge] == "trunk"
        rows.append(
            {
                "name": f"{title}{COMPASS[arm]}向{COMPASS[(arm + 2) % 4]}{'卡口' if gate else '枪机'}",
                "kind": "checkpoint" if gate else "bullet",
                "at": here + away * 17 + side * 11,
                "direction": round(looks, 1),
                "state": "offline" if (before + k) % 17 == 11 else "online",
            }
        )
    if len(edges) > 3:
        rows.append(
            {
                "name": f"{title}球机",
                "kind": "dome",
                "at": here + np.array([13.0, 13.0]),
                "direction": 0.0,
                "state": "online",
            }
        )
    return rows


def write(graph: Streets, folder: Path) -> Entry:
    """Write the cameras as CSV; returns the manifest's line."""
    found = place_at(graph)
    lonlat = files.lonlat(np.array(found["at"]))
    count = len(lonlat)
    table = pa.table(
        {
            "id": [f"CAM{k + 1:04d}" for k in range(count)],
            "name": found["name"],
            "kind": found["kind"],
            "direction": found["direction"],
            "field_of_view": np.where(np.array(found["kind"]) == "dome", 360.0, 68.0),
            "state": found["state"],
            "owner": np.where(np.arange(count) % 3 == 0, "望海县交警大队（虚构）", "望海县公安局（虚构）"),
            "lon": lonlat[:, 0],
            "lat": lonlat[:, 1],
        }
    )
    csv.write_csv(table, folder / "cameras.csv")
    return Entry(
        files=("cameras.csv",),
        layer="cameras",
        kind="cameras",
        crs="EPSG:4490",
        valid_from=manifest.moment("2021-07-01"),
        title={"zh": "视频监控", "en": "Cameras"},
        theme="governance",
        department=offices.POLICE,
        columns={key: key for key in ("id", "name", "kind", "direction", "state", "owner", "lon", "lat")},
        visible=False,
    )
