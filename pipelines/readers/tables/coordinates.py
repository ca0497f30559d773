"""Which columns of a table say where its rows are, and the positions that they say."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyproj
import shapely
from numpy.typing import NDArray

from layers.naming import plain, present
from pipelines.readers.tables import gauss
from pipelines.readers.tables.degrees import figures
from pipelines.readers.tables.gauss import Fit, Order
from twin.errors import MissingPart
from twin.model import Rejected

LONGITUDE: Final = ("经度", "LON", "LONG", "LONGITUDE", "LNG", "COORDINATES.LONGITUDE", "东经")
LATITUDE: Final = ("纬度", "LAT", "LATITUDE", "COORDINATES.LATITUDE", "北纬")
UP: Final = ("Z", "高程", "地面高程", "ELEVATION", "ALTITUDE", "Z坐标", "POINT_Z")
TEXT: Final = ("WKT", "GEOM", "GEOMETRY", "THE_GEOM", "WKT_GEOM", "SHAPE", "几何")
PLANE: Final[tuple[tuple[Order, tuple[str, ...], tuple[str, ...]], ...]] = (
    (
        "sure",
        ("东坐标", "东坐标Y", "Y东坐标", "EASTING", "E坐标"),
        ("北坐标", "北坐标X", "X北坐标", "NORTHING", "N坐标"),
    ),
    (
        "named",
        ("横坐标", "横坐标Y", "Y横坐标", "XCOORD", "POINT_X"),
        ("纵坐标", "纵坐标X", "X纵坐标", "YCOORD", "POINT_Y"),
    ),
    ("open", ("X", "X坐标", "坐标X"), ("Y", "Y坐标", "坐标Y")),
)
"""Names of eastings and northings, and how well they say which they are: surveyors call the northing X."""
SIDED: Final = re.compile(r"[XY]坐?标?[(\[（【](北|N|纵|东|E|横)")
"""`X(北)`: a letter with its side in brackets."""
AS_IS: Final = Fit()
OWN: Final = frozenset({"x", "y", "z", "wkt"})
"""Targets by which the caller names the columns (`--column 纵坐标=y`)."""


@dataclass(frozen=True, kw_only=True)
class Where:
    """The columns that hold positions."""

    x: str = ""
    y: str = ""
    z: str = ""
    wkt: str = ""
    degrees: bool = False
    """Whether the names say that x and y are longitude and latitude."""
    order: Order = "sure"
    """How well the names say which of x and y is the easting."""

    def columns(self) -> tuple[str, ...]:
        """Those that there are."""
        return tuple(n for n in (self.x, self.y, self.z, self.wkt) if n)


def find(names: Sequence[str], said: Mapping[str, str] | None = None) -> Where | None:
    """Where the positions are; None where no columns are called as positions are.

    Args:
        said: what the caller says, target (`x`, `y`, `z`, `wkt`) -> column.

    Raises:
        UnknownProperty: the caller names a column that is not there. MissingPart: one of x and y only.
    """
    told = {target: present(name, names) for target, name in (said or {}).items() if target in OWN}
    z = told.get("z") or _one(names, UP)
    if "wkt" in told:
        return Where(wkt=told["wkt"])
    if "x" in told or "y" in told:
        if not {"x", "y"} <= told.keys():
            raise MissingPart("--column names one of x and y; name both, x the easting or longitude")
        return Where(x=told["x"], y=told["y"], z=z)
    lon, lat = _one(names, LONGITUDE), _one(names, LATITUDE)
    if lon and lat:
        return Where(x=lon, y=lat, z=z, degrees=True)
    for order, easting, northing in PLANE:
        x, y = _one(names, easting), _one(names, northing)
        if x and y:
            return Where(x=x, y=y, z=z, order=order)
    text = _one(names, TEXT)
    return Where(wkt=text) if text else None


def _one(names: Sequence[str], wanted: tuple[str, ...]) -> str:
    """The column of the first of the names that is there, alone or as the last level of a header (`坐标_经度`)."""
    words = [plain(w) for w in wanted]
    for spelled in (_sided, lambda name: _sided(name.rpartition("_")[2])):
        by: dict[str, list[str]] = {}
        for name in names:
            by.setdefault(spelled(name), []).append(name)
        found = next((by[w] for w in words if w in by), [])
        if len(found) == 1 or (found and spelled is _sided):
            return found[0]
    return ""


def _sided(name: str) -> str:
    """The name as names are compared; `X(北)` is the northing whatever its letter."""
    side = SIDED.match(unicodedata.normalize("NFKC", name).upper().replace(" ", ""))
    if side is None:
        return plain(name)
    return "北坐标" if side[1] in "北N纵" else "东坐标"


def fitted(table: pa.Table, where: Where, crs: pyproj.CRS, name: str) -> Fit:
    """What a whole table's positions need to fit their CRS: `gauss.fitted`, told once for all batches.

    Raises:
        InvalidParameter, OutsideCRSArea: as there.
    """
    if where.wkt:
        return Fit()
    x, y = (figures(table[column])[0] for column in (where.x, where.y))
    return gauss.fitted(x, y, crs, order=where.order, name=name)


def points(
    table: pa.Table, where: Where, *, fit: Fit = AS_IS, metres: bool = False
) -> tuple[NDArray[np.object_], dict[int, Rejected]]:
    """(n,) geometries, None where there is no position, and by place the rows whose position is none.

    Args:
        fit: what the whole table's positions need (`fitted`).
        metres: whether the CRS is projected, so that degrees are none of its coordinates.
    """
    if where.wkt:
        return _from_text(table, where.wkt)
    refused: dict[int, Rejected] = {}
    names = (where.y, where.x) if fit.swapped else (where.x, where.y)
    x, y = (_numbers(table, name, refused, metres=metres) for name in names)
    if fit.zone is not None:
        _same_zone(table, names[0], x, y, fit, refused)
    known = np.isfinite(x) & np.isfinite(y)
    shapes = np.full(len(table), None, object)
    shapes[known] = shapely.points(x[known] + fit.shift, y[known])
    if where.z:
        heights, _, _ = figures(table[where.z])
        solid = known & np.isfinite(heights)
        shapes[solid] = shapely.points(x[solid] + fit.shift, y[solid], heights[solid])
    return shapes, refused


def as_numbers(table: pa.Table, where: Where) -> pa.Table:
    """The table with its coordinate columns as numbers; those with degrees and minutes stay as they were written."""
    for name in (where.x, where.y, where.z):
        if name:
            values, _, angles = figures(table[name])
            if not angles.any():
                numbers = pa.array(values, mask=~np.isfinite(values))
                table = table.set_column(table.column_names.index(name), name, numbers)
    return table


def _numbers(
    table: pa.Table, name: str, refused: dict[int, Rejected], *, metres: bool
) -> NDArray[np.float64]:
    values, wrong, angles = figures(table[name])
    for i in map(int, np.flatnonzero(wrong)):
        why = f"{_said(table, name, i)[:100]!r} is no coordinate; decimal degrees or metres"
        refused.setdefault(i, _rejected(table, name, i, why))
    for i in map(int, np.flatnonzero(angles & metres)):
        why = f"{_said(table, name, i)[:100]!r} is in degrees, the CRS in metres"
        refused.setdefault(i, _rejected(table, name, i, why))
    return values


def _same_zone(
    table: pa.Table,
    name: str,
    east: NDArray[np.float64],
    north: NDArray[np.float64],
    fit: Fit,
    refused: dict[int, Rejected],
) -> None:
    other = np.isfinite(east) & (gauss.zones(east) != fit.zone)
    turned = other & (gauss.zones(north) == fit.zone) if fit.zone else np.zeros_like(other)
    for i in map(int, np.flatnonzero(other)):
        said = "outside-crs-area: x and y are the other way round in this row"
        why = said if turned[i] else gauss.misfit(fit.zone or 0, float(east[i]))
        refused.setdefault(i, _rejected(table, name, i, why))


def _said(table: pa.Table, name: str, i: int) -> str:
    return str(table[name][i].as_py())


def _rejected(table: pa.Table, name: str, i: int, why: str) -> Rejected:
    return Rejected(
        row=table["row"][i].as_py(),
        column=name,
        reason=f"{name}: {why}",
        original=_said(table, name, i)[:2000],
    )


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
