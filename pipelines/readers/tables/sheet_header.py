"""Where the header of a sheet is and what it calls the columns.

People put titles, dates and remarks above it, merge its cells over two or three levels, write the units
into brackets or a row of their own, and number the columns beneath it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from layers import naming
from pipelines.readers.tables.sheet import Place, Sheet, Span, Value, letter
from twin.errors import MissingPart

LOOKED: Final = 60
"""Rows from the top among which the header is looked for."""
LEVELS: Final = 3
FIGURE: Final = re.compile(r"^[+-]?[\d０-９][\d０-９,，.．]*([eE][+-]?\d+)?$")
YEARS: Final = range(1900, 2101)


@dataclass(frozen=True, kw_only=True)
class Header:
    """A sheet's header."""

    names: dict[int, str]
    """Column, from 0, -> its name: the levels joined with `_`, the unit in brackets."""
    first: int
    """Its first row, from 0."""
    body: int
    """The first row beneath it."""
    notes: tuple[str, ...] = ()


def header(sheet: Sheet) -> Header:
    """The sheet's header.

    Raises:
        MissingPart: there is none; says what was seen where it should be.
    """
    shown = _Shown(sheet)
    first = _first(shown)
    last = _last(shown, first)
    names = {c: name for c in range(shown.width) if (name := shown.name(c, first, last))}
    body, units = _units(shown, last + 1, names)
    numbered = body < len(sheet.rows) and _numbers(shown.words(body))
    notes = (f"{sheet.name}: row {body + 1} only numbers the columns",) if numbered else ()
    return Header(names=units, first=first, body=body + numbered, notes=notes)


class _Shown:
    """The top of a sheet as a reader sees it: a merged cell stands in all the places that it covers."""

    def __init__(self, sheet: Sheet) -> None:
        self.sheet = sheet
        self.width = max((len(row) for row in sheet.rows), default=0)
        self.over: dict[Place, Span] = {}
        for span in sheet.merged:
            for r in range(span[0], min(span[2] + 1, LOOKED + LEVELS)):
                for c in range(span[1], min(span[3] + 1, self.width)):
                    self.over[r, c] = span

    def value(self, row: int, column: int) -> Value:
        r, c = self.over.get((row, column), (row, column))[:2]
        cells = self.sheet.rows[r] if r < len(self.sheet.rows) else []
        return cells[c] if c < len(cells) else None

    def words(self, row: int) -> dict[int, Value]:
        """What stands in a row by column, blank cells left out."""
        values = {c: self.value(row, c) for c in range(self.width)}
        return {c: v for c, v in values.items() if not _blank(v)}

    def distinct(self, row: int) -> int:
        """How many cells of a row hold something, a merged one counted once."""
        return len({self.over.get((row, c), (row, c))[:2] for c in self.words(row)})

    def name(self, column: int, first: int, last: int) -> str:
        """The levels of a column's header, each once, from the top."""
        levels: list[str] = []
        for row in range(first, last + 1):
            level = clean(self.value(row, column))
            if level and level not in levels[-1:]:
                levels.append(level)
        return "_".join(levels)


def clean(value: Value) -> str:
    """A cell of a header as a name: without line breaks, spaces between Chinese characters, or `.0`."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    words = " ".join(str(value).split()) if value is not None else ""
    return re.sub(r"(?<=[\u3400-\u9fff]) (?=[\u3400-\u9fff(（])", "", words)


def _blank(value: Value) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def _first(shown: _Shown) -> int:
    """The first row with cells over at least half of the width that rows have, which must be words."""
    rows = range(min(len(shown.sheet.rows), LOOKED))
    widths = [len(shown.words(r)) for r in rows]
    wide = max((w for r, w in zip(rows, widths, strict=True) if shown.distinct(r) > 1), default=0)
    found = next(
        (r for r in rows if shown.distinct(r) > 1 and 2 * widths[r] >= wide and not _remark(shown, r)), None
    )
    if found is None:
        raise MissingPart(f"{shown.sheet.name}: no row names the columns; a header has two or more cells")
    if figures := [c for c, v in shown.words(found).items() if not _word(v)]:
        c = figures[0]
        raise MissingPart(
            f"{shown.sheet.name}!{letter(c)}{found + 1} holds {str(shown.value(found, c))[:50]!r} where a header "
            "was expected: put a row above it that names the columns"
        )
    return found


def _remark(shown: _Shown, row: int) -> bool:
    """Whether a row says something of the whole sheet, such as `单位：某公司`."""
    return any(isinstance(v, str) and re.search(r"[:：]\s*\S|[:：]$", v) for v in shown.words(row).values())


def _word(value: Value) -> bool:
    """Whether a cell can be part of a header: no figure (but a year), date or yes and no."""
    if isinstance(value, str):
        return not FIGURE.match(value.strip()) or (value.strip().isdecimal() and int(value) in YEARS)
    return isinstance(value, int | float) and not isinstance(value, bool) and value in YEARS


def _last(shown: _Shown, first: int) -> int:
    """The last row of the header: merged cells reach down to it, or stand over names of their own."""
    last = first
    while last - first + 1 < LEVELS and last + 1 < len(shown.sheet.rows):
        below = max((span[2] for (r, _), span in shown.over.items() if r == last), default=last)
        if not (below > last or _parted(shown, last)) or not all(map(_word, shown.words(last + 1).values())):
            break
        last += 1
    return last


def _parted(shown: _Shown, row: int) -> bool:
    """Whether beneath a cell that is merged over several columns each has a name of its own."""
    for span in {s for (r, _), s in shown.over.items() if r == row and s[2] == row and s[3] > s[1]}:
        below = [shown.value(row + 1, c) for c in range(span[1], min(span[3] + 1, shown.width))]
        anchors = {shown.over.get((row + 1, c), (row + 1, c))[:2] for c in range(span[1], span[3] + 1)}
        if len(anchors) > 1 and len({str(v) for v in below if not _blank(v)}) > 1:
            return True
    return False


def _units(shown: _Shown, row: int, names: dict[int, str]) -> tuple[int, dict[int, str]]:
    """The first row of the body, and the names with the units of a row of nothing else."""
    words = {c: str(v).strip("()（）[] ") for c, v in shown.words(row).items()} if row < LOOKED else {}
    if not words or not all(naming.unit(f"({word})") for word in words.values()):
        return row, names
    return row + 1, {c: f"{name}({words[c]})" if c in words else name for c, name in names.items()}


def _numbers(words: dict[int, Value]) -> bool:
    """Whether a row counts its columns: 1, 2, 3, 4 and so on."""
    counted = [clean(v) for v in words.values()]
    return len(counted) > 3 and counted == [str(i) for i in range(1, len(counted) + 1)]
