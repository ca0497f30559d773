"""The catalogue of a store that speaks SQL: layers and their tables, reports, the numbers of commits."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

import pyarrow as pa

from twin import sql
from twin.dialects import WORDS, Physical, Word
from twin.errors import Repeated
from twin.model import (
    MAIN,
    OPEN,
    BBox,
    Change,
    Column,
    Datastream,
    Delivery,
    Layer,
    LayerState,
    Query,
    Rejected,
    Report,
)
from twin.records import dumps
from twin.relational.schema import ROW, Held, definition, held_values, utc
from twin.relational.session import Session
from twin.relational.stage import attribute_hash, geometry_hash, widen
from twin.table import ARROW_TYPES, PLACES, STORED_TYPES


def described(session: Session, held: Held, layer: Layer, bodies: list[str]) -> Held:
    """A layer with a new catalogue row, its new columns made and its wider ones filled."""
    columns, stored_bodies, used = dict(held.columns), dict(held.bodies), held.used
    wider = False
    for column in layer.columns:
        was = columns.get(column.name)
        if was is not None and was.type == column.type:
            continue
        now = columns[column.name] = Physical(name=f"a{used}", type=column.type)
        used += 1
        for table in (held.live, held.hist):
            if was is None:
                _add(session, table, now.name, WORDS[now.type])
            else:
                widen(session, table, was, now)
                wider = True
    for name in bodies:
        if name not in stored_bodies:
            stored_bodies[name] = f"b{used}"
            used += 1
            for table in (held.live, held.hist):
                _add(session, table, stored_bodies[name], "bytes")
    held = replace(held, layer=layer, columns=columns, bodies=stored_bodies, used=used)
    if wider:
        hashed(session, held)
    return held


def _add(session: Session, table: str, name: str, word: Word) -> None:
    session.run(f"ALTER TABLE {table} ADD COLUMN {name} {session.dialect.types[word]}")


def created(session: Session, layer: Layer, number: int) -> Held:
    """A new layer with its two tables, without columns of its own."""
    held = Held(layer=Layer(id=layer.id, kind=layer.kind, title=layer.title), number=number)
    for name in (held.live, held.hist):
        made(session, held, name)
    return held


def made(session: Session, held: Held, table: str) -> None:
    """One of the two tables of a layer, empty."""
    columns: dict[str, Word] = {
        **ROW,
        **dict.fromkeys(held.bodies.values(), "bytes"),
        **{c.name: WORDS[c.type] for c in held.columns.values()},
    }
    session.run(f"CREATE TABLE {table} ({definition(columns, session.dialect)})")


def indexed(session: Session, held: Held) -> None:
    """Index both tables, as the database wants it."""
    for table in (held.live, held.hist):
        for statement in session.dialect.indices:
            session.run(statement.format(table=table))


def hashed(session: Session, held: Held) -> None:
    """Hash rows again, after a column's type has changed."""
    geometry, attributes = hashes(session, held)
    for table in (held.live, held.hist):
        session.run(f"UPDATE {table} SET hash = {geometry}, ahash = {attributes}")


def hashes(session: Session, held: Held) -> tuple[str, str]:
    """The two hashes of a stored row as expressions."""
    values = {n: (c.name, c.type) for n, c in held.columns.items()}
    return geometry_hash(held.bodies, session.dialect), attribute_hash(values, session.dialect)


def column(name: str, stored: Physical) -> Column:
    """The catalogue column of a staged one."""
    return Column(name=name, type=stored.type)


def output(held: Held, query: Query) -> dict[str, tuple[str, pa.DataType]]:
    """Names that a query gives, with their stored columns and types."""
    given: dict[str, tuple[str, pa.DataType]] = {"id": ("id", pa.string())}
    if query.geometry:
        given["geom"] = ("geom", pa.binary())
    if query.bodies:
        given |= {n: (c, pa.binary()) for n, c in held.bodies.items()}
    given |= {n: (n, kind) for n, kind in STORED_TYPES.items()}
    if query.places:
        given |= {n: (n.removeprefix("#"), kind) for n, kind in PLACES.items()}
    wanted = sql.wanted(held.layer.columns, query)
    return given | {c.name: (held.columns[c.name].name, ARROW_TYPES[c.type]) for c in wanted}


def typed(table: pa.Table, columns: dict[str, tuple[str, pa.DataType]]) -> pa.Table:
    """An answer under the names and types that `output` promised."""
    arrays = [_as(table.column(n), kind) for n, (_, kind) in enumerate(columns.values())]
    return pa.table(arrays, schema=pa.schema([(n, kind) for n, (_, kind) in columns.items()]))


def _as(column: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    return column if column.type == kind else column.cast(kind)


def tabled(rows: list[tuple[Any, ...]], columns: dict[str, tuple[str, pa.DataType]]) -> pa.Table:
    """A few rows under the names and types that `output` promised."""
    arrays = [pa.array([r[n] for r in rows], kind) for n, (_, kind) in enumerate(columns.values())]
    return pa.table(arrays, names=list(columns))


def state(session: Session, held: Held, now: datetime) -> tuple[LayerState, datetime]:
    """What is known of a layer's rows, and until when that is so if nobody writes."""
    names = "valid_from, valid_to, minx, miny, maxx, maxy, minz, maxz"
    at = session.dialect.moment(now)
    valid = f"FILTER (WHERE valid_from <= {at} AND valid_to > {at})"
    later = f"FILTER (WHERE valid_from > {at})"
    ends = f"FILTER (WHERE valid_to > {at})"
    (row,) = session.rows(
        f"SELECT count(*) {valid}, min(minx) {valid}, min(miny) {valid}, max(maxx) {valid}, max(maxy) {valid},"
        f" min(minz) {valid}, max(maxz) {valid}, min(valid_from), max(valid_to),"
        f" least(min(valid_from) {later}, min(valid_to) {ends})"
        f" FROM (SELECT {names} FROM {held.live} WHERE branch = $1 UNION ALL"
        f" SELECT {names} FROM {held.hist} WHERE branch = $1"
        f" AND recorded_to = {session.dialect.moment(OPEN)}) AS q",
        [MAIN],
    )
    count, west, south, east, north, low, high, begin, end, until = row
    found = LayerState(
        layer=held.layer,
        count=count,
        bbox=None if west is None else BBox(west=west, south=south, east=east, north=north),
        z=None if low is None else (low, high),
        time=None if begin is None else (utc(begin), utc(end)),
        version=held.version,
        updated=held.updated,
    )
    return found, utc(until) if until else OPEN


def saved(session: Session, held: Held, commit: int) -> None:
    """Write a layer's catalogue row."""
    session.run("DELETE FROM layers WHERE id = $1", [held.layer.id])
    insert(session, "layers", held_values(held, commit))


def insert(session: Session, table: str, row: dict[str, Any]) -> None:
    """Write one row."""
    places = ", ".join(f"${n}" for n in range(1, len(row) + 1))
    session.run(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({places})", list(row.values()))


def first(session: Session, delivery: Delivery) -> None:
    """Nothing, unless the delivery is to be taken once and came before. Raises Repeated."""
    if delivery.once is None:
        return
    name, _ = delivery.once
    for (block,) in session.rows("SELECT value FROM kept WHERE name = $1", [name]):
        raise Repeated(name, bytes(block))


def reported(session: Session, report: Report, rejected: list[Rejected]) -> None:
    """Write a report and what it refused."""
    row = {"version": report.commit, "layer": report.layer, "source": report.source, "body": dumps(report)}
    insert(session, "reports", row)
    if rejected:
        bodies = pa.array([dumps(r) for r in rejected], pa.string())
        numbers = pa.array(range(len(rejected)), pa.int64())
        session.put("refused", pa.table({"n": numbers, "body": bodies}))
        session.run(f"INSERT INTO quarantine (version, n, body) SELECT {report.commit}, n, body FROM refused")
        session.drop("refused")


def numbered(session: Session, number: int, at: datetime, change: Change | None) -> None:
    """Write a commit's number, and its feed entry where it has one."""
    insert(session, "commits", {"version": number, "moment": at})
    if change is not None:
        insert(session, "feed", {"version": change.version, "body": dumps(change)})


def datastream(row: tuple[Any, ...]) -> Datastream:
    """A datastream of a row: its columns, count, time and value of the latest."""
    ident, layer, thing, name, observed_property, unit, count, time, value = row
    return Datastream(
        id=ident,
        layer=layer,
        thing=thing,
        name=name,
        observed_property=observed_property,
        unit=unit,
        count=count,
        latest_time=utc(time) if time else None,
        latest_value=value,
    )
