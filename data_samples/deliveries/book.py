"""Workbooks as offices write them: titles over merged headers, remarks below, formulas that nobody computed."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any

import xlsxwriter

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from xlsxwriter.worksheet import Worksheet

WRITTEN = datetime(2025, 7, 1)  # noqa: DTZ001  a workbook's properties have no zone


@contextmanager
def opened(path: Path) -> Iterator[xlsxwriter.Workbook]:
    """A workbook that is the same bytes each time; saved at the end."""
    made = xlsxwriter.Workbook(path, {"strings_to_formulas": False, "strings_to_urls": False})
    made.set_properties({"created": WRITTEN, "comments": "虚构数据 invented data"})
    try:
        yield made
    finally:
        made.close()


def headed(page: Worksheet, spans: Sequence[tuple[int, int, int, int, str]]) -> None:
    """Write cells of a header, each over (top, left, bottom, right), counted from 0."""
    for top, left, bottom, right, words in spans:
        if (top, left) == (bottom, right):
            page.write_string(top, left, words)
        else:
            page.merge_range(top, left, bottom, right, words)


def filled(page: Worksheet, first: int, rows: Sequence[Sequence[Any]]) -> None:
    """Write rows from row `first` on; None leaves a cell empty, text stays text, `(formula,)` is one
    without a value, `(formula, error)` one that shows an error.
    """
    for r, row in enumerate(rows, start=first):
        for c, value in enumerate(row):
            if isinstance(value, tuple):
                page.write_formula(r, c, value[0], None, value[1] if len(value) > 1 else "")
            elif isinstance(value, str):
                page.write_string(r, c, value)
            elif value is not None and value == value:  # noqa: PLR0124  NaN is what is missing
                page.write_number(r, c, float(value))
