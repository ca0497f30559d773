"""A million footprints through `twin ingest`, end to end, and the same file again with a thousandth changed.

    python tests/bench/run.py ingest

Seconds are those of the whole command, with the start of its two processes (the one that reads the file, the
one that owns the store), the report and the closing of the store. Memory is resident memory, looked at fifty
times a second; pages that both processes share are counted twice.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from figures import Bench, Figure, below
from million import Memory, geopackage, ingested, town

SHARE = 0.001
MOST_MB = 2000


def run(quick: bool) -> Iterator[Figure]:
    """New, the same again, a thousandth changed."""
    count = 100_000 if quick else 1_000_000
    few = np.random.default_rng(11).choice(count, int(count * SHARE), replace=False)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        first = town(count)
        second = geopackage(folder / "town-2.gpkg", count, taller=few)
        yield Figure(
            what=f"the GeoPackage of {count:,} footprints", value=first.stat().st_size / 1e6, unit="MB"
        )
        warm(folder)
        yield from taken(folder / "home", first, "new", {"added": count})
        size = (folder / "home" / "twin.duckdb").stat().st_size / 1e6
        yield Figure(what="the store on disk", value=size, unit="MB")
        yield from taken(folder / "home", first, "the same again", {"unchanged": count})
        what = {"changed_attributes": len(few), "unchanged": count - len(few)}
        yield from taken(folder / "home", second, "0.1 % changed", what)


def warm(folder: Path) -> None:
    """Both processes once, so that their modules are compiled and on hand."""
    small = geopackage(folder / "small.gpkg", 100)
    ingested(folder / "small", str(small), "--layer", "buildings", "--column", "code=id")


def taken(home: Path, file: Path, name: str, expected: dict[str, int]) -> Iterator[Figure]:
    """One ingest and what it took; the report must say what the file holds."""
    options = ("--layer", "buildings", "--kind", "buildings", "--column", "code=id")
    report, seconds, memory = ingested(home, str(file), *options)
    wrong = {k: report[k] for k, v in expected.items() if report[k] != v}
    if wrong:
        raise AssertionError(f"{name}: expected {expected}, the report says {wrong}")
    yield Figure(what=f"{name}: the whole command", value=seconds, unit="s")
    yield Figure(what=f"{name}: processor time of both processes", value=memory.used, unit="s")
    yield Figure(what=f"{name}: rows", value=report["read"] / seconds, unit="rows/s")
    yield from resident(name, memory)


def resident(name: str, memory: Memory) -> Iterator[Figure]:
    """The peaks of each process and of all together."""
    for process, size in sorted(memory.each.items()):
        yield Figure(what=f"{name}: peak memory, {process}", value=size / 1e6, unit="MB")
    yield below(f"{name}: peak memory, together", memory.together / 1e6, "MB", MOST_MB)


BENCH = Bench(name="ingest", title="a million footprints through twin ingest", run=run)
