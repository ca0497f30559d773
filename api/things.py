"""What the viewer asks of sensors: a thing's Datastreams, series in buckets, the latest values."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from api.ogc.params import single
from api.respond import json
from api.sensorthings import one, whole
from api.state import Twin, of
from pipelines import values
from twin.errors import InvalidParameter
from twin.moments import parse, text

router = APIRouter(prefix="/api", tags=["viewer"])
Here = Annotated[Twin, Depends(of)]
POINTS = 2000


@router.get("/things/{layer}/{thing}")
def thing(request: Request, layer: str, thing: str, twin: Here) -> Response:
    """A thing's Datastreams with their latest values."""
    single(request.query_params, set())
    twin.store.layer(layer, twin.policy)
    found = twin.store.datastreams(layer=layer, thing=thing, policy=twin.policy)
    streams = [
        {
            "id": d.id,
            "name": d.name,
            "observed_property": {"zh": d.observed_property, "en": d.observed_property},
            "unit": d.unit,
            "latest": {"time": text(d.latest_time), "value": d.latest_value} if d.latest_time else None,
            "count": d.count,
        }
        for d in found
    ]
    return json({"datastreams": streams})


@router.get("/latest/{layer}")
def latest(request: Request, layer: str, twin: Here) -> Response:
    """The latest value of each thing's first Datastream."""
    single(request.query_params, set())
    twin.store.layer(layer, twin.policy)
    return json({"values": values.latest(twin.store, layer, twin.policy)})


@router.get("/datastreams/{identifier}/series")
def series(request: Request, identifier: str, twin: Here) -> Response:
    """A Datastream's values between two moments, at most `points` buckets with min, max and mean."""
    said = single(request.query_params, {"from", "to", "points"})
    found = one(twin, identifier)
    end = parse(said["to"], "to") if "to" in said else (found.latest_time or twin.now())
    start = parse(said["from"], "from") if "from" in said else end - timedelta(days=1)
    if start >= end:
        raise InvalidParameter("`from` must be before `to`")
    points = max(1, whole(said, "points", 500, POINTS))
    table = twin.store.buckets(found.id, start=start, end=end, points=points, policy=twin.policy)
    columns = {name: table[name].to_pylist() for name in ("time", "min", "max", "mean")}
    return json(
        {
            "unit": found.unit,
            "times": [text(t) for t in columns["time"]],
            "min": columns["min"],
            "max": columns["max"],
            "mean": columns["mean"],
        }
    )
