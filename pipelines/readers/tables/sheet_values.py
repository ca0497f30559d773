"""Cells of a column as one typed array."""

from __future__ import annotations

from datetime import date, datetime, time
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.readers.tables import delimited
from pipelines.readers.tables.sheet import Value

EXACT: Final = 2**53
"""Whole numbers below it are exact in a cell, which holds 64-bit floats."""


def column(values: list[Value]) -> tuple[pa.Array, int | None]:
    """The values in one type, and where a date stands among words (it may have been a word once).

    Whole numbers are int64, days date32, figures that are written as text numbers (full-width digits too)
    unless they begin with zeros; what is mixed is text. Moments have no zone in a workbook and stay text.
    """
    kinds = {type(v) for v in values} - {type(None)}
    if not kinds:
        return pa.nulls(len(values), pa.string()), None
    if kinds == {bool}:
        return pa.array(values, pa.bool_()), None
    if kinds <= {int, float}:
        return _numbers(values), None
    if kinds <= {date, datetime} and all(v is None or _day(v) for v in values):
        return pa.array([v.date() if isinstance(v, datetime) else v for v in values], pa.date32()), None
    texts = pa.chunked_array([pa.array([None if v is None else words(v) for v in values], pa.string())])
    strange = str in kinds and kinds & {date, datetime}
    odd = next(i for i, v in enumerate(values) if isinstance(v, date)) if strange else None
    return _guessed(texts), odd


def words(value: Value) -> str:
    """A cell's value as text; 12.0 is 12, a day has no hours."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer() and abs(value) < EXACT:
        return str(int(value))
    if isinstance(value, datetime):
        return value.date().isoformat() if _day(value) else value.isoformat(" ")
    if isinstance(value, date | time):
        return value.isoformat()
    return "" if value is None else str(value).strip()


def _day(value: Value) -> bool:
    return not isinstance(value, datetime) or value.time() == time()


def _numbers(values: list[Value]) -> pa.Array:
    numbers = pa.array(values, pa.float64())
    whole = pc.and_(pc.equal(numbers, pc.floor(numbers)), pc.less(pc.abs(numbers), EXACT))
    return pc.cast(numbers, pa.int64()) if pc.all(whole).as_py() else numbers


def _guessed(texts: pa.ChunkedArray) -> pa.Array:
    found = delimited.guessed(texts)
    if pa.types.is_string(found.type):
        narrow = delimited.guessed(pc.utf8_normalize(texts, "NFKC"))
        found = found if pa.types.is_string(narrow.type) else narrow
    return found.combine_chunks()
