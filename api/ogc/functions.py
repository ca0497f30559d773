"""The functions that filters may call (OGC API Features Part 3, 6.3)."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.ogc.params import single
from api.respond import json
from twin import cql2

router = APIRouter(prefix="/ogc", tags=["ogc"])
KINDS: dict[str, list[str]] = {"text": ["string"], "number": ["number"], "moment": ["datetime"]}
"""What Features Part 3 calls our kinds of values."""


@router.get("/functions")
def functions(request: Request) -> Response:
    """Every function with its arguments and what it returns."""
    single(request.query_params, {"f"})
    listed: list[dict[str, Any]] = [
        {
            "name": name,
            "description": one.title,
            "arguments": [{"type": KINDS[kind]} for kind in one.takes],
            "returns": KINDS[one.gives],
        }
        for name, one in cql2.FUNCTIONS.items()
    ]
    return json({"functions": listed})
