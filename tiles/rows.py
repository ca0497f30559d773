"""What all encodings of feature rows share: which columns are properties, and where a period is open."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyproj

from twin import space
from twin.model import OPEN
from twin.table import BODY

ASIDE = ("id", "geom", "branch", "version", "recorded_to", "row")
"""Fixed columns that are no properties of an item."""
CRS84 = space.crs("OGC:CRS84")


def names(table: pa.Table) -> list[str]:
    """The names of the columns that are properties."""
    return [n for n in table.column_names if n not in ASIDE and not n.startswith(BODY)]


def properties(table: pa.Table) -> pa.Table:
    """The columns that are properties; the open end of a period is null."""
    shown = names(table)
    found = table.select(shown)
    if "valid_to" not in shown:
        return found
    ends = found["valid_to"]
    opened = pc.if_else(pc.less(ends, pa.scalar(OPEN, ends.type)), ends, pa.scalar(None, ends.type))
    return found.set_column(shown.index("valid_to"), found.schema.field("valid_to"), opened)


def flat(table: pa.Table, geometry: str | None = "geometry") -> pa.Table:
    """`id`, the properties and, last and under the name given, the geometry as WKB."""
    found = properties(table).add_column(0, "id", table["id"])
    if geometry is None or "geom" not in table.column_names:
        return found
    return found.append_column(_free(geometry, found.column_names), table["geom"])


def _free(name: str, taken: list[str]) -> str:
    """A name that no column has."""
    while name in taken:
        name += "_"
    return name


def first_and_all(tables: Iterable[pa.Table]) -> tuple[pa.Table, Iterator[pa.Table]]:
    """The first table, and all of them."""
    found = iter(tables)
    first = next(found)

    def everything() -> Iterator[pa.Table]:
        yield first
        yield from found

    return first, everything()


def named(crs: pyproj.CRS | None) -> pyproj.CRS:
    """The CRS as PROJ knows it."""
    return crs or CRS84


def projjson(crs: pyproj.CRS | None) -> dict[str, Any]:
    """The CRS as PROJJSON, as GeoParquet and GeoArrow write it."""
    return dict(named(crs).to_json_dict())
