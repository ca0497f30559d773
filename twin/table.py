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

import json
from dataclasses import dataclass, field
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
import pyproj

from twin.model import Column, ColumnType, Rejected

TIMESTAMP: Final = pa.timestamp("us", tz="UTC")
FIXED: Final = ("id", "geom", "valid_from", "valid_to", "dated", "row")
STORED: Final = ("source", "branch", "recorded_from", "recorded_to", "version")
BODY: Final = "body_"
"""Columns that start so hold bodies."""
WRITTEN: Final = "#written"
"""The column of rows that are written already, as GeoJSON features with a comma behind."""

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
    return name not in FIXED and name not in STORED and name != SIZE and not name.startswith(BODY)


JSON: Final = {b"onemap:type": b"json"}
"""Of a text field that holds JSON: what was a list or a structure stays one in the catalogue."""


def columns_of(schema: pa.Schema) -> tuple[Column, ...]:
    """The attribute columns of an Arrow schema as the catalogue describes them."""
    return tuple(
        Column(
            name=f.name, type="json" if JSON.items() <= (f.metadata or {}).items() else column_type(f.type)
        )
        for f in schema
        if is_attribute(f.name)
    )


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


SIZE: Final = "#size"
"""An optional float column of a batch: the metres that decide a feature's home in the tile tree, where
they are not the larger side of its box. Never an attribute; `size` is free for the source."""


def widened(one: ColumnType, other: ColumnType) -> ColumnType:
    """The type that holds what both hold; text holds everything."""
    if one == other:
        return one
    pair = {one, other}
    if pair == {"integer", "number"}:
        return "number"
    return "datetime" if pair == {"date", "datetime"} else "string"


def cast(values: pa.ChunkedArray, to: ColumnType) -> pa.ChunkedArray:
    """Values in the Arrow type of a catalogue type; NaN becomes null, nested values JSON text."""
    arrow = ARROW_TYPES[to]
    if pa.types.is_nested(values.type) or pa.types.is_dictionary(values.type):
        values = _flattened(values)
    if pa.types.is_floating(values.type):
        values = pc.if_else(pc.is_nan(values), pa.scalar(None, values.type), values)
    return values if values.type == arrow else values.cast(arrow)


def whole(column: pa.ChunkedArray) -> pa.Array:
    """A column as one array."""
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def _flattened(values: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_dictionary(values.type):
        return values.cast(values.type.value_type)
    texts = [
        None if v is None else json.dumps(v, ensure_ascii=False, default=str) for v in values.to_pylist()
    ]
    return pa.chunked_array([pa.array(texts, pa.string())])


def prepared(table: pa.Table) -> pa.Table:
    """A conformed table as stores take it: every fixed column there and typed, attributes in their types.

    A source column called as one of STORED is kept under its name with `_` behind, since both come back.
    """
    names = [own_name(name) for name in table.column_names]
    table = table.rename_columns(names)
    columns = {name: _fixed(table, name) for name in FIXED}
    for name in names:
        if name in FIXED:
            continue
        if name.startswith(BODY):
            columns[name] = table[name].cast(pa.binary())
        elif name == SIZE:
            columns[name] = table[name].cast(pa.float32())
        else:
            columns[name] = cast(table[name], column_type(table[name].type))
    json_ = {n for n in names if is_attribute(n) and column_type(table[n].type) == "json"}
    fields = [pa.field(n, c.type, metadata=JSON if n in json_ else None) for n, c in columns.items()]
    return pa.table(list(columns.values()), schema=pa.schema(fields))


def own_name(name: str) -> str:
    """The name under which a source's column is kept."""
    return f"{name}_" if name in STORED else name


FIXED_TYPES: Final = {
    "id": pa.string(),
    "geom": pa.binary(),
    "valid_from": TIMESTAMP,
    "valid_to": TIMESTAMP,
    "dated": pa.string(),
    "row": pa.int64(),
}


def _fixed(table: pa.Table, name: str) -> pa.ChunkedArray:
    kind = FIXED_TYPES[name]
    if name in table.column_names:
        return table[name] if table[name].type == kind else table[name].cast(kind)
    if name == "dated":
        return _dated(table)
    if name == "row":
        return pa.chunked_array([pa.array(range(table.num_rows), kind)])
    return pa.chunked_array([pa.nulls(table.num_rows, kind)])


def _dated(table: pa.Table) -> pa.ChunkedArray:
    if "valid_from" not in table.column_names:
        return pa.chunked_array([pa.array(["survey"] * table.num_rows, pa.string())])
    return pc.if_else(pc.is_valid(table["valid_from"]), "stated", "survey").cast(pa.string())


STORED_TYPES: Final = {
    "valid_from": TIMESTAMP,
    "valid_to": TIMESTAMP,
    "dated": pa.string(),
    "source": pa.string(),
    "branch": pa.string(),
    "recorded_from": TIMESTAMP,
    "recorded_to": TIMESTAMP,
    "version": pa.int64(),
}
"""What comes back behind id, geometry and bodies, in this order; open ends are `twin.model.OPEN`."""

SPREAD_TYPES: Final = {
    "hkey": pa.uint64(),
    "size": pa.float32(),
    "minx": pa.float64(),
    "miny": pa.float64(),
    "maxx": pa.float64(),
    "maxy": pa.float64(),
    "minz": pa.float32(),
    "maxz": pa.float32(),
}
"""What a store derives of each row (`twin/extents.py`)."""

PLACES: Final = {f"#{name}": type_ for name, type_ in SPREAD_TYPES.items()}
"""The same as columns of an answer, under names that no attribute has."""


def no_rows() -> pa.Table:
    """No rows, as a store takes them: for a delivery that says something of a layer and brings nothing."""
    types = {"id": pa.string(), "geom": pa.binary(), "valid_from": TIMESTAMP, "valid_to": TIMESTAMP}
    return pa.table(
        {n: pa.array([], t) for n, t in {**types, "dated": pa.string(), "row": pa.int64()}.items()}
    )
