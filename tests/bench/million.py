"""What the benches of a large layer share: the file, processes watched while they work, a running server."""

from __future__ import annotations

import os
import re
import resource
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from inspect import getsource
from pathlib import Path
from typing import Self

import httpx2
import numpy as np
import orjson
import psutil
import pyogrio
import shapely
from bench_buildings import SOUTH, WEST, footprints, side
from figures import ENVIRONMENTS

ADDRESS = re.compile(r"(http://127\.0\.0\.1:\d+)")
TICK = 0.02
"""Seconds between two looks at the memory."""


buildings = lru_cache(maxsize=1)(footprints)
"""A town is made once for the files of all rounds."""


def geopackage(
    path: Path, count: int, *, only: np.ndarray | None = None, taller: np.ndarray | None = None
) -> Path:
    """A town's footprints as a GeoPackage: all or only some rows; some of them 1.5 m taller."""
    shapes, heights = buildings(count)
    rows = np.arange(count) if only is None else only
    raised = heights.copy()
    raised[[] if taller is None else taller] += 1.5
    fields = {
        "code": np.array([f"B{i:07}" for i in rows], object),
        "name": np.array([f"楼{i}" for i in rows], object),
        "height": np.round(raised[rows], 2),
        "storeys": np.maximum(heights[rows] // 3, 1).astype(np.int32),
        "use": np.where(rows % 7, "residential", "office").astype(object),
    }
    save(path, np.asarray(shapely.to_wkb(shapes[rows]), object), fields)
    return path


def town(count: int) -> Path:
    """All of a town's footprints, kept from run to run (by the code that makes them)."""
    version = zlib.crc32((getsource(footprints) + getsource(geopackage)).encode())
    path = ENVIRONMENTS / f"town-{count}-{version:08x}.gpkg"
    if not path.exists():
        ENVIRONMENTS.mkdir(parents=True, exist_ok=True)
        geopackage(path.with_suffix(".part.gpkg"), count).replace(path)
    return path


def save(path: Path, shapes: np.ndarray, fields: dict[str, np.ndarray]) -> None:
    """Rows as a GeoPackage of polygons in WGS 84."""
    pyogrio.raw.write(
        path,
        geometry=shapes,
        field_data=list(fields.values()),
        fields=list(fields),
        geometry_type="Polygon",
        crs="EPSG:4326",
        driver="GPKG",
        layer="buildings",
    )


def environment(home: Path) -> dict[str, str]:
    """The environment of a process of ours: compiled modules are kept, as they are wherever it is installed."""
    given = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    return {**given, "TWIN_HOME": str(home), "PYTHONPYCACHEPREFIX": str(ENVIRONMENTS / "bytecode")}


def named(words: list[str]) -> str:
    """What a process of ours runs: its subcommand, or the module of a process beside it."""
    module = words[words.index("-m") + 1]
    return words[words.index("-m") + 2] if module == "api.cli" else module.removeprefix("pipelines.")


class Memory:
    """The memory of a process and of those that it starts, looked at while inside."""

    def __init__(self, *roots: int) -> None:
        self._roots = roots
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.together = 0
        """Bytes: the largest sum of resident memory at one moment."""
        self.used = 0.0
        """Processor seconds of what was started."""
        self.each: dict[str, int] = {}
        """Bytes: the largest resident memory of each process, by what it runs."""

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(TICK):
            total = 0
            for process in self._processes():
                with suppress(psutil.Error, IndexError, ValueError):  # gone, or not ours
                    words, size = process.cmdline(), process.memory_info().rss
                    name = named(words)
                    self.each[name] = max(self.each.get(name, 0), size)
                    total += size
            self.together = max(self.together, total)

    def _processes(self) -> Iterator[psutil.Process]:
        for root in self._roots:
            with suppress(psutil.Error):
                process = psutil.Process(root)
                yield process
                yield from process.children(recursive=True)


def ingested(home: Path, *arguments: str, server: int | None = None) -> tuple[dict[str, int], float, Memory]:
    """`twin ingest` with its report, seconds from start to end, and the memory it took (the server's, too)."""
    command = [sys.executable, "-m", "api.cli", "ingest", *arguments, "--json"]
    start, used = time.perf_counter(), children()
    pipe = subprocess.PIPE
    with (
        subprocess.Popen(command, env=environment(home), stdout=pipe, stderr=pipe) as process,
        Memory(process.pid, *([server] if server else [])) as memory,
    ):
        out, err = process.communicate()
    seconds, memory.used = time.perf_counter() - start, children() - used
    if process.returncode:
        raise RuntimeError((err or out).decode()[-1000:])
    return orjson.loads(out)[0], seconds, memory


def children() -> float:
    """Processor seconds of all children that ended, and of theirs."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@contextmanager
def served(home: Path) -> Iterator[tuple[httpx2.Client, int]]:
    """A server of a home, as `twin serve` runs it: a client of it and its process."""
    command = [sys.executable, "-u", "-m", "api.cli", "serve", "--port", "0"]
    with subprocess.Popen(
        command, env=environment(home), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout is not None
        try:
            found = next((m for line in process.stdout if (m := ADDRESS.search(line))), None)
            if found is None:
                raise RuntimeError("the server did not start")
            threading.Thread(target=process.stdout.read, daemon=True).start()
            with httpx2.Client(base_url=found[1], timeout=120) as client:
                yield client, process.pid
        finally:
            process.terminate()
            process.wait(30)


def windows(count: int, metres: float, number: int, seed: int = 5) -> list[str]:
    """Windows of so many metres a side, somewhere in the town, as `bbox` values."""
    low = np.random.default_rng(seed).uniform(0.001, side(count) - metres / 86_000, (number, 2))
    low += [WEST, SOUTH]
    high = low + np.array([metres / 86_000, metres / 111_000])
    return [",".join(f"{v:.6f}" for v in (*a, *b)) for a, b in zip(low, high, strict=True)]
