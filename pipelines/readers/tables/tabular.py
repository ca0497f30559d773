"""Rows of a table with coordinate columns as a part: what delimited text, workbooks and databases have in common."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

import numpy as np
import pyarrow as pa
import pyproj
import shapely

from pipelines.readers.reader import Options, Part, Rows
from pipelines.readers.stated import crs_of
from pipelines.readers.tables import coordinates
from pipelines.readers.tables.coordinates import OWN, Where
from pipelines.readers.tables.gauss import Fit
from twin import space
from twin.errors import MissingPart
from twin.model import Rejected
from twin.table import Batch

ROWS: Final = 50_000
"""Of a batch."""


def part(rows: Rows, options: Options, *, name: str = "") -> Part:
    """The rows as points, or as what their WKT says.

    Positions called longitude and latitude are degrees of CRS84 unless `--crs` says more. Of X and Y the one
    that is the easting is told by where the rows then lie; zone numbers before eastings must be the CRS's.

    Raises:
        MissingPart: no columns say where the rows are. UnknownCRS: x and y without `--crs`.
        InvalidParameter, OutsideCRSArea: the positions do not fit the CRS (`gauss.fitted`).
    """
    where = coordinates.find(rows.table.column_names, options.columns)
    if where is None:
        named = ", ".join(n for n in rows.table.column_names if n != "row")[:300]
        raise MissingPart(
            f"{rows.source}: no columns for longitude and latitude, x and y, or WKT among {named}"
        )
    crs, notes = crs_of(rows.source, None, options, standard="OGC:CRS84" if where.degrees else None)
    fit = coordinates.fitted(rows.table, where, crs, rows.source)
    return Part(
        name=name,
        batches=_batches(rows, where, crs, fit),
        rows=len(rows.table) + len(rows.rejected),
        vertical=space.vertical_of(crs),
        notes=(*rows.notes, *notes, *fit.notes),
        used=frozenset(options.columns) & OWN,
        cell=rows.cell,
    )


def _batches(rows: Rows, where: Where, crs: pyproj.CRS, fit: Fit) -> Iterator[Batch]:
    for start in range(0, max(len(rows.table), 1), ROWS):
        batch = _batch(rows.table.slice(start, ROWS), where, crs, fit)
        told = tuple(_located(r, rows) for r in batch.rejected)
        yield replace(batch, rejected=told if start else (*rows.rejected, *told))


def _located(refused: Rejected, rows: Rows) -> Rejected:
    """The refusal with its cell."""
    cell = rows.cell(refused.row, refused.column) if rows.cell else ""
    return replace(refused, reason=f"{cell}: {refused.reason}") if cell else refused


def _batch(rows: pa.Table, where: Where, crs: pyproj.CRS, fit: Fit) -> Batch:
    shapes, refused = coordinates.points(rows, where, fit=fit, metres=not crs.is_geographic)
    kept = np.ones(len(rows), bool)
    kept[list(refused)] = False
    table = coordinates.as_numbers(rows, where).append_column(
        "geom", pa.array(shapely.to_wkb(shapes), pa.binary())
    )
    if where.wkt:
        table = table.drop_columns([where.wkt])
    return Batch(table=table.filter(pa.array(kept)), crs=crs, rejected=tuple(refused.values()))
