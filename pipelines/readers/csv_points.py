"""CSV and its like with coordinates: longitude and latitude, x and y, or WKT."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pipelines.readers.reader import Options, Part, Reader, Rows
from pipelines.readers.tables import coordinates, delimited, tabular


def read(paths: tuple[Path, ...], options: Options) -> Iterator[Part]:
    """The rows as one part (`tabular.part`, which says what it raises)."""
    for path in paths:
        text = delimited.read(path, options)
        where = coordinates.find(text.table.column_names, options.columns)
        table = delimited.typed(text.table, keep=where.columns() if where else ())
        rows = Rows(source=path.name, table=table, rejected=text.rejected, notes=text.notes)
        yield tabular.part(rows, options)


def tables(path: Path, options: Options) -> Iterator[Rows]:
    """The one table, wherever its rows are."""
    text = delimited.read(path, options)
    table = delimited.typed(text.table)
    yield Rows(source=path.name, table=table, rejected=text.rejected, notes=text.notes)


def claims(path: Path) -> bool:
    """Whether the first line names coordinates."""
    return coordinates.find(delimited.header(path)) is not None


READER = Reader(
    name="csv",
    title="CSV with coordinates",
    suffixes=(".csv", ".tsv", ".txt"),
    read=read,
    claims=claims,
    tables=tables,
)
