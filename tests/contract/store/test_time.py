"""The rules of time, one sentence a test."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from store_support import LAYER, OPEN_POLICY, STORES, Clock, batch, day, delivered, ids, query, square

from twin.errors import FeatureNotFound, LayerNotFound
from twin.history import removals
from twin.model import OPEN, Interval, Mode, Rejected, Report
from twin.store import Store
from twin.table import Batch


def put(
    store: Store, at: Any, *names: str, source: str = "survey", mode: Mode = Mode.SNAPSHOT, **row: Any
) -> Report:
    rows = [batch([{"id": n, "height": 1.0, **row} for n in names])] if names else []
    return store.write(LAYER, rows, delivered(at, source, mode))


def periods(store: Store, ident: str) -> list[tuple[int, int]]:
    """Years of the believed periods of an id, in order."""
    rows = store.versions("buildings", ident, OPEN_POLICY).to_pylist()
    return sorted((r["valid_from"].year, r["valid_to"].year) for r in rows if r["recorded_to"] == OPEN)


def test_a_first_delivery_stands_from_its_date(store: Store) -> None:
    report = put(store, day(2021), "a", "b")
    assert (report.read, report.accepted, report.added) == (2, 2, 2)
    assert ids(store) == ["a", "b"]
    assert ids(store, at=day(2020)) == []


def test_a_row_that_states_when_it_began_is_believed_in_a_first_delivery(store: Store) -> None:
    put(store, day(2021), "a", valid_from=day(1980))
    assert periods(store, "a") == [(1980, 9999)]
    assert store.read(query())["dated"].to_pylist() == ["stated"]


def test_the_same_file_again_changes_nothing_and_leaves_a_report(store: Store) -> None:
    put(store, day(2021), "a", "b")
    report = put(store, day(2023), "a", "b")
    assert (report.unchanged, report.added, report.removed) == (2, 0, 0)
    assert store.last() == 2
    assert [c.version for c in store.changes(policy=OPEN_POLICY)] == [1]
    assert store.layer("buildings", OPEN_POLICY).version == 1


def test_what_is_absent_from_a_snapshot_has_ended(store: Store) -> None:
    put(store, day(2021), "a", "b")
    report = put(store, day(2023), "a")
    assert report.removed == 1
    assert ids(store) == ["a"]
    assert ids(store, at=day(2022)) == ["a", "b"]
    assert periods(store, "b") == [(2021, 2023)]


def test_a_late_snapshot_governs_until_the_next_one(store: Store) -> None:
    put(store, day(2021), "a", "b")
    put(store, day(2023), "a", "b")
    report = put(store, day(2022), "a", "c")
    assert (report.unchanged, report.added, report.removed) == (1, 1, 1)
    assert ids(store, at=day(2022, 6)) == ["a", "c"]
    assert ids(store, at=day(2021, 6)) == ids(store, at=day(2023, 6)) == ["a", "b"]


def test_a_changed_geometry_and_a_changed_attribute_are_told_apart(store: Store) -> None:
    store.write(LAYER, [batch([{"id": "a", "h": 1}, {"id": "b", "h": 1}])], delivered(day(2021)))
    moved = [{"id": "a", "h": 1, "geom": square(119)}, {"id": "b", "h": 2}]
    report = store.write(LAYER, [batch(moved)], delivered(day(2022)))
    assert (report.changed_geometry, report.changed_attributes) == (1, 1)


def test_what_people_edited_is_left_by_files(store: Store) -> None:
    put(store, day(2021), "a", "b")
    put(store, day(2022), "a", source="desk", mode=Mode.UPSERT, height=9.0)
    put(store, day(2022), "mine", source="desk", mode=Mode.UPSERT)
    report = put(store, day(2023), "b")
    assert report.removed == 0
    again = put(store, day(2024), "a", "b")
    assert (again.kept, again.unchanged) == (1, 1)
    assert ids(store) == ["a", "b", "mine"]
    assert store.read(query(ids=("a",)))["height"].to_pylist() == [9.0]


def test_an_append_refuses_an_id_that_is_there(store: Store) -> None:
    put(store, day(2021), "a")
    report = put(store, day(2022), "a", "b", mode=Mode.APPEND, height=2.0)
    assert (report.added, report.quarantined) == (1, 1)
    assert "duplicate-id" in store.quarantine("buildings", OPEN_POLICY)[1][0].reason


def test_an_id_twice_in_one_delivery_is_refused_both_times_and_not_taken_for_absent(store: Store) -> None:
    put(store, day(2021), "a", "b")
    report = put(store, day(2022), "a", "b", "b")
    assert (report.read, report.accepted, report.quarantined, report.removed) == (3, 1, 2, 0)
    count, rows = store.quarantine("buildings", OPEN_POLICY)
    assert count == 2
    assert {r.column for r in rows} == {"id"}
    assert ids(store) == ["a", "b"]


def test_a_row_without_an_id_or_without_a_period_is_refused(store: Store) -> None:
    rows = [{"id": None}, {"id": "x", "valid_from": day(2020), "valid_to": day(2019)}, {"id": "ok"}]
    report = store.write(LAYER, [batch(rows)], delivered(day(2021)))
    assert (report.accepted, report.quarantined) == (1, 2)


def test_a_row_refused_by_the_reader_counts_and_does_not_end_what_is_there(store: Store) -> None:
    put(store, day(2021), "a", "b")
    bad = Rejected(row="b", column="geom", reason="not a geometry", original="POLYGON EMPTY")
    rows = Batch(table=batch([{"id": "a", "height": 1.0}]).table, crs=None, rejected=(bad,))
    report = store.write(LAYER, [rows], delivered(day(2022)))
    assert (report.read, report.accepted, report.quarantined, report.removed) == (2, 1, 1, 0)
    assert store.quarantine("buildings", OPEN_POLICY) == (1, (bad,))


def test_a_stated_end_ends_it(store: Store) -> None:
    put(store, day(2021), "a")
    put(store, day(2022), "a", valid_to=day(2030), mode=Mode.UPSERT)
    assert periods(store, "a") == [(2021, 2022), (2022, 2030)]
    assert ids(store, at=day(2031)) == []


def test_a_row_that_lies_in_the_past_whole_can_come_again(store: Store) -> None:
    first = put(store, day(2021), "a", valid_from=day(1950), valid_to=day(1990))
    again = put(store, day(2023), "a", valid_from=day(1950), valid_to=day(1990))
    assert (first.added, again.unchanged, again.quarantined) == (1, 1, 0)


def test_what_was_known_stays_known(store: Store, clock: Clock) -> None:
    put(store, day(2021), "a")
    then = clock.now
    clock.pass_(days=1)
    put(store, day(2021), "b")
    assert ids(store) == ["b"]
    assert ids(store, known=then) == ["a"]
    assert ids(store, known=day(2029)) == []


def test_commits_strictly_increase_in_number_and_time_when_the_clock_stands_or_goes_back(
    store: Store, clock: Clock
) -> None:
    reports = [put(store, day(2020 + n), f"a{n}") for n in range(3)]
    clock.pass_(days=-5)
    reports.append(put(store, None, "z", mode=Mode.UPSERT))
    assert [r.commit for r in reports] == [1, 2, 3, 4]
    assert all(a.at < b.at for a, b in pairwise(reports))
    assert "z" in ids(store)


def test_removing_ends_rows_whoever_brought_them(store: Store) -> None:
    put(store, day(2021), "a", "b")
    report = store.remove("buildings", ["a"], delivered(day(2022), "desk", Mode.UPSERT))
    assert report.removed == 1
    assert ids(store) == ["b"]
    with pytest.raises(FeatureNotFound, match="nobody"):
        store.remove("buildings", ["nobody"], delivered(None, "desk"))
    assert store.last() == 2


def taken_away(store: Store, at: Any, *names: str) -> Report:
    return store.remove("buildings", names, delivered(at, "desk", Mode.UPSERT))


def test_what_a_person_removed_does_not_come_back_with_the_next_file(store: Store) -> None:
    put(store, day(2021), "a", "b")
    taken_away(store, day(2022), "a")
    same = put(store, day(2023), "a", "b")
    other = put(store, day(2024), "a", "b", height=2.0)
    assert (same.kept, same.added, same.unchanged) == (1, 0, 1)
    assert (other.kept, other.added, other.changed_attributes) == (1, 0, 1)
    assert ids(store) == ids(store, at=day(2022, 6)) == ["b"]
    assert ids(store, at=day(2021, 6)) == ["a", "b"]


def test_what_was_removed_as_if_it_never_was_does_not_come_back_either(store: Store) -> None:
    put(store, day(2021), "a", "b")
    taken_away(store, day(2021), "a")
    assert put(store, day(2022), "a", "b").kept == 1
    assert ids(store) == ids(store, at=day(2021, 6)) == ["b"]


def test_a_late_snapshot_does_not_bring_back_what_a_person_removed(store: Store) -> None:
    put(store, day(2020), "a", "b")
    taken_away(store, day(2023), "a")
    assert put(store, day(2021), "a", "b").kept == 1
    assert ids(store) == ["b"]
    assert ids(store, at=day(2022)) == ["a", "b"]


def test_an_upsert_brings_a_removed_row_back_only_when_it_says_something_new(store: Store) -> None:
    put(store, day(2021), "a", "b")
    taken_away(store, day(2022), "a")
    same = put(store, day(2023), "a", mode=Mode.UPSERT)
    assert (same.kept, ids(store)) == (1, ["b"])
    new = put(store, day(2024), "a", mode=Mode.UPSERT, height=2.0)
    assert (new.added, new.kept, ids(store)) == (1, 0, ["a", "b"])
    assert periods(store, "a") == [(2021, 2022), (2024, 9999)]
    assert put(store, day(2025), "a", "b", height=2.0).kept == 0


def test_who_removed_a_row_brings_it_back(store: Store) -> None:
    put(store, day(2021), "a", "b")
    taken_away(store, day(2022), "a")
    back = put(store, day(2023), "a", source="desk", mode=Mode.UPSERT)
    assert (back.added, ids(store)) == (1, ["a", "b"])
    assert put(store, day(2024), "a", "b").kept == 1
    assert ids(store) == ["a", "b"]
    taken_away(store, day(2025), "a")
    assert ids(store) == ["b"]


def test_a_removal_is_remembered_with_its_own_times_and_author(store: Store, clock: Clock) -> None:
    put(store, day(2021), "a")
    clock.pass_(days=1)
    report = taken_away(store, day(2022), "a")
    (stone,) = store.versions("buildings", "a", OPEN_POLICY, branch=removals("main")).to_pylist()
    assert (stone["source"], stone["version"], stone["recorded_from"]) == ("desk", report.commit, report.at)
    assert (stone["valid_from"], stone["valid_to"], stone["height"]) == (day(2022), OPEN, 1.0)
    with pytest.raises(FeatureNotFound):
        taken_away(store, day(2023), "a")
    assert store.spread("buildings").num_rows == 2
    assert store.count(query()) == store.layer("buildings", OPEN_POLICY).count == 0


def test_a_removal_outlives_a_backup(store: Store, tmp_path: Path) -> None:
    put(store, day(2021), "a", "b")
    taken_away(store, day(2022), "a")
    store.backup(tmp_path / "saved")
    for name, opened in STORES.items():
        (tmp_path / name).mkdir()
        other = opened(tmp_path / name, Clock())
        other.restore(tmp_path / "saved")
        assert put(other, day(2023), "a", "b").kept == 1
        assert ids(other) == ["b"]
        other.close()


def test_what_an_announcing_source_no_longer_announces_does_not_begin(store: Store) -> None:
    put(store, day(2021), "a")
    put(store, day(2022), "plan", mode=Mode.UPSERT, valid_from=day(2040))
    assert ids(store, at=day(2041)) == ["a", "plan"]
    report = put(store, day(2023), "a")
    assert (report.removed, ids(store, at=day(2041))) == (1, ["a"])


def test_a_snapshot_leaves_announcements_of_others_and_of_later_snapshots(store: Store) -> None:
    put(store, day(2020), "a")
    put(store, day(2024), "a", "plan", valid_from=day(2040))
    put(store, None, "theirs", source="desk", mode=Mode.UPSERT, valid_from=day(2040))
    assert put(store, day(2022), "a").removed == 0
    assert ids(store, at=day(2041)) == ["a", "plan", "theirs"]


def test_what_a_later_delivery_found_is_not_ended_by_a_late_snapshot(store: Store) -> None:
    put(store, day(2020), "a")
    put(store, day(2024), "b", mode=Mode.UPSERT)
    assert put(store, day(2022), "a").removed == 0
    assert ids(store) == ["a", "b"]


def test_an_interval_gives_the_last_version_within_it(store: Store) -> None:
    for year in (2021, 2022, 2023):
        put(store, day(year), "a", height=float(year))
    put(store, day(2024))
    for start, end, height in ((2021, 2022, 2022.0), (2021, 2030, 2023.0), (2020, 2021, 2021.0)):
        at = Interval(start=day(start), end=day(end))
        assert store.read(query(at=at))["height"].to_pylist() == [height]
        assert store.count(query(at=at)) == 1
    assert ids(store, at=Interval(start=day(2024), end=None)) == []
    assert ids(store, at=Interval(start=None, end=day(2020))) == []


def test_branches_do_not_see_each_other(store: Store) -> None:
    put(store, day(2021), "a")
    store.write(LAYER, [batch([{"id": "a"}, {"id": "s"}])], delivered(day(2021), branch="scheme"))
    assert ids(store) == ["a"]
    assert ids(store, branch="scheme") == ["a", "s"]
    assert store.layer("buildings", OPEN_POLICY).count == 1


def test_a_delivery_that_breaks_leaves_nothing(store: Store) -> None:
    put(store, day(2021), "a")

    def broken() -> Any:
        yield batch([{"id": "b", "height": 1.0}])
        raise OSError("the cable was pulled")

    with pytest.raises(OSError, match="cable"):
        store.write(LAYER, broken(), delivered(day(2022)))
    assert ids(store) == ["a"]
    assert store.last() == 1
    put(store, day(2023), "a", "c")
    assert store.last() == 2


def test_the_feed_says_what_changed_and_listeners_hear_it(store: Store) -> None:
    heard: list[int] = []
    end = store.listen(lambda change: heard.append(change.version))
    store.listen(lambda _: 1 / 0)
    put(store, day(2021), "a", "b")
    put(store, day(2022), "a", height=5.0)
    end()
    put(store, day(2023), "a", "b", "c")
    first, second, third = store.changes(policy=OPEN_POLICY)
    assert (first.kind, second.kind, third.kind) == ("layer", "rows", "rows")
    assert second.ids == ("a", "b")
    assert second.bbox is not None
    assert heard == [1, 2]
    assert store.changes(after=1, limit=1, policy=OPEN_POLICY) == (second,)


def test_more_than_a_thousand_ids_are_not_listed(store: Store) -> None:
    put(store, day(2021), *(f"n{k}" for k in range(1001)))
    (change,) = store.changes(policy=OPEN_POLICY)
    assert (change.ids, change.count) == (None, 1001)


def test_a_layer_that_is_not_there_says_which_are(store: Store) -> None:
    put(store, day(2021), "a")
    with pytest.raises(LayerNotFound, match="buildings"):
        store.read(query(layer="pipes"))
    with pytest.raises(LayerNotFound):
        store.reports("pipes", OPEN_POLICY)


def test_versions_come_by_recording_then_by_validity(store: Store, clock: Clock) -> None:
    put(store, day(2021), "a")
    clock.pass_(days=1)
    put(store, day(2022), "a", height=2.0)
    rows = store.versions("buildings", "a", OPEN_POLICY)
    assert rows["valid_from"].to_pylist() == [day(2021), day(2021), day(2022)]
    assert store.versions("buildings", "nobody", OPEN_POLICY).num_rows == 0
    assert isinstance(rows, pa.Table)


def test_several_periods_of_one_id_each_govern_until_the_next_begins(store: Store) -> None:
    rows = [{"id": "a", "name": "one"}, {"id": "b", "name": "one"}]
    store.write(LAYER, [batch(rows)], delivered(day(2020), mode=Mode.UPSERT))
    store.write(
        LAYER,
        [batch([{"id": "a", "name": "two", "valid_from": day(2040)}])],
        delivered(day(2021), mode=Mode.UPSERT),
    )
    parts = [
        {"id": "a", "name": "three", "valid_from": None, "valid_to": day(2040)},
        {"id": "a", "name": "four", "valid_from": day(2040)},
        {"id": "b", "name": "five", "valid_from": day(2021), "valid_to": day(2022)},
        {"id": "b", "name": "six", "valid_from": day(2022), "valid_to": day(2023)},
    ]
    report = store.write(LAYER, [batch(parts)], delivered(mode=Mode.UPSERT, periods=True))
    assert (report.accepted, report.quarantined) == (4, 0)
    rows = store.read(query(every=True)).to_pylist()
    held = sorted(
        (r["id"], r["valid_from"], r["valid_to"], r["name"]) for r in rows if r["recorded_to"] == OPEN
    )
    now = report.at
    assert held == [
        ("a", day(2020), now, "one"),
        ("a", now, day(2040), "three"),
        ("a", day(2040), OPEN, "four"),
        ("b", day(2020), day(2021), "one"),
        ("b", day(2021), day(2022), "five"),
        ("b", day(2022), day(2023), "six"),
        ("b", day(2023), OPEN, "one"),
    ]


def test_periods_that_begin_together_are_refused_with_all_of_their_id(store: Store) -> None:
    parts = [
        {"id": "a", "name": "one", "valid_from": day(2021), "valid_to": day(2022)},
        {"id": "a", "name": "two", "valid_from": day(2021), "valid_to": day(2023)},
        {"id": "a", "name": "three", "valid_from": day(2024)},
        {"id": "b", "name": "four"},
    ]
    report = store.write(LAYER, [batch(parts)], delivered(mode=Mode.UPSERT, periods=True))
    assert (report.accepted, report.quarantined) == (1, 3)
    assert ids(store) == ["b"]
