"""OGC SensorThings API 1.1: for now Datastreams and their Observations."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any

import pyarrow as pa
from fastapi import APIRouter, Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from api.body import json_body
from api.ogc.params import single
from api.respond import json
from api.state import Twin, of
from twin.entitled import removable
from twin.errors import FeatureNotFound, InvalidBody, InvalidParameter
from twin.model import Datastream
from twin.moments import microseconds, parse_extent, text
from twin.table import TIMESTAMP

router = APIRouter(prefix="/sta/v1.1", tags=["sensorthings"])
Here = Annotated[Twin, Depends(of)]
TOP = 100
MOST = 1000
AHEAD = timedelta(minutes=10)
"""How far a sensor's clock may run ahead."""
BEHIND = timedelta(days=366)
"""How late an observation may come through this door; older series come in as files."""
MEASUREMENT = "http://www.opengis.net/def/observationType/OGC-OM/2.0/OM_Measurement"


@router.get("")
@router.get("/")
def landing(request: Request) -> Response:
    """The entity sets that there are."""
    return json({"value": [{"name": "Datastreams", "url": f"{root(request)}/Datastreams"}]})


@router.get("/Datastreams")
def datastreams(request: Request, twin: Here) -> Response:
    """Datastreams, in the order of their ids."""
    said = single(request.query_params, {"$top", "$skip", "$count"})
    top, skip = whole(said, "$top", TOP, MOST), whole(said, "$skip", 0)
    found = sorted(twin.store.datastreams(policy=twin.policy), key=lambda d: d.id)
    answer: dict[str, Any] = {"@iot.count": len(found)} if said.get("$count") == "true" else {}
    if skip + top < len(found):
        answer["@iot.nextLink"] = f"{root(request)}/Datastreams?$top={top}&$skip={skip + top}"
    answer["value"] = [entity(d, request) for d in found[skip : skip + top]]
    return json(answer)


@router.get("/Datastreams({identifier})")
def datastream(request: Request, identifier: str, twin: Here) -> Response:
    """One Datastream."""
    single(request.query_params, set())
    return json(entity(one(twin, identifier), request))


@router.get("/Datastreams({identifier})/Observations")
def observations(request: Request, identifier: str, twin: Here) -> Response:
    """Observations of a Datastream by phenomenonTime."""
    said = single(request.query_params, {"$top", "$skip", "$orderby"})
    order = said.get("$orderby", "phenomenonTime asc")
    if order not in ("phenomenonTime", "phenomenonTime asc", "phenomenonTime desc"):
        raise InvalidParameter(
            f"$orderby={order[:100]!r}; Observations are ordered by phenomenonTime asc or desc"
        )
    top, skip = whole(said, "$top", TOP, MOST), whole(said, "$skip", 0)
    found = one(twin, identifier)
    limit = skip + top + 1
    table = twin.store.observations(
        found.id, limit=limit, descending=order.endswith("desc"), policy=twin.policy
    ).slice(skip)
    answer: dict[str, Any] = {}
    if len(table) > top:
        answer["@iot.nextLink"] = (
            f"{self_link(found, request)}/Observations?$top={top}&$skip={skip + top}&$orderby={order}"
        )
    answer["value"] = [observation(row) for row in table.slice(0, top).to_pylist()]
    return json(answer)


@router.post("/Datastreams({identifier})/Observations", status_code=201)
async def observe(request: Request, identifier: str, twin: Here) -> Response:
    """One new Observation (SensorThings 1.1, 10.2)."""
    body = await json_body(request, "application/json")
    time, result = _observation(body, twin.now())
    found = await run_in_threadpool(_observe, twin, identifier, time, result)
    stamp = microseconds(time)
    where = f"{root(request)}/Observations('{found.id}@{stamp}')"
    return json(
        {"@iot.id": f"{found.id}@{stamp}", **observation({"time": time, "value": result})},
        201,
        {"Location": where},
    )


def _observe(twin: Twin, identifier: str, time: datetime, result: float | None) -> Datastream:
    found = one(twin, identifier)
    removable(twin.store, twin.policy, found.layer, [found.thing])
    table = pa.table(
        {
            "datastream": pa.array([found.id], pa.int64()),
            "time": pa.array([time], TIMESTAMP),
            "value": pa.array([result], pa.float64()),
        }
    )
    twin.store.observe(table, source="sta")
    return found


def _observation(body: Any, now: datetime) -> tuple[datetime, float | None]:
    if not isinstance(body, dict):
        raise InvalidBody("an Observation is a JSON object")
    known = {"phenomenonTime", "resultTime", "result", "resultQuality", "parameters", "validTime"}
    if unknown := sorted(set(body) - known):
        raise InvalidBody(f"no member {', '.join(unknown)[:200]}; there are {', '.join(sorted(known))}")
    result = body.get("result")
    if "result" not in body or not isinstance(result, int | float | None) or isinstance(result, bool):
        raise InvalidBody("result must be a number (or null: missing); this Datastream holds measurements")
    return _time(body.get("phenomenonTime"), now), None if result is None else float(result)


def _time(said: Any, now: datetime) -> datetime:
    if said is None:
        return now
    if not isinstance(said, str):
        raise InvalidBody("phenomenonTime must be an RFC 3339 date-time")
    try:
        found = parse_extent(said, "phenomenonTime")
    except InvalidParameter as error:
        raise InvalidBody(str(error)) from error
    moment = found if isinstance(found, datetime) else (found.end or found.start or now)
    if not now - BEHIND <= moment <= now + AHEAD:
        raise InvalidBody(
            f"phenomenonTime {said[:40]} is too far from now ({text(now)}): at most {AHEAD} ahead, {BEHIND} behind"
        )
    return moment


def one(twin: Twin, identifier: str) -> Datastream:
    """The Datastream of an id as it stands in the path."""
    if identifier.isascii() and identifier.isdigit() and len(identifier) < 19:
        found = twin.store.datastreams(ids=[int(identifier)], policy=twin.policy)
        if found:
            return found[0]
    raise FeatureNotFound(f"no Datastream {identifier[:50]!r}")


def entity(found: Datastream, request: Request) -> dict[str, Any]:
    """A Datastream as SensorThings spells it."""
    here = self_link(found, request)
    return {
        "@iot.id": found.id,
        "@iot.selfLink": here,
        "name": found.name,
        "description": f"{found.observed_property} of {found.thing}",
        "observationType": MEASUREMENT,
        "unitOfMeasurement": {"name": found.unit, "symbol": found.unit, "definition": found.unit},
        "properties": {
            "layer": found.layer,
            "thing": found.thing,
            "observedProperty": found.observed_property,
        },
        "Observations@iot.navigationLink": f"{here}/Observations",
    }


def observation(row: dict[str, Any]) -> dict[str, Any]:
    """An Observation's own members."""
    return {"phenomenonTime": text(row["time"]), "resultTime": text(row["time"]), "result": row["value"]}


def self_link(found: Datastream, request: Request) -> str:
    """The address of a Datastream."""
    return f"{root(request)}/Datastreams({found.id})"


def root(request: Request) -> str:
    """The service's root as this client sees it."""
    return f"{str(request.base_url).rstrip('/')}/sta/v1.1"


def whole(said: dict[str, str], name: str, default: int, most: int | None = None) -> int:
    """A count from the query string; one above `most` is lowered to it.

    Raises:
        InvalidParameter: it is no whole number of at least 0.
    """
    value = said.get(name, str(default))
    if not (value.isascii() and value.isdigit() and len(value) < 19):
        raise InvalidParameter(f"{name}={value[:50]!r} must be a whole number of at least 0")
    return min(int(value), most) if most is not None else int(value)
