"""DuckDB's SQL."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from twin.dialects import Dialect


def mixed(parts: Sequence[str]) -> str:
    """One hash of several; their order does not count."""
    whole = "0::UBIGINT"
    for part in parts:
        whole = f"xor({whole}, {part})"
    return whole


PART: Final = "CASE WHEN {value} IS NULL THEN 0::UBIGINT ELSE hash({value}, {name}) END"
DUCKDB: Final = Dialect(
    name="duckdb",
    types={
        "text": "VARCHAR",
        "moment": "TIMESTAMP",
        "date": "DATE",
        "bigint": "BIGINT",
        "real": "FLOAT",
        "double": "DOUBLE",
        "boolean": "BOOLEAN",
        "bytes": "BLOB",
        "geometry": "BLOB USING COMPRESSION uncompressed",
        "hash": "UBIGINT",
        "key": "UBIGINT",
    },
    among="{} IN (SELECT unnest({}))",
    rowid="rowid",
    rowid_type="BIGINT",
    rowid_out="rowid",
    rowid_in="{}",
    first="arg_min({value}, {by})",
    quotient="//",
    microseconds="epoch_us({})",
    geometry_in="{}",
    geometry_out="{}",
    geometry_part="hash({value})",
    body_part=PART,
    attribute_parts=dict.fromkeys(("text", "moment", "date", "bigint", "double", "boolean"), PART),
    mixed=mixed,
    # On the id alone, so that the order of rows stays free.
    indices=("CREATE INDEX {table}_id ON {table} (id)",),
    naive=True,
    box_literal=False,
)
