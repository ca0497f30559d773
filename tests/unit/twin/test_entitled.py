"""A statement about a period changes what its writer may change, and nothing else, in every version that it covers."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from store_support import LAYER, START, Clock, batch, day, delivered

from twin.entitled import endable, entitled
from twin.errors import FeatureNotFound, InvalidBody, InvalidGeometry, StaleVersion
from twin.memory.store import MemoryStore
from twin.model import Delivery, Mode, Query
from twin.policy import Policy
from twin.rules import parse
from twin.table import TIMESTAMP, Batch

YEARS = [day(2020), day(2022), day(2024), day(2026), day(2040), day(2042), day(2044)]
MOMENTS = [t + timedelta(days=1) for t in YEARS] + [START - timedelta(days=1), START + timedelta(days=1)]
POSTED = Delivery(source="posted", mode=Mode.UPSERT)
RULE = '[[rule]]\nrole = "r"\nlayers = ["buildings"]\nrights = ["read", "write"]\n'


def policy(line: str) -> Policy:
    return Policy.of(tuple(rule.grant for rule in parse(RULE + line)))


def at(store: MemoryStore, moment: datetime, policy: Policy | None = None) -> dict[str, Any] | None:
    query = Query(layer="buildings", policy=policy or Policy.open(), ids=("a",), at=moment, bodies=True)
    rows = store.read(query).to_pylist()
    return rows[0] if rows else None


def stated(store: MemoryStore, begins: datetime, ends: datetime | None, **said: Any) -> None:
    rows = [{"id": "a", **said, "valid_from": begins, "valid_to": ends}]
    store.write(LAYER, [batch(rows)], delivered(ends or begins, mode=Mode.UPSERT))


def sent(
    store: MemoryStore, rights: Policy, begins: datetime | None, ends: datetime | None, **said: Any
) -> None:
    """Send back what is there now, as it was read, with other values and another period."""
    query = Query(layer="buildings", policy=rights, ids=("a",), bodies=True)
    row = store.read(query).to_pylist()[0]
    row = {n: row[n] for n in ("id", "geom", "name", "owner") if n in row} | said
    types = {"geom": pa.binary()}
    table = pa.table({n: pa.array([v], types.get(n, pa.string())) for n, v in row.items()})
    for name, moment in (("valid_from", begins), ("valid_to", ends)):
        table = table.append_column(name, pa.array([moment], TIMESTAMP))
    table, delivery = entitled(store, rights, "buildings", table, POSTED)
    assert not store.write(LAYER, [Batch(table=table, crs=None)], delivery).quarantined


def history(versions: list[tuple[int, int, str]]) -> MemoryStore:
    """An id with versions that may have gaps between them, in the past and announced."""
    store = MemoryStore(now=Clock())
    stated(store, day(2028), None, name="now", owner="o-now")
    for n, (first, last, owner) in enumerate(versions):
        stated(store, YEARS[first], YEARS[last], name=f"n{n}", owner=owner)
    return store


PERIODS = st.tuples(st.integers(0, 6), st.integers(0, 6)).filter(lambda p: p[0] < p[1])
VERSIONS = st.lists(st.tuples(PERIODS, st.sampled_from("xyz")).map(lambda v: (*v[0], v[1])), max_size=4)
RIGHTS = st.sampled_from(['"hidden"', '"masked"', '{ masked = "***" }', '"read-only"'])


@settings(deadline=None, max_examples=150)
@given(versions=VERSIONS, right=RIGHTS, period=PERIODS, shown=st.booleans())
def test_what_is_not_the_writers_stays_as_it_is_in_every_version(
    versions: list[tuple[int, int, str]], right: str, period: tuple[int, int], shown: bool
) -> None:
    store, rights = history(versions), policy(f"columns = {{ owner = {right} }}\n")
    base, before = at(store, START), {t: at(store, t) for t in MOMENTS}
    if base is None:
        return
    begins, ends = YEARS[period[0]], YEARS[period[1]]
    sent(store, rights, begins, ends, name="said", **({} if shown else {"owner": None}))
    first = begins if ends <= START else max(begins, START)
    for moment, was in before.items():
        now = at(store, moment)
        if first <= moment < ends:
            assert now is not None
            assert now["name"] == "said"
            assert now["owner"] == (was or base)["owner"]
        elif first <= moment and ends > START:
            assert now is None, "a statement about the future ends what was announced beyond it"
        else:
            assert {**(now or {}), "version": 0, **TIMES} == {**(was or {}), "version": 0, **TIMES}


TIMES = dict.fromkeys(("recorded_from", "recorded_to", "valid_from", "valid_to"))


def test_geometry_that_is_given_coarser_stays_that_of_each_version() -> None:
    store, rights = history([]), policy("snap = 500\n")
    places = {2020: 117.99, 2022: 118.1, 2024: 118.2}
    for year, x in places.items():
        shape = shapely.to_wkb(shapely.box(x, 38, x + 0.01, 38.01))
        stated(store, day(year), day(year + 2), name=str(year), owner="x", geom=shape)
    sent(store, rights, day(2020), day(2025), name="said")
    for year, x in {2021: 117.99, 2023: 118.1, 2024: 118.2}.items():
        row = at(store, day(year, 6))
        assert row is not None
        assert row["name"] == "said"
        assert shapely.from_wkb(row["geom"]).bounds[0] == x
    with pytest.raises(InvalidGeometry):
        sent(store, rights, day(2020), day(2025), geom=shapely.to_wkb(shapely.box(118, 38, 118.5, 38.5)))


def test_where_everything_is_the_writers_a_period_stays_in_one_piece() -> None:
    store = history([(0, 1, "x"), (1, 2, "y")])
    sent(store, policy('rows = "owner IS NOT NULL"\n'), day(2020), day(2024), name="said", owner="mine")
    row = at(store, day(2021))
    assert row is not None
    assert (row["name"], row["owner"]) == ("said", "mine")
    assert (row["valid_from"], row["valid_to"]) == (day(2020), day(2024))


def test_what_was_a_mask_when_it_was_read_is_not_written_where_the_column_is_the_writers() -> None:
    store = history([(0, 1, "x"), (1, 2, "y")])
    own = "rows = \"owner = 'x'\"\n"
    masked = RULE + 'columns = { owner = { masked = "***" } }\n'
    rights = Policy.of(tuple(r.grant for r in parse(RULE + own + masked)))
    sent(store, rights, day(2020), day(2024), name="said")
    assert [at(store, day(y))["owner"] for y in (2021, 2023, 2029)] == ["x", "y", "o-now"]
    assert [at(store, day(y))["name"] for y in (2021, 2023)] == ["said", "said"]
    with pytest.raises(InvalidBody, match="owner"):
        sent(store, rights, day(2020), day(2024), owner="mine")


def test_a_version_beyond_ones_right_stops_all_of_a_period() -> None:
    store = history([(0, 1, "x"), (1, 2, "y")])
    rights = policy('rows = "owner <> \'y\'"\ncolumns = { owner = "hidden" }\n')
    last = store.last()
    with pytest.raises(FeatureNotFound, match="no feature 'a'"):
        sent(store, rights, day(2020), day(2024), name="said")
    assert store.last() == last
    sent(store, rights, day(2020), day(2022), name="said")


def test_a_right_is_judged_by_what_is_still_believed_when_it_is_used() -> None:
    store, rights = history([(4, 5, "x")]), policy('columns = { owner = "hidden" }\n')
    row = batch([{"id": "a", "name": "said"}]).table
    empty = pa.array([None], TIMESTAMP)
    table = row.append_column("valid_from", empty).append_column("valid_to", empty)
    table, delivery = entitled(store, rights, "buildings", table, POSTED)
    ending = endable(store, rights, "buildings", ["a"], POSTED)
    stated(store, YEARS[4], YEARS[5], name="meanwhile", owner="z")
    with pytest.raises(StaleVersion):
        store.write(LAYER, [Batch(table=table, crs=None)], delivery)
    with pytest.raises(StaleVersion):
        store.remove("buildings", ["a"], ending)
    row_then = at(store, YEARS[4])
    assert row_then is not None
    assert row_then["owner"] == "z"
