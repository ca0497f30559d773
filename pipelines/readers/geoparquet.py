"""GeoParquet 1.0 and 1.1 with WKB geometry, a row group's batch at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pyproj
from pyproj.exceptions import CRSError

from pipelines.readers.reader import Options, Part, Reader
from pipelines.readers.stated import crs_of
from pipelines.readers.tables.columns import freed
from twin import space
from twin.errors import MissingPart, TooLarge, UnknownCRS, UnreadableFile, UnsupportedFormat
from twin.table import Batch

ROWS: Final = 50_000
CHUNK: Final = 1_000_000_000
"""Most bytes of one column in one row group, unpacked."""


def read(paths: tuple[Path, ...], options: Options) -> Iterator[Part]:
    """The file's rows as one part.

    Raises:
        MissingPart: no `geo` metadata, so nothing says which column is the geometry. TooLarge: a column of
        a row group beyond the limit. UnreadableFile: no Parquet, or broken.
    """
    for path in paths:
        try:
            file = pq.ParquetFile(path)
        except (pa.ArrowException, OSError) as error:
            raise UnreadableFile(f"{path.name}: no Parquet file, or a broken one") from error
        _bounded(path, file.metadata)
        about = _about(path, file.metadata.metadata or {})
        column = about["columns"][about["primary_column"]]
        crs, notes = crs_of(path.name, _stated(path, column), options)
        yield Part(
            batches=_batches(path, file, about, crs),
            rows=file.metadata.num_rows,
            vertical=space.vertical_of(crs),
            notes=notes,
        )


def _bounded(path: Path, about: pq.FileMetaData) -> None:
    for group in range(about.num_row_groups):
        rows = about.row_group(group)
        for column in range(rows.num_columns):
            size = rows.column(column).total_uncompressed_size
            if size > CHUNK:
                name = rows.column(column).path_in_schema
                raise TooLarge(
                    f"{path.name}: column {name} has {size:,} bytes in one row group; the limit is {CHUNK:,}"
                )


def _about(path: Path, metadata: Mapping[bytes, bytes]) -> dict[str, Any]:
    if b"geo" not in metadata:
        raise MissingPart(f"{path.name} has no `geo` metadata (GeoParquet 1.1); write it as GeoParquet")
    try:
        about = orjson.loads(metadata[b"geo"])
        encoding = about["columns"][about["primary_column"]]["encoding"]
    except (orjson.JSONDecodeError, KeyError, TypeError) as error:
        raise UnreadableFile(f"{path.name}: its `geo` metadata is not that of GeoParquet") from error
    if encoding != "WKB":
        raise UnsupportedFormat(f"{path.name}: geometry encoding {str(encoding)[:50]!r}; WKB is read")
    return dict(about)


def _stated(path: Path, column: Mapping[str, Any]) -> pyproj.CRS | None:
    """The CRS of a geometry column: CRS84 where the key is absent, unknown where it is null."""
    if "crs" not in column:
        return space.crs("OGC:CRS84")
    if column["crs"] is None:
        return None
    try:
        return pyproj.CRS.from_json_dict(column["crs"])
    except (CRSError, TypeError, AttributeError) as error:
        raise UnknownCRS(
            f"{path.name}: its CRS is no PROJJSON that PROJ knows; name it with --crs"
        ) from error


def _batches(path: Path, file: pq.ParquetFile, about: Mapping[str, Any], crs: pyproj.CRS) -> Iterator[Batch]:
    geometry = about["primary_column"]
    covering = about["columns"][geometry].get("covering", {}).get("bbox", {})
    boxes = {str(place[0]) for place in covering.values() if isinstance(place, list) and place}
    others = [n for n in file.schema_arrow.names if n != geometry and n not in boxes]
    row = 0
    try:
        for rows in file.iter_batches(ROWS, columns=[*others, geometry]):
            yield Batch(table=_table(pa.Table.from_batches([rows]), others, geometry, row), crs=crs)
            row += rows.num_rows
    except (pa.ArrowException, OSError) as error:
        raise UnreadableFile(f"{path.name}: broken after row {row}") from error


def _table(rows: pa.Table, others: list[str], geometry: str, first: int) -> pa.Table:
    named = rows.select(others).rename_columns(freed(others))
    numbers = pa.array(np.arange(first, first + rows.num_rows))
    return named.append_column("geom", rows[geometry].cast(pa.binary())).append_column("row", numbers)


READER = Reader(name="geoparquet", title="GeoParquet", suffixes=(".parquet", ".geoparquet"), read=read)
