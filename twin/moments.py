"""Moments in words and numbers: RFC 3339 in and out, microseconds of Unix time."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from twin.errors import InvalidParameter
from twin.model import OPEN, Interval

DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
OPEN_ENDS = ("", "..")


def parse(text: str, name: str = "datetime") -> datetime:
    """An RFC 3339 instant or a date (its first moment, UTC).

    Raises:
        InvalidParameter: it is neither; names the parameter.
    """
    if not DATE.match(text):
        raise InvalidParameter(
            f"{name}={text[:200]!r} is no RFC 3339 date or date-time, such as 2025-07-01T00:00:00Z"
        )
    try:
        # A plus sign in a query string arrives as a space.
        moment = datetime.fromisoformat(
            text.replace(" ", "+") if len(text) > len("2025-07-01 00:00:00") else text
        )
    except ValueError as error:
        raise InvalidParameter(f"{name}={text[:200]!r}: {error}") from error
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def parse_extent(text: str, name: str = "datetime") -> datetime | Interval:
    """An instant, or an interval `start/end` whose open ends are `..` or nothing.

    Raises:
        InvalidParameter: an end is no moment, or the start is after the end.
    """
    if "/" not in text:
        return parse(text, name)
    start, _, end = text.partition("/")
    interval = Interval(
        start=None if start in OPEN_ENDS else parse(start, name),
        end=None if end in OPEN_ENDS else parse(end, name),
    )
    if interval.start and interval.end and interval.start > interval.end:
        raise InvalidParameter(f"{name}={text[:200]!r} starts after it ends")
    return interval


def text(moment: datetime | None) -> str | None:
    """RFC 3339 in UTC with as many decimals as there are; None for the open end."""
    if moment is None or moment >= OPEN:
        return None
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def microseconds(moment: datetime) -> int:
    """Microseconds of Unix time, exactly."""
    delta = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds


def from_microseconds(value: int) -> datetime:
    """The moment of microseconds of Unix time."""
    return datetime.fromtimestamp(value // 1_000_000, UTC).replace(microsecond=value % 1_000_000)
