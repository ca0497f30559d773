"""What a sheet of a workbook is, whatever format it came in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Final

from twin.errors import TooLarge, UnreadableFile

Value = None | bool | int | float | str | date | datetime | time | timedelta
Place = tuple[int, int]
"""Row and column, from 0."""
Span = tuple[int, int, int, int]
"""First row, first column, last row, last column of merged cells, from 0, both ends in."""

CELLS: Final = 20_000_000
"""Most cells of a sheet's grid, blank ones counted."""
MERGED: Final = 1_000_000
"""Most cells that merged cells cover."""


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """One sheet."""

    name: str
    hidden: bool = False
    """A hidden sheet is not read: it has no rows."""
    rows: list[list[Value]] = field(default_factory=list)
    """From A1; blank cells are None, and rows may be shorter than others."""
    merged: tuple[Span, ...] = ()
    faults: Mapping[Place, str] = field(default_factory=dict)
    """Cells without a usable value -> what they show, or why they show nothing."""


@dataclass(frozen=True, kw_only=True)
class Extent:
    """What is known of a sheet before its cells are."""

    last: Place = (-1, -1)
    """The last row and the last column that hold anything."""
    merged: tuple[Span, ...] = ()
    faults: Mapping[Place, str] = field(default_factory=dict)


def letter(column: int) -> str:
    """The letters of a column: 0 is A, 26 is AA."""
    before, last = divmod(column, 26)
    return (letter(before - 1) if before else "") + chr(65 + last)


def must_fit(path: Path, name: str, extent: Extent) -> None:
    """Raises TooLarge where the sheet's grid would not fit in memory."""
    rows, columns = extent.last[0] + 1, extent.last[1] + 1
    if rows * columns > CELLS:
        raise TooLarge(
            f"{path.name}: the cells of {name!r} reach to {letter(columns - 1)}{rows}, "
            f"a grid of {rows * columns:,} cells; the limit is {CELLS:,}; "
            "delete what lies astray, or save the table as CSV"
        )
    covered = sum((bottom - top + 1) * (right - left + 1) for top, left, bottom, right in extent.merged)
    if covered > MERGED:
        raise TooLarge(
            f"{path.name}: the merged cells of {name!r} cover {covered:,} cells; the limit is {MERGED:,}"
        )


def locked(path: Path) -> UnreadableFile:
    """The error of a workbook with a password."""
    return UnreadableFile(f"{path.name} is protected by a password; save it without one")


def broken(path: Path, error: Exception) -> UnreadableFile:
    """The error of a workbook that its parser does not understand, without the host's folders."""
    return UnreadableFile(f"{path.name}: {str(error).replace(str(path.parent) + '/', '')[:200]}")
