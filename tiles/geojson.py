"""GeoJSON (RFC 7946) of feature rows, as OGC API Features answers it.

Rows are written column by column (`tiles/json_columns.py`): a page of a thousand costs a few
milliseconds, where an object a feature costs tens.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import shapely

from tiles import json_columns, rows
from tiles.format import Format, Page

MEDIA_TYPE = "application/geo+json"


def encode(tables: Iterable[pa.Table], page: Page) -> Iterator[bytes]:
    """A FeatureCollection: the page's members (links, counts) first, then the features as they come."""
    head = orjson.dumps({"type": "FeatureCollection", **page.members})
    yield head[:-1] + b',"features":['
    first = True
    for table in tables:
        text = json_columns.run(features(table, before=b","))
        if text:
            yield text[1:] if first else text
            first = False
    yield b"]}"


def features(
    table: pa.Table, extra: dict[str, Any] | None = None, *, before: bytes = b"", after: bytes = b""
) -> pa.ChunkedArray:
    """(n,) binary: each row as a Feature's JSON; `geom` is taken as it is (its CRS is the caller's matter)."""
    more = orjson.dumps(extra)[1:-1] + b"," if extra else b""
    values = json_columns.objects(rows.properties(table))
    return json_columns.joined(
        before + b'{"type":"Feature",' + more + b'"id":',
        json_columns.texts(table["id"]),
        b',"geometry":',
        geometries(table),
        b',"properties":',
        b"{}" if values is None else values,
        b"}" + after,
    )


def geometries(table: pa.Table) -> pa.ChunkedArray:
    """(n,) binary: GeoJSON geometries; `null` where there is none or the column was not asked for."""
    if "geom" not in table.column_names:
        return pa.chunked_array([pa.repeat(json_columns.NULL, len(table))])
    found = shapely.to_geojson(shapely.from_wkb(table["geom"].to_numpy(zero_copy_only=False)))
    return json_columns.filled(pa.chunked_array([pa.array(np.asarray(found, object), pa.string())]))


def texts(table: pa.Table) -> list[str | None]:
    """Geometry texts of the rows; None where there is none."""
    return [None if text == b"null" else text.decode() for text in geometries(table).to_pylist()]


plain = json_columns.plain

FORMAT = Format(name="json", media_type=MEDIA_TYPE, encode=encode, suffix=".geojson", body_links=True)
