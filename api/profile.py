"""The profile of the ground along a line, with buildings and pipes."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from api.ogc.params import numbers, single
from api.respond import json
from api.state import Twin, of
from pipelines import profile
from twin.errors import InvalidParameter
from twin.moments import parse

router = APIRouter(prefix="/api", tags=["viewer"])
Here = Annotated[Twin, Depends(of)]
MOST_PLACES = 500


@router.get("/profile")
def along(request: Request, twin: Here) -> Response:
    """Ground heights along `line` (lon,lat,lon,lat,…), the buildings that it cuts and the pipes that cross it."""
    said = single(request.query_params, {"line", "layers", "at", "known"})
    values = numbers(said.get("line", ""), "line") if said.get("line") else []
    if len(values) % 2 or not 4 <= len(values) <= 2 * MOST_PLACES:
        raise InvalidParameter(f"line must be from 2 to {MOST_PLACES} places lon,lat,lon,lat,…, in degrees")
    line = profile.line(np.array(values).reshape(-1, 2))
    by = profile.Asked(
        policy=twin.policy,
        at=parse(said["at"], "at") if "at" in said else None,
        known=parse(said["known"], "known") if "known" in said else None,
    )
    states = [s for s in twin.store.layers(twin.policy) if s.count]
    if "layers" in said:
        states = [twin.store.layer(name, twin.policy) for name in said["layers"].split(",") if name]
    ground = twin.grounds.at(twin.policy, at=by.at, known=by.known)
    buildings, pipes, left_out = profile.crossings(twin.store, line, states, ground, by)
    return json(
        {
            "length": round(line.plane.length, 2),
            "datum": ground.vertical,
            "ground": profile.ground(line, ground),
            "buildings": buildings,
            "pipes": pipes,
            "left_out": left_out,
        }
    )
