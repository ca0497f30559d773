"""Observations in SQL: appended in batches, corrected values set aside, the latest of each kept."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

import pyarrow as pa

from twin.dialects import Dialect
from twin.model import OPEN
from twin.relational.session import Session
from twin.streams import last_of_each

NAMES: Final = ("layer", "thing", "name", "observed_property", "unit")
NEWS: Final = "verdict IN ('added', 'changed')"
EARLIEST: Final = datetime(1, 1, 1, tzinfo=UTC)


def declare(session: Session, datastreams: pa.Table) -> pa.Table:
    """Make datastreams that are not there yet; the same rows with `id`."""
    wanted = datastreams.select(NAMES).cast(pa.schema([(n, pa.string()) for n in NAMES]))
    session.put("wanted", wanted.append_column("n", pa.array(range(wanted.num_rows), pa.int64())))
    names = ", ".join(NAMES)
    session.run(
        f"INSERT INTO datastreams (id, {names}) SELECT coalesce((SELECT max(id) FROM datastreams), 0)"
        f" + row_number() OVER (ORDER BY n), {names}"
        " FROM (SELECT DISTINCT ON (layer, thing, name) * FROM wanted ORDER BY layer, thing, name, n) w"
        " WHERE NOT EXISTS (SELECT 1 FROM datastreams d WHERE d.layer = w.layer AND d.thing = w.thing"
        " AND d.name = w.name)"
    )
    ids = session.arrow(
        "SELECT d.id FROM wanted w JOIN datastreams d ON d.layer = w.layer AND d.thing = w.thing"
        " AND d.name = w.name ORDER BY w.n",
    )
    session.drop("wanted")
    return datastreams.append_column("id", ids["id"])


def judge(session: Session, observations: pa.Table) -> dict[str, int]:
    """Sort a batch into `added`, `changed`, `unchanged` and `refused`, in the temporary table `seen`."""
    session.put("arrived", last_of_each(observations))
    session.made(
        "seen",
        f"SELECT a.*, d.layer, d.thing, o.{session.dialect.rowid} AS r, CASE"
        " WHEN d.id IS NULL OR a.time IS NULL THEN 'refused' WHEN o.datastream IS NULL THEN 'added'"
        " WHEN o.value IS NOT DISTINCT FROM a.value THEN 'unchanged' ELSE 'changed' END AS verdict"
        " FROM arrived a LEFT JOIN datastreams d ON d.id = a.datastream"
        " LEFT JOIN observations o ON o.datastream = a.datastream AND o.time = a.time"
        " AND o.time >= (SELECT min(time) FROM arrived) AND o.time <= (SELECT max(time) FROM arrived)",
    )
    session.drop("arrived")
    return dict(session.rows("SELECT verdict, count(*) FROM seen GROUP BY verdict"))


def store(session: Session, recorded: datetime, *, corrections: bool) -> None:
    """Write what is new or changed in `seen`; what a correction replaces is kept aside."""
    at = session.dialect.moment(recorded)
    if corrections:
        old = f"{session.dialect.rowid} IN (SELECT r FROM seen WHERE verdict = 'changed')"
        session.run(f"INSERT INTO corrected SELECT *, {at} FROM observations WHERE {old}")
        session.run(f"DELETE FROM observations WHERE {old}")
    session.run(
        f"INSERT INTO observations SELECT datastream, time, value, {at} FROM seen"
        f" WHERE {NEWS} ORDER BY datastream, time"
    )
    _latest(session)


def _latest(session: Session) -> None:
    session.made(
        "newest",
        "WITH news AS (SELECT DISTINCT ON (datastream) datastream, time, value FROM seen"
        f" WHERE {NEWS} ORDER BY datastream, time DESC),"
        " more AS (SELECT datastream, count(*) AS count FROM seen WHERE verdict = 'added' GROUP BY datastream)"
        " SELECT n.datastream, greatest(n.time, l.time) AS time,"
        " CASE WHEN l.time > n.time THEN l.value ELSE n.value END AS value,"
        " coalesce(m.count, 0) + coalesce(l.count, 0) AS count"
        " FROM news n LEFT JOIN latest l ON l.datastream = n.datastream"
        " LEFT JOIN more m ON m.datastream = n.datastream",
    )
    session.run("DELETE FROM latest WHERE datastream IN (SELECT datastream FROM newest)")
    session.run("INSERT INTO latest SELECT * FROM newest")


def touched(session: Session) -> tuple[dict[str, set[str]], dict[str, int], list[str]]:
    """Things with news and numbers of news by layer, and every layer that was spoken of."""
    things: dict[str, set[str]] = {}
    for layer, thing in session.rows(f"SELECT DISTINCT layer, thing FROM seen WHERE {NEWS}"):
        things.setdefault(layer, set()).add(thing)
    numbers = dict(session.rows(f"SELECT layer, count(*) FROM seen WHERE {NEWS} GROUP BY layer"))
    layers = session.rows("SELECT DISTINCT layer FROM seen WHERE verdict <> 'refused' ORDER BY layer")
    return things, numbers, [row[0] for row in layers]


def series(
    dialect: Dialect,
    datastream: int,
    start: datetime | None,
    end: datetime | None,
    limit: int | None,
    *,
    descending: bool,
) -> str:
    """The statement that reads a datastream's observations; both ends belong to it."""
    return (
        f"SELECT time, value FROM observations WHERE datastream = {int(datastream)}"
        f" AND time >= {dialect.moment(start or EARLIEST)}"
        f" AND time <= {dialect.moment(end or OPEN)} ORDER BY time {'DESC' if descending else 'ASC'}"
        + (f" LIMIT {int(limit)}" if limit is not None else "")
    )


def buckets(dialect: Dialect, datastream: int, start: datetime, end: datetime, points: int) -> str:
    """The statement that gives bucket number, count, min, max and mean of [start, end] in equal parts."""
    width = max((end - start) / points, datetime.resolution)
    micros = width.days * 86_400_000_000 + width.seconds * 1_000_000 + width.microseconds
    since = f"({dialect.microseconds.format('time')} - {dialect.microseconds.format(dialect.moment(start))})"
    return (
        "SELECT n, count(value) AS count, min(value) AS min, max(value) AS max, avg(value) AS mean FROM"
        f" (SELECT least({since} {dialect.quotient} {micros}, {points - 1}) AS n, value"
        f" FROM observations WHERE datastream = {int(datastream)} AND value IS NOT NULL"
        f" AND time >= {dialect.moment(start)} AND time <= {dialect.moment(end)}) AS q GROUP BY n ORDER BY n"
    )
