"""Features as columns: what travels from a reader to a store and back.

A row's fixed columns, after `conform`:

    id          string     stable and unique in its layer
    geom        binary     WKB; longitude, latitude (degrees), z in metres; a valid 2D footprint for areas
    body_lod1…  binary     `twin.body.Body` bytes, optional
    valid_from  timestamp[us, UTC] or null (null: the delivery's date)
    valid_to    timestamp[us, UTC] or null (null: open)
    dated       string     `stated` when valid_from came with the row, else `survey`
    row         int64      number in the source, from 0 (dropped by the store)

and what the store adds when read back: source, branch, recorded_from, recorded_to, version.
All other columns are attributes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import pyarrow as pa
import pyproj

from twin.model import Column, ColumnType, Rejected

TIMESTAMP: Final = pa.timestamp("us", tz="UTC")
FIXED: Final = ("id", "geom", "valid_from", "valid_to", "dated", "row")
STORED: Final = ("source", "branch", "recorded_from", "recorded_to", "version")
BODY: Final = "body_"
"""Columns that start so hold bodies."""

ARROW_TYPES: Final[dict[ColumnType, pa.DataType]] = {
    "string": pa.string(),
    "integer": pa.int64(),
    "number": pa.float64(),
    "boolean": pa.bool_(),
    "datetime": TIMESTAMP,
    "date": pa.date32(),
    "json": pa.string(),
}


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Some rows of a source, and those of its rows that were refused on the way."""

    table: pa.Table
    """Rows with a `geom` column (WKB) and a `row` column (int64)."""
    crs: pyproj.CRS | None
    """Horizontal CRS of `geom`, x before y as in GIS files; None once it is CRS84 with z in metres."""
    rejected: tuple[Rejected, ...] = ()
    notes: tuple[str, ...] = field(default=())
    """Sentences for the report."""


def is_attribute(name: str) -> bool:
    """Whether a column is the layer's own, not one of the fixed or stored ones."""
    return name not in FIXED and name not in STORED and not name.startswith(BODY)


def columns_of(schema: pa.Schema) -> tuple[Column, ...]:
    """The attribute columns of an Arrow schema as the catalogue describes them."""
    return tuple(Column(name=f.name, type=column_type(f.type)) for f in schema if is_attribute(f.name))


def column_type(arrow: pa.DataType) -> ColumnType:
    """The catalogue's word for an Arrow type; what has none travels as JSON text."""
    tests: tuple[tuple[ColumnType, bool], ...] = (
        ("boolean", pa.types.is_boolean(arrow)),
        ("integer", pa.types.is_integer(arrow)),
        ("number", pa.types.is_floating(arrow) or pa.types.is_decimal(arrow)),
        ("datetime", pa.types.is_timestamp(arrow)),
        ("date", pa.types.is_date(arrow)),
        ("string", pa.types.is_string(arrow) or pa.types.is_large_string(arrow)),
    )
    return next((name for name, fits in tests if fits), "json")
