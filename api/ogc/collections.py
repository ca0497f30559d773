"""Collections: every layer as OGC API Features lists it."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from api.ogc import conformance, crs, tilesets
from api.ogc.documents import COMMON, answer
from api.ogc.formats import formats
from api.ogc.links import HTML, RELATION, SCHEMA, collection_root, link, root
from api.ogc.params import single
from api.state import Twin, of
from twin import moments
from twin.model import Layer, LayerState

router = APIRouter(prefix="/ogc", tags=["features"])
Here = Annotated[Twin, Depends(of)]


@router.get("/collections")
def collections(request: Request, twin: Here) -> Response:
    """Every layer as a collection (Features Part 1, 7.13)."""
    single(request.query_params, set(COMMON))
    states = twin.store.layers(twin.policy)
    document = {
        "links": [link(root(request), "root")],
        "crs": crs.offered(""),
        "collections": [collection(request, s) for s in states],
    }
    return answer(request, document, "collections")


@router.get("/collections/{layer}")
def one_collection(request: Request, layer: str, twin: Here) -> Response:
    """One layer as a collection."""
    single(request.query_params, set(COMMON))
    return answer(request, collection(request, twin.store.layer(layer, twin.policy)), "collection")


def collection(request: Request, state: LayerState) -> dict[str, Any]:
    """The collection document of a layer; `conformsTo` is what can be done with this one."""
    return {
        "id": state.layer.id,
        "title": state.layer.title.zh or state.layer.title.en or state.layer.id,
        "description": state.layer.title.en or state.layer.title.zh,
        "extent": extent(state),
        **_publishing(state.layer),
        "itemType": "feature",
        "crs": crs.offered(state.layer.crs),
        "storageCrs": crs.CRS84,
        "conformsTo": conformance.of_layer(state),
        "links": _links(request, state),
    }


def _links(request: Request, state: LayerState) -> list[dict[str, str]]:
    here = collection_root(request, state.layer.id)
    items = [
        link(f"{here}/items?f={name}", "items", form.media_type, name) for name, form in formats().items()
    ]
    licence = state.layer.licence or ""
    # Features Part 1, recommendation /rec/core/fc-md-license: a link, where there is an address to lead to.
    terms = [link(licence, "license", HTML)] if licence.startswith(("https://", "http://")) else []
    return [
        *terms,
        link(here, "self"),
        link(f"{here}?f=html", "alternate", HTML),
        link(f"{here}/items", "items", "application/geo+json"),
        *items,
        link(f"{here}/items?f=html", "items", HTML, "html"),
        *(
            link(f"{here}/{name}", f"{RELATION}/{name}", SCHEMA)
            for name in ("schema", "queryables", "sortables")
        ),
        *(tilesets.collection_links(request, state.layer.id) if state.layer.geometry != "Raster" else ()),
        link(root(request), "root"),
    ]


def _publishing(layer: Layer) -> dict[str, Any]:
    """Whom to name, under which terms it is, and who answers for it, as OGC API Common and Records call them."""
    contacts = [{"organization": layer.owner, "roles": ["owner"]}] if layer.owner else None
    said = {"attribution": layer.attribution, "license": layer.licence, "contacts": contacts}
    return {name: value for name, value in said.items() if value}


def extent(state: LayerState) -> dict[str, Any]:
    """Where and when the layer's rows are."""
    found: dict[str, Any] = {}
    if state.bbox:
        found["spatial"] = {"bbox": [list(state.bbox.astuple())], "crs": crs.CRS84}
    if state.time:
        found["temporal"] = {
            "interval": [[moments.text(t) for t in state.time]],
            "trs": "http://www.opengis.net/def/uom/ISO-8601/0/Gregorian",
        }
    return found
