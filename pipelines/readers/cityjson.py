"""CityJSON 1.1 and 2.0, and CityJSON text sequences (CityJSONSeq).

One row an object of the first level: a Building with its parts and installations folded in. Buildings are
the main part; every other type is a part of its own (`Road`, `PlantCover` …). Vertices are x before y
(longitude before latitude), as CityJSON software writes them.

See: https://www.cityjson.org/specs/2.0.1/
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, Final

import orjson

from pipelines.readers import attributes
from pipelines.readers.cities.city_types import TITLES
from pipelines.readers.cities.cityjson_objects import (
    Model,
    Scene,
    attributes_of,
    first_level,
    lods,
    model_of,
    names,
    safely,
)
from pipelines.readers.cities.cityobjects import BUILDING, CityObject, Findings, Shape, batches, level_of
from pipelines.readers.reader import Options, Part, Reader
from twin.errors import TooLarge, UnreadableFile
from twin.model import Rejected
from twin.space import vertical_of

LARGEST: Final = 1 << 29
"""Bytes of one JSON document, or of one line of a sequence; parsed it takes about eight times as much."""


def read(paths: tuple[Path, ...], options: Options) -> Iterator[Part]:
    """The parts of the files, buildings first.

    Raises:
        UnreadableFile: not JSON, or without what CityJSON cannot do without.
        UnsupportedFormat: another version.
        UnknownCRS: the file names no CRS and none was given.
    """
    for path in paths:
        if is_sequence(path):
            yield from _sequence(path, options)
        else:
            yield from _document(path, options)


def claims(path: Path) -> bool:
    """Whether a JSON file is CityJSON; its `type` may be its last member."""
    with path.open("rb") as file:
        head = file.read(1 << 16)
        file.seek(max(0, path.stat().st_size - (1 << 12)))
        return any(b'"CityJSON' in part or b'"CityObjects"' in part for part in (head, file.read()))


def is_sequence(path: Path) -> bool:
    """Whether the first line is a document by itself and others follow."""
    with path.open("rb") as file:
        first = file.readline(1 << 24)
        return (
            b'"CityJSON"' in first and first.rstrip().endswith(b"}") and bool(file.readline(1 << 10).strip())
        )


def _document(path: Path, options: Options) -> Iterator[Part]:
    if path.stat().st_size > LARGEST:
        raise TooLarge(
            f"{path.name}: {path.stat().st_size} bytes; one CityJSON document may have {LARGEST}."
            " Write it as a CityJSON text sequence (.city.jsonl), which has no limit."
        )
    document = parsed(path.read_bytes(), path.name)
    model = model_of(document, path.name, options)
    objects = _objects(document)
    places = model.places(document.get("vertices"))
    roots = {
        name: number for number, (name, value) in enumerate(objects.items()) if not _inside(value, objects)
    }
    kinds = dict.fromkeys(first_level(objects[name]) for name in roots)

    def of(kind: str, findings: Findings) -> Iterator[CityObject | Rejected]:
        for name, number in roots.items():
            if first_level(objects[name]) == kind:
                yield safely(name, number, Scene(objects=objects, places=places, model=model), findings)

    for kind in sorted(kinds, key=lambda k: (k != BUILDING, k)):
        chosen = [name for name in roots if first_level(objects[name]) == kind]
        profile = Profile.of([(name, objects) for name in chosen])
        yield part(kind, profile, model, partial(of, kind), len(chosen), alone=len(kinds) == 1)


def _sequence(path: Path, options: Options) -> Iterator[Part]:
    with path.open("rb") as file:
        model = model_of(
            parsed(_line(file.readline(LARGEST + 1), 0), f"{path.name} line 1"), path.name, options
        )
    profiles: dict[str, Profile] = {}
    broken: list[Rejected] = []
    for number, feature in _features(path):
        if isinstance(feature, Rejected):
            broken.append(feature)
            continue
        name, objects = feature["id"], feature["CityObjects"]
        kind = first_level(objects[name])
        profiles[kind] = Profile.of([(name, objects)], profiles.get(kind))
        del number

    def of(kind: str, findings: Findings, *, first: bool) -> Iterator[CityObject | Rejected]:
        yield from broken if first else ()
        for number, feature in _features(path):
            if (
                not isinstance(feature, Rejected)
                and first_level(feature["CityObjects"][feature["id"]]) == kind
            ):
                yield _feature(feature, number, model, findings)

    for n, kind in enumerate(sorted(profiles, key=lambda k: (k != BUILDING, k))):
        read_kind = partial(of, kind, first=n == 0)
        yield part(kind, profiles[kind], model, read_kind, profiles[kind].rows, alone=len(profiles) == 1)
    if broken and not profiles:
        raise UnreadableFile(
            f"{path.name}: no line is a CityJSONFeature; line {broken[0].row}: {broken[0].reason}"
        )


@dataclass(frozen=True, kw_only=True)
class Profile:
    """What a first pass over the objects of a type tells: their columns and number."""

    types: dict[str, attributes.Type]
    levels: tuple[int, ...]
    rows: int

    @staticmethod
    def of(items: Iterable[tuple[str, Mapping[str, Any]]], known: Profile | None = None) -> Profile:
        """The profile of (id, objects of its file) pairs, added to a known one."""
        types, levels, rows = (known.types, set(known.levels), known.rows) if known else ({}, set(), 0)
        for name, objects in items:
            types = attributes.types([attributes_of(objects[name])], types)
            levels |= {level_of(lod) for lod in lods(name, objects)}
            rows += 1
        return Profile(types=types, levels=tuple(sorted(levels - {0})), rows=rows)


def part(
    kind: str,
    profile: Profile,
    model: Model,
    objects: Callable[[Findings], Iterator[CityObject | Rejected]],
    rows: int,
    *,
    alone: bool,
) -> Part:
    """The part of one type of object."""
    building = kind == BUILDING
    findings = Findings()
    shape = Shape(types=profile.types, levels=profile.levels, building=building, crs=model.crs)
    return Part(
        name="" if building or alone else kind,
        title=TITLES.get(kind),
        kind="buildings" if building else "features",
        batches=batches(objects(findings), shape, findings),
        rows=rows,
        vertical=vertical_of(model.crs),
        notes=model.notes,
    )


def parsed(text: bytes, name: str) -> dict[str, Any]:
    """A JSON object.

    Raises:
        UnreadableFile: it is not JSON; says where.
    """
    try:
        value = orjson.loads(text.removeprefix(b"\xef\xbb\xbf"))
    except orjson.JSONDecodeError as error:
        raise UnreadableFile(f"{name}: not JSON: {error}") from error
    if not isinstance(value, dict):
        raise UnreadableFile(f"{name}: a JSON {type(value).__name__}, not a CityJSON object")
    return value


def _objects(document: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    objects = document.get("CityObjects")
    if not isinstance(objects, dict) or not all(isinstance(o, dict) for o in objects.values()):
        raise UnreadableFile("CityObjects is not an object of objects")
    return objects


def _inside(value: Mapping[str, Any], objects: Mapping[str, Any]) -> bool:
    return any(parent in objects for parent in names(value, "parents"))


def _features(path: Path) -> Iterator[tuple[int, dict[str, Any] | Rejected]]:
    """Number of the line after the first and its feature, or why there is none."""
    with path.open("rb") as file:
        file.readline(LARGEST + 1)
        for number in count():
            line = file.readline(LARGEST + 1)
            if not line:
                return
            if not line.strip():
                continue
            try:
                yield number, _checked(parsed(_line(line, number + 1), "the line"))
            except UnreadableFile as error:
                text = line[:2000].decode(errors="replace")
                yield number, Rejected(row=number, column="line", reason=str(error), original=text)


def _line(line: bytes, number: int) -> bytes:
    if len(line) > LARGEST:
        raise TooLarge(f"line {number + 1} has more than {LARGEST} bytes")
    return line


def _checked(feature: dict[str, Any]) -> dict[str, Any]:
    if feature.get("type") != "CityJSONFeature" or str(feature.get("id")) not in _objects(feature):
        raise UnreadableFile("not a CityJSONFeature whose id is one of its CityObjects")
    return feature


def _feature(
    feature: Mapping[str, Any], number: int, model: Model, findings: Findings
) -> CityObject | Rejected:
    name, objects = feature["id"], feature["CityObjects"]
    try:
        places = model.places(feature.get("vertices"))
    except UnreadableFile as error:
        return Rejected(
            row=name, column="vertices", reason=str(error), original=str(feature.get("vertices"))[:2000]
        )
    return safely(name, number, Scene(objects=objects, places=places, model=model), findings)


READER = Reader(
    name="cityjson",
    title="CityJSON 1.1, 2.0 and CityJSONSeq",
    suffixes=(".city.json", ".cityjson", ".city.jsonl", ".cityjsonl", ".json", ".jsonl"),
    read=read,
    claims=claims,
)
