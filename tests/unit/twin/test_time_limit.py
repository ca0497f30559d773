"""A question that takes too long is broken off, and the store goes on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import shapely
from tests_support import HOUSES

from twin.duckdb_store import DuckDBStore
from twin.errors import TimeLimit
from twin.model import BBox, Delivery, Query
from twin.policy import Policy
from twin.table import TIMESTAMP, Batch


def test_a_query_over_the_limit_says_so_and_the_next_is_answered(tmp_path: Path) -> None:
    count = 50_000
    rng = np.random.default_rng(1)
    places = shapely.points(rng.uniform(116, 117, count), rng.uniform(39, 40, count))
    # Long slanted lines: each must be tested exactly against a window's corner.
    lines = shapely.linestrings(
        np.stack([shapely.get_coordinates(places), rng.uniform(116, 117, (count, 2)) - [0, 77]], 1)
    )
    table = pa.table(
        {
            "id": [str(i) for i in range(count)],
            "geom": pa.array(shapely.to_wkb(lines), pa.binary()),
            "valid_from": pa.nulls(count, TIMESTAMP),
            "valid_to": pa.nulls(count, TIMESTAMP),
            "dated": ["survey"] * count,
            "row": np.arange(count),
        }
    )
    store = DuckDBStore(tmp_path / "twin.duckdb")
    store.write(HOUSES, [Batch(table=table, crs=None)], Delivery(source="survey"))
    store.close()
    hasty = DuckDBStore(tmp_path / "twin.duckdb", seconds=0.001)
    query = Query(
        layer="houses", policy=Policy.open(), bbox=BBox(west=116.2, south=39.2, east=116.8, north=39.8)
    )
    with pytest.raises(TimeLimit, match="longer"):
        hasty.count(query)
    hasty.close()
    patient = DuckDBStore(tmp_path / "twin.duckdb")
    assert patient.count(query) > 0
    patient.close()
