"""The description of the OGC doors (OpenAPI 3.1), with every collection's own parameters."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.respond import json

router = APIRouter(prefix="/ogc", tags=["ogc"])
MEDIA_TYPE = "application/vnd.oai.openapi+json;version=3.1"


@router.get("/api")
def description(request: Request) -> Response:
    """The OpenAPI document of all doors."""
    document: dict[str, Any] = {
        **request.app.openapi(),
        "servers": [{"url": str(request.base_url).rstrip("/")}],
    }
    # GDAL 3.6 refuses the media type of OpenAPI 3.1, and reads the document all the same.
    wants = MEDIA_TYPE in request.headers.get("accept", "").replace(" ", "")
    return json(document, media_type=MEDIA_TYPE if wants else "application/json")
