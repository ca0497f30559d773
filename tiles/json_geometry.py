"""Geometries as GeoJSON text: all coordinates written by one call, dealt out to their geometries as slices of it."""

from __future__ import annotations

from itertools import pairwise
from typing import Final

import numpy as np
import orjson
import shapely
from numpy.typing import NDArray

POINT: Final = 0
LINE: Final = 1
POLYGON: Final = 3
NAMES: Final = {POINT: b"Point", LINE: b"LineString", POLYGON: b"Polygon"}
"""GEOS type numbers; those of the multiple ones are greater by `MULTIPLE`, rings lie between."""
MULTIPLE: Final = {4: POINT, 5: LINE, 6: POLYGON}


def texts(geometries: NDArray[np.object_]) -> list[bytes | None]:
    """(n,) GeoJSON geometries; None where there is none. Numbers have the digits that tell them apart."""
    kinds = np.unique(shapely.get_type_id(geometries))
    kind = int(kinds[0]) if len(kinds) == 1 else -1
    if MULTIPLE.get(kind, kind) not in NAMES or shapely.is_empty(geometries).any():
        return _mixed(geometries)
    deep = shapely.has_z(geometries)
    xyz = shapely.get_coordinates(geometries, include_z=bool(deep.all()))
    if deep.any() != deep.all() or not np.isfinite(xyz).all():
        return _mixed(geometries)
    return _alike(geometries, kind, xyz)


def _mixed(geometries: NDArray[np.object_]) -> list[bytes | None]:
    return [None if t is None else t.encode() for t in shapely.to_geojson(geometries).tolist()]


def _alike(geometries: NDArray[np.object_], kind: int, xyz: NDArray[np.float64]) -> list[bytes | None]:
    """Texts of geometries of one type."""
    if kind not in MULTIPLE:
        head = b'{"type":"%b","coordinates":' % NAMES[kind]
        return [head + text + b"}" for text in _coordinates(geometries, kind, xyz)]
    parts, owner = shapely.get_parts(geometries, return_index=True)
    inner = _coordinates(parts, MULTIPLE[kind], xyz)
    head = b'{"type":"Multi%b","coordinates":[' % NAMES[MULTIPLE[kind]]
    return [head + b",".join(inner[a:b]) + b"]}" for a, b in pairwise(_starts(owner, len(geometries)))]


def _coordinates(parts: NDArray[np.object_], kind: int, xyz: NDArray[np.float64]) -> list[bytes]:
    """The `coordinates` of points, lines or polygons, whose coordinates follow each other."""
    text = orjson.dumps(np.ascontiguousarray(xyz), option=orjson.OPT_SERIALIZE_NUMPY)
    ends = np.flatnonzero(np.frombuffer(text, np.uint8) == ord("]"))[:-1] + 1
    if kind == POINT:
        # Behind the bracket of all, and behind the comma of each but the first.
        return [text[a + 1 : b] for a, b in pairwise([0, *ends.tolist()])]
    rings, owner = shapely.get_rings(parts, return_index=True) if kind == POLYGON else (parts, None)
    last = ends[np.cumsum(shapely.get_num_coordinates(rings)) - 1].tolist()
    found = [b"[%b]" % text[a + 1 : b] for a, b in pairwise([0, *last])]
    if owner is None:
        return found
    if len(found) == len(parts):
        return [b"[%b]" % ring for ring in found]
    return [b"[%b]" % b",".join(found[a:b]) for a, b in pairwise(_starts(owner, len(parts)))]


def _starts(owner: NDArray[np.int64], count: int) -> list[int]:
    """Where each owner's parts begin, and the end."""
    starts: list[int] = np.searchsorted(owner, np.arange(count + 1)).tolist()
    return starts
