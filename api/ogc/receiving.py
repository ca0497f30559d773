"""A Feature that somebody sends becomes a row: checked against the layer's schema, refused as a whole."""

from __future__ import annotations

import uuid
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import shapely

from api import cards
from api.ogc import crs
from api.ogc.schema import GIVEN_BACK, WRITABLE
from layers.kind import Kind
from twin import geojson_geometry, moments
from twin.errors import InvalidBody, InvalidGeometry, InvalidParameter, UnknownCRS
from twin.model import Column, LayerState
from twin.table import ARROW_TYPES, BODY, SIZE, TIMESTAMP, Batch

MEMBERS = frozenset({"type", "id", "geometry", "properties", "bbox", "links", "crs"})
READ_ONLY = tuple(name for name in GIVEN_BACK if name not in WRITABLE)
TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "datetime": (str,),
    "date": (str,),
    "json": (str, dict, list),
}
SKEW = timedelta(minutes=5)
"""By so much a sender's clock may differ from ours."""
INTEGERS = range(-(2**63), 2**63)


def row(
    body: Any,
    state: LayerState,
    *,
    source: crs.Target = None,
    feature: str | None = None,
    old: pa.Table | None = None,
) -> Batch:
    """One row of a Feature, as the store takes it.

    Args:
        body: the parsed Feature. state: the layer.
        source: the CRS that its positions are in, axes in that CRS's own order; None is CRS84.
        feature: the id that it must have; None takes the body's own, or a new one.
        old: the row that it replaces, whose bodies stay when the footprint does.

    Raises:
        InvalidBody, InvalidGeometry, OutsideCRSArea, UnknownCRS: what is wrong with it, naming the property.
    """
    kind = cards.kind_of(state)
    geometry = _geometry(_feature(body).get("geometry"), state, source, old)
    properties = body.get("properties")
    if not isinstance(properties, dict):
        raise InvalidBody("properties must be an object")
    values = _properties(properties, state, kind, old)
    start, end = (_period(properties, name, old) for name in WRITABLE)
    _timely(start, end, old)
    columns: dict[str, Any] = {
        "id": pa.array([_identity(body.get("id"), feature)], pa.string()),
        "geom": pa.array([shapely.to_wkb(geometry)], pa.binary()),
        "valid_from": pa.array([start], TIMESTAMP),
        "valid_to": pa.array([end], TIMESTAMP),
        "dated": pa.array(["stated"], pa.string()),
        "row": pa.array([0], pa.int64()),
        **_bodies(geometry, old),
    }
    for column in state.layer.columns:
        columns[column.name] = pa.array([values.get(column.name)], ARROW_TYPES[column.type])
    return _conformed(Batch(table=pa.table(columns), crs=None), kind)


def _feature(body: Any) -> dict[str, Any]:
    if not isinstance(body, dict) or body.get("type") != "Feature":
        raise InvalidBody('the body must be a GeoJSON Feature ("type": "Feature")')
    if unknown := sorted(set(body) - MEMBERS):
        raise InvalidBody(f"no member {', '.join(unknown)[:200]} in a Feature")
    if body.get("crs") is not None:
        raise UnknownCRS("a `crs` member is not part of GeoJSON (RFC 7946); name another CRS in Content-Crs")
    return body


def _geometry(
    said: Any, state: LayerState, source: crs.Target, old: pa.Table | None
) -> shapely.Geometry | None:
    if said is None and old is not None and old["geom"][0].as_py() is None:
        return None  # it came without one and may stay so
    found = geojson_geometry.read(said, globe=source is None)
    found = crs.decode(found, source)
    wanted = state.layer.geometry
    if wanted != "Geometry" and wanted not in found.geom_type:
        raise InvalidGeometry(f"{state.layer.id} holds {wanted}s, not a {found.geom_type}")
    return found


def _conformed(batch: Batch, kind: Kind) -> Batch:
    """The row as its kind wants it."""
    checked = kind.conform(batch) if kind.conform else batch
    if checked.rejected:
        refused = checked.rejected[0]
        raise InvalidBody(f"{refused.column}: {refused.reason} ({refused.original[:200]})")
    if kind.size is not None:
        sizes = pa.array(np.asarray(kind.size(checked.table), np.float32), pa.float32())
        checked = Batch(table=checked.table.append_column(SIZE, sizes), crs=None)
    return checked


def _bodies(geometry: shapely.Geometry | None, old: pa.Table | None) -> dict[str, Any]:
    """The 3D bodies of the row that is replaced: they are of its footprint, and go when that changes."""
    if old is None or not _same(geometry, old["geom"][0].as_py()):
        return {}
    return {name: old[name] for name in old.column_names if name.startswith(BODY)}


def _same(geometry: shapely.Geometry | None, wkb: bytes | None) -> bool:
    if geometry is None or wkb is None:
        return geometry is None and wkb is None
    return bool(shapely.equals_identical(shapely.from_wkb(wkb), geometry))


def _identity(said: Any, wanted: str | None) -> str:
    if said is None:
        return wanted or uuid.uuid4().hex
    if not isinstance(said, str | int) or isinstance(said, bool) or not 0 < len(str(said)) <= 200:
        raise InvalidBody("id must be a text of 1 to 200 characters")
    if wanted is not None and str(said) != wanted:
        raise InvalidBody(
            f"id is {str(said)!r} in the body and {wanted[:200]!r} in the address; leave one out"
        )
    return str(said)


def _properties(given: dict[str, Any], state: LayerState, kind: Kind, old: pa.Table | None) -> dict[str, Any]:
    columns = {c.name: c for c in state.layer.columns}
    if unknown := sorted(set(given) - set(columns) - set(GIVEN_BACK)):
        raise InvalidBody(
            f"no property {', '.join(unknown)[:200]}; there are {', '.join([*columns, *WRITABLE])}"
        )
    if missing := [name for name in kind.required if given.get(name) in (None, "")]:
        raise InvalidBody(f"the property {', '.join(missing)} is missing")
    for name in READ_ONLY:
        if name in given and name not in columns:
            _read_only(name, given[name], old)
    return {name: _value(columns[name], value) for name, value in given.items() if name in columns}


def _read_only(name: str, value: Any, old: pa.Table | None) -> None:
    """What was read may come back as it was; it cannot be set."""
    before = old[name][0].as_py() if old is not None else None
    if isinstance(before, datetime):
        before = moments.text(before)
    if value != before:
        raise InvalidBody(f"{name} is read-only: leave it out, or send it as it was read")


def _value(column: Column, value: Any) -> Any:
    if value is None:
        return None
    wanted = TYPES[column.type]
    if not isinstance(value, wanted) or (isinstance(value, bool) and column.type != "boolean"):
        raise InvalidBody(f"{column.name} must be of type {column.type}, not {str(value)[:100]!r}")
    if column.type == "integer" and value not in INTEGERS:
        raise InvalidBody(f"{column.name} must be an integer of 64 bits, not {str(value)[:100]}")
    if column.type in ("datetime", "date"):
        moment = _moment(column.name, value)
        return _day(column.name, value, moment) if column.type == "date" else moment
    return orjson.dumps(value).decode() if column.type == "json" and not isinstance(value, str) else value


def _day(name: str, said: Any, moment: datetime) -> date:
    if len(str(said)) != len("2025-07-01"):
        raise InvalidBody(f"{name} is a date, such as 2025-07-01, not {str(said)[:100]!r}")
    return moment.date()


def _period(given: dict[str, Any], name: str, old: pa.Table | None) -> datetime | None:
    """A stated end of the period; the beginning of the row that is replaced, sent back, is not stated anew."""
    if given.get(name) is None:
        return None
    moment = _moment(name, given[name])
    if name == "valid_from" and old is not None and moment == old[name][0].as_py():
        return None
    return moment


def _timely(start: datetime | None, end: datetime | None, old: pa.Table | None) -> None:
    """Nothing, when a period can be written as it is stated: what is known changes from now on (`twin.history`)."""
    if start is not None and end is not None and start >= end:
        raise InvalidBody(f"valid_to: it ends ({moments.text(end)}) before it begins ({moments.text(start)})")
    now = datetime.now(UTC)
    if old is not None and start is not None and start < now - SKEW and (end is None or end > now + SKEW):
        raise InvalidBody(
            f"valid_from: it lies in the past ({moments.text(start)}), and what is known changes from now on; leave it "
            "out, or correct the past with a valid_to that lies in the past too"
        )


def _moment(name: str, value: Any) -> datetime:
    try:
        return moments.parse(str(value), name)
    except InvalidParameter as error:
        raise InvalidBody(str(error)) from error
