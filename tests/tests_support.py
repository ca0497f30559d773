"""Rows and layers for tests of the doors."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import shapely

from twin.model import Column, Layer, Titles
from twin.table import TIMESTAMP, Batch

SURVEY = datetime(2025, 7, 1, tzinfo=UTC)
ROWS = 25


def houses(names: list[str] | None = None, first: int = 0) -> Batch:
    """A row of 20 m squares near 116.4, 39.9, from west to east."""
    count = len(names) if names else ROWS
    west = 116.4 + 0.001 * np.arange(first, first + count)
    squares = shapely.box(west, 39.9, west + 0.0002, 39.9002)
    return Batch(
        crs=None,
        table=pa.table(
            {
                "id": [f"H{i:03}" for i in range(first, first + count)],
                "geom": pa.array(shapely.to_wkb(squares), pa.binary()),
                "valid_from": pa.nulls(count, TIMESTAMP),
                "valid_to": pa.nulls(count, TIMESTAMP),
                "dated": ["survey"] * count,
                "row": np.arange(count),
                "name": names or [f"house {i}" for i in range(count)],
                "height": 3.0 * np.arange(1, count + 1),
                "storeys": np.arange(1, count + 1),
            }
        ),
    )


HOUSES = Layer(
    id="houses",
    kind="features",
    title=Titles(zh="房屋", en="Houses"),
    geometry="Polygon",
    columns=(
        Column(name="name"),
        Column(name="height", type="number", unit="m"),
        Column(name="storeys", type="integer"),
    ),
)
