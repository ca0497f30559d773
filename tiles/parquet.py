"""GeoParquet 1.1 of feature rows; geometry as WKB, x before y whatever the CRS says."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import shapely
from numpy.typing import NDArray

from tiles import rows
from tiles.aside import pieces, written_aside
from tiles.format import Format, Page

MEDIA_TYPE = "application/vnd.apache.parquet"


def encode(tables: Iterable[pa.Table], page: Page) -> Iterator[bytes]:
    """One file, a row group a table; it is written aside, since its description comes last."""
    first, everything = rows.first_and_all(tables)
    with written_aside(".parquet") as path:
        box = np.array([np.inf, np.inf, -np.inf, -np.inf])
        schema = rows.flat(first).schema
        with pq.ParquetWriter(path, schema, compression="zstd") as writer:
            for table in everything:
                found = rows.flat(table)
                box = _wider(box, found)
                writer.write_table(found)
            if pa.types.is_binary(schema.field(-1).type):
                writer.add_key_value_metadata({"geo": orjson.dumps(described(schema.names[-1], page, box))})
        yield from pieces(path)


def described(name: str, page: Page, box: NDArray[np.float64]) -> dict[str, object]:
    """The `geo` member of the file's metadata; a file without geometry is plain Parquet and has none."""
    column = {"encoding": "WKB", "geometry_types": [], "crs": rows.projjson(page.crs)}
    bounds = {"bbox": box.tolist()} if np.isfinite(box).all() else {}
    return {"version": "1.1.0", "primary_column": name, "columns": {name: {**column, **bounds}}}


def _wider(box: NDArray[np.float64], table: pa.Table) -> NDArray[np.float64]:
    last = table.column(table.num_columns - 1)
    if not pa.types.is_binary(last.type) or not len(last):
        return box
    found = shapely.total_bounds(shapely.from_wkb(last.to_numpy(zero_copy_only=False)))
    both = [np.fmin(box[:2], found[:2]), np.fmax(box[2:], found[2:])]
    return np.concatenate(both)


FORMAT = Format(
    name="parquet", media_type=MEDIA_TYPE, encode=encode, suffix=".parquet", bulk=True, x_first=True
)
