"""Rows through pyogrio's Arrow stream, from a file whose first bytes show that it is what its name says."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyogrio
import pyproj
from pyogrio.errors import DataLayerError, DataSourceError, FieldError

from pipelines.readers.reader import Options, Part
from pipelines.readers.stated import crs_of
from pipelines.readers.tables.columns import freed
from pipelines.readers.tables.zoned import known, zoned
from pipelines.readers.vectors.curves import straightened
from twin import space
from twin.errors import UnreadableFile
from twin.table import Batch

ROWS: Final = 50_000
"""Of a batch."""
FAULTS: Final = (DataSourceError, DataLayerError, FieldError, pa.ArrowException, OSError, RuntimeError)


@dataclass(frozen=True, kw_only=True)
class Table:
    """One table of a source."""

    path: Path
    name: str
    """Of the table."""
    part: str = ""
    """Of the part that it becomes."""
    encoding: str | None = None
    fids: bool = False
    """Whether the row numbers of the format come along: they are stable only where the caller says so."""
    notes: tuple[str, ...] = ()
    shaped: Callable[[pa.Table], pa.Table] | None = None
    """What a format does to its rows (with `geom` and `row`) beside what all have in common."""
    crs: pyproj.CRS | None = None
    """What the caller knows the file to state, where GDAL does not."""


def starts(path: Path, magic: bytes) -> bool:
    """Whether the file begins so."""
    with path.open("rb") as file:
        return file.read(len(magic)) == magic


@contextmanager
def told(path: Path) -> Iterator[None]:
    """GDAL's own words as ours: what it cannot read is an unreadable file, what it warns of stays quiet."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        try:
            yield
        except FAULTS as error:
            raise UnreadableFile(f"{path.name}: {_plain(error, path)}") from error


def tables(path: Path) -> list[tuple[str, str | None]]:
    """Names and geometry types of a source's tables; the type of one without geometry is None."""
    with told(path):
        return [(str(name), kind) for name, kind in pyogrio.list_layers(path)]


def part(table: Table, options: Options) -> Part:
    """The table as a part; its rows are read while they are taken.

    Raises:
        UnreadableFile: it cannot be opened. UnknownCRS: neither it nor the caller says where it is.
    """
    with told(table.path):
        about = pyogrio.read_info(table.path, layer=table.name, encoding=table.encoding)
    stated = table.crs or (known(space.crs(about["crs"])) if about["crs"] else None)
    crs, notes = crs_of(table.path.name, stated, options)
    count = about["features"]
    asked = replace(table, fids=bool(about["fid_column"]) and about["fid_column"] in options.columns.values())
    return Part(
        name=table.part,
        batches=zoned(_batches(asked, crs), table.path.name),
        rows=count if count >= 0 else None,
        vertical=space.vertical_of(crs),
        notes=(*table.notes, *notes),
    )


def _batches(table: Table, crs: pyproj.CRS) -> Iterator[Batch]:
    with (
        told(table.path),
        pyogrio.raw.open_arrow(
            table.path,
            layer=table.name,
            encoding=table.encoding,
            return_fids=table.fids,
            use_pyarrow=True,
            batch_size=ROWS,
        ) as (about, stream),
    ):
        geometry = about["geometry_name"] or "wkb_geometry"
        row = 0
        for rows in stream:
            made = _table(pa.Table.from_batches([rows]), geometry, row)
            yield Batch(table=table.shaped(made) if table.shaped else made, crs=crs)
            row += rows.num_rows


def _table(rows: pa.Table, geometry: str, first: int) -> pa.Table:
    others = [n for n in rows.column_names if n != geometry]
    named = rows.select(others).rename_columns(freed(others))
    blobs = straightened(rows[geometry].cast(pa.binary()))
    return named.append_column("geom", blobs).append_column(
        "row", pa.array(np.arange(first, first + rows.num_rows))
    )


def _plain(error: Any, path: Path) -> str:
    """The message without the host's folders."""
    return str(error).replace(str(path.parent) + "/", "")[:200]
