"""Times of series: ISO 8601 and its everyday forms, whole columns at once, to UTC."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from layers.values import typed
from twin.errors import InvalidParameter
from twin.table import TIMESTAMP

ZONE: Final = r"(?P<zone>[zZ]|[+-]\d{2}:?\d{2})$"
FORMATS: Final = (
    "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d %H", "%Y-%m-%d", "%Y%m%d%H%M%S", "%Y%m%d%H%M", "%Y%m%d%H",
    "%Y%m%d",
)  # fmt: skip
NO_ZONE: Final = "WARNING: times state no zone and were taken as UTC; --tz Asia/Shanghai names another"
Times = tuple[pa.Array, bool]
"""Moments (timestamp[us, UTC], null where the text is no time), and whether any stated no zone."""


def parsed(words: pa.ChunkedArray, tz: str | None) -> Times:
    """The moments of written times; those without a zone are of `tz`, else UTC."""
    text = pc.utf8_trim_whitespace(words.combine_chunks().cast(pa.string()))
    zones = pc.struct_field(pc.extract_regex(text, ZONE), "zone")
    offsets, zoned = _offsets(zones)
    plain = pc.replace_substring_regex(text, r"\s*([zZ]|[+-]\d{2}:?\d{2})$", "")
    # A date such as 2024-05-01 ends in what could be an offset only after a time of day.
    plain = pc.if_else(pa.array(zoned), plain, text)
    local = _local(plain)
    moments = np.where(zoned, local - offsets.astype("timedelta64[s]"), _placed(local, tz))
    bare = bool((~zoned & ~np.isnat(local)).any())
    return pc.cast(
        pa.array(moments.astype("datetime64[us]"), pa.timestamp("us")), TIMESTAMP
    ), bare and tz is None


def _offsets(zones: pa.Array) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """(n,) seconds east of UTC, and whether a zone is stated."""
    by = {z: _seconds(z) for z in pc.unique(zones).to_pylist() if z is not None}
    said = zones.to_pylist()
    return np.array([by.get(z, 0) for z in said], np.int64), np.array([z is not None for z in said], bool)


def _seconds(zone: str) -> int:
    if zone in "zZ":
        return 0
    hours, minutes = int(zone[1:3]), int(zone[-2:])
    return (1 if zone[0] == "+" else -1) * (hours * 3600 + minutes * 60)


def _local(text: pa.Array) -> NDArray[np.datetime64]:
    """(n,) datetime64[us] as written; NaT where it is no time."""
    # The fraction first: a point is also what some put between year, month and day.
    fraction = pc.struct_field(pc.extract_regex(text, r":\d{2}(?P<f>\.\d{1,6})\d*$"), "f")
    words = pc.replace_substring_regex(text, r"(:\d{2})\.\d+$", r"\1")
    words = pc.replace_substring_regex(words, r"[/.年月](\d)", r"-\1")
    words = pc.replace_substring_regex(pc.replace_substring(words, "日", ""), "[Tt]", " ")
    found = pa.nulls(len(words), pa.timestamp("us"))
    for form in FORMATS:
        found = pc.coalesce(found, pc.strptime(words, format=form, unit="us", error_is_null=True))
    micros = np.round(np.asarray(pc.cast(pc.fill_null(fraction, "0"), pa.float64())) * 1e6).astype(
        "timedelta64[us]"
    )
    written: NDArray[np.datetime64] = np.asarray(found.to_numpy(zero_copy_only=False), "datetime64[us]")
    return np.asarray(written + micros)


def _placed(local: NDArray[np.datetime64], tz: str | None) -> NDArray[np.datetime64]:
    """Local times of a zone as UTC; of two that one reading can mean, the earlier."""
    if tz is None:
        return local
    zone = zone_of(tz)
    days, back = np.unique(local.astype("datetime64[h]"), return_inverse=True)
    shifts = [_shift(zone, hour) for hour in days]
    return np.asarray(local - np.array(shifts, "timedelta64[s]")[back])


def _shift(zone: ZoneInfo, hour: np.datetime64) -> int:
    if np.isnat(hour):
        return 0
    moment: datetime = hour.astype("datetime64[s]").item().replace(tzinfo=zone)
    return round((moment.replace(tzinfo=UTC) - moment.astimezone(UTC)).total_seconds())


def zone_of(name: str) -> ZoneInfo:
    """The time zone of an IANA name.

    Raises:
        InvalidParameter: there is none; gives an example.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise InvalidParameter(f"no time zone {name[:100]!r}; an IANA name such as Asia/Shanghai") from error


def assembled(table: pa.Table, parts: dict[str, str], tz: str | None) -> Times:
    """The moments of columns that hold year, month, day and hour (minute)."""
    figures = {k: typed(table[c], "integer")[0] for k, c in parts.items()}
    known = np.logical_and.reduce([np.asarray(f.is_valid()) for f in figures.values()])
    year, month, day, hour, minute = (
        np.asarray(figures[k].fill_null(1)) if k in figures else np.zeros(len(table), np.int64)
        for k in ("year", "month", "day", "hour", "minute")
    )
    first = ((year - 1970) * 12 + month - 1).astype("datetime64[M]").astype("datetime64[D]")
    date = first + (day - 1)
    possible = (
        known & (month >= 1) & (month <= 12) & (date.astype("datetime64[M]") == first.astype("datetime64[M]"))
    )
    possible &= (day >= 1) & (hour >= 0) & (hour <= 24) & (minute >= 0) & (minute < 60)
    local = date.astype("datetime64[us]") + (hour * 3600 + minute * 60).astype("timedelta64[s]")
    local = np.where(possible, local, np.datetime64("NaT", "us"))
    return pc.cast(
        pa.array(_placed(local, tz).astype("datetime64[us]"), pa.timestamp("us")), TIMESTAMP
    ), tz is None
