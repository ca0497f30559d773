"""Sheets of workbooks in Excel's binary format (MS-XLS), which WPS writes as .et too."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import xlrd

from pipelines.readers.tables.sheet import Extent, Place, Sheet, Value, broken, locked, must_fit
from twin.errors import UnreadableFile

PROTECTED: Final = "EncryptedPackage".encode("utf-16-le")
"""Stream of an Office file with a password (MS-OFFCRYPTO 1.3.2)."""
STUMBLED: Final = (AssertionError, IndexError, KeyError, ValueError, TypeError, AttributeError, OverflowError)
"""What the parser raises where the file breaks the format and it does not look."""


def sheets(path: Path) -> Iterator[Sheet]:
    """The worksheets in their order.

    Raises:
        UnreadableFile: broken, or with a password. TooLarge: its grid would not fit in memory.
    """
    if PROTECTED in path.read_bytes():
        raise locked(path)
    with Path(os.devnull).open("w") as quiet:
        try:
            with xlrd.open_workbook(path, logfile=quiet, formatting_info=True, on_demand=True) as book:
                for i, name in enumerate(book.sheet_names()):
                    sheet = book.sheet_by_index(i)
                    yield Sheet(name=name, hidden=True) if sheet.visibility else _read(path, sheet)
                    book.unload_sheet(i)
        except (xlrd.XLRDError, xlrd.compdoc.CompDocError) as error:
            raise (locked(path) if "encrypted" in str(error) else broken(path, error)) from error
        except STUMBLED as error:
            raise UnreadableFile(f"{path.name} is a damaged workbook; open it and save it anew") from error


def _read(path: Path, sheet: Any) -> Sheet:
    merged = tuple((top, left, end - 1, right - 1) for top, end, left, right in sheet.merged_cells)
    must_fit(path, sheet.name, Extent(last=(sheet.nrows - 1, sheet.ncols - 1), merged=merged))
    faults: dict[Place, str] = {}
    rows: list[list[Value]] = []
    for r in range(sheet.nrows):
        cells = sheet.row(r)
        rows.append([_value(cell, sheet.book.datemode) for cell in cells])
        for c, cell in enumerate(cells):
            if cell.ctype == xlrd.XL_CELL_ERROR:
                faults[r, c] = xlrd.error_text_from_code.get(cell.value, "an error")
    return Sheet(name=sheet.name, rows=rows, merged=merged, faults=faults)


def _value(cell: Any, datemode: int) -> Value:
    if cell.ctype == xlrd.XL_CELL_TEXT:
        return str(cell.value) or None
    if cell.ctype == xlrd.XL_CELL_NUMBER:
        return float(cell.value)
    if cell.ctype == xlrd.XL_CELL_BOOLEAN:
        return bool(cell.value)
    if cell.ctype == xlrd.XL_CELL_DATE:
        moment = xlrd.xldate_as_datetime(cell.value, datemode)
        return moment.time() if cell.value < 1 else moment  # type: ignore[no-any-return]
    return None
