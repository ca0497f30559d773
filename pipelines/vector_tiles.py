"""Layers as vector tiles of any tile matrix set: a pure function of place, moment, filter and rights.

A tile holds at most `tile_rows.MOST` features, the largest first, and at most `tile_shapes.HEAVIEST` bytes packed;
what is smaller than a dot at that scale is left out, and small squares show where many such areas are. How many
features are in the window but not drawn as they are is said (`VectorTile.left_out`).
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, cast

import pyarrow as pa

from layers.kind import Kind
from pipelines import tile_rows, tile_shapes
from pipelines.bake import Source
from pipelines.tile_shapes import Rows
from tiles import mvt
from twin import cql2, registry, stamps
from twin.model import OPEN, Filter, Interval, Layer, Query, Window
from twin.moments import microseconds
from twin.policy import Policy
from twin.stamps import View
from twin.store import Store
from twin.tile_matrix_sets import WEB_MERCATOR, Cell

REVISION: Final = "m2"
COLUMNS: Final = 24
"""Attribute columns of a tile."""
MARGIN: Final = mvt.BUFFER / mvt.EXTENT


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
    rows = Rows(layer=asked.layer, columns=columns, large=large, small=small)
    body, drawn, away = source.executor(tile_shapes.drawn, rows, cell)
    return VectorTile(body=body, drawn=drawn, left_out=max(chosen.there - drawn - away, 0))


def _read(store: Store, query: Query, windows: Iterable[Window]) -> list[pa.Table]:
    wanted = ("id", "geom", *(query.columns or ()))
    found = (store.read(replace(query, window=window)) for window in windows)
    return [table.select([n for n in wanted if n in table.column_names]) for table in found]


def _columns(layer: Layer) -> tuple[str, ...]:
    """Attribute columns that go in: those of the kind first, then the layer's others while there is room."""
    kind = cast(Kind, registry.entry("layers", "KIND", layer.kind))
    first = {kind.label, kind.legend_by, *kind.mesh_columns, *(c.name for c in kind.columns)}
    own = [c.name for c in layer.columns if c.type != "json" and c.name != "id"]
    return tuple(sorted(own, key=lambda name: name not in first)[:COLUMNS])
