"""One delivery into a database: judged (`twin/relational/judging.py`), superseded, written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import pyarrow as pa

from twin import history
from twin.dialects import quoted
from twin.extents import extents, union
from twin.model import OPEN, BBox, Rejected
from twin.relational import judging
from twin.relational.judging import BOX, FEW, WRITTEN, Commit
from twin.relational.session import one
from twin.relational.stage import Stage

PLACED: Final = ("hkey", "size", *BOX, "minz", "maxz")


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
    judging.hashed(commit, stage)
    judging.believed(commit, paired=judging.paired(commit))
    judging.verdicts(commit)
    judging.cuts(commit, absent=judging.omitted(commit, stage))
    rejected, refused = judging.refusals(commit, stage)
    ended = _end(commit)
    written = _write(commit, stage) if _place(commit, stage) else 0
    return _outcome(commit, rejected, refused, written + ended)


def end(commit: Commit, ids: Sequence[str]) -> Outcome:
    """End the rows of ids from the commit's moment on; no row ended, none touched."""
    session = commit.session
    session.put("arrived", pa.table({"id": pa.array(ids, pa.string())}))
    session.made("arrivals", "SELECT DISTINCT id FROM arrived")
    session.drop("arrived")
    judging.believed(commit, paired=False)
    session.made("pairs", judging.no_pairs(commit))
    session.made(
        "verdict",
        "SELECT 0 AS n, '' AS id, '' AS verdict,"
        f" {commit.literal(OPEN)} AS f, {commit.literal(OPEN)} AS g, {commit.literal(OPEN)} AS t LIMIT 0",
    )
    session.put("placed", _nowhere())
    touched = f"valid_from < {commit.literal(commit.until)} AND valid_to > {commit.literal(commit.at)}"
    judging.cuts(
        commit,
        absent=f"SELECT *, {commit.literal(commit.at)} AS c0, {commit.literal(commit.until)} AS c1,"
        " NOT tombstone AS gone"
        f" FROM old WHERE {touched} AND id IN (SELECT id FROM old WHERE {touched} AND NOT tombstone)",
    )
    written = _end(commit) + _buried(commit)
    return _outcome(commit, [], 0, written)


def _end(commit: Commit) -> int:
    """Stop believing what is cut; write again what remains of it. How many rows were written."""
    held, session = commit.held, commit.session
    if not one(commit.session, "SELECT count(*) FROM cuts"):
        session.made("former", f"SELECT * FROM {held.live} LIMIT 0")
        return 0
    names = ", ".join(f"t.{c}" for c in held.stored)
    parts = [
        f"SELECT c.live, c.r, c.b0, c.c0, c.c1, c.final, {names} FROM {table} t JOIN cuts c ON t.{commit.rowid} = c.r"
        f" WHERE {condition}{_by_id(commit)}"
        for table, condition in ((held.live, "c.live"), (held.hist, "NOT c.live"))
    ]
    session.made("former", " UNION ALL ".join(parts))
    session.run(
        f"UPDATE {held.hist} SET recorded_to = {commit.literal(commit.recorded)}"
        f" WHERE {commit.rowid} IN (SELECT r FROM cuts WHERE NOT live){_by_id(commit, '')}"
    )
    session.run(
        f"DELETE FROM {held.live} WHERE {commit.rowid} IN (SELECT r FROM cuts WHERE live){_by_id(commit, '')}"
    )
    _copy(commit, held.hist, "live AND final", recorded_to=commit.literal(commit.recorded))
    again = {
        "recorded_from": commit.literal(commit.recorded),
        "recorded_to": commit.literal(OPEN),
        "version": str(commit.number),
    }
    _copy(commit, held.hist, "b0 < c0", valid_from="b0", valid_to="c0", **again)
    after = f"final AND valid_to > c1 AND valid_to {{}} {commit.literal(OPEN)}"
    _copy(commit, held.live, after.format("="), valid_from="c1", **again)
    _copy(commit, held.hist, after.format("<"), valid_from="c1", **again)
    return one(commit.session, f"SELECT count(*) FROM cuts WHERE {after.format('=')}")


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
        valid_from=commit.literal(commit.at),
        valid_to=commit.literal(commit.until),
        recorded_from=commit.literal(commit.recorded),
        recorded_to=commit.literal(OPEN),
        version=str(commit.number),
    )
    return one(commit.session, f"SELECT count(*) FROM ({first}) AS q") if commit.until == OPEN else 0


def _by_id(commit: Commit, alias: str = "t.") -> str:
    """A second condition that lets few rows be found through the index."""
    ids = [row[0] for row in commit.session.rows(f"SELECT DISTINCT id FROM cuts LIMIT {FEW + 1}")]
    return "" if len(ids) > FEW else f" AND {alias}id IN ({', '.join(quoted(i) for i in ids)})"


def _copy(commit: Commit, table: str, condition: str, **instead: str) -> None:
    """Write rows of `former` again with other values in some columns."""
    names = commit.held.stored
    values = ", ".join(instead.get(n, n) for n in names)
    commit.session.run(
        f"INSERT INTO {table} ({', '.join(names)}) SELECT {values} FROM former WHERE {condition} ORDER BY hkey"
    )


def _place(commit: Commit, stage: Stage) -> bool:
    """Find out where the rows to be written are: `placed`, n and what `extents` gives; whether there are any."""
    bodies, session = list(stage.bodies.values()), commit.session
    geometry = session.dialect.geometry_out.format("s.geom")
    names = ", ".join(("s.n", f"{geometry} AS geom", "s.own_size", *(f"s.{b}" for b in bodies)))
    parts = [_nowhere()]
    for piece in session.pieces(
        f"SELECT {names} FROM stage s JOIN verdict v ON v.n = s.n WHERE v.verdict IN ({WRITTEN})"
    ):
        columns = [piece[c].combine_chunks() for c in ("geom", *bodies, "own_size")]
        found = extents(columns[0], columns[1:-1], columns[-1])
        parts.append(pa.table({"n": piece["n"], **found}))
    placed = pa.concat_tables(parts)
    session.put("placed", placed)
    return bool(placed.num_rows)


def _nowhere() -> pa.Table:
    return pa.table({"n": pa.array([], pa.int64()), **extents(pa.array([], pa.binary()), [])})


def _write(commit: Commit, stage: Stage) -> int:
    """Write the new states in Hilbert order; how many went to `live`."""
    held, session = commit.held, commit.session
    values = {
        "id": "s.id",
        "source": quoted(commit.delivery.source),
        "branch": quoted(commit.delivery.branch),
        "dated": "coalesce(s.dated, 'survey')",
        "valid_from": "v.f",
        "valid_to": "v.t",
        "recorded_from": commit.literal(commit.recorded),
        "recorded_to": commit.literal(OPEN),
        "version": str(commit.number),
        **{n: f"p.{n}" for n in PLACED},
        "own_size": "s.own_size",
        "hash": "v.hash",
        "ahash": "v.ahash",
        "geom": "s.geom",
        **{c: f"s.{stage.bodies[n]}" for n, c in held.bodies.items() if n in stage.bodies},
        **{c.name: stage.value(n, c.type) for n, c in held.columns.items() if n in stage.columns},
    }
    for table, condition in ((held.live, "="), (held.hist, "<")):
        session.run(
            f"INSERT INTO {table} ({', '.join(values)}) SELECT {', '.join(values.values())}"
            " FROM stage s JOIN verdict v ON v.n = s.n JOIN placed p ON p.n = s.n"
            f" WHERE v.t {condition} {commit.literal(OPEN)} ORDER BY p.hkey"
        )
    return one(
        commit.session,
        f"SELECT count(*) FROM verdict WHERE verdict IN ({WRITTEN}) AND t = {commit.literal(OPEN)}",
    )


def _outcome(commit: Commit, rejected: list[Rejected], refused: int, written: int) -> Outcome:
    select, session = commit.session.rows, commit.session
    ranges = ", ".join(f"{f}({n})" for f, n in zip(("min", "min", "max", "max"), BOX, strict=True))
    counts = dict(select("SELECT verdict, count(*) FROM verdict GROUP BY verdict"))
    same = f"SELECT {ranges} FROM pairs WHERE same"
    counts["unchanged"] = counts.get("unchanged", 0) + one(
        commit.session, "SELECT count(*) FROM pairs WHERE same"
    )
    counts["removed"] = one(commit.session, "SELECT count(DISTINCT id) FROM cuts WHERE gone")
    touched = f"SELECT id FROM verdict WHERE verdict IN ({WRITTEN}) UNION SELECT id FROM cuts"
    number = one(session, f"SELECT count(*) FROM ({touched}) AS q")
    few = sorted(row[0] for row in select(touched)) if number <= 1000 else None
    alike = (
        f"SELECT {ranges} FROM old o JOIN verdict v ON v.id = o.id AND v.verdict = 'unchanged'"
        " AND o.valid_from < v.g AND o.valid_to > v.f"
    )
    new = _one_box(commit, f"SELECT {ranges} FROM placed")
    return Outcome(
        counts=counts,
        rejected=rejected,
        refused=refused,
        ids=None if few is None else tuple(few),
        touched=number,
        box=union([b for b in (new, _one_box(commit, f"SELECT {ranges} FROM cuts")) if b]),
        extent=union([b for b in (new, _one_box(commit, same), _one_box(commit, alike)) if b]),
        written=written,
    )


def _one_box(commit: Commit, sql: str) -> BBox | None:
    row = commit.session.rows(sql)[0]
    if row[0] is None:
        return None
    return BBox(west=row[0], south=row[1], east=row[2], north=row[3])
