"""What is near a place, nearest first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
import shapely

from twin import space
from twin.model import BBox, LayerState, Query
from twin.policy import Policy
from twin.store import Readable

MOST = 200
"""Rows looked at in one layer; the nearest come first only among them when there are more."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """A place, how far around it, and when."""

    lon: float
    lat: float
    radius: float
    """Metres."""
    at: datetime | None = None
    known: datetime | None = None

    @property
    def box(self) -> BBox:
        """The box that holds the circle."""
        east, north = space.metres_per_degree(self.lat)
        dx, dy = self.radius / max(east, 1.0), self.radius / north
        return BBox(west=self.lon - dx, south=self.lat - dy, east=self.lon + dx, north=self.lat + dy)


def near(
    store: Readable, states: Sequence[LayerState], place: Place, policy: Policy, *, label: dict[str, str]
) -> list[dict[str, Any]]:
    """Features of the layers within the radius: layer, id, kind, title, distance (m), and their attributes.

    Args:
        store: where to look. states: the layers. place: the circle. policy: who asks.
        label: layer id -> the column that names its features.
    """
    found = [hit for state in states for hit in _layer(store, state, place, policy, label[state.layer.id])]
    return sorted(found, key=lambda h: (h["distance"], h["layer"], h["id"]))


def _layer(
    store: Readable, state: LayerState, place: Place, policy: Policy, label: str
) -> list[dict[str, Any]]:
    query = Query(
        layer=state.layer.id, policy=policy, bbox=place.box, at=place.at, known=place.known, limit=MOST
    )
    table = store.read(query)
    if not len(table):
        return []
    away = distances(table, place)
    rows = table.drop_columns(["geom"]).to_pylist()
    return [
        {
            "layer": state.layer.id,
            "id": row["id"],
            "kind": state.layer.kind,
            "title": str(row.get(label) or row["id"]),
            "distance": round(float(d), 2),
            "properties": row,
        }
        for row, d in zip(rows, away, strict=True)
        if d <= place.radius
    ]


def distances(table: pa.Table, place: Place) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Metres in plan from the place to each row; 0 inside an area."""
    local = space.around(place.lon, place.lat)
    geometries = shapely.force_2d(shapely.from_wkb(table["geom"].to_numpy(zero_copy_only=False)))
    plane = shapely.transform(geometries, lambda xy: np.column_stack(local.transform(xy[:, 0], xy[:, 1])))
    return np.asarray(shapely.distance(plane, shapely.Point(0, 0)))
