"""GML of plain features (2.1, 3.1, 3.2; what a WFS answers), through GDAL once it is known to be harmless.

The file is first read without GDAL: entities, references to other places and several CRSs are refused there.
Axes are as the CRS defines them in the `urn:` and `http://…/def/crs` forms, east first in the short forms
(`EPSG:4490`, `epsg.xml#4490`), which is how servers write them. GDAL sees the file through a link in a folder
of its own, so that nothing is written beside the original.
"""

from __future__ import annotations

import re
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
import shapely

from pipelines.readers.markup.gml import HREF, Reference, reference
from pipelines.readers.markup.xml_stream import Element, events, forget, local, namespace
from pipelines.readers.reader import Options, Part, Reader
from pipelines.readers.stated import crs_of
from pipelines.readers.vectors import ogr
from twin import space
from twin.errors import ForbiddenReference, UnreadableFile, UnsupportedFormat

SCHEMA_LARGEST: Final = 1 << 24
GML: Final = "http://www.opengis.net/gml"
SHAPES: Final = (
    "Point", "LineString", "LinearRing", "Polygon", "Curve", "Surface", "Solid", "CompositeCurve", "CompositeSurface",
    "MultiPoint", "MultiLineString", "MultiPolygon", "MultiCurve", "MultiSurface", "MultiGeometry", "Box",
    "PolyhedralSurface", "TriangulatedSurface", "Tin",
)  # fmt: skip
ENVELOPES: Final = ("lowerCorner", "upperCorner")
"""Columns that GDAL makes of a feature's `gml:boundedBy`."""
IDS: Final = ("gml_id", "fid")
"""What GDAL calls `gml:id` and GML 2's `fid`."""
INTEGER: Final = r"^(0|-?[1-9][0-9]{0,17})$"
"""Whole numbers as a program writes them; 007 is a code."""
NUMBER: Final = r"^-?(0|[1-9][0-9]{0,14})(\.[0-9]+)?([eE][+-]?[0-9]{1,2})?$"


@dataclass(kw_only=True)
class Survey:
    """What the first reading tells."""

    names: Counter[str] = field(default_factory=Counter)
    """srsNames."""
    properties: dict[str, None] = field(default_factory=dict)
    """Names of the properties that hold geometry."""


def read(paths: tuple[Path, ...], options: Options) -> Iterator[Part]:
    """A part for each feature type; one alone is the main part.

    Raises:
        UnreadableFile: no features in it. UnsafeContent, TooLarge: see `xml_stream.events`.
        ForbiddenReference, UnsupportedFormat: geometry by reference; several CRSs.
        UnknownCRS: no srsName and no `--crs`.
    """
    for path in paths:
        survey = surveyed(path)
        place, turn = _reference(path, survey, options)
        notes = _notes(path, survey, place, options)
        with _linked(path) as link:
            found = [name for name, kind in ogr.tables(link) if kind is not None]
            if not found:
                raise UnreadableFile(f"{path.name} holds no features with geometry")
            for name in found:
                yield _part(link, name, options, place, turn=turn, notes=notes, alone=len(found) == 1)
                notes = ()


def _part(
    path: Path,
    name: str,
    options: Options,
    place: Reference,
    *,
    turn: bool,
    notes: tuple[str, ...],
    alone: bool,
) -> Part:
    """The first reading of the rows settles which columns are numbers, the second hands them on."""
    table = ogr.Table(path=path, name=name, part="" if alone else name, notes=notes, crs=place.crs)
    kinds: dict[str, pa.DataType] = {}
    for batch in ogr.part(table, options).batches:
        kinds = _widened(kinds, batch.table)
    return ogr.part(replace(table, shaped=partial(_shaped, kinds=kinds, turn=turn)), options)


def claims(path: Path) -> bool:
    """Whether it is another GML than CityGML's."""
    with path.open("rb") as file:
        head = file.read(1 << 16)
    return b"opengis.net/citygml" not in head and (path.suffix.lower() == ".gml" or GML.encode() in head)


def surveyed(path: Path) -> Survey:
    """The first reading.

    Raises: as `read`.
    """
    survey = Survey()
    gml = False
    for event, element, depth in events(path):
        gml |= namespace(element).startswith(GML)
        if event == "start":
            _see(path, element, survey)
        elif depth > 1:
            element.text = None
        if event == "end" and depth in (1, 2):
            forget(element)
    if not gml:
        raise UnreadableFile(f"{path.name} is XML, but nothing in it is GML")
    return survey


def _see(path: Path, element: Element, survey: Survey) -> None:
    if not namespace(element).startswith(GML):
        return
    if element.get("srsName"):
        survey.names[str(element.get("srsName"))] += 1
    above = element.getparent()
    if above is not None and local(element) in SHAPES and not namespace(above).startswith(GML):
        survey.properties[local(above)] = None
    href = element.get(HREF)
    if href is None:
        return
    if not href.startswith("#"):
        where = f"line {element.sourceline}"
        raise ForbiddenReference(f"{path.name}: xlink:href {href[:200]!r} at {where} is outside of the file")
    raise UnsupportedFormat(
        f"{path.name}: geometry by reference ({href[:200]!r}); write it out where it is used"
    )


def _reference(path: Path, survey: Survey, options: Options) -> tuple[Reference, bool]:
    """The file's CRS, and whether GDAL gives its positions north first still.

    GDAL turns by srsName; where there is none it cannot.
    """
    places = {reference(_spelled(name)).crs: name for name in survey.names}
    if len(places) > 1:
        raise UnsupportedFormat(
            f"{path.name} has several CRSs: {', '.join(places.values())}; split it by CRS"
        )
    if places:
        return reference(_spelled(next(iter(places.values())))), False
    crs, _ = crs_of(path.name, None, options)
    named = reference(str(options.crs)) if _plain(options.crs) else Reference(crs=crs, swapped=False)
    return named, named.swapped


def _spelled(name: str) -> str:
    """GML 2's way to name an EPSG code, in the way that PROJ knows."""
    return re.sub(r"^https?://www\.opengis\.net/gml/srs/epsg\.xml#(\d+)$", r"EPSG:\1", name.strip())


def _plain(said: str | None) -> bool:
    return said is not None and ":" in said and "[" not in said and "+" not in said


def _notes(path: Path, survey: Survey, place: Reference, options: Options) -> tuple[str, ...]:
    notes = list(crs_of(path.name, place.crs, options)[1])
    short = [n for n in survey.names if not _formal(n)]
    if short and space.latitude_first(place.crs):
        notes.append(f"srsName {short[0]} is a short form: positions are taken east (longitude) first")
    if len(survey.properties) > 1:
        several = ", ".join(survey.properties)
        notes.append(f"features have several geometries ({several}); of each feature one went in")
    return tuple(notes)


def _formal(name: str) -> bool:
    return name.lower().startswith("urn:") or "/def/crs" in name


@contextmanager
def _linked(path: Path) -> Iterator[Path]:
    """The file, and a schema beside it that is harmless too, under the same names in a folder of their own."""
    with tempfile.TemporaryDirectory(prefix="twin-gml-") as folder:
        link = Path(folder) / path.with_suffix(".gml").name
        link.symlink_to(path.resolve())
        schema = path.with_suffix(".xsd")
        if schema.is_file() and schema.stat().st_size <= SCHEMA_LARGEST:
            for _ in events(schema):
                pass
            (Path(folder) / schema.name).symlink_to(schema.resolve())
        yield link


def _widened(kinds: dict[str, pa.DataType], rows: pa.Table) -> dict[str, pa.DataType]:
    """Column -> the type that its texts have had so far; a column without any value stays text."""
    found = dict(kinds)
    for name in rows.column_names:
        if name in IDS or not pa.types.is_string(rows[name].type):
            continue
        texts = rows[name].drop_null()
        if not len(texts):
            continue
        found[name] = _wider(found.get(name), _kind(texts))
    return found


def _kind(texts: pa.ChunkedArray) -> pa.DataType:
    for pattern, kind in ((INTEGER, pa.int64()), (NUMBER, pa.float64())):
        if pc.all(pc.match_substring_regex(texts, pattern)).as_py():
            return kind
    return pa.string()


def _wider(one: pa.DataType | None, other: pa.DataType) -> pa.DataType:
    if one is None or one == other:
        return other
    return pa.string() if pa.string() in (one, other) else pa.float64()


def _shaped(rows: pa.Table, *, kinds: dict[str, pa.DataType], turn: bool) -> pa.Table:
    kept = [n for n in rows.column_names if n not in ENVELOPES]
    rows = rows.select(kept)
    for name, kind in kinds.items():
        if name in kept:
            rows = rows.set_column(rows.column_names.index(name), name, rows[name].cast(kind))
    ids = [n for n in IDS if n in kept and rows[n].null_count == 0]
    if ids and "id" not in kept:
        rows = rows.rename_columns(["id" if n == ids[0] else n for n in rows.column_names])
    return _turned(rows) if turn else rows


def _turned(rows: pa.Table) -> pa.Table:
    shapes = shapely.from_wkb(rows["geom"].to_numpy(zero_copy_only=False), on_invalid="ignore")
    for high in (False, True):
        mine = shapely.has_z(shapes) == high
        order = [1, 0, 2] if high else [1, 0]
        shapes[mine] = shapely.transform(shapes[mine], lambda p, order=order: p[:, order], include_z=high)
    blobs = pa.array(shapely.to_wkb(shapes, flavor="iso"), pa.binary())
    return rows.set_column(rows.column_names.index("geom"), "geom", blobs)


READER = Reader(name="gml", title="GML features", suffixes=(".gml", ".xml"), read=read, claims=claims)
