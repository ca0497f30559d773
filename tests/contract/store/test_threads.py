"""Readers and writers at once: nobody sees half a commit, nobody waits for ever."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from store_support import LAYER, OPEN_POLICY, Clock, batch, day, delivered, query, square

from twin.duckdb.store import DuckDBStore
from twin.model import BBox, Mode
from twin.store import Store


def test_readers_see_whole_commits_while_a_writer_writes(store: Store) -> None:
    names = [f"r{n}" for n in range(50)]
    store.write(LAYER, [batch([{"id": n, "v": 0} for n in names])], delivered(day(2021)))
    done = threading.Event()
    box = BBox(west=117, south=37, east=118.005, north=39)

    def read() -> int:
        looks = 0
        while not done.is_set() or not looks:
            values = store.read(query(bbox=box))["v"].to_pylist()
            assert len(values) == 50
            assert len(set(values)) == 1
            assert store.count(query(bbox=box)) == 50
            looks += 1
        return looks

    with ThreadPoolExecutor(4) as pool:
        readers = [pool.submit(read) for _ in range(3)]
        try:
            for v in range(1, 8):
                rows = [{"id": n, "v": v} for n in names]
                store.write(LAYER, [batch(rows)], delivered(None, mode=Mode.UPSERT))
        finally:
            done.set()
        assert all(reader.result() for reader in readers)


def test_writers_take_turns(store: Store) -> None:
    def write(n: int) -> int:
        rows = [batch([{"id": f"{n}-{k}"} for k in range(5)])]
        return store.write(LAYER, rows, delivered(day(2021), f"s{n}", Mode.UPSERT)).commit

    with ThreadPoolExecutor(6) as pool:
        commits = list(pool.map(write, range(12)))
    assert sorted(commits) == list(range(1, 13))
    assert store.count(query()) == 60
    assert [c.version for c in store.changes(policy=OPEN_POLICY)] == list(range(1, 13))


def test_rows_put_in_order_answer_as_before(tmp_path: Path, clock: Clock) -> None:
    store = DuckDBStore(tmp_path / "twin.duckdb", now=clock)
    rows = [{"id": f"r{n}", "v": n, "geom": square(100 + n % 17)} for n in range(300)]
    store.write(LAYER, [batch(rows)], delivered(day(2021)))
    for n in range(0, 300, 7):
        store.write(LAYER, [batch([{**rows[n], "v": "moved"}])], delivered(day(2022), "desk", Mode.UPSERT))
    before = [store.read(query(at=at)) for at in (None, day(2021, 6))]
    assert store.recluster("buildings", force=True)
    assert not store.recluster("buildings")
    assert [store.read(query(at=at)) for at in (None, day(2021, 6))] == before
    store.write(LAYER, [batch([{**rows[3], "v": "again"}])], delivered(day(2023), "desk", Mode.UPSERT))
    assert store.read(query(ids=("r3",)))["v"].to_pylist() == ["again"]
    store.close()


@pytest.mark.parametrize(
    "statement", ["COPY layers TO '/tmp/x.csv'", "ATTACH '/tmp/x.db'", "SET threads = 7"]
)
def test_the_database_reaches_nothing_outside(tmp_path: Path, statement: str) -> None:
    import duckdb

    store = DuckDBStore(tmp_path / "twin.duckdb")
    with pytest.raises(duckdb.Error), store._cursor() as cursor:
        cursor.execute(statement)
    store.close()
