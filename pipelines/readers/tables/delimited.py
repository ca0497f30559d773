"""Delimited text as columns: its encoding proved by decoding all of it, its types by every value."""

from __future__ import annotations

import codecs
import csv
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from pipelines.readers.reader import Options
from pipelines.readers.tables.columns import freed
from twin.errors import InvalidParameter, TooLarge, UnreadableFile, UnsafeContent
from twin.model import Rejected

ENCODINGS: Final = ("utf-8", "gb18030")
MARKS: Final = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
DELIMITERS: Final = ",;\t|"
LIMIT: Final = 4 << 30
"""Largest file, bytes: it is read as one."""
INTEGER: Final = r"^-?(0|[1-9]\d{0,17})$"
"""Without leading zeros or plus sign: `0543` is a code, not a number."""
NUMBER: Final = r"^-?((0|[1-9]\d*)(\.\d*)?|\.\d+)([eE][+-]?\d+)?$"
MISSING: Final = ("", "NA", "N/A", "NaN", "nan", "NULL", "null", "None")


@dataclass(frozen=True, kw_only=True)
class Text:
    """A file's rows as text."""

    table: pa.Table
    """Every column a string; `row` int64, the number of the row among the data rows, from 0."""
    rejected: tuple[Rejected, ...]
    """Rows with another number of cells than the header has."""
    notes: tuple[str, ...]


def read(path: Path, options: Options) -> Text:
    """The file's rows.

    Raises:
        InvalidParameter: in no encoding that we can tell. UnreadableFile: no table. TooLarge.
    """
    if path.stat().st_size > LIMIT:
        raise TooLarge(f"{path.name} is larger than {LIMIT} bytes; split it, or give it as GeoPackage")
    text, notes = decoded(path, options.encoding)
    header, delimiter = _header(path, text)
    wrong: list[pa.csv.InvalidRow] = []
    table = _parsed(path, text, delimiter, header, wrong)
    numbers = np.setdiff1d(np.arange(len(table) + len(wrong)), [r.number - 2 for r in wrong])
    table = table.rename_columns(freed(header)).append_column("row", pa.array(numbers.astype(np.int64)))
    rejected = tuple(
        Rejected(
            row=r.number - 2,
            column="",
            reason=f"{r.actual_columns} cells where the header has {r.expected_columns}",
            original=r.text[:2000],
        )
        for r in wrong
    )
    return Text(table=table, rejected=rejected, notes=notes)


def decoded(path: Path, stated: str | None) -> tuple[bytes, tuple[str, ...]]:
    """The file as UTF-8 bytes; UTF-8 or GB18030 proved by decoding all of it, unless the caller says."""
    raw = path.read_bytes()
    if b"\0" in raw[:1024] and not raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise UnreadableFile(f"{path.name} is no text; it has zero bytes")
    marked = next((name for mark, name in MARKS.items() if raw.startswith(mark)), None)
    told = stated or marked
    for name in (told,) if told else ENCODINGS:
        if (text := _as(raw, name, path)) is not None:
            note = f"no encoding is stated; the text reads as {name.upper()} (GBK)"
            return text.encode(), (note,) if name == ENCODINGS[1] and not stated else ()
    offered = stated or "UTF-8 or GBK"
    raise InvalidParameter(f"{path.name} is not {offered} text; name its encoding with --encoding")


def _as(raw: bytes, name: str, path: Path) -> str | None:
    try:
        return raw.decode(name)
    except UnicodeDecodeError:
        return None
    except LookupError as error:
        raise InvalidParameter(
            f"{path.name}: no encoding is known as {name[:100]!r}; for example gbk"
        ) from error


def header(path: Path, options: Options | None = None) -> list[str]:
    """The names of a file's columns, from its first line; empty where that is no text."""
    with path.open("rb") as file:
        line = file.readline(1 << 16)
    encodings = [options.encoding] if options and options.encoding else [*ENCODINGS]
    for name in encodings:
        try:
            text = line.decode(next((m for b, m in MARKS.items() if line.startswith(b)), name))
        except (UnicodeDecodeError, LookupError):
            continue
        return _cells(text)[0]
    return []


def _header(path: Path, text: bytes) -> tuple[list[str], str]:
    if text.lstrip()[:1] == b"<":
        raise UnsafeContent(f"{path.name} holds XML, not a table; nothing in it was opened")
    line = text.split(b"\n", 1)[0].decode()
    names, delimiter = _cells(line)
    if len(names) < 2:
        raise UnreadableFile(f"{path.name}: its first line {line[:80]!r} names no columns")
    return [n or f"column_{i + 1}" for i, n in enumerate(names)], delimiter


def _cells(line: str) -> tuple[list[str], str]:
    best = max(DELIMITERS, key=line.count)
    cells = next(csv.reader(io.StringIO(line), delimiter=best), [])
    return [c.strip().removeprefix("\ufeff") for c in cells], best


def _parsed(
    path: Path, text: bytes, delimiter: str, header: list[str], wrong: list[pa.csv.InvalidRow]
) -> pa.Table:
    names = [f"c{i}" for i in range(len(header))]

    def aside(row: pa.csv.InvalidRow) -> str:
        wrong.append(row)
        return "skip"

    try:
        return pa.csv.read_csv(
            pa.BufferReader(text),
            # Rows have numbers only when they are read in order.
            read_options=pa.csv.ReadOptions(column_names=names, skip_rows=1, use_threads=False),
            parse_options=pa.csv.ParseOptions(
                delimiter=delimiter, newlines_in_values=b'"' in text, invalid_row_handler=aside
            ),
            convert_options=pa.csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False
            ),
        )
    except pa.ArrowInvalid as error:
        raise UnreadableFile(f"{path.name}: {str(error)[:200]}") from error


def typed(table: pa.Table, keep: tuple[str, ...] = ()) -> pa.Table:
    """The table with whole columns of numbers as such; codes with leading zeros stay text."""
    for i, name in enumerate(table.column_names):
        if pa.types.is_string(table.schema.field(i).type) and name not in keep:
            table = table.set_column(i, name, guessed(table[name]))
    return table


def guessed(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Text as integers or numbers when all of it is; `NA` and its like are then missing."""
    trimmed = pc.utf8_trim_whitespace(values)
    missing = pc.is_in(trimmed, pa.array(MISSING))
    rest = pc.if_else(missing, pa.scalar(None, pa.string()), trimmed)
    if rest.null_count == len(rest):
        return pc.if_else(pc.equal(trimmed, ""), pa.scalar(None, pa.string()), values)
    for pattern, kind in ((INTEGER, pa.int64()), (NUMBER, pa.float64())):
        if pc.all(pc.match_substring_regex(rest, pattern), skip_nulls=True).as_py():
            return pc.cast(rest, kind)
    return pc.if_else(pc.equal(trimmed, ""), pa.scalar(None, pa.string()), values)
