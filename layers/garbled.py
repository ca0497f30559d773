"""Text that was lost before it came: what a wrong encoding leaves behind cannot be read back, only told."""

from __future__ import annotations

from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

SIGNS: Final = ("\ufffd", "锟斤拷")
"""The sign for what is no character, and that sign's UTF-8 bytes read as GBK."""
SHOWN: Final = 5
"""Rows that a note names."""


def notes(table: pa.Table) -> tuple[str, ...]:
    """A sentence for each column with such text, with the first rows that have it.

    Args:
        table: with `row`; columns of text are looked at, their names too.
    """
    return tuple(
        note
        for name, column in zip(table.column_names, table.columns, strict=True)
        if pa.types.is_string(column.type) and (note := _note(name, column, table["row"]))
    )


def _note(name: str, column: pa.ChunkedArray, numbers: pa.ChunkedArray) -> str:
    flat = column.combine_chunks()
    for sign in SIGNS:
        # Hardly any column has one, and finding bytes is a hundred times as quick as asking value by value.
        if (text := flat.buffers()[2]) is None or text.to_pybytes().find(sign.encode()) < 0:
            continue
        rows = numbers.filter(pc.match_substring(flat, sign).fill_null(False)).to_pylist()
        if rows:
            many = f"{len(rows):,} values hold" if len(rows) > 1 else "1 value holds"
            return f"{name}: {many} signs of lost text ({sign}), row {', '.join(map(str, rows[:SHOWN]))}"
    return ""
