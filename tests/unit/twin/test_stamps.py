"""Stamps say when what a window shows last changed; what lies elsewhere does not matter."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twin import stamps
from twin.errors import TileNotFound
from twin.model import BBox
from twin.space import hilbert
from twin.spread import DTYPES, FOREVER, NEVER, Spread


class Rows:
    """A store of row versions that says what each commit wrote or ended."""

    def __init__(self) -> None:
        self.rows: list[dict[str, float]] = []
        self.commits: list[list[dict[str, float]]] = []

    def last(self) -> int:
        return len(self.commits)

    def commit(self, added=(), ended=()) -> None:
        moment = (self.last() + 1) * 100
        touched = []
        for row in ended:
            row["recorded_to"] = moment
            touched.append(row)
        for lon, lat, valid_from, valid_to in added:
            row = {
                "hkey": int(hilbert(np.array([lon]), np.array([lat]))[0]),
                "size": 10.0,
                "minx": lon - 0.001,
                "miny": lat - 0.001,
                "maxx": lon + 0.001,
                "maxy": lat + 0.001,
                "minz": np.nan,
                "maxz": np.nan,
                "valid_from": valid_from,
                "valid_to": valid_to,
                "recorded_from": moment,
                "recorded_to": FOREVER,
            }
            self.rows.append(row)
            touched.append(row)
        self.commits.append(touched)

    def spread(self, layer: str, *, branch: str = "main", since: int = 0) -> pa.Table:
        seen = {id(r): r for commit in self.commits[since:] for r in commit}
        return pa.table({n: np.array([r[n] for r in seen.values()], t) for n, t in DTYPES.items()})


def expected(rows: list[dict[str, float]], box: BBox, at: int, known: int) -> stamps.Stamp:
    inside = [
        r
        for r in rows
        if r["recorded_from"] <= known
        and r["minx"] <= box.east
        and r["maxx"] >= box.west
        and r["miny"] <= box.north
        and r["maxy"] >= box.south
    ]
    valid = [r[n] for r in inside for n in ("valid_from", "valid_to") if r[n] <= at]
    recorded = [r[n] for r in inside for n in ("recorded_from", "recorded_to") if r[n] <= known]
    return max(valid, default=NEVER), max(recorded, default=NEVER)


EVERYWHERE = BBox(west=-180, south=-90, east=180, north=90)
row = st.tuples(
    st.floats(116, 117), st.floats(39, 40), st.integers(-50, 50), st.integers(51, 90) | st.just(FOREVER)
)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.lists(row, max_size=6), st.integers(0, 3)), min_size=1, max_size=6),
    st.integers(-60, 100),
    st.integers(0, 800),
    st.tuples(st.floats(116, 117), st.floats(39, 40)),
)
def test_stamps_kept_up_commit_by_commit_are_those_of_all_rows(commits, at, known, corner):
    store = Rows()
    spread = Spread(store, "layer")
    box = BBox(west=corner[0], south=corner[1], east=corner[0] + 0.3, north=corner[1] + 0.3)
    for added, count in commits:
        standing = [r for r in store.rows if r["recorded_to"] == FOREVER]
        store.commit(added, standing[:count])
        rows = spread.snapshot()
        seen = stamps.view(rows, at, known)
        assert seen.stamp(box) == expected(store.rows, box, at, known)
        assert seen.stamp(EVERYWHERE) == expected(store.rows, EVERYWHERE, at, known)
        assert len(rows) == len(store.rows)
        assert np.array_equal(
            np.sort(rows.columns["recorded_to"]), np.sort([r["recorded_to"] for r in store.rows])
        )


def test_a_snapshot_stays_as_it_was_when_more_is_written():
    store = Rows()
    store.commit([(116.5, 39.5, 0, FOREVER)] * 3)
    spread = Spread(store, "layer")
    before = spread.snapshot()
    store.commit([(116.6, 39.5, 5, FOREVER)], store.rows[:1])
    after = spread.snapshot()
    assert (len(before), len(after)) == (3, 4)
    assert (before.columns["recorded_to"] == FOREVER).all()
    assert (after.columns["recorded_to"] < FOREVER).sum() == 1


def test_an_edit_changes_the_stamp_of_its_window_only():
    store = Rows()
    store.commit([(116.1, 39.1, 10, FOREVER), (116.9, 39.9, 10, FOREVER)])
    spread = Spread(store, "layer")
    here = BBox(west=116.0, south=39.0, east=116.2, north=39.2)
    there = BBox(west=116.8, south=39.8, east=117.0, north=40.0)
    before = stamps.view(spread.snapshot(), 1000, 10_000)
    store.commit([(116.1, 39.1, 20, FOREVER)], store.rows[:1])
    after = stamps.view(spread.snapshot(), 1000, 10_000)
    assert before.stamp(there) == after.stamp(there) == (10, 100)
    assert (before.stamp(here), after.stamp(here)) == ((10, 100), (20, 200))


def test_many_rows_are_sorted_again_and_say_the_same():
    random = np.random.default_rng(5)
    store = Rows()
    for _ in range(4):
        places = np.column_stack([random.uniform(116, 117, 1500), random.uniform(39, 40, 1500)])
        store.commit([(x, y, int(random.integers(0, 50)), FOREVER) for x, y in places])
        if store.last() == 1:
            spread = Spread(store, "layer")
        seen = stamps.view(spread.snapshot(), 30, 250)
        for west in (116.0, 116.31, 116.7):
            box = BBox(west=west, south=39.2, east=west + 0.01, north=39.21)
            assert seen.stamp(box) == expected(store.rows, box, 30, 250)


def test_an_empty_layer_has_no_stamps():
    store = Rows()
    store.commit()
    assert stamps.view(Spread(store, "layer").snapshot(), 5, 5).stamp(EVERYWHERE) == stamps.NOTHING


@given(st.integers(stamps.EARLIEST, FOREVER), st.integers(0, FOREVER))
def test_a_key_is_read_back_as_it_was_written(at, known):
    assert stamps.parse(stamps.key("1.0a.0", (at, known))) == ("1.0a.0", (at, known))


@pytest.mark.parametrize(
    "text", ["", "1", "1-2", "1-2-3-4", "1-A-2", "../-1-2", "1-٣-2", "1-" + "z" * 20 + "-2"]
)
def test_what_is_no_key_is_a_tile_that_is_not_found(text):
    with pytest.raises(TileNotFound, match="names no state"):
        stamps.parse(text)
