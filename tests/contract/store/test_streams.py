"""Observations: appended, corrected, bucketed, told."""

from __future__ import annotations

from datetime import datetime, timedelta

import pyarrow as pa
import pytest
from store_support import OPEN_POLICY, day

from twin.errors import FeatureNotFound
from twin.store import Store
from twin.table import TIMESTAMP

NOON = day(2024) + timedelta(hours=12)


def declared(store: Store, *things: str, layer: str = "sensors") -> list[int]:
    names = {"layer": layer, "name": "level", "observed_property": "水位", "unit": "m"}
    rows = pa.table({**{k: [v] * len(things) for k, v in names.items()}, "thing": list(things)})
    return store.declare(rows)["id"].to_pylist()


def seen(*rows: tuple[int, datetime | None, float | None]) -> pa.Table:
    streams, times, values = zip(*rows, strict=True)
    return pa.table(
        {
            "datastream": pa.array(streams, pa.int64()),
            "time": pa.array(times, TIMESTAMP),
            "value": pa.array(values, pa.float64()),
        }
    )


def test_declaring_again_gives_the_same_ids(store: Store) -> None:
    assert declared(store, "a", "b") == [1, 2]
    assert declared(store, "b", "c", "b") == [2, 3, 2]


def test_the_later_value_of_a_moment_wins(store: Store) -> None:
    (one,) = declared(store, "a")
    first = store.observe(seen((one, NOON, 1.0), (one, NOON, 2.0)), source="csv")
    again = store.observe(seen((one, NOON, 2.0)), source="csv")
    third = store.observe(seen((one, NOON, 3.0)), source="csv")
    assert (first.added, again.unchanged, third.changed_attributes) == (1, 1, 1)
    (stream,) = store.datastreams(policy=OPEN_POLICY)
    assert (stream.count, stream.latest_value, stream.latest_time) == (1, 3.0, NOON)


def test_an_older_observation_is_not_the_latest(store: Store) -> None:
    (one,) = declared(store, "a")
    store.observe(seen((one, NOON, 5.0)), source="csv")
    store.observe(
        seen((one, NOON - timedelta(hours=1), 4.0), (one, NOON + timedelta(hours=1), None)), source="csv"
    )
    (stream,) = store.datastreams(ids=[one], policy=OPEN_POLICY)
    assert (stream.count, stream.latest_value) == (3, None)
    values = store.observations(one, policy=OPEN_POLICY)["value"].to_pylist()
    assert values == [4.0, 5.0, None]


def test_what_has_no_time_or_no_datastream_is_refused(store: Store) -> None:
    (one,) = declared(store, "a")
    report = store.observe(seen((one, None, 1.0), (99, NOON, 1.0), (one, NOON, 1.0)), source="csv")
    assert (report.read, report.accepted, report.quarantined, report.added) == (3, 1, 2, 1)


def test_the_feed_names_the_things(store: Store) -> None:
    one, two = declared(store, "a", "b")
    (other,) = declared(store, "p", layer="pumps")
    store.observe(seen((one, NOON, 1.0), (two, NOON, 1.0), (other, NOON, 1.0)), source="csv")
    store.observe(seen((one, NOON, 1.0)), source="csv")
    pumps, sensors = store.changes(policy=OPEN_POLICY)
    assert (pumps.layer, pumps.kind, pumps.ids) == ("pumps", "observations", ("p",))
    assert (sensors.layer, sensors.ids, sensors.count) == ("sensors", ("a", "b"), 2)
    assert pumps.version < sensors.version < store.last()


def test_observations_are_read_by_time_from_either_end(store: Store) -> None:
    (one,) = declared(store, "a")
    store.observe(seen(*((one, NOON + timedelta(hours=n), float(n)) for n in range(10))), source="csv")
    part = store.observations(
        one, start=NOON + timedelta(hours=2), end=NOON + timedelta(hours=5), policy=OPEN_POLICY
    )
    assert part["value"].to_pylist() == [2, 3, 4, 5]
    newest = store.observations(one, limit=2, descending=True, policy=OPEN_POLICY)
    assert newest["value"].to_pylist() == [9, 8]
    assert newest.schema.field("time").type == TIMESTAMP
    with pytest.raises(FeatureNotFound):
        store.observations(7, policy=OPEN_POLICY)


def test_buckets_leave_out_what_is_empty(store: Store) -> None:
    (one,) = declared(store, "a")
    store.observe(seen(*((one, NOON + timedelta(hours=n), float(n)) for n in (0, 1, 8, 10))), source="csv")
    table = store.buckets(one, start=NOON, end=NOON + timedelta(hours=10), points=5, policy=OPEN_POLICY)
    assert table.to_pylist() == [
        {"time": NOON, "count": 2, "min": 0.0, "max": 1.0, "mean": 0.5},
        {"time": NOON + timedelta(hours=8), "count": 2, "min": 8.0, "max": 10.0, "mean": 9.0},
    ]


def test_datastreams_are_found_by_layer_and_thing(store: Store) -> None:
    declared(store, "a", "b")
    declared(store, "a", layer="pumps")
    assert [s.id for s in store.datastreams(thing="a", policy=OPEN_POLICY)] == [1, 3]
    assert [s.id for s in store.datastreams(layer="sensors", thing="a", policy=OPEN_POLICY)] == [1]
    assert store.datastreams(ids=[], policy=OPEN_POLICY) == ()
