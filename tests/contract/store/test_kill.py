"""`kill -9` in mid-write: what was acknowledged is there, whole, and the store goes on."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from store_support import LAYER, OPEN_POLICY, Clock, batch, day, delivered, query

from twin.duckdb.store import DuckDBStore
from twin.errors import StoreBusy
from twin.model import Mode

WRITER = """
import sys
from pathlib import Path
sys.path[:0] = [{root!r}, {tests!r}]
from store_support import LAYER, batch, delivered
from twin.duckdb.store import DuckDBStore
from twin.model import Mode

store = DuckDBStore(Path({path!r}))
n = store.last()
while True:
    n += 1
    rows = [{{"id": f"r{{k}}", "n": n, "pad": "x" * 50}} for k in range({rows})]
    report = store.write(LAYER, [batch(rows)], delivered(None, "survey", Mode.UPSERT))
    print(report.commit, flush=True)
"""
ROWS = 300


def killed(path: Path, after: float) -> list[int]:
    """The commits that a writer acknowledged before it was killed."""
    tests = Path(__file__).parents[2]
    code = WRITER.format(root=str(tests.parent), tests=str(tests), path=str(path), rows=ROWS)
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        acknowledged = [int(process.stdout.readline())]
        time.sleep(after)
        process.send_signal(signal.SIGKILL)
        acknowledged += [int(line) for line in process.stdout.read().splitlines() if line.strip().isdigit()]
    return acknowledged


def check(path: Path, acknowledged: list[int]) -> None:
    store = DuckDBStore(path)
    try:
        last = store.last()
        assert last >= acknowledged[-1]
        table = store.read(query())
        assert table.num_rows == ROWS
        assert set(table["n"].to_pylist()) == {last}
        assert [c.version for c in store.changes(limit=10**6, policy=OPEN_POLICY)] == list(range(1, last + 1))
        assert len(store.reports("buildings", OPEN_POLICY)) == last
        assert store.versions("buildings", "r0", OPEN_POLICY)["n"].to_pylist()[-1] == last
    finally:
        store.close()


def kills(path: Path, times: int) -> None:
    chance = random.Random(7)
    for _ in range(times):
        check(path, killed(path, chance.uniform(0.05, 0.8)))


def test_a_few_kills_lose_nothing(tmp_path: Path) -> None:
    kills(tmp_path / "twin.duckdb", 3)


@pytest.mark.long
def test_many_kills_lose_nothing(tmp_path: Path) -> None:
    kills(tmp_path / "twin.duckdb", 60)


def test_a_second_process_is_told_who_has_the_store(tmp_path: Path) -> None:
    store = DuckDBStore(tmp_path / "twin.duckdb")
    code = f"from twin.duckdb.store import DuckDBStore; DuckDBStore({str(tmp_path / 'twin.duckdb')!r})"
    root = Path(__file__).parents[3]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=root, check=False)
    store.close()
    assert done.returncode != 0
    assert StoreBusy.__name__ in done.stderr
    assert "is open in process" in done.stderr


def test_a_reopened_store_goes_on_counting(tmp_path: Path, clock: Clock) -> None:
    for n in range(1, 4):
        store = DuckDBStore(tmp_path / "twin.duckdb", now=clock)
        report = store.write(LAYER, [batch([{"id": f"a{n}"}])], delivered(day(2020), mode=Mode.UPSERT))
        assert report.commit == n
        assert store.count(query()) == n
        store.close()
