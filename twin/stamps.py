"""Content versions: the moments at which what a window or tile shows last changed.

Rows are true for a while and believed for a while. Seen at a moment (`at`, `known`), a set of rows has
two stamps, microseconds of Unix time: the last boundary of a valid period at or before `at` among all its
rows ever believed up to `known`, and the last boundary of a recorded period at or before `known`. Between
the stamps and the moment nothing changed there, so content made for the stamps is right for the moment,
and an edit elsewhere leaves it as it is.

The name of a state in a path is `<recipe>-<at36>-<known36>`, base 36.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np
from numpy.typing import NDArray

from twin.errors import TileNotFound
from twin.model import OPEN, BBox
from twin.moments import from_microseconds
from twin.spread import FOREVER, NEVER, Columns, Snapshot

BLOCK: Final = 1024
"""Rows of one block: neighbours on the Hilbert curve."""
DIGITS: Final = "0123456789abcdefghijklmnopqrstuvwxyz"
KEY: Final = re.compile(r"([0-9a-z.]{1,64})-(_?[0-9a-z]{1,13})-(_?[0-9a-z]{1,13})")
EARLIEST: Final = -62_135_596_800_000_000
"""The first moment there is a date for, 0001-01-01."""

Stamp = tuple[int, int]
"""Microseconds of valid time and of recorded time; NEVER where there is no boundary."""
NOTHING: Final[Stamp] = (NEVER, NEVER)


@dataclass(frozen=True, kw_only=True, eq=False)
class View:
    """The rows of a snapshot as seen at a moment."""

    rows: Snapshot
    at: int
    known: int
    visible: NDArray[np.bool_]
    """(n,) bool: true then, and believed then."""
    valid: NDArray[np.int64]
    """(n,) int64: each row's last valid boundary up to then, NEVER when there is none."""
    recorded: NDArray[np.int64]
    """(n,) int64: each row's last recorded boundary up to then, NEVER when there is none."""
    blocks: NDArray[np.float64]
    """(b, 6) float64: west, south, east, north of each block of ordered rows, and of nothing else."""
    block_stamps: NDArray[np.int64]
    """(b, 2) int64."""

    def stamp(self, box: BBox) -> Stamp:
        """The stamps of the rows whose box meets this one."""
        return latest([self._part(part.astuple()) for part in box.parts()])

    def _part(self, box: tuple[float, float, float, float]) -> Stamp:
        west, south, east, north = box
        b = self.blocks
        whole = (b[:, 0] >= west) & (b[:, 1] >= south) & (b[:, 2] <= east) & (b[:, 3] <= north)
        near = (b[:, 0] <= east) & (b[:, 1] <= north) & (b[:, 2] >= west) & (b[:, 3] >= south) & ~whole
        rows = self._candidates(np.flatnonzero(near))
        rows = rows[meets(self.rows, rows, box)]
        found = [self.block_stamps[whole], np.column_stack([self.valid[rows], self.recorded[rows]])]
        together = np.concatenate(found)
        if not len(together):
            return NOTHING
        return int(together[:, 0].max()), int(together[:, 1].max())

    def there(self, box: BBox) -> NDArray[np.int64]:
        """The rows that are visible and whose box meets this one, ascending."""
        found = [self._there(part.astuple()) for part in box.parts()]
        return found[0] if len(found) == 1 else np.unique(np.concatenate(found))

    def _there(self, box: tuple[float, float, float, float]) -> NDArray[np.int64]:
        west, south, east, north = box
        b = self.blocks
        near = (b[:, 0] <= east) & (b[:, 1] <= north) & (b[:, 2] >= west) & (b[:, 3] >= south)
        rows = self._candidates(np.flatnonzero(near))
        rows = rows[self.visible[rows]]
        return rows[meets(self.rows, rows, box)]

    def _candidates(self, blocks: NDArray[np.int64]) -> NDArray[np.int64]:
        """Rows of some blocks, and those that came after the last sorting."""
        inside = (blocks[:, None] * BLOCK + np.arange(BLOCK)).ravel()
        return np.concatenate(
            [inside[inside < self.rows.ordered], np.arange(self.rows.ordered, len(self.rows))]
        )


def meets(
    rows: Snapshot, which: NDArray[np.int64], box: tuple[float, float, float, float]
) -> NDArray[np.bool_]:
    """Whether the boxes of some rows meet a box that does not cross the antimeridian."""
    west, south, east, north = box
    c = rows.columns
    return np.asarray(
        (c["minx"][which] <= east)
        & (c["maxx"][which] >= west)
        & (c["miny"][which] <= north)
        & (c["maxy"][which] >= south)
    )


def view(rows: Snapshot, at: int, known: int) -> View:
    """The rows as seen at a moment, microseconds of Unix time."""
    visible, valid, recorded = seen(rows.columns, at, known)
    starts = np.arange(0, rows.ordered, BLOCK)
    return View(
        rows=rows,
        at=at,
        known=known,
        visible=visible,
        valid=valid,
        recorded=recorded,
        blocks=_boxes(rows, starts),
        block_stamps=np.column_stack(
            [_reduced(valid[: rows.ordered], starts), _reduced(recorded[: rows.ordered], starts)]
        ),
    )


def seen(
    columns: Columns, at: int, known: int
) -> tuple[NDArray[np.bool_], NDArray[np.int64], NDArray[np.int64]]:
    """What a moment makes of rows: visible or not, last valid boundary, last recorded one; (n,) each."""
    c = columns
    believed, closed = c["recorded_from"] <= known, c["recorded_to"] <= known
    begun, ended = c["valid_from"] <= at, c["valid_to"] <= at
    valid = np.where(ended, c["valid_to"], np.where(begun, c["valid_from"], NEVER))
    recorded = np.where(closed, c["recorded_to"], c["recorded_from"])
    return (
        np.asarray(believed & ~closed & begun & ~ended),
        np.where(believed, valid, NEVER).astype(np.int64),
        np.where(believed, recorded, NEVER).astype(np.int64),
    )


def latest(stamps: list[Stamp]) -> Stamp:
    """The later of each."""
    return max((s[0] for s in stamps), default=NEVER), max((s[1] for s in stamps), default=NEVER)


def moment(stamp: int) -> datetime:
    """The moment of a stamp; NEVER is the first there is a date for."""
    return OPEN if stamp >= FOREVER else from_microseconds(max(stamp, EARLIEST))


def key(recipe: str, stamp: Stamp) -> str:
    """The name of a state in a path."""
    return f"{recipe}-{base36(stamp[0])}-{base36(stamp[1])}"


def parse(text: str) -> tuple[str, Stamp]:
    """Recipe and stamps of a key.

    Raises:
        TileNotFound: it is no key.
    """
    match = KEY.fullmatch(text)
    if match is None:
        raise TileNotFound(f"{text[:100]!r} names no state of a tileset; start from its tileset.json")
    return match[1], (number(match[2]), number(match[3]))


def base36(value: int) -> str:
    """An integer in base 36; `_` is the minus sign, since `-` parts a key."""
    value, sign = abs(max(value, EARLIEST)), "_" if value < 0 else ""
    digits = ""
    while value or not digits:
        value, rest = divmod(value, 36)
        digits = DIGITS[rest] + digits
    return sign + digits


def number(text: str) -> int:
    """The integer in base 36."""
    return -int(text[1:], 36) if text.startswith("_") else int(text, 36)


def _reduced(values: NDArray[np.int64], starts: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.maximum.reduceat(values, starts) if len(starts) else np.empty(0, np.int64)


def _boxes(rows: Snapshot, starts: NDArray[np.int64]) -> NDArray[np.float64]:
    if not len(starts):
        return np.empty((0, 4))
    c = {n: rows.columns[n][: rows.ordered] for n in ("minx", "miny", "maxx", "maxy")}
    return np.column_stack(
        [
            np.minimum.reduceat(c["minx"], starts),
            np.minimum.reduceat(c["miny"], starts),
            np.maximum.reduceat(c["maxx"], starts),
            np.maximum.reduceat(c["maxy"], starts),
        ]
    )
