"""Columns written as JSON say what the standard library reads back."""

from __future__ import annotations

import json
import math
from datetime import UTC, date, datetime
from typing import Any

import orjson
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from tiles import geojson, json_columns
from tiles.format import Page
from twin.model import OPEN
from twin.table import TIMESTAMP

texts = st.lists(st.none() | st.text(st.characters(exclude_categories=["Cs"])), max_size=6)
floats = st.lists(st.none() | st.floats(), max_size=6)
integers = st.lists(st.none() | st.integers(-(2**63), 2**63 - 1), max_size=6)


def back(values: list[Any], kind: pa.DataType) -> list[Any]:
    column = pa.chunked_array([pa.array(values, kind, from_pandas=False)], kind)
    return list(json.loads(orjson.dumps(json_columns.values(column))))


@given(values=texts)
def test_texts_come_back(values: list[str | None]) -> None:
    assert back(values, pa.string()) == values


@given(values=integers)
def test_integers_come_back_whole(values: list[int | None]) -> None:
    assert back(values, pa.int64()) == values


@given(values=floats)
def test_numbers_come_back_exactly_and_what_json_has_not_is_null(values: list[float | None]) -> None:
    wanted = [v if v is not None and math.isfinite(v) else None for v in values]
    assert back(values, pa.float64()) == wanted


def test_moments_days_and_truth() -> None:
    moment = datetime(2025, 7, 1, 8, 0, 0, 5, tzinfo=UTC)
    assert back([moment, OPEN, None], TIMESTAMP) == ["2025-07-01T08:00:00.000005Z", None, None]
    assert back([date(2025, 7, 1), None], pa.date32()) == ["2025-07-01", None]
    assert back([True, False, None], pa.bool_()) == [True, False, None]


@given(names=st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), max_size=5))
def test_a_collection_in_pieces_is_one_document(names: list[str]) -> None:
    pieces = [pa.table({"id": [n], "geom": pa.nulls(1, pa.binary()), 'we"ird': [n]}) for n in names]
    empty = pa.table({"id": pa.array([], pa.string()), "geom": pa.array([], pa.binary())})
    text = b"".join(geojson.encode([empty, *pieces, empty], Page(members={"numberMatched": 1})))
    found = json.loads(text)
    assert [f["id"] for f in found["features"]] == names
    assert [f["properties"]['we"ird'] for f in found["features"]] == names
    assert found["numberMatched"] == 1
