"""Rows of a hydraulic model as a batch: points, lines and areas where the drawing puts them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyproj
import shapely
from numpy.typing import NDArray

from pipelines.readers.models.epanet_rows import Rows
from twin.table import Batch


def batch(rows: Rows, types: pa.Schema, crs: pyproj.CRS, move: tuple[float, float]) -> Batch:
    """Rows as columns."""
    numbered = [row | {"row": row["line"].number} for row in rows.rows]
    columns = {
        name: pa.array([row.get(name) for row in numbered], types.field(name).type) for name in types.names
    }
    columns["geom"] = pa.array(shapely.to_wkb(geometries(rows.rows, np.array([*move, 0.0]))), pa.binary())
    return Batch(table=pa.table(columns), crs=crs, rejected=tuple(rows.rejected))


def geometries(rows: Iterable[Mapping[str, Any]], move: NDArray[np.float64]) -> NDArray[np.object_]:
    """Points or lines with z, or areas; a link whose ends coincide on the plan is the point where they are."""
    shapes = [_shape(row, move) for row in rows]
    flat = [s.geom_type == "LineString" and s.length == 0 for s in shapes]
    return np.array(
        [shapely.Point(s.coords[0]) if f else s for s, f in zip(shapes, flat, strict=True)], object
    )


def _shape(row: Mapping[str, Any], move: NDArray[np.float64]) -> shapely.Geometry:
    if "ring" in row:
        # Of an area that only is drawn (its size is a figure of its own) a crossed outline is mended.
        return shapely.make_valid(shapely.Polygon(row["ring"] + move[:2]), method="structure")
    if "line_string" in row:
        return shapely.LineString(row["line_string"] + move)
    return shapely.Point(row["place"] + move)
