"""Whether a geometry is what its layer holds and can be asked about; each fault is named with its place.

Nothing is mended unless the caller asks (`repair`), but for one thing that RFC 7946 3.1.9 orders: what
crosses the 180th meridian is cut there.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Final

import numpy as np
import pyarrow as pa
import shapely
from numpy.typing import NDArray

from twin.model import Geometry
from twin.quarantine import geometries, put, refuse, with_geometries, wkt
from twin.table import Batch

VERTICES: Final = 1_000_000
"""Of one geometry, unless the caller sets another limit."""
DEPTH: Final = 8
"""Of collections in collections."""
TYPES: Final[dict[Geometry, tuple[int, ...]]] = {
    "Point": (0, 4),
    "LineString": (1, 2, 5),
    "Polygon": (3, 6),
    "Raster": (3, 6),
    "Geometry": (0, 1, 2, 3, 4, 5, 6, 7),
}
"""shapely's type ids that a layer of that geometry holds; single and multi are one."""
PLACE: Final = re.compile(r"\[(\S+) (\S+?)(?: \S+)?\]$")


def check(batch: Batch, geometry: Geometry, *, repair: bool = False, limit: int = VERTICES) -> Batch:
    """The batch with the rows whose geometry can go in; the others are refused with fault and place.

    Args:
        batch: in CRS84, every WKB readable.
        repair: mend invalid areas (`shapely.make_valid`, structure) and flag the row in `repaired`.
    """
    batch, found = _sort_out(batch, geometry, limit)
    batch = _split(batch, found)
    return _valid(batch, found, repair=repair)


def _sort_out(batch: Batch, geometry: Geometry, limit: int) -> tuple[Batch, NDArray[np.object_]]:
    """The batch without what is no geometry of the layer's, and the geometries of its rows."""
    shapes = geometries(batch.table)
    kinds = shapely.get_type_id(shapes)
    counts = shapely.get_num_coordinates(shapes)
    tests: tuple[tuple[NDArray[np.bool_], Callable[[int], str]], ...] = (
        (shapely.is_missing(shapes), lambda _: "geometry: null"),
        (counts == 0, lambda _: "geometry: empty"),
        (counts > limit, lambda i: f"geometry: {counts[i]} vertices; the limit is {limit}"),
        (_deep(shapes, kinds), lambda _: f"geometry: depth; collections nest more than {DEPTH} levels"),
        (~np.isin(kinds, TYPES[geometry]), lambda i: f"geometry: a {shapes[i].geom_type}, not a {geometry}"),
    )
    reasons: dict[int, Callable[[int], str]] = {}
    for bad, reason in tests:
        for i in map(int, np.flatnonzero(bad)):
            reasons.setdefault(i, reason)
    wrong = np.zeros(len(shapes), bool)
    wrong[list(reasons)] = True
    kept = refuse(batch, wrong, "geom", lambda i: reasons[i](i), lambda i: _short(shapes[i], int(counts[i])))
    return kept, shapes[~wrong]


def _short(shape: object, count: int) -> str:
    return wkt(shape) if count < 10_000 else f"{count} vertices"


def _deep(shapes: NDArray[np.object_], kinds: NDArray[np.int32]) -> NDArray[np.bool_]:
    deep = np.zeros(len(shapes), bool)
    inside, owners = shapes[kinds == 7], np.flatnonzero(kinds == 7)
    for _ in range(DEPTH):
        if not len(inside):
            return deep
        parts, index = shapely.get_parts(inside, return_index=True)
        nested = shapely.get_type_id(parts) == 7
        inside, owners = parts[nested], owners[index[nested]]
    deep[owners] = True
    return deep


def _split(batch: Batch, shapes: NDArray[np.object_]) -> Batch:
    """What steps over the 180th meridian, cut there; in `shapes` too."""
    crossing = _crossing(shapes)
    if not crossing.any():
        return batch
    for i in np.flatnonzero(crossing):
        shapes[i] = _cut(shapes[i])
    numbers = ", ".join(str(n) for n in batch.table["row"].to_numpy()[crossing][:5])
    note = f"rows that cross the 180th meridian were cut there (RFC 7946 3.1.9), for example {numbers}"
    return replace(with_geometries(batch, shapes), notes=(*batch.notes, note))


def _crossing(shapes: NDArray[np.object_]) -> NDArray[np.bool_]:
    """Rows with an edge that goes more than half round the world, and is not a whole turn."""
    out = np.zeros(len(shapes), bool)
    bounds = shapely.bounds(shapes)
    wide = np.flatnonzero(bounds[:, 2] - bounds[:, 0] > 180)
    parts, index = _rings(shapes[wide])
    xy, owners = shapely.get_coordinates(parts, return_index=True)
    step = np.abs(np.diff(xy[:, 0]))
    jumps = (owners[1:] == owners[:-1]) & (step > 180) & (step < 360 - 1e-9)
    out[wide[index[owners[1:][jumps]]]] = True
    return out


def _rings(shapes: NDArray[np.object_]) -> tuple[NDArray[np.object_], NDArray[np.int64]]:
    """Lines and rings of shapes, and whose they are."""
    parts, index = shapely.get_parts(shapes, return_index=True)
    area = shapely.get_type_id(parts) == 3
    rings, of = shapely.get_rings(parts[area], return_index=True)
    line = np.isin(shapely.get_type_id(parts), (1, 2))
    owners = np.concatenate([index[area][of], index[line]])
    return np.concatenate([rings, parts[line]]), owners.astype(np.int64)


def _cut(shape: shapely.Geometry) -> shapely.Geometry:
    """The shape taken over the meridian as one, then cut at 180 and its eastern part brought back."""
    whole = shapely.transform(shape, _unrolled, include_z=shape.has_z)
    if not shapely.is_valid(whole):
        return shape
    west = shapely.intersection(whole, shapely.box(-180, -90, 180, 90))
    east = shapely.intersection(whole, shapely.box(180, -90, 540, 90))
    back = shapely.transform(east, _back, include_z=shape.has_z)
    parts = [p for g in (west, back) for p in shapely.get_parts(g) if p.geom_type == _single(shape)]
    return shapely.MultiPolygon(parts) if _single(shape) == "Polygon" else shapely.MultiLineString(parts)


def _unrolled(places: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.column_stack([np.where(places[:, 0] < 0, places[:, 0] + 360, places[:, 0]), places[:, 1:]])


def _back(places: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.column_stack([places[:, 0] - 360, places[:, 1:]])


def _single(shape: shapely.Geometry) -> str:
    return "Polygon" if "Polygon" in shape.geom_type else "LineString"


def _valid(batch: Batch, shapes: NDArray[np.object_], *, repair: bool) -> Batch:
    bad = ~shapely.is_valid(shapes)
    if not bad.any():
        return batch
    if repair:
        return _mended(batch, shapes, bad)
    why = dict(zip(np.flatnonzero(bad).tolist(), shapely.is_valid_reason(shapes[bad]), strict=True))
    return refuse(
        batch,
        bad,
        "geom",
        lambda i: reason(why[i]),
        lambda i: _short(shapes[i], shapely.get_num_coordinates(shapes[i])),
    )


def reason(said: str) -> str:
    """GEOS's reason in our words, with the coordinate; for example `hole outside shell at 5, 5`."""
    place = PLACE.search(said)
    at = f" at {place[1]}, {place[2]}" if place else ""
    what = PLACE.sub("", said).strip().lower()
    what = {
        "hole lies outside shell": "hole outside shell",
        "ring self-intersection": "self-intersection",
    }.get(what, what)
    return f"geometry: {what}{at}"


def _mended(batch: Batch, shapes: NDArray[np.object_], bad: NDArray[np.bool_]) -> Batch:
    shapes[bad] = shapely.make_valid(shapes[bad], method="structure", keep_collapsed=False)
    numbers = ", ".join(str(n) for n in batch.table["row"].to_numpy()[bad][:5])
    note = f"{int(bad.sum())} rows were repaired (make-valid) as asked, for example {numbers}"
    mended = with_geometries(batch, shapes)
    flagged = replace(mended, table=put(mended.table, "repaired", pa.array(bad)), notes=(*batch.notes, note))
    gone = shapely.is_empty(shapes)
    return refuse(
        flagged,
        gone,
        "geom",
        lambda _: "geometry: nothing is left of it after repair",
        lambda i: wkt(shapes[i]),
    )
