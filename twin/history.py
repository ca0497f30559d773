"""The rules of time, for one id: what a delivery says, what it overlaps, what remains.

Periods are half-open, `[start, end)`. The in-memory store follows these functions row by row; other
stores follow them set by set and are held to the same answers by the contract suite.

A delivery dated `at` governs from there until `until`, the date of the next snapshot of the same layer,
source and branch (OPEN when there is none). For each of its rows:

* an id of which nothing is believed is valid from the row's own `valid_from`, else from `at`;
* an id that is known changes at `at`, or at its own `valid_from` where that is later;
* a row whose whole stated period lies before `at` speaks of exactly that period;
* it is valid until its own `valid_to` or `until`, whichever comes first; between the two it is gone;
* of several periods of one id (`Delivery.periods`) each but the last has the beginning of the next for `until`.

What a snapshot omits is ended from `at` to `until`: rows of its own source that are valid at `at`, and
those that its source had announced, with a stated `valid_from` between the two. A row that begins there
because a later delivery found it is later knowledge and stays.

A removal is a statement too. It ends whatever is believed of the id from its moment on, and writes the
row that it ended once more, under the remover's source and for the time that it is gone, on the branch
`removals` names: a tombstone, which no reader of the branch itself sees and which every delivery meets.

* A snapshot keeps its hands off what another source says, tombstones included: the row counts as kept.
* An upsert brings a removed id back when it says something else than the row that was removed; when it
  says the same, it has nothing new to say, and counts as kept.
* Whoever removed a row brings it back by delivering it again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from twin.model import OPEN, Mode

DUPLICATE = "the id appears more than once in the delivery"
TAKEN = "duplicate-id: the id is there already and the delivery only appends"
NAMELESS = "it has no id"
STATED = "stated"
"""What `dated` says of a row that came with its `valid_from`."""


def removals(branch: str) -> str:
    """The branch on which the tombstones of a branch are."""
    return f"removed:{branch}"


def untimely(start: datetime, end: datetime) -> str:
    """Why a row without a period does not go in."""
    return f"its period is empty: it begins at {start.isoformat()} and ends at {end.isoformat()}"


class Verdict(StrEnum):
    """What becomes of a row of a delivery."""

    ADDED = "added"
    CHANGED_GEOMETRY = "changed_geometry"
    CHANGED_ATTRIBUTES = "changed_attributes"
    UNCHANGED = "unchanged"
    KEPT = "kept"
    TAKEN = "taken"
    UNTIMELY = "untimely"


WRITTEN = (Verdict.ADDED, Verdict.CHANGED_GEOMETRY, Verdict.CHANGED_ATTRIBUTES)


@dataclass(frozen=True, kw_only=True, slots=True)
class Statement:
    """A row's claim: it is so in [start, end), and not there in [end, until)."""

    start: datetime
    end: datetime
    until: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Belief:
    """A row version believed now, as far as the rules look at it."""

    source: str
    start: datetime
    end: datetime
    geometry: Any
    """Compared with ==; so are the attributes."""
    attributes: Any
    stated: bool = False
    """Whether the source said when it begins."""
    tombstone: bool = False
    """Whether it says that the id is removed, and what was removed."""

    def says(self, geometry: Any, attributes: Any) -> bool:
        """Whether it describes the same state."""
        return bool(self.geometry == geometry and self.attributes == attributes)


def stated(
    own_from: datetime | None, own_to: datetime | None, *, at: datetime, until: datetime, known: bool
) -> Statement:
    """What a row claims; its period may be empty, which is refused.

    Args:
        own_from, own_to: the row's own period, where the source states one.
        at, until: what the delivery governs.
        known: whether anything is believed of the id now, at any valid time.
    """
    end = min(own_to or OPEN, until)
    if own_from is not None and own_to is not None and own_to <= at:
        return Statement(start=own_from, end=end, until=end)
    start = max(at, own_from or at) if known else (own_from or at)
    return Statement(start=start, end=end, until=max(until, end))


def overlapped(beliefs: Iterable[Belief], start: datetime, end: datetime) -> list[Belief]:
    """Those that say something about [start, end), by start."""
    return sorted((b for b in beliefs if b.start < end and b.end > start), key=lambda b: b.start)


def judged(
    claim: Statement, geometry: Any, attributes: Any, beliefs: Sequence[Belief], *, source: str, mode: Mode
) -> Verdict:
    """What becomes of a row, given all that is believed of its id now."""
    if mode is Mode.APPEND and beliefs:
        return Verdict.TAKEN
    if claim.start >= claim.end:
        return Verdict.UNTIMELY
    touched = overlapped(beliefs, claim.start, claim.until)
    others = [b for b in touched if b.source != source]
    nothing_new = any(b.tombstone and b.says(geometry, attributes) for b in others)
    if nothing_new or (mode is Mode.SNAPSHOT and others):
        return Verdict.KEPT
    return _compared(claim, geometry, attributes, touched)


def _compared(claim: Statement, geometry: Any, attributes: Any, touched: Sequence[Belief]) -> Verdict:
    there = [b for b in touched if not b.tombstone]
    if not there:
        return Verdict.ADDED
    first = there[0]
    lasting = first.start <= claim.start and min(first.end, claim.until) == claim.end
    if lasting and len(touched) == 1 and first.says(geometry, attributes):
        return Verdict.UNCHANGED
    return Verdict.CHANGED_ATTRIBUTES if first.geometry == geometry else Verdict.CHANGED_GEOMETRY


def omitted(belief: Belief, *, source: str, at: datetime, until: datetime) -> bool:
    """Whether a snapshot that governs [at, until) and does not name the id ends this."""
    if belief.source != source or belief.tombstone:
        return False
    return belief.start <= at < belief.end or (belief.stated and at < belief.start < until)


def remainders(
    start: datetime, end: datetime, cut_start: datetime, cut_end: datetime
) -> list[tuple[datetime, datetime]]:
    """What is left of [start, end) outside [cut_start, cut_end): none, one or two periods."""
    before, after = (start, min(end, cut_start)), (max(start, cut_end), end)
    return [(a, b) for a, b in (before, after) if a < b]
