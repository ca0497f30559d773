"""GeoJSON (RFC 7946) of feature rows, as OGC API Features answers it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

import orjson
import pyarrow as pa
import shapely

from tiles.format import Format

MEDIA_TYPE = "application/geo+json"
OPEN_YEAR = 9999
ASIDE = ("id", "geom", "branch", "version", "recorded_to", "row")
"""Fixed columns that are no properties of an item."""


def encode(tables: Iterable[pa.Table], members: dict[str, Any]) -> Iterator[bytes]:
    """A FeatureCollection: `members` (links, counts) first or last as JSON allows, features as they come."""
    head = orjson.dumps({"type": "FeatureCollection", **members})
    yield head[:-1] + b',"features":['
    first = True
    for table in tables:
        for text in features(table):
            yield text if first else b"," + text
            first = False
    yield b"]}"


def features(table: pa.Table, extra: dict[str, Any] | None = None) -> Iterator[bytes]:
    """Each row as a Feature's JSON text; `geom` is taken as it is (its CRS is the caller's matter)."""
    geometries = texts(table)
    rows = table.drop_columns([c for c in ASIDE if c in table.column_names] + bodies(table)).to_pylist()
    more = orjson.dumps(extra)[1:-1] + b"," if extra else b""
    for key, geometry, row in zip(table["id"].to_pylist(), geometries, rows, strict=True):
        yield b'{"type":"Feature",%b"id":%b,"geometry":%b,"properties":%b}' % (
            more,
            orjson.dumps(key),
            geometry.encode() if geometry is not None else b"null",
            orjson.dumps({name: plain(value) for name, value in row.items()}),
        )


def texts(table: pa.Table) -> list[str | None]:
    """Geometry texts of the rows; None where there is none or the column was not asked for."""
    if "geom" not in table.column_names:
        return [None] * len(table)
    found = shapely.to_geojson(shapely.from_wkb(table["geom"].to_numpy(zero_copy_only=False)))
    return list(found)


def bodies(table: pa.Table) -> list[str]:
    """Names of the body columns."""
    return [name for name in table.column_names if name.startswith("body_")]


def plain(value: Any) -> Any:
    """A value as JSON has it; the open end of a period is null, a date-time is RFC 3339 in UTC."""
    if isinstance(value, datetime):
        return None if value.year == OPEN_YEAR else value.isoformat().replace("+00:00", "Z")
    if isinstance(value, bytes):
        return value.hex()
    return value


FORMAT = Format(name="json", media_type=MEDIA_TYPE, encode=encode)
