"""A question that takes too long is broken off, and the store goes on."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests_support import HOUSES, houses

from twin.duckdb.store import DuckDBStore
from twin.errors import TimeLimit
from twin.model import Delivery, Query
from twin.policy import Policy

ENDLESS = "SELECT count(*) FROM range(100000000) a, range(100000) b WHERE a.range % 7 = b.range % 5"


def test_a_query_over_the_limit_says_so_and_the_next_is_answered(tmp_path: Path) -> None:
    store = DuckDBStore(tmp_path / "twin.duckdb", seconds=0.05)
    store.write(HOUSES, [houses()], Delivery(source="survey"))
    with pytest.raises(TimeLimit, match="longer"), store._asked() as session:
        session.rows(ENDLESS)
    assert len(store.read(Query(layer="houses", policy=Policy.open(), ids=("H001",)))) == 1
    store.close()
