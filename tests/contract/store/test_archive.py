"""A restored twin answers the same, whichever store wrote the backup and whichever read it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import geopandas as gpd
import pyarrow as pa
import pytest
from store_support import LAYER, OPEN_POLICY, STORES, Clock, batch, day, delivered, query, square

from twin.errors import Conflict, UnreadableFile
from twin.model import Mode
from twin.store import Store
from twin.table import SIZE, TIMESTAMP, Batch


def fill(store: Store, clock: Clock) -> None:
    rows = [{"id": n, "height": 1.0, "body_lod2": bytes(16), SIZE: 3.0, "source": "x"} for n in "abc"]
    store.write(LAYER, [batch(rows)], delivered(day(2021)))
    clock.pass_(days=1)
    store.write(
        LAYER, [batch([{**rows[0], "geom": square(119)}, {**rows[1], "id": None}])], delivered(day(2022))
    )
    clock.pass_(days=1)
    store.write(LAYER, [batch([{"id": "d", "height": "tall"}])], delivered(None, "desk", Mode.UPSERT))
    store.describe(LAYER.__class__(id="empty", kind="features", title=LAYER.title))
    names = {"layer": ["s"], "thing": ["a"], "name": ["n"], "observed_property": ["p"], "unit": ["m"]}
    store.declare(pa.table(names))
    for value in (1.0, 2.0):
        times = pa.array([day(2024)], TIMESTAMP)
        store.observe(pa.table({"datastream": [1], "time": times, "value": [value]}), source="csv")
    store.keep("tree/buildings", b"\x00\x01")


def all_answers(store: Store, clock: Clock) -> list[object]:
    """Everything a store can be asked, in a form that can be compared."""
    moments = [clock.now - timedelta(days=n) for n in range(4)]
    reads = [
        store.read(query(known=k, at=at, bodies=True)).to_pylist()
        for k in (None, *moments)
        for at in (None, day(2021, 6), day(2022, 6))
    ]
    versions = [store.versions("buildings", n, OPEN_POLICY).to_pylist() for n in "abcd"]
    return [
        *reads,
        *(sorted(map(str, v)) for v in versions),
        store.layers(OPEN_POLICY),
        store.reports("buildings", OPEN_POLICY),
        store.quarantine("buildings", OPEN_POLICY),
        store.changes(policy=OPEN_POLICY),
        store.last(),
        store.kept("tree/buildings"),
        store.datastreams(policy=OPEN_POLICY),
        store.observations(1, policy=OPEN_POLICY).to_pylist(),
        *(sorted(map(str, store.spread("buildings", since=n).to_pylist())) for n in range(4)),
    ]


@pytest.mark.parametrize("other", sorted(STORES))
def test_a_restored_twin_answers_the_same_and_goes_on(
    store: Store, clock: Clock, tmp_path: Path, other: str
) -> None:
    fill(store, clock)
    store.backup(tmp_path / "backup")
    (tmp_path / "new").mkdir()
    restored = STORES[other](tmp_path / "new", clock)
    try:
        restored.restore(tmp_path / "backup")
        assert all_answers(restored, clock) == all_answers(store, clock)
        for one in (store, restored):
            again = one.write(LAYER, [batch([{"id": "a", "height": "1.0"}])], delivered(day(2023)))
            assert again.commit == 7
        assert all_answers(restored, clock) == all_answers(store, clock)
        with pytest.raises(Conflict):
            restored.restore(tmp_path / "backup")
    finally:
        restored.close()


def test_a_backup_is_geoparquet(store: Store, clock: Clock, tmp_path: Path) -> None:
    fill(store, clock)
    store.backup(tmp_path / "backup")
    frame = gpd.read_parquet(tmp_path / "backup" / "layers" / "0001.parquet")
    assert frame.crs.equals("OGC:CRS84")
    assert set(frame["id"]) == set("abcd")
    with pytest.raises(Conflict):
        store.backup(tmp_path / "backup")


def test_a_folder_without_a_backup_is_refused(store: Store, tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile):
        store.restore(tmp_path)
    assert isinstance(batch([{"id": "a"}]), Batch)
