"""Taking rows out of a batch with a word on why; nothing is dropped without one."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import repeat
from typing import Any

import numpy as np
import pyarrow as pa
import shapely
from numpy.typing import NDArray

from twin.model import Rejected
from twin.table import Batch

CUT = 2000
"""Characters of the original that are kept."""


def refuse(
    batch: Batch,
    bad: NDArray[np.bool_],
    column: str,
    reason: Callable[[int], str],
    original: Callable[[int], str],
) -> Batch:
    """The batch without its bad rows, which are in `rejected` now.

    Args:
        bad: (n,) bool, one a row of the batch.
        reason, original: asked with the row's place in the batch, for bad rows only.
    """
    if not bad.any():
        return batch
    table = batch.table
    numbers = table["row"].to_numpy() if "row" in table.column_names else np.arange(len(table))
    placed = batch.crs is None and "geom" in table.column_names
    shapes: Iterable[Any] = geometries(table.filter(pa.array(bad))) if placed else repeat(None)
    refused = tuple(
        Rejected(
            row=int(numbers[i]),
            column=column,
            reason=reason(i),
            original=original(i)[:CUT],
            place=stands(shape),
        )
        for i, shape in zip(map(int, np.flatnonzero(bad)), shapes, strict=False)
    )
    return replace(batch, table=table.filter(pa.array(~bad)), rejected=(*batch.rejected, *refused))


def stands(shape: shapely.Geometry | None) -> tuple[float, float] | None:
    """Longitude and latitude of the first position that a row in CRS84 has; None where it has none on earth."""
    if shape is None or shape.is_empty:
        return None
    lon, lat = (float(v) for v in shapely.get_coordinates(shape)[0])
    return (lon, lat) if abs(lon) <= 180 and abs(lat) <= 90 else None


def geometries(table: pa.Table) -> NDArray[np.object_]:
    """(n,) shapely geometries of `geom`; None where it is null or cannot be read."""
    return np.asarray(shapely.from_wkb(blobs(table), on_invalid="ignore"), object)


def blobs(table: pa.Table) -> NDArray[np.object_]:
    """(n,) WKB bytes of `geom`, None where null."""
    return np.asarray(table["geom"].to_numpy(zero_copy_only=False), object)


def with_geometries(batch: Batch, shapes: NDArray[np.object_]) -> Batch:
    """The batch with these geometries as its `geom`."""
    return replace(batch, table=put(batch.table, "geom", pa.array(shapely.to_wkb(shapes), pa.binary())))


def put(table: pa.Table, name: str, values: pa.Array | pa.ChunkedArray) -> pa.Table:
    """The table with a column replaced or added."""
    if name in table.column_names:
        return table.set_column(table.column_names.index(name), name, values)
    return table.append_column(name, values)


def wkt(shape: object) -> str:
    """A geometry as text, for the quarantine."""
    return "null" if shape is None else str(shapely.to_wkt(shape, rounding_precision=-1))
