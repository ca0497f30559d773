"""What the DuckDB store does with its connection, catalogue and tables, apart from rows and questions."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import duckdb
import pyarrow as pa
from duckdb.func import ARROW

from twin import sql
from twin.cql2.arrow import register
from twin.dialects import Physical
from twin.duckdb.schema import ROW, TYPES, Held, held_values, literal
from twin.duckdb.stage import attribute_hash, geometry_hash, widen
from twin.errors import StoreBusy, StoreDown
from twin.extents import touches
from twin.model import (
    MAIN,
    OPEN,
    BBox,
    Change,
    Column,
    Datastream,
    Layer,
    LayerState,
    Query,
    Rejected,
    Report,
)
from twin.records import dumps
from twin.table import ARROW_TYPES, STORED_TYPES


def opened(path: str, memory_mb: int, threads: int) -> duckdb.DuckDBPyConnection:
    """The connection, shut against the outside: no files, no extensions, no other settings."""
    try:
        con = duckdb.connect(path, config={"memory_limit": f"{memory_mb}MB", "threads": threads})
    except duckdb.IOException as error:
        if owner := re.search(r"PID (\d+)", str(error)):
            raise StoreBusy(
                f"{path} is open in process {owner[1]}; ask that server, or stop it and try again"
            ) from error
        raise StoreDown(f"{path} does not open: {str(error).splitlines()[0]}") from error
    con.execute("SET preserve_insertion_order = true")
    con.create_function(
        "twin_touches",
        touching,
        ["BLOB", "DOUBLE", "DOUBLE", "DOUBLE", "DOUBLE"],
        "BOOLEAN",
        type=ARROW,
    )
    register(con)
    con.execute("SET enable_external_access = false")
    con.execute("SET lock_configuration = true")
    return con


def touching(
    geoms: pa.ChunkedArray,
    west: pa.ChunkedArray,
    south: pa.ChunkedArray,
    east: pa.ChunkedArray,
    north: pa.ChunkedArray,
) -> pa.Array:
    """Whether geometries intersect a box; what `twin_touches` calls in SQL."""
    box = BBox(west=west[0].as_py(), south=south[0].as_py(), east=east[0].as_py(), north=north[0].as_py())
    return pa.array(touches(geoms, box))


def described(cursor: duckdb.DuckDBPyConnection, held: Held, layer: Layer, bodies: list[str]) -> Held:
    """A layer with a new catalogue row, its new columns made and its wider ones filled."""
    columns, stored_bodies, used = dict(held.columns), dict(held.bodies), held.used
    wider = False
    for column in layer.columns:
        was = columns.get(column.name)
        if was is not None and was.type == column.type:
            continue
        now = Physical(name=f"a{used}", type=column.type)
        used += 1
        for table in (held.live, held.hist):
            if was is None:
                cursor.execute(f"ALTER TABLE {table} ADD COLUMN {now.name} {TYPES[now.type]}")
            else:
                widen(cursor, table, was, now)
                wider = True
        columns[column.name] = now
    for name in bodies:
        if name not in stored_bodies:
            stored_bodies[name] = f"b{used}"
            used += 1
            for table in (held.live, held.hist):
                cursor.execute(f"ALTER TABLE {table} ADD COLUMN {stored_bodies[name]} BLOB")
    held = replace(held, layer=layer, columns=columns, bodies=stored_bodies, used=used)
    if wider:
        hashed(cursor, held)
    return held


def created(cursor: duckdb.DuckDBPyConnection, layer: Layer, number: int) -> Held:
    """A new layer with its two tables, without columns of its own."""
    held = Held(layer=Layer(id=layer.id, kind=layer.kind, title=layer.title), number=number)
    for name in (held.live, held.hist):
        made(cursor, held, name)
    return held


def rolled_back(cursor: duckdb.DuckDBPyConnection) -> None:
    """Undo; DuckDB has already done so when it was the commit that failed."""
    try:
        cursor.execute("ROLLBACK")
    except duckdb.TransactionException:
        return


def column(name: str, column: Physical) -> Column:
    """The catalogue column of a staged one."""
    return Column(name=name, type=column.type)


def output(held: Held, query: Query) -> dict[str, tuple[str, pa.DataType]]:
    """Names that a query gives, with their stored columns and types."""
    output: dict[str, tuple[str, pa.DataType]] = {"id": ("id", pa.string())}
    if query.geometry:
        output["geom"] = ("geom", pa.binary())
    if query.bodies:
        output |= {n: (c, pa.binary()) for n, c in held.bodies.items()}
    output |= {n: (n, kind) for n, kind in STORED_TYPES.items()}
    wanted = sql.wanted(held.layer.columns, query)
    return output | {c.name: (held.columns[c.name].name, ARROW_TYPES[c.type]) for c in wanted}


def state(cursor: duckdb.DuckDBPyConnection, held: Held, now: datetime) -> tuple[LayerState, datetime]:
    """What is known of a layer's rows, and until when that is so if nobody writes."""
    names = "valid_from, valid_to, minx, miny, maxx, maxy, minz, maxz"
    valid = f"FILTER (valid_from <= {literal(now)} AND valid_to > {literal(now)})"
    later = f"FILTER (valid_from > {literal(now)})"
    ends = f"FILTER (valid_to > {literal(now)})"
    (row,) = cursor.execute(
        f"SELECT count(*) {valid}, min(minx) {valid}, min(miny) {valid}, max(maxx) {valid}, max(maxy) {valid},"
        f" min(minz) {valid}, max(maxz) {valid}, min(valid_from), max(valid_to),"
        f" least(min(valid_from) {later}, min(valid_to) {ends})"
        f" FROM (SELECT {names} FROM {held.live} WHERE branch = ? UNION ALL"
        f" SELECT {names} FROM {held.hist} WHERE branch = ? AND recorded_to = {literal(OPEN)})",
        [MAIN, MAIN],
    ).fetchall()
    count, west, south, east, north, low, high, begin, end, until = row
    state = LayerState(
        layer=held.layer,
        count=count,
        bbox=None if west is None else BBox(west=west, south=south, east=east, north=north),
        z=None if low is None else (low, high),
        time=None if begin is None else (begin.replace(tzinfo=UTC), end.replace(tzinfo=UTC)),
        version=held.version,
        updated=held.updated,
    )
    return state, until.replace(tzinfo=UTC) if until else OPEN


def made(cursor: duckdb.DuckDBPyConnection, held: Held, table: str) -> None:
    """One of the two tables of a layer, empty."""
    columns = {
        **ROW,
        **dict.fromkeys(held.bodies.values(), "BLOB"),
        **{c.name: TYPES[c.type] for c in held.columns.values()},
    }
    cursor.execute(f"CREATE TABLE {table} ({', '.join(f'{n} {t}' for n, t in columns.items())})")


def ordered(cursor: duckdb.DuckDBPyConnection, held: Held, table: str) -> None:
    """Write a table anew in Hilbert order; columns that a wider one took over from stay behind."""
    names = ", ".join(held.stored)
    made(cursor, held, f"{table}_new")
    cursor.execute(f"INSERT INTO {table}_new ({names}) SELECT {names} FROM {table} ORDER BY hkey")
    cursor.execute(f"DROP TABLE {table}")
    cursor.execute(f"ALTER TABLE {table}_new RENAME TO {table}")
    cursor.execute(f"CREATE INDEX {table}_id ON {table} (id)")


def indexed(cursor: duckdb.DuckDBPyConnection, held: Held) -> None:
    """Index both tables by id; alone, so that the order of rows stays free."""
    for table in (held.live, held.hist):
        cursor.execute(f"CREATE INDEX {table}_id ON {table} (id)")


def hashed(cursor: duckdb.DuckDBPyConnection, held: Held) -> None:
    """Hash rows again, after a column's type has changed."""
    attributes = attribute_hash({n: c.name for n, c in held.columns.items()})
    for table in (held.live, held.hist):
        cursor.execute(f"UPDATE {table} SET hash = {geometry_hash(held.bodies)}, ahash = {attributes}")


def saved(cursor: duckdb.DuckDBPyConnection, held: Held) -> None:
    """Write a layer's catalogue row."""
    cursor.execute("DELETE FROM layers WHERE id = ?", [held.layer.id])
    cursor.execute("INSERT INTO layers VALUES (?, ?, ?, ?, ?, ?, ?)", held_values(held))


def reported(cursor: duckdb.DuckDBPyConnection, report: Report, rejected: list[Rejected]) -> None:
    """Write a report and what it refused."""
    cursor.execute(
        "INSERT INTO reports VALUES (?, ?, ?, ?)",
        [report.commit, report.layer, report.source, dumps(report)],
    )
    if rejected:
        bodies = pa.array([dumps(r) for r in rejected], pa.string())
        numbers = pa.array(range(len(rejected)), pa.int64())
        cursor.register("refused", pa.table({"n": numbers, "body": bodies}))
        cursor.execute("INSERT INTO quarantine SELECT ?, n, body FROM refused", [report.commit])
        cursor.unregister("refused")


def numbered(cursor: duckdb.DuckDBPyConnection, number: int, at: datetime, change: Change | None) -> None:
    """Write a commit's number, and its feed entry where it has one."""
    cursor.execute("INSERT INTO commits VALUES (?, ?)", [number, at.astimezone(UTC).replace(tzinfo=None)])
    if change is not None:
        cursor.execute("INSERT INTO feed VALUES (?, ?)", [change.version, dumps(change)])


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
        latest_time=time.replace(tzinfo=UTC) if time else None,
        latest_value=value,
    )


def rehashed(cursor: duckdb.DuckDBPyConnection, held: list[Held]) -> None:
    """Hash every row again when another DuckDB wrote the hashes: it promises them for one version only."""
    with_ = cursor.execute("SELECT value FROM meta WHERE name = 'hashed_with'").fetchall()
    if with_ == [(duckdb.__version__,)]:
        return
    for one in held:
        hashed(cursor, one)
    cursor.execute("INSERT OR REPLACE INTO meta VALUES ('hashed_with', ?)", [duckdb.__version__])
