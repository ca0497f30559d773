"""A SQL store's way out to a backup and back in."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa

from twin import archive
from twin.archive import Saved, SavedLayer
from twin.extents import extents
from twin.model import OPEN
from twin.records import change_from, dumps, rejected_from, report_from
from twin.relational.catalogue import hashes, insert
from twin.relational.schema import CATALOGUE, HELD, Held, held_from, utc
from twin.relational.session import Session
from twin.relational.stage import zoned
from twin.table import ARROW_TYPES, SIZE, STORED_TYPES


def layers(session: Session) -> list[Held]:
    """Every layer, in the order in which they were made."""
    return [held_from(row) for row in session.rows(f"SELECT {HELD} FROM layers ORDER BY number")]


def saved(session: Session, held: Sequence[Held]) -> Saved:
    """The records of the store."""
    snapshots = "SELECT DISTINCT layer, source, branch, moment FROM snapshots ORDER BY 1, 2, 3, 4"
    return Saved(
        commits=tuple(
            (n, utc(t)) for n, t in session.rows("SELECT version, moment FROM commits ORDER BY version")
        ),
        layers=tuple(
            SavedLayer(layer=h.layer, version=h.version, updated=h.updated, bodies=tuple(h.bodies))
            for h in held
        ),
        reports=_parsed(session, report_from, "SELECT body FROM reports ORDER BY version"),
        quarantine=tuple(
            (n, rejected_from(orjson.loads(body)))
            for n, body in session.rows("SELECT version, body FROM quarantine ORDER BY version, n")
        ),
        feed=_parsed(session, change_from, "SELECT body FROM feed ORDER BY version"),
        snapshots=tuple((a, b, c, utc(t)) for a, b, c, t in session.rows(snapshots)),
        datastreams=tuple(session.rows(f"SELECT {_all('datastreams')} FROM datastreams ORDER BY id")),
        kept={n: bytes(v) for n, v in session.rows("SELECT name, value FROM kept ORDER BY name")},
    )


def _parsed[T](session: Session, read: Callable[[Any], T], sql: str) -> tuple[T, ...]:
    return tuple(read(orjson.loads(row[0])) for row in session.rows(sql))


def _all(table: str) -> str:
    return ", ".join(CATALOGUE[table])


def rows(session: Session, held: Held) -> Iterator[pa.Table]:
    """Every row version of a layer, in Hilbert order, pieces of one schema."""
    names = _names(held)
    columns = ", ".join(stored for stored, _ in names.values())
    both = f"SELECT {columns}, hkey FROM {held.live} UNION ALL SELECT {columns}, hkey FROM {held.hist}"
    outward = session.dialect.geometry_out
    given = ", ".join(outward.format(c) if c == "geom" else c for c, _ in names.values())
    schema = pa.schema([(n, kind) for n, (_, kind) in names.items()])
    yield pa.Table.from_batches([], schema)
    for piece in session.pieces(f"SELECT {given} FROM ({both}) AS q ORDER BY hkey"):
        arrays = [zoned(piece.column(n)).cast(field.type) for n, field in enumerate(schema)]
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


def observations(session: Session, table: str, schema: pa.Schema) -> Iterator[pa.Table]:
    """A table of observations in pieces."""
    for piece in session.pieces(f"SELECT {_all(table)} FROM {table} ORDER BY datastream, time"):
        yield piece.cast(schema)


def restore_rows(session: Session, held: Held, folder: Path, n: int) -> None:
    """Put a backup's rows of a layer into its two new tables."""
    names = _names(held)
    hash_, ahash = hashes(session, held)
    open_end = session.dialect.moment(OPEN)
    current = f"(recorded_to = {open_end} AND valid_to = {open_end})"
    for piece in archive.rows(folder, n):
        geoms, sizes = (piece[c].combine_chunks() for c in ("geom", SIZE))
        placed = extents(geoms, [piece[b].combine_chunks() for b in held.bodies], sizes)
        stored = {**{names[c][0]: piece[c] for c in piece.column_names}, **placed}
        session.put("piece", pa.table(stored))
        inward = session.dialect.geometry_in
        given = ", ".join(inward.format(c) + " AS geom" if c == "geom" else c for c in stored)
        for table, condition in ((held.live, current), (held.hist, f"NOT {current}")):
            session.run(
                f"INSERT INTO {table} ({', '.join(stored)}, hash, ahash) SELECT {', '.join(stored)}, {hash_},"
                f" {ahash} FROM (SELECT {given} FROM piece) AS q WHERE {condition}"
            )
        session.drop("piece")


def restore_records(session: Session, saved: Saved) -> None:
    """Put a backup's records in."""
    _fill(session, "commits", list(saved.commits))
    _fill(session, "reports", [(r.commit, r.layer, r.source, dumps(r)) for r in saved.reports])
    _fill(session, "quarantine", [(n, k, dumps(r)) for k, (n, r) in enumerate(saved.quarantine)])
    _fill(session, "feed", [(c.version, dumps(c)) for c in saved.feed])
    _fill(session, "snapshots", list(saved.snapshots))
    _fill(session, "datastreams", list(saved.datastreams))
    for name, value in saved.kept.items():
        insert(session, "kept", {"name": name, "value": value})


def restore_observations(session: Session, folder: Path) -> None:
    """Put a backup's observations in, and find the latest of each datastream."""
    for table, pieces in (
        ("observations", archive.observations(folder)),
        ("corrected", archive.corrected(folder)),
    ):
        for piece in pieces:
            _insert(session, table, piece)
    session.run(
        "INSERT INTO latest SELECT l.datastream, l.time, l.value, c.count FROM"
        " (SELECT DISTINCT ON (datastream) datastream, time, value FROM observations"
        " ORDER BY datastream, time DESC) l JOIN"
        " (SELECT datastream, count(*) AS count FROM observations GROUP BY datastream) c"
        " ON c.datastream = l.datastream"
    )


def _fill(session: Session, table: str, rows: list[tuple[Any, ...]]) -> None:
    if rows:
        columns = [pa.array(column) for column in zip(*rows, strict=True)]
        _insert(session, table, pa.table(columns, names=list(CATALOGUE[table])))


def _insert(session: Session, table: str, rows: pa.Table) -> None:
    session.put("filling", rows)
    names = ", ".join(CATALOGUE[table])
    session.run(f"INSERT INTO {table} ({names}) SELECT {names} FROM filling")
    session.drop("filling")
