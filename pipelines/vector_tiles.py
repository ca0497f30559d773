"""Layers as vector tiles (WebMercatorQuad), a pure function of address and moment.

A tile holds at most `MOST` features, the largest first; what is smaller than a dot at that zoom is left
out. Where more would be visible the tile says so (`VectorTile.left_out`).
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, cast

import numpy as np
import pyarrow as pa
import shapely
from numpy.typing import NDArray

from layers.kind import Kind
from pipelines.bake import Source
from tiles import mvt
from twin import registry, stamps, tiling
from twin.model import BBox, Layer, Query, Window
from twin.moments import microseconds
from twin.policy import Policy
from twin.space import HILBERT_BITS
from twin.stamps import View, meets
from twin.store import Store
from twin.tree import cut

REVISION: Final = "m1"
MOST: Final = 10_000
"""Features of one tile; some 1.5 MB at the worst."""
POINTS: Final = 4_000
"""Points of one tile where points have to be thinned."""
RANGES: Final = 500
"""Ranges of keys in one question to the store."""
DOT: Final = 2.0
"""Grid units below which nothing but a point is drawn: an eighth of a pixel, so that the store need not read it."""
COLUMNS: Final = 24
"""Attribute columns of a tile."""
MARGIN: Final = mvt.BUFFER / mvt.EXTENT


@dataclass(frozen=True, kw_only=True)
class VectorTile:
    """A tile and what became of the features in its window."""

    body: bytes
    """No bytes where there is nothing to draw."""
    drawn: int
    left_out: int
    """Features that are visible in the window at that moment but too small or too many."""


def etag(
    source: Source,
    layer: str,
    address: tuple[int, int, int],
    *,
    at: datetime,
    known: datetime,
    policy: Policy,
) -> str:
    """What names the tile's state: equal as long as nothing in its window changes.

    Raises:
        LayerNotFound: there is no such layer.
    """
    described = source.store.layer(layer, policy).layer
    view = source.forest.view(layer, microseconds(at), microseconds(known))
    said = repr((described.columns, described.kind, policy.key))
    recipe = f"{REVISION}.{zlib.crc32(said.encode()):08x}"
    return stamps.key(recipe, view.stamp(tiling.bbox(*address, margin=MARGIN)))


def tile(
    source: Source,
    layer: str,
    address: tuple[int, int, int],
    *,
    at: datetime,
    known: datetime,
    policy: Policy,
) -> VectorTile:
    """The vector tile of a layer at an address (`twin.tiling.address`) and a moment.

    Raises:
        LayerNotFound: there is no such layer.
    """
    described = source.store.layer(layer, policy).layer
    view = source.forest.view(layer, microseconds(at), microseconds(known))
    box = tiling.bbox(*address, margin=MARGIN)
    visible = _visible(view, box)
    windows = _windows(view, visible, described, address, box)
    columns = _columns(described)
    query = Query(layer=layer, policy=policy, at=at, known=known, bbox=box, columns=columns)
    tables = [_read(source.store, query, window) for window in windows]
    rows = pa.concat_tables(tables) if tables else None
    if rows is None or not rows.num_rows:
        return VectorTile(body=b"", drawn=0, left_out=len(visible))
    geometries = mvt.grid(_placed(rows, address))
    drawn = int((~(shapely.is_missing(geometries) | shapely.is_empty(geometries))).sum())
    body = mvt.encode(layer, geometries, rows.select(["id", *(c for c in columns if c in rows.column_names)]))
    return VectorTile(body=body, drawn=drawn, left_out=max(len(visible) - drawn, 0))


def _read(store: Store, query: Query, window: Window) -> pa.Table:
    return store.read(replace(query, window=window))


def _visible(view: View, box: BBox) -> NDArray[np.int64]:
    """The rows that are there at the moment and whose box meets the tile's."""
    rows = np.flatnonzero(view.visible)
    met = np.zeros(len(rows), bool)
    for part in box.parts():
        met |= meets(view.rows, rows, part.astuple())
    return rows[met]


def _windows(
    view: View, visible: NDArray[np.int64], layer: Layer, address: tuple[int, int, int], box: BBox
) -> list[Window]:
    """What to ask of the store so that no more than `MOST` rows come, the largest of them."""
    everywhere = ((0, 1 << 2 * HILBERT_BITS),)
    sizes = view.rows.columns["size"][visible].astype(np.float32)
    least = 0.0 if layer.geometry in ("Point", "Geometry", "Raster") else _dot(address, box)
    sizes = sizes[sizes >= least]
    if len(sizes) > MOST:
        least = max(least, float(cut(sizes, MOST)))
        if not (sizes >= least).any():
            return _thinned(view, visible)
    return [Window(keys=everywhere, size_min=least)] if len(sizes) else []


def _dot(address: tuple[int, int, int], box: BBox) -> float:
    """Metres of `DOT` grid units, where a metre is largest on the map."""
    farthest = max(abs(box.south), abs(box.north)) if address[0] > 3 else 85.0
    return tiling.metres(address[0], farthest) * DOT / mvt.EXTENT


def _thinned(view: View, visible: NDArray[np.int64]) -> list[Window]:
    """`POINTS` rows spread evenly along the Hilbert curve, where size does not tell them apart."""
    keys = np.sort(view.rows.columns["hkey"][visible])
    chosen = np.unique(keys[np.linspace(0, len(keys) - 1, POINTS).astype(np.int64)]).tolist()
    ranges = [(key, key + 1) for key in chosen]
    return [Window(keys=tuple(ranges[i : i + RANGES])) for i in range(0, len(ranges), RANGES)]


def _columns(layer: Layer) -> tuple[str, ...]:
    """Attribute columns that go in: those of the kind first, then the layer's others while there is room."""
    kind = cast(Kind, registry.entry("layers", "KIND", layer.kind))
    first = {kind.label, kind.legend_by, *kind.mesh_columns, *(c.name for c in kind.columns)}
    own = [c.name for c in layer.columns if c.type != "json" and c.name != "id"]
    return tuple(sorted(own, key=lambda name: name not in first)[:COLUMNS])


def _placed(rows: pa.Table, address: tuple[int, int, int]) -> NDArray[np.object_]:
    """The rows' geometries in the tile's grid units."""
    geometries = shapely.force_2d(shapely.from_wkb(np.asarray(rows["geom"], object)))

    def project(xy: NDArray[np.float64]) -> NDArray[np.float64]:
        across, down = tiling.inside(xy[:, 0], xy[:, 1], *address)
        return np.column_stack([across, down]) * mvt.EXTENT

    return np.asarray(shapely.transform(geometries, project), object)
