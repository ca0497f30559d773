"""Random histories: the in-memory store is the oracle of the others, and what was known stays known."""

from __future__ import annotations

import tempfile
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from itertools import product
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from store_support import (
    LAYER,
    OPEN_POLICY,
    POSTGIS_STANDING,
    STORES,
    Clock,
    batch,
    day,
    delivered,
    query,
    square,
)

from twin.errors import FeatureNotFound
from twin.history import removals
from twin.model import OPEN, BBox, Interval, Mode, Op, Property, Query, Sort, Window
from twin.space import hilbert_range
from twin.store import Store

IDS = ("a", "b", "c", "d")
DATES = tuple(day(y) for y in range(2020, 2027))
KNOWN_AT = (day(2021, 6), day(2023), day(2025, 6), day(2040))
ALL = STORES | POSTGIS_STANDING
OTHERS = sorted(set(ALL) - {"memory"})

dates = st.sampled_from(DATES)
row = st.fixed_dictionaries(
    {"id": st.sampled_from(IDS), "x": st.integers(0, 2), "height": st.sampled_from([None, 1.0, 2.0])},
    optional={"valid_from": dates, "valid_to": dates, "use": st.sampled_from(["", "住宅", "it's"])},
)
delivery = st.fixed_dictionaries(
    {
        "rows": st.lists(row, max_size=5),
        "at": st.none() | dates,
        "source": st.sampled_from(["survey", "desk"]),
        "mode": st.sampled_from(list(Mode)),
        "branch": st.sampled_from(["main", "main", "main", "scheme"]),
    }
)
removal = st.fixed_dictionaries(
    {"remove": st.lists(st.sampled_from(IDS), min_size=1, max_size=2), "at": st.none() | dates}
)
histories = st.lists(delivery | removal, min_size=1, max_size=6)


def act(store: Store, step: dict[str, Any]) -> Any:
    """One step of a history; the report, or the error's name."""
    if "remove" in step:
        try:
            return store.remove("buildings", step["remove"], delivered(step["at"], "desk", Mode.UPSERT))
        except FeatureNotFound:
            return "none there"
    rows = [
        {**{k: v for k, v in r.items() if k != "x"}, "geom": square(118 + r["x"] * 0.01)}
        for r in step["rows"]
    ]
    said = delivered(step["at"], step["source"], step["mode"], branch=step["branch"])
    types = {"height": pa.float64(), "use": pa.string()}
    return store.write(LAYER, [batch(rows or [], **types)] if rows else [], said)


def questions() -> list[Query]:
    """What is asked of both stores after each step."""
    asked = [query(), query(branch="scheme"), query(at=Interval(start=day(2021), end=day(2023)))]
    asked += [query(at=d + timedelta(days=100)) for d in DATES]
    asked += [query(at=Interval(start=None, end=None), ids=("a", "c"))]
    asked += [query(bbox=BBox(west=118.001, south=38, east=118.012, north=38.1), limit=2)]
    asked += [query(sort=(Sort(column="height", descending=True), Sort(column="valid_from")))]
    asked += [query(filter=Op(op="not", args=(Op(op=">", args=(Property(name="height"), 1)),)))]
    return asked


def content(table: pa.Table) -> pa.Table:
    """A read without what may be written later: only `recorded_to` ever is."""
    return table.drop_columns(["recorded_to"])


@pytest.mark.parametrize("other", OTHERS)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(histories)
def test_a_store_answers_as_the_plain_one_does(other: str, history: list[dict[str, Any]]) -> None:
    clock = Clock()
    with tempfile.TemporaryDirectory() as folder:
        plain, store = ALL["memory"](Path(folder), clock), ALL[other](Path(folder), clock)
        try:
            for s in (plain, store):
                s.describe(LAYER)
                s.write(
                    LAYER, [batch([{"id": "z", "height": 1.0, "use": "x"}])], delivered(day(2010), "first")
                )
            for step in history:
                clock.pass_(days=1)
                assert act(store, step) == act(plain, step)
                for question in questions():
                    assert store.read(question).equals(plain.read(question)), question
                    assert store.count(question) == plain.count(question)
            assert store.changes(policy=OPEN_POLICY) == plain.changes(policy=OPEN_POLICY)
            assert store.layers(OPEN_POLICY) == plain.layers(OPEN_POLICY)
            assert store.quarantine("buildings", OPEN_POLICY) == plain.quarantine("buildings", OPEN_POLICY)
            for since in range(store.last() + 1):
                ours, theirs = (s.spread("buildings", since=since).to_pylist() for s in (store, plain))
                assert sorted(map(str, ours)) == sorted(map(str, theirs))
            for ident, branch in product(IDS, ("main", "scheme", removals("main"))):
                ours, theirs = (
                    s.versions("buildings", ident, OPEN_POLICY, branch=branch) for s in (store, plain)
                )
                assert sorted(map(str, ours.to_pylist())) == sorted(map(str, theirs.to_pylist()))
        finally:
            store.close()


@pytest.mark.parametrize("name", sorted(STORES))
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(histories)
def test_one_row_an_id_and_nothing_known_is_lost(name: str, history: list[dict[str, Any]]) -> None:
    clock = Clock()
    with tempfile.TemporaryDirectory() as folder:
        store = STORES[name](Path(folder), clock)
        try:
            store.describe(replace(LAYER, columns=()))
            store.write(
                LAYER, [batch([{"id": "z", "height": 1.0, "use": "x"}])], delivered(day(2010), "first")
            )
            answers: list[tuple[Query, pa.Table]] = []
            for step in history:
                act(store, step)
                asked = [query(known=clock.now, at=d, columns=("height",)) for d in KNOWN_AT]
                answers += [(q, content(store.read(q))) for q in asked]
                clock.pass_(days=1)
            assert_no_overlap(store)
            assert_gone_is_gone(store)
            for asked_then, answer in answers:
                assert content(store.read(asked_then)).equals(answer), asked_then
            tables = [table for _, table in answers]
            for table in tables:
                assert max(Counter(table["id"].to_pylist()).values(), default=0) <= 1
        finally:
            store.close()


def assert_gone_is_gone(store: Store) -> None:
    """What is believed removed is not believed there at the same moment."""
    for ident in IDS:
        there, gone = (
            [
                r
                for r in store.versions("buildings", ident, OPEN_POLICY, branch=b).to_pylist()
                if r["recorded_to"] == OPEN
            ]
            for b in ("main", removals("main"))
        )
        for one, other in product(there, gone):
            assert one["valid_to"] <= other["valid_from"] or other["valid_to"] <= one["valid_from"]


def assert_no_overlap(store: Store) -> None:
    """No two versions of an id share a moment of both times."""
    for ident, branch in product(IDS, ("main", "scheme", removals("main"))):
        rows = store.versions("buildings", ident, OPEN_POLICY, branch=branch).to_pylist()
        for n, one in enumerate(rows):
            for other in rows[:n]:
                apart = (
                    one["valid_to"] <= other["valid_from"]
                    or other["valid_to"] <= one["valid_from"]
                    or one["recorded_to"] <= other["recorded_from"]
                    or other["recorded_to"] <= one["recorded_from"]
                )
                assert apart, (one, other)


def test_windows_give_the_same_rows(store: Store) -> None:
    rows = [{"id": f"{n:03}", "geom": square(118 + n * 0.001, side=0.0001 * (n % 7 + 1))} for n in range(100)]
    store.write(LAYER, [batch(rows)], delivered(day(2020)))
    spread = store.spread("buildings").to_pydict()
    low, high = hilbert_range(10, int((118.05 + 180) / 360 * 1024), int((38 + 90) / 180 * 1024))
    wanted = sum(
        low <= k < high and 20 <= s < 50 for k, s in zip(spread["hkey"], spread["size"], strict=True)
    )
    window = Window(keys=((low, high),), size_min=20, size_max=50)
    assert 0 < wanted < 100
    assert store.count(query(window=window)) == wanted == store.read(query(window=window)).num_rows
    assert OPEN.year == 9999
