"""Observations in DuckDB: appended in batches, corrected values set aside, the latest of each kept."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import duckdb
import pyarrow as pa

from twin.duckdb.schema import literal
from twin.duckdb.stage import arrow, naive
from twin.model import OPEN
from twin.streams import last_of_each

NAMES: Final = ("layer", "thing", "name", "observed_property", "unit")


def declare(cursor: duckdb.DuckDBPyConnection, datastreams: pa.Table) -> pa.Table:
    """Make datastreams that are not there yet; the same rows with `id`."""
    wanted = datastreams.select(NAMES).cast(pa.schema([(n, pa.string()) for n in NAMES]))
    wanted = wanted.append_column("n", pa.array(range(wanted.num_rows), pa.int64()))
    cursor.register("wanted", wanted)
    cursor.execute(
        "INSERT INTO datastreams SELECT coalesce((SELECT max(id) FROM datastreams), 0)"
        " + row_number() OVER (ORDER BY n), layer, thing, name, observed_property, unit"
        " FROM (SELECT DISTINCT ON (layer, thing, name) * FROM wanted ORDER BY layer, thing, name, n) w"
        " WHERE NOT EXISTS (SELECT 1 FROM datastreams d WHERE d.layer = w.layer AND d.thing = w.thing"
        " AND d.name = w.name)"
    )
    ids = arrow(
        cursor,
        "SELECT d.id FROM wanted w JOIN datastreams d ON d.layer = w.layer AND d.thing = w.thing"
        " AND d.name = w.name ORDER BY w.n",
    )
    cursor.unregister("wanted")
    return datastreams.append_column("id", ids["id"])


def judge(cursor: duckdb.DuckDBPyConnection, observations: pa.Table) -> dict[str, int]:
    """Sort a batch into `added`, `changed`, `unchanged` and `refused`, in the temporary table `seen`."""
    rows = last_of_each(observations)
    cursor.register("arrived", pa.table({n: naive(rows[n]) for n in rows.column_names}))
    cursor.execute(
        "CREATE OR REPLACE TEMP TABLE seen AS SELECT a.*, d.layer, d.thing, o.rowid AS r, CASE"
        " WHEN d.id IS NULL OR a.time IS NULL THEN 'refused' WHEN o.datastream IS NULL THEN 'added'"
        " WHEN o.value IS NOT DISTINCT FROM a.value THEN 'unchanged' ELSE 'changed' END AS verdict"
        " FROM arrived a LEFT JOIN datastreams d ON d.id = a.datastream"
        " LEFT JOIN observations o ON o.datastream = a.datastream AND o.time = a.time"
        " AND o.time >= (SELECT min(time) FROM arrived) AND o.time <= (SELECT max(time) FROM arrived)"
    )
    cursor.unregister("arrived")
    return dict(cursor.execute("SELECT verdict, count(*) FROM seen GROUP BY verdict").fetchall())


def store(cursor: duckdb.DuckDBPyConnection, recorded: datetime, *, corrections: bool) -> None:
    """Write what is new or changed in `seen`; what a correction replaces is kept aside."""
    at = literal(recorded)
    if corrections:
        old = "rowid IN (SELECT r FROM seen WHERE verdict = 'changed')"
        cursor.execute(f"INSERT INTO corrected SELECT *, {at} FROM observations WHERE {old}")
        cursor.execute(f"DELETE FROM observations WHERE {old}")
    cursor.execute(
        f"INSERT INTO observations SELECT datastream, time, value, {at} FROM seen"
        " WHERE verdict IN ('added', 'changed') ORDER BY datastream, time"
    )
    _latest(cursor)


def _latest(cursor: duckdb.DuckDBPyConnection) -> None:
    cursor.execute(
        "CREATE OR REPLACE TEMP TABLE newest AS"
        " WITH news AS (SELECT datastream, max(time) AS time, arg_max(struct_pack(v := value), time) AS s,"
        " count(*) FILTER (verdict = 'added') AS more FROM seen"
        " WHERE verdict IN ('added', 'changed') GROUP BY datastream)"
        " SELECT n.datastream, greatest(n.time, l.time) AS time,"
        " CASE WHEN l.time > n.time THEN l.value ELSE n.s.v END AS value,"
        " n.more + coalesce(l.count, 0) AS count"
        " FROM news n LEFT JOIN latest l ON l.datastream = n.datastream"
    )
    cursor.execute("DELETE FROM latest WHERE datastream IN (SELECT datastream FROM newest)")
    cursor.execute("INSERT INTO latest SELECT * FROM newest")


def touched(cursor: duckdb.DuckDBPyConnection) -> tuple[dict[str, set[str]], dict[str, int], list[str]]:
    """Things with news and numbers of news by layer, and every layer that was spoken of."""
    news = "verdict IN ('added', 'changed')"
    pairs = cursor.execute(f"SELECT DISTINCT layer, thing FROM seen WHERE {news}").fetchall()
    things: dict[str, set[str]] = {}
    for layer, thing in pairs:
        things.setdefault(layer, set()).add(thing)
    numbers = dict(cursor.execute(f"SELECT layer, count(*) FROM seen WHERE {news} GROUP BY layer").fetchall())
    layers = cursor.execute(
        "SELECT DISTINCT layer FROM seen WHERE verdict <> 'refused' ORDER BY layer"
    ).fetchall()
    return things, numbers, [row[0] for row in layers]


def series(
    datastream: int, start: datetime | None, end: datetime | None, limit: int | None, *, descending: bool
) -> str:
    """The statement that reads a datastream's observations; both ends belong to it."""
    return (
        f"SELECT time, value FROM observations WHERE datastream = {int(datastream)}"
        f" AND time >= {literal(start) if start else 'TIMESTAMP ' + repr('0001-01-01')}"
        f" AND time <= {literal(end or OPEN)} ORDER BY time {'DESC' if descending else 'ASC'}"
        + (f" LIMIT {int(limit)}" if limit is not None else "")
    )


def buckets(datastream: int, start: datetime, end: datetime, points: int) -> str:
    """The statement that gives bucket number, count, min, max and mean of [start, end] in equal parts."""
    width = max((end - start) / points, datetime.resolution)
    micros = width.days * 86_400_000_000 + width.seconds * 1_000_000 + width.microseconds
    return (
        "SELECT n, count(value) AS count, min(value) AS min, max(value) AS max, avg(value) AS mean FROM"
        f" (SELECT least((epoch_us(time) - epoch_us({literal(start)})) // {micros}, {points - 1}) AS n, value"
        f" FROM observations WHERE datastream = {int(datastream)} AND value IS NOT NULL"
        f" AND time >= {literal(start)} AND time <= {literal(end)}) GROUP BY n ORDER BY n"
    )
