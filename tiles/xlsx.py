"""Workbooks (ISO/IEC 29500-1, SpreadsheetML) of feature rows: `id`, the properties, and the geometry as WKT last.

Texts are cells of text, whatever they begin with: none becomes a formula, a link or a number. Moments are cells of
date and time in UTC, since a workbook knows no zones; what lies before 1900 is text. A cell holds 32,767 characters:
a longer text says how long it is instead.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime
from typing import Any

import orjson
import pyarrow as pa
import xlsxwriter
from xlsxwriter.worksheet import Worksheet

from tiles import rows
from tiles.csv import wkt
from tiles.format import Format, Page
from twin.errors import InvalidParameter

MOST_ROWS = 1_048_575
"""Rows that a sheet holds under its line of names."""
MOST_CHARACTERS = 32_767
FIRST_YEAR = 1900
EXACT = 2**53
"""Whole numbers beyond it would be rounded: a cell holds a double."""
OPTIONS = {
    "constant_memory": True,
    "in_memory": False,
    "strings_to_formulas": False,
    "strings_to_urls": False,
    "strings_to_numbers": False,
    "nan_inf_to_errors": False,
}
FORBIDDEN = str.maketrans(dict.fromkeys("[]:*?/\\'", "_"))
"""Characters that no sheet's name may have."""
MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def encode(tables: Iterable[pa.Table], page: Page) -> Iterator[bytes]:
    """One sheet with a line of names, frozen and ready to filter.

    Raises:
        InvalidParameter: more rows than a sheet holds.
    """
    if page.members.get("numberReturned", 0) > MOST_ROWS:
        raise InvalidParameter(_too_many(page.members["numberReturned"]))
    sink = io.BytesIO()
    with xlsxwriter.Workbook(sink, OPTIONS) as book:
        sheet = book.add_worksheet(page.layer.translate(FORBIDDEN)[:31] or "items")
        styles = {
            "moment": book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"}),
            "day": book.add_format({"num_format": "yyyy-mm-dd"}),
        }
        _fill(sheet, tables, book.add_format({"bold": True, "bottom": 1}), styles)
    yield sink.getvalue()


def _too_many(count: int) -> str:
    return (
        f"{count} rows do not fit in a sheet, which holds {MOST_ROWS}: narrow them with filter, bbox or limit, "
        "or take f=csv"
    )


def _fill(sheet: Worksheet, tables: Iterable[pa.Table], bold: Any, styles: dict[str, Any]) -> None:
    line, width = 0, 0
    for table in tables:
        found = _plain(table)
        if not line:
            width = found.num_columns
            for column, name in enumerate(found.column_names):
                sheet.set_column(column, column, max(10, min(32, len(name) + 4)))
                sheet.write_string(0, column, name[:MOST_CHARACTERS], bold)
            sheet.freeze_panes(1, 1)
            line = 1
        for row in zip(*(c.to_pylist() for c in found.columns), strict=True):
            if line > MOST_ROWS:
                raise InvalidParameter(_too_many(line))
            for column, value in enumerate(row):
                if value is not None:
                    _write(sheet, line, column, value, styles)
            line += 1
    sheet.autofilter(0, 0, max(line - 1, 0), max(width - 1, 0))


def _plain(table: pa.Table) -> pa.Table:
    found = rows.flat(table)
    last = found.num_columns - 1
    if pa.types.is_binary(found.schema.field(last).type):
        found = found.set_column(last, found.column_names[last], wkt(found.column(last)))
    return found


def _write(sheet: Worksheet, line: int, column: int, value: Any, styles: dict[str, Any]) -> None:
    """One cell, by the type of its value."""
    if isinstance(value, bool):
        sheet.write_boolean(line, column, value)
    elif isinstance(value, (int, float)) and abs(value) < EXACT:
        sheet.write_number(line, column, value)
    elif isinstance(value, datetime) and value.year >= FIRST_YEAR:
        naive = value.astimezone(UTC).replace(tzinfo=None)
        sheet.write_datetime(line, column, naive, styles["moment"])
    elif isinstance(value, date) and not isinstance(value, datetime) and value.year >= FIRST_YEAR:
        sheet.write_datetime(line, column, value, styles["day"])
    else:
        sheet.write_string(line, column, _text(value))


def _text(value: Any) -> str:
    """What is no number, truth or moment of a workbook, as text; one too long for a cell as its length."""
    if isinstance(value, date):
        return value.isoformat()
    text = value if isinstance(value, str) else _json(value)
    return text if len(text) <= MOST_CHARACTERS else f"… ({len(text)} characters, too many for a cell)"


def _json(value: Any) -> str:
    return orjson.dumps(value).decode() if isinstance(value, (dict, list)) else str(value)


FORMAT = Format(name="xlsx", media_type=MEDIA_TYPE, encode=encode, suffix=".xlsx", bulk=True)
