"""Geometries as GeoJSON text: all coordinates written by one call, dealt out to their geometries as slices of it.

Points, lines and polygons without holes, which most are, are taken out of their WKB without GEOS.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any, Final

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import shapely
from numpy.typing import NDArray

from tiles.simple import LINE, POINT, POLYGON, taken

BRACKETS: Final = {POINT: ("", ""), LINE: ("[", "]"), POLYGON: ("[[", "]]")}
"""What stands around the positions."""
NAMES: Final = {POINT: "Point", LINE: "LineString", POLYGON: "Polygon"}
MULTIPLE: Final = 3
"""GEOS's and WKB's numbers of multiple types are greater by so much."""


def texts(wkb: pa.Array) -> pa.Array:
    """(n,) string: (n,) WKB as GeoJSON; null where there is none. Numbers have the digits that tell them apart."""
    if (simple := taken(wkb)) is not None:
        before, after = BRACKETS[simple.kind]
        head = f'{{"type":"{NAMES[simple.kind]}","coordinates":{before}'
        return _within(head, _positions(simple.xyz, simple.counts), after + "}")
    geometries = shapely.from_wkb(wkb.to_numpy(zero_copy_only=False))
    kinds = np.unique(shapely.get_type_id(geometries))
    if len(kinds) == 1 and int(kinds[0]) in (3, 4, 5, 6) and not shapely.is_empty(geometries).any():
        deep = shapely.has_z(geometries)
        xyz = shapely.get_coordinates(geometries, include_z=bool(deep.all()))
        if deep.any() == deep.all() and np.isfinite(xyz).all():
            return _alike(geometries, int(kinds[0]), xyz)
    return pa.array(shapely.to_geojson(geometries).tolist(), pa.string())


def objects(wkb: pa.Array) -> list[Any]:
    """(n,) WKB as what orjson writes as GeoJSON; None where there is none."""
    if (simple := taken(wkb)) is None:
        return [None if text is None else orjson.Fragment(text) for text in texts(wkb).to_pylist()]
    name, places = NAMES[simple.kind], simple.xyz.tolist()
    if simple.kind == POINT:
        return [{"type": name, "coordinates": place} for place in places]
    ends = np.cumsum(simple.counts).tolist()
    lines = [places[a:b] for a, b in pairwise([0, *ends])]
    closed = simple.kind == POLYGON
    return [{"type": name, "coordinates": [line] if closed else line} for line in lines]


def _positions(xyz: NDArray[np.float64], counts: NDArray[np.int64]) -> pa.Array:
    """(n,) string: the positions of each between commas."""
    text = orjson.dumps(np.ascontiguousarray(xyz), option=orjson.OPT_SERIALIZE_NUMPY)
    # Behind the bracket of all, and behind the bracket of each position.
    ends = np.append(0, np.flatnonzero(np.frombuffer(text, np.uint8) == ord("]"))[:-1]) + 1
    places = pa.py_buffer(ends[np.append(0, np.cumsum(counts))].astype(np.int32))
    return pc.ascii_ltrim(pa.StringArray.from_buffers(len(counts), places, pa.py_buffer(text)), ",")


def _alike(geometries: NDArray[np.object_], kind: int, xyz: NDArray[np.float64]) -> pa.Array:
    """Texts of polygons with holes, or of multiple geometries of one type."""
    if kind == POLYGON:
        return _within('{"type":"Polygon","coordinates":', _polygons(geometries, xyz), "}")
    parts, owner = shapely.get_parts(geometries, return_index=True)
    one = kind - MULTIPLE
    if one == POLYGON:
        inner = _polygons(parts, xyz)
    else:
        inner = _positions(xyz, shapely.get_num_coordinates(parts))
        inner = inner if one == POINT else _within("[", inner, "]")
    head = f'{{"type":"Multi{NAMES[one]}","coordinates":['
    return _within(head, _grouped(inner, owner, len(geometries)), "]}")


def _polygons(polygons: NDArray[np.object_], xyz: NDArray[np.float64]) -> pa.Array:
    rings, owner = shapely.get_rings(polygons, return_index=True)
    found = _within("[", _positions(xyz, shapely.get_num_coordinates(rings)), "]")
    return _within("[", _grouped(found, owner, len(polygons)), "]")


def _within(head: str, texts_: pa.Array, end: str) -> pa.Array:
    return pc.binary_join_element_wise(pa.scalar(head), texts_, pa.scalar(end), pa.scalar(""))


def _grouped(texts_: pa.Array, owner: NDArray[np.int64], count: int) -> pa.Array:
    """(count,) string: the texts of each owner between commas; owners are ascending, each has some."""
    starts = pa.array(np.searchsorted(owner, np.arange(count + 1)).astype(np.int32))
    return pc.binary_join(pa.ListArray.from_arrays(starts, texts_), ",")
