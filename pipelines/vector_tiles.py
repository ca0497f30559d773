"""Layers as vector tiles of any tile matrix set: a pure function of place, moment, filter and rights.

A tile holds at most `tile_rows.MOST` features, the largest first, and at most `HEAVIEST` bytes packed; what is
smaller than a dot at that scale is left out, and small squares show where many such areas are. How many
features are in the window but not drawn as they are is said (`VectorTile.left_out`).
"""

from __future__ import annotations

import math
import threading
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, cast

import numpy as np
import pyarrow as pa
import shapely
from numpy.typing import NDArray

from layers.kind import Kind
from pipelines import tile_rows
from pipelines.bake import Source
from tiles import mvt
from twin import cql2, registry, stamps
from twin.model import OPEN, Filter, Interval, Layer, Query, Window
from twin.moments import microseconds
from twin.policy import Policy
from twin.stamps import View
from twin.store import Store
from twin.tile_matrix_sets import WEB_MERCATOR, Cell, near, straight

REVISION: Final = "m2"
HEAVIEST: Final = 500_000
"""Bytes of a layer in a tile, as gzip packs them."""
COLUMNS: Final = 24
"""Attribute columns of a tile."""
ONE: Final = threading.Lock()
"""Tiles are shaped and written one at a time: threads that take turns at the interpreter around hundreds of short calls
take more than twice the processor time (45 against 17 ms a tile)."""
MARGIN: Final = mvt.BUFFER / mvt.EXTENT
NEIGHBOURS: Final = 1.0
"""Tiles around the tile that a projection is asked for; far away it may make nonsense."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What a tile shows: a layer at a moment, as far as a filter and rights go."""

    layer: str
    at: datetime | Interval
    known: datetime
    policy: Policy
    filter: Filter | None = None

    def view(self, source: Source) -> View:
        """The layer's rows as seen at the moment, or at an interval's end."""
        at = self.at if isinstance(self.at, datetime) else self.at.end or OPEN
        return source.forest.view(self.layer, microseconds(at), microseconds(self.known))


@dataclass(frozen=True, kw_only=True)
class VectorTile:
    """A tile and what became of the features in its window."""

    body: bytes
    """No bytes where there is nothing to draw."""
    drawn: int
    left_out: int
    """Features that are in the window at that moment but too small or too many to be drawn as they are."""


def etag(source: Source, cell: Cell, asked: Asked) -> str:
    """What names the tile's state: equal as long as nothing in its window changes.

    Raises:
        LayerNotFound: there is no such layer.
        InvalidFilter, UnknownProperty: the filter does not fit it.
    """
    described = source.store.layer(asked.layer, asked.policy).layer
    span = None if isinstance(asked.at, datetime) else asked.at
    own = cell.tms.document if cell.tms is not WEB_MERCATOR else None
    said = repr(
        (described.columns, described.kind, asked.policy.key, filter_key(asked, described), span, own)
    )
    recipe = f"{REVISION}.{zlib.crc32(said.encode()):08x}"
    return stamps.key(recipe, asked.view(source).stamp(cell.bbox(MARGIN)))


def filter_key(asked: Asked, layer: Layer) -> str:
    """What names the filter however it is written; empty without one.

    Raises:
        InvalidFilter, UnknownProperty: it does not fit the layer.
    """
    if asked.filter is None:
        return ""
    return cql2.key(cql2.checked(asked.filter, cql2.queryables(layer.columns)))


def tile(source: Source, cell: Cell, asked: Asked) -> VectorTile:
    """The vector tile of a layer at a place.

    Raises:
        LayerNotFound: there is no such layer.
        InvalidFilter, UnknownProperty: the filter does not fit it.
    """
    described = source.store.layer(asked.layer, asked.policy).layer
    if not asked.policy.draws(described, cell.matrix.scale):
        return VectorTile(body=b"", drawn=0, left_out=0)
    box = cell.bbox(MARGIN)
    columns = _columns(described)
    query = Query(
        layer=asked.layer,
        policy=asked.policy,
        at=asked.at,
        known=asked.known,
        bbox=box,
        filter=asked.filter,
        columns=columns,
    )
    if asked.filter is None and isinstance(asked.at, datetime):
        places = tile_rows.seen(asked.view(source), box)
    else:
        # Rows that the filter leaves away are not counted either.
        places = tile_rows.asked(source.store, query)
    chosen = tile_rows.choose(places, described, cell)
    large, small = (_read(source.store, query, windows) for windows in (chosen.windows, chosen.signs))
    with ONE:
        rows, shapes, away = _shapes(large, small, cell)
        body, drawn = _fitting(asked.layer, rows, shapes, columns)
    return VectorTile(body=body, drawn=drawn, left_out=max(chosen.there - drawn - away, 0))


def _shapes(
    large: list[pa.Table], small: list[pa.Table], cell: Cell
) -> tuple[list[pa.Table], NDArray[np.object_], int]:
    """The rows to draw, their shapes on the grid, and how many of them do not reach the tile."""
    placed = _placed(large, cell)
    inside = mvt.cut(mvt.straightened(placed))
    away = int((shapely.is_missing(inside) & ~shapely.is_missing(placed)).sum())
    inside[shapely.is_missing(mvt.large(placed))] = None
    signs = _signs(_placed(small, cell))
    return [*large, *small], np.concatenate([mvt.snapped(inside), signs]), away


def _read(store: Store, query: Query, windows: Iterable[Window]) -> list[pa.Table]:
    return [store.read(replace(query, window=window)) for window in windows]


def _signs(placed: NDArray[np.object_]) -> NDArray[np.object_]:
    """Squares in the middle of what is too small."""
    box = np.round(shapely.bounds(placed).reshape(-1, 4))
    half = tile_rows.SIGN // 2
    x, y = (box[:, 0] + box[:, 2]) // 2, (box[:, 1] + box[:, 3]) // 2
    out = np.asarray(shapely.box(x - half, y - half, x + half, y + half), object)
    out[~np.isfinite(box).all(axis=1)] = None
    return out


def _fitting(
    layer: str, tables: list[pa.Table], shapes: NDArray[np.object_], columns: tuple[str, ...]
) -> tuple[bytes, int]:
    """The tile and how many features are in it; the smallest go while it is too heavy."""
    held = np.flatnonzero(~shapely.is_missing(shapes))
    if not len(held):
        return b"", 0
    rows = pa.concat_tables(tables, promote_options="permissive")
    rows = rows.select(["id", *(c for c in columns if c in rows.column_names)])
    by_size = held[np.argsort(-_extent(shapes[held]), kind="stable")]
    while True:
        mine = np.sort(by_size)
        body = mvt.encode(layer, shapes[mine], rows if len(mine) == len(rows) else rows.take(pa.array(mine)))
        weight = len(body) if len(body) <= HEAVIEST else len(zlib.compress(body, 1))
        if weight <= HEAVIEST or len(by_size) < 2:
            return body, len(mine)
        by_size = by_size[: max(int(len(by_size) * 0.95 * HEAVIEST / weight), 1)]


def _extent(shapes: NDArray[np.object_]) -> NDArray[np.float64]:
    bounds = shapely.bounds(shapes)
    return np.asarray((bounds[:, 2:] - bounds[:, :2]).max(axis=1))


def _columns(layer: Layer) -> tuple[str, ...]:
    """Attribute columns that go in: those of the kind first, then the layer's others while there is room."""
    kind = cast(Kind, registry.entry("layers", "KIND", layer.kind))
    first = {kind.label, kind.legend_by, *kind.mesh_columns, *(c.name for c in kind.columns)}
    own = [c.name for c in layer.columns if c.type != "json" and c.name != "id"]
    return tuple(sorted(own, key=lambda name: name not in first)[:COLUMNS])


def _placed(tables: list[pa.Table], cell: Cell) -> NDArray[np.object_]:
    """The rows' geometries in the tile's grid units, not rounded; None where the projection has no place for one."""
    if not tables:
        return np.empty(0, object)
    wkb = np.concatenate([np.asarray(t["geom"], object) for t in tables])
    geometries = _bendable(shapely.from_wkb(wkb), cell)
    placed = np.asarray(shapely.transform(geometries, lambda xy: cell.inside(xy) * mvt.EXTENT), object)
    if not (cell.tms.degrees or cell.tms is WEB_MERCATOR):
        xy, of = shapely.get_coordinates(placed, return_index=True)
        placed[np.unique(of[~np.isfinite(xy).all(axis=1)])] = None
    return placed


def _bendable(geometries: NDArray[np.object_], cell: Cell) -> NDArray[np.object_]:
    """Geometries with vertices so close that what is straight in degrees may bend, and no farther than needed."""
    out = np.array(geometries, object)
    longest = straight(cell)
    if math.isinf(longest):
        return out
    bounds = shapely.bounds(out)
    if cell.tms is not WEB_MERCATOR:
        window = near(cell, NEIGHBOURS)
        far = np.flatnonzero(~shapely.covered_by(shapely.box(*bounds.T), window) & ~shapely.is_missing(out))
        out[far] = shapely.intersection(shapely.make_valid(out[far]), window)
    long = np.flatnonzero((bounds[:, 2:] - bounds[:, :2]).max(axis=1, initial=0) > longest)
    out[long] = shapely.segmentize(out[long], longest)
    return out
