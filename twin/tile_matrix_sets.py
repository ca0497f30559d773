"""Tile matrix sets (OGC 17-083r4): grids of tiles in any CRS, as JSON and as places.

Positions are kept x before y whatever the CRS says; only JSON has a CRS's own order (17-083r4, 6.2.5).
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import orjson
import pyproj
import shapely
from numpy.typing import NDArray

from twin import space
from twin.errors import InvalidParameter, TileNotFound, TwinError, UnreadableFile
from twin.model import BBox

PIXEL: Final = 0.00028
"""Metres of a rendering pixel (17-083r4, 6.1.1)."""
A: Final = 6378137.0
HALF: Final = math.pi * A
DEGREE: Final = HALF / 180
"""Metres of a degree of the equator, by which scales of geographic CRSs are told."""
WHOLE: Final = re.compile(r"0|[1-9][0-9]{0,11}", re.ASCII)
NAME: Final = re.compile(r"[A-Za-z0-9_.-]{1,100}", re.ASCII)
FOLDER: Final = "tilematrixsets"
MOST_BYTES: Final = 1 << 20
STEPS: Final = 65
"""Places along each edge of a tile that are looked up for its box in degrees."""
URI: Final = "http://www.opengis.net/def/tilematrixset/OGC/1.0"
PLAIN: Final = frozenset({4326, 4490, 4258, 6668, 6318})
"""Geographic CRSs whose degrees are taken for those of CRS84: they differ by less than PROJ knows."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TileMatrix:
    """One level."""

    id: str
    cell: float
    """Units of the CRS that a pixel has."""
    scale: float
    """Its scale denominator."""
    origin: tuple[float, float]
    """x and y of the corner that rows and columns count from."""
    top: bool
    """Whether rows count down from the top."""
    tile: tuple[int, int]
    """Pixels across and down."""
    count: tuple[int, int]
    """Columns and rows."""

    @property
    def span(self) -> tuple[float, float]:
        """Width and height of a tile in units of the CRS."""
        return self.cell * self.tile[0], self.cell * self.tile[1]


@dataclass(frozen=True, kw_only=True, eq=False)
class TileMatrixSet:
    """A grid for each of several scales; the coarsest first."""

    id: str
    title: str
    uri: str | None
    """The name in the OGC's register, where it has one."""
    crs_uri: str
    crs: pyproj.CRS
    matrices: tuple[TileMatrix, ...]
    document: Mapping[str, Any] = field(repr=False)
    """As JSON."""

    def __reduce__(self) -> tuple[Any, ...]:
        """For another process: by its document."""
        return _revived, (orjson.dumps(self.document),)

    @property
    def degrees(self) -> bool:
        """Whether x and y are longitude and latitude as we keep them."""
        return self.crs.is_geographic and (
            self.crs_uri.endswith("CRS84") or self.crs.to_epsg(min_confidence=100) in PLAIN
        )

    def matrix(self, name: str) -> TileMatrix:
        """The level of a name.

        Raises:
            TileNotFound: there is none; says which there are.
        """
        for found in self.matrices:
            if found.id == name:
                return found
        ids = [m.id for m in self.matrices]
        raise TileNotFound(
            f"{self.id} has no tile matrix {name[:40]!r}; there are {ids[0]} to {ids[-1]} ({len(ids)})"
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class Cell:
    """One tile's place."""

    tms: TileMatrixSet
    matrix: TileMatrix
    row: int
    column: int

    @property
    def name(self) -> str:
        """Tile matrix set, tile matrix, row and column."""
        return f"{self.tms.id}/{self.matrix.id}/{self.row}/{self.column}"

    def bounds(self, margin: float = 0.0) -> tuple[float, float, float, float]:
        """Left, bottom, right, top in the CRS, widened by `margin` tiles on each side."""
        (x, y), (wide, high) = self.matrix.origin, self.matrix.span
        left = x + (self.column - margin) * wide
        top = y + high * (margin - self.row if self.matrix.top else self.row + 1 + margin)
        return left, top - (1 + 2 * margin) * high, left + (1 + 2 * margin) * wide, top

    def bbox(self, margin: float = 0.0) -> BBox:
        """The box in degrees that holds the tile, widened by `margin` tiles.

        Raises:
            TileNotFound: no part of it is a place on earth.
        """
        left, bottom, right, top = self.bounds(margin)
        if self.tms.degrees:
            return BBox(
                west=max(left, -180.0), south=max(bottom, -90.0), east=min(right, 180.0), north=min(top, 90.0)
            )
        return _covering(self, left, bottom, right, top)

    def inside(self, xy: NDArray[np.float64]) -> NDArray[np.float64]:
        """(n, 2) longitudes and latitudes as (n, 2) places across and down the tile, 0 to 1 within it."""
        x, y = _projected(self.tms, xy[:, 0], xy[:, 1])
        left, _, _, top = self.bounds()
        wide, high = self.matrix.span
        return np.column_stack([(x - left) / wide, (top - y) / high])

    def metres(self) -> float:
        """Metres of the tile's longer side, near enough."""
        unit = DEGREE if self.tms.crs.is_geographic else self.tms.crs.axis_info[0].unit_conversion_factor
        return max(self.matrix.span) * unit


def _projected(
    tms: TileMatrixSet, lon: NDArray[np.float64], lat: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    if tms.degrees:
        return lon, lat
    if tms.crs_uri.endswith("/3857"):
        phi = np.radians(np.clip(lat, -89.9, 89.9))
        return lon * DEGREE, np.arcsinh(np.tan(phi)) * A
    x, y = space.from_crs84(tms.crs).transform(lon, lat)
    return np.asarray(x), np.asarray(y)


def _covering(cell: Cell, left: float, bottom: float, right: float, top: float) -> BBox:
    if cell.tms.crs_uri.endswith("/3857"):
        north, south = (math.degrees(math.atan(math.sinh(y / A))) for y in (top, bottom))
        return BBox(west=max(left / DEGREE, -180), south=south, east=min(right / DEGREE, 180), north=north)
    back = space.to_crs84(cell.tms.crs)
    west, south, east, north = back.transform_bounds(left, bottom, right, top, densify_pts=STEPS)
    if not all(map(math.isfinite, (west, south, east, north))):
        # Where the tile reaches beyond what the projection knows, what it knows of it decides.
        x, y = np.meshgrid(np.linspace(left, right, STEPS), np.linspace(bottom, top, STEPS))
        lon, lat = (np.asarray(v) for v in back.transform(x.ravel(), y.ravel()))
        known = np.isfinite(lon) & np.isfinite(lat)
        if not known.any():
            raise TileNotFound(f"tile {cell.name} lies outside of what {cell.tms.crs.name} can say")
        west, south, east, north = (
            float(v) for v in (lon[known].min(), lat[known].min(), lon[known].max(), lat[known].max())
        )
    return BBox(west=west, south=max(south, -90.0), east=east, north=min(north, 90.0))


def place(tms: TileMatrixSet, matrix: str, row: str, column: str) -> Cell:
    """The tile of an address as it came.

    Raises:
        InvalidParameter: row or column is no whole number.
        TileNotFound: the set has no such tile; says which there are (20-057, /req/core/tc-error).
    """
    for name, value in (("tileRow", row), ("tileCol", column)):
        if not WHOLE.fullmatch(value):
            raise InvalidParameter(f"{name}={value[:40]!r} is no whole number from 0")
    found = tms.matrix(matrix)
    columns, rows = found.count
    if int(row) >= rows or int(column) >= columns:
        raise TileNotFound(
            f"tile matrix {matrix} of {tms.id} has rows 0 to {rows - 1} and columns 0 to {columns - 1}, "
            f"no tile {row[:20]}/{column[:20]}"
        )
    return Cell(tms=tms, matrix=found, row=int(row), column=int(column))


def mercator(z: int, x: int, y: int) -> Cell:
    """The tile of WebMercatorQuad at a level, column and row."""
    return Cell(tms=WEB_MERCATOR, matrix=WEB_MERCATOR.matrices[z], row=y, column=x)


def limits(tms: TileMatrixSet, box: BBox | None) -> list[dict[str, Any]]:
    """Which rows and columns hold a box, for each level (17-083r4, 7.3); none where there is no box."""
    if box is None:
        return []
    found = [_limit(tms, m, box) for m in tms.matrices]
    return [one for one in found if one is not None]


def _limit(tms: TileMatrixSet, matrix: TileMatrix, box: BBox) -> dict[str, Any] | None:
    first = Cell(tms=tms, matrix=matrix, row=0, column=0)
    places = np.concatenate([first.inside(_edges(part)) for part in box.parts()])
    places = places[np.isfinite(places).all(axis=1)]
    if not len(places):
        return None
    down = places[:, 1] if matrix.top else 1 - places[:, 1]
    (west, east), (north, south) = ((math.floor(v.min()), math.floor(v.max())) for v in (places[:, 0], down))
    columns, rows = matrix.count
    if east < 0 or west >= columns or south < 0 or north >= rows:
        return None
    return {
        "tileMatrix": matrix.id,
        "minTileRow": max(north, 0),
        "maxTileRow": min(south, rows - 1),
        "minTileCol": max(west, 0),
        "maxTileCol": min(east, columns - 1),
    }


def _edges(box: BBox) -> NDArray[np.float64]:
    """Places along a box's outline and through its middle."""
    lon, lat = np.linspace(box.west, box.east, 33), np.linspace(box.south, box.north, 33)
    return np.stack(np.meshgrid(lon, lat), axis=-1).reshape(-1, 2)


def straight(cell: Cell) -> float:
    """Degrees up to which a straight line of degrees is one on the tile within half a unit of 4096; inf: always.

    A line of s metres bends by about s² tan(latitude) / 8R in the usual projections.
    """
    if cell.tms.degrees:
        return math.inf
    side = cell.metres()
    longest = math.sqrt(side / 4096 * 4 * A / 3)
    return math.inf if longest > 2 * side else longest / DEGREE


def near(cell: Cell, margin: float) -> shapely.Geometry:
    """The part of the world in degrees outside of which the tile's projection need not be asked."""
    return shapely.union_all([shapely.box(*part.astuple()) for part in cell.bbox(margin).parts()])


# The sets that everybody has


def _quads(
    origin: tuple[float, float], width: float, count: tuple[int, int], levels: int, unit: float
) -> tuple[TileMatrix, ...]:
    return tuple(
        TileMatrix(
            id=str(z),
            cell=width / 256 / (count[0] << z),
            scale=width / 256 / (count[0] << z) * unit / PIXEL,
            origin=origin,
            top=True,
            tile=(256, 256),
            count=(count[0] << z, count[1] << z),
        )
        for z in range(levels)
    )


def _built(
    name: str,
    title: str,
    crs: str,
    scales: str | None,
    matrices: tuple[TileMatrix, ...],
    *,
    registered: bool = True,
) -> TileMatrixSet:
    found = space.crs("OGC:CRS84" if crs.endswith("CRS84") else f"EPSG:{crs.rsplit('/', 1)[-1]}")
    uri = f"{URI}/{name}" if registered else None
    head: dict[str, Any] = {"id": name, "title": title, "crs": crs}
    if uri:
        head["uri"] = uri
    flip = space.latitude_first(found)
    head["orderedAxes"] = [axis.abbrev for axis in found.axis_info]
    if scales:
        head["wellKnownScaleSet"] = f"http://www.opengis.net/def/wkss/OGC/1.0/{scales}"
    document = {**head, "tileMatrices": [_json(m, flip=flip) for m in matrices]}
    return TileMatrixSet(
        id=name, title=title, uri=uri, crs_uri=crs, crs=found, matrices=matrices, document=document
    )


def _json(matrix: TileMatrix, *, flip: bool) -> dict[str, Any]:
    x, y = matrix.origin
    return {
        "id": matrix.id,
        "scaleDenominator": matrix.scale,
        "cellSize": matrix.cell,
        "cornerOfOrigin": "topLeft" if matrix.top else "bottomLeft",
        "pointOfOrigin": [y, x] if flip else [x, y],
        "tileWidth": matrix.tile[0],
        "tileHeight": matrix.tile[1],
        "matrixWidth": matrix.count[0],
        "matrixHeight": matrix.count[1],
    }


def _epsg(code: int) -> str:
    return f"http://www.opengis.net/def/crs/EPSG/0/{code}"


_SQUARE: Final = _quads((-HALF, HALF), 2 * HALF, (1, 1), 25, 1.0)
_GLOBE: Final = _quads((-180.0, 90.0), 360.0, (2, 1), 24, DEGREE)
WEB_MERCATOR: Final = _built(
    "WebMercatorQuad", "Google Maps Compatible for the World", _epsg(3857), "GoogleMapsCompatible", _SQUARE
)
BUILT: Final = (
    WEB_MERCATOR,
    _built(
        "WorldCRS84Quad", "CRS84 for the World", "http://www.opengis.net/def/crs/OGC/1.3/CRS84", "GoogleCRS84Quad",
        _GLOBE,
    ),
    _built(
        "CGCS2000Quad", "CGCS2000 经纬度 · geographic CGCS2000 for the World", _epsg(4490), None, _GLOBE,
        registered=False,
    ),
    _built("WorldMercatorWGS84Quad", "Mercator for the World", _epsg(3395), "WorldMercatorWGS84", _SQUARE),
)  # fmt: skip


# Those that a site brings along


@lru_cache(maxsize=64)
def _revived(document: bytes) -> TileMatrixSet:
    """The set of a document: one is one in every process."""
    said = orjson.loads(document)
    return next((built for built in BUILT if built.document == said), None) or read(said)


def load(path: Path) -> TileMatrixSet:
    """The tile matrix set of a JSON file (17-083r4, clause 7.1).

    Raises:
        UnreadableFile: it is none; says what is wrong.
    """
    name = f"{FOLDER}/{path.name}"
    try:
        if path.stat().st_size > MOST_BYTES:
            raise UnreadableFile(f"{name} has more than {MOST_BYTES >> 20} MB")
        said = orjson.loads(path.read_bytes())
    except (OSError, orjson.JSONDecodeError) as error:
        raise UnreadableFile(f"{name} is no JSON: {error}") from error
    try:
        return read(said)
    except (KeyError, TypeError, ValueError, TwinError) as error:
        wrong = f"member {error} is missing" if isinstance(error, KeyError) else str(error)
        raise UnreadableFile(f"{name} is no tile matrix set (OGC 17-083r4): {wrong}") from error


def read(said: Mapping[str, Any]) -> TileMatrixSet:
    """The tile matrix set of a JSON document.

    Raises:
        KeyError, TypeError, ValueError: a member is missing or wrong.
        UnknownCRS: PROJ does not know its CRS.
    """
    if not NAME.fullmatch(str(said["id"])):
        raise ValueError("id takes letters, digits, '_', '.' and '-'")
    uri, crs = _crs(said["crs"])
    matrices = tuple(_matrix(m, crs) for m in said["tileMatrices"])
    if not matrices:
        raise ValueError("tileMatrices is empty")
    if len({m.id for m in matrices}) < len(matrices):
        raise ValueError("two tile matrices have one id")
    return TileMatrixSet(
        id=said["id"],
        title=str(said.get("title", said["id"])),
        uri=said.get("uri"),
        crs_uri=uri,
        crs=crs,
        matrices=tuple(sorted(matrices, key=lambda m: -m.cell)),
        document=said,
    )


def _crs(said: Any) -> tuple[str, pyproj.CRS]:
    """A CRS by URI, or as {"uri": …} or {"wkt": PROJJSON or text}; 2D."""
    if isinstance(said, Mapping):
        if "uri" in said:
            return _crs(said["uri"])
        wkt = said["wkt"]
        found = pyproj.CRS.from_json_dict(dict(wkt)) if isinstance(wkt, Mapping) else space.crs(str(wkt))
        return found.name, _flat(found)
    return str(said), _flat(space.crs(str(said)))


def _flat(crs: pyproj.CRS) -> pyproj.CRS:
    if not (crs.is_geographic or crs.is_projected) or crs.is_compound or len(crs.axis_info) != 2:
        raise ValueError(f"crs {crs.name!r} is no 2D geographic or projected CRS")
    return crs


def _matrix(said: Mapping[str, Any], crs: pyproj.CRS) -> TileMatrix:
    if said.get("variableMatrixWidths"):
        raise ValueError(f"tile matrix {said['id']!r}: variable matrix widths are not served")
    corner = said.get("cornerOfOrigin", "topLeft")
    if corner not in ("topLeft", "bottomLeft"):
        raise ValueError(
            f"tile matrix {said['id']!r}: cornerOfOrigin is {corner!r}; it is topLeft or bottomLeft"
        )
    first, second = (_finite(v, "pointOfOrigin") for v in said["pointOfOrigin"])
    cell, scale = (_finite(said[n], n) for n in ("cellSize", "scaleDenominator"))
    unit = DEGREE if crs.is_geographic else crs.axis_info[0].unit_conversion_factor
    if cell <= 0 or abs(cell * unit / PIXEL / scale - 1) > 0.01:
        raise ValueError(
            f"tile matrix {said['id']!r}: cellSize {cell:g} is a scale of 1:{cell * unit / PIXEL:g}, not 1:{scale:g}"
        )
    return TileMatrix(
        id=_name(said["id"]),
        cell=cell,
        scale=scale,
        origin=(second, first) if space.latitude_first(crs) else (first, second),
        top=corner == "topLeft",
        tile=(_count(said, "tileWidth"), _count(said, "tileHeight")),
        count=(_count(said, "matrixWidth"), _count(said, "matrixHeight")),
    )


def _name(said: Any) -> str:
    if not isinstance(said, str) or not NAME.fullmatch(said):
        raise ValueError(f"tile matrix id {said!r} is no text of letters, digits, '_', '.' and '-'")
    return said


def _finite(said: Any, name: str) -> float:
    if isinstance(said, bool) or not isinstance(said, int | float) or not math.isfinite(said):
        raise ValueError(f"{name} is {said!r}, not a number")
    return float(said)


def _count(said: Mapping[str, Any], name: str) -> int:
    value = said[name]
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value < 1 << 40:
        raise ValueError(f"{name} is {value!r}, not a whole number from 1")
    return value
