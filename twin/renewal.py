"""When a layer must be renewed: a date, or an ISO 8601 duration after the day that it is of."""

from __future__ import annotations

import re
from calendar import monthrange
from datetime import MAXYEAR, UTC, date, datetime, time, timedelta
from typing import Final

from twin.errors import InvalidParameter

DURATION: Final = re.compile(r"P(?=\d)(?:(\d{1,3})Y)?(?:(\d{1,4})M)?(?:(\d{1,4})W)?(?:(\d{1,5})D)?", re.ASCII)
"""Years, months, weeks, days (ISO 8601-1, 5.5.2.2); a time of day says nothing of surveys."""
DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


def checked(said: str, name: str = "--due") -> str:
    """What was said, if it is a date or a duration.

    Raises:
        InvalidParameter: it is neither; names the option.
    """
    text = said.strip()
    try:
        if DATE.fullmatch(text):
            date.fromisoformat(text)
            return text
    except ValueError as error:
        raise InvalidParameter(f"{name} {text[:50]!r}: {error}") from error
    found = DURATION.fullmatch(text)
    if found is None or not any(int(n) for n in found.groups() if n):
        raise InvalidParameter(
            f"{name} {text[:50]!r} is neither a date such as 2026-12-31 nor a duration such as P1Y, P6M, P90D"
        )
    return text


def due(said: str, since: datetime) -> datetime:
    """The moment (UTC) at which what is of `since` is overdue; a date counts until it is over.

    Args:
        said: as `checked` gives it.
    """
    if DATE.fullmatch(said):
        return datetime.combine(date.fromisoformat(said), time(), UTC) + timedelta(days=1)
    found = DURATION.fullmatch(said)
    years, months, weeks, days = (int(n or 0) for n in found.groups()) if found else (0, 0, 0, 0)
    try:
        return _months(since, 12 * years + months) + timedelta(weeks=weeks, days=days)
    except (OverflowError, ValueError):
        return datetime.max.replace(tzinfo=UTC)


def _months(since: datetime, months: int) -> datetime:
    """The same day so many months later, or that month's last."""
    month = since.month - 1 + months
    year, month = since.year + month // 12, month % 12 + 1
    if year > MAXYEAR:
        raise OverflowError
    return since.replace(year=year, month=month, day=min(since.day, monthrange(year, month)[1]))
