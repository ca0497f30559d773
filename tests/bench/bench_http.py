"""The doors under load, with links, time and rights, beside tipg and pygeoapi on PostGIS and fastgeoapi on GeoParquet.

    python tests/bench/run.py http

One worker and eight connections each, one server after the other, the same rows and the same random windows,
identifiers, filters and tiles. Every kind of answer is held against what numpy and shapely say before it is timed. A
hundredth of our rows has a past. It wants wrk (apt install wrk) and PostgreSQL with PostGIS
(apt install postgresql-15-postgis-3); what is not there is left out and said.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import mapbox_vector_tile
import numpy as np
import orjson
import psutil
from asking import LEVEL, Question, Speed, each_once, questions, wrk
from figures import Bench, Figure, PeerMissing
from million import ADDRESS, environment
from peers import PEERS, Peer, filled, free, running
from rectangles import USES, Rectangles, geopackage, rectangles

sys.path.append(str(Path(__file__).parents[1]))

SECONDS = 8
CHECKED = 5
"""Answers of each kind that are held against the truth."""
ITEMS = "/ogc/collections/buildings/items"
TILE = "/tiles/buildings/{z}/{x}/{y}.mvt"
GOALS = {"bbox, 100": 2.0, "bbox, 1000": 8.0, "by id": 1.5, "CQL2": 5.0, "tile, z14": 5.0, "tile, cold": 1.0}
"""How many times as fast as the best peer we want to be."""
UNSEEN = USES[4]
RULES = f"""
[[rule]]
role = "planner"
layers = "*"
rows = "use <> '{UNSEEN}'"
columns = {{ owner = "hidden" }}
"""


@dataclass(frozen=True, kw_only=True)
class Side:
    """A running server and how it is asked."""

    name: str
    address: str
    items: str
    tile: str
    processes: tuple[int, ...]
    """Who works for it: the server and, where there is one, its database."""
    headers: dict[str, str] = field(default_factory=dict)

    def used(self) -> float:
        """Processor seconds of all of them so far."""
        together = [psutil.Process(pid) for pid in self.processes]
        times = [p.cpu_times() for one in together for p in (one, *one.children(recursive=True))]
        return float(sum(t.user + t.system for t in times))

    def path(self, kind: str, question: Question) -> str:
        """The address of a question."""
        if not kind.startswith("tile"):
            return self.items + question.rest
        z, x, y = question.rest.split("/")
        return self.tile.format(z=z, x=x, y=y)


def run(quick: bool) -> Iterator[Figure]:
    """Both sizes; the peers, then we on DuckDB open and with rights, then we on PostGIS."""
    for count in (20_000,) if quick else (200_000, 1_000_000):
        with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
            yield from measured(count, Path(name), stack, 2 if quick else SECONDS)


def measured(count: int, folder: Path, stack: ExitStack, seconds: int) -> Iterator[Figure]:
    """One size."""
    town = rectangles(count)
    cluster = _cluster(stack)
    rates: dict[str, dict[str, float]] = {}
    for peer in PEERS:
        try:
            yield from _peer(peer, folder, cluster, town, seconds, rates)
        except PeerMissing as error:
            yield Figure(what=f"{peer.name} is left out", value=str(error)[-300:])
    best = {kind: max((r.get(kind, 0.0) for r in rates.values()), default=0.0) for kind in GOALS}
    on_postgis = {
        k: max((rates.get(n, {}).get(k, 0.0) for n in ("tipg", "pygeoapi")), default=0.0) for k in GOALS
    }
    yield from _ours(town, folder / "duckdb", seconds, None, best, GOALS)
    if cluster is not None:
        goals = dict.fromkeys(GOALS, 1.0)
        yield from _ours(town, folder / "postgis", seconds, cluster, on_postgis, goals)


def _cluster(stack: ExitStack) -> Any:
    """A PostgreSQL server of our own, None where there is none."""
    import pytest
    from postgres_support import running as cluster

    try:
        return stack.enter_context(cluster())
    except pytest.skip.Exception:
        return None


def database(cluster: Any, name: str) -> str:
    """The address of a new database."""
    cluster.run(f"CREATE DATABASE {name} TEMPLATE pattern")
    return str(cluster.url(name))


def _database(cluster: Any) -> tuple[int]:
    """The process of a PostgreSQL server."""
    return (int((cluster.folder / "data" / "postmaster.pid").read_text().split()[0]),)


def _peer(
    peer: Peer, folder: Path, cluster: Any, town: Rectangles, seconds: int, rates: dict[str, dict[str, float]]
) -> Iterator[Figure]:
    url = ""
    if peer.name != "fastgeoapi":
        if cluster is None:
            raise PeerMissing("no PostgreSQL with PostGIS")
        url = str(cluster.url("peers"))
        if not cluster.run("SELECT 1 FROM pg_database WHERE datname = 'peers'"):
            filled(database(cluster, "peers"), len(town))
    with running(peer, folder / peer.name, url, len(town)) as (address, pid):
        processes = (pid, *_database(cluster)) if url else (pid,)
        side = Side(name=peer.name, address=address, items=peer.items, tile=peer.tile, processes=processes)
        mine = rates.setdefault(peer.name, {})
        yield from timed(side, town, len(town), seconds, mine)


def _ours(
    town: Rectangles,
    home: Path,
    seconds: int,
    cluster: Any,
    against: dict[str, float],
    goals: dict[str, float],
) -> Iterator[Figure]:
    """Open, then the same with rights; each beside the best peer."""
    store = database(cluster, "twin") if cluster is not None else ""
    where = "PostGIS" if store else "DuckDB"
    _said(
        home, store, "ingest", str(geopackage(len(town), home.with_suffix(".gpkg"), edited=False)), *OPTIONS
    )
    edits = str(geopackage(len(town), home.with_suffix(".edits.gpkg"), edited=True))
    _said(home, store, "ingest", edits, *OPTIONS, "--mode", "upsert")
    for name, headers, seen in (
        (f"ours on {where}", {}, town),
        (f"ours on {where}, rights", {"X-API-Key": ""}, town.only(town.columns["use"] != UNSEEN)),
    ):
        if headers:
            (home / "rules.toml").write_text(RULES)
            made = _said(home, store, "key", "create", "bench", "--role", "planner", "--json")
            headers["X-API-Key"] = orjson.loads(made)["secret"]
        rates: dict[str, float] = {}
        with _served(home, store) as (address, pid):
            processes = (pid, *_database(cluster)) if store else (pid,)
            side = Side(
                name=name, address=address, items=ITEMS, tile=TILE, processes=processes, headers=headers
            )
            yield from timed(side, seen, len(town), seconds, rates)
            bodies = _bodies(side, seen, len(town))
        for kind, rate in rates.items():
            if against.get(kind):
                ratio, least = rate / against[kind], goals[kind]
                what = f"{name}, {len(town):,} rows: {kind}, times the best peer"
                yield Figure(what=what, value=ratio, unit="×", goal=f"≥ {least:g}", met=ratio >= least)
        if not headers and not store:
            yield from shares(bodies, rates, home / "constant", seconds, len(town))


OPTIONS = ("--layer", "buildings", "--kind", "buildings", "--column", "code=id")


def timed(
    side: Side, town: Rectangles, count: int, seconds: int, rates: dict[str, float]
) -> Iterator[Figure]:
    """Each kind of question: checked, then timed."""
    for kind, asked in questions(town, count).items():
        if kind.startswith("tile") and not side.tile:
            continue
        what = f"{side.name}, {count:,} rows: {kind}"
        # A peer that takes many seconds for a tile is asked for few.
        slow = side.name == "pygeoapi" and kind.startswith("tile")
        checked = 1 if slow else CHECKED
        for question in asked[:checked]:
            check(side, kind, question, town)
        paths = [side.path(kind, q) for q in asked]
        if kind.startswith("tile"):
            # Those checked above are in a cache.
            rates["tile, cold"] = each_once(side.address, paths[checked : 9 if slow else 400], side.headers)
            yield Figure(what=f"{what}, cold", value=rates["tile, cold"], unit="/s")
            if slow:
                continue
            each_once(side.address, paths[:400], side.headers)
            paths = paths[:400]
        used = side.used()
        speed = wrk(side.address, paths, seconds, side.headers)
        each = 1000 * (side.used() - used) / max(speed.answers, 1)
        rates[kind] = speed.rate
        yield from told(what, speed, each)


def told(what: str, speed: Speed, each: float) -> Iterator[Figure]:
    """The figures of a run, with the load of the machine; processor time depends less on that."""
    seen = f"p50 {speed.p50:.1f}, p99 {speed.p99:.0f} ms, load {os.getloadavg()[0]:.1f}"
    yield Figure(what=f"{what} ({seen})", value=speed.rate, unit="/s")
    yield Figure(what=f"{what}, processor time each", value=each, unit="ms")
    if speed.wrong:
        yield Figure(what=f"{what}: answers that were none", value=speed.wrong, goal="0", met=False)


def check(side: Side, kind: str, question: Question, town: Rectangles) -> None:
    """An answer against the truth.

    Raises:
        AssertionError: it is another.
    """
    path = side.path(kind, question)
    answer = httpx2.get(side.address + path, headers=side.headers, timeout=120).raise_for_status()
    if kind.startswith("tile"):
        _check_tile(path, answer.content, question, town)
        return
    found = answer.json()
    if kind == "by id":
        row = int(np.searchsorted(town.columns["code"], question.rest[1:]))
        said = (found["id"], found["properties"]["height"], found["properties"]["name"])
        wanted = tuple(town.columns[n][row] for n in ("code", "height", "name"))
        ring = np.array(found["geometry"]["coordinates"][0])
        same = np.allclose(ring, np.array(town.shapes[row].exterior.coords), rtol=0, atol=1e-6)
        assert said == wanted, (path, said, wanted)
        assert same, (path, ring)
        return
    counts = found["numberMatched"], found["numberReturned"], len({f["id"] for f in found["features"]})
    assert counts == (question.matched, question.returned, question.returned), (path, counts, question)


def _check_tile(path: str, body: bytes, question: Question, town: Rectangles) -> None:
    """Every rectangle whose middle lies within the tile is in it."""
    (layer,) = mapbox_vector_tile.decode(body).values()
    drawn = {f["properties"].get("code") or f["properties"].get("id") for f in layer["features"]}
    _, x, y = map(int, question.rest.split("/"))
    west, east = ((x + n) / 2**LEVEL * 360 - 180 for n in (0, 1))
    north, south = (np.degrees(np.arctan(np.sinh(np.pi * (1 - 2 * (y + n) / 2**LEVEL)))) for n in (0, 1))
    middles = town.middles
    inside = (
        (middles[:, 0] > west) & (middles[:, 0] < east) & (middles[:, 1] > south) & (middles[:, 1] < north)
    )
    missing = set(town.columns["code"][inside]) - drawn
    assert not missing, (path, len(missing), int(inside.sum()))


def _bodies(side: Side, town: Rectangles, count: int) -> dict[str, bytes]:
    """An answer of each kind as it goes over the wire."""
    asked = questions(town, count)
    return {
        kind: httpx2.get(side.address + side.path(kind, qs[0]), headers=side.headers, timeout=60).content
        for kind, qs in asked.items()
    }


def shares(
    bodies: dict[str, bytes], rates: dict[str, float], folder: Path, seconds: int, count: int
) -> Iterator[Figure]:
    """What part each kind gets of what the same server gives when the bytes are a constant."""
    folder.mkdir()
    names = {kind: str(n) for n, kind in enumerate(bodies)}
    for kind, body in bodies.items():
        (folder / names[kind]).write_bytes(body)
    port = free()
    command = [sys.executable, str(Path(__file__).with_name("constant.py")), str(port), str(folder)]
    with subprocess.Popen(command) as process:
        try:
            address = f"http://127.0.0.1:{port}"
            _open(address)
            for kind, name in names.items():
                limit = wrk(address, [f"/{name}"], max(seconds // 2, 1), {}).rate
                what = f"constant, {count:,} rows: {kind}, {len(bodies[kind]):,} bytes"
                yield Figure(what=what, value=limit, unit="/s")
                yield Figure(
                    what=f"ours on DuckDB: {kind}, of that", value=100 * rates[kind] / limit, unit="%"
                )
        finally:
            process.terminate()


def _open(address: str) -> None:
    for _ in range(200):
        try:
            httpx2.get(f"{address}/0")
        except httpx2.TransportError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError(f"{address} does not open")


def _said(home: Path, store: str, *words: str) -> bytes:
    """What a command of ours prints."""
    done = subprocess.run(
        [sys.executable, "-m", "api.cli", *words],
        env={**environment(home), "TWIN_STORE": store},
        capture_output=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError((done.stderr or done.stdout).decode()[-1000:])
    return done.stdout


@contextmanager
def _served(home: Path, store: str) -> Iterator[tuple[str, int]]:
    """A server of ours that has come to rest (a large layer is indexed for the search at first)."""
    command = [sys.executable, "-u", "-m", "api.cli", "serve", "--port", "0"]
    surroundings = {**environment(home), "TWIN_STORE": store}
    with subprocess.Popen(
        command, env=surroundings, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout is not None
        try:
            found = next((m for line in process.stdout if (m := ADDRESS.search(line))), None)
            if found is None:
                raise RuntimeError("the server did not start")
            watched = psutil.Process(process.pid)
            start = time.perf_counter()
            while time.perf_counter() - start < 300 and (watched.cpu_percent(1.0) > 5 or watched.children()):
                continue
            yield found[1], process.pid
        finally:
            process.terminate()
            process.wait(30)


BENCH = Bench(name="http", title="OGC API Features and tiles over HTTP, beside peers", run=run)
