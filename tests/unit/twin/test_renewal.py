"""When a layer is due."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from dateutil.relativedelta import relativedelta
from hypothesis import given
from hypothesis import strategies as st

from twin.errors import InvalidParameter
from twin.renewal import checked, due

MOMENTS = st.datetimes(datetime(1950, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


@given(since=MOMENTS, years=st.integers(0, 99), months=st.integers(0, 40), days=st.integers(1, 400))
def test_a_duration_is_what_dateutil_makes_of_it(since: datetime, years: int, months: int, days: int) -> None:
    said = checked(f"P{years}Y{months}M{days}D")
    assert due(said, since) == since + relativedelta(years=years, months=months) + timedelta(days=days)


def test_the_last_of_a_month_stays_the_last() -> None:
    assert due("P1M", datetime(2024, 1, 31, tzinfo=UTC)) == datetime(2024, 2, 29, tzinfo=UTC)
    assert due("P1Y", datetime(2024, 2, 29, tzinfo=UTC)) == datetime(2025, 2, 28, tzinfo=UTC)
    assert due("P2W", datetime(2024, 12, 25, tzinfo=UTC)) == datetime(2025, 1, 8, tzinfo=UTC)


def test_a_date_counts_until_it_is_over() -> None:
    assert due("2026-12-31", datetime(2020, 1, 1, tzinfo=UTC)) == datetime(2027, 1, 1, tzinfo=UTC)


def test_an_end_beyond_all_calendars_is_never() -> None:
    assert due("P999Y", datetime(9500, 1, 1, tzinfo=UTC)).year == 9999
    assert due("P99999D", datetime(9990, 1, 1, tzinfo=UTC)).year == 9999


@pytest.mark.parametrize(
    "text",
    ["", "P", "P0D", "P1H", "PT5M", "1Y", "P-1Y", "P1Y ago", "2026-13-01", "2026-02-30", "soon", "P１Y"],
)
def test_what_is_neither_date_nor_duration_is_refused(text: str) -> None:
    with pytest.raises(InvalidParameter, match="--due"):
        checked(text)
