"""Columns as lists of what orjson writes: one call a column or a distinct value, none a row."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pyarrow as pa

from twin.model import OPEN


def values(column: pa.ChunkedArray) -> list[Any]:
    """(n,) each value as it stands in JSON; missing is None, NaN and the infinities are left to orjson, as null."""
    kind = column.type
    if pa.types.is_string(kind) or pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return list(column.to_pylist())
    coded = column.combine_chunks().dictionary_encode()
    distinct = [plain(v) for v in coded.dictionary.to_pylist()]
    return [None if n is None else distinct[n] for n in coded.indices.to_pylist()]


def plain(value: Any) -> Any:
    """A value as JSON has it; the open end of a period is null, a date-time is RFC 3339 in UTC."""
    if isinstance(value, datetime):
        return None if value.year == OPEN.year else value.isoformat().replace("+00:00", "Z")
    if isinstance(value, bytes):
        return value.hex()
    return value
