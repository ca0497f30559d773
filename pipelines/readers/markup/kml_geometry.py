"""Geometry of KML placemarks: longitude, latitude, and a height whose meaning the altitude mode gives."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import numpy as np
import shapely
from numpy.typing import NDArray

from pipelines.readers.markup.xml_stream import Element, local
from pipelines.readers.rows import Said
from twin.errors import InvalidGeometry

SHAPES: Final = (
    "Point",
    "LineString",
    "LinearRing",
    "Polygon",
    "MultiGeometry",
    "Track",
    "MultiTrack",
    "Model",
)
LOOSE: Final = re.compile(r"\s*,\s*")
"""Spaces about the commas of a tuple: not allowed, and often written."""
DEPTH: Final = 8


def shape_of(placemark: Element, said: Said) -> shapely.Geometry | None:
    """The placemark's geometry; z only where it is above the sea.

    Raises:
        InvalidGeometry: it cannot be read, or is a 3D model.
    """
    found = next((c for c in placemark if local(c) in SHAPES), None)
    if found is None:
        return None
    return _shape(found, said, 0)


def above_ground(placemark: Element) -> float | None:
    """The lowest height in metres above the ground, where the heights are given so."""
    heights = [
        z[:, 2]
        for element in placemark.iter()
        if local(element) in ("Point", "LineString", "LinearRing", "Polygon")
        and mode(element) == "relativeToGround"
        for z in _safe(element)
        if z.shape[1] == 3
    ]
    return float(np.concatenate(heights).min()) if heights else None


def _safe(element: Element) -> Iterator[NDArray[np.float64]]:
    for each in element.iter():
        if local(each) == "coordinates":
            try:
                yield positions(each.text or "")
            except InvalidGeometry:
                continue


def mode(element: Element) -> str:
    """The altitude mode; `clampToGround` where none is stated (OGC 12-007r2 clause 9.20)."""
    stated = next((e.text for e in element if local(e) == "altitudeMode"), None)
    return (stated or "clampToGround").strip()


def _shape(element: Element, said: Said, depth: int) -> shapely.Geometry:
    name = local(element)
    if depth > DEPTH:
        raise InvalidGeometry(f"depth; MultiGeometry nests more than {DEPTH} levels")
    if name == "Model":
        raise InvalidGeometry("a 3D model (COLLADA); placemarks with points, lines and areas are read")
    if name in ("MultiGeometry", "MultiTrack"):
        return _together([_shape(c, said, depth + 1) for c in element if local(c) in SHAPES])
    if name == "Polygon":
        bounds = {
            side: [r for b in element if local(b) == side for r in b if local(r) == "LinearRing"]
            for side in ("outerBoundaryIs", "innerBoundaryIs")
        }
        if len(bounds["outerBoundaryIs"]) != 1:
            raise InvalidGeometry(f"a Polygon with {len(bounds['outerBoundaryIs'])} outer rings")
        shell, *holes = (_places(r, mode(element), said) for side in bounds.values() for r in side)
        return shapely.Polygon(shell, holes)
    places = _places(element, mode(element), said)
    if name == "Track":
        return shapely.LineString(places) if len(places) > 1 else shapely.Point(places[0])
    made = {"Point": _point, "LineString": shapely.LineString, "LinearRing": shapely.LinearRing}
    return made[name](places)


def _point(places: NDArray[np.float64]) -> shapely.Point:
    if len(places) != 1:
        raise InvalidGeometry(f"a Point with {len(places)} positions")
    return shapely.Point(places[0])


def _together(parts: list[shapely.Geometry]) -> shapely.Geometry:
    """Parts of one kind as its multi form, others as a collection."""
    if not parts:
        raise InvalidGeometry("a MultiGeometry with nothing in it")
    multi = {
        "Point": shapely.MultiPoint,
        "LineString": shapely.MultiLineString,
        "Polygon": shapely.MultiPolygon,
    }
    kinds = {p.geom_type for p in parts}
    kind = kinds.pop() if len(kinds) == 1 else ""
    return multi[kind](parts) if kind in multi else shapely.GeometryCollection(parts)


def _places(element: Element, altitude: str, said: Said) -> NDArray[np.float64]:
    """(n, 2 or 3) the positions under an element; z only where it is absolute."""
    if local(element) == "Track":
        texts = [",".join((c.text or "").split()) for c in element if local(c) == "coord"]
    else:
        texts = [e.text or "" for e in element if local(e) == "coordinates"]
    places = positions(" ".join(texts))
    if not len(places):
        raise InvalidGeometry(f"a {local(element)} without coordinates")
    if altitude == "absolute":
        return places
    if altitude == "relativeToGround":
        said.add("heights above the ground are kept in the column above_ground, not in the geometry")
    elif places.shape[1] == 3 and places[:, 2].any():
        said.add(
            f"heights with altitudeMode {altitude} are not to be used (OGC 12-007r2); they were left out"
        )
    return places[:, :2]


def positions(text: str) -> NDArray[np.float64]:
    """(n, 2 or 3) float64: tuples `lon,lat[,height]` between blanks.

    Raises:
        InvalidGeometry: something else is written.
    """
    tuples = [word.split(",") for word in LOOSE.sub(",", text.strip()).split()]
    sizes = {len(t) for t in tuples}
    if not sizes <= {2, 3}:
        raise InvalidGeometry(f"{text.strip()[:100]!r} is not lon,lat[,height] …")
    size = min(sizes, default=2)
    try:
        places = np.array([t[:size] for t in tuples], np.float64).reshape(-1, size)
    except ValueError as error:
        raise InvalidGeometry(f"a coordinate is not a number: {error}") from error
    if not np.isfinite(places).all():
        raise InvalidGeometry("a coordinate is NaN or infinite")
    return places
