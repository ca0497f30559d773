"""The OGC landing page, the conformance declaration and the API description."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from api.ogc.features import RELATION, link, root
from api.ogc.params import single
from api.respond import json
from api.state import Twin, of

router = APIRouter(prefix="/ogc", tags=["ogc"])
CONFORMANCE = (
    "http://www.opengis.net/spec/ogcapi-common-1/1.0/conf/core",
    "http://www.opengis.net/spec/ogcapi-common-2/1.0/conf/collections",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/core",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/geojson",
    "http://www.opengis.net/spec/ogcapi-features-2/1.0/conf/crs",
    "http://www.opengis.net/spec/ogcapi-processes-1/1.0/conf/core",
    "http://www.opengis.net/spec/ogcapi-processes-1/1.0/conf/ogc-process-description",
    "http://www.opengis.net/spec/ogcapi-processes-1/1.0/conf/json",
)
OPENAPI = "application/vnd.oai.openapi+json;version=3.1"


@router.get("")
@router.get("/")
def landing(request: Request, twin: Annotated[Twin, Depends(of)]) -> Response:
    """Where everything is."""
    single(request.query_params, {"f"})
    base = root(request)
    return json(
        {
            "title": "城市一张图 Onemap Twin",
            "description": f"{len(twin.store.layers(twin.policy))} layers of one map, each with its history.",
            "links": [
                link(base, "self"),
                link(f"{base}/api", "service-desc", OPENAPI),
                link(f"{base}/conformance", "conformance"),
                link(f"{base}/conformance", f"{RELATION}/conformance"),
                link(f"{base}/collections", "data"),
                link(f"{base}/collections", f"{RELATION}/data"),
                link(f"{base}/processes", f"{RELATION}/processes"),
            ],
        }
    )


@router.get("/conformance")
def conformance(request: Request) -> Response:
    """What is implemented; nothing else is claimed."""
    single(request.query_params, {"f"})
    return json({"conformsTo": list(CONFORMANCE)})


@router.get("/api")
def description(request: Request) -> Response:
    """The OpenAPI document of all doors."""
    document = {**request.app.openapi(), "servers": [{"url": str(request.base_url).rstrip("/")}]}
    # GDAL 3.6 refuses the media type of OpenAPI 3.1, and reads the document all the same.
    wants = OPENAPI in request.headers.get("accept", "").replace(" ", "")
    return json(document, media_type=OPENAPI if wants else "application/json")
