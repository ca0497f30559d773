"""A sheet of a workbook as a table: its header found, its cells typed, what is no record told.

For whatever reads tables that people keep in workbooks: `tabled(sheet)` gives columns by name, the sheet's
own row numbers, and what each cell is called there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa

from layers.naming import plain
from pipelines.readers.tables.columns import freed
from pipelines.readers.tables.sheet import Place, Sheet, Span, Value, letter
from pipelines.readers.tables.sheet_header import Header, header
from pipelines.readers.tables.sheet_values import column, words
from twin.model import Rejected

TOTAL: Final = re.compile(
    r"^(本页)?(合计|总计|小计|共计|累计|total|subtotal|grandtotal|sum)[:：]?$", re.IGNORECASE
)
BELOW: Final = re.compile(r"^(注|备注|说明|制表|填表|审核|复核|校核|编制|测量员|日期|单位|第\d+页|共\d+页)")
"""What stands beneath a table and is none of its records."""
SHOWN: Final = re.compile(r"^(#N/A|#REF!|#VALUE!|#DIV/0!|#NAME\?|#NUM!|#NULL!|Err:\d{3})$")
"""An error that was saved as its text."""


@dataclass(frozen=True, kw_only=True)
class Tabled:
    """A sheet's table."""

    sheet: str
    table: pa.Table
    """Columns by name, and `row` int64, the sheet's own row number, from 1."""
    letters: Mapping[str, str]
    """Column -> its letters."""
    rejected: tuple[Rejected, ...]
    notes: tuple[str, ...]

    def cell(self, row: int | str, name: str) -> str:
        """What the workbook's program calls the cell, `管点!C17`; without a column, the row, `管点!17`."""
        return f"{self.sheet}!{self.letters.get(name, '')}{row}"


def tabled(sheet: Sheet, nodata: Mapping[str, str] | None = None) -> Tabled:
    """The sheet's table.

    Rows with an error or an uncomputed formula are refused with the cell; totals and what stands below the
    table are left out with a note; cells merged over several rows hold for each of them.

    Args:
        nodata: column -> text that means missing there, so that `#N/A` may be declared to be nothing.

    Raises:
        MissingPart: the sheet has no header.
    """
    head = header(sheet)
    numbers, left_out = _records(sheet, head)
    rows, merged = _filled(sheet, head.body)
    names = _names(head, rows, numbers)
    faults = _faults(sheet, rows, numbers, names, nodata or {})
    sound = [r for r in numbers if r not in faults]
    missing = {plain(k): v for k, v in (nodata or {}).items()}
    columns: dict[str, pa.Array] = {}
    odd: list[str] = []
    for c, name in names.items():
        said = missing.get(plain(name))
        values = [_kept(_at(rows[r], c), said) for r in sound]
        columns[name], strange = column(values)
        if strange is not None:
            cell = f"{sheet.name}!{letter(c)}{sound[strange] + 1}"
            odd.append(f"{cell} holds a date among words; spreadsheets turn words such as 1-2 into dates")
    table = pa.table({**columns, "row": pa.array(np.array(sound, np.int64) + 1, pa.int64())})
    return Tabled(
        sheet=sheet.name,
        table=table,
        letters={name: letter(c) for c, name in names.items()},
        rejected=tuple(faults.values()),
        notes=(*head.notes, *merged, *left_out, *odd),
    )


def _at(row: list[Value], c: int) -> Value:
    value = row[c] if c < len(row) else None
    return None if isinstance(value, str) and not value.strip() else value


def _kept(value: Value, missing: str | None) -> Value:
    """The value; nothing where it is an error that is declared to mean missing."""
    return None if missing is not None and value == missing and SHOWN.match(missing) else value


def _records(sheet: Sheet, head: Header) -> tuple[list[int], tuple[str, ...]]:
    """The rows (from 0) that hold records, and notes of those that hold something else."""
    numbers: list[int] = []
    notes: list[str] = []
    for r in range(head.body, len(sheet.rows)):
        held = [v for v in (_at(sheet.rows[r], c) for c in range(len(sheet.rows[r]))) if v is not None]
        first = "".join(words(held[0]).split()) if held else ""
        if not held and not any(place[0] == r for place in sheet.faults):
            continue
        if TOTAL.match(first) or (len(held) <= 2 < len(head.names) and BELOW.match(first)):
            notes.append(f"{sheet.name}: row {r + 1} ({first[:40]}) is no record; it was left out")
        else:
            numbers.append(r)
    return numbers, tuple(notes[:20] + ([f"and {len(notes) - 20} more such rows"] if len(notes) > 20 else []))


def _filled(sheet: Sheet, body: int) -> tuple[list[list[Value]], tuple[str, ...]]:
    """The rows with merged cells of the body standing in each of their rows, in their first column."""
    rows = [list(row) for row in sheet.rows]
    spans = [s for s in sheet.merged if s[0] >= body and s[0] < len(rows)]
    tall = [s for s in spans if s[2] > s[0] and _at(rows[s[0]], s[1]) is not None]
    wide = [s for s in spans if s[3] > s[1] and _at(rows[s[0]], s[1]) is not None]
    for top, left, bottom, _ in tall:
        for r in range(top, min(bottom + 1, len(rows))):
            rows[r] += [None] * (left + 1 - len(rows[r]))
            rows[r][left] = rows[top][left]
    notes = []
    if tall:
        notes.append(f"{sheet.name}: merged cells stand for each of their rows: {_spans(tall)}")
    if wide:
        notes.append(f"{sheet.name}: cells merged over columns count for the first of them: {_spans(wide)}")
    return rows, tuple(notes)


def _spans(spans: list[Span]) -> str:
    shown = [f"{letter(s[1])}{s[0] + 1}:{letter(s[3])}{s[2] + 1}" for s in spans[:5]]
    return ", ".join(shown) + (f" and {len(spans) - 5} more" if len(spans) > 5 else "")


def _names(head: Header, rows: list[list[Value]], numbers: list[int]) -> dict[int, str]:
    """Column -> name; columns without a name are there when they hold something."""
    used = {c for r in numbers for c, v in enumerate(rows[r]) if v is not None}
    found = {c: head.names.get(c) or f"column_{letter(c)}" for c in sorted(used | head.names.keys())}
    return dict(zip(found, freed(list(found.values())), strict=True))


def _faults(
    sheet: Sheet,
    rows: list[list[Value]],
    numbers: list[int],
    names: dict[int, str],
    nodata: Mapping[str, str],
) -> dict[int, Rejected]:
    """The first cell without a usable value of each row that has one."""
    declared = {plain(k): v for k, v in nodata.items()}
    wanted = set(numbers)
    found: dict[int, Rejected] = {}
    for (r, c), said in sorted({**sheet.faults, **_saved(rows, numbers)}.items()):
        name = names.get(c)
        if r in wanted and name is not None and declared.get(plain(name)) != said:
            cell = f"{sheet.name}!{letter(c)}{r + 1}"
            reason = f"{cell}: {_why(said, name)}"
            found.setdefault(
                r, Rejected(row=r + 1, column=name, reason=reason, original=said[:2000], cell=cell)
            )
    return found


def _saved(rows: list[list[Value]], numbers: list[int]) -> dict[Place, str]:
    """Errors that were saved as text."""
    return {
        (r, c): v.strip()
        for r in numbers
        for c, v in enumerate(rows[r])
        if isinstance(v, str) and v[:1] in "#E" and SHOWN.match(v.strip())
    }


def _why(said: str, name: str) -> str:
    if SHOWN.match(said) or said == "an error":
        return f"{said} is an error; mend it, or let it mean missing with --nodata '{name}={said}'"
    return f"{said}; open the workbook in its program, let it compute, and save it"
