"""Geometries as GeoJSON text: all coordinates written by one call, dealt out to their geometries as slices of it."""

from __future__ import annotations

from typing import Final

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import shapely
from numpy.typing import NDArray

POINT: Final = 0
LINE: Final = 1
POLYGON: Final = 3
NAMES: Final = {POINT: "Point", LINE: "LineString", POLYGON: "Polygon"}
"""GEOS type numbers; those of the multiple ones are greater by `MULTIPLE`, rings lie between."""
MULTIPLE: Final = {4: POINT, 5: LINE, 6: POLYGON}


def texts(geometries: NDArray[np.object_]) -> pa.Array:
    """(n,) string: GeoJSON geometries; null where there is none. Numbers have the digits that tell them apart."""
    kinds = np.unique(shapely.get_type_id(geometries))
    kind = int(kinds[0]) if len(kinds) == 1 else -1
    if MULTIPLE.get(kind, kind) not in NAMES or shapely.is_empty(geometries).any():
        return _mixed(geometries)
    deep = shapely.has_z(geometries)
    xyz = shapely.get_coordinates(geometries, include_z=bool(deep.all()))
    if deep.any() != deep.all() or not np.isfinite(xyz).all():
        return _mixed(geometries)
    return _alike(geometries, kind, xyz)


def _mixed(geometries: NDArray[np.object_]) -> pa.Array:
    return pa.array(shapely.to_geojson(geometries).tolist(), pa.string())


def _alike(geometries: NDArray[np.object_], kind: int, xyz: NDArray[np.float64]) -> pa.Array:
    """Texts of geometries of one type."""
    if kind not in MULTIPLE:
        return _within(f'{{"type":"{NAMES[kind]}","coordinates":', _coordinates(geometries, kind, xyz), "}")
    parts, owner = shapely.get_parts(geometries, return_index=True)
    inner = _grouped(_coordinates(parts, MULTIPLE[kind], xyz), owner, len(geometries))
    return _within(f'{{"type":"Multi{NAMES[MULTIPLE[kind]]}","coordinates":[', inner, "]}")


def _coordinates(parts: NDArray[np.object_], kind: int, xyz: NDArray[np.float64]) -> pa.Array:
    """The `coordinates` of points, lines or polygons, whose coordinates follow each other."""
    text = orjson.dumps(np.ascontiguousarray(xyz), option=orjson.OPT_SERIALIZE_NUMPY)
    # Behind the bracket of all, and behind the bracket of each position.
    ends = np.append(0, np.flatnonzero(np.frombuffer(text, np.uint8) == ord("]"))[:-1]) + 1
    if kind == POINT:
        return _slices(text, ends)
    rings, owner = shapely.get_rings(parts, return_index=True) if kind == POLYGON else (parts, None)
    last = np.append(0, np.cumsum(shapely.get_num_coordinates(rings)))
    found = _within("[", _slices(text, ends[last]), "]")
    if owner is None:
        return found
    return _within("[", found if len(found) == len(parts) else _grouped(found, owner, len(parts)), "]")


def _slices(text: bytes, ends: NDArray[np.int64]) -> pa.Array:
    """(n,) string: what lies between (n + 1,) places, without the comma before it."""
    places = pa.py_buffer(ends.astype(np.int32))
    return pc.ascii_ltrim(pa.StringArray.from_buffers(len(ends) - 1, places, pa.py_buffer(text)), ",")


def _within(head: str, texts_: pa.Array, end: str) -> pa.Array:
    return pc.binary_join_element_wise(head, texts_, end, "")


def _grouped(texts_: pa.Array, owner: NDArray[np.int64], count: int) -> pa.Array:
    """(count,) string: the texts of each owner between commas; owners are ascending, each has some."""
    starts = pa.array(np.searchsorted(owner, np.arange(count + 1)).astype(np.int32))
    return pc.binary_join(pa.ListArray.from_arrays(starts, texts_), ",")
