"""One delivery into the in-memory store, row by row, after the rules of `twin/history.py`."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from twin import history
from twin.history import Verdict
from twin.memory import rows
from twin.memory.rows import Arrived, Held, Row
from twin.model import OPEN, BBox, Delivery, Mode, Rejected


@dataclass(frozen=True, kw_only=True)
class Commit:
    """What a write knows about itself, and what is believed as it begins."""

    held: Held
    delivery: Delivery
    number: int
    recorded: datetime
    at: datetime
    until: datetime
    believed: dict[str, list[Row]]
    """By id, in the delivery's branch; tombstones too."""


@dataclass(kw_only=True)
class Tally:
    """What became of it."""

    rejected: list[Rejected] = field(default_factory=list)
    counts: Counter[Verdict] = field(default_factory=Counter)
    changed: set[str] = field(default_factory=set)
    removed: set[str] = field(default_factory=set)
    boxes: list[BBox | None] = field(default_factory=list)
    """Of the rows before and after."""
    accepted: list[BBox | None] = field(default_factory=list)


def begun(held: Held, delivery: Delivery, number: int, recorded: datetime) -> Commit:
    """A commit, before it has done anything."""
    at = delivery.at or recorded
    believed: dict[str, list[Row]] = defaultdict(list)
    for row in held.rows:
        if row.recorded_to == OPEN and row.branch in (delivery.branch, history.removals(delivery.branch)):
            believed[row.id].append(row)
    return Commit(
        held=held,
        delivery=delivery,
        number=number,
        recorded=recorded,
        at=at,
        until=rows.next_snapshot(held, delivery, at),
        believed=believed,
    )


def deliver(commit: Commit, arrived: Arrived) -> Tally:
    """Judge and write what arrived."""
    tally = Tally(rejected=list(arrived.rejected))
    doubles = rows.doubles(arrived.rows, commit.delivery)
    followed = rows.followed(arrived.rows, commit.delivery)
    for raw in arrived.rows:
        until = min(commit.until, followed.get((raw["id"], raw["valid_from"]), OPEN))
        unfit = rows.unfit(raw, doubles) or _taken(commit, tally, raw, until)
        if unfit is not None:
            tally.rejected.append(rows.rejected(raw, *unfit))
    if commit.delivery.mode is Mode.SNAPSHOT:
        commit.held.snapshots.add((commit.delivery.source, commit.delivery.branch, commit.at))
        named = {r.row for r in arrived.rejected if isinstance(r.row, str)}
        _sweep(commit, tally, present=named | {r["id"] for r in arrived.rows})
    return tally


def _taken(commit: Commit, tally: Tally, raw: dict[str, Any], until: datetime) -> tuple[str, str] | None:
    """Take one row, which governs until a moment; column and reason where it is refused."""
    beliefs = commit.believed.get(raw["id"], [])
    claim = history.stated(raw["valid_from"], raw["valid_to"], at=commit.at, until=until, known=bool(beliefs))
    row = rows.made(raw, commit.held, commit.delivery, claim, commit=commit.number, recorded=commit.recorded)
    verdict = history.judged(
        claim,
        row.geometry,
        row.attributes,
        [b.belief for b in beliefs],
        source=commit.delivery.source,
        mode=commit.delivery.mode,
    )
    if (refused := rows.refusal(verdict, claim)) is not None:
        return refused
    tally.counts[verdict] += 1
    if verdict is not Verdict.KEPT:
        tally.accepted.append(row.box)
    if verdict in history.WRITTEN:
        tally.changed.add(row.id)
        cut(commit, tally, beliefs, claim.start, claim.until)
        commit.held.rows.append(row)
        tally.boxes.append(row.box)
    return None


def cut(commit: Commit, tally: Tally, beliefs: list[Row], start: datetime, end: datetime) -> list[Row]:
    """Stop believing what says something about [start, end), and write again the rest of it."""
    touched = [b for b in beliefs if b.valid_from < end and b.valid_to > start]
    for old in touched:
        tally.boxes.append(old.box)
        rest = rows.supersede(commit.held, old, start, end, commit=commit.number, recorded=commit.recorded)
        # Another period of the same delivery may cut what remains.
        mine = commit.believed[old.id]
        mine[mine.index(old) : mine.index(old) + 1] = rest
    return touched


def _sweep(commit: Commit, tally: Tally, *, present: set[str]) -> None:
    """End what a snapshot does not name."""
    said = commit.delivery.source
    for ident, beliefs in commit.believed.items():
        mine = [
            b for b in beliefs if history.omitted(b.belief, source=said, at=commit.at, until=commit.until)
        ]
        if ident not in present and cut(commit, tally, mine, commit.at, commit.until):
            tally.removed.add(ident)


def end(commit: Commit, tally: Tally, ids: Sequence[str]) -> None:
    """Remove ids from the commit's moment on, and leave a tombstone of each."""
    for ident in dict.fromkeys(ids):
        beliefs = commit.believed.get(ident, [])
        touched = history.overlapped([b.belief for b in beliefs], commit.at, commit.until)
        if all(b.tombstone for b in touched):
            continue
        former = cut(commit, tally, beliefs, commit.at, commit.until)
        commit.held.rows.append(_tombstone(commit, former))
        tally.removed.add(ident)


def _tombstone(commit: Commit, former: list[Row]) -> Row:
    branch = commit.delivery.branch
    ended = min((r for r in former if r.branch == branch), key=lambda r: r.valid_from)
    return replace(
        ended,
        source=commit.delivery.source,
        branch=history.removals(branch),
        valid_from=commit.at,
        valid_to=commit.until,
        recorded_from=commit.recorded,
        recorded_to=OPEN,
        version=commit.number,
    )
