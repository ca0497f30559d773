"""Coordinates shifted by what the sender left off or added: `--shift dx,dy[,dz]`, in units of the source's CRS."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import shapely
from numpy.typing import NDArray

from twin.body import decode
from twin.quarantine import blobs, geometries, put
from twin.table import BODY, Batch

Shift = tuple[float, float, float]
"""Added to x, y (CRS units) and z (metres)."""


def shifted(batch: Batch, by: Shift) -> Batch:
    """The batch with its geometry and its bodies moved; heights that are not there stay so."""
    move = np.array(by, np.float64)
    shapes = geometries(batch.table)
    flat = ~shapely.has_z(shapes)
    moved = np.empty(len(shapes), object)
    moved[flat] = shapely.transform(shapes[flat], lambda p: p + move[:2])
    moved[~flat] = shapely.transform(shapes[~flat], lambda p: p + move, include_z=True)
    table = batch.table
    if len(table):
        # What cannot be read stays as it is: it is refused later, with its reason.
        wkb = np.where(shapely.is_missing(moved), blobs(table), shapely.to_wkb(moved, flavor="iso"))
        table = put(table, "geom", pa.array(wkb, pa.binary()))
    for column, field in enumerate(table.schema):
        if field.name.startswith(BODY):
            blocks = [_body(block, move) for block in table[field.name].to_pylist()]
            table = table.set_column(column, field, pa.array(blocks, field.type))
    return replace(batch, table=table)


def _body(block: bytes | None, move: NDArray[np.float64]) -> bytes | None:
    if block is None:
        return None
    body = decode(block)
    return replace(body, vertices=body.vertices + move).encode()
