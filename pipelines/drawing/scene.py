"""What a map tile shows: rows of the layers that make a map, sorted into surfaces, roads, buildings and names."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

import numpy as np
import pyarrow as pa
import shapely
from numpy.typing import NDArray

from pipelines.drawing.frame import Frame
from pipelines.drawing.palette import BOUNDARIES, COLUMNS, PUBLIC, surface
from pipelines.drawing.streets import grade
from twin.model import BBox, LayerState, Query
from twin.policy import Policy
from twin.store import Catalogue, Readable

ABOVE = {"parcels", "sensors", "cameras", "incidents", "networks", "terrain", "imagery", "bim", "pointcloud"}
"""Kinds that lie on top of a map and are no part of it."""
BUILDINGS_FROM = 13
"""The level at which a house is some pixels large."""
SMALL_FROM = 12
"""The level at which places and small surfaces appear."""
NAMES = ("name", "name_en", "name:en", "category", "kind", "level")
NO = ("", "none", "false", "no", "0", "nan", "否")
"""Values of a column that say no."""
WIDEST = 6.0
"""Degrees: what is larger is no county's layer, and makes no background."""

HELD = 60_000
"""Layers of no more rows are held in memory, one state whole: a window of them costs a tenth of a millisecond."""
HELD_TOGETHER = 300_000
"""Rows held in all."""

Shapes = NDArray[np.object_]


@dataclass(frozen=True, kw_only=True)
class Moment:
    """When, and for whom."""

    at: datetime
    known: datetime
    policy: Policy


@dataclass(frozen=True, kw_only=True)
class Rows:
    """Some rows of one layer with what the map needs of them."""

    layer: str
    ids: Shapes
    shapes: Shapes
    """Shapely geometries, longitude and latitude."""
    values: dict[str, Shapes]
    """Attribute columns, None where nothing is known."""

    def column(self, *names: str) -> Shapes:
        """The first of the columns that is there; None everywhere when none is."""
        for name in names:
            if name in self.values:
                return self.values[name]
        return np.full(len(self.shapes), None, object)

    def where(self, mask: NDArray[np.bool_] | NDArray[np.intp]) -> Rows:
        """Some of the rows."""
        return Rows(
            layer=self.layer,
            ids=self.ids[mask],
            shapes=self.shapes[mask],
            values={k: v[mask] for k, v in self.values.items()},
        )


@dataclass(frozen=True, kw_only=True)
class Scene:
    """Everything in a window, by what it is drawn as."""

    surfaces: dict[str, list[Rows]]
    roads: dict[str, list[Rows]]
    """By class."""
    buildings: list[Rows]
    boundaries: list[Rows]
    places: list[Rows]
    others: list[Rows]
    """Of kinds that the map knows nothing about: drawn quietly."""


SCALE: Final = 559_082_264.0287178 / 2
"""The scale denominator of level 0, where a tile has 512 pixels of 0.28 mm."""


def layers(store: Catalogue, policy: Policy, z: int) -> list[LayerState]:
    """The layers that the map is drawn from at a level."""
    found = [
        s
        for s in store.layers(policy)
        if s.layer.kind not in ABOVE
        and not s.layer.schematic
        and s.bbox
        and policy.draws(s.layer, SCALE / 2**z)
    ]
    return [s for s in found if z >= BUILDINGS_FROM or s.layer.kind != "buildings"]


Window = Callable[[LayerState, BBox], Rows]
"""Reads a layer's rows in a box."""


def gather(read: Window, states: list[LayerState], box: BBox, z: int) -> Scene:
    """The scene of a window."""
    scene = Scene(surfaces={}, roads={}, buildings=[], boundaries=[], places=[], others=[])
    for state in states:
        if state.bbox is not None and _meet(state.bbox, box):
            rows = read(state, box)
            if len(rows.shapes):
                _sort(state, rows, scene, z)
    return scene


@dataclass(frozen=True, kw_only=True)
class Held:
    """A layer's rows at one state, and where they are."""

    rows: Rows
    tree: shapely.STRtree = field(repr=False)


class Shelf:
    """Layers held in memory, the most recently drawn ones, each in one state."""

    def __init__(self) -> None:
        self.held: OrderedDict[tuple[object, ...], Held] = OrderedDict()
        self.lock = threading.Lock()

    def window(self, store: Readable, moment: Moment, stamp: Callable[[str], object]) -> Window:
        """What reads windows at a moment; `stamp` names the state of a layer then."""

        def read_window(state: LayerState, box: BBox) -> Rows:
            if state.count > HELD:
                return read(store, state, box, moment)
            held = self.whole(store, state, moment, stamp(state.layer.id))
            inside = held.tree.query(shapely.box(*box.astuple()), predicate="intersects")
            return held.rows.where(np.sort(inside))

        return read_window

    def whole(self, store: Readable, state: LayerState, moment: Moment, stamp: object) -> Held:
        """All of a layer's rows."""
        key = (id(store), state.layer.id, state.layer.columns, stamp, moment.policy.key)
        with self.lock:
            if key in self.held:
                self.held.move_to_end(key)
                return self.held[key]
            rows = read(store, state, None, moment)
            self.held[key] = Held(rows=rows, tree=shapely.STRtree(rows.shapes))
            while sum(len(h.rows.shapes) for h in self.held.values()) > HELD_TOGETHER and len(self.held) > 1:
                self.held.popitem(last=False)
            return self.held[key]


def read(store: Readable, state: LayerState, box: BBox | None, moment: Moment) -> Rows:
    """A layer's rows in a box, with the columns that the map looks at."""
    wanted = {*COLUMNS, *NAMES, "highway", "width", "bridge"}
    columns = tuple(c.name for c in state.layer.columns if c.name in wanted)
    query = Query(
        layer=state.layer.id,
        policy=moment.policy,
        bbox=box,
        at=moment.at,
        known=moment.known,
        columns=columns,
    )
    table = store.read(query)
    rows = Rows(
        layer=state.layer.id,
        ids=_objects(table.column("id")),
        shapes=np.asarray(shapely.from_wkb(_objects(table.column("geom"))), object),
        values={name: _objects(table.column(name)) for name in columns if name in table.column_names},
    )
    return replace(rows, values={**rows.values, **_meanings(rows, state.layer.kind)})


def _meanings(rows: Rows, kind: str) -> dict[str, Shapes]:
    """What the rows' attributes mean to the map, worked out once for all windows."""
    if kind == "buildings":
        open_ = [str(v).lower() in PUBLIC for v in rows.column("use", "type", "class")]
        return {"=public": np.array(open_, object)}
    if kind == "roads":
        classes = [grade(v) for v in rows.column("class", "highway", "fclass", "type")]
        bridges = [str(v).lower() not in NO for v in rows.column("bridge")]
        return {"=grade": np.array(classes, object), "=bridge": np.array(bridges, object)}
    if kind in ("grids", "places"):
        return {}
    return {"=surface": _surfaces(rows)}


def _surfaces(rows: Rows) -> Shapes:
    """(n,) the surface that each row is, None where its attributes say none."""
    out = np.full(len(rows.shapes), None, object)
    for name in COLUMNS:
        if name in rows.values:
            open_ = np.flatnonzero(out == None)  # noqa: E711 - element by element
            out[open_] = [surface(v) for v in rows.values[name][open_]]
    return out


def _objects(column: pa.ChunkedArray) -> Shapes:
    return np.asarray(column.to_numpy(zero_copy_only=False), object)


def _sort(state: LayerState, rows: Rows, scene: Scene, z: int) -> None:
    kind = state.layer.kind
    if kind == "buildings":
        scene.buildings.append(rows)
    elif kind == "roads":
        _split(rows, grades(rows), scene.roads)
    elif kind == "grids":
        scene.boundaries.append(rows.where(_upper(rows)))
    elif kind == "places":
        scene.places.append(rows)
    else:
        _land(rows, scene, generic=kind == "features" and z >= SMALL_FROM)


def _land(rows: Rows, scene: Scene, *, generic: bool) -> None:
    named = rows.values["=surface"]
    areas = shapely.get_dimensions(rows.shapes) == 2
    known = np.array([n is not None for n in named], bool) & areas
    _split(rows.where(known), named[known], scene.surfaces)
    first = np.array([str(v).lower() in BOUNDARIES for v in rows.column(*COLUMNS)], bool)
    scene.boundaries.append(rows.where(first & ~known))
    rest = rows.where(~known & ~first)
    if generic and len(rest.shapes):
        (scene.places if (shapely.get_dimensions(rest.shapes) == 0).all() else scene.others).append(rest)


def grades(rows: Rows) -> Shapes:
    """(n,) the road class of each row."""
    return rows.values["=grade"]


def public(rows: Rows) -> NDArray[np.bool_]:
    """(n,) whether a building is one that everybody goes to."""
    return rows.values["=public"].astype(bool)


def bridges(rows: Rows) -> NDArray[np.bool_]:
    """(n,) whether a road lies over another or over water."""
    return rows.values["=bridge"].astype(bool)


def _upper(rows: Rows) -> NDArray[np.bool_]:
    """Grid cells of the upper two levels: county and town."""
    return np.array([v is not None and int(v) <= 2 for v in rows.column("level")], bool)


def _split(rows: Rows, names: Shapes, into: dict[str, list[Rows]]) -> None:
    for name in dict.fromkeys(names.tolist()):
        into.setdefault(str(name), []).append(rows.where(names == name))


def extents(states: list[LayerState]) -> Iterator[BBox]:
    """The boxes of the layers that the map is drawn from, those of a county's size."""
    for state in states:
        box = state.bbox
        if box and state.count > 1 and 0 <= box.east - box.west < WIDEST and box.north - box.south < WIDEST:
            yield box


def all_shapes(rows: list[Rows]) -> Shapes:
    """The shapes of several rows."""
    return np.concatenate([r.shapes for r in rows]) if rows else np.empty(0, object)


def of(frame: Frame, rows: list[Rows], margin: float) -> Shapes:
    """The shapes of several rows in pixels."""
    return frame.placed(all_shapes(rows), margin)


def _meet(a: BBox, b: BBox) -> bool:
    if a.west > a.east:
        return True
    return a.west <= b.east and a.east >= b.west and a.south <= b.north and a.north >= b.south
