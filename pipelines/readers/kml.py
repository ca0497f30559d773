"""KML and KMZ: placemarks in longitude and latitude, their folders as a column.

A file is read twice, placemark by placemark: once for the columns, once for the rows. Nothing that it
points to is fetched. Heights count where the placemark says that they are above the sea (`absolute`);
those above the ground are kept as the column `above_ground`, those that KML says are to be ignored are
left out.

See: OGC 12-007r2 (KML 2.3).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

import shapely

from pipelines.readers import attributes, rows
from pipelines.readers.markup.kml_geometry import above_ground, shape_of
from pipelines.readers.markup.xml_stream import Element, events, forget, local
from pipelines.readers.reader import Options, Part, Reader
from pipelines.readers.rows import Found, Said
from pipelines.readers.stated import crs_of
from pipelines.readers.unzip import unpacked
from pipelines.readers.vectors import ogr
from twin import space
from twin.errors import InvalidGeometry, MissingPart, UnreadableFile
from twin.model import Rejected

ZIP: Final = b"PK\x03\x04"
SEA_LEVEL: Final = "EPSG:5773"
"""EGM96, which KML's absolute heights are above (OGC 12-007r2 clause 6.2)."""
CONTAINERS: Final = ("Document", "Folder")
ASIDE: Final = {
    "NetworkLink": "network links were not followed; save what they show as a file and give that",
    "GroundOverlay": "ground overlays (pictures) were left out; give them as GeoTIFF with --kind imagery",
    "PhotoOverlay": "photo overlays were left out",
    "ScreenOverlay": "screen overlays were left out",
    "Tour": "tours were left out",
}
NUMBERS: Final[dict[str, attributes.Type]] = {
    **dict.fromkeys(("int", "uint", "short", "ushort"), "integer"),
    **dict.fromkeys(("float", "double"), "number"),
    "bool": "boolean",
}
"""Types of SimpleField; all others are text."""
TRUE: Final = ("1", "true")
UNTAKEN: Final = ("Style", "StyleMap", "LookAt", "Camera", "Region", "ExtendedData", "TimeSpan", "TimeStamp")
KEY: Final = "id"


@dataclass(kw_only=True)
class Survey:
    """What the first reading tells."""

    fields: dict[str, attributes.Type] = field(default_factory=dict)
    """SimpleField names of all schemas."""
    types: dict[str, attributes.Type] = field(default_factory=dict)
    placemarks: int = 0
    ids: Counter[str] = field(default_factory=Counter)
    aside: Counter[str] = field(default_factory=Counter)
    absolute: bool = False

    @property
    def key(self) -> str:
        """The column of the placemarks' XML ids: they are ids of rows only where each has its own."""
        whole = len(self.ids) == self.placemarks and self.ids.total() == self.placemarks
        return KEY if whole else "kml_id"

    def notes(self) -> tuple[str, ...]:
        """What did not go in."""
        return tuple(f"{count} {ASIDE[name]}" for name, count in self.aside.items())


def read(paths: tuple[Path, ...], options: Options) -> Iterator[Part]:
    """The placemarks of each file; of a KMZ with several documents, the others are parts by their names.

    Raises:
        UnreadableFile: not KML. MissingPart: a KMZ without one.
        UnsafeContent, UnsafeArchive, TooLarge: see `xml_stream.events` and `unzip.unpacked`.
    """
    for path in paths:
        if path.suffix.lower() != ".kmz":
            yield _document(path, "", options)
            continue
        if not ogr.starts(path, ZIP):
            raise UnreadableFile(f"{path.name} is no KMZ: it does not begin as a zip archive does")
        with unpacked(path) as folder:
            yield from _archive(path, folder, options)


def _archive(path: Path, folder: Path, options: Options) -> Iterator[Part]:
    """The root document first: `doc.kml`, else the first at the archive's root (OGC 12-007r2 annex C)."""
    found = [p for p in folder.rglob("*") if p.is_file() and p.suffix.lower() == ".kml"]
    if not found:
        raise MissingPart(f"{path.name} holds no .kml")
    found.sort(key=lambda p: (len(p.relative_to(folder).parts), p.name.lower() != "doc.kml", str(p)))
    for number, document in enumerate(found):
        yield _document(document, document.stem if number else "", options)


def _document(path: Path, name: str, options: Options) -> Part:
    survey = surveyed(path)
    stated = space.crs("OGC:CRS84")
    crs, notes = crs_of(path.name, stated, options)
    said = Said()
    return Part(
        name=name,
        batches=rows.batches(_placemarks(path, survey, said), survey.types, crs, said),
        rows=survey.placemarks,
        vertical=SEA_LEVEL if survey.absolute else None,
        notes=(*notes, *survey.notes()),
    )


def surveyed(path: Path) -> Survey:
    """The first reading.

    Raises:
        UnreadableFile: the root is not `kml`, or there is nothing that can be a row.
    """
    survey = Survey()
    for event, element, depth in events(path):
        name = local(element)
        if event == "start":
            if depth == 0 and name != "kml":
                raise UnreadableFile(f"{path.name} is no KML: its root is {name}")
            continue
        if name == "Schema":
            survey.fields |= {
                str(e.get("name")): NUMBERS.get(str(e.get("type")), "string")
                for e in element
                if e.get("name")
            }
        elif name == "Placemark":
            survey.placemarks += 1
            survey.ids.update([str(element.get(KEY))] if element.get(KEY) else [])
            survey.absolute |= "absolute" in (e.text for e in element.iter() if local(e) == "altitudeMode")
        survey.aside.update([name] if name in ASIDE else [])
        if name in ("Placemark", *ASIDE):
            forget(element)
    if not survey.placemarks:
        raise UnreadableFile(f"{path.name} holds no placemark{'; ' if survey.aside else ''}{_listed(survey)}")
    _columns(path, survey)
    return survey


def _columns(path: Path, survey: Survey) -> None:
    """Types need the schemas, which may come after the placemarks."""
    for _, element, folders in placemarks(path):
        survey.types = attributes.types([values_of(element, folders, survey)], survey.types)


def _listed(survey: Survey) -> str:
    return "; ".join(survey.notes())


def placemarks(path: Path) -> Iterator[tuple[int, Element, tuple[str, ...]]]:
    """Number, element, and the names of the folders around it."""
    around: list[tuple[str, str]] = []
    number = 0
    for event, element, _ in events(path):
        name = local(element)
        if event == "start":
            around += [(name, "")] if name in CONTAINERS else []
        elif name in CONTAINERS:
            around.pop()
            forget(element)
        elif name == "name" and around and local(element.getparent()) in CONTAINERS:
            around[-1] = (around[-1][0], _text(element) or "")
        elif name == "Placemark":
            yield number, element, tuple(title for kind, title in around if kind == "Folder")
            number += 1
            forget(element)


def values_of(element: Element, folders: tuple[str, ...], survey: Survey) -> dict[str, Any]:
    """Name -> value: plain members under their own names, extended data under theirs, folder and times."""
    found: dict[str, Any] = {survey.key: element.get(KEY), "folder": "/".join(folders) or None}
    for child in element:
        name = local(child)
        if name not in UNTAKEN and len(child) == 0:
            found[name] = _text(child)
    for when in element.iter():
        if local(when) in ("begin", "end", "when") and local(when.getparent()) in ("TimeSpan", "TimeStamp"):
            found[local(when)] = _text(when)
    found["above_ground"] = above_ground(element)
    for name, value in _extended(element, survey):
        found[name if name not in found else f"{name}_"] = value
    return {name: value for name, value in found.items() if value is not None}


def _extended(element: Element, survey: Survey) -> Iterator[tuple[str, Any]]:
    for block in (c for c in element if local(c) == "ExtendedData"):
        for each in block.iter():
            name = each.get("name")
            if local(each) == "Data" and name:
                yield name, next((_text(v) for v in each if local(v) == "value"), None)
            elif local(each) == "SimpleData" and name:
                yield name, _typed(_text(each), survey.fields.get(name, "string"))


def _typed(text: str | None, kind: attributes.Type) -> Any:
    """The value in its declared type; what does not fit stays text."""
    if text is None or kind == "string":
        return text
    if kind == "boolean":
        return text.lower() in TRUE if text.lower() in (*TRUE, "0", "false") else text
    with suppress(ValueError):
        return int(text) if kind == "integer" else float(text)
    return text


def _text(element: Element) -> str | None:
    return (element.text or "").strip() or None


def _placemarks(path: Path, survey: Survey, said: Said) -> Iterator[Found | Rejected]:
    refused = partial(Rejected, column="geometry")
    for number, element, folders in placemarks(path):
        values = values_of(element, folders, survey)
        original = " ".join("".join(element.itertext()).split())[:2000]
        try:
            shape = shape_of(element, said)
        except (InvalidGeometry, ValueError, shapely.errors.GEOSException) as error:
            yield refused(row=number, reason=f"geometry: {error}", original=original)
            continue
        if shape is None:
            yield refused(row=number, reason="geometry: a Placemark without one", original=original)
        else:
            yield Found(number=number, shape=shape, values=values)


READER = Reader(name="kml", title="KML, KMZ", suffixes=(".kml", ".kmz"), read=read)
