"""GeoJSON Text Sequences (RFC 8142): one feature after the other, each behind a record separator."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pyarrow as pa

from tiles import geojson
from tiles.format import Format, Page

MEDIA_TYPE = "application/geo+json-seq"
RECORD_SEPARATOR = b"\x1e"


def encode(tables: Iterable[pa.Table], _: Page) -> Iterator[bytes]:
    """Features as they come; nothing is held but the table in hand."""
    for table in tables:
        yield b"".join(RECORD_SEPARATOR + text + b"\n" for text in geojson.features(table))


FORMAT = Format(name="geojsonseq", media_type=MEDIA_TYPE, encode=encode, suffix=".geojsons", bulk=True)
