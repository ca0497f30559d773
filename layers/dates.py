"""Dates as people write them: years, months, days, moments; the first moment of each, UTC."""

from __future__ import annotations

from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from layers.values import text
from twin.table import TIMESTAMP

UNKNOWN: Final = ("0", "不详", "未知", "无", "UNKNOWN", "NULL", "NONE", "NA", "N/A", "-")
"""Words that say that nobody knows."""
WRITTEN: Final = (
    r"^(?P<y>\d{4})(?:年|\.0)?$",
    r"^(?P<y>\d{4})[-/.年](?P<m>\d{1,2})月?$",
    r"^(?P<y>\d{4})[-/.年](?P<m>\d{1,2})[-/.月](?P<d>\d{1,2})日?(?:[T ]00:00:00(?:\.0+)?)?$",
    r"^(?P<y>\d{4})(?P<m>\d{2})(?P<d>\d{2})$",
)
SLASHED: Final = r"^(?P<a>\d{1,2})/(?P<b>\d{1,2})/(?P<y>\d{4})$"
MOMENT: Final = r"^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?$"


def moments(values: pa.ChunkedArray) -> tuple[pa.Array, NDArray[np.bool_]]:
    """The moments (timestamp[us, UTC], null where unknown), and where a value is no date.

    `3/4/2021` is read only where other values of the batch show whether the day or the month comes first.
    """
    if pa.types.is_timestamp(values.type) or pa.types.is_date(values.type):
        return pc.cast(values, TIMESTAMP, safe=False).combine_chunks(), np.zeros(len(values), bool)
    words = text(values)
    words = pc.if_else(pc.is_in(pc.utf8_upper(words), pa.array(UNKNOWN)), pa.scalar(None, pa.string()), words)
    found = _slashed(words)
    for pattern in WRITTEN:
        found = pc.coalesce(found, _days(words, pattern))
    found = pc.coalesce(found, _instants(words))
    return found, np.asarray(words.is_valid()) & np.asarray(found.is_null())


def _days(words: pa.Array, pattern: str) -> pa.Array:
    parts = pc.extract_regex(words, pattern)
    year = _figures(parts, "y")
    return _dated(year, _figures(parts, "m"), _figures(parts, "d"))


def _slashed(words: pa.Array) -> pa.Array:
    parts = pc.extract_regex(words, SLASHED)
    first, second, year = (_figures(parts, name) for name in "aby")
    day_first, month_first = bool((first > 12).any()), bool((second > 12).any())
    if day_first == month_first:
        return pa.nulls(len(words), TIMESTAMP)
    month, day = (second, first) if day_first else (first, second)
    return _dated(year, month, day)


def _figures(parts: pa.Array, name: str) -> NDArray[np.int64]:
    """(n,) figures of a group; -1 where the pattern did not match, 1 where it has no such group."""
    missing = np.asarray(parts.is_null())
    names = [f.name for f in parts.type]
    if name not in names:
        return np.where(missing, -1, 1)
    figures = np.asarray(pc.cast(pc.struct_field(parts, name).fill_null("-1"), pa.int64()))
    return np.where(missing, -1, figures)


def _dated(year: NDArray[np.int64], month: NDArray[np.int64], day: NDArray[np.int64]) -> pa.Array:
    possible = (year > 0) & (month >= 1) & (month <= 12) & (day >= 1)
    first = ((year - 1970) * 12 + month - 1).astype("datetime64[M]")
    date = first.astype("datetime64[D]") + (day - 1)
    possible &= date.astype("datetime64[M]") == first
    safe = np.where(possible, date, np.datetime64("1970-01-01"))
    return pc.cast(pa.array(safe.astype("datetime64[us]"), pa.timestamp("us"), mask=~possible), TIMESTAMP)


def _instants(words: pa.Array) -> pa.Array:
    """Moments of ISO 8601; those without a zone are UTC."""
    out = np.full(len(words), np.datetime64("NaT", "us"))
    written = np.flatnonzero(np.asarray(pc.match_substring_regex(words, MOMENT).fill_null(False)))
    for i in written:
        out[i] = _instant(words[int(i)].as_py())
    return pc.cast(pa.array(out, pa.timestamp("us")), TIMESTAMP)


def _instant(word: str) -> np.datetime64:
    from datetime import UTC, datetime

    try:
        moment = datetime.fromisoformat(word)
    except ValueError:
        return np.datetime64("NaT", "us")
    return np.datetime64((moment.astimezone(UTC) if moment.tzinfo else moment).replace(tzinfo=None), "us")
