"""One delivery into DuckDB, set by set: judged, superseded, written. `twin/history.py` has the rules.

Temporary tables of the cursor, in the order in which they are made:

    stage     the rows as they came (twin/duckdb/stage.py)
    hashed    those with an id of their own, and their hashes
    pairs     what is believed and has no end beside what came for it; `same` when nothing changes by it
    arrivals  the rows that are not plainly the same, few in a file that comes again
    old       what is believed of these ids, tombstones too, and what a snapshot may end
    verdict   what becomes of each arrival, its period [f, t) and what it governs [f, g)
    cuts      the old rows that are no longer believed, and between which moments
    former    those rows whole
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from twin import history
from twin.duckdb.schema import Held, literal, quoted
from twin.duckdb.stage import Stage, attribute_hash, geometry_hash
from twin.extents import extents, union
from twin.model import OPEN, BBox, Delivery, Mode, Rejected
from twin.records import refused

FEW: Final = 100
"""So many ids are looked up one by one, through the index, instead of by a join."""
WRITTEN: Final = ", ".join(quoted(v) for v in history.WRITTEN)
BOX: Final = ("minx", "miny", "maxx", "maxy")
PLACED: Final = ("hkey", "size", *BOX, "minz", "maxz")


@dataclass(frozen=True, kw_only=True)
class Commit:
    """What a write knows about itself."""

    cursor: duckdb.DuckDBPyConnection
    held: Held
    """The layer as it will be."""
    delivery: Delivery
    number: int
    recorded: datetime
    at: datetime
    until: datetime


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of a delivery."""

    counts: dict[str, int]
    rejected: list[Rejected]
    refused: int
    ids: tuple[str, ...] | None
    """None when there are more than 1,000."""
    touched: int
    box: BBox | None
    """Of the rows before and after."""
    extent: BBox | None
    """Of what was accepted."""
    written: int


def deliver(commit: Commit, stage: Stage) -> Outcome:
    """Judge and write what is staged."""
    _hashed(commit, stage)
    paired = _paired(commit)
    _old(commit, paired=paired)
    _verdicts(commit)
    _cuts(commit, absent=_absent(commit, stage))
    rejected, refusals = _refusals(commit, stage)
    ended = _end(commit)
    placed = _placed(commit, stage)
    written = _write(commit, stage, placed)
    return _outcome(commit, rejected, refusals, placed, written + ended)


def end(commit: Commit, ids: Sequence[str]) -> Outcome:
    """End the rows of ids from the commit's moment on; no row ended, none touched."""
    commit.cursor.register("arrived", pa.table({"id": pa.array(ids, pa.string())}))
    commit.cursor.execute("CREATE OR REPLACE TEMP TABLE arrivals AS SELECT DISTINCT id FROM arrived")
    commit.cursor.unregister("arrived")
    _old(commit, paired=False)
    commit.cursor.execute(f"CREATE OR REPLACE TEMP TABLE pairs AS {NO_PAIRS}")
    commit.cursor.execute(
        "CREATE OR REPLACE TEMP TABLE verdict AS SELECT 0 AS n, '' AS id, '' AS verdict,"
        f" {literal(OPEN)} AS f, {literal(OPEN)} AS g, {literal(OPEN)} AS t LIMIT 0"
    )
    touched = f"valid_from < {literal(commit.until)} AND valid_to > {literal(commit.at)}"
    _cuts(
        commit,
        absent=f"SELECT *, {literal(commit.at)} AS c0, {literal(commit.until)} AS c1, NOT tombstone AS gone"
        f" FROM old WHERE {touched} AND id IN (SELECT id FROM old WHERE {touched} AND NOT tombstone)",
    )
    written = _end(commit) + _buried(commit)
    return _outcome(commit, [], 0, pa.table({n: pa.array([], pa.float64()) for n in BOX}), written)


def _hashed(commit: Commit, stage: Stage) -> None:
    types = {n: c.type for n, c in commit.held.columns.items()}
    values = {n: stage.value(n, types[n], "") for n in stage.columns}
    commit.cursor.execute(
        "CREATE OR REPLACE TEMP TABLE hashed AS SELECT n, id, valid_from AS own_from, valid_to AS own_to,"
        f" {geometry_hash(stage.bodies)} AS hash, {attribute_hash(values)} AS ahash"
        " FROM stage WHERE id IS NOT NULL"
    )
    commit.cursor.execute(
        "CREATE OR REPLACE TEMP TABLE doubles AS SELECT id FROM hashed GROUP BY id HAVING count(*) > 1"
    )
    if _one(commit, "SELECT count(*) FROM doubles"):
        commit.cursor.execute("DELETE FROM hashed WHERE id IN (SELECT id FROM doubles)")


NO_PAIRS: Final = (
    "SELECT 0::BIGINT AS r, 0::BIGINT AS n, FALSE AS same, '' AS source, 0::DOUBLE AS minx, 0::DOUBLE AS miny,"
    " 0::DOUBLE AS maxx, 0::DOUBLE AS maxy LIMIT 0"
)


def _paired(commit: Commit) -> bool:
    """Set aside what is plainly the same; whether the layer was gone through for it.

    A row without an end is the last of its id: when it began before the arrival does, says the same, and
    the arrival states no end of its own, nothing changes. This is the rule of `history.judged` for the
    case that files that come again consist of.
    """
    d = commit.delivery
    few = d.mode is not Mode.SNAPSHOT and _one(commit, "SELECT count(*) FROM hashed") <= FEW
    if few or d.mode is Mode.APPEND:
        commit.cursor.execute(f"CREATE OR REPLACE TEMP TABLE pairs AS {NO_PAIRS}")
        commit.cursor.execute("CREATE OR REPLACE TEMP VIEW arrivals AS SELECT * FROM hashed")
        return False
    at, until = literal(commit.at), literal(commit.until)
    begins = f"greatest({at}, coalesce(h.own_from, {at}))"
    mine = f"t.source = {quoted(d.source)}" if d.mode is Mode.SNAPSHOT else "TRUE"
    commit.cursor.execute(
        "CREATE OR REPLACE TEMP TABLE pairs AS SELECT t.rowid AS r, h.n, t.source,"
        f" coalesce(h.own_to IS NULL AND t.hash = h.hash AND t.ahash = h.ahash AND t.valid_from <= {begins}"
        f" AND {begins} < {until} AND {mine}, FALSE) AS same, {', '.join(f't.{c}' for c in BOX)}"
        f" FROM {commit.held.live} t LEFT JOIN hashed h ON h.id = t.id WHERE t.branch = {quoted(d.branch)}"
    )
    commit.cursor.execute(
        "CREATE OR REPLACE TEMP TABLE rest AS SELECT * FROM hashed WHERE n NOT IN"
        " (SELECT n FROM pairs WHERE same)"
    )
    commit.cursor.execute("CREATE OR REPLACE TEMP VIEW arrivals AS SELECT * FROM rest")
    return True


def _old(commit: Commit, *, paired: bool) -> None:
    """What is believed of the arrivals, and what a snapshot may end."""
    branch, tombstones = quoted(commit.delivery.branch), quoted(history.removals(commit.delivery.branch))
    named = "SELECT id FROM arrivals"
    if _one(commit, "SELECT count(*) FROM arrivals") <= FEW:
        ids = [row[0] for row in commit.cursor.execute("SELECT DISTINCT id FROM arrivals").fetchall()]
        named = ", ".join(quoted(i) for i in ids) or "NULL"
    rest = f"id, source, valid_from, valid_to, hash, ahash, dated, tombstone, {', '.join(BOX)}"
    names = f"rowid AS r, {rest.replace('tombstone', f'branch = {tombstones} AS tombstone')}"
    believed = f"recorded_to = {literal(OPEN)} AND branch IN ({branch}, {tombstones})"
    # Named first and whole: beside another predicate the index on id is not used.
    found = f"AS MATERIALIZED (SELECT {names}, branch, recorded_to FROM {{}} WHERE id IN ({named}))"
    commit.cursor.execute(
        f"CREATE OR REPLACE TEMP TABLE old AS WITH l {found.format(commit.held.live)},"
        f" h {found.format(commit.held.hist)}"
        f" SELECT TRUE AS live, r, {rest} FROM l WHERE {believed}"
        f" UNION ALL SELECT FALSE, r, {rest} FROM h WHERE {believed}"
    )
    if not paired or commit.delivery.mode is not Mode.SNAPSHOT:
        return
    mine = f"branch = {branch} AND {_omitted(commit)}"
    commit.cursor.execute(
        f"INSERT INTO old SELECT TRUE, {names} FROM {commit.held.live} WHERE {mine}"
        " AND rowid IN (SELECT r FROM pairs WHERE n IS NULL)"
        f" UNION ALL SELECT FALSE, {names} FROM {commit.held.hist} WHERE {believed} AND {mine}"
        " AND NOT EXISTS (SELECT 1 FROM arrivals a WHERE a.id = "
        f"{commit.held.hist}.id)"
    )


def _verdicts(commit: Commit) -> None:
    at, until = literal(commit.at), literal(commit.until)
    append = commit.delivery.mode is Mode.APPEND
    snapshot = commit.delivery.mode is Mode.SNAPSHOT
    source, there = quoted(commit.delivery.source), "FILTER (NOT o.tombstone)"
    commit.cursor.execute(f"""
        CREATE OR REPLACE TEMP TABLE verdict AS
        WITH known AS (SELECT DISTINCT id FROM old),
        claim AS (
            SELECT a.*, k.id IS NOT NULL AS known, least(coalesce(own_to, {literal(OPEN)}), {until}) AS t,
                own_from IS NOT NULL AND own_to IS NOT NULL AND own_to <= {at} AS past
            FROM arrivals a LEFT JOIN known k ON k.id = a.id),
        bounded AS (
            SELECT n, id, hash, ahash, known, t,
                CASE WHEN past THEN own_from WHEN known THEN greatest({at}, coalesce(own_from, {at}))
                    ELSE coalesce(own_from, {at}) END AS f,
                CASE WHEN past THEN t ELSE {until} END AS g
            FROM claim),
        met AS (
            SELECT b.n, count(*) AS met, count(*) {there} AS there, bool_or(o.source <> {source}) AS foreign_,
                bool_or(o.tombstone AND o.source <> {source} AND o.hash = b.hash AND o.ahash = b.ahash)
                    AS nothing_new,
                min(o.valid_from) {there} AS f, arg_min(o.valid_to, o.valid_from) {there} AS t,
                arg_min(o.hash, o.valid_from) {there} AS hash, arg_min(o.ahash, o.valid_from) {there} AS ahash
            FROM bounded b JOIN old o ON o.id = b.id AND o.valid_from < b.g AND o.valid_to > b.f
            GROUP BY b.n)
        SELECT b.n, b.id, b.f, b.t, b.g, b.hash, b.ahash, CASE
            WHEN {append} AND b.known THEN 'taken'
            WHEN b.f >= b.t THEN 'untimely'
            WHEN m.met IS NULL THEN 'added'
            WHEN ({snapshot} AND m.foreign_) OR m.nothing_new THEN 'kept'
            WHEN m.there = 0 THEN 'added'
            WHEN m.met = 1 AND m.hash = b.hash AND m.ahash = b.ahash AND m.f <= b.f AND least(m.t, b.g) = b.t
                THEN 'unchanged'
            WHEN m.hash = b.hash THEN 'changed_attributes'
            ELSE 'changed_geometry' END AS verdict
        FROM bounded b LEFT JOIN met m ON m.n = b.n""")


def _absent(commit: Commit, stage: Stage) -> str:
    """Rows that a snapshot ends: those that it may end and does not name, refused or not."""
    at = literal(commit.at)
    names = f"SELECT *, {at} AS c0, {literal(commit.until)} AS c1, TRUE AS gone FROM old o"
    if commit.delivery.mode is not Mode.SNAPSHOT:
        return f"{names} WHERE FALSE"
    commit.cursor.register("refused_ids", pa.table({"id": pa.array(sorted(stage.refused_ids), pa.string())}))
    return (
        f"{names} WHERE NOT tombstone AND {_omitted(commit)}"
        " AND NOT EXISTS (SELECT 1 FROM stage s WHERE s.id = o.id)"
        " AND NOT EXISTS (SELECT 1 FROM refused_ids x WHERE x.id = o.id)"
    )


def _omitted(commit: Commit) -> str:
    """`history.omitted` as a condition."""
    at, until = literal(commit.at), literal(commit.until)
    announced = f"dated = {quoted(history.STATED)} AND valid_from > {at} AND valid_from < {until}"
    return (
        f"source = {quoted(commit.delivery.source)}"
        f" AND ((valid_from <= {at} AND valid_to > {at}) OR ({announced}))"
    )


def _cuts(commit: Commit, *, absent: str) -> None:
    commit.cursor.execute(
        "CREATE OR REPLACE TEMP TABLE cuts AS SELECT o.*, v.f AS c0, v.g AS c1, FALSE AS gone"
        f" FROM old o JOIN verdict v ON v.id = o.id WHERE v.verdict IN ({WRITTEN})"
        f" AND o.valid_from < v.g AND o.valid_to > v.f UNION ALL {absent}"
    )


def _refusals(commit: Commit, stage: Stage) -> tuple[list[Rejected], int]:
    """The rows that do not go in, as the quarantine keeps them, and how many there are."""
    reasons: dict[int, tuple[str, str]] = {}
    select = commit.cursor.execute
    for (n,) in select("SELECT n FROM stage WHERE id IS NULL").fetchall():
        reasons[n] = "id", history.NAMELESS
    for (n,) in select("SELECT n FROM stage WHERE id IN (SELECT id FROM doubles)").fetchall():
        reasons[n] = "id", history.DUPLICATE
    unfit = "SELECT n, verdict, f, t FROM verdict WHERE verdict IN ('taken', 'untimely')"
    for n, verdict, f, t in select(unfit).fetchall():
        empty = "valid_from", history.untimely(f.replace(tzinfo=UTC), t.replace(tzinfo=UTC))
        reasons[n] = ("id", history.TAKEN) if verdict == "taken" else empty
    room = max(commit.delivery.rejected_limit - len(stage.rejected), 0)
    if not reasons or not room:
        return [], len(reasons)
    numbers = sorted(reasons)[:room]
    commit.cursor.register("unfit", pa.table({"n": pa.array(numbers, pa.int64())}))
    rows = stage.originals("n IN (SELECT n FROM unfit)", room)
    rejected = [refused(row, *reasons[row.pop("n")]) for row in rows]
    return rejected, len(reasons)


def _end(commit: Commit) -> int:
    """Stop believing what is cut; write again what remains of it. How many rows were written."""
    held, cursor = commit.held, commit.cursor
    if not _one(commit, "SELECT count(*) FROM cuts"):
        cursor.execute(f"CREATE OR REPLACE TEMP TABLE former AS SELECT * FROM {held.live} LIMIT 0")
        return 0
    names = ", ".join(f"t.{c}" for c in held.stored)
    parts = [
        f"SELECT c.live, c.r, c.c0, c.c1, {names} FROM {table} t JOIN cuts c ON t.rowid = c.r"
        f" WHERE {condition}{_by_id(commit)}"
        for table, condition in ((held.live, "c.live"), (held.hist, "NOT c.live"))
    ]
    cursor.execute(f"CREATE OR REPLACE TEMP TABLE former AS {' UNION ALL '.join(parts)}")
    cursor.execute(
        f"UPDATE {held.hist} SET recorded_to = {literal(commit.recorded)}"
        f" WHERE rowid IN (SELECT r FROM cuts WHERE NOT live){_by_id(commit, '')}"
    )
    cursor.execute(
        f"DELETE FROM {held.live} WHERE rowid IN (SELECT r FROM cuts WHERE live){_by_id(commit, '')}"
    )
    _copy(commit, held.hist, "live", recorded_to=literal(commit.recorded))
    again = {
        "recorded_from": literal(commit.recorded),
        "recorded_to": literal(OPEN),
        "version": str(commit.number),
    }
    _copy(commit, held.hist, "valid_from < c0", valid_to="c0", **again)
    _copy(commit, held.live, f"valid_to > c1 AND valid_to = {literal(OPEN)}", valid_from="c1", **again)
    _copy(commit, held.hist, f"valid_to > c1 AND valid_to < {literal(OPEN)}", valid_from="c1", **again)
    return _one(commit, f"SELECT count(*) FROM cuts WHERE valid_to > c1 AND valid_to = {literal(OPEN)}")


def _buried(commit: Commit) -> int:
    """Write a tombstone of each id that was removed; how many went to `live`."""
    branch = quoted(commit.delivery.branch)
    first = f"SELECT id, min(valid_from) FROM former WHERE branch = {branch} GROUP BY id"
    _copy(
        commit,
        commit.held.live if commit.until == OPEN else commit.held.hist,
        f"branch = {branch} AND (id, valid_from) IN ({first})",
        source=quoted(commit.delivery.source),
        branch=quoted(history.removals(commit.delivery.branch)),
        valid_from=literal(commit.at),
        valid_to=literal(commit.until),
        recorded_from=literal(commit.recorded),
        recorded_to=literal(OPEN),
        version=str(commit.number),
    )
    return _one(commit, f"SELECT count(*) FROM ({first})") if commit.until == OPEN else 0


def _by_id(commit: Commit, alias: str = "t.") -> str:
    """A second condition that lets few rows be found through the index."""
    ids = [
        row[0] for row in commit.cursor.execute(f"SELECT DISTINCT id FROM cuts LIMIT {FEW + 1}").fetchall()
    ]
    return "" if len(ids) > FEW else f" AND {alias}id IN ({', '.join(quoted(i) for i in ids)})"


def _copy(commit: Commit, table: str, condition: str, **instead: str) -> None:
    """Write rows of `former` again with other values in some columns."""
    names = commit.held.stored
    values = ", ".join(instead.get(n, n) for n in names)
    commit.cursor.execute(
        f"INSERT INTO {table} ({', '.join(names)}) SELECT {values} FROM former WHERE {condition} ORDER BY hkey"
    )


def _placed(commit: Commit, stage: Stage) -> pa.Table:
    """Where the rows to be written are: n and what `extents` gives."""
    bodies = list(stage.bodies.values())
    names = ", ".join(f"s.{c}" for c in ("n", "geom", "own_size", *bodies))
    relation = commit.cursor.sql(
        f"SELECT {names} FROM stage s JOIN verdict v ON v.n = s.n WHERE v.verdict IN ({WRITTEN})"
    )
    parts = []
    for batch in relation.to_arrow_reader(50_000):
        columns = extents(batch["geom"], [batch[b] for b in bodies], batch["own_size"])
        parts.append(pa.table({"n": batch["n"], **columns}))
    empty = {"n": pa.array([], pa.int64()), **extents(pa.array([], pa.binary()), [])}
    return pa.concat_tables(parts) if parts else pa.table(empty)


def _write(commit: Commit, stage: Stage, placed: pa.Table) -> int:
    """Write the new states in Hilbert order; how many went to `live`."""
    if not placed.num_rows:
        return 0
    held, cursor = commit.held, commit.cursor
    values = {
        "id": "s.id",
        "source": quoted(commit.delivery.source),
        "branch": quoted(commit.delivery.branch),
        "dated": "coalesce(s.dated, 'survey')",
        "valid_from": "v.f",
        "valid_to": "v.t",
        "recorded_from": literal(commit.recorded),
        "recorded_to": literal(OPEN),
        "version": str(commit.number),
        **{n: f"p.{n}" for n in PLACED},
        "own_size": "s.own_size",
        "hash": "v.hash",
        "ahash": "v.ahash",
        "geom": "s.geom",
        **{c: f"s.{stage.bodies[n]}" for n, c in held.bodies.items() if n in stage.bodies},
        **{c.name: stage.value(n, c.type) for n, c in held.columns.items() if n in stage.columns},
    }
    cursor.register("placed", placed)
    for table, condition in ((held.live, "="), (held.hist, "<")):
        cursor.execute(
            f"INSERT INTO {table} ({', '.join(values)}) SELECT {', '.join(values.values())}"
            " FROM stage s JOIN verdict v ON v.n = s.n JOIN placed p ON p.n = s.n"
            f" WHERE v.t {condition} {literal(OPEN)} ORDER BY p.hkey"
        )
    cursor.unregister("placed")
    return _one(commit, f"SELECT count(*) FROM verdict WHERE verdict IN ({WRITTEN}) AND t = {literal(OPEN)}")


def _outcome(
    commit: Commit, rejected: list[Rejected], refusals: int, placed: pa.Table, written: int
) -> Outcome:
    select = commit.cursor.execute
    ranges = ", ".join(f"{f}({n})" for f, n in zip(("min", "min", "max", "max"), BOX, strict=True))
    counts = dict(select("SELECT verdict, count(*) FROM verdict GROUP BY verdict").fetchall())
    same = f"SELECT {ranges} FROM pairs WHERE same"
    counts["unchanged"] = counts.get("unchanged", 0) + _one(commit, "SELECT count(*) FROM pairs WHERE same")
    counts["removed"] = _one(commit, "SELECT count(DISTINCT id) FROM cuts WHERE gone")
    touched = f"SELECT id FROM verdict WHERE verdict IN ({WRITTEN}) UNION SELECT id FROM cuts"
    number = _one(commit, f"SELECT count(*) FROM ({touched})")
    few = sorted(row[0] for row in select(touched).fetchall()) if number <= 1000 else None
    alike = (
        f"SELECT {ranges} FROM old o JOIN verdict v ON v.id = o.id AND v.verdict = 'unchanged'"
        " AND o.valid_from < v.g AND o.valid_to > v.f"
    )
    new = _around(placed)
    return Outcome(
        counts=counts,
        rejected=rejected,
        refused=refusals,
        ids=None if few is None else tuple(few),
        touched=number,
        box=union([b for b in (new, _one_box(commit, f"SELECT {ranges} FROM cuts")) if b]),
        extent=union([b for b in (new, _one_box(commit, same), _one_box(commit, alike)) if b]),
        written=written,
    )


def _one(commit: Commit, sql: str) -> int:
    return int(commit.cursor.execute(sql).fetchall()[0][0])


def _one_box(commit: Commit, sql: str) -> BBox | None:
    row = commit.cursor.execute(sql).fetchall()[0]
    if row[0] is None:
        return None
    return BBox(west=row[0], south=row[1], east=row[2], north=row[3])


def _around(placed: pa.Table) -> BBox | None:
    if not placed.num_rows or pc.min(placed["minx"]).as_py() is None:
        return None
    return BBox(
        west=pc.min(placed["minx"]).as_py(),
        south=pc.min(placed["miny"]).as_py(),
        east=pc.max(placed["maxx"]).as_py(),
        north=pc.max(placed["maxy"]).as_py(),
    )
