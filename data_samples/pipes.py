"""The county's pipes: seventeen types on the streets' spans, with points at every end, in three surveys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from data_samples import files, mains, manifest, offices, pipe_types, place, sewers
from data_samples.manifest import Entry
from data_samples.pipe_types import GRAVITY, TYPES, PipeType

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from data_samples.mains import Mains
    from data_samples.streets import Streets
    from data_samples.terrain import Ground

PLANT = (-2300, -1310)
"""The water works, town frame."""
OUTFALL = 1500
"""Diameter of a storm outfall, mm."""
INTAKE = (2430.0, 1700.0)
"""Where raw water leaves the reservoir, local metres."""


@dataclass(frozen=True, kw_only=True)
class Network:
    """One type's pipes and points, before any survey; local metres."""

    type: PipeType
    points: NDArray[np.float64]
    """(points, 3) with the z of the pipe's reference."""
    ground: NDArray[np.float64]
    """(points,) height of the ground above them."""
    start: NDArray[np.int64]
    end: NDArray[np.int64]
    size: NDArray[np.object_]
    year: NDArray[np.int64]
    renewed: NDArray[np.int64]
    """The year in which the pipe was laid anew; 9999 where it was not."""
    road: NDArray[np.object_]
    embed: NDArray[np.object_]
    outlets: NDArray[np.int64]
    """Points at which water leaves: pumping stations or outfalls."""


def lay(graph: Streets, ground: Ground, seed: int) -> list[Network]:
    """Every type's network."""
    spans = mains.survey(graph, ground)
    plant = mains.nearest(spans, *PLANT)
    source = mains.nearest(spans, *place.to_town(np.array([INTAKE]))[0])
    return [
        _network(
            spans,
            kind,
            mains.takes(spans, kind.code, plant, source),
            ground,
            np.random.default_rng([seed, 60, k]),
        )
        for k, kind in enumerate(TYPES)
    ]


def _network(
    spans: Mains, kind: PipeType, taken: NDArray[np.bool_], ground: Ground, rng: np.random.Generator
) -> Network:
    position = spans.position + spans.normal * kind.offset
    surface = ground.at(position)
    if kind.code in GRAVITY:
        laid = sewers.lay(spans, kind.code, taken, np.minimum(surface, spans.road_z), kind.depth)
        rows, start, end = laid.spans, laid.upper, laid.lower
        z, size, outlets = laid.invert, laid.size.astype(str).astype(object), laid.outlets
    else:
        rows = np.flatnonzero(taken)
        start, end = spans.start[rows], spans.end[rows]
        # Beside a bridge the ground falls to the bank before the pipe has gone under: keep some cover there.
        z = np.minimum(spans.road_z - kind.depth - spans.sag, surface - 0.7 * kind.depth)
        size, outlets = _sizes(spans, kind, rows), np.empty(0, dtype=np.int64)
    year, renewed = _years(spans, kind, rows, rng)
    deep = (spans.sag[start] > 0) | (spans.sag[end] > 0)
    used, codes = np.unique(np.concatenate((start, end)), return_inverse=True)
    network = Network(
        type=kind,
        points=np.column_stack((position, z))[used],
        ground=surface[used],
        start=codes[: len(rows)],
        end=codes[len(rows) :],
        size=size,
        year=year,
        renewed=renewed,
        road=spans.name[rows],
        embed=np.where(deep, "顶管/定向钻", kind.embed).astype(object),
        outlets=np.searchsorted(used, outlets),
    )
    return _with_outfalls(spans, laid, network, ground) if kind.code == "YS" else network


def _sizes(spans: Mains, kind: PipeType, rows: NDArray[np.int64]) -> NDArray[np.object_]:
    rank = np.select(
        [
            np.isin(spans.grade[rows], ("trunk", "primary")),
            np.isin(spans.grade[rows], ("secondary", "tertiary")),
        ],
        [0, 1],
        2,
    )
    return np.asarray(np.array(kind.sizes, dtype=object)[rank], dtype=object)


def _years(
    spans: Mains, kind: PipeType, rows: NDArray[np.int64], rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """When each street's pipe was laid, and when it was laid anew: one figure for a street, as works are done."""
    q = spans.town[rows, 1]
    lots = rng.random((2, 997))[
        :, np.unique(spans.name.astype(str), return_inverse=True)[1].reshape(-1)[rows] % 997
    ]
    first = {"JS": 1984, "PS": 1988, "RQ": 1998, "RL": 2001, "DL": 1990, "TX": 1996}[kind.group]
    old = (first + lots[0] * (2016 - first)).astype(np.int64)
    # The new quarter's streets were opened southward from the river, a year or so before its houses.
    new = 2015 + np.clip((-2440 - q) / 1750 * 8, 0, 8).astype(np.int64) + (lots[0] > 0.7)
    south = q < -2440
    late = {"XX": 3, "RS": 2, "TR": 1}.get(kind.code, 0)
    year = np.where(south, np.minimum(new, 2024), np.minimum(old + late, 2020))
    again = np.where(~south & (year < 2003) & (lots[1] < 0.10), np.where(lots[1] < 0.05, 2022, 2024), 9999)
    return year, again


def _with_outfalls(spans: Mains, laid: sewers.Sewers, network: Network, ground: Ground) -> Network:
    """The storm drains with their last stretch, from the outlet in the street to the river, canal or sea."""
    points, heights, start, end, road, outlets = (
        [network.points],
        [network.ground],
        [network.start],
        [network.end],
        [],
        [],
    )
    count = len(network.points)
    for outlet, line in zip(
        network.outlets.tolist(), sewers.outfall_lines(spans, laid, network.type.offset), strict=True
    ):
        surface = ground.at(line)
        z = np.linspace(
            network.points[outlet, 2], network.points[outlet, 2] - 0.001 * 60 * len(line), len(line)
        )
        fresh = np.arange(count, count + len(line) - 1)
        points.append(np.column_stack((line[1:], z[1:])))
        # The headwall at the water stands over the pipe even where the bank does not.
        heights.append(np.maximum(surface, z + OUTFALL / 1000 + 0.15)[1:])
        start.append(np.concatenate(([outlet], fresh[:-1])))
        end.append(fresh)
        road += ["排水口"] * len(fresh)
        outlets.append(fresh[-1])
        count += len(fresh)
    added = len(road)
    return Network(
        type=network.type,
        points=np.vstack(points),
        ground=np.concatenate(heights),
        start=np.concatenate(start),
        end=np.concatenate(end),
        size=np.concatenate((network.size, np.full(added, str(OUTFALL), dtype=object))),
        year=np.concatenate((network.year, np.full(added, 1998))),
        renewed=np.concatenate((network.renewed, np.full(added, 9999))),
        road=np.concatenate((network.road, np.array(road, dtype=object))),
        embed=np.concatenate((network.embed, np.full(added, "直埋", dtype=object))),
        outlets=np.array(outlets),
    )


def _stood(network: Network, year: int) -> NDArray[np.bool_]:
    return np.asarray(network.year < year)


def lines(networks: list[Network], day: str) -> tuple[NDArray[np.object_], dict[str, Any]]:
    """The pipes that a survey found: LineString Z and their columns, under the names of a survey's line table."""
    named = point_names(networks)
    parts = [_line_rows(network, int(day[:4]), names) for network, names in zip(networks, named, strict=True)]
    shapes = np.concatenate([part[0] for part in parts])
    return shapes, {key: np.concatenate([part[1][key] for part in parts]) for key in parts[0][1]}


def point_names(networks: list[Network]) -> list[NDArray[np.object_]]:
    """What is painted beside each point, an array a network: the class's letters and a serial, `JS1024`."""
    used: dict[str, int] = {}
    made = []
    for network in networks:
        group, count = network.type.group, len(network.points)
        first = used.get(group, 0) + 1
        made.append(np.array([f"{group}{n}" for n in range(first, first + count)], dtype=object))
        used[group] = first + count - 1
    return made


def _line_rows(
    network: Network, year: int, point: NDArray[np.object_]
) -> tuple[NDArray[np.object_], dict[str, NDArray[Any]]]:
    kind, stood = network.type, _stood(network, year)
    start, end = network.start[stood], network.end[stood]
    count = len(start)
    depth = np.round(network.ground - network.points[:, 2], 2)
    size = network.size[stood].astype(str)
    boxed = np.char.find(size, "X") > 0
    laid = np.where(network.renewed < year, network.renewed, network.year)[stood]
    columns: dict[str, NDArray[Any]] = {
        "管线编号": np.array([f"{kind.code}L{k + 1:05d}" for k in np.flatnonzero(stood)], dtype=object),
        "起点点号": point[start],
        "终点点号": point[end],
        "管类": np.full(count, kind.group, dtype=object),
        "管线种类": np.full(count, kind.code, dtype=object),
        "管径": np.where(boxed, np.nan, np.where(boxed, "0", size).astype(np.float64)),
        "断面尺寸": files.blanked(size, ~boxed),
        "材质": np.where(laid < 2005, *kind.materials).astype(object),
        "起点埋深": depth[start],
        "终点埋深": depth[end],
        "埋深基准": np.full(count, kind.z_ref, dtype=object),
        "压力": np.full(count, kind.pressure, dtype=object),
        "电压": np.full(count, kind.voltage, dtype=object),
        "埋设方式": network.embed[stood],
        "建设年代": laid,
        "权属单位": np.full(count, kind.owner, dtype=object),
        "道路名称": network.road[stood],
        "使用状态": np.where((kind.code == "MQ") & (laid < 2002), "废弃", "在用").astype(object),
    }
    ends = np.stack((network.points[start], network.points[end]), axis=1)
    ends[:, :, 2] = np.round(ends[:, :, 2], 3)
    return shapely.linestrings(ends), columns


LINE_COLUMNS = {
    "id": "管线编号",
    "from_node": "起点点号",
    "to_node": "终点点号",
    "class": "管类",
    "type": "管线种类",
    "diameter": "管径",
    "section": "断面尺寸",
    "material": "材质",
    "from_depth": "起点埋深",
    "to_depth": "终点埋深",
    "z_ref": "埋深基准",
    "pressure": "压力",
    "voltage": "电压",
    "embed": "埋设方式",
    "year_laid": "建设年代",
    "owner": "权属单位",
    "road": "道路名称",
    "state": "使用状态",
}
POINT_COLUMNS = {
    "id": "管点编号",
    "class": "管类",
    "type": "管线种类",
    "feature": "特征",
    "appurtenance": "附属物",
    "role": "类别",
    "state": "使用状态",
    "ground_z": "地面高程",
    "depth": "埋深",
    "owner": "权属单位",
    "year_laid": "建设年代",
}


def write(networks: list[Network], folder: Path) -> list[Entry]:
    """One GeoPackage of lines and one of points for each survey; returns the manifest's lines."""
    from data_samples import pipe_points

    entries = []
    common: dict[str, Any] = {
        "kind": "networks",
        "crs": place.CRS,
        "vertical": place.VERTICAL,
        "theme": "pipes",
        "department": offices.HOUSING,
    }
    for day in manifest.EPOCHS:
        for layer, make, names, shape, zh, en in (
            ("pipes", lines, LINE_COLUMNS, "LineString Z", "地下管线", "Underground pipes"),
            ("pipe_points", pipe_points.points, POINT_COLUMNS, "Point Z", "管点", "Pipe points"),
        ):
            shapes, columns = make(networks, day)
            file = f"{layer}_{day[:4]}.gpkg"
            files.vector(folder / file, shapes, columns, geometry=shape)
            entries.append(
                Entry(
                    files=(file,),
                    layer=layer,
                    valid_from=manifest.moment(day),
                    title={"zh": zh, "en": en},
                    columns=names,
                    visible=None if layer == "pipes" else False,
                    **common,
                )
            )
    return entries


__all__ = ["LINE_COLUMNS", "POINT_COLUMNS", "Network", "lay", "lines", "pipe_types", "write"]
