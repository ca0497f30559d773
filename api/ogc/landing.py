"""The OGC landing page and the conformance declaration."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from api.ogc import tilesets
from api.ogc.conformance import SERVER
from api.ogc.documents import COMMON, answer
from api.ogc.links import HTML, RELATION, link, root
from api.ogc.openapi import MEDIA_TYPE
from api.ogc.params import single
from api.state import Twin, of

router = APIRouter(prefix="/ogc", tags=["ogc"])


@router.get("")
@router.get("/")
def landing(request: Request, twin: Annotated[Twin, Depends(of)]) -> Response:
    """Where everything is."""
    single(request.query_params, set(COMMON))
    base = root(request)
    document = {
        "title": "城市一张图 Onemap Twin",
        "description": f"{len(twin.store.layers(twin.policy))} layers of one map, each with its history.",
        "links": [
            link(base, "self"),
            link(f"{base}/api", "service-desc", MEDIA_TYPE),
            link(f"{base}/conformance", "conformance"),
            link(f"{base}/conformance", f"{RELATION}/conformance"),
            link(f"{base}/collections", "data"),
            link(f"{base}/collections", f"{RELATION}/data"),
            link(f"{base}/processes", f"{RELATION}/processes"),
            link(f"{base}/functions", f"{RELATION}/functions"),
            *tilesets.landing_links(request),
            link(str(request.base_url), "service-doc", HTML),
        ],
    }
    return answer(request, document, "landing")


@router.get("/conformance")
def conformance(request: Request) -> Response:
    """What is implemented; nothing else is claimed."""
    single(request.query_params, set(COMMON))
    return answer(request, {"conformsTo": list(SERVER), "links": []}, "conformance")
