"""Columns on their way into a store."""

from __future__ import annotations

import pyarrow as pa
import pytest

from twin.table import SIZE, TIMESTAMP, cast, columns_of, prepared, widened


@pytest.mark.parametrize(
    ("one", "other", "both"),
    [
        ("integer", "number", "number"),
        ("date", "datetime", "datetime"),
        ("integer", "string", "string"),
        ("boolean", "integer", "string"),
        ("json", "string", "string"),
        ("number", "number", "number"),
    ],
)
def test_types_widen_to_what_holds_both(one: str, other: str, both: str) -> None:
    assert widened(one, other) == widened(other, one) == both


def test_every_fixed_column_is_there_after_preparing() -> None:
    table = prepared(pa.table({"geom": pa.array([b"x", b"y"]), "h": pa.array([1, 2], pa.int32())}))
    assert table["row"].to_pylist() == [0, 1]
    assert table["dated"].to_pylist() == ["survey", "survey"]
    assert table["id"].null_count == 2
    assert table.schema.field("valid_from").type == TIMESTAMP
    assert table.schema.field("h").type == pa.int64()


def test_not_a_number_is_missing() -> None:
    values = pa.chunked_array([pa.array([1.0, float("nan"), None])])
    assert cast(values, "number").to_pylist() == [1.0, None, None]


def test_nested_values_travel_as_text() -> None:
    table = prepared(pa.table({"tags": [{"k": "值"}, None], SIZE: [1.0, None], "version": [1, 2]}))
    assert table["tags"].to_pylist() == ['{"k": "值"}', None]
    assert [c.name for c in columns_of(table.schema)] == ["tags", "version_"]
