"""The description of the OGC doors (OpenAPI 3.1): every collection with its own parameters and schema."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from api.ogc import conformance, filters, schema, schemas
from api.ogc.formats import formats
from api.ogc.links import HTML, JSON, SCHEMA, root
from api.ogc.params import DEFAULT_LIMIT, MOST_OFFSET, PARAMETERS, single
from api.ogc.processes import processes
from api.respond import REVALIDATE, etag, json, unchanged
from api.state import Twin, of
from pipelines.processes.process import Process
from twin.model import LayerState
from twin.queryables import STANDARD

router = APIRouter(prefix="/ogc", tags=["ogc"])
MEDIA_TYPE = "application/vnd.oai.openapi+json;version=3.1"
GEOJSON = "application/geo+json"
PATCH = "application/merge-patch+json"
TEXT = {"type": "string"}
STATUSES = {
    "400": "a parameter is wrong or unknown",
    "404": "there is no such thing, or not for you",
    "405": "the collection takes no edits",
    "406": "no such format can be had",
    "409": "the id is taken",
    "412": "it was changed since you read it",
    "413": "more than is taken",
    "415": "another media type",
    "422": "what was sent does not fit",
    "428": "If-Match is missing",
    "503": "not now",
}


@router.get("/api")
def description(request: Request, twin: Annotated[Twin, Depends(of)]) -> Response:
    """This document."""
    single(request.query_params, {"f"})
    # GDAL 3.6 refuses the media type of OpenAPI 3.1, and reads the document all the same.
    wants = MEDIA_TYPE in request.headers.get("accept", "").replace(" ", "")
    body = json(document(request, twin), media_type=MEDIA_TYPE if wants else JSON)
    body.headers.update({"ETag": etag(bytes(body.body)), "Cache-Control": REVALIDATE, "Vary": "Accept"})
    return unchanged(request, body.headers) or body


def document(request: Request, twin: Twin) -> dict[str, Any]:
    """The whole document; routes that are no collection's are as the application has them."""
    whole = request.app.openapi()
    paths = {
        path: said
        for path, said in whole["paths"].items()
        if path.startswith("/ogc") and path not in OWN and path not in DOCUMENTS
    }
    schemas = dict(whole.get("components", {}).get("schemas", {}))
    for path, (name, media_type) in DOCUMENTS.items():
        paths[path] = {"get": read(name, f"get{name}", {media_type: {}, HTML: {}}, ["f", "lang"])}
    paths |= {f"/ogc/processes/{p.name}/execution": {"post": executed(p)} for p in processes().values()}
    for n, state in enumerate(twin.store.layers(twin.policy)):
        schemas[f"feature{n}"] = feature(state)
        schemas[f"new{n}"] = feature(state, writing=True)
        paths.update(of_layer(state, n))
    return {
        "openapi": "3.1.0",
        "info": {"title": "城市一张图 Onemap Twin", "version": whole["info"]["version"]},
        "servers": [{"url": root(request)}],
        "tags": [{"name": "ogc"}, {"name": "features"}, {"name": "processes"}],
        # From the landing page on, as in the standard's examples: there GDAL looks for what a collection takes.
        "paths": {path.removeprefix("/ogc") or "/": one for path, one in sorted(paths.items())},
        "components": {
            "schemas": {**schemas, "problem": PROBLEM},
            "parameters": parameters(twin),
            "responses": {f"e{status}": problem(text) for status, text in STATUSES.items()},
        },
    }


LAYER = "/ogc/collections/{layer}"
ITEM = f"{LAYER}/items/{{feature}}"
OWN = {LAYER, f"{LAYER}/items", ITEM, f"{ITEM}/versions"} | {
    f"{LAYER}/{name}" for name in ("schema", "queryables", "sortables")
}
"""Described for each collection by itself."""
DOCUMENTS = {
    "/ogc": ("Landing", JSON),
    "/ogc/conformance": ("Conformance", JSON),
    "/ogc/collections": ("Collections", JSON),
    "/ogc/processes": ("Processes", JSON),
}
PROBLEM = {
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {"type": TEXT, "title": TEXT, "status": {"type": "integer"}, "detail": TEXT},
}


def problem(text: str) -> dict[str, Any]:
    """An error's answer (RFC 9457)."""
    shown = {"schema": {"$ref": "#/components/schemas/problem"}}
    return {"description": text, "content": {"application/problem+json": shown}}


def parameters(twin: Twin) -> dict[str, Any]:
    """Parameters that all collections have in common."""
    moment = {"type": "string", "format": "date-time"}
    made: dict[str, tuple[dict[str, Any], str]] = {
        "f": (TEXT | {"enum": [*formats(), "html"]}, "format; the Accept header does the same"),
        "lang": (TEXT | {"enum": ["zh", "en"]}, "language of a page"),
        "datetime": (TEXT, "valid time: an instant, or start/end with `..` for an open end"),
        "known": (moment, "what the twin believed then"),
        "crs": (TEXT | {"format": "uri"}, "any EPSG CRS by its URI; axes in its own order"),
        "bbox-crs": (TEXT | {"format": "uri"}, "the CRS of bbox"),
        "limit": (
            {
                "type": "integer",
                "minimum": 1,
                "maximum": twin.settings.max_bulk_limit,
                "default": DEFAULT_LIMIT,
            },
            f"features a page; at most {twin.settings.max_limit} but for the formats that are streamed",
        ),
        "skipGeometry": ({"type": "boolean", "default": False}, "leave geometry out"),
        "page": (TEXT, "only as a `next` link gives it"),
        "offset": (
            {"type": "integer", "minimum": 0, "maximum": MOST_OFFSET, "default": 0},
            "features to pass over; `next` links are faster and hold together while somebody writes",
        ),
        "filter": (TEXT, "CQL2"),
        "filter-lang": (TEXT | {"enum": [*filters.LANGUAGES]}, "the filter's language"),
        "filter-crs": (TEXT | {"format": "uri"}, "the CRS of the filter's geometries"),
    }
    found = {name: query(name, shape, text) for name, (shape, text) in made.items()}
    found["bbox"] = listed(
        "bbox", {"type": "number"}, "west,south,east,north (or six numbers)", few=4, most=6
    )
    found["If-Match"] = {
        "name": "If-Match", "in": "header", "required": True, "schema": TEXT, "description": "the ETag of GET",
    }  # fmt: skip
    found["Content-Crs"] = {
        "name": "Content-Crs", "in": "header", "schema": TEXT, "description": "CRS of the body's positions",
    }  # fmt: skip
    found["Idempotency-Key"] = {
        "name": "Idempotency-Key", "in": "header", "schema": TEXT, "description": "the same key: one creation",
    }  # fmt: skip
    found["Accept-Datetime"] = {
        "name": "Accept-Datetime", "in": "header", "schema": TEXT, "description": "the memento nearest then",
    }  # fmt: skip
    found["featureId"] = {"name": "featureId", "in": "path", "required": True, "schema": TEXT}
    return found


def query(name: str, shape: dict[str, Any], text: str = "") -> dict[str, Any]:
    """A query parameter."""
    return {"name": name, "in": "query", "schema": shape, **({"description": text} if text else {})}


def listed(
    name: str, items: dict[str, Any], text: str, *, few: int | None = None, most: int | None = None
) -> dict[str, Any]:
    """A query parameter of values between commas."""
    bounds = {k: v for k, v in (("minItems", few), ("maxItems", most)) if v is not None}
    shape = {"type": "array", "items": items, **bounds}
    return {**query(name, shape, text), "style": "form", "explode": False}


def refs(names: Iterable[str]) -> list[dict[str, Any]]:
    """References to shared parameters."""
    return [{"$ref": f"#/components/parameters/{name}"} for name in names]


def of_layer(state: LayerState, n: int) -> dict[str, Any]:
    """The paths of a collection."""
    here = f"/ogc/collections/{quote(state.layer.id, safe='')}"
    name = state.layer.title.en or state.layer.title.zh or state.layer.id
    one = refs(["featureId"])
    found: dict[str, Any] = {
        here: {"get": read(name, f"describe{n}", {JSON: {}, HTML: {}}, ["f", "lang"])},
        f"{here}/items": {"get": items(state, n, name)},
        f"{here}/items/{{featureId}}": {"parameters": one, "get": item(n, name)},
        f"{here}/items/{{featureId}}/versions": {
            "parameters": one,
            "get": read(f"Versions of one of {name}", f"versions{n}", {GEOJSON: {}, HTML: {}}, ["f", "lang"]),
        },
    }
    for part in ("schema", "queryables", "sortables"):
        shown = read(f"{part} of {name}", f"{part}{n}", {SCHEMA: {}, HTML: {}}, ["f", "lang"])
        found[f"{here}/{part}"] = {"get": shown}
    if conformance.editable(state):
        found[f"{here}/items"]["post"] = written(f"New in {name}", f"create{n}", n, "201", together=True)
        edits = found[f"{here}/items/{{featureId}}"]
        edits["put"] = written(f"Replace one of {name}", f"replace{n}", n, "204")
        edits["patch"] = written(f"Change one of {name}", f"update{n}", n, "204", media_type=PATCH)
        edits["delete"] = {
            **said(f"End one of {name}", f"delete{n}", refs(["If-Match"]), ("404", "405", "412", "428")),
        }
        edits["delete"]["responses"]["204"] = {"description": "ended; its history remains"}
    return found


def said(
    summary: str,
    operation: str,
    parameters_: list[dict[str, Any]],
    errors: Iterable[str],
    tag: str = "features",
) -> dict[str, Any]:
    """An operation without its success."""
    responses = {status: {"$ref": f"#/components/responses/e{status}"} for status in errors}
    return {
        "summary": summary, "operationId": operation, "tags": [tag], "parameters": parameters_, "responses": responses,
    }  # fmt: skip


def read(summary: str, operation: str, content: dict[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """A GET of a document."""
    found = said(summary, operation, refs(names), ("400", "404", "406", "503"))
    found["responses"]["200"] = {"description": "as asked", "content": content}
    return found


def items(state: LayerState, n: int, name: str) -> dict[str, Any]:
    """GET of items, with the collection's properties as parameters."""
    names = [*STANDARD, *(c.name for c in state.layer.columns)]
    columns = {**schema.standard(tuple(STANDARD)), **schema.own(state)}
    shared = [p for p in PARAMETERS if p not in ("sortby", "properties")]
    signed = [sign + key for key in names for sign in ("", "-")]
    found = said(f"Features of {name}", f"items{n}", refs(shared), ("400", "404", "406", "503"))
    found["parameters"] += [
        listed("sortby", TEXT | {"enum": signed}, "properties, `-` in front for the greatest first"),
        listed("properties", TEXT | {"enum": names}, "properties wanted"),
        *(query(key, columns[key], f"{key} equals") for key in names if key not in PARAMETERS),
    ]
    features = {"type": "array", "items": {"$ref": f"#/components/schemas/feature{n}"}}
    whole = {
        "type": "object",
        "required": ["type", "features"],
        "properties": {"type": TEXT, "features": features},
    }
    content: dict[str, Any] = {form.media_type: {} for form in formats().values()}
    content |= {GEOJSON: {"schema": whole}, HTML: {}}
    found["responses"]["200"] = {"description": "a page of features", "headers": HEADERS, "content": content}
    return found


HEADERS = {
    name: {"schema": TEXT}
    for name in ("Content-Crs", "ETag", "Link", "OGC-NumberMatched", "OGC-NumberReturned")
}


def item(n: int, name: str) -> dict[str, Any]:
    """GET of a feature."""
    names = ["f", "lang", "crs", "datetime", "known", "Accept-Datetime"]
    found = read(f"One of {name}", f"item{n}", {}, names)
    shown = {"schema": {"$ref": f"#/components/schemas/feature{n}"}}
    headers = {k: {"schema": TEXT} for k in ("Content-Crs", "ETag", "Link", "Memento-Datetime")}
    found["responses"]["200"] |= {"headers": headers, "content": {GEOJSON: shown, HTML: {}}}
    return found


def written(
    summary: str, operation: str, n: int, status: str, *, media_type: str = GEOJSON, together: bool = False
) -> dict[str, Any]:
    """An operation with a body."""
    names = ["Content-Crs", "Idempotency-Key" if together else "If-Match"]
    errors = ["400", "404", "405", "413", "415", "422", *(["409"] if together else ["412", "428"])]
    found = said(summary, operation, refs(names), errors)
    shape: dict[str, Any] = {"$ref": f"#/components/schemas/new{n}"}
    if together:
        many = {"type": "object", "properties": {"features": {"type": "array", "items": shape}}}
        shape = {"anyOf": [shape, many]}
    content = {"schema": {"type": "object"} if media_type == PATCH else shape}
    found["requestBody"] = {"required": True, "content": {media_type: content}}
    found["responses"][status] = {"description": "done", "headers": {"ETag": {"schema": TEXT}}}
    return found


def executed(process: Process) -> dict[str, Any]:
    """POST of an execute request (Processes Part 1, 7.9), with the inputs of its process."""
    inputs = schemas.inputs(process)
    members = {name: {"description": one["description"], **one["schema"]} for name, one in inputs.items()}
    needed = [name for name, one in inputs.items() if one["minOccurs"]]
    moment = {"type": "string", "format": "date-time"}
    shape = {
        "type": "object",
        "required": ["inputs"],
        "properties": {
            "inputs": {"type": "object", "required": needed, "properties": members},
            "at": {**moment, "description": "the moment"},
            "known": {**moment, "description": "what the twin believed then"},
        },
    }
    errors = ("400", "404", "413", "415", "422", "503")
    found = said(process.title.en, f"execute.{process.name}", [], errors, "processes")
    found["requestBody"] = {"required": True, "content": {JSON: {"schema": shape}}}
    found["responses"]["200"] = {"description": process.description.en, "content": {JSON: {}}}
    return found


def feature(state: LayerState, *, writing: bool = False) -> dict[str, Any]:
    """A feature of a layer as JSON Schema."""
    columns = {**schema.standard(schema.WRITABLE if writing else schema.GIVEN_BACK), **schema.own(state)}
    shapes = {k: v | {"type": [v["type"], "null"]} for k, v in columns.items()}
    needed = list(schema.required(state)) if writing else []
    return {
        "type": "object",
        "title": state.layer.title.zh or state.layer.id,
        "required": ["type", "geometry", "properties", *([] if writing else ["id"])],
        "properties": {
            "type": {"const": "Feature"},
            "id": TEXT,
            "geometry": {"type": ["object", "null"]},
            "properties": {
                "type": "object", "properties": shapes, **({"required": needed} if needed else {}),
            },
        },
    }  # fmt: skip
