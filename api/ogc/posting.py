"""A posted feature becomes a row: checked as a whole, refused as a whole."""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import replace
from datetime import datetime
from typing import Any

import orjson
import pyarrow as pa
import shapely
from starlette.exceptions import HTTPException

from api import cards
from api.state import Twin
from layers.kind import Kind
from twin import geojson_geometry, moments
from twin.errors import DuplicateId, InvalidBody, InvalidGeometry, InvalidParameter, UnknownCRS
from twin.model import Column, Delivery, LayerState, Mode, Query
from twin.table import ARROW_TYPES, TIMESTAMP, Batch

POSTED = "posted"
"""The source of what people post: no file's snapshot ever sweeps it away."""
MEMBERS = frozenset({"type", "id", "geometry", "properties", "bbox", "links", "crs"})
PERIODS = ("valid_from", "valid_to")
TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "datetime": (str,),
    "date": (str,),
    "json": (str, dict, list),
}


def post(twin: Twin, layer: str, body: Any, key: str | None) -> str:
    """Take a Feature into a layer that takes posts; its id.

    Args:
        twin: the server. layer: its id. body: the parsed body. key: the Idempotency-Key, if any.

    Raises:
        InvalidBody, InvalidGeometry, OutsideCRSArea, UnknownCRS: what is wrong with it. DuplicateId: the id is taken.
    """
    state = twin.store.layer(layer, twin.policy)
    kind = cards.kind_of(state)
    if not kind.required:
        raise HTTPException(405, f"{layer} takes no posts", headers={"Allow": "GET, HEAD"})
    digest = hashlib.sha256(orjson.dumps([layer, body], option=orjson.OPT_SORT_KEYS)).hexdigest()
    if key and (before := _seen(twin, key, digest)):
        return before
    feature, row = _row(body, state, kind, twin.now())
    query = Query(layer=layer, policy=twin.policy, ids=(feature,))
    if twin.store.count(query):
        raise DuplicateId(f"{layer} has a feature {feature[:200]!r} already; PUT replaces it")
    delivery = Delivery(source=POSTED, mode=Mode.APPEND, at=twin.now(), reader="post")
    report = twin.store.write(state.layer, [row], delivery)
    if not report.accepted:
        raise InvalidBody(f"the feature was not taken: {report.quarantined} refused")
    if key:
        twin.store.keep(f"idempotency/{key}", orjson.dumps({"digest": digest, "id": feature}))
    return feature


def _seen(twin: Twin, key: str, digest: str) -> str | None:
    kept = twin.store.kept(f"idempotency/{key}")
    if kept is None:
        return None
    said = orjson.loads(kept)
    if said["digest"] != digest:
        raise InvalidBody("this Idempotency-Key came with another body before")
    return str(said["id"])


def _row(body: Any, state: LayerState, kind: Kind, now: datetime) -> tuple[str, Batch]:
    if not isinstance(body, dict) or body.get("type") != "Feature":
        raise InvalidBody('the body must be one GeoJSON Feature ("type": "Feature")')
    if unknown := sorted(set(body) - MEMBERS):
        raise InvalidBody(f"no member {', '.join(unknown)[:200]} in a Feature")
    if body.get("crs") is not None:
        raise UnknownCRS(
            "a `crs` member is not part of GeoJSON (RFC 7946); positions are longitude, latitude"
        )
    geometry = geojson_geometry.read(body.get("geometry"))
    _fits(geometry, state)
    properties = body.get("properties")
    if not isinstance(properties, dict):
        raise InvalidBody("properties must be an object")
    values = _properties(properties, state, kind)
    feature = _identity(body.get("id"))
    start = _period(properties, "valid_from") or now
    columns: dict[str, Any] = {
        "id": pa.array([feature], pa.string()),
        "geom": pa.array([shapely.to_wkb(geometry)], pa.binary()),
        "valid_from": pa.array([start], TIMESTAMP),
        "valid_to": pa.array([_period(properties, "valid_to")], TIMESTAMP),
        "dated": pa.array(["stated"], pa.string()),
        "row": pa.array([0], pa.int64()),
    }
    for column in state.layer.columns:
        columns[column.name] = pa.array([values.get(column.name)], ARROW_TYPES[column.type])
    batch = Batch(table=pa.table(columns), crs=None)
    checked = kind.conform(batch) if kind.conform else batch
    if checked.rejected:
        refused = checked.rejected[0]
        raise InvalidBody(f"{refused.column}: {refused.reason} ({refused.original[:200]})")
    return feature, replace(checked)


def _fits(geometry: shapely.Geometry, state: LayerState) -> None:
    wanted = state.layer.geometry
    if wanted != "Geometry" and wanted not in geometry.geom_type:
        raise InvalidGeometry(f"{state.layer.id} holds {wanted}s, not a {geometry.geom_type}")


def _identity(said: Any) -> str:
    if said is None:
        return uuid.uuid4().hex
    if not isinstance(said, str | int) or isinstance(said, bool) or not 0 < len(str(said)) <= 200:
        raise InvalidBody("id must be a text of 1 to 200 characters")
    return str(said)


def _properties(given: dict[str, Any], state: LayerState, kind: Kind) -> dict[str, Any]:
    columns = {c.name: c for c in state.layer.columns}
    if unknown := sorted(set(given) - set(columns) - set(PERIODS)):
        raise InvalidBody(
            f"no property {', '.join(unknown)[:200]}; there are {', '.join([*columns, *PERIODS])}"
        )
    if missing := [name for name in kind.required if given.get(name) in (None, "")]:
        raise InvalidBody(f"the property {', '.join(missing)} is missing")
    return {name: _value(columns[name], value) for name, value in given.items() if name in columns}


def _value(column: Column, value: Any) -> Any:
    if value is None:
        return None
    wanted = TYPES[column.type]
    if not isinstance(value, wanted) or (isinstance(value, bool) and column.type != "boolean"):
        raise InvalidBody(f"{column.name} must be of type {column.type}, not {str(value)[:100]!r}")
    if column.type in ("datetime", "date"):
        moment = _moment(column.name, value)
        return moment.date() if column.type == "date" else moment
    return orjson.dumps(value).decode() if column.type == "json" and not isinstance(value, str) else value


def _period(given: dict[str, Any], name: str) -> datetime | None:
    return _moment(name, given[name]) if given.get(name) is not None else None


def _moment(name: str, value: Any) -> datetime:
    try:
        return moments.parse(str(value), name)
    except InvalidParameter as error:
        raise InvalidBody(str(error)) from error
