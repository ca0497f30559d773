"""Which columns of a table say where its rows are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import shapely
from numpy.typing import NDArray

from layers.naming import plain
from layers.values import typed
from twin.model import Rejected

LONGITUDE: Final = ("经度", "LON", "LONG", "LONGITUDE", "LNG", "COORDINATES.LONGITUDE")
LATITUDE: Final = ("纬度", "LAT", "LATITUDE", "COORDINATES.LATITUDE")
EASTING: Final = ("X", "X坐标", "坐标X", "东坐标", "EASTING", "XCOORD", "POINT_X", "横坐标")
NORTHING: Final = ("Y", "Y坐标", "坐标Y", "北坐标", "NORTHING", "YCOORD", "POINT_Y", "纵坐标")
UP: Final = ("Z", "高程", "地面高程", "ELEVATION", "ALTITUDE", "Z坐标", "POINT_Z")
TEXT: Final = ("WKT", "GEOM", "GEOMETRY", "THE_GEOM", "WKT_GEOM", "SHAPE", "几何")


@dataclass(frozen=True, kw_only=True)
class Where:
    """The columns that hold positions."""

    x: str = ""
    y: str = ""
    z: str = ""
    wkt: str = ""
    degrees: bool = False
    """Whether the names say that x and y are longitude and latitude."""

    def columns(self) -> tuple[str, ...]:
        """Those that there are."""
        return tuple(n for n in (self.x, self.y, self.z, self.wkt) if n)


def find(names: Sequence[str]) -> Where | None:
    """Where the positions are; None where no columns are called as positions are."""
    lon, lat = _one(names, LONGITUDE), _one(names, LATITUDE)
    if lon and lat:
        return Where(x=lon, y=lat, z=_one(names, UP), degrees=True)
    x, y = _one(names, EASTING), _one(names, NORTHING)
    if x and y:
        return Where(x=x, y=y, z=_one(names, UP))
    text = _one(names, TEXT)
    return Where(wkt=text) if text else None


def _one(names: Sequence[str], wanted: tuple[str, ...]) -> str:
    """The column of the first of the names that is there."""
    by = {plain(n): n for n in reversed(names)}
    return next((by[plain(w)] for w in wanted if plain(w) in by), "")


def points(table: pa.Table, where: Where) -> tuple[NDArray[np.object_], dict[int, Rejected]]:
    """(n,) geometries, None where there is no position, and by place the rows whose position is no number."""
    if where.wkt:
        return _from_text(table, where.wkt)
    refused: dict[int, Rejected] = {}
    x, y = (_numbers(table, name, refused) for name in (where.x, where.y))
    known = np.isfinite(x) & np.isfinite(y)
    shapes = np.full(len(table), None, object)
    shapes[known] = shapely.points(x[known], y[known])
    if where.z:
        z, _ = typed(table[where.z], "number")
        heights = np.asarray(z.fill_null(np.nan), np.float64)
        solid = known & np.isfinite(heights)
        shapes[solid] = shapely.points(x[solid], y[solid], heights[solid])
    return shapes, refused


def as_numbers(table: pa.Table, where: Where) -> pa.Table:
    """The table with its coordinate columns as numbers; what is none is null."""
    for name in (where.x, where.y, where.z):
        if name:
            values, _ = typed(table[name], "number")
            table = table.set_column(table.column_names.index(name), name, values)
    return table


def _numbers(table: pa.Table, name: str, refused: dict[int, Rejected]) -> NDArray[np.float64]:
    values, wrong = typed(table[name], "number")
    for i in map(int, np.flatnonzero(wrong)):
        said = str(table[name][i].as_py())
        reason = f"{name}: {said[:100]!r} is no coordinate; decimal degrees or metres"
        refused.setdefault(
            i, Rejected(row=table["row"][i].as_py(), column=name, reason=reason, original=said[:2000])
        )
    return np.asarray(values.fill_null(np.nan), np.float64)


def _from_text(table: pa.Table, name: str) -> tuple[NDArray[np.object_], dict[int, Rejected]]:
    words = pc.utf8_trim_whitespace(table[name])
    # EWKT begins with the code of its CRS; the part after it is WKT.
    texts = pc.replace_substring_regex(words, r"(?i)^SRID=\d+;", "").to_pylist()
    shapes = np.asarray(
        shapely.from_wkt(np.array([t or None for t in texts], object), on_invalid="ignore"), object
    )
    refused = {}
    for i in map(int, np.flatnonzero(shapely.is_missing(shapes))):
        if texts[i]:
            row = table["row"][i].as_py()
            reason = f"{name}: no WKT geometry; such as POINT (116.4 39.9)"
            refused[i] = Rejected(row=row, column=name, reason=reason, original=texts[i][:2000])
    return shapes, refused
