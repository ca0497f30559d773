"""Features as text to rows: parsed strictly, built by GEOS at once, and each fault of the others named."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import orjson
import pyarrow as pa
import pyproj
import shapely
from numpy.typing import NDArray

from pipelines.readers.attributes import ARROW, Type, type_of
from pipelines.readers.tables.columns import freed
from twin.errors import UnreadableFile
from twin.model import Rejected
from twin.quarantine import CUT
from twin.table import Batch

DEPTH: Final = 32
"""Of a feature's JSON."""
RINGS: Final = {"Polygon": 1, "MultiPolygon": 2}
"""Types whose coordinates hold rings, and how deep those lie."""
POSITIONS: Final = {
    "Point": 0,
    "MultiPoint": 1,
    "LineString": 1,
    "MultiLineString": 2,
    "Polygon": 2,
    "MultiPolygon": 3,
}
"""How deep positions lie in the coordinates of each type (RFC 7946 3.1)."""


@dataclass(frozen=True, kw_only=True)
class Shape:
    """What all batches of a source have in common."""

    types: Mapping[str, Type]
    """Property -> the type that holds all its values."""
    ids: bool
    """Whether features have an `id` member."""
    crs: pyproj.CRS


def parsed(text: bytes, name: str, offset: int) -> dict[str, Any]:
    """A feature's members; NaN and Infinity, which JSON does not have, are read so that they can be named.

    Raises:
        UnreadableFile: it is not JSON, or no object; names the byte.
    """
    try:
        feature = orjson.loads(text)
    except orjson.JSONDecodeError:
        feature = _lenient(text, name, offset)
    if not isinstance(feature, dict):
        raise UnreadableFile(f"{name}: no feature at byte {offset}")
    return feature


def _lenient(text: bytes, name: str, offset: int) -> Any:
    try:
        return json.loads(text)
    except UnicodeDecodeError as error:
        raise UnreadableFile(f"{name}: byte {offset + error.start} is not UTF-8 (RFC 8259 8.1)") from error
    except ValueError as error:
        at = offset + getattr(error, "pos", 0)
        raise UnreadableFile(f"{name}: not JSON at byte {at}: {getattr(error, 'msg', error)}") from error


def widen(known: Mapping[str, Type], features: Iterable[Mapping[str, Any]]) -> dict[str, Type]:
    """The properties' types with those of more features; what mixes becomes text."""
    found = dict(known)
    for feature in features:
        for name, value in (feature.get("properties") or {}).items():
            if value is not None:
                kind = type_of(value)
                before = found.get(name, kind)
                found[name] = kind if before == kind else _wider(before, kind)
            elif name not in found:
                found[name] = "null"  # type: ignore[assignment]
    return found


def _wider(one: Type, other: Type) -> Type:
    pair = {one, other} - {"null"}
    if len(pair) == 1:
        return pair.pop()
    return "number" if pair == {"integer", "number"} else "string"


def batch(
    texts: Sequence[bytes], features: Sequence[dict[str, Any]], rows: NDArray[np.int64], shape: Shape
) -> Batch:
    """The features as a batch; what GEOS could not build is refused with its fault."""
    with np.errstate(over="ignore"):
        built = shapely.from_geojson(np.array([t.decode() for t in texts], object), on_invalid="ignore")
    for i in np.flatnonzero(shapely.is_missing(built)):
        built[i] = _alone(features[int(i)])
    faults = {int(i): _fault(features[int(i)]) for i in np.flatnonzero(shapely.is_missing(built))}
    table = pa.table(_columns(features, shape) | _geometry(built, rows))
    wrong = {i: why for i, why in faults.items() if why}
    if wrong:
        table = table.filter(pa.array(~np.isin(np.arange(len(texts)), list(wrong))))
    return Batch(
        table=table,
        crs=shape.crs,
        rejected=tuple(refused(int(rows[i]), why, texts[i]) for i, why in wrong.items()),
    )


def _alone(feature: Mapping[str, Any]) -> shapely.Geometry | None:
    """A feature's geometry without its properties: NaN among those is their column's fault."""
    try:
        return shapely.from_geojson(json.dumps(feature.get("geometry"), allow_nan=False), on_invalid="ignore")
    except ValueError:
        return None


def refused(row: int, why: str, text: bytes) -> Rejected:
    """A feature that did not go in, with its text."""
    return Rejected(row=row, column="geom", reason=why, original=text[:CUT].decode("utf-8", "replace"))


def joined(one: Batch, more: Sequence[Rejected]) -> Batch:
    """The batch with more refused rows."""
    return replace(one, rejected=(*one.rejected, *more))


def _geometry(built: NDArray[np.object_], rows: NDArray[np.int64]) -> dict[str, pa.Array]:
    return {"geom": pa.array(shapely.to_wkb(built), pa.binary()), "row": pa.array(rows)}


def _columns(features: Sequence[dict[str, Any]], shape: Shape) -> dict[str, pa.Array]:
    properties = [f.get("properties") or {} for f in features]
    columns: dict[str, pa.Array] = {}
    if shape.ids:
        columns["id"] = pa.array([_text(f.get("id")) for f in features], pa.string())
    names = list(shape.types)
    for name, free in zip(names, _freed(names, ids=shape.ids), strict=True):
        columns[free] = _column([p.get(name) for p in properties], shape.types[name])
    return columns


def _freed(names: Sequence[str], *, ids: bool) -> list[str]:
    return freed(["id", *names])[1:] if ids else freed(names)


def _column(values: list[Any], kind: Type) -> pa.Array:
    if kind in ("string", "json", "null"):
        return pa.array([_text(v) for v in values], pa.string())
    return pa.array(values, ARROW[kind])


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return orjson.dumps(value, option=orjson.OPT_PASSTHROUGH_SUBCLASS).decode() if value == value else "NaN"  # noqa: PLR0124


def _fault(feature: Mapping[str, Any]) -> str | None:
    """Why a feature has no geometry; None where it says null, which is the layer's affair."""
    geometry = feature.get("geometry")
    if geometry is None:
        return None
    if not isinstance(geometry, dict) or not isinstance(geometry.get("type"), str):
        return "geometry: no geometry object (RFC 7946 3.1)"
    return _geometry_fault(geometry)


def _geometry_fault(geometry: Mapping[str, Any]) -> str:
    kind = geometry.get("type")
    if kind == "GeometryCollection":
        inner = [_geometry_fault(g) for g in geometry.get("geometries") or () if isinstance(g, dict)]
        return next(iter(inner), "geometry: a GeometryCollection without geometries")
    if kind not in POSITIONS:
        return f"geometry: no type {str(kind)[:50]!r} (RFC 7946 1.4)"
    found = _positions(geometry.get("coordinates"), POSITIONS[kind])
    if found is None:
        return f"geometry: coordinates of a {kind} are not nested as they must be"
    return _numbers(found) or _ring_fault(geometry) or f"geometry: no valid {kind}"


def _positions(coordinates: Any, depth: int) -> list[Any] | None:
    level = [coordinates]
    for _ in range(depth):
        if not all(isinstance(c, list) for c in level):
            return None
        level = [inner for c in level for inner in c]
    return level


def _numbers(positions: Sequence[Any]) -> str | None:
    for p in positions:
        if not isinstance(p, list) or len(p) < 2 or not all(type(v) in (int, float) for v in p):
            return f"geometry: {str(p)[:50]} is no position; it takes two or three numbers"
        if not all(v == v for v in p):  # noqa: PLR0124
            return "geometry: NaN"
        if not all(abs(v) < float("inf") for v in p):
            return "geometry: infinite"
    return None


def _ring_fault(geometry: Mapping[str, Any]) -> str | None:
    depth = RINGS.get(geometry["type"])
    for ring in _positions(geometry["coordinates"], depth) or () if depth else ():
        if ring and ring[0] != ring[-1]:
            return f"geometry: ring not closed; it begins at {ring[0]} and ends at {ring[-1]}"
        if 0 < len(ring) < 4:
            return f"geometry: a ring of {len(ring)} positions; it takes four (RFC 7946 3.1.6)"
    return None
