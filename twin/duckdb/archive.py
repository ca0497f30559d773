"""The DuckDB store's way out to a backup and back in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import duckdb
import orjson
import pyarrow as pa

from twin import archive
from twin.archive import Saved, SavedLayer
from twin.duckdb.schema import Held, literal
from twin.duckdb.stage import attribute_hash, geometry_hash, naive
from twin.extents import extents
from twin.model import OPEN
from twin.records import change_from, dumps, rejected_from, report_from
from twin.table import ARROW_TYPES, SIZE, STORED_TYPES

PIECE: Final = 50_000


def saved(cursor: duckdb.DuckDBPyConnection, held: list[Held]) -> Saved:
    """The records of the store."""

    def all_of(sql: str) -> list[tuple[Any, ...]]:
        return cursor.execute(sql).fetchall()

    return Saved(
        commits=tuple((n, _utc(t)) for n, t in all_of("SELECT * FROM commits ORDER BY version")),
        layers=tuple(
            SavedLayer(layer=h.layer, version=h.version, updated=h.updated, bodies=tuple(h.bodies))
            for h in held
        ),
        reports=tuple(_parsed(report_from, r) for r in all_of("SELECT body FROM reports ORDER BY version")),
        quarantine=tuple(
            (n, rejected_from(orjson.loads(body)))
            for n, body in all_of("SELECT version, body FROM quarantine ORDER BY version, n")
        ),
        feed=tuple(_parsed(change_from, r) for r in all_of("SELECT body FROM feed ORDER BY version")),
        snapshots=tuple(
            (a, b, c, _utc(t)) for a, b, c, t in all_of("SELECT DISTINCT * FROM snapshots ORDER BY ALL")
        ),
        datastreams=tuple(all_of("SELECT * FROM datastreams ORDER BY id")),
        kept={n: bytes(v) for n, v in all_of("SELECT name, value FROM kept ORDER BY name")},
    )


def _utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC)


def _parsed[T](read: Callable[[Any], T], row: tuple[Any, ...]) -> T:
    return read(orjson.loads(row[0]))


def rows(cursor: duckdb.DuckDBPyConnection, held: Held) -> Iterator[pa.Table]:
    """Every row version of a layer, in Hilbert order, pieces of one schema."""
    names = _names(held)
    columns = ", ".join(stored for stored, _ in names.values())
    both = f"SELECT {columns}, hkey FROM {held.live} UNION ALL SELECT {columns}, hkey FROM {held.hist}"
    reader = cursor.sql(f"SELECT {columns} FROM ({both}) ORDER BY hkey").to_arrow_reader(PIECE)
    schema = pa.schema([(n, kind) for n, (_, kind) in names.items()])
    yield pa.Table.from_batches([], schema)
    for batch in reader:
        piece = pa.Table.from_batches([batch])
        arrays = [piece.column(n).cast(field.type) for n, field in enumerate(schema)]
        yield pa.table(arrays, schema=schema)


def _names(held: Held) -> dict[str, tuple[str, pa.DataType]]:
    return {
        "id": ("id", pa.string()),
        "geom": ("geom", pa.binary()),
        **{n: (c, pa.binary()) for n, c in held.bodies.items()},
        **{n: (n, kind) for n, kind in STORED_TYPES.items()},
        **{n: (c.name, ARROW_TYPES[c.type]) for n, c in held.columns.items()},
        SIZE: ("own_size", pa.float32()),
    }


def observations(cursor: duckdb.DuckDBPyConnection, table: str, schema: pa.Schema) -> Iterator[pa.Table]:
    """A table of observations in pieces."""
    for batch in cursor.sql(f"SELECT * FROM {table} ORDER BY datastream, time").to_arrow_reader(PIECE):
        yield pa.Table.from_batches([batch]).cast(schema)


def restore_rows(cursor: duckdb.DuckDBPyConnection, held: Held, folder: Path, n: int) -> None:
    """Put a backup's rows of a layer into its two new tables."""
    names = _names(held)
    hashes = (
        f"{geometry_hash(held.bodies)} AS hash,"
        f" {attribute_hash({n: c.name for n, c in held.columns.items()})} AS ahash"
    )
    current = f"(recorded_to = {literal(OPEN)} AND valid_to = {literal(OPEN)})"
    for piece in archive.rows(folder, n):
        stored = {names[c][0]: naive(piece[c]) for c in piece.column_names}
        geoms, sizes = (piece[c].combine_chunks() for c in ("geom", SIZE))
        placed = extents(geoms, [piece[b].combine_chunks() for b in held.bodies], sizes)
        cursor.register("piece", pa.table({**stored, **placed}))
        for table, condition in ((held.live, current), (held.hist, f"NOT {current}")):
            cursor.execute(f"INSERT INTO {table} BY NAME SELECT *, {hashes} FROM piece WHERE {condition}")
        cursor.unregister("piece")


def restore_records(cursor: duckdb.DuckDBPyConnection, saved: Saved) -> None:
    """Put a backup's records in."""
    naive_ = [(n, t.astimezone(UTC).replace(tzinfo=None)) for n, t in saved.commits]
    _fill(cursor, "commits", naive_)
    _fill(cursor, "reports", [(r.commit, r.layer, r.source, dumps(r)) for r in saved.reports])
    _fill(cursor, "quarantine", [(n, k, dumps(r)) for k, (n, r) in enumerate(saved.quarantine)])
    _fill(cursor, "feed", [(c.version, dumps(c)) for c in saved.feed])
    _fill(cursor, "snapshots", [(*s[:3], s[3].astimezone(UTC).replace(tzinfo=None)) for s in saved.snapshots])
    _fill(cursor, "datastreams", list(saved.datastreams))
    for name, value in saved.kept.items():
        cursor.execute("INSERT INTO kept VALUES (?, ?)", [name, value])


def restore_observations(cursor: duckdb.DuckDBPyConnection, folder: Path) -> None:
    """Put a backup's observations in, and find the latest of each datastream."""
    for table, pieces in (
        ("observations", archive.observations(folder)),
        ("corrected", archive.corrected(folder)),
    ):
        for piece in pieces:
            cursor.register("piece", pa.table({n: naive(piece[n]) for n in piece.column_names}))
            cursor.execute(f"INSERT INTO {table} SELECT * FROM piece")
            cursor.unregister("piece")
    cursor.execute(
        "INSERT INTO latest SELECT datastream, max(time), arg_max(struct_pack(v := value), time).v, count(*)"
        " FROM observations GROUP BY datastream"
    )


def _fill(cursor: duckdb.DuckDBPyConnection, table: str, rows: list[tuple[Any, ...]]) -> None:
    if not rows:
        return
    columns = [pa.array(column) for column in zip(*rows, strict=True)]
    names = [f"c{n}" for n in range(len(columns))]
    cursor.register("filling", pa.table([naive(c) for c in columns], names=names))
    cursor.execute(f"INSERT INTO {table} SELECT * FROM filling")
    cursor.unregister("filling")
