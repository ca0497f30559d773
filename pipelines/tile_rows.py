"""Which rows of a layer go into a vector tile, so that it stays small: the largest, evenly spread, or signs of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tiles import mvt
from twin.model import BBox, Layer, Query, Window
from twin.space import HILBERT_BITS
from twin.stamps import View
from twin.store import Store
from twin.tile_matrix_sets import Cell
from twin.tree import cut

MOST: Final = 10_000
"""Features of one tile."""
POINTS: Final = 4_000
"""Points of one tile where points have to be thinned, and signs of what is too small."""
RANGES: Final = 500
"""Ranges of keys in one question to the store."""
DOT: Final = 3.0
"""Grid units below which nothing but a point is drawn: a third of a pixel, so that the store need not read it."""
SIGN: Final = 4.0
"""Grid units of the square that stands for as much area of things too small to draw."""
EVERYWHERE: Final = ((0, 1 << 2 * HILBERT_BITS),)
PLACES: Final = ("size", "hkey", "minx", "miny", "maxx", "maxy")
Places = Mapping[str, NDArray[Any]]
"""Size, Hilbert key and box of rows, in the order of their keys."""


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """What to ask of a store."""

    there: int
    """Rows whose box meets the tile."""
    windows: tuple[Window, ...]
    """The rows to draw."""
    signs: tuple[Window, ...] = ()
    """Rows too small to draw, each of which stands for several."""


def seen(view: View, box: BBox) -> Places:
    """The rows that are there at the moment and whose box meets this one, out of memory."""
    rows = view.there(box)
    return _sorted({name: view.rows.columns[name][rows] for name in PLACES})


def asked(store: Store, query: Query) -> Places:
    """The same of the rows of a query, where a filter or rights decide which there are."""
    found = store.read(replace(query, columns=(), geometry=False, places=True))
    return _sorted({name: np.asarray(found[f"#{name}"]) for name in PLACES})


def _sorted(places: dict[str, NDArray[Any]]) -> Places:
    order = np.argsort(places["hkey"], kind="stable")
    return {name: values[order] for name, values in places.items()}


def choose(places: Places, layer: Layer, cell: Cell) -> Chosen:
    """Which rows to read, so that no more than `MOST` come."""
    sizes, there = places["size"].astype(np.float32), len(places["size"])
    if layer.geometry in ("Point", "Geometry", "Raster"):
        least = 0.0
    else:
        least = cell.metres() * DOT / mvt.EXTENT * _shrunk(places)
    large = sizes >= np.float32(least)
    signs = _signs(places, ~large, cell) if layer.geometry == "Polygon" else ()
    if not large.any():
        return Chosen(there=there, windows=(), signs=signs)
    if int(large.sum()) > MOST:
        signs, most = (), float(cut(sizes[large], MOST))
        if not (sizes >= np.float32(most)).any():
            return Chosen(there=there, windows=_thinned(places["hkey"][large], least))
        least = max(least, most)
    return Chosen(there=there, windows=(Window(keys=EVERYWHERE, size_min=least),), signs=signs)


def _shrunk(places: Places) -> float:
    """How much shorter than at the equator a metre of the grid may be on the ground, in projections like Mercator's."""
    if not len(places["miny"]):
        return 1.0
    farthest = float(np.abs(np.concatenate([places["miny"], places["maxy"]])).max())
    return max(float(np.cos(np.radians(farthest))), 0.05)


def _thinned(keys: NDArray[np.uint64], least: float = 0.0, most: float = float("inf")) -> tuple[Window, ...]:
    """`POINTS` rows spread evenly along the Hilbert curve, where size does not tell them apart."""
    chosen = np.unique(keys[np.linspace(0, len(keys) - 1, min(POINTS, len(keys))).astype(np.int64)]).tolist()
    ranges = [(key, key + 1) for key in chosen]
    return tuple(
        Window(keys=tuple(ranges[i : i + RANGES]), size_min=least, size_max=most)
        for i in range(0, len(ranges), RANGES)
    )


def _signs(places: Places, small: NDArray[np.bool_], cell: Cell) -> tuple[Window, ...]:
    """Of rows too small to draw, along the Hilbert curve, one each time their areas add up to a sign's."""
    if not small.any():
        return ()
    low, high = (
        np.column_stack([places[a][small], places[b][small]]) for a, b in (("minx", "miny"), ("maxx", "maxy"))
    )
    a, b = (cell.inside(places_) * mvt.EXTENT for places_ in (low, high))
    middle = (a + b) / 2
    mine = np.isfinite(middle).all(axis=1) & (middle >= 0).all(axis=1) & (middle < mvt.EXTENT).all(axis=1)
    if not mine.any():
        return ()
    area = np.abs(b - a).prod(axis=1)[mine].cumsum()
    each = max(SIGN**2, float(area[-1]) / POINTS)
    turns = np.flatnonzero(np.diff(np.floor(area / each), prepend=0.0) > 0)
    keys = places["hkey"][small][mine][turns]
    largest = float(np.nextafter(places["size"][small].astype(np.float32).max(), np.float32(np.inf)))
    return _thinned(keys, most=largest) if len(keys) else ()
