"""Rows into the index of names and ids; as a process of its own, the rows of a whole large layer.

python -m pipelines.indexing PATH LAYER LABEL VERSION [roads] < Arrow stream
"""

from __future__ import annotations

import os
import sqlite3
import sys
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from functools import lru_cache
from itertools import product
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import shapely

from pipelines import numbered, sounds

PATIENCE = 60
"""Seconds that somebody else may be writing into the index."""
DETAILS = ("address", "road", "category", "type", "use", "owner")
"""Columns that tell features of one name apart; the first that is there is shown."""
ROADS = "roads"
"""The kind whose rows meet in crossings."""
NUMBER = "ref"
"""The column of a road's number, by which crossings are said as well."""


def fold(text: str) -> str:
    """Text as it is compared: NFKC, lower case, without spaces."""
    return "".join(unicodedata.normalize("NFKC", text).casefold().split())


def grams(text: str) -> str:
    """Pairs of neighbouring characters as tokens that any tokenizer leaves alone."""
    return " ".join(map(_token, sorted(pairs_of(fold(text)))))


def pairs_of(folded: str) -> set[str]:
    """Pairs of neighbouring characters of folded text; a single character alone."""
    return {folded[i : i + 2] for i in range(max(len(folded) - 1, 1))} if folded else set()


@lru_cache(maxsize=65_536)
def _token(pair: str) -> str:
    return "x" + pair.encode().hex()


def heard(pairs: Iterable[str]) -> Iterator[tuple[str, str, str]]:
    """Two readings and the token of each pair of characters that has a reading beside what is written.

    Few pairs make up all names, so that what is looked up by its sound costs a row of a large layer nothing.
    """
    for pair in pairs:
        if len(pair) == 2 and not pair.isascii():
            for one, other in product(sounds.readings(pair[0]), sounds.readings(pair[1])):
                yield one, other, _token(pair)


def forget(db: sqlite3.Connection, layer: str, ids: Sequence[str] | None) -> None:
    """Take a layer's rows out: all of them, or those of the ids."""
    if ids is None:
        numbers = db.execute("SELECT number FROM entry WHERE layer = ?", (layer,)).fetchall()
        db.execute("DELETE FROM road WHERE layer = ?", (layer,))
    else:
        found = [
            db.execute("SELECT number FROM entry WHERE layer = ? AND id = ?", (layer, i)).fetchall()
            for i in ids
        ]
        numbers = [row for rows in found for row in rows]
        db.executemany("DELETE FROM road WHERE layer = ? AND id = ?", [(layer, i) for i in ids])
    db.executemany("DELETE FROM grams WHERE rowid = ?", numbers)
    db.executemany("DELETE FROM entry WHERE number = ?", numbers)


def insert(db: sqlite3.Connection, layer: str, label: str, table: pa.Table, *, roads: bool = False) -> None:
    """Put rows of a layer in: id, geom, and the columns that name them; of roads, for crossings too."""
    first = (db.execute("SELECT max(number) FROM entry").fetchone()[0] or 0) + 1
    rows = [
        (first + i, layer, key, title, detail, lon, lat, fold(key))
        for i, (key, title, detail, lon, lat) in enumerate(entries(table, label))
    ]
    db.executemany("INSERT INTO entry VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)
    said = [_pairs(f"{r[3]} {r[2] if r[3] != r[2] else ''} {r[4]}") for r in rows]
    db.executemany(
        "INSERT INTO grams (rowid, pairs) VALUES (?, ?)",
        [(r[0], " ".join(map(_token, sorted(pairs)))) for r, pairs in zip(rows, said, strict=True)],
    )
    db.executemany("INSERT OR IGNORE INTO heard VALUES (?, ?, ?)", heard(set().union(*said)))
    if roads:
        named = ((column, _texts(table, column)) for column in (label, NUMBER))
        ids = table["id"].to_pylist()
        db.executemany(
            "INSERT OR IGNORE INTO road VALUES (?, ?, ?)",
            [(fold(n), layer, key) for _, names in named for n, key in zip(names, ids, strict=True) if n],
        )


def _pairs(text: str) -> set[str]:
    """Pairs of neighbouring characters of a row's words, of the numbers of buildings in one form too."""
    folded = fold(text)
    plain = numbered.plain(folded)
    return pairs_of(folded) if plain == folded else pairs_of(folded) | pairs_of(plain)


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


def rebuild(
    path: str, layer: str, label: str, version: int, stream: BinaryIO, *, roads: bool = False
) -> None:
    """Take all rows of a layer anew, in one transaction.

    Args:
        path: of the index.
        layer: its id.
        label: the column that names a row.
        version: of the layer.
        stream: an Arrow stream of its rows that ends with an empty batch.
        roads: whether its rows are roads.

    Raises:
        EOFError: the stream ended before its end.
    """
    with closing(sqlite3.connect(path, timeout=PATIENCE)) as db, db:
        forget(db, layer, None)
        rows = -1
        for batch in pa.ipc.open_stream(stream):
            rows = batch.num_rows
            insert(db, layer, label, pa.table(batch), roads=roads)
        if rows:
            raise EOFError(f"the rows of layer {layer!r} ended too early")
        took(db, layer, version)


def main() -> None:
    """Index what comes in, without taking time from who waits for an answer."""
    os.nice(10)
    path, layer, label, version, *more = sys.argv[1:]
    rebuild(path, layer, label, int(version), sys.stdin.buffer, roads=more == [ROADS])


if __name__ == "__main__":
    main()
