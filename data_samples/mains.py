"""Where pipes can lie: the streets cut into spans, and which spans each type of pipe takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import shapely

from data_samples import place, plan, routes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from data_samples.streets import Streets
    from data_samples.terrain import Ground

SPAN = 68.0
"""Longest span between two surveyed points, metres (CJJ 61 warns above 75)."""
MAIN = ("trunk", "primary", "secondary")


@dataclass(frozen=True, kw_only=True)
class Mains:
    """The streets' spans and the stations between them; every type of pipe is a subset of these, moved sideways."""

    position: NDArray[np.float64]
    """(stations, 2) on the street's axis, local metres; the street's nodes come first, with their own numbers."""
    normal: NDArray[np.float64]
    """(stations, 2) which way and how far a pipe with offset 1 lies from the axis."""
    road_z: NDArray[np.float64]
    """(stations,) height of the road, metres: the ground's, but level across bridges."""
    sag: NDArray[np.float64]
    """(stations,) how much deeper a pipe goes to pass under water, metres."""
    start: NDArray[np.int64]
    end: NDArray[np.int64]
    length: NDArray[np.float64]
    edge: NDArray[np.int64]
    """(spans,) the street edge that each span is a piece of."""
    town: NDArray[np.float64]
    """(spans, 2) middles in the town frame."""
    grade: NDArray[np.object_]
    name: NDArray[np.object_]
    bridge: NDArray[np.bool_]
    lot: NDArray[np.float64]
    """(spans,) a number in 0..1 that is the same along one street: who is served is decided by the street."""


def survey(graph: Streets, ground: Ground) -> Mains:
    """The spans of every street that pipes may follow."""
    laid = graph.take(
        (graph.grade != "motorway") & ~graph.oneway & ~np.isin(graph.name, ["河堤路", "海堤路"])
    )
    length = shapely.length(laid.lines)
    pieces = np.maximum(np.ceil(length / SPAN).astype(np.int64), 1)
    owner = np.repeat(np.arange(len(laid)), pieces - 1)
    step = np.concatenate([np.arange(1, n) for n in pieces.tolist()])
    along = step / pieces[owner] * length[owner]
    inner = _at(laid, owner, along)
    ahead = _at(laid, owner, np.minimum(along + 4, length[owner])) - _at(laid, owner, along - 4)
    position = np.vstack((laid.nodes, inner))
    normal = np.vstack((_corner_normals(laid), _span_normals(laid, owner, ahead)))
    share = step / pieces[owner]
    # Stations of one edge are consecutive, so a span joins a station and the next, and the edge's nodes close the row.
    first = len(laid.nodes) + np.cumsum(pieces - 1) - (pieces - 1)
    edge = np.repeat(np.arange(len(laid)), pieces)
    k = np.concatenate([np.arange(n) for n in pieces.tolist()])
    start = np.where(k == 0, laid.start[edge], first[edge] + k - 1)
    end = np.where(k == pieces[edge] - 1, laid.end[edge], first[edge] + k)
    road_z, sag = _levels(laid, ground, position, owner, share)
    names, code = np.unique(laid.name.astype(str), return_inverse=True)
    return Mains(
        position=position,
        normal=normal,
        road_z=road_z,
        sag=sag,
        start=start,
        end=end,
        length=np.hypot(*(position[start] - position[end]).T),
        edge=edge,
        town=place.to_town((position[start] + position[end]) / 2),
        grade=laid.grade[edge],
        name=laid.name[edge],
        bridge=laid.bridge[edge],
        lot=np.random.default_rng(5).random(len(names))[code.reshape(-1)][edge],
    )


def _at(graph: Streets, edge: NDArray[np.int64], along: NDArray[np.float64]) -> NDArray[np.float64]:
    points = shapely.line_interpolate_point(graph.lines[edge], np.maximum(along, 0))
    return np.asarray(shapely.get_coordinates(points), dtype=np.float64)


def _corner_normals(graph: Streets) -> NDArray[np.float64]:
    """At a crossing a pipe lies as far north of the one street as it lies east of the other."""
    cos, sin = np.cos(place.TURN), np.sin(place.TURN)
    narrow = np.zeros(len(graph.nodes), dtype=bool)
    lanes = graph.grade == "service"
    narrow[graph.start[lanes]] = narrow[graph.end[lanes]] = True
    scale = np.where(narrow, 0.45, 1.0)
    return np.outer(scale, [cos - sin, sin + cos])


def _span_normals(
    graph: Streets, owner: NDArray[np.int64], ahead: NDArray[np.float64]
) -> NDArray[np.float64]:
    """North in streets that run east, east in streets that run north; one sign for a whole edge."""
    ends = graph.nodes[graph.end] - graph.nodes[graph.start]
    eastward = (np.abs(ends[:, 0]) >= np.abs(ends[:, 1]))[owner]
    left = np.column_stack((-ahead[:, 1], ahead[:, 0])) / np.hypot(*ahead.T)[:, None]
    good = np.where(eastward, left[:, 1], left[:, 0]) > 0
    scale = np.where(graph.grade[owner] == "service", 0.45, 1.0)
    return np.asarray(left * (np.where(good, 1.0, -1.0) * scale)[:, None])


def _levels(
    graph: Streets,
    ground: Ground,
    position: NDArray[np.float64],
    owner: NDArray[np.int64],
    share: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Road heights and sags; a road on a bridge is level between its ends, a pipe goes under the river there."""
    z = ground.at(position)
    count = len(graph.nodes)
    between = z[graph.start[owner]] * (1 - share) + z[graph.end[owner]] * share
    on_bridge = graph.bridge[owner]
    z[count:][on_bridge] = between[on_bridge]
    water = plan.land().open_water
    shapely.prepare(water)
    wet = shapely.intersects(water, graph.lines)[owner] & on_bridge
    sag = np.zeros(len(z))
    deep = np.where(shapely.length(graph.lines)[owner] > 120, 6.0, 2.6)
    sag[count:] = np.where(wet, deep * np.sin(np.pi * share) ** 0.7, 0.0)
    return z, sag


def takes(mains: Mains, code: str, plant: int, source: int) -> NDArray[np.bool_]:
    """Which spans a type of pipe takes."""
    p, q = mains.town.T
    grade, lot = mains.grade, mains.lot
    north = (p > -2530) & (p < 2590) & (q > -1540) & (q < 1790)
    east = (p >= 2540) & (p < 3930) & (q > -790) & (q < 1790)
    south = (p > -1740) & (p < 2590) & (q > -4190) & (q < -2440)
    across = (q >= -2460) & (q <= -1500) & (p > -1740) & (p < 2590)
    old = (p > -870) & (p < 470) & (q > -15) & (q < 815)
    town = north | east | south
    main, big, lane = np.isin(grade, MAIN), np.isin(grade, ("trunk", "primary")), grade == "residential"
    dry = ~mains.bridge
    masks = {
        "JP": ((town | across) & (main | (lane & town))) | (grade == "tertiary"),
        "XS": (east & main) | np.isin(mains.name, ["码头路", "港西路", "港东路", "疏港路"]),
        "YS": town & main & ~old & dry,
        "WS": town & (main | (lane & (lot < 0.35))) & ~old & dry,
        "HS": old & (main | lane),
        "TR": ((town | across) & (big | (main & (lot < 0.6)) | (lane & south & (lot < 0.5)))) & ~old,
        "YH": old & (lane | (grade == "secondary")),
        "MQ": (p > -2530) & (p < -1680) & (q > -770) & (q < 20) & (main | lane),
        "RS": (north & big)
        | (north & main & (lot < 0.4) & ~old)
        | (south & main & (lot < 0.7))
        | (across & (mains.name == "海丰路")),
        "ZQ": east & main,
        "GD": ((town | across) & (big | (main & (lot < 0.75)))) | ((grade == "tertiary") & (lot < 0.8)),
        "LD": town & big,
        "DH": (town | across) & big & (lot < 0.8),
        "DS": (north & big & (lot < 0.6)) | (old & lane & (lot < 0.5)),
        "XX": ((south | across | east) & main) | (north & (grade == "secondary") & (lot < 0.5)),
    }
    if code in masks:
        return np.asarray(masks[code])
    goals = {
        "JY": [source],
        "SS": [nearest(mains, *at) for at in ((0, 1750), (2560, 0), (0, -3340), (-850, 800), (1750, -1120))],
    }
    return _trunk(mains, plant, goals[code])


def nearest(mains: Mains, p: float, q: float) -> int:
    """The crossing of roads (not of lanes) that is nearest to a place in the town frame."""
    wide = np.isin(mains.grade, (*MAIN, "tertiary"))
    degree = np.bincount(np.concatenate((mains.start[wide], mains.end[wide])), minlength=len(mains.position))
    away = np.hypot(*(place.to_town(mains.position) - [p, q]).T)
    return int(np.where(degree > 2, away, np.inf).argmin())


def _trunk(mains: Mains, root: int, goals: list[int]) -> NDArray[np.bool_]:
    """The spans on the ways from a root to each goal, along roads wide enough for a trunk main."""
    wide = np.flatnonzero(np.isin(mains.grade, (*MAIN, "tertiary")))
    start, end = mains.start[wide], mains.end[wide]
    _, back = routes.tree(len(mains.position), start, end, mains.length[wide], [root])
    taken = np.zeros(len(mains.start), dtype=bool)
    for goal in goals:
        taken[wide[routes.way(back, start, end, goal)]] = True
    return taken
