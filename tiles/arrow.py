"""Arrow IPC streams of feature rows; the geometry is `geoarrow.wkb`, x before y whatever the CRS says."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator

import orjson
import pyarrow as pa

from tiles import rows
from tiles.format import Format, Page

MEDIA_TYPE = "application/vnd.apache.arrow.stream"


def encode(tables: Iterable[pa.Table], page: Page) -> Iterator[bytes]:
    """One stream; record batches leave as they come."""
    first, everything = rows.first_and_all(tables)
    sink = io.BytesIO()
    schema = described(rows.flat(first), page)
    with pa.ipc.new_stream(sink, schema) as writer:
        for table in everything:
            writer.write_table(rows.flat(table).cast(schema))
            yield taken(sink)
    yield taken(sink)


def described(table: pa.Table, page: Page) -> pa.Schema:
    """The schema with the geometry's extension type (GeoArrow 0.2) in its metadata."""
    last = table.schema.field(table.num_columns - 1)
    if not pa.types.is_binary(last.type):
        return table.schema
    about = {
        b"ARROW:extension:name": b"geoarrow.wkb",
        b"ARROW:extension:metadata": orjson.dumps({"crs": rows.projjson(page.crs), "crs_type": "projjson"}),
    }
    return table.schema.set(table.num_columns - 1, last.with_metadata(about))


def taken(sink: io.BytesIO) -> bytes:
    """What was written since the last time."""
    found = sink.getvalue()
    sink.seek(0)
    sink.truncate()
    return found


FORMAT = Format(name="arrow", media_type=MEDIA_TYPE, encode=encode, suffix=".arrows", bulk=True, x_first=True)
