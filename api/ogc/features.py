"""OGC API Features: collections, items, one item, its versions, and posting."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any, cast
from urllib.parse import quote, urlencode

import numpy as np
import pyarrow as pa
import pyproj
import shapely
from fastapi import APIRouter, Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response, StreamingResponse

from api import cards
from api.body import json_body
from api.ogc import crs, params, posting
from api.respond import json, negotiate, unchanged
from api.state import Twin, of
from tiles import geojson
from tiles.format import Format
from twin import moments, registry
from twin.errors import FeatureNotFound
from twin.model import LayerState, Query

router = APIRouter(prefix="/ogc", tags=["features"])
Here = Annotated[Twin, Depends(of)]
RELATION = "http://www.opengis.net/def/rel/ogc/1.0"


@router.get("/collections")
def collections(request: Request, twin: Here) -> Response:
    """Every layer as a collection (Features Part 1, 7.13)."""
    params.single(request.query_params, {"f"})
    states = [s for s in twin.store.layers(twin.policy) if has_items(s)]
    base = root(request)
    return json(
        {
            "links": [link(f"{base}/collections", "self")],
            "crs": crs.offered(""),
            "collections": [collection(s, base) for s in states],
        }
    )


@router.get("/collections/{layer}")
def one_collection(request: Request, layer: str, twin: Here) -> Response:
    """One layer as a collection."""
    params.single(request.query_params, {"f"})
    return json(collection(twin.store.layer(layer, twin.policy), root(request)))


def has_items(state: LayerState) -> bool:
    """Every layer has rows; a raster layer's rows are the outlines of its rasters."""
    return bool(state.layer.id)


def collection(state: LayerState, base: str) -> dict[str, Any]:
    """The collection document of a layer."""
    here = f"{base}/collections/{quote(state.layer.id)}"
    return {
        "id": state.layer.id,
        "title": state.layer.title.zh or state.layer.title.en or state.layer.id,
        "description": state.layer.title.en or state.layer.title.zh,
        "extent": extent(state),
        "itemType": "feature",
        "crs": crs.offered(state.layer.crs),
        "storageCrs": crs.CRS84,
        "links": [
            link(here, "self"),
            link(f"{here}/items", "items", geojson.MEDIA_TYPE),
            link(f"{here}/queryables", f"{RELATION}/queryables", "application/schema+json"),
            link(f"{here}/schema", f"{RELATION}/schema", "application/schema+json"),
        ],
    }


def extent(state: LayerState) -> dict[str, Any]:
    """Where and when the layer's rows are."""
    found: dict[str, Any] = {}
    if state.bbox:
        found["spatial"] = {"bbox": [list(state.bbox.astuple())], "crs": crs.CRS84}
    if state.time:
        found["temporal"] = {"interval": [[moments.text(t) for t in state.time]]}
    return found


@router.get("/collections/{layer}/queryables")
def queryables(request: Request, layer: str, twin: Here) -> Response:
    """The properties that may be filtered by, as JSON Schema."""
    return schema(request, twin.store.layer(layer, twin.policy), "queryables")


@router.get("/collections/{layer}/schema")
def one_schema(request: Request, layer: str, twin: Here) -> Response:
    """The layer's columns as JSON Schema (Features Part 5)."""
    return schema(request, twin.store.layer(layer, twin.policy), "schema")


JSON_TYPES: dict[str, dict[str, str]] = {
    "string": {"type": "string"},
    "integer": {"type": "integer"},
    "number": {"type": "number"},
    "boolean": {"type": "boolean"},
    "datetime": {"type": "string", "format": "date-time"},
    "date": {"type": "string", "format": "date"},
    "json": {"type": "string"},
}


def schema(request: Request, state: LayerState, name: str) -> Response:
    """JSON Schema of a layer; the geometry is `geom`."""
    params.single(request.query_params, {"f"})
    form = {"Geometry": "any", "Raster": "polygon"}.get(state.layer.geometry, state.layer.geometry.lower())
    properties: dict[str, Any] = {
        "id": {"type": "string", "x-ogc-role": "id"},
        "geom": {"format": f"geometry-{form}", "x-ogc-role": "primary-geometry"},
    }
    for column in state.layer.columns:
        title = column.title.zh or column.title.en
        properties[column.name] = {
            **JSON_TYPES[column.type],
            **({"title": title} if title else {}),
            **({"x-ogc-unit": column.unit} if column.unit else {}),
        }
    document = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"{root(request)}/collections/{quote(state.layer.id)}/{name}",
        "type": "object",
        "title": state.layer.title.zh or state.layer.id,
        "properties": properties,
        "additionalProperties": False,
    }
    return json(document, media_type="application/schema+json")


@router.get("/collections/{layer}/items")
def items(request: Request, layer: str, twin: Here) -> Response:
    """The features of a query; `numberMatched` is exact, `next` pins what was known."""
    state = twin.store.layer(layer, twin.policy)
    form = _format(request)
    most = twin.settings.max_limit
    asked = params.parse(request.query_params, state, twin.policy, form=form.name, most=most)
    query = replace(asked.query, known=asked.query.known or twin.now(), at=asked.query.at or twin.now())
    limit = query.limit or most
    table = twin.store.read(replace(query, limit=limit + 1))
    matched = twin.store.count(query)
    page, more = table.slice(0, limit), len(table) > limit
    members = {
        "numberMatched": matched,
        "numberReturned": len(page),
        "timeStamp": moments.text(twin.now()),
        "links": _links(request, query, page, more=more),
    }
    headers = {"Content-Crs": f"<{asked.crs_uri}>", "OGC-NumberMatched": str(matched)}
    chunks = form.encode([in_crs(page, asked.crs)], members)
    return StreamingResponse(iter(chunks), headers=headers, media_type=form.media_type)


def _format(request: Request) -> Format:
    formats = cast("dict[str, Format]", registry.entries("tiles", "FORMAT"))
    return formats[negotiate(request, {name: f.media_type for name, f in formats.items()})]


def _links(request: Request, query: Query, page: pa.Table, *, more: bool) -> list[dict[str, str]]:
    here = f"{root(request)}/collections/{quote(query.layer)}"
    found = [
        link(f"{here}/items?{request.url.query}".rstrip("?"), "self", geojson.MEDIA_TYPE),
        link(here, "collection"),
    ]
    if more:
        said = {k: v for k, v in request.query_params.items() if k not in ("page", "known")}
        said["page"] = params.token(query, cast("datetime", query.known), last_key(query, page))
        found.append(link(f"{here}/items?{urlencode(said)}", "next", geojson.MEDIA_TYPE))
    return found


def last_key(query: Query, page: pa.Table) -> tuple[Any, ...]:
    """The sort values and id of a page's last row."""
    last = page.slice(len(page) - 1)
    return (*(last[key.column][0].as_py() for key in query.sort), last["id"][0].as_py())


def in_crs(table: pa.Table, target: pyproj.CRS | None) -> pa.Table:
    """The rows with `geom` in the target CRS."""
    if target is None or "geom" not in table.column_names:
        return table
    geometries = shapely.from_wkb(table["geom"].to_numpy(zero_copy_only=False))
    moved = shapely.to_wkb(crs.encode(np.asarray(geometries), target))
    at = table.column_names.index("geom")
    return table.set_column(at, "geom", pa.array(moved, pa.binary()))


@router.get("/collections/{layer}/items/{feature}")
def item(request: Request, layer: str, feature: str, twin: Here) -> Response:
    """One feature as it is, or was, at a moment."""
    twin.store.layer(layer, twin.policy)
    said = params.single(request.query_params, {"f", "crs", "datetime", "known"})
    target = crs.parse(said["crs"], "crs") if "crs" in said else None
    query = Query(
        layer=layer,
        policy=twin.policy,
        ids=(feature,),
        at=moments.parse(said["datetime"]) if "datetime" in said else twin.now(),
        known=moments.parse(said["known"], "known") if "known" in said else None,
    )
    table = twin.store.read(query)
    if not len(table):
        raise FeatureNotFound(f"no feature {feature[:200]!r} in {layer} at that moment")
    here = f"{root(request)}/collections/{quote(layer)}"
    links = [
        link(f"{here}/items/{quote(feature, safe='')}", "self", geojson.MEDIA_TYPE),
        link(here, "collection"),
        link(f"{here}/items/{quote(feature, safe='')}/versions", "version-history"),
    ]
    body = next(geojson.features(in_crs(table, target), {"links": links}))
    headers = {"Content-Crs": f"<{said.get('crs', crs.CRS84)}>", "ETag": etag(body)}
    return unchanged(request, headers) or Response(body, 200, headers, geojson.MEDIA_TYPE)


def etag(body: bytes) -> str:
    """A strong entity tag of bytes."""
    return f'"{hashlib.blake2b(body, digest_size=12).hexdigest()}"'


@router.get("/collections/{layer}/items/{feature}/versions")
def versions(request: Request, layer: str, feature: str, twin: Here) -> Response:
    """Every version of a feature that was ever believed."""
    params.single(request.query_params, {"f"})
    twin.store.layer(layer, twin.policy)
    table = twin.store.versions(layer, feature, twin.policy)
    if not len(table):
        raise FeatureNotFound(f"no feature {feature[:200]!r} was ever in {layer}")
    return json({"id": feature, "versions": list(cards.versions(table))})


@router.post("/collections/{layer}/items", status_code=201)
async def post(request: Request, layer: str, twin: Here) -> Response:
    """A new feature; it is on every open map within a second."""
    body = await json_body(request, geojson.MEDIA_TYPE, "application/json")
    key = request.headers.get("idempotency-key")
    if request.headers.get("content-crs"):
        crs.parse(request.headers["content-crs"].strip("<>"), "Content-Crs")
    feature = await run_in_threadpool(posting.post, twin, layer, body, key)
    location = f"{root(request)}/collections/{quote(layer)}/items/{quote(feature, safe='')}"
    return json({"id": feature}, 201, {"Location": location})


def link(href: str, rel: str, media_type: str = "application/json") -> dict[str, str]:
    """A link object."""
    return {"href": href, "rel": rel, "type": media_type}


def root(request: Request) -> str:
    """The OGC root as this client sees it."""
    return f"{str(request.base_url).rstrip('/')}/ogc"
