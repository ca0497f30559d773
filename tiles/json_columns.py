"""Columns as JSON: the text of every value, by calls that take a column or its distinct values, never a row."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from twin.model import OPEN

ESCAPED: Final = r'["\\\x00-\x1f]'
"""What does not stand in a JSON text as it is (RFC 8259, 7)."""


def texts(column: pa.ChunkedArray) -> pa.Array:
    """(n,) string: each value as JSON; missing, NaN and the infinities are null."""
    values = column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
    kind = values.type
    if pa.types.is_string(kind):
        return _quoted(values)
    if pa.types.is_integer(kind):
        return values.cast(pa.string())
    if pa.types.is_floating(kind):
        return numbers(values.cast(pa.float64()).to_numpy(zero_copy_only=False))
    coded = values.dictionary_encode()
    distinct = [orjson.dumps(plain(v)).decode() for v in coded.dictionary.to_pylist()]
    return pa.array(distinct, pa.string()).take(coded.indices)


def numbers(values: Any) -> pa.Array:
    """(n,) string: (n,) float64 with the digits that tell them apart; what is not finite is `null`."""
    if not len(values):
        return pa.array([], pa.string())
    text = orjson.dumps(np.ascontiguousarray(values), option=orjson.OPT_SERIALIZE_NUMPY)
    return pc.split_pattern(pa.array([text[1:-1].decode()]), ",").values


def _quoted(values: pa.Array) -> pa.Array:
    if pc.any(pc.match_substring_regex(values, ESCAPED)).as_py():
        return pa.array(
            [None if v is None else orjson.dumps(v).decode() for v in values.to_pylist()], pa.string()
        )
    return pc.binary_join_element_wise('"', values, '"', "")


def plain(value: Any) -> Any:
    """A value as JSON has it; the open end of a period is null, a date-time is RFC 3339 in UTC."""
    if isinstance(value, datetime):
        return None if value.year == OPEN.year else value.isoformat().replace("+00:00", "Z")
    if isinstance(value, bytes):
        return value.hex()
    return value
