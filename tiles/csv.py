"""CSV (RFC 4180, UTF-8) of feature rows: `id`, the properties, and the geometry as WKT in the last column.

Values are written as they are. A text that begins with `=`, `+`, `-` or `@` is a formula to a
spreadsheet; it is not changed here, since a program that reads the file wants what was stored.
Missing is an empty field, an empty text is `""`.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import shapely
from pyarrow import csv

from tiles import rows
from tiles.format import Format, Page

PRECISION = 17
"""Digits that bring a double back exactly."""


def encode(tables: Iterable[pa.Table], _: Page) -> Iterator[bytes]:
    """A line of names, then a line a row."""
    for n, table in enumerate(tables):
        sink = io.BytesIO()
        csv.write_csv(_plain(table), sink, csv.WriteOptions(include_header=n == 0))
        yield sink.getvalue()


def _plain(table: pa.Table) -> pa.Table:
    found = rows.flat(table)
    last = found.num_columns - 1
    for n, field in enumerate(found.schema):
        if pa.types.is_timestamp(field.type):
            found = found.set_column(n, field.name, moments(found.column(n)))
        elif pa.types.is_binary(field.type) and n == last:
            found = found.set_column(n, field.name, wkt(found.column(n)))
    return found


def moments(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """RFC 3339 texts in UTC, microseconds and all."""
    naive = column.cast(pa.timestamp("us"))
    return pc.binary_join_element_wise(pc.strftime(naive, "%Y-%m-%dT%H:%M:%S"), "Z", "")


def wkt(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Well-known text, heights as `Z`."""
    found = shapely.from_wkb(column.to_numpy(zero_copy_only=False))
    texts = shapely.to_wkt(found, rounding_precision=PRECISION, trim=True, output_dimension=3)
    return pa.chunked_array([pa.array(np.asarray(texts, object), pa.string())])


FORMAT = Format(name="csv", media_type="text/csv", encode=encode, suffix=".csv", bulk=True)
