"""Columns as JSON text: one call a column or a distinct value, none a row."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from twin.model import OPEN

ESCAPED = r'["\\\x00-\x1f]'
"""What JSON does not let stand in a text (RFC 8259, 7); a column without it is only put between quotes."""
NULL = pa.scalar(b"null")


def texts(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """(n,) binary: each value as JSON; missing is `null`, so are NaN and the infinities."""
    kind = column.type
    if pa.types.is_floating(kind):
        finite = pc.if_else(pc.is_finite(column), column, pa.scalar(None, kind))
        return filled(finite.cast(pa.string()))
    if pa.types.is_integer(kind):
        return filled(column.cast(pa.string()))
    if pa.types.is_boolean(kind):
        return filled(pc.if_else(column, "true", "false"))
    if pa.types.is_string(kind) and not pc.any(pc.match_substring_regex(column, ESCAPED)).as_py():
        return filled(joined(b'"', column.cast(pa.binary()), b'"'))
    return by_value(column)


def by_value(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Each distinct value written once, then dealt out."""
    coded = column.combine_chunks().dictionary_encode()
    words = pa.array([orjson.dumps(plain(v)) for v in coded.dictionary.to_pylist()], pa.binary())
    return filled(pa.chunked_array([words.take(coded.indices)]))


def filled(words: pa.ChunkedArray) -> pa.ChunkedArray:
    """Text as bytes; `null` where there is none."""
    return words.cast(pa.binary()).fill_null(NULL)


def objects(table: pa.Table) -> pa.ChunkedArray | None:
    """(n,) binary: each row as a JSON object of its columns; None when there are no columns."""
    pieces: list[Any] = []
    for n, name in enumerate(table.column_names):
        pieces += [(b"," if n else b"{") + orjson.dumps(name) + b":", texts(table[name])]
    return joined(*pieces, b"}") if pieces else None


def joined(*pieces: Any) -> pa.ChunkedArray:
    """Bytes and columns of bytes, one behind the other, row by row."""
    whole = [pa.scalar(p) if isinstance(p, bytes) else p for p in pieces]
    return pc.binary_join_element_wise(*whole, pa.scalar(b""))


def run(column: pa.ChunkedArray) -> bytes:
    """All of a column's bytes without anything between them."""
    return b"".join(_bytes(chunk) for chunk in column.chunks)


def _bytes(chunk: pa.Array) -> bytes:
    """The values as they lie in memory, from the first one's offset to the last one's."""
    if not len(chunk):
        return b""
    offsets = memoryview(chunk.buffers()[1]).cast("i")
    start, end = offsets[chunk.offset], offsets[chunk.offset + len(chunk)]
    return bytes(memoryview(chunk.buffers()[2])[start:end])


def plain(value: Any) -> Any:
    """A value as JSON has it; the open end of a period is null, a date-time is RFC 3339 in UTC."""
    if isinstance(value, datetime):
        return None if value.year == OPEN.year else value.isoformat().replace("+00:00", "Z")
    if isinstance(value, bytes):
        return value.hex()
    return value
