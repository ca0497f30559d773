"""Vertical datums: their names, and the ways between them that a site states; nothing is ever assumed.

`TWIN_HOME/vertical.toml` states them:

    [[way]]
    from = "1956"                       # a name or EPSG code
    to = "1985"
    constant = -0.029                   # metres added to a height of `from`; the value at the origin in Qingdao
    reason = "the national value; the county's bench marks agree to 1 cm"

    [[way]]
    from = "1985"
    to = "ellipsoid"
    geoid = "geoid/county.gtx"          # a grid of metres to add (GTX or GeoTIFF, longitude and latitude), in TWIN_HOME

Ways are taken backwards too, and one after the other. A layer may have an offset of its own with author and
reason (`twin vertical`), which goes before them. PROJ is asked for nothing but the grid: between most height
systems it has none, and then returns heights as they came.
"""

from __future__ import annotations

import logging
import tomllib
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyproj
import shapely
from numpy.typing import NDArray
from pyproj.exceptions import CRSError, ProjError

from twin import space
from twin.body import Shift, lifted
from twin.errors import DifferentDatums, InvalidParameter, TwinError, UnknownCRS, UnreadableFile
from twin.model import Layer
from twin.quarantine import geometries, put
from twin.table import BODY

FILE: Final = "vertical.toml"
OFFSET: Final = "vertical_offset"
"""Of a layer's `extra`: metres, from, to, author, reason, at."""
UNKNOWN: Final = "unknown"
ELLIPSOID: Final = "ellipsoid"
NAMES: Final = {
    "1985": "EPSG:5737", "1985国家高程基准": "EPSG:5737", "国家85高程": "EPSG:5737", "85高程": "EPSG:5737",
    "1956": "EPSG:5736", "1956黄海高程系": "EPSG:5736", "黄海高程": "EPSG:5736", "56黄海": "EPSG:5736",
    "NAP": "EPSG:5709", "EGM96": "EPSG:5773", "EGM2008": "EPSG:3855",
    "ELLIPSOID": ELLIPSOID, "大地高": ELLIPSOID, "椭球高": ELLIPSOID, "UNKNOWN": UNKNOWN, "未知": UNKNOWN,
}  # fmt: skip
"""What people write (capitals, no spaces) -> what a layer carries."""
STEPS: Final = 4
"""Ways taken one after the other, at most."""
HIGHEST: Final = 12_000.0
"""Metres that a constant or an offset may be."""


@dataclass(frozen=True, kw_only=True)
class Way:
    """From one vertical datum to another."""

    source: str
    target: str
    words: str
    """What it is made of, for people and for keys."""
    shift: Shift = field(repr=False, compare=False)
    """Metres to add to a height of the source."""

    def span(self, box: NDArray[np.float64]) -> NDArray[np.float64]:
        """(2,) the least and most metres that heights in a box (west, south, low, east, north, high) are shifted by."""
        lon, lat = np.meshgrid(np.linspace(box[0], box[3], 3), np.linspace(box[1], box[4], 3))
        shift = self.shift(lon.ravel(), lat.ravel())
        known = np.isfinite(shift)
        # Where a grid knows nothing the rows there are not shifted.
        shift = shift if known.all() else np.append(shift[known], 0.0)
        return np.array([shift.min(), shift.max()])


def code(name: str, option: str = "--vertical") -> str:
    """What a layer carries for a vertical datum's name: an EPSG code, `ellipsoid` or `unknown`.

    Raises:
        UnknownCRS: it is none; says which there are.
    """
    plain = name.strip().upper().replace(" ", "").replace("-", "")
    if plain in NAMES:
        return NAMES[plain]
    try:
        found = pyproj.CRS.from_user_input(f"EPSG:{plain}" if plain.isdigit() else name.strip())
    except CRSError:
        found = None
    stated = _stated(found)
    if found is None or stated is None:
        raise UnknownCRS(
            f"{option} {name[:100]!r} is no vertical datum; there are 1985, 1956, NAP, EGM96, EGM2008, ellipsoid,"
            " unknown, and EPSG codes of vertical CRSs"
        )
    if _metres(found) != 1.0:
        raise UnknownCRS(f"{option} {name[:100]!r} is not of metres upwards, as the twin's heights are")
    return stated


def _stated(found: pyproj.CRS | None) -> str | None:
    if found is None or found.is_geocentric:
        return None
    if found.is_vertical and not found.is_compound:
        number = found.to_epsg()
        return f"EPSG:{number}" if number else None
    return space.vertical_of(found)


def _metres(found: pyproj.CRS) -> float:
    axis = found.axis_info[-1]
    return axis.unit_conversion_factor * (-1 if axis.direction.lower() == "down" else 1)


@dataclass(frozen=True)
class Ways:
    """What a site states of its vertical datums."""

    stated: tuple[Way, ...] = ()

    def of(self, layer: Layer, target: str) -> Way | None:
        """The way of a layer's heights to a datum: its own offset, then what the site states; None for none."""
        own = layer.extra.get(OFFSET)
        if not own or own["from"] != layer.vertical:
            # An offset is of the heights that it was stated of; a later delivery may have known ones.
            return self.between(layer.vertical, target)
        first = _constant(layer.vertical, own["to"], own["metres"], f"offset of {layer.id}")
        rest = self.between(own["to"], target)
        return None if rest is None else replace(_joined([first, rest]), source=layer.vertical, target=target)

    def between(self, source: str, target: str) -> Way | None:
        """The shortest way between two datums; None where there is none, or one of them is unknown."""
        if UNKNOWN in (source, target) or not source or not target:
            return None
        if source == target:
            return Way(source=source, target=target, words="", shift=lambda lon, _: np.zeros(len(lon)))
        ahead: deque[tuple[str, list[Way]]] = deque([(source, [])])
        seen = {source}
        while ahead:
            here, taken = ahead.popleft()
            for way in self._from(here):
                if way.target == target:
                    return _joined([*taken, way])
                if way.target not in seen and len(taken) + 1 < STEPS:
                    seen.add(way.target)
                    ahead.append((way.target, [*taken, way]))
        return None

    def needed(self, layer: Layer, target: str, what: str) -> Way:
        """The way of a layer's heights to those of `what`.

        Raises:
            DifferentDatums: there is none; names both and what to do.
        """
        found = self.of(layer, target)
        if found is None:
            raise DifferentDatums(
                f"heights of {layer.id} are of {title(layer.vertical)}, those of {what} of {title(target)}, and no"
                f" way between them is stated: put one into {FILE}, or say twin vertical {layer.id} --offset …"
            )
        return found

    def _from(self, here: str) -> Iterator[Way]:
        for way in self.stated:
            if way.source == here:
                yield way
            elif way.target == here:
                yield _turned(way)


NO_WAYS: Final = Ways()


def _joined(parts: list[Way]) -> Way:
    """Ways one after the other."""
    return Way(
        source=parts[0].source,
        target=parts[-1].target,
        words=", ".join(p.words for p in parts if p.words),
        shift=lambda lon, lat: np.sum([p.shift(lon, lat) for p in parts], axis=0),
    )


def _turned(way: Way) -> Way:
    return Way(
        source=way.target,
        target=way.source,
        words=f"{way.words}, backwards",
        shift=lambda lon, lat: -way.shift(lon, lat),
    )


def _constant(source: str, target: str, metres: float, what: str) -> Way:
    return Way(
        source=source,
        target=target,
        words=f"{what} {metres:+.4g} m",
        shift=lambda lon, _: np.full(len(lon), float(metres)),
    )


def title(datum: str) -> str:
    """A datum as people know it."""
    if not datum.startswith("EPSG:"):
        return "an unknown datum" if datum in ("", UNKNOWN) else datum
    try:
        return f"{datum} ({pyproj.CRS.from_user_input(datum).name})"
    except CRSError:
        return datum


log = logging.getLogger(__name__)
_loaded: dict[Path, tuple[tuple[int, int], Ways]] = {}


def load(home: Path, *, anew: bool = False) -> Ways:
    """What a home's `vertical.toml` states, read again when it has changed.

    A file that has become unreadable is told in the log, and what it said before holds.

    Args:
        anew: raise in any case.

    Raises:
        UnreadableFile: it does not parse, or a grid cannot be read. InvalidParameter: a key is wrong; names it.
        UnknownCRS: a datum is none.
    """
    path = home / FILE
    try:
        about = path.stat()
    except FileNotFoundError:
        return Ways()
    state = (about.st_mtime_ns, about.st_size)
    if anew or path not in _loaded:
        _loaded[path] = (state, Ways(tuple(_read(home, path))))
    elif _loaded[path][0] != state:
        try:
            _loaded[path] = (state, Ways(tuple(_read(home, path))))
        except TwinError as error:
            log.error("%s; what it stated before holds", error)  # noqa: TRY400  the reason is told, no trace
            _loaded[path] = (state, _loaded[path][1])
    return _loaded[path][1]


def files(home: Path) -> list[str]:
    """The file and the grids that it names, by their paths in the home; nothing where there is none."""
    path = home / FILE
    if not path.is_file():
        return []
    list(_read(home, path))
    rows = tomllib.loads(path.read_text("utf-8")).get("way", [])
    return [FILE, *dict.fromkeys(row["geoid"] for row in rows if "geoid" in row)]


def _read(home: Path, path: Path) -> Iterator[Way]:
    try:
        said = tomllib.loads(path.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UnreadableFile(f"{FILE} does not parse: {error}") from error
    rows = said.pop("way", [])
    if said or not isinstance(rows, list):
        raise InvalidParameter(
            f"{FILE}: it holds [[way]] tables and nothing else, not {', '.join(said) or 'way'}"
        )
    for number, row in enumerate(rows, 1):
        yield _way(home, row, f"{FILE}: way {number}")


def _way(home: Path, row: Mapping[str, Any], where: str) -> Way:
    if unknown := set(row) - {"from", "to", "constant", "geoid", "reason"}:
        named = ", ".join(sorted(unknown))
        raise InvalidParameter(f"{where}: no key {named}; there are from, to, constant, geoid, reason")
    ends = [row.get(key) for key in ("from", "to")]
    if not all(isinstance(end, str) for end in ends):
        raise InvalidParameter(f"{where}: from and to name two datums")
    source, target = (code(str(end), f"{where}:") for end in ends)
    if UNKNOWN in (source, target) or source == target:
        raise InvalidParameter(f"{where}: from and to must be two known datums")
    if ("constant" in row) == ("geoid" in row):
        raise InvalidParameter(f"{where}: it has either a constant or a geoid")
    if "geoid" in row:
        return _grid(home, str(row["geoid"]), source, target, where)
    metres = row["constant"]
    if isinstance(metres, bool) or not isinstance(metres, (int, float)) or not abs(metres) <= HIGHEST:
        raise InvalidParameter(f"{where}: constant must be metres, at most {HIGHEST:g}")
    return _constant(source, target, float(metres), "constant")


def _grid(home: Path, name: str, source: str, target: str, where: str) -> Way:
    path = (home / name).resolve()
    if not path.is_file() or not path.is_relative_to(home.resolve()) or '"' in str(path):
        raise UnreadableFile(f"{where}: there is no file {name[:200]!r} in TWIN_HOME")
    steps = (
        "+proj=pipeline +step +proj=unitconvert +xy_in=deg +xy_out=rad "
        f'+step +proj=vgridshift +grids="{path}" +multiplier=1 '
        "+step +proj=unitconvert +xy_in=rad +xy_out=deg"
    )
    try:
        transformer = pyproj.Transformer.from_pipeline(steps)
    except ProjError as error:
        raise UnreadableFile(
            f"{where}: PROJ cannot read {name[:200]!r} as a grid; GTX and GeoTIFF are read"
        ) from error

    def shift(lon: NDArray[np.float64], lat: NDArray[np.float64]) -> NDArray[np.float64]:
        z = np.asarray(transformer.transform(lon, lat, np.zeros(len(lon)))[2], np.float64)
        return np.where(np.isfinite(z), z, np.nan)

    about = path.stat()
    return Way(
        source=source, target=target, words=f"grid {name} ({about.st_size}, {about.st_mtime_ns})", shift=shift
    )


def raised(rows: pa.Table, way: Way) -> pa.Table | None:
    """Rows with z and bodies in the way's target datum; None where a grid knows nothing of one of their places.

    Args:
        rows: as a store gives them, `geom` in longitude and latitude.
    """
    known = True

    def shift(lon: NDArray[np.float64], lat: NDArray[np.float64]) -> NDArray[np.float64]:
        nonlocal known
        metres = way.shift(lon, lat)
        known = known and bool(np.isfinite(metres).all())
        return metres

    shapes = geometries(rows)
    solid = shapely.has_z(shapes)
    if solid.any():
        places = shapely.get_coordinates(shapes[solid], include_z=True)
        places[:, 2] += shift(places[:, 0], places[:, 1])
        shapes[solid] = shapely.set_coordinates(shapes[solid], places)
        rows = put(rows, "geom", pa.array(shapely.to_wkb(shapes), pa.binary()))
    for about in rows.schema:
        if about.name.startswith(BODY):
            rows = put(rows, about.name, lifted(rows[about.name], shift).cast(about.type))
    return rows if known else None
