"""The connection to a DuckDB file, and the functions that its SQL gets from us."""

from __future__ import annotations

import re

import duckdb
import pyarrow as pa
from duckdb.func import ARROW

from twin.cql2.arrow import register
from twin.duckdb.room import SIGNS
from twin.errors import StoreBusy, StoreDown
from twin.extents import touches
from twin.model import BBox


def opened(path: str, memory_mb: int, threads: int) -> duckdb.DuckDBPyConnection:
    """The connection, shut against the outside: no files, no extensions, no other settings."""
    try:
        con = duckdb.connect(path, config={"memory_limit": f"{memory_mb}MB", "threads": threads})
    except duckdb.IOException as error:
        if any(sign in str(error) for sign in SIGNS):
            raise
        if owner := re.search(r"PID (\d+)", str(error)):
            raise StoreBusy(
                f"{path} is open in process {owner[1]}; ask that server, or stop it and try again"
            ) from error
        raise StoreDown(f"{path} does not open: {str(error).splitlines()[0]}") from error
    con.execute("SET preserve_insertion_order = true")
    con.create_function(
        "twin_touches",
        touching,
        ["BLOB", "DOUBLE", "DOUBLE", "DOUBLE", "DOUBLE"],
        "BOOLEAN",
        type=ARROW,
    )
    register(con)
    con.execute("SET enable_external_access = false")
    con.execute("SET lock_configuration = true")
    return con


def touching(
    geoms: pa.ChunkedArray,
    west: pa.ChunkedArray,
    south: pa.ChunkedArray,
    east: pa.ChunkedArray,
    north: pa.ChunkedArray,
) -> pa.Array:
    """Whether geometries intersect a box; what `twin_touches` calls in SQL."""
    box = BBox(west=west[0].as_py(), south=south[0].as_py(), east=east[0].as_py(), north=north[0].as_py())
    return pa.array(touches(geoms, box))
