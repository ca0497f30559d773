"""GeoJSON (RFC 7946) of feature rows, as OGC API Features answers it.

Columns become lists and geometries text at once (`tiles/json_columns.py`, `tiles/json_geometry.py`), one call of
orjson writes the features: a page of a thousand costs a few milliseconds, one feature a tenth of one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import orjson
import pyarrow as pa
import shapely

from tiles import json_columns, json_geometry, rows
from tiles.format import Format, Page

MEDIA_TYPE = "application/geo+json"


def encode(tables: Iterable[pa.Table], page: Page) -> Iterator[bytes]:
    """A FeatureCollection: the page's members (links, counts) first, then the features as they come."""
    head = orjson.dumps({"type": "FeatureCollection", **page.members})
    yield head[:-1] + b',"features":['
    first = True
    for table in tables:
        text = orjson.dumps(objects(table))[1:-1]
        if text:
            yield text if first else b"," + text
            first = False
    yield b"]}"


def features(table: pa.Table, extra: dict[str, Any] | None = None) -> list[bytes]:
    """(n,) each row as a Feature's JSON with more members; `geom` stays as it is (its CRS is the caller's matter)."""
    return [orjson.dumps({**o, **(extra or {})}) for o in objects(table)]


def objects(table: pa.Table) -> list[dict[str, Any]]:
    """(n,) each row as a Feature that orjson writes."""
    shown = rows.properties(table)
    names = shown.column_names
    columns = [json_columns.values(shown[n]) for n in names]
    each = [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]
    return [
        {"type": "Feature", "id": ident, "geometry": geometry, "properties": properties}
        for ident, geometry, properties in zip(
            json_columns.values(table["id"]),
            geometries(table),
            each if names else [{} for _ in range(len(table))],
            strict=True,
        )
    ]


def geometries(table: pa.Table) -> list[orjson.Fragment | None]:
    """(n,) GeoJSON geometries; None where there is none or the column was not asked for."""
    if "geom" not in table.column_names:
        return [None] * len(table)
    found = json_geometry.texts(shapely.from_wkb(table["geom"].to_numpy(zero_copy_only=False)))
    return [None if text is None else orjson.Fragment(text) for text in found]


plain = json_columns.plain

FORMAT = Format(name="json", media_type=MEDIA_TYPE, encode=encode, suffix=".geojson", body_links=True)
