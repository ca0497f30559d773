"""Buildings that bear only their number, by the estate that they stand in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np
import shapely

from pipelines import numbered
from pipelines.indexing import entries, fold
from pipelines.numbered import Numbered
from twin.model import BBox, LayerState, Query
from twin.policy import Policy
from twin.store import Store

BUILDINGS: Final = "buildings"
ESTATES: Final = 5
"""Areas of one name that are looked into."""


def inside(
    asked: Numbered,
    areas: Sequence[dict[str, Any]],
    states: Sequence[LayerState],
    *,
    store: Store,
    policy: Policy,
    label: str,
) -> Iterator[dict[str, Any]]:
    """Hits: buildings named just by the number, in areas that have the estate's name.

    Args:
        asked: estate and number.
        areas: hits of the search for the estate's name.
        states: the layers that may be seen.
        store: where rows are.
        policy: whose sight of them counts.
        label: the column of buildings' names.
    """
    named = [a for a in areas if fold(a["title"]) == asked.estate][:ESTATES]
    for area in named:
        for shape in _polygons(store, policy, area):
            for state in states:
                if state.layer.kind == BUILDINGS and state.count:
                    yield from _standing(asked, area["title"], shape, state, store, policy, label)


def _polygons(store: Store, policy: Policy, area: dict[str, Any]) -> Iterator[Any]:
    table = store.read(Query(layer=area["layer"], policy=policy, columns=(), ids=(area["id"],)))
    for shape in shapely.from_wkb(table["geom"].to_numpy(zero_copy_only=False)):
        if shape is not None and shapely.get_dimensions(shape) == 2:
            yield shapely.force_2d(shape)


def _standing(
    asked: Numbered, estate: str, shape: Any, state: LayerState, store: Store, policy: Policy, label: str
) -> Iterator[dict[str, Any]]:
    west, south, east, north = shapely.bounds(shape).tolist()
    columns = tuple(c.name for c in state.layer.columns if c.name == label)
    if not columns:
        return
    window = BBox(west=west, south=south, east=east, north=north)
    table = store.read(Query(layer=state.layer.id, policy=policy, columns=columns, bbox=window))
    titles = np.array([numbered.plain(fold(str(t or ""))) for t in table[label].to_pylist()], dtype=object)
    chosen = np.flatnonzero(titles == asked.number)
    for key, title, _, lon, lat in entries(table.take(chosen), label):
        if lon is not None and shapely.contains_xy(shape, lon, lat):
            yield {
                "layer": state.layer.id,
                "id": key,
                "title": title,
                "detail": estate,
                "lon": lon,
                "lat": lat,
                "score": 88,
                "missing": asked.rest,
            }
