"""A disk that is full: nothing is half written, readers go on, and the words are ours."""

from __future__ import annotations

import logging
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from starlette.testclient import TestClient
from store_support import LAYER, batch, delivered, query

from api.app import create_app
from api.state import over
from twin.duckdb import room
from twin.duckdb.store import DuckDBStore
from twin.errors import StorageFull
from twin.model import Mode
from twin.settings import Settings
from twin.table import Batch

OURS = "the store has no room: the disk of {} is full, and this was not done"
THEIRS = ("DuckDB", "duckdb", "Error:", "PRAGMA", "max_temp_directory_size", "No space left", "WAL", ".wal")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 60 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if shutil.which("mount") is None:
        pytest.skip("a full disk needs a small one: there is no mount")
    mount = ["mount", "-t", "tmpfs", "-o", "size=60m", "tmpfs", str(folder)]
    made = subprocess.run(mount, capture_output=True, text=True, check=False)
    if made.returncode:
        pytest.skip(f"a full disk needs a small one, and this user may not mount: {made.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def rows(n: int) -> Batch:
    """A thousand rows that do not compress, 0.7 MB."""
    chance = Random(n)
    return batch([{"id": f"{n}-{i}", "text": chance.randbytes(350).hex()} for i in range(1000)])


def filled(store: DuckDBStore) -> tuple[int, StorageFull]:
    """Write until there is no room: how many rows went in, and what was said."""
    for n in range(200):
        try:
            store.write(LAYER, [rows(n)], delivered(mode=Mode.UPSERT))
        except StorageFull as error:
            return n * 1000, error
    pytest.fail("140 MB went onto a disk of 60")


def plainly(error: StorageFull, folder: Path) -> None:
    assert str(error).startswith(OURS.format(folder))
    assert "make room there" in str(error)
    assert not [word for word in THEIRS if word in str(error)]


def test_a_full_disk_is_told_before_it_hurts_and_readers_go_on(disk: Path) -> None:
    store = DuckDBStore(disk / "twin.duckdb")
    count, error = filled(store)
    plainly(error, disk)
    assert count > 0
    assert store.count(query()) == count
    assert not store.checkpoint()
    subprocess.run(["mount", "-o", "remount,size=400m", str(disk)], check=True)
    assert store.write(LAYER, [rows(999)], delivered(mode=Mode.UPSERT)).added == 1000
    assert store.checkpoint()
    assert store.count(query()) == count + 1000
    store.close()


def test_what_the_database_says_of_a_full_disk_is_for_the_log(
    disk: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(room, "SPARE", -(1 << 40))  # so that the commit itself finds the disk full
    store = DuckDBStore(disk / "twin.duckdb")
    with caplog.at_level(logging.ERROR, "twin.duckdb.room"):
        count, error = filled(store)
    plainly(error, disk)
    assert "No space left" in caplog.text
    store.close()
    subprocess.run(["mount", "-o", "remount,size=400m", str(disk)], check=True)
    store = DuckDBStore(disk / "twin.duckdb")
    assert store.count(query()) == count
    store.close()


def test_what_does_not_fit_into_memory_and_finds_no_room_aside_is_told(disk: Path) -> None:
    store = DuckDBStore(disk / "twin.duckdb", memory_mb=60)
    with pytest.raises(StorageFull) as error:
        store.write(LAYER, map(rows, range(200)), delivered(mode=Mode.UPSERT))
    plainly(error.value, disk)
    assert store.last() == 0
    store.close()


def test_a_file_that_cannot_be_opened_for_want_of_room_is_told(disk: Path) -> None:
    store = DuckDBStore(disk / "twin.duckdb")
    store.write(LAYER, [rows(0)], delivered(mode=Mode.UPSERT))
    for part in disk.glob("twin.duckdb*"):
        shutil.copy(part, f"{part}.copy")
    store.close()  # which folds the log into the file; a server that was killed leaves both
    for part in disk.glob("*.copy"):
        part.replace(str(part).removesuffix(".copy"))
    (disk / "rest").write_bytes(b"\1" * shutil.disk_usage(disk).free)
    with pytest.raises(StorageFull) as error:
        DuckDBStore(disk / "twin.duckdb")
    plainly(error.value, disk)


def test_the_answer_is_507_in_our_words(disk: Path, tmp_path: Path) -> None:
    store = DuckDBStore(disk / "twin.duckdb")
    filled(store)
    made = over(store, Settings(home=tmp_path))
    made.ready.set()
    place = {"type": "Polygon", "coordinates": [[[118, 38], [118.1, 38], [118.1, 38.1], [118, 38]]]}
    body = {"type": "Feature", "geometry": place, "properties": {"text": "x"}}
    with TestClient(create_app(made, static=tmp_path), raise_server_exceptions=False) as client:
        headers = {"Content-Type": "application/geo+json"}
        answer = client.post("/ogc/collections/buildings/items", json=body, headers=headers)
        assert client.get("/ogc/collections/buildings/items").status_code == 200
    assert answer.status_code == 507
    assert answer.json()["detail"].startswith(OURS.format(disk))
    store.close()
