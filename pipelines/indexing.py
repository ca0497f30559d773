"""Rows into the index of names and ids; as a process of its own, the rows of a whole large layer.

python -m pipelines.indexing PATH LAYER LABEL VERSION < Arrow stream
"""

from __future__ import annotations

import os
import sqlite3
import sys
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import closing
from functools import lru_cache
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import shapely

PATIENCE = 60
"""Seconds that somebody else may be writing into the index."""
DETAILS = ("address", "road", "category", "type", "use", "owner")
"""Columns that tell features of one name apart; the first that is there is shown."""


def fold(text: str) -> str:
    """Text as it is compared: NFKC, lower case, without spaces."""
    return "".join(unicodedata.normalize("NFKC", text).casefold().split())


def grams(text: str) -> str:
    """Pairs of neighbouring characters as tokens that any tokenizer leaves alone."""
    folded = fold(text)
    pairs = {folded[i : i + 2] for i in range(max(len(folded) - 1, 1))} if folded else set()
    return " ".join(map(_token, sorted(pairs)))


@lru_cache(maxsize=65_536)
def _token(pair: str) -> str:
    return "x" + pair.encode().hex()


def forget(db: sqlite3.Connection, layer: str, ids: Sequence[str] | None) -> None:
    """Take a layer's rows out: all of them, or those of the ids."""
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


def insert(db: sqlite3.Connection, layer: str, label: str, table: pa.Table) -> None:
    """Put rows of a layer in: id, geom, and the columns that name them."""
    first = (db.execute("SELECT max(number) FROM entry").fetchone()[0] or 0) + 1
    rows = [
        (first + i, layer, key, title, detail, lon, lat, fold(key))
        for i, (key, title, detail, lon, lat) in enumerate(entries(table, label))
    ]
    db.executemany("INSERT INTO entry VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)
    db.executemany(
        "INSERT INTO grams (rowid, pairs) VALUES (?, ?)",
        [(r[0], grams(f"{r[3]} {r[2] if r[3] != r[2] else ''} {r[4]}")) for r in rows],
    )


def entries(table: pa.Table, label: str) -> Iterator[tuple[str, str, str, float | None, float | None]]:
    """Id, title, detail, longitude and latitude of rows: id, geom, and the columns that name them."""
    if not len(table):
        return
    geometries = shapely.from_wkb(table["geom"].to_numpy(zero_copy_only=False))
    places = shapely.centroid(geometries)
    lons, lats = shapely.get_x(places), shapely.get_y(places)
    ids = table["id"].to_pylist()
    titles = _texts(table, label)
    details = next((_texts(table, d) for d in DETAILS if d in table.column_names), [""] * len(ids))
    for key, title, detail, lon, lat in zip(ids, titles, details, lons, lats, strict=True):
        yield key, title or key, detail, _place(lon), _place(lat)


def _texts(table: pa.Table, name: str) -> list[str]:
    if name not in table.column_names:
        return [""] * len(table)
    return ["" if v is None else str(v) for v in table[name].to_pylist()]


def _place(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def took(db: sqlite3.Connection, layer: str, version: int) -> None:
    """Remember up to which version of a layer its rows are in."""
    db.execute("INSERT OR REPLACE INTO done VALUES (?, ?)", (layer, version))


def rebuild(path: str, layer: str, label: str, version: int, stream: BinaryIO) -> None:
    """Take all rows of a layer anew, in one transaction.

    Args:
        path: of the index.
        layer: its id.
        label: the column that names a row.
        version: of the layer.
        stream: an Arrow stream of its rows that ends with an empty batch.

    Raises:
        EOFError: the stream ended before its end.
    """
    with closing(sqlite3.connect(path, timeout=PATIENCE)) as db, db:
        forget(db, layer, None)
        rows = -1
        for batch in pa.ipc.open_stream(stream):
            rows = batch.num_rows
            insert(db, layer, label, pa.table(batch))
        if rows:
            raise EOFError(f"the rows of layer {layer!r} ended too early")
        took(db, layer, version)


def main() -> None:
    """Index what comes in, without taking time from who waits for an answer."""
    os.nice(10)
    path, layer, label, version = sys.argv[1:]
    rebuild(path, layer, label, int(version), sys.stdin.buffer)


if __name__ == "__main__":
    main()
