"""One edited building in a layer of a million that has seen twenty rounds of edits, through a running server.

    python tests/bench/run.py edits

The layer goes in through the server; each round is a file of scattered buildings with other heights, taken by
`twin ingest --mode upsert`. Then single buildings are edited: a file of one row is read here, its frames go to
the server's socket (what the command does once it has started), and a client that knows the old tileset asks for
what is new to it until it holds the content with the edited building. Window queries are items over HTTP.
"""

from __future__ import annotations

import json
import re
import socket
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import numpy as np
import psutil
from bench_ingest import resident, warm
from figures import Bench, Figure, below
from million import geopackage, ingested, served, town, windows

from pipelines import frames
from pipelines.reading import Request, prepare
from twin.model import Mode

ROUNDS = 20
SINGLE = 10
IDLE = 5
"""Percent of a processor."""
PATIENCE = 300
WINDOWS = 20
OPTIONS = ("--layer", "buildings", "--kind", "buildings", "--column", "code=id")
SIZES = {"small": 300, "medium": 1000}
"""Metres along a side of a window."""


def run(quick: bool) -> Iterator[Figure]:
    """In, windows, twenty rounds, windows again, single edits."""
    count, edits, times = (5_000, 50, 1) if quick else (1_000_000, 1_000, ROUNDS)
    random = np.random.default_rng(3)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        warm(folder)
        (folder / "home").mkdir()
        with served(folder / "home") as (client, server):
            report, seconds, memory = ingested(folder / "home", str(town(count)), *OPTIONS, server=server)
            yield Figure(what="in through a running server", value=report["read"] / seconds, unit="rows/s")
            yield from resident("in through a running server", memory)
            yield Figure(what="then the search index, in the background", value=rested(server), unit="s")
            start = time.perf_counter()
            known, _ = fetched(client, set(), contents=False)
            yield Figure(what=f"the whole tileset: {len(known)} addresses", value=since(start), unit="s")
            yield from queried(client, server, count, "before")
            # Nobody is edited twice: the same edit again would change nothing.
            everybody = random.permutation(count)
            several = everybody[: times * edits].reshape(times, edits)
            rounds = [upserted(folder, count, which) for which in several]
            yield Figure(what=f"a round of {edits:,} edits, the command", value=median(rounds), unit="s")
            start = time.perf_counter()
            known |= fetched(client, known, contents=False)[0]
            yield Figure(what=f"the tileset after {times} rounds", value=since(start), unit="s")
            rested(server)
            yield from queried(client, server, count, f"after {times} rounds")
            yield from single(client, server, folder, count, known, everybody[-SINGLE - 1 :])


def single(
    client: httpx2.Client, server: int, folder: Path, count: int, known: set[str], which: np.ndarray
) -> Iterator[Figure]:
    """Edits of one building each; the first with the whole command, at the end."""
    commits, totals, made, documents = [], [], [], []
    used = processor(server)
    for number in which[1:].tolist():
        file = one(folder, count, number)
        start = time.perf_counter()
        sent(folder / "home", file)
        commits.append(since(start))
        news, bodies = fetched(client, known, contents=True)
        totals.append(since(start))
        if not any(f"B{number:07}".encode() in body for body in bodies):
            raise AssertionError(f"no new content holds B{number:07}")
        contents = sum(uri.endswith(".glb") for uri in news)
        made.append(contents)
        documents.append(len(news) - contents + 1)
        known |= news
    spent = 1000 * (processor(server) - used) / SINGLE
    file = one(folder, count, int(which[0]))
    start = time.perf_counter()
    ingested(folder / "home", str(file), *OPTIONS, "--mode", "upsert", "--source", "edits")
    fetched(client, known, contents=True)
    command = since(start)
    yield Figure(what="one edit: read, sent, committed (median)", value=1000 * median(commits), unit="ms")
    yield below("one edit: until its new tile is here (median)", 1000 * median(totals), "ms", 1000)
    yield below("one edit: until its new tile is here (longest)", 1000 * max(totals), "ms", 1000)
    yield Figure(what="one edit: the server's processor time", value=spent, unit="ms")
    yield Figure(what="one edit: the same with the start of twin ingest", value=1000 * command, unit="ms")
    yield below("one edit: contents made again, at most", max(made), "tiles", 6)
    yield Figure(what="one edit: tileset JSON made again, at most", value=max(documents), unit="files")


def one(folder: Path, count: int, number: int) -> Path:
    """A file with one building, taller."""
    path = folder / f"one-{number}.gpkg"
    rows = np.array([number])
    return path if path.exists() else geopackage(path, count, only=rows, taller=rows)


def upserted(folder: Path, count: int, which: np.ndarray) -> float:
    """Seconds of a round of edits."""
    path = folder / "round.gpkg"
    path.unlink(missing_ok=True)
    geopackage(path, count, only=np.sort(which), taller=which)
    edit = ("--mode", "upsert", "--source", "edits")
    report, seconds, _ = ingested(folder / "home", str(path), *OPTIONS, *edit)
    if report["changed_attributes"] + report["unchanged"] != len(which):
        raise AssertionError(f"{len(which)} edits, the report says {report}")
    return seconds


def sent(home: Path, file: Path) -> None:
    """Read a file here and hand it to the server, as `twin ingest` does."""
    request = Request(
        paths=(str(file),),
        layer="buildings",
        kind="buildings",
        columns={"id": "code"},
        mode=Mode.UPSERT,
        source="edits",
    )
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.connect(str(home / "twin.sock"))
        for part in frames.encode(prepare(request)):
            connection.sendall(part)
        with connection.makefile("rb") as answers:
            while frames.read(answers)[0] != b"Z":
                pass


def fetched(client: httpx2.Client, known: set[str], *, contents: bool) -> tuple[set[str], list[bytes]]:
    """What a client that knows some addresses finds new: addresses, and the contents where they are wanted."""
    found: set[str] = set()
    bodies: list[bytes] = []
    waiting = ["/tiles/buildings/tileset.json"]
    while waiting:
        said = client.get(waiting.pop()).raise_for_status().content
        news = {uri.decode() for uri in re.findall(rb'"uri":"([^"]+)"', said)} - known - found
        found |= news
        waiting += [uri for uri in news if uri.endswith(".json")]
        if contents:
            tiles = [uri for uri in news if uri.endswith(".glb")]
            bodies += [client.get(uri).raise_for_status().content for uri in tiles]
    return found, bodies


def queried(client: httpx2.Client, server: int, count: int, when: str) -> Iterator[Figure]:
    """Items in small and medium windows, a thousand at most."""
    for name, metres in SIZES.items():
        waits, matched, used = [], [], processor(server)
        for window in windows(count, metres, WINDOWS):
            start = time.perf_counter()
            answer = client.get(f"/ogc/collections/buildings/items?limit=1000&bbox={window}")
            waits.append(since(start))
            matched.append(json.loads(answer.raise_for_status().content)["numberMatched"])
        what = f"{name} window {when}, {np.median(matched):,.0f} matched"
        yield Figure(what=f"{what}, p50", value=1000 * median(waits), unit="ms")
        yield Figure(what=f"{what}, p95", value=1000 * float(np.percentile(waits, 95)), unit="ms")
        spent = 1000 * (processor(server) - used) / WINDOWS
        yield Figure(what=f"{what}, the server's processor time", value=spent, unit="ms")


def processor(server: int) -> float:
    """Processor seconds of the server so far."""
    used = psutil.Process(server).cpu_times()
    return float(used.user + used.system)


def rested(server: int) -> float:
    """Seconds until the server has nothing to do any more and has no process at work (at most five minutes)."""
    process, start = psutil.Process(server), time.perf_counter()
    while (process.cpu_percent(1.0) > IDLE or process.children()) and since(start) < PATIENCE:
        continue
    return since(start)


def since(start: float) -> float:
    """Seconds."""
    return time.perf_counter() - start


def median(values: list[float]) -> float:
    """The middle one."""
    return float(np.median(values))


BENCH = Bench(name="edits", title="one building in a million, after twenty rounds of edits", run=run)
