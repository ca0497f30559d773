"""A layer's columns as JSON Schema: what comes back and is taken, filtered by and sorted by (Parts 3 and 5)."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from api import cards
from api.ogc.documents import COMMON, answer
from api.ogc.links import SCHEMA, collection_root
from api.ogc.params import single
from api.state import Twin, of
from twin.model import Column, LayerState
from twin.queryables import GEOMETRY, STANDARD

router = APIRouter(prefix="/ogc", tags=["features"])
Here = Annotated[Twin, Depends(of)]
DRAFT = "https://json-schema.org/draft/2020-12/schema"
TYPES: dict[str, dict[str, str]] = {
    "string": {"type": "string"},
    "integer": {"type": "integer"},
    "number": {"type": "number"},
    "boolean": {"type": "boolean"},
    "datetime": {"type": "string", "format": "date-time"},
    "date": {"type": "string", "format": "date"},
    "json": {"type": "string"},
}
ROLES = {
    "id": "id",
    "valid_from": "primary-interval-start",
    "valid_to": "primary-interval-end",
}
GIVEN_BACK = ("valid_from", "valid_to", "dated", "source", "recorded_from")
"""Standard columns that are properties of an item, in the order of its body."""
WRITABLE = ("valid_from", "valid_to")
TITLES = {
    "id": "标识 / Identifier",
    GEOMETRY: "几何 / Geometry",
    "valid_from": "有效自 / Valid from",
    "valid_to": "有效至 / Valid to",
    "recorded_from": "记录自 / Recorded from",
    "recorded_to": "记录至 / Recorded to",
    "dated": "日期依据 / What the date rests on",
    "source": "来源 / Source",
    "version": "版本 / Version",
}


@router.get("/collections/{layer}/schema")
def one_schema(request: Request, layer: str, twin: Here) -> Response:
    """What a feature's properties are, which are required, which can be written (Features Part 5)."""
    state = twin.store.layer(layer, twin.policy)
    return _document(request, state, "schema", returnables(state), needed=list(required(state)))


@router.get("/collections/{layer}/queryables")
def queryables(request: Request, layer: str, twin: Here) -> Response:
    """What can be filtered by (Features Part 3)."""
    state = twin.store.layer(layer, twin.policy)
    found = {GEOMETRY: geometry(state), **standard(tuple(STANDARD)), **own(state)}
    return _document(request, state, "queryables", found)


@router.get("/collections/{layer}/sortables")
def sortables(request: Request, layer: str, twin: Here) -> Response:
    """What can be sorted by (Features Part 5)."""
    state = twin.store.layer(layer, twin.policy)
    return _document(request, state, "sortables", {**standard(tuple(STANDARD)), **own(state)})


def required(state: LayerState) -> tuple[str, ...]:
    """The properties that a feature of the layer must have."""
    return cards.kind_of(state).required


def returnables(state: LayerState) -> dict[str, Any]:
    """The properties of an item as it comes back; what is not read-only is taken (receivables)."""
    fixed = standard(GIVEN_BACK)
    for name in GIVEN_BACK:
        if name not in WRITABLE:
            fixed[name]["readOnly"] = True
    found = {
        "id": {**standard(("id",))["id"], "readOnly": True},
        GEOMETRY: geometry(state),
        **fixed,
        **own(state),
    }
    return {name: {**text, "x-ogc-propertySeq": n + 1} for n, (name, text) in enumerate(found.items())}


def geometry(state: LayerState) -> dict[str, Any]:
    """The geometry property."""
    form = {"Geometry": "any", "Raster": "polygon"}.get(state.layer.geometry, state.layer.geometry.lower())
    return {"title": TITLES[GEOMETRY], "format": f"geometry-{form}", "x-ogc-role": "primary-geometry"}


def standard(names: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    """Standard columns by name."""
    return {
        name: {
            "title": TITLES[name],
            **TYPES[STANDARD[name]],
            **({"x-ogc-role": ROLES[name]} if name in ROLES else {}),
        }
        for name in names
    }


def own(state: LayerState) -> dict[str, dict[str, Any]]:
    """The layer's own columns by name."""
    return {column.name: described(column) for column in state.layer.columns}


def described(column: Column) -> dict[str, Any]:
    """A column as JSON Schema, with its title and unit."""
    title = column.title.zh or column.title.en
    return {
        **({"title": title} if title else {}),
        **TYPES[column.type],
        **({"x-ogc-unit": column.unit} if column.unit else {}),
    }


def _document(
    request: Request,
    state: LayerState,
    name: str,
    properties: dict[str, Any],
    *,
    needed: list[str] | None = None,
) -> Response:
    single(request.query_params, set(COMMON))
    here = collection_root(request, state.layer.id)
    document = {
        "$schema": DRAFT,
        "$id": f"{here}/{name}",
        "type": "object",
        "title": state.layer.title.zh or state.layer.id,
        "properties": properties,
        **({"required": needed} if needed else {}),
        "additionalProperties": False,
    }
    headers = {"Link": f'<{here}>; rel="collection"'}
    return answer(request, document, "schema", media_type=SCHEMA, headers=headers)
