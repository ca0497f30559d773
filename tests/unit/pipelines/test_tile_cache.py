"""The cache keeps what it was given, makes a thing once, and stays within its limit."""

from __future__ import annotations

import errno
import gzip
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from pipelines.tile_cache import TileCache
from twin.errors import TileNotFound


def test_bytes_are_made_once_and_come_back_compressed(tmp_path):
    cache, made = TileCache(tmp_path), []
    for _ in range(3):
        body = cache.get("/tiles/a/k/0/0/0.glb", lambda: made.append(1) or b"content")
        assert gzip.decompress(body) == b"content"
    assert len(made) == 1


def test_another_process_finds_what_is_there(tmp_path):
    TileCache(tmp_path).get("/a", lambda: b"x")
    assert gzip.decompress(TileCache(tmp_path).get("/a", pytest.fail)) == b"x"


def test_one_makes_while_the_others_wait(tmp_path):
    cache, made, go = TileCache(tmp_path), [], threading.Event()

    def make() -> bytes:
        made.append(1)
        go.wait(5)
        return b"x"

    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(cache.get, "/a", make) for _ in range(8)]
        go.set()
        assert {gzip.decompress(a.result()) for a in asked} == {b"x"}
    assert len(made) == 1


def test_what_could_not_be_made_is_asked_for_again(tmp_path):
    cache = TileCache(tmp_path)

    def fail() -> bytes:
        raise TileNotFound("no")

    with pytest.raises(TileNotFound):
        cache.get("/a", fail)
    assert gzip.decompress(cache.get("/a", lambda: b"x")) == b"x"


def test_an_address_never_leads_out_of_the_folder(tmp_path):
    home = tmp_path / "cache"
    TileCache(home).get("/tiles/../../../etc/passwd\0", lambda: b"x")
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == list(home.glob("*/*.gz"))


def test_the_least_used_go_when_the_folder_is_full(tmp_path):
    from os import urandom, utime

    cache = TileCache(tmp_path, limit=10_000)
    cache.get("/old", lambda: urandom(1000))
    utime(next(tmp_path.glob("*/*.gz")), (1, 1))
    for i in range(20):
        cache.get(f"/{i}", lambda: urandom(1000))
    assert sum(p.stat().st_size for p in tmp_path.glob("*/*.gz")) <= 10_000
    assert gzip.decompress(cache.get("/old", lambda: b"made again")) == b"made again"


def test_a_full_disk_leaves_nothing_behind(tmp_path, monkeypatch):
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("pathlib.Path.replace", full)
    with pytest.raises(OSError, match="No space left"):
        TileCache(tmp_path).get("/a", lambda: b"x")
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == []
