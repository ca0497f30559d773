"""FlatGeobuf of feature rows, through GDAL, with its packed spatial index."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pyarrow as pa
import pyogrio
import pyproj

from tiles import rows
from tiles.aside import pieces, written_aside
from tiles.format import Format, Page

MEDIA_TYPE = "application/flatgeobuf"


def encode(tables: Iterable[pa.Table], page: Page) -> Iterator[bytes]:
    """One file; it is written aside, since its index comes before the features."""
    first, everything = rows.first_and_all(tables)
    schema = rows.flat(first).schema
    name = schema.names[-1]
    placed = pa.types.is_binary(schema.field(name).type)
    batches = (batch for table in everything for batch in rows.flat(table).to_batches())
    with written_aside(".fgb") as path:
        pyogrio.write_arrow(
            pa.RecordBatchReader.from_batches(schema, batches),
            path,
            driver="FlatGeobuf",
            layer=page.layer,
            geometry_name=name if placed else None,
            geometry_type="Unknown",
            crs=authority(rows.named(page.crs)),
            SPATIAL_INDEX="YES" if placed else "NO",
        )
        yield from pieces(path)


def authority(crs: pyproj.CRS) -> str:
    """The CRS as GDAL's word for it: its code, else WKT."""
    code = crs.to_authority()
    return ":".join(code) if code else str(crs.to_wkt())


FORMAT = Format(name="fgb", media_type=MEDIA_TYPE, encode=encode, suffix=".fgb", bulk=True, x_first=True)
