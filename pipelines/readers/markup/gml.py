"""GML 3.1 geometry of city objects: polygons under any mix of solids, composites and references."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyproj
from numpy.typing import NDArray

from pipelines.readers.cities.surfaces import Faces
from pipelines.readers.markup.xml_stream import Element, local
from twin.body import Body
from twin.errors import InvalidGeometry, UnknownCRS
from twin.space import crs as crs_of
from twin.space import latitude_first

HREF: Final = "{http://www.w3.org/1999/xlink}href"
ID: Final = ("{http://www.opengis.net/gml}id", "{http://www.opengis.net/gml/3.2}id")
FLAT: Final = ("Polygon", "PolygonPatch", "Triangle", "Rectangle")
DEPTH: Final = 64
"""References that refer to references."""


@dataclass(frozen=True, kw_only=True)
class Reference:
    """The CRS of positions and the order in which they are written."""

    crs: pyproj.CRS
    swapped: bool
    """Whether north (latitude) comes first."""

    def turned(self, places: NDArray[np.float64]) -> NDArray[np.float64]:
        """(n, 3) positions, x before y."""
        return places[:, [1, 0, 2]] if self.swapped else places


def reference(name: str) -> Reference:
    """What an srsName says.

    Axes are as the CRS defines them (EPSG:6697, 4490 and 4326: latitude first) in the `urn:` and `http:` forms.
    The plain form `EPSG:4548` has the defined order for degrees too, but east before north for metres, as
    the programs that write it do.

    Raises:
        UnknownCRS: PROJ does not know it.
    """
    text = name.strip()
    try:
        found = crs_of(text.replace("https://www.opengis.net", "http://www.opengis.net"))
    except UnknownCRS as error:
        raise UnknownCRS(f"srsName {text[:200]!r} is not a CRS that is known; {error}") from error
    formal = text.lower().startswith(("urn:", "http"))
    return Reference(
        crs=found, swapped=latitude_first(found) and (formal or _horizontal(found).is_geographic)
    )


def _horizontal(found: pyproj.CRS) -> pyproj.CRS:
    return found.sub_crs_list[0] if found.is_compound else found


def gml_id(element: Element) -> str | None:
    """The gml:id of an element."""
    return next((str(element.get(key)) for key in ID if element.get(key) is not None), None)


Lookup = Callable[[str], Element]
"""Id to element; raises InvalidGeometry where there is none."""


def lookup(owner: Element, others: Mapping[str, Element]) -> Lookup:
    """Finds elements by id within an owner, then among others."""
    inside = {name: e for e in owner.iter() if (name := gml_id(e)) is not None}

    def find(name: str) -> Element:
        found = inside.get(name, others.get(name))
        if found is None:
            raise InvalidGeometry(f"xlink:href '#{name}': no such gml:id in the file")
        return found

    return find


def references_of(element: Element) -> Iterator[str]:
    """Ids that an element refers to within the document."""
    for each in element.iter():
        href = each.get(HREF)
        if href is not None and href.startswith("#"):
            yield href[1:]


def flats(
    element: Element, find: Lookup, *, turned: bool = False, depth: int = 0
) -> Iterator[tuple[Element, bool]]:
    """Every polygon under an element, following references in the document, and whether it is turned over.

    Raises:
        InvalidGeometry: a reference goes outside of the document, to nothing, or in a circle.
    """
    if depth > DEPTH:
        raise InvalidGeometry(f"references nested more than {DEPTH} deep, or in a circle")
    href = element.get(HREF)
    if href is not None:
        if not href.startswith("#"):
            raise InvalidGeometry(f"forbidden-reference: xlink:href {href[:200]!r} is outside of the file")
        yield from flats(find(href[1:]), find, turned=turned, depth=depth + 1)
    elif local(element) in FLAT:
        yield element, turned
    else:
        over = turned != (local(element) == "OrientableSurface" and element.get("orientation") == "-")
        for child in element:
            yield from flats(child, find, turned=over, depth=depth + 1)


def rings(polygon: Element, size: int) -> Iterator[NDArray[np.float64]]:
    """(n, 3) the outer ring of a polygon, then its holes, none closed; z is NaN in two dimensions."""
    bounds = [c for c in polygon if local(c) in ("exterior", "outerBoundaryIs")]
    holes = [c for c in polygon if local(c) in ("interior", "innerBoundaryIs")]
    for bound in (*bounds, *holes):
        ring = positions(bound, size)
        yield ring[:-1] if len(ring) > 1 and (ring[0] == ring[-1]).all() else ring


def positions(ring: Element, size: int) -> NDArray[np.float64]:
    """(n, 3) the positions in posList, pos or coordinates under an element.

    Raises:
        InvalidGeometry: not numbers, or not as many as the dimension asks for.
    """
    words: list[str] = []
    for element in ring.iter():
        if local(element) in ("posList", "pos", "coordinates") and element.text:
            stated = str(element.get("srsDimension", size))
            size = int(stated) if stated.isdigit() else 0
            words += element.text.replace(",", " ").split()
    try:
        values = np.array(words, np.float64)
    except ValueError as error:
        raise InvalidGeometry(f"a position is not a number: {error}") from error
    if size not in (2, 3) or len(values) % size:
        raise InvalidGeometry(f"{len(values)} numbers do not make positions of {size}")
    if not np.isfinite(values).all():
        raise InvalidGeometry("geometry: NaN")
    places = values.reshape(-1, size)
    return places if size == 3 else np.column_stack([places, np.full(len(places), np.nan)])


def body(faces: list[tuple[Element, bool, int]], place: Reference, size: int) -> tuple[Body, int]:
    """The body of polygons (element, turned over, surface code), and how many had fewer than three corners.

    Raises:
        InvalidGeometry: a polygon without heights, or unreadable.
    """
    built = Faces()
    places: list[NDArray[np.float64]] = []
    count = 0
    for polygon, turned, code in faces:
        numbered = []
        for ring in rings(polygon, size):
            places.append(ring[::-1] if turned else ring)
            numbered.append(range(count, count + len(ring)))
            count += len(ring)
        built.add(numbered, code)
    vertices = np.concatenate([np.empty((0, 3)), *places])
    if np.isnan(vertices).any():
        raise InvalidGeometry("positions without a height; surfaces of a city model have three dimensions")
    return built.body(place.turned(vertices)), built.dropped
