"""What only the PostGIS store promises: several processes on one database, time limits, a server that goes."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from adbc_driver_postgresql import dbapi
from postgres_support import TEMPLATE, database, running, shared
from store_support import LAYER, OPEN_POLICY, Clock, batch, day, delivered, ids, query

from twin.errors import InvalidParameter, StoreDown, TimeLimit
from twin.model import Mode
from twin.postgis.store import PostGISStore
from twin.settings import Settings
from twin.stores import opened

ROWS = 300
WRITER = """
import sys
sys.path[:0] = [{root!r}, {tests!r}]
from store_support import LAYER, batch, delivered
from twin.model import Mode
from twin.postgis.store import PostGISStore

store = PostGISStore({url!r})
n = store.last()
while True:
    n += 1
    rows = [{{"id": f"r{{k}}", "n": n}} for k in range({rows})]
    print(store.write(LAYER, [batch(rows)], delivered(None, "survey", Mode.UPSERT)).commit, flush=True)
"""


@pytest.fixture
def url(tmp_path: Path) -> str:
    return database(tmp_path)


@pytest.fixture
def pair(url: str) -> Iterator[tuple[PostGISStore, PostGISStore]]:
    """Two stores over one database, as two processes have them."""
    one, other = PostGISStore(url), PostGISStore(url)
    yield one, other
    one.close()
    other.close()


def test_what_one_writes_the_other_reads_at_once(pair: tuple[PostGISStore, PostGISStore]) -> None:
    for n in range(6):
        writer, reader = pair if n % 2 else pair[::-1]
        row = {"id": f"a{n}", f"column{n}": n}
        commit = writer.write(LAYER, [batch([row])], delivered(day(2021), mode=Mode.UPSERT)).commit
        assert reader.last() == commit
        assert reader.read(query(ids=(f"a{n}",)))[f"column{n}"].to_pylist() == [n]
        assert reader.layer("buildings", OPEN_POLICY).count == n + 1
        assert len(reader.spread("buildings", since=commit - 1)) == 1


def test_listeners_hear_of_every_process_in_the_order_of_the_commits(
    pair: tuple[PostGISStore, PostGISStore],
) -> None:
    heard: list[list[int]] = [[], []]
    complete = [threading.Event(), threading.Event()]

    def listener(which: int) -> None:
        def callback(version: int) -> None:
            heard[which].append(version)
            if len(heard[which]) == 12:
                complete[which].set()

        pair[which].listen(lambda change: callback(change.version))

    def write(n: int) -> None:
        rows = [batch([{"id": f"{n}"}])]
        pair[n % 2].write(LAYER, rows, delivered(day(2021), f"s{n}", Mode.UPSERT))

    listener(0)
    listener(1)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(12)))
    for which in (0, 1):
        assert complete[which].wait(30)
        assert heard[which] == list(range(1, 13))
    assert [c.version for c in pair[0].changes(policy=OPEN_POLICY)] == list(range(1, 13))


def test_whoever_keeps_a_block_first_decides(pair: tuple[PostGISStore, PostGISStore]) -> None:
    one, other = pair
    assert one.keep_first("tree/x/1", b"a") == b"a"
    assert other.keep_first("tree/x/1", b"b") == b"a" == other.kept("tree/x/1")


def test_a_killed_writer_leaves_whole_commits_and_no_lock(url: str) -> None:
    tests = Path(__file__).parents[2]
    code = WRITER.format(root=str(tests.parent), tests=str(tests), url=url, rows=ROWS)
    for _ in range(2):
        with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            acknowledged = [int(process.stdout.readline()) for _ in range(2)]
            process.send_signal(signal.SIGKILL)
            acknowledged += [int(line) for line in process.stdout.read().splitlines() if line.isdigit()]
        store = PostGISStore(url)
        try:
            # The killed one's last commit may still be on its way: a write of ours waits for its turn.
            last = store.describe(LAYER) - 1
            assert last >= acknowledged[-1]
            table = store.read(query())
            assert table.num_rows == ROWS
            assert len(set(table["n"].to_pylist())) == 1
            versions = [c.version for c in store.changes(limit=10**6, policy=OPEN_POLICY)]
            assert versions == list(range(1, last + 2))
        finally:
            store.close()


def test_a_read_behind_a_lock_ends_at_the_time_limit(url: str, tmp_path: Path) -> None:
    store = PostGISStore(url, seconds=0.3)
    store.write(LAYER, [batch([{"id": "a"}])], delivered(day(2021)))
    cluster, name = shared(), urlsplit(url).path[1:]
    with dbapi.connect(url) as holder:
        with holder.cursor() as cursor:
            cursor.execute("LOCK TABLE twin.live_1 IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(TimeLimit):
            store.read(query())
        waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        assert cluster.run(waiting, database=name) == [(0,)]
        assert store.last() == 1
        holder.rollback()
    assert ids(store) == ["a"]
    store.close()


def test_a_server_that_went_is_told_and_found_again(clock: Clock) -> None:
    with running() as cluster:
        store = PostGISStore(cluster.url(TEMPLATE), now=clock)
        store.write(LAYER, [batch([{"id": "a"}])], delivered(day(2021)))
        cluster.stop()
        for _ in range(2):
            with pytest.raises(StoreDown, match="PostgreSQL"):
                store.read(query())
        cluster.start()
        assert ids(store) == ["a"]
        store.close()


def test_a_database_whose_user_may_not_install_postgis_says_what_to_run() -> None:
    cluster = shared()
    cluster.run("CREATE ROLE clerk LOGIN", "CREATE DATABASE bare OWNER clerk")
    with pytest.raises(StoreDown, match="CREATE EXTENSION postgis"):
        PostGISStore(cluster.url("bare", "clerk"))
    cluster.run("CREATE EXTENSION postgis", database="bare")
    store = PostGISStore(cluster.url("bare", "clerk"))
    assert store.last() == 0
    store.close()


def test_a_database_that_is_not_utf8_is_refused() -> None:
    cluster = shared()
    cluster.run("CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0")
    with pytest.raises(StoreDown, match="UTF8"):
        PostGISStore(cluster.url("latin"))


def test_a_store_of_no_known_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidParameter, match="postgresql://"):
        opened(Settings(home=tmp_path, store="mysql://x"))
    assert "pw" not in repr(Settings(home=tmp_path, store="postgresql://u:pw@h/d"))
