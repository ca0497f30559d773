"""Drivable ways as a graph: cut where ways meet, so that every edge runs from node to node."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import orjson
import osmium
import pyarrow as pa
import pyproj
import shapely
from numpy.typing import NDArray

from pipelines.readers.streets import osm_values as values
from twin import space
from twin.model import Rejected
from twin.table import Batch

GEOD: Final = pyproj.Geod(ellps="WGS84")
ROWS: Final = 50_000
DRIVABLE: Final = frozenset(
    f"{name}{link}"
    for name in ("motorway", "trunk", "primary", "secondary", "tertiary")
    for link in ("", "_link")
) | {"unclassified", "residential", "living_street", "road"}  # fmt: skip
CLOSED: Final = ("no", "private")
"""Values of `motor_vehicle`, `motorcar` and `access` that keep cars out."""
SERVICE: Final = "service"
"""Driveways, car parks and yards: no part of the road graph, counted in the report."""


@dataclass(kw_only=True)
class Ways:
    """Drivable ways as they are read: columns of ways, and of their nodes."""

    ids: array[int] = field(default_factory=lambda: array("q"))
    counts: array[int] = field(default_factory=lambda: array("q"))
    refs: array[int] = field(default_factory=lambda: array("q"))
    lon: array[float] = field(default_factory=lambda: array("d"))
    lat: array[float] = field(default_factory=lambda: array("d"))
    tags: list[dict[str, str]] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    clipped: int = 0
    """Ways that reach beyond the extract; they are kept as far as their nodes are here."""
    service: int = 0


def drivable(tags: Mapping[str, str]) -> bool:
    """Whether cars may go there."""
    if tags.get("highway") not in DRIVABLE or tags.get("area") == "yes":
        return False
    said = tags.get("motorcar") or tags.get("motor_vehicle") or tags.get("vehicle") or tags.get("access")
    return said not in CLOSED


def collect(path: Path) -> Ways:
    """The drivable ways of a file."""
    found = Ways()
    reading = osmium.FileProcessor(str(path), osmium.osm.NODE | osmium.osm.WAY).with_locations()
    for way in reading.with_filter(osmium.filter.EntityFilter(osmium.osm.WAY)).with_filter(
        osmium.filter.KeyFilter("highway")
    ):
        tags = dict(way.tags)
        found.service += tags["highway"] == SERVICE
        if drivable(tags):
            _take(found, way, tags)
    return found


def _take(found: Ways, way: Any, tags: dict[str, str]) -> None:
    nodes = [(n.ref, n.location) for n in way.nodes]
    pieces = runs(nodes)
    if not pieces:
        why = "geometry: fewer than two of its nodes are in the file"
        found.rejected.append(
            Rejected(row=f"way/{way.id}", column="geom", reason=why, original=str(tags)[:2000])
        )
        return
    found.clipped += not all(place.valid() for _, place in nodes)
    oneway, backwards = values.direction(tags)
    tags["oneway"] = "yes" if oneway else "no"
    for piece in reversed(pieces) if backwards else pieces:
        _append(found, way.id, tags, piece[::-1] if backwards else piece)


def runs(nodes: Sequence[tuple[int, Any]]) -> list[list[tuple[int, Any]]]:
    """The stretches of two nodes or more that are in the file."""
    out: list[list[tuple[int, Any]]] = [[]]
    for node in nodes:
        if node[1].valid():
            out[-1].append(node)
        elif out[-1]:
            out.append([])
    return [run for run in out if len(run) > 1]


def _append(found: Ways, way: int, tags: dict[str, str], nodes: Sequence[tuple[int, Any]]) -> None:
    found.ids.append(way)
    found.counts.append(len(nodes))
    found.tags.append(tags)
    for ref, place in nodes:
        found.refs.append(ref)
        found.lon.append(place.lon)
        found.lat.append(place.lat)


@dataclass(frozen=True, kw_only=True)
class Edges:
    """Pieces of ways between nodes where ways meet or end."""

    way: NDArray[np.int64]
    """(m,) place of the way."""
    number: NDArray[np.int64]
    """(m,) which piece of its way, from 0."""
    first: NDArray[np.int64]
    """(m,) place of the first node."""
    last: NDArray[np.int64]
    """(m,) place of the last node."""


def cut(refs: NDArray[np.int64], counts: NDArray[np.int64], ids: NDArray[np.int64]) -> Edges:
    """The edges of ways.

    Args:
        refs: (n,) node ids of all ways, one way after the other.
        counts: (w,) nodes of each way.
        ids: (w,) ids of the ways; stretches of one way follow each other.
    """
    ends = np.cumsum(counts)
    starts = ends - counts
    _, inverse, uses = np.unique(refs, return_inverse=True, return_counts=True)
    met = uses[inverse] > 1
    met[starts] = True
    met[ends - 1] = True
    at = np.flatnonzero(met)
    owner = np.repeat(np.arange(len(counts)), counts)[at]
    same = owner[1:] == owner[:-1]
    way = owner[:-1][same]
    fresh = np.append(True, ids[way[1:]] != ids[way[:-1]])[: len(way)]
    begun = np.maximum.accumulate(np.where(fresh, np.arange(len(way)), 0)) if len(way) else way
    return Edges(way=way, number=np.arange(len(way)) - begun, first=at[:-1][same], last=at[1:][same])


def batches(found: Ways) -> Iterator[Batch]:
    """The edges as rows of the roads kind."""
    refs, counts = np.frombuffer(found.refs, np.int64), np.frombuffer(found.counts, np.int64)
    ids = np.frombuffer(found.ids, np.int64)
    edges = cut(refs, counts, ids) if len(counts) else Edges(way=refs, number=refs, first=refs, last=refs)
    places = np.column_stack([np.frombuffer(found.lon), np.frombuffer(found.lat)])
    for start in range(0, max(len(edges.way), 1), ROWS):
        table = _table(found, refs, places, edges, slice(start, start + ROWS))
        yield Batch(
            table=table,
            crs=space.crs("OGC:CRS84"),
            rejected=tuple(found.rejected) if start == 0 else (),
        )


def _table(
    found: Ways, refs: NDArray[np.int64], places: NDArray[np.float64], edges: Edges, some: slice
) -> pa.Table:
    way, number, first, last = (a[some] for a in (edges.way, edges.number, edges.first, edges.last))
    sizes = last - first + 1
    owner = np.repeat(np.arange(len(way)), sizes)
    at = np.arange(len(owner)) - np.repeat(np.cumsum(sizes) - sizes, sizes) + np.repeat(first, sizes)
    lines = shapely.linestrings(places[at], indices=owner) if len(way) else np.empty(0, object)
    ids = np.frombuffer(found.ids, np.int64)[way] if len(way) else way
    columns = _attributes([found.tags[w] for w in way.tolist()])
    return pa.table(
        {
            "id": [f"way/{i}/{n}" for i, n in zip(ids.tolist(), number.tolist(), strict=True)],
            **columns,
            "length": pa.array(lengths(places[at], owner, len(way))),
            "from_node": pa.array([f"node/{r}" for r in refs[first].tolist()], pa.string()),
            "to_node": pa.array([f"node/{r}" for r in refs[last].tolist()], pa.string()),
            "geom": pa.array(shapely.to_wkb(lines), pa.binary()),
            "row": pa.array(np.arange(some.start, some.start + len(way))),
        }
    )


def lengths(places: NDArray[np.float64], owner: NDArray[np.int64], count: int) -> NDArray[np.float64]:
    """(count,) metres on the ellipsoid of lines whose coordinates follow each other."""
    if count == 0:
        return np.empty(0)
    _, _, steps = GEOD.inv(places[:-1, 0], places[:-1, 1], places[1:, 0], places[1:, 1])
    inside = owner[1:] == owner[:-1]
    return np.round(np.bincount(owner[:-1][inside], weights=steps[inside], minlength=count), 3)


def _attributes(tags: list[dict[str, str]]) -> dict[str, pa.Array]:
    text = {"name": "name", "name_en": "name:en", "ref": "ref", "class": "highway", "surface": "surface"}
    return {
        **{target: pa.array([t.get(key) for t in tags], pa.string()) for target, key in text.items()},
        "oneway": pa.array([t["oneway"] == "yes" for t in tags], pa.bool_()),
        "lanes": pa.array([values.count(t.get("lanes")) for t in tags], pa.int64()),
        "maxspeed": pa.array([values.speed(t.get("maxspeed")) for t in tags], pa.float64()),
        "width": pa.array([values.metres(t.get("width")) for t in tags], pa.float64()),
        "bridge": pa.array([t.get("bridge", "no") not in values.FALSE for t in tags], pa.bool_()),
        "tunnel": pa.array([t.get("tunnel", "no") not in values.FALSE for t in tags], pa.bool_()),
        "level": pa.array([_level(t.get("layer")) for t in tags], pa.int64()),
        "tags": pa.array([orjson.dumps(t).decode() for t in tags], pa.string()),
    }


def _level(text: str | None) -> int | None:
    word = (text or "").strip()
    return int(word) if word.removeprefix("-").isdigit() else None
