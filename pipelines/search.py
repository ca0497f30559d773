"""The index of names and ids: SQLite FTS5 over pairs of characters, so that two-character words are found.

What is said by its sound is looked up among the pairs that occur, which are few, and found by those.
"""

from __future__ import annotations

import itertools
import logging
import queue
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO, cast

import pyarrow as pa

from layers.kind import Kind
from pipelines import sounds
from pipelines.indexing import DETAILS, NUMBER, ROADS, entries, forget, grams, insert, took
from pipelines.ranking import Wanted, hit, score, wanted
from twin import registry
from twin.errors import LayerNotFound
from twin.model import Change, LayerState, Query
from twin.policy import Policy
from twin.store import Store

EDITION = 2
"""Of the tables; an index of another one is made anew."""
TABLES = ("entry", "done", "grams", "heard", "road")
SCHEMA = (
    """CREATE TABLE IF NOT EXISTS entry (
  number INTEGER PRIMARY KEY, layer TEXT, id TEXT, title TEXT, detail TEXT, lon REAL, lat REAL, key TEXT)""",
    "CREATE INDEX IF NOT EXISTS entry_id ON entry (layer, id)",
    "CREATE INDEX IF NOT EXISTS entry_key ON entry (key)",
    "CREATE TABLE IF NOT EXISTS done (layer TEXT PRIMARY KEY, version INTEGER)",
    "CREATE VIRTUAL TABLE IF NOT EXISTS grams USING fts5 (pairs, detail='none')",
    # Readings of two neighbouring characters, and the token that the pair has among the grams.
    """CREATE TABLE IF NOT EXISTS heard (
  one TEXT, other TEXT, token TEXT, PRIMARY KEY (one, other, token)) WITHOUT ROWID""",
    "CREATE TABLE IF NOT EXISTS road (name TEXT, layer TEXT, id TEXT, PRIMARY KEY (name, layer, id)) WITHOUT ROWID",
    "CREATE INDEX IF NOT EXISTS road_id ON road (layer, id)",
)
CANDIDATES = 500
EVERY = -1
"""No limit: what is hidden must not take the places of what is seen."""
PAGE = 100_000
MANY = 20_000
"""A layer with more rows is indexed by a process of its own: beside so much work in Python requests would wait."""
log = logging.getLogger(__name__)


class Index:
    """The index of one home; readers ask it from any thread, one thread of its own follows the feed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        with closing(self._connect()) as db:
            _prepare(db)
        self._work: queue.Queue[Change | None] = queue.Queue()
        self._thread: threading.Thread | None = None
        self._child: subprocess.Popen[bytes] | None = None
        self._over = False

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(self.path, timeout=30)

    def follow(self, store: Store) -> Callable[[], None]:
        """Index what is behind and, from then on, each change; returns what stops it."""
        stop = store.listen(self._work.put)
        self._thread = threading.Thread(target=self._run, args=(store,), name="search", daemon=True)
        self._thread.start()

        def end() -> None:
            stop()
            self._over = True
            if child := self._child:
                child.kill()
            self._work.put(None)
            if self._thread:
                self._thread.join(10)

        return end

    def _run(self, store: Store) -> None:
        for state in store.layers(Policy.open()):
            if self._over:
                return
            self._catch_up(store, state.layer.id, state.version)
        while (change := self._work.get()) is not None:
            if change.kind in ("rows", "layer") and change.count:
                self.update(store, change.layer, change.ids, change.version)

    def _catch_up(self, store: Store, layer: str, version: int) -> None:
        with closing(self._connect()) as db:
            row = db.execute("SELECT version FROM done WHERE layer = ?", (layer,)).fetchone()
        if row is None or row[0] < version:
            self.update(store, layer, None, version)

    def update(self, store: Store, layer: str, ids: Sequence[str] | None, version: int) -> None:
        """Take a layer's rows anew: all of them, or those of the ids."""
        try:
            state = store.layer(layer, Policy.open())
        except LayerNotFound:
            return
        kind = _kind(state.layer.kind)
        roads = kind.name == ROADS
        wanted = (kind.label, *DETAILS, *([NUMBER] if roads else []))
        columns = tuple(c.name for c in state.layer.columns if c.name in wanted)
        query = Query(layer=layer, policy=Policy.open(), columns=columns, ids=tuple(ids) if ids else None)
        if ids is None and state.count > MANY:
            self._aside(_pages(store, query), [layer, kind.label, str(version), *([ROADS] if roads else [])])
            return
        with closing(self._connect()) as db, db:
            forget(db, layer, ids)
            for table in _pages(store, query):
                insert(db, layer, kind.label, table, roads=roads)
            took(db, layer, version)

    def _aside(self, pages: Iterable[pa.Table], said: Sequence[str]) -> None:
        """Have a process of its own take a layer's rows; a stop of the server stops it, and nothing is kept."""
        words = [sys.executable, "-m", "pipelines.indexing", str(self.path), *said]
        with subprocess.Popen(words, stdin=subprocess.PIPE) as process:
            self._child = process
            try:
                _sent(pages, cast("BinaryIO", process.stdin))
            except OSError:
                process.kill()
        self._child = None
        if process.returncode and not self._over:
            log.error(
                "the search index of layer %s could not be made; it is tried again at the next start", said[0]
            )

    def search(
        self, text: str, limit: int, layers: Iterable[str], *, seen: Seen | None = None
    ) -> list[dict[str, Any]]:
        """The best hits for what somebody typed, in layers that they may see.

        Args:
            text: what was typed.
            limit: how many hits.
            layers: where.
            seen: the store and policy of who asks, where there are rules: what is found in the index is
                then looked at as they see it, and is a hit only if that still fits.
        """
        asked = wanted(text)
        if not asked.text:
            return []
        most = CANDIDATES if seen is None else EVERY
        with closing(self._connect()) as db:
            rows = list(dict.fromkeys(_candidates(db, asked, most)))
        allowed = set(layers)
        rows = [r for r in rows if r[0] in allowed]
        if seen is not None:
            rows = seen.rows(rows)
        hits = [hit(r, asked, points) for r in rows if (points := score(r, asked)) is not None]
        return sorted(hits, key=lambda h: (-h["score"], len(h["title"]), h["title"], h["id"]))[:limit]

    def roads(self, names: Sequence[str]) -> Mapping[str, Sequence[tuple[str, str]]]:
        """Layer and id of the rows that have a name, of folded names that any row has."""
        out: dict[str, list[tuple[str, str]]] = {}
        with closing(self._connect()) as db:
            for name in names:
                rows = db.execute("SELECT layer, id FROM road WHERE name = ?", (name,)).fetchall()
                if rows:
                    out[name] = rows
        return out

    def roads_from(self, starts: Sequence[str]) -> Mapping[str, Sequence[str]]:
        """Folded names of roads by their beginnings."""
        sql = "SELECT DISTINCT name FROM road WHERE name >= ? AND name < ? ORDER BY name"
        with closing(self._connect()) as db:
            found = {start: db.execute(sql, (start, _after(start))).fetchall() for start in starts}
        return {start: [name for (name,) in rows] for start, rows in found.items() if rows}


def _prepare(db: sqlite3.Connection) -> None:
    """Make the tables; those of another edition are dropped, so that every layer is behind and indexed again."""
    db.execute("PRAGMA journal_mode = WAL")
    db.isolation_level = None
    db.execute("BEGIN IMMEDIATE")
    if db.execute("PRAGMA user_version").fetchone()[0] != EDITION:
        for table in TABLES:
            db.execute(f"DROP TABLE IF EXISTS {table}")
        db.execute(f"PRAGMA user_version = {EDITION}")
    for statement in SCHEMA:
        db.execute(statement)
    db.execute("COMMIT")


def _kind(name: str) -> Kind:
    found = cast("dict[str, Kind]", registry.entries("layers", "KIND"))
    return found.get(name, found["features"])


def _sent(pages: Iterable[pa.Table], to: BinaryIO) -> None:
    """Pages as an Arrow stream that ends with an empty batch, so that a stream cut short is told from a whole one."""
    every = iter(pages)
    first = next(every)
    with to, pa.ipc.new_stream(to, first.schema) as stream:
        for page in itertools.chain([first], every):
            stream.write_table(page)
        stream.write_batch(pa.RecordBatch.from_pylist([], schema=first.schema))


def _pages(store: Store, query: Query) -> Iterator[pa.Table]:
    after: tuple[str, ...] | None = None
    while True:
        table = store.read(replace(query, limit=PAGE, after=after))
        yield table
        if len(table) < PAGE:
            return
        after = (table["id"][-1].as_py(),)


FIELDS = "layer, id, title, detail, lon, lat"


def _candidates(db: sqlite3.Connection, asked: Wanted, most: int) -> Iterator[Any]:
    """Rows that may fit: by id, by what is written, by number, by sound."""
    yield from _exact(db, asked.text, most)
    if len(asked.text) == 1:
        yield from _single(db, asked.text, most)
    else:
        yield from _matching(db, grams(asked.text), most)
    if asked.number:
        yield from _matching(db, f"{grams(asked.number.estate)} {grams(asked.number.number)}", most)
    if asked.sound:
        yield from _sounding(db, asked.sound, most)


def _exact(db: sqlite3.Connection, wanted: str, most: int) -> list[Any]:
    sql = f"SELECT {FIELDS} FROM entry WHERE key >= ? AND key < ? ORDER BY key LIMIT ?"
    return db.execute(sql, (wanted, _after(wanted), most)).fetchall()


def _after(start: str) -> str:
    """The first text behind all that begin so."""
    return start[:-1] + chr(min(ord(start[-1]) + 1, 0x10FFFF))


def _matching(db: sqlite3.Connection, tokens: str, most: int) -> list[Any]:
    sql = f"""SELECT {FIELDS} FROM entry WHERE number IN
              (SELECT rowid FROM grams WHERE grams MATCH ? LIMIT ?)"""
    return db.execute(sql, (tokens, most)).fetchall()


def _single(db: sqlite3.Connection, wanted: str, most: int) -> list[Any]:
    sql = f"SELECT {FIELDS} FROM entry WHERE title LIKE ? ESCAPE '\\' LIMIT ?"
    escaped = wanted.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return db.execute(sql, (f"{escaped}%", most)).fetchall()


def _sounding(db: sqlite3.Connection, sound: str, most: int) -> Iterator[Any]:
    """Rows that hold, for each two neighbouring units of what was typed, a pair that sounds so."""
    heard = cache(lambda one, other: _heard(db, one, other))
    count = 0
    for units in sounds.ways(sound):
        if 0 <= most <= count:
            return
        steps = itertools.pairwise(units) if len(units) > 1 else [(units[0], "*"), ("*", units[0])]
        pairs = [heard(one, other) for one, other in steps]
        said = f" {'AND' if len(units) > 1 else 'OR'} ".join(f"({' OR '.join(p)})" for p in pairs if p)
        if not said or (len(units) > 1 and not all(pairs)):
            continue
        rows = _matching(db, said, most)
        count += len(rows)
        yield from rows


def _heard(db: sqlite3.Connection, one: str, other: str) -> list[str]:
    """Tokens of the pairs that sound like two units; two characters are their own as well."""
    plain = one.removesuffix("*") + other.removesuffix("*")
    own = [grams(plain)] if len(plain) == 2 else []
    conditions, values = zip(_like("one", one), _like("other", other), strict=True)
    sql = f"SELECT DISTINCT token FROM heard WHERE {conditions[0]} AND {conditions[1]}"
    return own + [token for (token,) in db.execute(sql, [v for given in values for v in given])]


def _like(column: str, unit: str) -> tuple[str, list[str]]:
    """A condition on a reading, and its values: a unit, or with `*` what begins with it."""
    start = unit.removesuffix("*")
    if not unit.endswith("*"):
        return f"{column} = ?", [start]
    return (f"{column} >= ? AND {column} < ?", [start, _after(start)]) if start else ("1", [])


@dataclass(frozen=True, kw_only=True)
class Seen:
    """A store as somebody sees it."""

    store: Store
    policy: Policy

    def rows(self, found: list[Any]) -> list[Any]:
        """Rows of the index as they are seen: title, detail and place from what may be seen alone."""
        out: dict[tuple[str, str], Any] = {}
        for layer in dict.fromkeys(r[0] for r in found):
            state = self.store.layer(layer, self.policy)
            ids = tuple(dict.fromkeys(r[1] for r in found if r[0] == layer))
            out |= {(layer, r[1]): r for r in self._layer(state, ids)}
        return [out[r[0], r[1]] for r in found if (r[0], r[1]) in out]

    def _layer(self, state: LayerState, ids: tuple[str, ...]) -> Iterator[Any]:
        label = _kind(state.layer.kind).label
        columns = tuple(c.name for c in state.layer.columns if c.name in (label, *DETAILS))
        query = Query(layer=state.layer.id, policy=self.policy, columns=columns, ids=ids)
        table = self.store.read(query)
        for entry in entries(table, label):
            key, title, detail, lon, lat = entry
            yield (state.layer.id, key, title, detail, lon, lat)
