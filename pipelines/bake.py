"""Layers as 3D Tiles: tileset JSON and content, each a pure function of its address.

    /tiles/{layer}/tileset.json             the world's node, seen now
    /tiles/{layer}/{key}/{node}.json        a node and about two hundred tiles below it
    /tiles/{layer}/{key}/{node}.glb         what a node itself holds

`node` is `level/column/row` in the world's 2^level grid (row from south). `key` is `<recipe>-<at>-<known>`
(`twin/stamps.py`); the recipe names all that decides the bytes apart from the rows: this code's revision,
the layer's and the ground's datums and columns, and the revision of the tree's node.
"""

from __future__ import annotations

import heapq
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Protocol, cast
from urllib.parse import quote

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from layers.footing import absolute
from layers.kind import Ground, Kind, Placed
from pipelines.executor import Executor, here
from pipelines.narrowed import narrowed
from tiles import gltf
from tiles.tileset import Region, Tile, nothing, tileset
from twin import cql2, registry, stamps
from twin.errors import TileNotFound
from twin.forest import Forest, Planted
from twin.model import BBox, Filter, Layer, Query, Window
from twin.moments import microseconds
from twin.policy import Policy
from twin.space import metres_per_degree
from twin.spread import NEVER
from twin.stamps import Stamp
from twin.store import Store
from twin.survey import Survey, survey, total
from twin.table import BODY
from twin.tree import Tree
from twin.vertical import NO_WAYS, Way, Ways, raised

REVISION: Final = "2"
"""Of this recipe; another one makes every tile's address another."""
TILES: Final = 200
"""Tiles of one tileset JSON, or a few more: some 50 kB."""
DETAIL: Final = 8.0
"""A feature of s metres is asked for when 1/8 of its size spans one sixteenth of a pixel, that is from 2 px on
at the usual maximum screen space error of 16."""
SAMPLES: Final = 48
"""Rows at which a node's ground is looked up for its bounding volume."""
CROWDED: Final = 10
"""Cells above this level may hold most of a layer; their rows are found by home, not by key."""
WIDEST: Final = 20.0
"""Metres: nothing drawn along a line is wider."""
WHITE: Final = (1.0, 1.0, 1.0)


class Standing(Ground, Protocol):
    """The ground at a moment, and when it last changed."""

    def stamp(self, box: BBox | None, at: datetime | None, known: datetime | None) -> Stamp:
        """The last valid and recorded boundary of the ground in a box, microseconds."""
        ...

    def rough(self, lon: NDArray[np.float64], lat: NDArray[np.float64]) -> NDArray[np.float32]:
        """About how high the ground is at (n,) degrees that may lie far apart, metres; NaN: no terrain."""
        ...


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where tiles come from."""

    store: Store
    forest: Forest
    ground: Callable[[datetime, datetime], Standing]
    """The ground as it was at a moment, as known at another."""
    ways: Ways = NO_WAYS
    """Between vertical datums, as the site states them."""
    base: str = "/tiles"
    """What URIs in tileset JSON start with."""
    executor: Executor = here
    """Where vector tiles are shaped and written."""


@dataclass(frozen=True, kw_only=True)
class Baked:
    """Bytes and the key of the state that they show."""

    body: bytes
    key: str


def entrance(
    source: Source,
    layer: str,
    *,
    at: datetime,
    known: datetime,
    policy: Policy,
    passing: Filter | None = None,
) -> Baked:
    """The root tileset JSON of a layer at a moment; its key is the ETag.

    Raises:
        LayerNotFound: there is no such layer.
        TileNotFound: its kind is not drawn as 3D Tiles.
        InvalidFilter, UnknownProperty: the filter does not fit it.
    """
    scene = _scene(source, layer, at, known, policy, passing)
    return _written(scene, source.forest.now(layer), 0)


def branch(
    source: Source, layer: str, key: str, node: str, *, policy: Policy, passing: Filter | None = None
) -> bytes:
    """The tileset JSON of a node and what is below it, in a state.

    Raises:
        TileNotFound: there is no such node, or the key does not name its state.
    """
    scene, planted, place = _addressed(source, layer, key, node, policy, passing)
    baked = _written(scene, planted, place)
    if baked.key != key:
        raise TileNotFound(
            f"{key} is no state of node {node} of layer {layer!r}; start from its tileset.json"
        )
    return baked.body


def content(
    source: Source, layer: str, key: str, node: str, *, policy: Policy, passing: Filter | None = None
) -> bytes:
    """The GLB of what a node itself holds, in a state.

    Raises:
        TileNotFound: there is no such node, or the key does not name its state.
    """
    scene, planted, place = _addressed(source, layer, key, node, policy, passing)
    own = _own(scene, planted, _homed(planted, place), place)
    if _key(scene, planted.tree, place, _grounded(scene, own, place)) != key:
        raise TileNotFound(
            f"{key} is no state of node {node} of layer {layer!r}; start from its tileset.json"
        )
    return glb(scene.layer, scene.kind, _rows(scene, planted.tree, place), scene.ground, way=scene.way)


def glb(layer: Layer, kind: Kind, rows: pa.Table, ground: Ground, *, way: Way | None = None) -> bytes:
    """Rows of a layer as binary glTF; `way` leads from the layer's heights to the ground's."""
    if kind.mesh is None:
        raise TileNotFound(f"layer {layer.id!r} of kind {kind.name!r} is not drawn as 3D Tiles")
    placed = Placed(ground=ground, vertical=layer.vertical, schematic=layer.schematic)
    if way is not None and (lifted := raised(rows, way)) is not None:
        rows, placed = lifted, replace(placed, vertical=ground.vertical)
    mesh = kind.mesh(rows, placed) if rows.num_rows else None
    if mesh is None or not len(mesh.indices):
        return gltf.empty()
    bodies = any(n.startswith(BODY) and rows[n].null_count < rows.num_rows for n in rows.column_names)
    plain = kind.geometry == "Polygon"
    material = gltf.Material(double_sided=bodies) if plain else gltf.Material(color=WHITE)
    return gltf.encode(mesh, kind=kind.name, material=material, outline=plain, title=layer.id)


@dataclass(frozen=True, kw_only=True)
class _Scene:
    """A layer at a moment."""

    source: Source
    layer: Layer
    kind: Kind
    ground: Standing
    at: datetime
    known: datetime
    policy: Policy
    filter: Filter | None = None
    filter_key: str = ""
    way: Way | None = None
    """From the layer's heights to the ground's, where one is stated."""

    @property
    def placed(self) -> Placed:
        vertical = self.ground.vertical if self.way else self.layer.vertical
        return Placed(ground=self.ground, vertical=vertical, schematic=self.layer.schematic)


def _scene(
    source: Source, layer: str, at: datetime, known: datetime, policy: Policy, passing: Filter | None
) -> _Scene:
    described = source.store.layer(layer, policy).layer
    kind = cast(Kind, registry.entry("layers", "KIND", described.kind))
    if kind.draw != "3dtiles" or kind.mesh is None:
        raise TileNotFound(f"layer {layer!r} of kind {kind.name!r} is not drawn as 3D Tiles")
    ground = source.ground(at, known)
    return _Scene(
        source=source,
        layer=described,
        kind=kind,
        ground=ground,
        way=source.ways.of(described, ground.vertical),
        at=at,
        known=known,
        policy=policy,
        filter=passing,
        filter_key=""
        if passing is None
        else cql2.key(cql2.checked(passing, cql2.queryables(described.columns))),
    )


def _addressed(
    source: Source, layer: str, key: str, node: str, policy: Policy, passing: Filter | None
) -> tuple[_Scene, Planted, int]:
    """The scene, tree and node that an address names."""
    recipe, stamp = stamps.parse(key)
    scene = _scene(source, layer, stamps.moment(stamp[0]), stamps.moment(stamp[1]), policy, passing)
    own, _, revision = recipe.rpartition(".")
    if own != _recipe(scene):
        raise TileNotFound(f"{key} is of another edition of layer {layer!r}; start from its tileset.json")
    planted = source.forest.at(layer, stamps.number(revision))
    place = planted.tree.find(node)
    if place is None:
        raise TileNotFound(f"layer {layer!r} has no node {node[:60]!r}; start from its tileset.json")
    return scene, planted, place


def _recipe(scene: _Scene) -> str:
    """What decides the bytes apart from the rows."""
    layer, kind = scene.layer, scene.kind
    columns = [(c.name, c.type) for c in layer.columns if c.name in kind.mesh_columns]
    way = scene.way.words if scene.way else ""
    said = (
        layer.vertical,
        layer.schematic,
        scene.ground.vertical,
        way,
        kind.name,
        kind.mesh_columns,
        columns,
    )
    name = f"{REVISION}.{zlib.crc32(repr(said).encode()):08x}"
    return ".".join(part for part in (name, scene.policy.key, scene.filter_key[:12]) if part)


def _key(scene: _Scene, tree: Tree, node: int, stamp: Stamp, revision: int | None = None) -> str:
    """The key of a node's content, or of its tileset JSON where the tree's revision is given."""
    number = int(tree.revision[node]) if revision is None else revision
    return stamps.key(f"{_recipe(scene)}.{stamps.base36(number)}", stamp)


def _homed(planted: Planted, node: int) -> NDArray[np.int64]:
    """The rows whose home a node is."""
    if planted.tree.level[node] < CROWDED:
        return np.flatnonzero(planted.home == node)
    rows = planted.rows.within(*planted.tree.window(node).keys[0])
    return np.asarray(rows[planted.home[rows] == node])


def _below(scene: _Scene, planted: Planted, node: int) -> Survey:
    """What a node and all nodes below it hold."""
    if node == 0:
        at, known = microseconds(scene.at), microseconds(scene.known)
        return _passing(scene, planted, scene.source.forest.survey(scene.layer.id, planted, at, known), node)
    return _own(scene, planted, planted.rows.within(*planted.tree.window(node).keys[0]), node)


def _passing(scene: _Scene, planted: Planted, whole: Survey, node: int) -> Survey:
    """What of a node and all below it passes the filter."""
    if scene.filter is None:
        return whole
    window = Window(keys=planted.tree.window(node).keys)
    return narrowed(whole, planted.tree, scene.source.store, _query(scene, window))


def _own(scene: _Scene, planted: Planted, rows: NDArray[np.int64], node: int) -> Survey:
    """What the nodes hold, as far as these rows go."""
    columns = {n: values[rows] for n, values in planted.rows.columns.items()}
    at, known = microseconds(scene.at), microseconds(scene.known)
    return _passing(scene, planted, survey(planted.tree, columns, planted.home[rows], at, known), node)


def _grounded(scene: _Scene, seen: Survey, node: int) -> Stamp:
    """A node's stamps, with those of the ground under what is visible of it."""
    stamp = seen.stamped(node)
    if not seen.count[node] or stamp[0] == NEVER:
        return stamp
    west, south, _, east, north, _ = seen.box[node].tolist()
    box = BBox(west=west, south=south, east=east, north=north)
    return stamps.latest([stamp, scene.ground.stamp(box, scene.at, scene.known)])


def _rows(scene: _Scene, tree: Tree, node: int) -> pa.Table:
    """The rows of a node."""
    wanted = {*scene.kind.mesh_columns, *(c.name for c in scene.kind.columns)}
    columns = tuple(c.name for c in scene.layer.columns if c.name in wanted)
    return scene.source.store.read(replace(_query(scene, tree.window(node)), columns=columns, bodies=True))


def _query(scene: _Scene, window: Window) -> Query:
    """What is asked of a store for a part of the scene."""
    return Query(
        layer=scene.layer.id,
        policy=scene.policy,
        at=scene.at,
        known=scene.known,
        filter=scene.filter,
        window=window,
    )


def _written(scene: _Scene, planted: Planted, node: int) -> Baked:
    """The tileset JSON of a node."""
    own = _below(scene, planted, node)
    below = total(planted.tree, own)
    opened = _opened(planted.tree, own, below, node)
    drawing = _Drawing(scene=scene, planted=planted, own=own, total=below, opened=opened)
    key = drawing.key(node)
    if not drawing.total.count[node]:
        return Baked(body=nothing(key), key=key)
    tile = drawing.tiles(node)[0]
    error = float(drawing.total.size[node]) * DETAIL
    return Baked(body=tileset(tile, geometric_error=error, version=key), key=key)


def _opened(tree: Tree, own: Survey, below: Survey, node: int) -> frozenset[int]:
    """The nodes whose children stand in the same tileset JSON: the fullest first, until it has its tiles."""
    opened: set[int] = set()
    waiting, tiles = [(-int(below.count[node]), node)], 1
    while waiting and tiles < TILES:
        _, full = heapq.heappop(waiting)
        if below.count[full] == own.count[full]:
            continue
        opened.add(full)
        children = [int(tree.child[full]) + k for k in range(4)]
        for child in children:
            if below.count[child]:
                heapq.heappush(waiting, (-int(below.count[child]), child))
                tiles += 1
    return frozenset(opened)


@dataclass(frozen=True, kw_only=True)
class _Drawing:
    """A tileset JSON while it is written."""

    scene: _Scene
    planted: Planted
    own: Survey
    total: Survey
    opened: frozenset[int]

    def key(self, node: int) -> str:
        """The key of a node's tileset JSON."""
        stamp = _grounded(self.scene, self.total, node)
        return _key(self.scene, self.planted.tree, node, stamp, self.planted.tree.last)

    def tiles(self, node: int) -> list[Tile]:
        """A node with its branches; a node without content stands aside for a single child."""
        if not self.total.count[node]:
            return []
        below = self.total.count[node] > self.own.count[node]
        if below and node not in self.opened:
            return [self._tile(node, self._uri(self.key(node), node, "json"), ())]
        first = int(self.planted.tree.child[node])
        holds = bool(self.own.count[node])
        children = [t for k in range(4) for t in self.tiles(first + k)] if below else []
        if not holds and len(children) == 1:
            return children
        key = _key(self.scene, self.planted.tree, node, _grounded(self.scene, self.own, node))
        uri = self._uri(key, node, "glb") if holds else None
        return [self._tile(node, uri, tuple(children))]

    def _tile(self, node: int, uri: str | None, children: tuple[Tile, ...]) -> Tile:
        return Tile(
            region=self._region(node, children),
            geometric_error=self._error(node),
            content=uri,
            children=children,
        )

    def _error(self, node: int) -> float:
        """What is missing while only this node is drawn: the largest feature below it."""
        first = int(self.planted.tree.child[node])
        below = float(self.total.size[first : first + 4].max()) if first >= 0 else 0.0
        return round(below * DETAIL, 3)

    def _uri(self, key: str, node: int, suffix: str) -> str:
        level, column, row = self.planted.tree.cell(node)
        layer = quote(self.scene.layer.id, safe="")
        address = f"{self.scene.source.base}/{layer}/{key}/{level}/{column}/{row}.{suffix}"
        if self.scene.filter is None:
            return address
        return f"{address}?filter={quote(cql2.as_text(self.scene.filter), safe='')}"

    def _region(self, node: int, children: tuple[Tile, ...]) -> Region:
        west, south, _, east, north, _ = self.total.box[node].tolist()
        low, high = _heights(self.scene, self.planted, self.total, node)
        # A tube is as wide as its diameter where its line has no width at all.
        pad = 0.1 if self.scene.kind.geometry == "Polygon" else WIDEST / 2
        along, up = (max(m, 1.0) for m in metres_per_degree((south + north) / 2))
        return Region(
            west=min([west - pad / along, *(c.region.west for c in children)]),
            south=min([south - pad / up, *(c.region.south for c in children)]),
            east=max([east + pad / along, *(c.region.east for c in children)]),
            north=max([north + pad / up, *(c.region.north for c in children)]),
            low=min([low, *(c.region.low for c in children)]),
            high=max([high, *(c.region.high for c in children)]),
        )


def _heights(scene: _Scene, planted: Planted, seen: Survey, node: int) -> tuple[float, float]:
    """Heights between which a node's features and those below it lie, metres; generous, never too narrow."""
    ground = _ground(scene, planted, node)
    low, high = (float(ground.min()), float(ground.max())) if len(ground) else (0.0, 0.0)
    # Means from afar are flatter than the ground.
    ease = 2.0 + 0.5 * (high - low)
    below, above = _reach(scene.kind, float(seen.size[node]))
    stated = seen.box[node, [2, 5]]
    if scene.way is not None:
        stated = stated + scene.way.span(seen.box[node])
    if absolute(scene.placed) and np.isfinite(stated).all():
        low, high = min(low, float(stated[0])), max(high, float(stated[1]))
    return low - ease - below, high + ease + above


def _reach(kind: Kind, size: float) -> tuple[float, float]:
    """Metres below and above the ground, or below and above their own z, that features of a kind can reach."""
    if kind.geometry == "Polygon":
        return 3.0, size + 1.0
    return 30.0, 10.0


def _ground(scene: _Scene, planted: Planted, node: int) -> NDArray[np.float64]:
    """About the heights of the ground at the middle and two corners of rows spread evenly over a node's cell."""
    rows = planted.rows.within(*planted.tree.window(node).keys[0])
    rows = rows[np.linspace(0, len(rows) - 1, min(len(rows), SAMPLES)).astype(np.int64)]
    west, south, east, north = (planted.rows.columns[n][rows] for n in ("minx", "miny", "maxx", "maxy"))
    lon = np.concatenate([(west + east) / 2, west, east])
    lat = np.concatenate([(south + north) / 2, south, north])
    placed = np.isfinite(lon) & np.isfinite(lat)
    if not placed.any():
        return np.zeros(0)
    found = np.asarray(scene.ground.rough(lon[placed], lat[placed]), np.float64)
    return np.where(np.isfinite(found), found, 0.0)
