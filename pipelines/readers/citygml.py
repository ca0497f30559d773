"""CityGML 1.0 to 3.0, LoD 0 to 4: one row an object, a Building with its parts and installations folded in.

The file is read twice, member by member: once for the columns and the references between objects, once for
the rows. Axis order: see `gml.reference`. Of LoD 4 the outside is read; rooms and implicit geometry are not.
Relief made of triangles becomes a terrain layer (`citygml_relief.py`).

See: OGC 12-019 (2.0), OGC 20-010 and 21-006r2 (3.0).
"""

from __future__ import annotations

import copy
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Final

from pipelines.readers import attributes
from pipelines.readers.cities import citygml_relief
from pipelines.readers.cities.city_types import TITLES
from pipelines.readers.cities.citygml_attributes import attributes_of
from pipelines.readers.cities.cityobjects import BUILDING, CityObject, Findings, Shape, batches
from pipelines.readers.cities.surfaces import surface_code
from pipelines.readers.markup import gml
from pipelines.readers.markup.gml import Reference, gml_id, reference
from pipelines.readers.markup.xml_stream import Element, local, members, namespace
from pipelines.readers.reader import Options, Part, Reader
from twin.body import Body
from twin.errors import InvalidGeometry, UnknownCRS, UnsupportedFormat
from twin.model import Rejected
from twin.space import vertical_of

MODEL: Final = re.compile(r"http://www\.opengis\.net/citygml/(\d\.\d)$")
READ: Final = ("1.0", "2.0", "3.0")
MEMBERS: Final = ("cityObjectMember", "featureMember", "featureMembers")
LOD: Final = re.compile(r"^lod(\d)(Solid|MultiSurface|Surface|FootPrint|RoofEdge|Geometry)$")
HIGHEST: Final = 4
FOLDED: Final = re.compile(
    r"^(consistsOf\w+Part|outer\w+(Installation|Construction)|opening|fillingSurface"
    r"|(building|bridge|tunnel)(Part|Installation|ConstructiveElement)"
    r"|trafficArea|auxiliaryTrafficArea|trafficSpace|auxiliaryTrafficSpace|section|intersection)$"
)
RELIEF: Final = "ReliefFeature"
ASIDE: Final = (RELIEF, "CityObjectGroup")
"""Objects that are no rows of a layer of objects: relief becomes terrain, a group only names others."""
NAME: Final = re.compile(r"^[^\W\d][\w.\-]*$")
"""xs:NCName, which a gml:id is."""

Found = tuple[Element, bool, int]
"""A polygon, whether it is turned over, and its surface code."""


@dataclass(kw_only=True)
class Survey:
    """What the first reading tells."""

    stated: str | None = None
    """The first srsName."""
    size: int = 3
    types: dict[str, dict[str, attributes.Type]] = field(default_factory=dict)
    levels: dict[str, set[int]] = field(default_factory=dict)
    rows: Counter[str] = field(default_factory=Counter)
    aside: Counter[str] = field(default_factory=Counter)
    wanted: set[str] = field(default_factory=set)
    """Ids that an object refers to outside of itself."""


def read(paths: tuple[Path, ...], options: Options) -> Iterator[Part]:
    """The parts of the files, buildings first.

    Raises:
        UnsupportedFormat: another version, or nothing that can be read.
        UnknownCRS: the file names no CRS and none was given, or one that is not known.
        UnsafeContent, TooLarge, UnreadableFile: see `xml_stream.members`.
    """
    for path in paths:
        yield from _model(path, options)


def claims(path: Path) -> bool:
    """Whether the file begins like a CityGML model."""
    with path.open("rb") as file:
        return path.suffix.lower() == ".citygml" or b"opengis.net/citygml" in file.read(1 << 16)


def _model(path: Path, options: Options) -> Iterator[Part]:
    survey = surveyed(path)
    stated = survey.stated or options.crs
    if stated is None:
        raise UnknownCRS(
            f"{path.name} has no srsName and no CRS was given; pass --crs, for example --crs EPSG:4548"
        )
    place = reference(stated)
    held = survey.rows + survey.aside
    terrain = options.kind == "terrain"
    reliefs = survey.aside.pop(RELIEF, 0)
    if not (reliefs or (survey.rows and not terrain)):
        listed = ", ".join(f"{n} {kind}" for kind, n in held.items()) or "no city object"
        raise UnsupportedFormat(
            f"{path.name} holds {listed}; {'relief' if terrain else 'objects'} are wanted"
        )
    if terrain:
        others = tuple(f"{n} {kind} left aside with --kind terrain" for kind, n in survey.rows.items())
        yield _relief(path, place, survey.size, main=True, notes=others)
        return
    if not survey.rows:
        yield _relief(path, place, survey.size, main=True)
        return
    relief, word = _beside(path, survey, place) if reliefs else (None, "")
    for number, each in enumerate(_parts(path, survey, place)):
        yield replace(each, notes=(*each.notes, word)) if word and not number else each
    if relief is not None:
        yield relief


def _beside(path: Path, survey: Survey, place: Reference) -> tuple[Part | None, str]:
    """The relief of a file that has objects too, or why it is left aside."""
    try:
        return _relief(path, place, survey.size, main=False), ""
    except UnsupportedFormat as error:
        return None, f"{RELIEF} left aside: {error}"


def _relief(path: Path, place: Reference, size: int, *, main: bool, notes: tuple[str, ...] = ()) -> Part:
    """The relief features as terrain, a row each."""
    found = (element for _, element in features(path) if local(element) == RELIEF)
    part = citygml_relief.part(path.name, found, place, size)
    title = None if main else TITLES[RELIEF]
    return replace(part, name="" if main else RELIEF, title=title, notes=(*notes, *part.notes))


def _parts(path: Path, survey: Survey, place: Reference) -> Iterator[Part]:
    others = referred(path, survey.wanted)
    notes = tuple(f"{n} {kind} left aside: not objects of a layer" for kind, n in survey.aside.items())
    for kind in sorted(survey.rows, key=lambda k: (k != BUILDING, k)):
        building = kind == BUILDING
        findings = Findings()
        shape = Shape(
            types=survey.types[kind],
            levels=tuple(sorted(survey.levels[kind] - {0})),
            building=building,
            crs=place.crs,
        )
        objects = partial(_objects, path, kind, place, survey.size, others, findings)
        yield Part(
            name="" if building or len(survey.rows) == 1 else kind,
            title=TITLES.get(kind),
            kind="buildings" if building else "features",
            batches=batches(objects(), shape, findings),
            rows=survey.rows[kind],
            vertical=vertical_of(place.crs),
            notes=notes,
        )


def surveyed(path: Path) -> Survey:
    """The first reading."""
    survey = Survey()
    for _, element in features(path, survey):
        kind = local(element)
        if kind in ASIDE:
            survey.aside[kind] += 1
            continue
        survey.rows[kind] += 1
        survey.types[kind] = attributes.types([attributes_of(element)], survey.types.get(kind))
        survey.levels.setdefault(kind, set()).update(levels(element))
        own = {name for e in element.iter() if (name := gml_id(e)) is not None}
        survey.wanted |= set(gml.references_of(element)) - own
    return survey


def features(path: Path, survey: Survey | None = None) -> Iterator[tuple[int, Element]]:
    """Number and element of each city object; what the model says of itself goes into the survey.

    Raises:
        UnsupportedFormat: not a CityGML model of a version that is read.
    """
    number = 0
    reading = members(path)
    version = _wrong_version(next(reading))
    if version is not None:
        # what is unsafe in it is the more important answer
        consumed = sum(1 for _ in reading)
        raise UnsupportedFormat(
            f"{path.name}: {version} with {consumed} members; CityGML {' and '.join(READ)} are read"
        )
    for member in reading:
        if survey is not None and survey.stated is None:
            survey.stated, survey.size = _srs(member, survey.size)
        if local(member) in MEMBERS:
            for element in member:
                yield number, element
                number += 1


def _wrong_version(root: Element) -> str | None:
    """What the document is, when it is not a CityGML model that is read."""
    found = MODEL.match(namespace(root))
    if local(root) == "CityModel" and found is not None and found[1] in READ:
        return None
    return f"CityGML {found[1]}" if found else f"{local(root)} of {namespace(root) or 'no namespace'}"


def _srs(member: Element, size: int) -> tuple[str | None, int]:
    named = next((e for e in member.iter() if e.get("srsName")), None)
    if named is None:
        return None, size
    dimension = str(named.get("srsDimension", ""))
    return str(named.get("srsName")), int(dimension) if dimension.isdigit() else size


def levels(element: Element) -> set[int]:
    """The LoDs that an object's surfaces have."""
    found = (LOD.match(local(e)) for e in element.iter())
    return {int(m[1]) for m in found if m and int(m[1]) <= HIGHEST}


def referred(path: Path, wanted: set[str]) -> dict[str, Element]:
    """Copies of the elements of those ids; references between objects are rare."""
    if not wanted:
        return {}
    return {
        name: copy.deepcopy(inner)
        for _, element in features(path)
        for inner in element.iter()
        if (name := gml_id(inner)) in wanted
    }


def _objects(
    path: Path,
    kind: str,
    place: Reference,
    size: int,
    others: Mapping[str, Element],
    findings: Findings,
) -> Iterator[CityObject | Rejected]:
    for number, element in features(path):
        if local(element) != kind:
            continue
        name = gml_id(element)
        try:
            _check_id(element)
            _check_place(element, place)
            yield city_object(number, element, place, size, others, findings)
        except (InvalidGeometry, UnknownCRS) as error:
            original = " ".join("".join(element.itertext()).split())[:2000]
            yield Rejected(row=name or number, column="geometry", reason=str(error), original=original)


def _check_id(element: Element) -> None:
    name = gml_id(element)
    if name is None:
        raise InvalidGeometry(f"{local(element)} has no gml:id")
    if not NAME.match(name):
        raise InvalidGeometry(
            f"gml:id {name[:100]!r} is no XML name: it must begin with a letter or _ (xs:ID)"
        )


def _check_place(element: Element, place: Reference) -> None:
    """One file, one CRS: an object in another one does not go in."""
    for named in {str(e.get("srsName")) for e in element.iter() if e.get("srsName")}:
        if reference(named) != place:
            raise InvalidGeometry(
                f"srsName {named!r} is not the file's, {place.crs.name}; split the file by CRS"
            )


def city_object(
    number: int,
    element: Element,
    place: Reference,
    size: int,
    others: Mapping[str, Element],
    findings: Findings,
) -> CityObject:
    """An object with the surfaces of its parts.

    Raises:
        InvalidGeometry: a reference that cannot be followed, or positions that are none.
    """
    find = gml.lookup(element, others)
    bodies: dict[str, list[Body]] = {}
    parts = 0
    for owner in owners(element):
        parts += local(owner).endswith("Part")
        for level, faces in surfaces(owner, find).items():
            body, dropped = gml.body(faces, place, size)
            bodies.setdefault(str(level), []).append(body)
            findings.dropped += dropped
    if not bodies:
        raise InvalidGeometry(_why_empty(element))
    return CityObject(
        number=number,
        id=str(gml_id(element)),
        type=local(element),
        attributes=attributes_of(element),
        bodies=bodies,
        parts=parts,
    )


def _why_empty(element: Element) -> str:
    held = sorted({local(e) for e in element.iter() if local(e).startswith("lod")})
    only = f"; it has {', '.join(held)}" if held else ""
    return f"{local(element)} has no surface of LoD 0 to {HIGHEST}{only}"


def owners(element: Element) -> Iterator[Element]:
    """An object and the parts, installations and openings that make up its outside."""
    yield element
    for prop in element:
        if FOLDED.match(local(prop)):
            for inner in prop:
                yield from owners(inner)
        elif _is_boundary(prop):
            for surface in prop:
                yield from (
                    o for p in surface if FOLDED.match(local(p)) for inner in p for o in owners(inner)
                )


def _is_boundary(prop: Element) -> bool:
    """A property that holds boundary surfaces: `boundedBy` of CityGML's own, `boundary` since 3.0."""
    own = not namespace(prop).startswith("http://www.opengis.net/gml")
    return own and local(prop) in ("boundedBy", "boundary")


def surfaces(owner: Element, find: gml.Lookup) -> dict[int, list[Found]]:
    """LoD -> the polygons of one object without its parts, each once, named by its boundary surface.

    A solid is made of the boundary surfaces; where there are any its own copies are not counted again.
    """
    named: dict[int, dict[int, Found]] = {}
    plain: dict[int, dict[int, Found]] = {}
    for prop in owner:
        if _is_boundary(prop):
            for surface in prop:
                for inner in surface:
                    _collect(inner, find, surface_code(local(surface)), named)
        else:
            _collect(prop, find, surface_code(None), plain)
    found: dict[int, list[Found]] = {}
    for level in sorted({*named, *plain}):
        own = named.get(level) or plain.get(level, {})
        found[level] = list(own.values())
    return found


def _collect(prop: Element, find: gml.Lookup, code: int, found: dict[int, dict[int, Found]]) -> None:
    """The polygons of a `lodN…` property, by the identity of their element."""
    match = LOD.match(local(prop))
    if match is None or int(match[1]) > HIGHEST or match[2] == "RoofEdge":
        return
    level = found.setdefault(int(match[1]), {})
    for polygon, turned in gml.flats(prop, find):
        level.setdefault(id(polygon), (polygon, turned, code))


READER = Reader(
    name="citygml",
    title="CityGML 1.0 to 3.0",
    suffixes=(".gml", ".citygml", ".xml"),
    read=read,
    claims=claims,
)
