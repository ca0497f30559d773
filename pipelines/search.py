"""The index of names and ids: SQLite FTS5 over pairs of characters, so that two-character words are found."""

from __future__ import annotations

import queue
import sqlite3
import threading
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pyarrow as pa
import shapely

from layers.kind import Kind
from twin import registry
from twin.errors import LayerNotFound
from twin.model import Change, Query
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
DETAILS = ("address", "road", "category", "type", "use", "owner")
"""Columns that tell features of one name apart; the first that is there is shown."""
CANDIDATES = 500
PAGE = 20_000


def fold(text: str) -> str:
    """Text as it is compared: NFKC, lower case, without spaces."""
    return "".join(unicodedata.normalize("NFKC", text).casefold().split())


def grams(text: str) -> str:
    """Pairs of neighbouring characters as tokens that any tokenizer leaves alone."""
    folded = fold(text)
    pairs = {folded[i : i + 2] for i in range(max(len(folded) - 1, 1))} if folded else set()
    return " ".join("x" + pair.encode().hex() for pair in sorted(pairs))


class Index:
    """The index of one home; readers ask it from any thread, one thread of its own follows the feed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        with closing(self._connect()) as db:
            db.executescript(SCHEMA)
        self._work: queue.Queue[Change | None] = queue.Queue()
        self._thread: threading.Thread | None = None

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(self.path, timeout=30)

    def follow(self, store: Store) -> Callable[[], None]:
        """Index what is behind and, from then on, each change; returns what stops it."""
        stop = store.listen(self._work.put)
        self._thread = threading.Thread(target=self._run, args=(store,), name="search", daemon=True)
        self._thread.start()

        def end() -> None:
            stop()
            self._work.put(None)
            if self._thread:
                self._thread.join(10)

        return end

    def _run(self, store: Store) -> None:
        for state in store.layers(Policy.open()):
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
        with closing(self._connect()) as db, db:
            self._forget(db, layer, ids)
            query = Query(layer=layer, policy=Policy.open(), columns=columns, ids=tuple(ids) if ids else None)
            for table in _pages(store, query):
                _insert(db, layer, kind.label, table)
            db.execute("INSERT OR REPLACE INTO done VALUES (?, ?)", (layer, version))

    def _forget(self, db: sqlite3.Connection, layer: str, ids: Sequence[str] | None) -> None:
        if ids is None:
            numbers = db.execute("SELECT number FROM entry WHERE layer = ?", (layer,)).fetchall()
        else:
            found = [
                db.execute("SELECT number FROM entry WHERE layer = ? AND id = ?", (layer, i)).fetchall()
                for i in ids
            ]
            numbers = [row for rows in found for row in rows]
        db.executemany("DELETE FROM grams WHERE rowid = ?", numbers)
        db.executemany("DELETE FROM entry WHERE number = ?", numbers)

    def search(self, text: str, limit: int, layers: Iterable[str]) -> list[dict[str, Any]]:
        """The best hits for what somebody typed, in layers that they may see."""
        wanted = fold(text)
        if not wanted:
            return []
        with closing(self._connect()) as db:
            rows = _exact(db, wanted) + (_grams(db, wanted) if len(wanted) > 1 else _single(db, wanted))
        allowed = set(layers)
        hits = {(r[0], r[1]): hit(r, wanted) for r in rows if r[0] in allowed}
        return sorted(hits.values(), key=lambda h: (-h["score"], len(h["title"]), h["title"], h["id"]))[
            :limit
        ]


def _kind(name: str) -> Kind:
    found = cast("dict[str, Kind]", registry.entries("layers", "KIND"))
    return found.get(name, found["features"])


def _pages(store: Store, query: Query) -> Iterable[pa.Table]:
    after: tuple[str, ...] | None = None
    while True:
        table = store.read(replace(query, limit=PAGE, after=after))
        yield table
        if len(table) < PAGE:
            return
        after = (table["id"][-1].as_py(),)


def _insert(db: sqlite3.Connection, layer: str, label: str, table: pa.Table) -> None:
    if not len(table):
        return
    geometries = shapely.from_wkb(table["geom"].to_numpy(zero_copy_only=False))
    places = shapely.centroid(geometries)
    lons, lats = shapely.get_x(places), shapely.get_y(places)
    ids = table["id"].to_pylist()
    titles = _texts(table, label)
    details = next((_texts(table, d) for d in DETAILS if d in table.column_names), [""] * len(ids))
    first = (db.execute("SELECT max(number) FROM entry").fetchone()[0] or 0) + 1
    entries = [
        (first + i, layer, key, title or key, detail, _place(lon), _place(lat), fold(key))
        for i, (key, title, detail, lon, lat) in enumerate(zip(ids, titles, details, lons, lats, strict=True))
    ]
    db.executemany("INSERT INTO entry VALUES (?, ?, ?, ?, ?, ?, ?, ?)", entries)
    db.executemany(
        "INSERT INTO grams (rowid, pairs) VALUES (?, ?)",
        [(e[0], grams(f"{e[3]} {e[2] if e[3] != e[2] else ''} {e[4]}")) for e in entries],
    )


def _texts(table: pa.Table, name: str) -> list[str]:
    if name not in table.column_names:
        return [""] * len(table)
    return ["" if v is None else str(v) for v in table[name].to_pylist()]


def _place(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


FIELDS = "layer, id, title, detail, lon, lat"


def _exact(db: sqlite3.Connection, wanted: str) -> list[Any]:
    last = wanted[:-1] + chr(min(ord(wanted[-1]) + 1, 0x10FFFF))
    sql = f"SELECT {FIELDS} FROM entry WHERE key >= ? AND key < ? ORDER BY key LIMIT ?"
    return db.execute(sql, (wanted, last, CANDIDATES)).fetchall()


def _grams(db: sqlite3.Connection, wanted: str) -> list[Any]:
    sql = f"""SELECT {FIELDS} FROM entry WHERE number IN
              (SELECT rowid FROM grams WHERE grams MATCH ? LIMIT ?)"""
    return db.execute(sql, (grams(wanted), CANDIDATES)).fetchall()


def _single(db: sqlite3.Connection, wanted: str) -> list[Any]:
    sql = f"SELECT {FIELDS} FROM entry WHERE title LIKE ? ESCAPE '\\' LIMIT ?"
    escaped = wanted.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return db.execute(sql, (f"{escaped}%", CANDIDATES)).fetchall()


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
