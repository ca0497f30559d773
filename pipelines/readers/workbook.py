"""Workbooks with coordinates: each sheet with positions is a part."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

from layers.naming import plain
from pipelines.readers.reader import Options, Part, Reader, Rows
from pipelines.readers.tables import coordinates, tabular
from pipelines.readers.tables.sheet import Sheet
from pipelines.readers.tables.sheet_table import Tabled, tabled
from pipelines.readers.tables.sheets import sheets
from twin.errors import MissingPart

SUFFIXES: Final = (".xlsx", ".xlsm", ".xls", ".et", ".ods")


def read(paths: tuple[Path, ...], options: Options) -> Iterator[Part]:
    """The sheets that say where their rows are; of several, parts by the sheets' names.

    Hidden and empty sheets and those without coordinates are left out, and the first part says so.

    Raises:
        MissingPart: no sheet has coordinates. And what `sheets.sheets` and `tabular.part` raise.
    """
    for path in paths:
        found, left_out = placed(path, options)
        if not found:
            raise MissingPart(f"{path.name}: {'; '.join(left_out) or 'no sheet holds anything'}")
        for i, one in enumerate(found):
            mine = replace(options, columns=_there(options, one))
            part = tabular.part(_rows(path, one), mine, name=one.sheet if len(found) > 1 else "")
            yield part if i else replace(part, notes=(*left_out, *part.notes))


def tables(path: Path, options: Options) -> Iterator[Rows]:
    """Every sheet that has a table, wherever its rows are; the first says what was left out."""
    left_out: list[str] = []
    found = list(_tabled(path, options, left_out))
    if not found:
        raise MissingPart(f"{path.name}: {'; '.join(left_out) or 'no sheet holds anything'}")
    for i, table in enumerate(found):
        rows = _rows(path, table)
        yield rows if i else replace(rows, notes=(*left_out, *rows.notes))


def _tabled(path: Path, options: Options, left_out: list[str]) -> Iterator[Tabled]:
    """The sheets' tables; why a sheet has none goes to `left_out`."""
    for sheet in sheets(path):
        if why := _passed_over(sheet):
            left_out += [f"the sheet {sheet.name} is {why} and was left out"] * (why != "empty")
            continue
        try:
            yield tabled(sheet, options.nodata)
        except MissingPart as error:
            left_out.append(str(error))


def placed(path: Path, options: Options) -> tuple[list[Tabled], tuple[str, ...]]:
    """The tables with coordinates, and notes of what was left out."""
    found: list[Tabled] = []
    left_out: list[str] = []
    for table in _tabled(path, options, left_out):
        if coordinates.find(table.table.column_names, _there(options, table)) is None:
            named = ", ".join(n for n in table.table.column_names if n != "row")[:300]
            left_out.append(
                f"{table.sheet}: no columns for longitude and latitude, x and y, or WKT among {named}"
            )
            continue
        found.append(table)
    return found, tuple(left_out)


def _passed_over(sheet: Sheet) -> str:
    if sheet.hidden:
        return "hidden"
    return "" if sheet.faults or any(v is not None for row in sheet.rows for v in row) else "empty"


def _there(options: Options, table: Tabled) -> dict[str, str]:
    """What the caller says of columns, where this table has them: another sheet may."""
    names = {plain(name) for name in table.table.column_names}
    return {t: c for t, c in options.columns.items() if plain(c) in names}


def _rows(path: Path, one: Tabled) -> Rows:
    return Rows(
        source=f"{path.name}, {one.sheet}",
        table=one.table,
        rejected=one.rejected,
        notes=one.notes,
        cell=one.cell,
    )


READER = Reader(
    name="workbook", title="Workbook with coordinates", suffixes=SUFFIXES, read=read, tables=tables
)
