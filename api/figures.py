"""What the viewer asks of two moments and of a layer's columns: differences, values, steps and sums."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import datetime
from typing import Annotated, Any

import pyarrow as pa
from fastapi import APIRouter, Depends, Request
from starlette.datastructures import QueryParams
from starlette.responses import Response

from api import cards
from api.ogc import params
from api.ogc.params import single
from api.respond import json
from api.sensorthings import whole
from api.state import Twin, of
from pipelines import differences, figures
from pipelines.differences import Difference, Side
from tiles.geojson import plain
from twin.errors import InvalidParameter, UnknownProperty
from twin.model import Column, LayerState, Query
from twin.moments import parse, text

router = APIRouter(prefix="/api", tags=["viewer"])
Here = Annotated[Twin, Depends(of)]
ASKED = ("filter", "filter-lang", "filter-crs", "bbox", "datetime", "known")
"""Parameters of an items request that say which rows are meant."""
NUMBERS = ("integer", "number")
MOST_VALUES = 50


@router.get("/differences")
def between(request: Request, twin: Here) -> Response:
    """What was added, removed and changed in layers between two moments: exact counts, and the first of each layer."""
    said = single(request.query_params, {"layers", "from", "to", "known_from", "known_to", "bbox", "limit"})
    before, after = (_side(twin, said, name) for name in ("from", "to"))
    limit = whole(said, "limit", 200, 2000)
    states = _chosen(twin, said.get("layers"))
    found = {s.layer.id: _differences(twin, s, before, after, said) for s in states}
    return json(
        {
            "from": text(before.at),
            "to": text(after.at),
            "layers": [
                {
                    "layer": layer,
                    **differences.counts(all_),
                    "differences": [_said(d) for d in all_[:limit]],
                }
                for layer, all_ in found.items()
            ],
        }
    )


def _side(twin: Twin, said: dict[str, str], name: str) -> Side:
    known = f"known_{name}"
    return Side(
        at=parse(said[name], name) if name in said else _now(twin),
        known=parse(said[known], known) if known in said else None,
    )


def _now(twin: Twin) -> datetime:
    """Now, and not before the last thing that was written."""
    return max([twin.now(), *(s.updated for s in twin.store.layers(twin.policy))])


def _chosen(twin: Twin, wanted: str | None) -> list[LayerState]:
    if wanted is not None:
        return [twin.store.layer(name, twin.policy) for name in dict.fromkeys(wanted.split(",")) if name]
    return [s for s in twin.store.layers(twin.policy) if s.layer.geometry != "Raster"]


def _differences(
    twin: Twin, state: LayerState, before: Side, after: Side, said: dict[str, str]
) -> list[Difference]:
    only = QueryParams({"bbox": said["bbox"]} if "bbox" in said else {})
    query = params.parse(only, state, twin.policy, most=1).query
    whole_ = Query(layer=state.layer.id, policy=twin.policy, bbox=query.bbox, filter=query.filter)
    return differences.between(twin.store, whole_, before, after, label=cards.kind_of(state).label)


def _said(found: Difference) -> dict[str, Any]:
    columns = {n: [plain(a), plain(b)] for n, (a, b) in found.columns.items()}
    return {**asdict(found), "columns": columns}


@router.get("/layers/{layer}/values")
def values(request: Request, layer: str, twin: Here) -> Response:
    """How a column's values are spread: the most frequent ones, and of numbers the limits between steps."""
    state = twin.store.layer(layer, twin.policy)
    said = single(request.query_params, {*ASKED, "column", "steps", "method", "limit"})
    column = _column(state, said.get("column", ""))
    table = _rows(request, twin, state, (column.name,))
    found = figures.common(_plain(table[column.name], column), whole(said, "limit", 10, MOST_VALUES))
    found["values"] = [{**v, "value": plain(v["value"])} for v in found["values"]]
    if column.type in NUMBERS:
        steps, method = whole(said, "steps", 5), said.get("method", "quantile")
        found |= figures.sums(table[column.name])
        found["breaks"] = figures.breaks(table[column.name], steps, method)
    return json({"column": column.name, "type": column.type, **found})


@router.get("/layers/{layer}/sums")
def sums(request: Request, layer: str, twin: Here) -> Response:
    """How many features a filter or a box holds, and the sums of their numbers; the first ids to show them by."""
    state = twin.store.layer(layer, twin.policy)
    said = single(request.query_params, {*ASKED, "limit"})
    numbers = [c for c in state.layer.columns if c.type in NUMBERS and c.name != "id"]
    table = _rows(request, twin, state, tuple(c.name for c in numbers))
    limit = whole(said, "limit", 500, 2000)
    columns = [{"name": c.name, "unit": c.unit, **figures.sums(table[c.name])} for c in numbers]
    return json(
        {
            "count": len(table),
            "ids": table["id"].slice(0, limit).to_pylist(),
            "columns": [c for c in columns if c["count"]],
        }
    )


def _column(state: LayerState, name: str) -> Column:
    for column in state.layer.columns:
        if column.name == name:
            return column
    names = ", ".join(c.name for c in state.layer.columns)
    if not name:
        raise InvalidParameter(f"column is needed; there are {names}")
    raise UnknownProperty(f"no property {name[:200]!r}; there are {names}")


def _plain(column: pa.ChunkedArray, described: Column) -> pa.ChunkedArray:
    """Values that can be counted: what is nested is its text."""
    return column.cast(pa.string()) if described.type == "json" else column


def _rows(request: Request, twin: Twin, state: LayerState, columns: tuple[str, ...]) -> pa.Table:
    """The rows that a request means, with these columns, all of them."""
    asked = QueryParams([(k, v) for k, v in request.query_params.multi_items() if k in ASKED])
    query = params.parse(asked, state, twin.policy, most=1).query
    at = query.at or max(twin.now(), state.updated)
    return twin.store.read(replace(query, at=at, columns=columns, geometry=False, limit=None))
