"""Objects of a CityJSON file: what they share, their families, and the surfaces of their geometries.

See: https://www.cityjson.org/specs/2.0.1/
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import orjson
import pyproj
import shapely
from numpy.typing import NDArray

from pipelines.readers.cities.cityobjects import CityObject, Findings
from pipelines.readers.cities.surfaces import Faces, surface_code
from pipelines.readers.reader import Options
from twin.body import Body
from twin.errors import InvalidGeometry, UnknownCRS, UnreadableFile, UnsupportedFormat
from twin.model import Rejected
from twin.space import crs as crs_of

VERSIONS: Final = ("1.0", "1.1", "2.0")
SURFACES: Final = {"MultiSurface": 0, "CompositeSurface": 0, "Solid": 1, "MultiSolid": 2, "CompositeSolid": 2}
"""Geometry type -> how deep its faces lie in the boundaries."""
FOLDED: Final = re.compile(r"(Part|Installation|ConstructiveElement)$")
"""Objects of the second level whose surfaces belong to the outside of the first."""
ODD: Final = (TypeError, ValueError, KeyError, IndexError, AttributeError, OverflowError)
"""What JSON of another shape than the specification's runs into."""


@dataclass(frozen=True, kw_only=True)
class Model:
    """What all objects of a file share."""

    scale: NDArray[np.float64]
    translate: NDArray[np.float64]
    templates: tuple[Mapping[str, Any], ...]
    template_vertices: NDArray[np.float64]
    unsafe: Mapping[int, str]
    """Textures whose image points outside of the file's folder: number -> image."""
    crs: pyproj.CRS
    notes: tuple[str, ...]

    def places(self, vertices: Any) -> NDArray[np.float64]:
        """(n, 3) float64 positions of a `vertices` member.

        Raises:
            UnreadableFile: it is not a list of triples of numbers.
        """
        try:
            found = np.asarray(vertices or np.empty((0, 3)), np.float64)
            return found.reshape(-1, 3) * self.scale + self.translate
        except ODD as error:
            raise UnreadableFile("vertices are not a list of [x, y, z]") from error


@dataclass(frozen=True, kw_only=True)
class Scene:
    """Objects that name each other, and the vertices that they share."""

    objects: Mapping[str, Any]
    places: NDArray[np.float64]
    model: Model


def model_of(document: Mapping[str, Any], name: str, options: Options) -> Model:
    """What the file says of all its objects.

    Raises:
        UnsupportedFormat: not CityJSON of a version that is read.
        UnreadableFile: a member is not what the specification makes it.
        UnknownCRS: the file names no CRS and none was given.
    """
    try:
        return _model(document, name, options)
    except ODD as error:
        raise UnreadableFile(f"{name}: not as CityJSON has it: {type(error).__name__}: {error}") from error


def _model(document: Mapping[str, Any], name: str, options: Options) -> Model:
    version = str(document.get("version"))
    if document.get("type") != "CityJSON" or not version.startswith(VERSIONS):
        raise UnsupportedFormat(
            f"{name}: type {document.get('type')!r}, version {version!r};"
            f" CityJSON {', '.join(VERSIONS)} are read"
        )
    scale, translate = _transform(document, name)
    templates = document.get("geometry-templates") or {}
    crs, notes = _crs(document, name, options)
    return Model(
        scale=scale,
        translate=translate,
        templates=tuple(templates.get("templates") or ()),
        template_vertices=np.asarray(templates.get("vertices-templates") or np.empty((0, 3)), np.float64),
        unsafe=_unsafe_textures(document),
        crs=crs,
        notes=notes,
    )


def _transform(document: Mapping[str, Any], name: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    if "transform" not in document and str(document.get("version")).startswith("1.0"):
        return np.ones(3), np.zeros(3)
    try:
        scale, translate = (np.asarray(document["transform"][k], np.float64) for k in ("scale", "translate"))
    except ODD as error:
        raise UnreadableFile(
            f"{name}: no transform with scale and translate, which CityJSON needs"
        ) from error
    if scale.shape != (3,) or translate.shape != (3,) or not np.isfinite([scale, translate]).all():
        raise UnreadableFile(f"{name}: transform's scale and translate are not three finite numbers each")
    if (scale == 0).any():
        raise UnreadableFile(
            f"{name}: transform's scale {scale.tolist()} has a zero, which flattens the model"
        )
    return scale, translate


def _crs(document: Mapping[str, Any], name: str, options: Options) -> tuple[pyproj.CRS, tuple[str, ...]]:
    stated = (document.get("metadata") or {}).get("referenceSystem")
    if stated:
        found = crs_of(str(stated).replace("https://www.opengis.net", "http://www.opengis.net"))
        ignored = options.crs and crs_of(options.crs) != found
        return found, ((f"the file states {stated}; --crs {options.crs} was not needed",) if ignored else ())
    if options.crs:
        return crs_of(options.crs), ()
    raise UnknownCRS(
        f"{name} has no metadata.referenceSystem and no CRS was given;"
        " pass --crs, for example --crs EPSG:4548"
    )


def _unsafe_textures(document: Mapping[str, Any]) -> dict[int, str]:
    textures = (document.get("appearance") or {}).get("textures") or ()
    images = {n: str(t.get("image", "")) for n, t in enumerate(textures) if isinstance(t, dict)}
    return {n: image for n, image in images.items() if _leaves(image)}


def _leaves(image: str) -> bool:
    """Whether a name points outside of its folder."""
    return (
        "://" in image
        or image.startswith(("/", "\\"))
        or image[1:2] == ":"
        or ".." in re.split(r"[/\\]", image)
    )


def first_level(value: Mapping[str, Any]) -> str:
    """The type of the first level that an object is or belongs to, without an extension's `+`."""
    return FOLDED.sub("", str(value.get("type", "Unknown"))).removeprefix("+") or "Unknown"


def attributes_of(value: Mapping[str, Any]) -> Mapping[str, Any]:
    """The attributes of an object; none where they are not an object."""
    found = value.get("attributes")
    return found if isinstance(found, dict) else {}


def names(value: Mapping[str, Any], member: str) -> list[str]:
    """The ids in a member such as `children`; none where it is not a list."""
    found = value.get(member)
    return [n for n in found if isinstance(n, str)] if isinstance(found, list) else []


def family(name: str, objects: Mapping[str, Any]) -> list[str]:
    """An object and those of its descendants that make up its outside, each once."""
    found = {name: None}
    queue = [name]
    for member in queue:
        for child in names(objects[member], "children"):
            if child in objects and child not in found and FOLDED.search(str(objects[child].get("type"))):
                found[child] = None
                queue.append(child)
    return queue


def geometries(value: Mapping[str, Any]) -> list[Any]:
    """The geometries of an object, as they are.

    Raises:
        InvalidGeometry: the member is not a list.
    """
    found = value.get("geometry") or []
    if not isinstance(found, list):
        raise InvalidGeometry("geometry is not a list")
    return found


def lods(name: str, objects: Mapping[str, Any]) -> Iterator[str]:
    """The LoDs of an object's family, as written."""
    for member in family(name, objects):
        found = objects[member].get("geometry")
        for geometry in found if isinstance(found, list) else ():
            if isinstance(geometry, dict):
                yield str(geometry.get("lod", ""))


def safely(name: str, number: int, scene: Scene, findings: Findings) -> CityObject | Rejected:
    """The object of that id, or why it does not go in."""
    try:
        return city_object(name, number, scene, findings)
    except InvalidGeometry as error:
        reason = str(error)
    except ODD as error:
        reason = f"not as CityJSON spells an object: {type(error).__name__}: {error}"
    original = orjson.dumps(scene.objects[name]).decode()[:2000]
    return Rejected(row=name, column="geometry", reason=reason, original=original)


def city_object(name: str, number: int, scene: Scene, findings: Findings) -> CityObject:
    """An object with the surfaces of its family.

    Raises:
        InvalidGeometry: a boundary names a vertex that is not there, or a texture outside of the folder.
    """
    objects, places, model = scene.objects, scene.places, scene.model
    bodies: dict[str, list[Body]] = {}
    shape = None
    members = family(name, objects)
    for member in members:
        for geometry in geometries(objects[member]):
            _check_textures(geometry, model)
            body = body_of(geometry, places, model, findings)
            if body is not None:
                bodies.setdefault(
                    str(geometry.get("lod") or _template(geometry, model).get("lod", "")), []
                ).append(body)
            else:
                shape = shape_of(geometry, places) or shape
    missing = [c for m in members for c in names(objects[m], "children") if c not in objects]
    if missing:
        findings.notes.append(f"children named but not in the file: {', '.join(map(str, missing[:10]))}")
    parts = sum(str(objects[m].get("type")).endswith("Part") for m in members)
    return CityObject(
        number=number,
        id=name,
        type=first_level(objects[name]),
        attributes=attributes_of(objects[name]),
        bodies=bodies,
        shape=shape,
        parts=parts,
    )


def body_of(
    geometry: Mapping[str, Any], places: NDArray[np.float64], model: Model, findings: Findings
) -> Body | None:
    """The surfaces of a geometry; None when it is points or lines."""
    if geometry["type"] == "GeometryInstance":
        template = _template(geometry, model)
        return body_of(template, _instance(geometry, places, model), model, findings)
    if geometry["type"] not in SURFACES:
        return None
    faces = Faces()
    boundaries = geometry["boundaries"]
    semantics = geometry.get("semantics") or {}
    codes = [surface_code(s.get("type")) for s in semantics.get("surfaces") or ()]
    for rings, value in leaves(boundaries, semantics.get("values"), SURFACES[geometry["type"]]):
        faces.add(rings, codes[value] if isinstance(value, int) and 0 <= value < len(codes) else 0)
    findings.dropped += faces.dropped
    _check_indices(faces.corners, places)
    return faces.body(places)


def leaves(boundaries: Any, values: Any, depth: int) -> Iterator[tuple[Any, Any]]:
    """Each face of nested boundaries with its value of semantics; None where there is none."""
    given = values if isinstance(values, list) else [None] * len(boundaries)
    for n, inner in enumerate(boundaries):
        value = given[n] if n < len(given) else None
        if depth == 0:
            yield inner, value
        else:
            yield from leaves(inner, value, depth - 1)


def shape_of(geometry: Mapping[str, Any], places: NDArray[np.float64]) -> shapely.Geometry | None:
    """The points or lines of a geometry; None when it is something else."""
    boundaries = geometry["boundaries"]
    if geometry["type"] == "MultiPoint":
        _check_indices(boundaries, places)
        return shapely.multipoints(places[boundaries])
    if geometry["type"] == "MultiLineString":
        _check_indices([i for line in boundaries for i in line], places)
        return shapely.multilinestrings([shapely.linestrings(places[line]) for line in boundaries])
    return None


def _template(geometry: Mapping[str, Any], model: Model) -> Mapping[str, Any]:
    if geometry["type"] != "GeometryInstance":
        return geometry
    number = geometry.get("template")
    if not isinstance(number, int) or not 0 <= number < len(model.templates):
        raise InvalidGeometry(f"template {number!r}; the file has {len(model.templates)} geometry templates")
    if model.templates[number].get("type") == "GeometryInstance":
        raise InvalidGeometry(f"template {number} is itself an instance, which CityJSON does not allow")
    return model.templates[number]


def _instance(geometry: Mapping[str, Any], places: NDArray[np.float64], model: Model) -> NDArray[np.float64]:
    """(n, 3) the template's vertices where the instance puts them (CityJSON 2.0, 3.4)."""
    _check_indices(geometry["boundaries"], places)
    matrix = np.asarray(geometry["transformationMatrix"], np.float64).reshape(4, 4)
    placed = model.template_vertices @ matrix[:3, :3].T + matrix[:3, 3]
    return np.asarray(placed + places[geometry["boundaries"][0]])


def _check_indices(indices: Any, places: NDArray[np.float64]) -> None:
    if not all(isinstance(i, int) for i in indices):
        raise InvalidGeometry("boundaries are nested otherwise than the geometry's type has them")
    wrong = next((i for i in indices if not 0 <= i < len(places)), None)
    if wrong is not None:
        raise InvalidGeometry(f"boundary index {wrong}; the file has {len(places)} vertices")
    if not np.isfinite(places[np.asarray(indices, np.int64)]).all():
        raise InvalidGeometry("geometry: NaN")


def _check_textures(geometry: Mapping[str, Any], model: Model) -> None:
    if not model.unsafe:
        return
    for theme in (geometry.get("texture") or {}).values():
        used = next((n for n in _texture_numbers(theme.get("values")) if n in model.unsafe), None)
        if used is not None:
            raise InvalidGeometry(
                f"forbidden-reference: texture image {model.unsafe[used]!r} is not beside the file"
            )


def _texture_numbers(values: Any) -> Iterator[int]:
    """The textures that a geometry uses: the first number of each ring."""
    if isinstance(values, list) and values and isinstance(values[0], int):
        yield values[0]
    elif isinstance(values, list):
        for inner in values:
            yield from _texture_numbers(inner)
