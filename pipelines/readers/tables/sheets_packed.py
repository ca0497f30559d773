"""Sheets of zipped workbooks: .xlsx and .xlsm (ECMA-376), .ods (OpenDocument 1.3).

Their extent is measured before anything is held in memory: a sheet of three rows may declare a million,
and one stray cell in the last corner makes a grid of 17 billion.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, cast

from python_calamine import CalamineError, CalamineWorkbook, PasswordError, SheetTypeEnum, SheetVisibleEnum

from pipelines.readers import unzip
from pipelines.readers.tables import sheet_xml
from pipelines.readers.tables.sheet import Extent, Sheet, Value, broken, locked, must_fit
from twin.errors import TooLarge

BYTES: Final = 2 << 30
"""Most bytes that a workbook unpacks to."""
FAULTS: Final = (CalamineError, zipfile.BadZipFile, EOFError, ValueError, sheet_xml.Broken)


def sheets(path: Path) -> Iterator[Sheet]:
    """The worksheets in their order.

    Raises:
        UnreadableFile: broken, or with a password. TooLarge. UnsafeContent: XML that declares entities.
    """
    _has_room(path)
    try:
        # Before the workbook is opened: of OpenDocument the library reads all cells at once.
        with zipfile.ZipFile(path) as archive:
            measure = _measured(path, archive)
        with CalamineWorkbook.from_path(path) as book:
            for i, about in enumerate(book.sheets_metadata):
                if about.typ != SheetTypeEnum.WorkSheet:
                    continue
                if about.visible != SheetVisibleEnum.Visible:
                    yield Sheet(name=about.name, hidden=True)
                    continue
                extent = measure(about.name)
                must_fit(path, about.name, extent)
                yield _read(book, i, about.name, extent)
    except PasswordError as error:
        raise locked(path) from error
    except FAULTS as error:
        raise broken(path, error) from error


def _measured(path: Path, archive: zipfile.ZipFile) -> Callable[[str], Extent]:
    """What tells a sheet's extent; all sheets of an OpenDocument fit in memory then."""
    if "content.xml" not in archive.namelist():
        return sheet_xml.workbook(path)
    extents = sheet_xml.open_document(archive)
    for name, extent in extents.items():
        must_fit(path, name, extent)
    return lambda name: extents.get(name, Extent())


def _read(book: CalamineWorkbook, index: int, name: str, extent: Extent) -> Sheet:
    sheet = book.get_sheet_by_index(index)
    cells = sheet.to_python(skip_empty_area=False) if sheet.start is not None else []
    rows = [[None if v == "" else v for v in row] for row in cast("list[list[Value]]", cells)]
    return Sheet(name=name, rows=rows, merged=extent.merged, faults=extent.faults)


def _has_room(path: Path) -> None:
    if (count := unzip.entries(path)) > unzip.ENTRIES:
        raise TooLarge(f"{path.name} has {count} entries; the limit is {unzip.ENTRIES}")
    try:
        with zipfile.ZipFile(path) as archive:
            found = archive.infolist()
    except zipfile.BadZipFile as error:
        raise broken(path, error) from error
    if any(e.flag_bits & 0x1 for e in found):
        raise locked(path)
    if (total := sum(e.file_size for e in found)) > BYTES:
        raise TooLarge(f"{path.name} unpacks to {total} bytes; the limit is {BYTES}; save its tables as CSV")
