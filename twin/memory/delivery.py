"""One delivery into the in-memory store, row by row, after the rules of `twin/history.py`."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
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
    """By id, in the delivery's branch."""


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
        if row.recorded_to == OPEN and row.branch == delivery.branch:
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
    times = Counter(r["id"] for r in arrived.rows)
    for raw in arrived.rows:
        unfit = rows.unfit(raw, times) or _taken(commit, tally, raw)
        if unfit is not None:
            tally.rejected.append(rows.rejected(raw, *unfit))
    if commit.delivery.mode is Mode.SNAPSHOT:
        commit.held.snapshots.add((commit.delivery.source, commit.delivery.branch, commit.at))
        named = {r.row for r in arrived.rejected if isinstance(r.row, str)}
        _sweep(commit, tally, present=named | set(times))
    return tally


def _taken(commit: Commit, tally: Tally, raw: dict[str, Any]) -> tuple[str, str] | None:
    """Take one row; column and reason where it is refused."""
    beliefs = commit.believed.get(raw["id"], [])
    claim = history.stated(
        raw["valid_from"], raw["valid_to"], at=commit.at, until=commit.until, known=bool(beliefs)
    )
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
        rows.supersede(commit.held, old, start, end, commit=commit.number, recorded=commit.recorded)
    return touched


def _sweep(commit: Commit, tally: Tally, *, present: set[str]) -> None:
    """End what a snapshot does not name: of its source, valid at its moment."""
    for ident, beliefs in commit.believed.items():
        mine = [b for b in beliefs if b.source == commit.delivery.source]
        mine = [b for b in mine if b.valid_from <= commit.at < b.valid_to]
        if ident not in present and cut(commit, tally, mine, commit.at, commit.until):
            tally.removed.add(ident)
