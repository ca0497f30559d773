"""The index finds what a layer holds, also when a process of its own made it; half a stream changes nothing."""

from __future__ import annotations

import io
import sqlite3
import threading
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest
import shapely

from pipelines import indexing, search
from pipelines.search import Index
from twin.memory.store import MemoryStore
from twin.model import Column, Delivery, Layer, Mode, Titles
from twin.table import Batch

PLACES = Layer(
    id="places", kind="places", title=Titles(en="Places"), geometry="Point", columns=(Column(name="name"),)
)


def rows(count: int, name: str = "第{}医院") -> pa.Table:
    points = shapely.to_wkb(shapely.points([118 + i / 1000 for i in range(count)], 38))
    names = [name.format(i) for i in range(count)]
    ids = [f"P{i:04}" for i in range(count)]
    return pa.table({"id": ids, "name": names, "geom": pa.array(points, pa.binary())})


def write(store: MemoryStore, table: pa.Table) -> int:
    delivery = Delivery(source="test", at=datetime(2025, 1, 1, tzinfo=UTC), mode=Mode.UPSERT)
    return store.write(PLACES, iter([Batch(table=table, crs=None)]), delivery).commit


def found(index: Index, text: str) -> list[str]:
    return [hit["id"] for hit in index.search(text, 10, ["places"])]


@pytest.mark.parametrize("many", [10, 1000])
def test_a_large_layer_is_found_like_a_small_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, many: int
) -> None:
    monkeypatch.setattr(search, "MANY", many)
    monkeypatch.setattr(search, "PAGE", 20)
    store, index = MemoryStore(), Index(tmp_path / "index.sqlite")
    index.update(store, "places", None, write(store, rows(50)))
    assert found(index, "P0049") == ["P0049"]
    assert found(index, "第33医院")[0] == "P0033"
    index.update(store, "places", None, write(store, rows(50, "第{}学校")))
    assert found(index, "第33学校")[0] == "P0033"
    assert found(index, "医院") == []


def test_a_stream_cut_short_leaves_the_index_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "index.sqlite"
    store, index = MemoryStore(), Index(path)
    index.update(store, "places", None, write(store, rows(3)))
    table, half = rows(2, "第{}学校"), io.BytesIO()
    with pa.ipc.new_stream(half, table.schema) as stream:
        stream.write_table(table)
    with pytest.raises(EOFError, match="places"):
        indexing.rebuild(str(path), "places", "name", 9, io.BytesIO(half.getvalue()))
    assert found(index, "医院") == ["P0000", "P0001", "P0002"]
    with sqlite3.connect(path) as db:
        assert db.execute("SELECT version FROM done").fetchone()[0] < 9


def test_a_server_that_stops_does_not_wait_for_the_index(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "MANY", 1)
    store, index = MemoryStore(), Index(tmp_path / "index.sqlite")
    write(store, rows(3))
    reading, go = threading.Event(), threading.Event()
    plain = store.read

    def slow(query):
        reading.set()
        assert go.wait(30)
        return plain(query)

    monkeypatch.setattr(store, "read", slow)
    end = index.follow(store)
    assert reading.wait(30)
    assert index._thread is not None
    threading.Timer(0.2, go.set).start()
    end()
    assert not index._thread.is_alive()
    assert found(index, "医院") == []
