"""The road graph: the skeleton cut at every crossing, pruned, classed, with nodes that edges share."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import shapely
import shapely.ops
from shapely import LineString, Point

from data_samples import files, manifest, offices, place, plan, skeleton
from data_samples.manifest import Entry

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray
    from shapely.geometry.base import BaseGeometry

WIDTHS = {
    "motorway": 26.0,
    "trunk": 32.0,
    "primary": 26.0,
    "secondary": 18.0,
    "tertiary": 9.0,
    "residential": 7.0,
    "service": 4.5,
}
LANES = {
    "motorway": 4,
    "trunk": 6,
    "primary": 6,
    "secondary": 4,
    "tertiary": 2,
    "residential": 2,
    "service": 1,
}
SPEEDS = {
    "motorway": 100,
    "trunk": 60,
    "primary": 60,
    "secondary": 50,
    "tertiary": 40,
    "residential": 30,
    "service": 20,
}
MARGINS = {
    "motorway": 12.0,
    "trunk": 14.0,
    "primary": 12.0,
    "secondary": 9.0,
    "tertiary": 4.0,
    "residential": 5.0,
    "service": 2.0,
}
"""Footway and verge on each side, metres: what lies between the kerb and the building land."""
SHORT_STUB = 70.0
INTERCHANGES = ("环城西路", "海丰路", "疏港路")


@dataclass(frozen=True, kw_only=True)
class Streets:
    """The road graph as parallel arrays; one row an edge, local metres."""

    lines: NDArray[np.object_]
    name: NDArray[np.object_]
    grade: NDArray[np.object_]
    bridge: NDArray[np.bool_]
    oneway: NDArray[np.bool_]
    start: NDArray[np.int64]
    end: NDArray[np.int64]
    nodes: NDArray[np.float64]
    """(n, 2) positions of the nodes that `start` and `end` count."""

    def __len__(self) -> int:
        return len(self.lines)

    def widths(self) -> NDArray[np.float64]:
        """Carriageway width of each edge, metres."""
        return np.array([WIDTHS[grade] for grade in self.grade])

    def reserve(self) -> BaseGeometry:
        """The land that roads take, verges included, as one shape."""
        half = self.widths() / 2 + np.array([MARGINS[grade] for grade in self.grade])
        return shapely.union_all(shapely.buffer(self.lines, half, quad_segs=3))

    def take(self, keep: NDArray[np.bool_]) -> Streets:
        """The graph of the edges that `keep` names, its nodes numbered anew."""
        used, codes = np.unique(np.concatenate((self.start[keep], self.end[keep])), return_inverse=True)
        count = int(keep.sum())
        return replace(
            self,
            **{field: getattr(self, field)[keep] for field in ("lines", "name", "grade", "bridge", "oneway")},
            start=codes[:count],
            end=codes[count:],
            nodes=self.nodes[used],
        )


def lay() -> Streets:
    """The county's roads: connected, cut at crossings, crossing water on bridges only."""
    roads = skeleton.roads()
    fast, ramps = _interchanges(roads)
    edges, source = _cut([*roads, *ramps])
    every = [*roads, *ramps, *fast]
    lines = np.concatenate((edges, np.array([road.line for road in fast], dtype=object)))
    source = np.concatenate((source, np.arange(len(roads) + len(ramps), len(every))))
    graph = _graph(lines, every, source)
    for _ in range(4):
        graph = graph.take(~_stubs(graph))
    return _largest(graph)


def _cut(roads: list[skeleton.Road]) -> tuple[NDArray[np.object_], NDArray[np.int64]]:
    """The noded edges and, for each, which road it is a piece of."""
    land = plan.land()
    banks = shapely.union_all(
        [land.canal.buffer(16, cap_style="flat"), skeleton.motorway().line.buffer(22)]
    ).boundary
    lines = np.array([road.line for road in roads], dtype=object)
    noded = shapely.get_parts(shapely.node(shapely.union_all([*lines, banks])))
    middles = shapely.line_interpolate_point(noded, 0.5, normalized=True)
    tree = shapely.STRtree(lines)
    at, source = tree.query_nearest(middles, max_distance=0.5, all_matches=False)
    keep = shapely.distance(middles[at], banks) > 0.01
    noded, source = noded[at][keep], source[keep]
    may_bridge = np.array([road.bridges for road in roads])[source]
    water = land.open_water.buffer(2)
    shapely.prepare(water)
    wet = shapely.intersects(water, noded)
    worked = shapely.union_all([shapely.MultiPolygon(land.pans), shapely.MultiPolygon(land.ponds)])
    shapely.prepare(worked)
    dry = (~wet | may_bridge) & ~shapely.intersects(worked, noded)
    return noded[dry], source[dry]


def _graph(lines: NDArray[np.object_], roads: list[skeleton.Road], source: NDArray[np.int64]) -> Streets:
    lines = shapely.set_precision(lines, 0.01)
    whole = shapely.length(lines) > 0.5
    lines, source = lines[whole], source[whole]
    ends = np.vstack(
        (
            shapely.get_coordinates(shapely.get_point(lines, 0)),
            shapely.get_coordinates(shapely.get_point(lines, -1)),
        )
    )
    nodes, codes = np.unique(np.round(ends * 100).astype(np.int64), axis=0, return_inverse=True)
    codes = codes.reshape(-1)
    water = plan.land().open_water
    shapely.prepare(water)
    grade = np.array([road.grade for road in roads], dtype=object)[source]
    over = np.array([road.grade != "motorway" for road in roads])[source] & shapely.crosses(
        skeleton.motorway().line, lines
    )
    return Streets(
        lines=lines,
        name=np.array([road.name for road in roads], dtype=object)[source],
        grade=grade,
        bridge=shapely.intersects(water, lines) | over,
        oneway=np.array(["匝道" in road.name for road in roads])[source],
        start=codes[: len(lines)],
        end=codes[len(lines) :],
        nodes=nodes / 100.0,
    )


def _stubs(graph: Streets) -> NDArray[np.bool_]:
    """Dead ends too short to be a street; those at the county's edge stay."""
    degree = np.bincount(np.concatenate((graph.start, graph.end)), minlength=len(graph.nodes))
    x, y = graph.nodes.T
    inner = (x > 5) & (y > 5) & (x < place.WIDTH - 5) & (y < place.HEIGHT - 5)
    loose = (degree == 1) & inner
    dead = loose[graph.start] | loose[graph.end]
    return np.asarray((dead & (shapely.length(graph.lines) < SHORT_STUB)) | (graph.start == graph.end))


def components(graph: Streets) -> NDArray[np.int64]:
    """(nodes,) the smallest node number that each node can reach."""
    label = np.arange(len(graph.nodes))
    while True:
        least = np.minimum(label[graph.start], label[graph.end])
        new = label.copy()
        np.minimum.at(new, graph.start, least)
        np.minimum.at(new, graph.end, least)
        new = new[new]
        if np.array_equal(new, label):
            return label
        label = new


def _largest(graph: Streets) -> Streets:
    label = components(graph)
    main = np.bincount(label).argmax()
    return graph.take(label[graph.start] == main)


def _interchanges(roads: list[skeleton.Road]) -> tuple[list[skeleton.Road], list[skeleton.Road]]:
    """The motorway's pieces between interchanges, and the ramps that tie it to the roads below it."""
    fast = skeleton.motorway()
    ramps: list[skeleton.Road] = []
    canal = fast.line.project(fast.line.intersection(plan.land().canal).centroid)
    cuts: list[float] = [0.0, canal - 28, canal + 28, fast.line.length]
    for name in INTERCHANGES:
        for road in roads:
            if road.name == name and road.line.intersects(fast.line):
                made, at = _ramps(fast.line, road.line, name)
                ramps += made
                cuts += at
    cuts = sorted(set(cuts))
    pieces = [shapely.ops.substring(fast.line, a, b) for a, b in pairwise(cuts)]
    return [replace(fast, line=piece) for piece in pieces], ramps


def _ramps(fast: LineString, road: LineString, name: str) -> tuple[list[skeleton.Road], list[float]]:
    """Four one-way ramps of one interchange and where they leave the motorway, metres along it."""
    cross = fast.intersection(road)
    cross = cross if isinstance(cross, Point) else shapely.get_parts(cross)[0]
    along, below = fast.project(cross), road.project(cross)
    made, cuts = [], []
    for k, (ahead, side) in enumerate(((380, 150), (420, -150), (-380, -150), (-420, 150))):
        start, foot = fast.interpolate(along + ahead), road.interpolate(below + side)
        bend = fast.interpolate(along + ahead * 0.35)
        middle = (bend.x * 0.55 + foot.x * 0.45, bend.y * 0.55 + foot.y * 0.45)
        curve = place.curve(((start.x, start.y), middle, (foot.x, foot.y)), step=20)
        made.append(
            skeleton.Road(
                line=_overshoot(curve, 3), name=f"{name}互通{'ABCD'[k]}匝道", grade="tertiary", bridges=True
            )
        )
        cuts.append(along + ahead)
    return made, cuts


def _overshoot(line: LineString, metres: float) -> LineString:
    """The line, longer at its end, so that cutting finds the crossing."""
    points = shapely.get_coordinates(line)
    last = points[-1] - points[-2]
    return LineString(np.vstack((points, points[-1] + last / np.hypot(*last) * metres)))


def write(graph: Streets, folder: Path) -> Entry:
    """Write the graph's edges; returns the manifest's line."""
    node = np.array([f"N{k + 1:05d}" for k in range(len(graph.nodes))])
    columns = {
        "id": np.array([f"R{k + 1:05d}" for k in range(len(graph))]),
        "name": graph.name,
        "ref": np.array([skeleton.NUMBERS.get(name) for name in graph.name], dtype=object),
        "class": graph.grade,
        "lanes": np.where(graph.oneway, 1, [LANES[g] for g in graph.grade]),
        "oneway": graph.oneway,
        "maxspeed": np.array([SPEEDS[g] for g in graph.grade]),
        "width": np.where(graph.oneway, 7.0, graph.widths()),
        "bridge": graph.bridge,
        "length": np.round(shapely.length(graph.lines), 2),
        "from_node": node[graph.start],
        "to_node": node[graph.end],
    }
    files.vector(folder / "roads.gpkg", graph.lines, columns, geometry="LineString")
    return Entry(
        files=("roads.gpkg",),
        layer="roads",
        kind="roads",
        crs=place.CRS,
        valid_from=manifest.moment("2021-07-01"),
        title={"zh": "道路", "en": "Roads"},
        theme="transport",
        department=offices.TRANSPORT,
        columns={key: key for key in columns},
    )
