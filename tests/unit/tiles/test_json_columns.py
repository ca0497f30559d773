"""Columns written as JSON say what the standard library reads back."""

from __future__ import annotations

import json
import math
from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa
import shapely
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
    before, found, after = json_columns.texts(column)
    return [None if text is None else json.loads(before + text + after) for text in found.to_pylist()]


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


ROW = st.fixed_dictionaries(
    {
        "id": st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=5),
        "geom": st.none()
        | st.builds(lambda x, y: shapely.to_wkb(shapely.Point(x, y)), *[st.floats(-90, 90)] * 2),
        "name": st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=5),
        "height": st.none() | st.floats(),
        "floors": st.none() | st.integers(-(2**63), 2**63 - 1),
        "safe": st.none() | st.booleans(),
        "built": st.none() | st.dates(),
        "valid_to": st.sampled_from([OPEN, datetime(2025, 7, 1, tzinfo=UTC)]),
    }
)
KINDS = {
    "id": pa.string(),
    "geom": pa.binary(),
    "name": pa.string(),
    "height": pa.float64(),
    "floors": pa.int64(),
    "safe": pa.bool_(),
    "built": pa.date32(),
    "valid_to": TIMESTAMP,
}


@given(found=st.lists(ROW, min_size=geojson.FEW + 1, max_size=geojson.FEW + 6))
def test_many_rows_are_written_as_one_by_one(found: list[dict[str, Any]]) -> None:
    table = pa.table(
        [pa.array([r[n] for r in found], k, from_pandas=False) for n, k in KINDS.items()], list(KINDS)
    )
    alone = [geojson.features(table.slice(n, 1))[0] for n in range(len(table))]
    assert [json.loads(f) for f in geojson.features(table)] == [json.loads(f) for f in alone]
    assert json.loads(b"[%b]" % geojson.joined(table)) == [json.loads(f) for f in alone]
    assert [json.loads(f)["id"] for f in alone] == [r["id"] for r in found]
