"""Columns as JSON: the text of every value, by calls that take a column or its distinct values, never a row."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Final, cast

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from twin.model import OPEN
from twin.table import whole

PLAIN: Final = np.array([byte >= 0x20 and byte not in b'"\\' for byte in range(256)])
"""Bytes that stand in a JSON text as they are (RFC 8259, 7)."""
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
Parts = tuple[str, pa.Array, str]
"""What stands before each value, (n,) texts, and what stands behind."""


def texts(column: pa.ChunkedArray) -> Parts:
    """(n,) values as JSON; a text that is null stands for missing, NaN and the infinities."""
    values = whole(column)
    kind = values.type
    if pa.types.is_string(kind):
        return _quoted(values)
    if pa.types.is_integer(kind):
        return "", values.cast(pa.string()), ""
    if pa.types.is_floating(kind):
        return "", _numbers(values.cast(pa.float64()).to_numpy(zero_copy_only=False)), ""
    coded = values.dictionary_encode()
    distinct = [orjson.dumps(plain(v)).decode() for v in coded.dictionary.to_pylist()]
    return "", pa.array(distinct, pa.string()).take(coded.indices), ""


def values(column: pa.ChunkedArray) -> list[Any]:
    """(n,) values as orjson writes them; it writes NaN and the infinities as null."""
    held = whole(column)
    kind = held.type
    if (
        pa.types.is_string(kind)
        or pa.types.is_floating(kind)
        or (pa.types.is_integer(kind) and not held.null_count)
    ):
        return cast("list[Any]", held.to_numpy(zero_copy_only=False).tolist())
    if pa.types.is_integer(kind):
        return cast("list[Any]", held.to_pylist())
    if pa.types.is_timestamp(kind) and kind.tz and not held.null_count:
        since = held.cast(pa.timestamp("us", kind.tz), safe=False).cast(pa.int64())
        return [*map(_moment, since.to_numpy().tolist())]
    return [*map(plain, held.to_pylist())]


@lru_cache(maxsize=1 << 14)
def _moment(microseconds: int) -> Any:
    return plain(EPOCH + timedelta(microseconds=microseconds))


def _numbers(values: NDArray[np.float64]) -> pa.Array:
    """Numbers with the digits that tell them apart; what is not finite is `null`."""
    if not len(values):
        return pa.array([], pa.string())
    text = orjson.dumps(np.ascontiguousarray(values), option=orjson.OPT_SERIALIZE_NUMPY)
    return pc.split_pattern(pa.array([text[1:-1].decode()]), ",").values


def _quoted(values: pa.Array) -> Parts:
    _, offsets, data = values.buffers()
    first, last = np.frombuffer(offsets, np.int32)[[values.offset, values.offset + len(values)]]
    if data is not None and not PLAIN[np.frombuffer(data, np.uint8)[first:last]].all():
        escaped = [None if v is None else orjson.dumps(v).decode() for v in values.to_pylist()]
        return "", pa.array(escaped, pa.string()), ""
    if values.null_count:
        return "", pc.binary_join_element_wise(QUOTE, values, QUOTE, NOTHING), ""
    return '"', values, '"'


QUOTE: Final = pa.scalar('"')
NOTHING: Final = pa.scalar("")


def plain(value: Any) -> Any:
    """A value as JSON has it; the open end of a period is null, a date-time is RFC 3339 in UTC."""
    if isinstance(value, datetime):
        return None if value.year == OPEN.year else value.isoformat().replace("+00:00", "Z")
    if isinstance(value, bytes):
        return value.hex()
    return value
