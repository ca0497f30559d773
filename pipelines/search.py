"""The index of names and ids: SQLite FTS5 over pairs of characters, so that two-character words are found."""

from __future__ import annotations

import itertools
import logging
import queue
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO, cast

import pyarrow as pa

from layers.kind import Kind
from pipelines.indexing import DETAILS, entries, fold, forget, grams, insert, took
from twin import registry
from twin.errors import LayerNotFound
from twin.model import Change, LayerState, Query
from twin.policy import Policy
from twin.store import Store

SCHEMA = """
PRAGMA journal_mode = WAL;
CREATE TABLE IF NOT EXISTS entry (
  number INTEGER PRIMARY KEY, layer TEXT, id TEXT, title TEXT, detail TEXT, lon REAL, lat REAL, key TEXT);
CREATE INDEX IF NOT EXISTS entry_id ON entry (layer, id);
CREATE INDEX IF NOT EXISTS entry_key ON entry (key);
CREATE TABLE IF NOT EXISTS done (layer TEXT PRIMARY KEY, version INTEGER);
CREATE VIRTUAL TABLE IF NOT EXISTS grams USING fts5 (pairs, detail='none');
"""
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
            db.executescript(SCHEMA)
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
        wanted = (kind.label, *DETAILS)
        columns = tuple(c.name for c in state.layer.columns if c.name in wanted)
        query = Query(layer=layer, policy=Policy.open(), columns=columns, ids=tuple(ids) if ids else None)
        if ids is None and state.count > MANY:
            self._aside(_pages(store, query), layer, kind.label, version)
            return
        with closing(self._connect()) as db, db:
            forget(db, layer, ids)
            for table in _pages(store, query):
                insert(db, layer, kind.label, table)
            took(db, layer, version)

    def _aside(self, pages: Iterable[pa.Table], layer: str, label: str, version: int) -> None:
        """Have a process of its own take a layer's rows; a stop of the server stops it, and nothing is kept."""
        words = [sys.executable, "-m", "pipelines.indexing", str(self.path), layer, label, str(version)]
        with subprocess.Popen(words, stdin=subprocess.PIPE) as process:
            self._child = process
            try:
                _sent(pages, cast("BinaryIO", process.stdin))
            except OSError:
                process.kill()
        self._child = None
        if process.returncode and not self._over:
            log.error(
                "the search index of layer %s could not be made; it is tried again at the next start", layer
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
        wanted = fold(text)
        if not wanted:
            return []
        most = CANDIDATES if seen is None else EVERY
        with closing(self._connect()) as db:
            rows = _exact(db, wanted, most) + (_grams if len(wanted) > 1 else _single)(db, wanted, most)
        allowed = set(layers)
        rows = [r for r in rows if r[0] in allowed]
        if seen is not None:
            rows = [r for r in seen.rows(rows) if fits(r, wanted)]
        hits = {(r[0], r[1]): hit(r, wanted) for r in rows}
        return sorted(hits.values(), key=lambda h: (-h["score"], len(h["title"]), h["title"], h["id"]))[
            :limit
        ]


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


def _exact(db: sqlite3.Connection, wanted: str, most: int) -> list[Any]:
    last = wanted[:-1] + chr(min(ord(wanted[-1]) + 1, 0x10FFFF))
    sql = f"SELECT {FIELDS} FROM entry WHERE key >= ? AND key < ? ORDER BY key LIMIT ?"
    return db.execute(sql, (wanted, last, most)).fetchall()


def _grams(db: sqlite3.Connection, wanted: str, most: int) -> list[Any]:
    sql = f"""SELECT {FIELDS} FROM entry WHERE number IN
              (SELECT rowid FROM grams WHERE grams MATCH ? LIMIT ?)"""
    return db.execute(sql, (grams(wanted), most)).fetchall()


def _single(db: sqlite3.Connection, wanted: str, most: int) -> list[Any]:
    sql = f"SELECT {FIELDS} FROM entry WHERE title LIKE ? ESCAPE '\\' LIMIT ?"
    escaped = wanted.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return db.execute(sql, (f"{escaped}%", most)).fetchall()


def fits(row: tuple[Any, ...], wanted: str) -> bool:
    """Whether what is seen of a row is what was looked for: the same test as the index makes of all of it."""
    _, key, title, detail, *_ = row
    if fold(key).startswith(wanted):
        return True
    if len(wanted) == 1:
        return fold(title).startswith(wanted)
    words = f"{title} {key if title != key else ''} {detail}"
    return set(grams(wanted).split()) <= set(grams(words).split())


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


def hit(row: tuple[Any, ...], wanted: str) -> dict[str, Any]:
    """A row as a hit, with its score: an id or name that is it, begins with it, holds it, is near it."""
    layer, key, title, detail, lon, lat = row
    name, code = fold(title), fold(key)
    steps = (
        (code == wanted, 100),
        (name == wanted, 95),
        (name.startswith(wanted), 80),
        (code.startswith(wanted), 75),
        (wanted in name, 60),
        (wanted in code, 55),
        (wanted in fold(detail), 40),
    )
    score = next((points for fits, points in steps if fits), 10)
    return {
        "layer": layer,
        "id": key,
        "title": title,
        "detail": detail,
        "lon": lon,
        "lat": lat,
        "score": score,
    }
