"""CSV and its like with coordinates: longitude and latitude, x and y, or WKT."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyproj
import shapely

from pipelines.readers import coordinates, delimited
from pipelines.readers.coordinates import Where
from pipelines.readers.reader import Options, Part, Reader
from pipelines.readers.stated import crs_of
from twin import space
from twin.errors import MissingPart
from twin.table import Batch

ROWS: Final = 50_000


def read(paths: tuple[Path, ...], options: Options) -> Iterator[Part]:
    """The rows as one part; positions called longitude and latitude are degrees of CRS84 unless `--crs` says more.

    Raises:
        MissingPart: no columns say where the rows are. UnknownCRS: x and y without `--crs`.
    """
    for path in paths:
        text = delimited.read(path, options)
        where = coordinates.find(text.table.column_names)
        if where is None:
            named = ", ".join(n for n in text.table.column_names if n != "row")[:300]
            raise MissingPart(
                f"{path.name}: no columns for longitude and latitude, x and y, or WKT among {named}"
            )
        crs, notes = crs_of(path.name, None, options, standard="OGC:CRS84" if where.degrees else None)
        table = delimited.typed(text.table, keep=where.columns())
        yield Part(
            batches=_batches(table, where, crs, text),
            rows=len(table) + len(text.rejected),
            vertical=space.vertical_of(crs),
            notes=(*text.notes, *notes),
        )


def _batches(table: pa.Table, where: Where, crs: pyproj.CRS, text: delimited.Text) -> Iterator[Batch]:
    for start in range(0, max(len(table), 1), ROWS):
        batch = _batch(table.slice(start, ROWS), where, crs)
        yield batch if start else replace(batch, rejected=(*text.rejected, *batch.rejected))


def _batch(rows: pa.Table, where: Where, crs: pyproj.CRS) -> Batch:
    shapes, refused = coordinates.points(rows, where)
    kept = np.ones(len(rows), bool)
    kept[list(refused)] = False
    table = coordinates.as_numbers(rows, where).append_column(
        "geom", pa.array(shapely.to_wkb(shapes), pa.binary())
    )
    if where.wkt:
        table = table.drop_columns([where.wkt])
    return Batch(table=table.filter(pa.array(kept)), crs=crs, rejected=tuple(refused.values()))


def claims(path: Path) -> bool:
    """Whether the first line names coordinates."""
    return coordinates.find(delimited.header(path)) is not None


READER = Reader(
    name="csv", title="CSV with coordinates", suffixes=(".csv", ".tsv", ".txt"), read=read, claims=claims
)
