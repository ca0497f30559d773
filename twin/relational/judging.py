"""One delivery into a database, set by set: judged, superseded, written. `twin/history.py` has the rules.

Temporary tables of the session, in the order in which they are made:

    stage     the rows as they came (twin/relational/stage.py)
    hashed    those with an id of their own, and their hashes
    pairs     what is believed and has no end beside what came for it; `same` when nothing changes by it
    arrivals  the rows that are not plainly the same, few in a file that comes again
    old       what is believed of these ids, tombstones too, and what a snapshot may end
    verdict   what becomes of each arrival, its period [f, t) and what it governs [f, g)
    cuts      the old rows that are no longer believed, and between which moments
    former    those rows whole
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

import pyarrow as pa

from twin import history
from twin.dialects import quoted
from twin.model import OPEN, Delivery, Mode, Rejected
from twin.records import refused
from twin.relational.schema import Held, utc
from twin.relational.session import Session, one
from twin.relational.stage import Stage, attribute_hash, geometry_hash

FEW: Final = 100
"""So many ids are looked up one by one, through the index, instead of by a join."""
WRITTEN: Final = ", ".join(quoted(v) for v in history.WRITTEN)
BOX: Final = ("minx", "miny", "maxx", "maxy")


@dataclass(frozen=True, kw_only=True)
class Commit:
    """What a write knows about itself."""

    session: Session
    held: Held
    """The layer as it will be."""
    delivery: Delivery
    number: int
    recorded: datetime
    at: datetime
    until: datetime

    def literal(self, moment: datetime) -> str:
        """A moment as SQL."""
        return self.session.dialect.moment(moment)

    @property
    def rowid(self) -> str:
        """What a row's address is called."""
        return self.session.dialect.rowid


def hashed(commit: Commit, stage: Stage) -> None:
    """Make `hashed` and set aside ids that come twice; of several periods, those that begin together."""
    types = {n: c.type for n, c in commit.held.columns.items()}
    values = {n: (stage.value(n, types[n], ""), types[n]) for n in stage.columns}
    dialect = commit.session.dialect
    commit.session.made(
        "hashed",
        f"SELECT n, id, valid_from AS own_from, valid_to AS own_to, {_next(commit.delivery)} AS next_from,"
        f" {geometry_hash(stage.bodies, dialect)} AS hash, {attribute_hash(values, dialect)} AS ahash"
        " FROM stage WHERE id IS NOT NULL",
    )
    same = "id, own_from" if commit.delivery.periods else "id"
    commit.session.made("doubles", f"SELECT id FROM hashed GROUP BY {same} HAVING count(*) > 1")
    if one(commit.session, "SELECT count(*) FROM doubles"):
        commit.session.run("DELETE FROM hashed WHERE id IN (SELECT id FROM doubles)")


def _next(delivery: Delivery) -> str:
    """When the next period of the same id begins; null when it has one alone, typed as it would be."""
    if delivery.periods:
        return "lead(valid_from) OVER (PARTITION BY id ORDER BY valid_from NULLS FIRST)"
    return "CASE WHEN FALSE THEN valid_from END"


def no_pairs(commit: Commit) -> str:
    """`pairs` without rows."""
    corners = ", ".join(f"CAST(NULL AS {commit.session.dialect.types['double']}) AS {c}" for c in BOX)
    return (
        f"SELECT CAST(NULL AS {commit.session.dialect.rowid_type}) AS r, CAST(NULL AS BIGINT) AS n,"
        f" FALSE AS same, '' AS source, {corners} LIMIT 0"
    )


def paired(commit: Commit) -> bool:
    """Set aside what is plainly the same; whether the layer was gone through for it.

    A row without an end is the last of its id: when it began before the arrival does, says the same, and
    the arrival states no end of its own, nothing changes. This is the rule of `history.judged` for the
    case that files that come again consist of.
    """
    d, session = commit.delivery, commit.session
    few = d.mode is not Mode.SNAPSHOT and one(session, "SELECT count(*) FROM hashed") <= FEW
    if few or d.mode is Mode.APPEND:
        session.made("pairs", no_pairs(commit))
        session.made("arrivals", "SELECT * FROM hashed")
        return False
    at, until = commit.literal(commit.at), commit.literal(commit.until)
    begins = f"greatest({at}, coalesce(h.own_from, {at}))"
    mine = f"t.source = {quoted(d.source)}" if d.mode is Mode.SNAPSHOT else "TRUE"
    session.made(
        "pairs",
        f"SELECT t.{commit.rowid} AS r, h.n, t.source,"
        f" coalesce(h.own_to IS NULL AND h.next_from IS NULL AND t.hash = h.hash AND t.ahash = h.ahash"
        f" AND t.valid_from <= {begins} AND {begins} < {until} AND {mine}, FALSE) AS same,"
        f" {', '.join(f't.{c}' for c in BOX)}"
        f" FROM {commit.held.live} t LEFT JOIN hashed h ON h.id = t.id WHERE t.branch = {quoted(d.branch)}",
    )
    session.made(
        "arrivals",
        "SELECT * FROM hashed h WHERE NOT EXISTS (SELECT 1 FROM pairs p WHERE p.same AND p.n = h.n)",
    )
    return True


def believed(commit: Commit, *, paired: bool) -> None:
    """What is believed of the arrivals, and what a snapshot may end."""
    branch, tombstones = quoted(commit.delivery.branch), quoted(history.removals(commit.delivery.branch))
    named = "SELECT id FROM arrivals"
    if one(commit.session, "SELECT count(*) FROM arrivals") <= FEW:
        ids = [row[0] for row in commit.session.rows("SELECT DISTINCT id FROM arrivals")]
        named = ", ".join(quoted(i) for i in ids) or "NULL"
    rest = f"id, source, valid_from, valid_to, hash, ahash, dated, tombstone, {', '.join(BOX)}"
    names = f"{commit.rowid} AS r, {rest.replace('tombstone', f'branch = {tombstones} AS tombstone')}"
    now = f"recorded_to = {commit.literal(OPEN)} AND branch IN ({branch}, {tombstones})"
    # Named first and whole: beside another predicate the index on id is not used.
    found = f"AS MATERIALIZED (SELECT {names}, branch, recorded_to FROM {{}} WHERE id IN ({named}))"
    commit.session.made(
        "old",
        f"WITH l {found.format(commit.held.live)},"
        f" h {found.format(commit.held.hist)}"
        f" SELECT TRUE AS live, r, {rest} FROM l WHERE {now}"
        f" UNION ALL SELECT FALSE, r, {rest} FROM h WHERE {now}",
    )
    if not paired or commit.delivery.mode is not Mode.SNAPSHOT:
        return
    mine = f"branch = {branch} AND {_may_end(commit)}"
    commit.session.run(
        f"INSERT INTO old SELECT TRUE, {names} FROM {commit.held.live} WHERE {mine}"
        f" AND {commit.rowid} IN (SELECT r FROM pairs WHERE n IS NULL)"
        f" UNION ALL SELECT FALSE, {names} FROM {commit.held.hist} WHERE {now} AND {mine}"
        " AND NOT EXISTS (SELECT 1 FROM arrivals a WHERE a.id = "
        f"{commit.held.hist}.id)"
    )


def verdicts(commit: Commit) -> None:
    """Make `verdict` by the rules of `history.stated` and `history.judged`."""
    at, until = commit.literal(commit.at), commit.literal(commit.until)
    append = commit.delivery.mode is Mode.APPEND
    snapshot = commit.delivery.mode is Mode.SNAPSHOT
    source, there = quoted(commit.delivery.source), "FILTER (WHERE NOT o.tombstone)"

    def first(value: str) -> str:
        wanted = commit.session.dialect.first
        return wanted.format(value=f"o.{value}", by="o.valid_from", where="NOT o.tombstone")

    commit.session.made(
        "verdict",
        f"""
        WITH known AS (SELECT DISTINCT id FROM old),
        claim AS (
            SELECT a.*, k.id IS NOT NULL AS known, least({until}, coalesce(next_from, {until})) AS u,
                least(coalesce(own_to, {commit.literal(OPEN)}), {until}, coalesce(next_from, {until})) AS t,
                own_from IS NOT NULL AND own_to IS NOT NULL AND own_to <= {at} AS past
            FROM arrivals a LEFT JOIN known k ON k.id = a.id),
        bounded AS (
            SELECT n, id, hash, ahash, known, t,
                CASE WHEN past THEN own_from WHEN known THEN greatest({at}, coalesce(own_from, {at}))
                    ELSE coalesce(own_from, {at}) END AS f,
                CASE WHEN past THEN t ELSE u END AS g
            FROM claim),
        met AS (
            SELECT b.n, count(*) AS met, count(*) {there} AS there, bool_or(o.source <> {source}) AS foreign_,
                bool_or(o.tombstone AND o.source <> {source} AND o.hash = b.hash AND o.ahash = b.ahash)
                    AS nothing_new,
                min(o.valid_from) {there} AS f, {first("valid_to")} AS t,
                {first("hash")} AS hash, {first("ahash")} AS ahash
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
        FROM bounded b LEFT JOIN met m ON m.n = b.n""",
    )


def omitted(commit: Commit, stage: Stage) -> str:
    """Rows that a snapshot ends: those that it may end and does not name, refused or not."""
    at = commit.literal(commit.at)
    names = f"SELECT *, {at} AS c0, {commit.literal(commit.until)} AS c1, TRUE AS gone FROM old o"
    if commit.delivery.mode is not Mode.SNAPSHOT:
        return f"{names} WHERE FALSE"
    commit.session.put("refused_ids", pa.table({"id": pa.array(sorted(stage.refused_ids), pa.string())}))
    return (
        f"{names} WHERE NOT tombstone AND {_may_end(commit)}"
        " AND NOT EXISTS (SELECT 1 FROM stage s WHERE s.id = o.id)"
        " AND NOT EXISTS (SELECT 1 FROM refused_ids x WHERE x.id = o.id)"
    )


def _may_end(commit: Commit) -> str:
    """`history.omitted` as a condition."""
    at, until = commit.literal(commit.at), commit.literal(commit.until)
    announced = f"dated = {quoted(history.STATED)} AND valid_from > {at} AND valid_from < {until}"
    return (
        f"source = {quoted(commit.delivery.source)}"
        f" AND ((valid_from <= {at} AND valid_to > {at}) OR ({announced}))"
    )


def cuts(commit: Commit, *, absent: str) -> None:
    """Make `cuts`: what is changed by a verdict, and what is absent.

    Several periods may cut one old row: each cut keeps what lies between the cut before it and itself, from
    `b0` on, and the last one also what lies behind it.
    """
    before, last = "valid_from", "TRUE"
    if commit.delivery.periods:
        order = "OVER (PARTITION BY live, r ORDER BY c0)"
        before = f"greatest(valid_from, coalesce(lag(c1) {order}, valid_from))"
        last = f"lead(c0) {order} IS NULL"
    commit.session.made(
        "cuts",
        f"SELECT *, {before} AS b0, {last} AS final FROM (SELECT o.*, v.f AS c0, v.g AS c1, FALSE AS gone"
        f" FROM old o JOIN verdict v ON v.id = o.id WHERE v.verdict IN ({WRITTEN})"
        f" AND o.valid_from < v.g AND o.valid_to > v.f UNION ALL {absent}) AS q",
    )


def refusals(commit: Commit, stage: Stage) -> tuple[list[Rejected], int]:
    """The rows that do not go in, as the quarantine keeps them, and how many there are."""
    reasons: dict[int, tuple[str, str]] = {}
    select = commit.session.rows
    for (n,) in select("SELECT n FROM stage WHERE id IS NULL"):
        reasons[n] = "id", history.NAMELESS
    for (n,) in select("SELECT n FROM stage WHERE id IN (SELECT id FROM doubles)"):
        reasons[n] = "id", history.DUPLICATE
    unfit = "SELECT n, verdict, f, t FROM verdict WHERE verdict IN ('taken', 'untimely')"
    for n, verdict, f, t in select(unfit):
        empty = "valid_from", history.untimely(utc(f), utc(t))
        reasons[n] = ("id", history.TAKEN) if verdict == "taken" else empty
    room = max(commit.delivery.rejected_limit - len(stage.rejected), 0)
    if not reasons or not room:
        return [], len(reasons)
    numbers = sorted(reasons)[:room]
    commit.session.put("unfit", pa.table({"n": pa.array(numbers, pa.int64())}))
    rows = stage.originals("n IN (SELECT n FROM unfit)", room)
    rejected = [refused(row, *reasons[row.pop("n")]) for row in rows]
    return rejected, len(reasons)
