"""GeoJSON (RFC 7946) of feature rows, as OGC API Features answers it.

Of many rows columns and geometries become text at once (`tiles/json_columns.py`, `tiles/json_geometry.py`) and one
call joins them to features: nothing is done row by row. Of a page of few rows each call would cost more than its
values: then they become objects, which orjson writes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import repeat
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from tiles import json_columns, json_geometry, rows
from tiles.format import Format, Page
from twin.table import WRITTEN, whole

plain = json_columns.plain
MEDIA_TYPE = "application/geo+json"
FEW = 300
"""Rows that are sooner written as objects; both ways take as long at about so many."""


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
    if WRITTEN in table.column_names:
        return _bytes(whole(table[WRITTEN]))[:-1]
    if len(table) <= FEW:
        return orjson.dumps(_objects(table))[1:-1]
    return _bytes(written(table))[:-1]


def written(table: pa.Table) -> pa.Array:
    """(n,) string: each row as a Feature with a comma behind it (`twin.table.WRITTEN`)."""
    return _texts(table, ",")


def _bytes(texts: pa.Array) -> bytes:
    if not len(texts):
        return b""
    first, last = np.frombuffer(texts.buffers()[1], np.int32)[texts.offset :][[0, len(texts)]]
    return bytes(texts.buffers()[2][int(first) : int(last)])


def features(table: pa.Table, extra: dict[str, Any] | None = None) -> list[bytes]:
    """(n,) each row as a Feature's JSON with more members; `geom` stays as it is (its CRS is the caller's matter)."""
    if WRITTEN in table.column_names:
        found = [text[:-1] for text in _encoded(whole(table[WRITTEN]))]
    else:
        found = _features(table)
    end = b"," + orjson.dumps(extra)[1:] if extra else b"}"
    return [text[:-1] + end for text in found]


def _features(table: pa.Table) -> list[bytes]:
    if len(table) <= FEW:
        return [orjson.dumps(o) for o in _objects(table)]
    return _encoded(_texts(table, ""))


def _objects(table: pa.Table) -> list[dict[str, Any]]:
    """(n,) each row as a Feature."""
    names = rows.names(table)
    members = zip(*(json_columns.values(table[name]) for name in names), strict=True) if names else repeat(())
    shapes = json_geometry.objects(whole(table["geom"])) if "geom" in table.column_names else repeat(None)
    return [
        {"type": "Feature", "id": ident, "geometry": shape, "properties": dict(zip(names, said, strict=True))}
        for ident, shape, said in zip(json_columns.values(table["id"]), shapes, members, strict=False)
    ]


def _encoded(texts: pa.Array) -> list[bytes]:
    return [text.encode() for text in texts.to_pylist()]


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
