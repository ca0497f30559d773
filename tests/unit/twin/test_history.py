"""The rules of time for one id."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from twin.history import Belief, Verdict, judged, omitted, remainders, stated
from twin.model import OPEN, Mode


def day(year: int) -> datetime:
    return datetime(year, 1, 1, tzinfo=UTC)


years = st.integers(2000, 2010).map(day)


def belief(start: int, end: int, geometry: str = "g", source: str = "f") -> Belief:
    return Belief(source=source, start=day(start), end=day(end), geometry=geometry, attributes={})


def verdict(beliefs: list[Belief], mode: Mode = Mode.SNAPSHOT, geometry: str = "g") -> Verdict:
    claim = stated(None, None, at=day(2005), until=day(2008), known=bool(beliefs))
    return judged(claim, geometry, {}, beliefs, source="f", mode=mode)


@given(years, years, years, years)
def test_remainders_and_the_cut_part_make_up_the_whole(
    a: datetime, b: datetime, c: datetime, d: datetime
) -> None:
    start, end = min(a, b), max(a, b)
    cut_start, cut_end = min(c, d), max(c, d)
    left = remainders(start, end, cut_start, cut_end)
    for year in range(2000, 2011):
        t = day(year)
        inside = any(x <= t < y for x, y in left)
        assert inside == (start <= t < end and not cut_start <= t < cut_end)


def test_an_unknown_id_begins_when_it_says_so() -> None:
    claim = stated(day(1980), None, at=day(2005), until=OPEN, known=False)
    assert (claim.start, claim.end, claim.until) == (day(1980), OPEN, OPEN)


def test_a_known_id_changes_at_the_delivery_or_later() -> None:
    early = stated(day(1980), None, at=day(2005), until=OPEN, known=True)
    late = stated(day(2007), None, at=day(2005), until=OPEN, known=True)
    assert (early.start, late.start) == (day(2005), day(2007))


def test_a_period_wholly_in_the_past_speaks_of_itself_only() -> None:
    claim = stated(day(1950), day(1990), at=day(2005), until=OPEN, known=True)
    assert (claim.start, claim.end, claim.until) == (day(1950), day(1990), day(1990))


def test_the_next_snapshot_ends_what_a_late_one_says() -> None:
    claim = stated(None, day(2030), at=day(2005), until=day(2008), known=False)
    assert (claim.start, claim.end) == (day(2005), day(2008))


def test_each_verdict_has_its_case() -> None:
    assert verdict([]) is Verdict.ADDED
    assert verdict([belief(2000, 2020)]) is Verdict.UNCHANGED
    assert verdict([belief(2000, 2006)]) is Verdict.CHANGED_ATTRIBUTES
    assert verdict([belief(2000, 2020)], geometry="h") is Verdict.CHANGED_GEOMETRY
    assert verdict([belief(2000, 2020, source="desk")]) is Verdict.KEPT
    assert verdict([belief(2000, 2020, source="desk")], Mode.UPSERT) is Verdict.UNCHANGED
    assert verdict([belief(1990, 1991)], Mode.APPEND) is Verdict.TAKEN
    assert verdict([belief(2008, 2020)]) is Verdict.ADDED


def test_a_tombstone_of_another_source_is_kept_unless_an_upsert_says_something_new() -> None:
    stone = Belief(source="desk", start=day(2003), end=OPEN, geometry="g", attributes={}, tombstone=True)
    assert verdict([stone]) is Verdict.KEPT
    assert verdict([stone], geometry="h") is Verdict.KEPT
    assert verdict([stone], Mode.UPSERT) is Verdict.KEPT
    assert verdict([stone], Mode.UPSERT, geometry="h") is Verdict.ADDED
    assert verdict([replace(stone, source="f")]) is Verdict.ADDED
    assert verdict([replace(stone, end=day(2005)), belief(2005, 2020)]) is Verdict.UNCHANGED


@given(years, years, years, years, st.booleans(), st.sampled_from("fg"))
def test_a_snapshot_ends_what_it_covers_and_what_was_announced(
    a: datetime, b: datetime, at: datetime, until: datetime, stated_: bool, source: str
) -> None:
    held = Belief(source=source, start=min(a, b), end=max(a, b), geometry="g", attributes={}, stated=stated_)
    ends = omitted(held, source="f", at=at, until=until)
    covers = min(a, b) <= at < max(a, b)
    assert ends == (source == "f" and (covers or (stated_ and at < min(a, b) < until)))
    assert not omitted(replace(held, tombstone=True), source="f", at=at, until=until)


def test_an_empty_period_is_untimely() -> None:
    claim = stated(day(2009), None, at=day(2005), until=day(2008), known=False)
    assert judged(claim, "g", {}, [], source="f", mode=Mode.SNAPSHOT) is Verdict.UNTIMELY
