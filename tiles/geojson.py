"""GeoJSON (RFC 7946) of feature rows, as OGC API Features answers it.

Columns and geometries become text at once (`tiles/json_columns.py`, `tiles/json_geometry.py`), one call joins them
to features: nothing is done row by row, unless there are only a few.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import shapely
from shapely.geometry import mapping

from tiles import json_columns, json_geometry, rows
from tiles.format import Format, Page
from twin.table import whole

plain = json_columns.plain
MEDIA_TYPE = "application/geo+json"
FEW = 4
"""Rows that are written one by one."""


def encode(tables: Iterable[pa.Table], page: Page) -> Iterator[bytes]:
    """A FeatureCollection: the page's members (links, counts) first, then the features as they come."""
    head = orjson.dumps({"type": "FeatureCollection", **page.members})
    yield head[:-1] + b',"features":['
    first = True
    for table in tables:
        text = joined(table)
        if text:
            yield text if first else b"," + text
            first = False
    yield b"]}"


def joined(table: pa.Table) -> bytes:
    """All rows as Features between commas."""
    if len(table) <= FEW:
        return b",".join(_one_by_one(table))
    found = _texts(table, ",")
    first, last = np.frombuffer(found.buffers()[1], np.int32)[found.offset :][[0, len(found)]]
    return bytes(found.buffers()[2][int(first) : int(last) - 1])


def features(table: pa.Table, extra: dict[str, Any] | None = None) -> list[bytes]:
    """(n,) each row as a Feature's JSON with more members; `geom` stays as it is (its CRS is the caller's matter)."""
    few = len(table) <= FEW
    found = _one_by_one(table) if few else [t.encode() for t in _texts(table, "").to_pylist()]
    end = b"," + orjson.dumps(extra)[1:] if extra else b"}"
    return [text[:-1] + end for text in found]


def _one_by_one(table: pa.Table) -> list[bytes]:
    """(n,) each row as a Feature: of a few rows, a call a column costs more than all their values."""
    names = rows.names(table)
    return [orjson.dumps(_object(row, names)) for row in table.to_pylist()]


def _object(row: dict[str, Any], names: list[str]) -> dict[str, Any]:
    wkb = row.get("geom")
    return {
        "type": "Feature",
        "id": row["id"],
        "geometry": None if wkb is None else mapping(shapely.from_wkb(wkb)),
        "properties": {name: plain(row[name]) for name in names},
    }


def _texts(table: pa.Table, end: str) -> pa.Array:
    """(n,) string: each row as a Feature, with something behind it."""
    shown = table.select(rows.names(table))
    members: list[tuple[str, json_columns.Parts]] = [
        ('{"type":"Feature","id":', json_columns.texts(table["id"])),
        (',"geometry":', ("", geometries(table), "")),
    ]
    begin = ',"properties":{'
    for name in shown.column_names:
        members.append((f"{begin}{orjson.dumps(name).decode()}:", json_columns.texts(shown[name])))
        begin = ","
    behind, parts = "", []
    for key, (before, values, after) in members:
        parts += [_constant(behind + key + before), values]
        behind = after
    close = "}}" if shown.num_columns else begin + "}}"
    last = (_constant(behind + close + end), _constant(""))
    return pc.binary_join_element_wise(*parts, *last, null_handling="replace", null_replacement="null")


_constant = lru_cache(maxsize=4096)(pa.scalar)
"""A text between values; making one takes longer than joining it to a hundred rows."""


def geometries(table: pa.Table) -> pa.Array:
    """(n,) string: GeoJSON geometries; null where there is none or the column was not asked for."""
    if "geom" not in table.column_names:
        return pa.nulls(len(table), pa.string())
    return json_geometry.texts(whole(table["geom"]))


FORMAT = Format(name="json", media_type=MEDIA_TYPE, encode=encode, suffix=".geojson", body_links=True)
