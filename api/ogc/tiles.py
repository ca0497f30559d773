"""OGC API Tiles (20-057): vector tiles of a layer and of several layers together, in any tile matrix set."""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from api.hot import Kept, lasting, sent, where
from api.ogc import filters, grids, params, tilesets
from api.ogc.documents import COMMON, answer
from api.respond import REVALIDATE, digest, etag, json, negotiate, unchanged
from api.state import Twin, of
from pipelines import vector_tiles
from pipelines.tile_cache import QUICK
from tiles.mvt import MEDIA_TYPE as MVT
from twin import moments
from twin.errors import InvalidParameter, UnknownParameter
from twin.model import Column, Filter, Interval, LayerState, Op, Property
from twin.queryables import queryables
from twin.tile_matrix_sets import WEB_MERCATOR, Cell, TileMatrixSet, place

router = APIRouter(prefix="/ogc", tags=["tiles"])
Here = Annotated[Twin, Depends(of)]
SPEC = "http://www.opengis.net/spec"
CONFORMANCE = (
    *(
        f"{SPEC}/ogcapi-tiles-1/1.0/conf/{name}"
        for name in (
            "core", "tileset", "tilesets-list", "dataset-tilesets", "geodata-tilesets", "collections-selection",
            "datetime", "mvt",
        )
    ),
    *(
        f"{SPEC}/tms/2.0/conf/{name}"
        for name in (
            "tilematrixset", "json-tilematrixset", "tilematrixsetlimits", "json-tilematrixsetlimits",
            "tilesetmetadata", "json-tilesetmetadata",
        )
    ),
)  # fmt: skip
"""The classes that these routes make true."""
TIMES: Final = frozenset({"datetime", "known"})
NARROWING: Final = TIMES | set(filters.PARAMETERS)
SELECTION: Final = "collections"
LEFT_OUT: Final = "OGC-Tile-Left-Out"
TILEJSON: Final = "application/vnd.mapbox.tile+json"
MOST_LAYERS: Final = 100
"""Layers of one tile."""
FORM: Final = frozenset({"f"})
FORMS: Final = {"mvt": MVT}


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What the tiles of a request show, as far as its query string says."""

    states: tuple[LayerState, ...]
    at: datetime | Interval
    known: datetime
    filter: Filter | None
    said: Mapping[str, str]
    """The parameters that the tiles' own addresses carry on."""

    def of(self, state: LayerState, twin: Twin) -> vector_tiles.Asked:
        """The same of one layer."""
        return vector_tiles.Asked(
            layer=state.layer.id, at=self.at, known=self.known, policy=twin.policy, filter=self.filter
        )


@router.get("/collections/{layer}/tiles", operation_id=".collection.vector.getTileSetsList")
def layer_tilesets(request: Request, layer: str, twin: Here) -> Response:
    """The tilesets of a layer."""
    wanted = of_layer(request, layer, twin)
    document = tilesets.listed(request, grids.sets(twin), wanted.states, wanted.said, layer=layer)
    return answer(request, document, "document")


@router.get("/collections/{layer}/tiles/{tms}", operation_id=".collection.vector.getTileSet")
def layer_tileset(request: Request, layer: str, tms: str, twin: Here) -> Response:
    """A tileset of a layer: which tiles there are and where; `f=tilejson` for WebMercatorQuad."""
    return described(request, grids.grid(twin, tms), of_layer(request, layer, twin), layer)


@router.get("/tiles", operation_id=".dataset.vector.getTileSetsList")
def dataset_tilesets(request: Request, twin: Here) -> Response:
    """The tilesets of all layers together, or of those in `collections`."""
    wanted = of_dataset(request, twin)
    document = tilesets.listed(request, grids.sets(twin), wanted.states, wanted.said, layer=None)
    return answer(request, document, "document")


@router.get("/tiles/{tms}", operation_id=".dataset.vector.getTileSet")
def dataset_tileset(request: Request, tms: str, twin: Here) -> Response:
    """A tileset of several layers; `f=tilejson` for WebMercatorQuad."""
    return described(request, grids.grid(twin, tms), of_dataset(request, twin), None)


@router.get(
    "/collections/{layer}/tiles/{tms}/{tileMatrix}/{tileRow}/{tileCol}",
    operation_id=".collection.vector.getTile",
)
def layer_tile(
    request: Request,
    layer: str,
    tms: str,
    tileMatrix: str,
    tileRow: str,
    tileCol: str,
    twin: Here,
) -> Response:
    """A vector tile of a layer; 204 where nothing is."""
    asked = of_layer(request, layer, twin, FORM)
    return tile(request, twin, place(grids.grid(twin, tms), tileMatrix, tileRow, tileCol), asked)


@router.get("/tiles/{tms}/{tileMatrix}/{tileRow}/{tileCol}", operation_id=".dataset.vector.getTile")
def dataset_tile(
    request: Request,
    tms: str,
    tileMatrix: str,
    tileRow: str,
    tileCol: str,
    twin: Here,
) -> Response:
    """A vector tile of several layers (`collections=a,b`; all by default); 204 where nothing is."""
    asked = of_dataset(request, twin, FORM)
    return tile(request, twin, place(grids.grid(twin, tms), tileMatrix, tileRow, tileCol), asked)


# What is asked


def of_layer(request: Request, layer: str, twin: Twin, others: frozenset[str] = COMMON) -> Wanted:
    """What a query string asks of one layer; its properties are parameters, and so are `others`."""
    state = twin.store.layer(layer, twin.policy)
    columns = {n: Column(name=n, type=t) for n, t in queryables(state.layer.columns).items()}
    said = params.single(request.query_params, {*NARROWING, *others, *columns})
    equal = [
        Op(op="=", args=(Property(name=name), params.literal(said[name], column)))
        for name, column in columns.items()
        if name in said and name not in NARROWING | others
    ]
    narrowed = filters.read(said)
    for one in equal:
        narrowed = filters.both(one, narrowed)
    return wanted((state,), said, narrowed, twin)


def of_dataset(request: Request, twin: Twin, others: frozenset[str] = COMMON) -> Wanted:
    """What a query string asks of several layers; a filter is asked of each of them.

    Raises:
        InvalidParameter: too many layers. LayerNotFound: one that is not there.
    """
    said = params.single(request.query_params, {*NARROWING, *others, SELECTION})
    if SELECTION in said:
        names = list(dict.fromkeys(n for n in said[SELECTION].split(",") if n))
        if not 0 < len(names) <= MOST_LAYERS:
            raise InvalidParameter(f"collections takes 1 to {MOST_LAYERS} layers with commas between them")
        states = tuple(twin.store.layer(name, twin.policy) for name in names)
    else:
        states = tuple(s for s in twin.store.layers(twin.policy) if s.layer.geometry != "Raster")
        if len(states) > MOST_LAYERS:
            raise InvalidParameter(
                f"there are {len(states)} layers, too many for one tile; name up to {MOST_LAYERS} in collections"
            )
    return wanted(states, said, filters.read(said), twin)


def wanted(
    states: tuple[LayerState, ...], said: Mapping[str, str], narrowed: Filter | None, twin: Twin
) -> Wanted:
    """The request with its moment; a filter that does not fit one of the layers is refused at once."""
    now = twin.now()
    known = moments.parse(said["known"], "known") if "known" in said else now
    found = Wanted(
        states=states,
        at=moments.parse_extent(said["datetime"]) if "datetime" in said else now,
        known=min(known, now),
        filter=narrowed,
        said={name: value for name, value in said.items() if name not in ("f", "lang")},
    )
    for state in states:
        vector_tiles.filter_key(found.of(state, twin), state.layer)
    return found


# Tiles


def tile(request: Request, twin: Twin, cell: Cell, asked: Wanted) -> Response:
    """A tile, kept in memory for whoever asks next (`api.hot.Quick`)."""
    version = twin.store.last()
    found = made(request, twin, cell, asked)
    twin.hot.put(where(request.scope, twin.policy.key), version, found)
    return sent(request, found)


def made(request: Request, twin: Twin, cell: Cell, wanted_: Wanted) -> Kept:
    """A tile and how many features it leaves out, out of the cache or into it."""
    negotiate(request, FORMS)
    asked = [wanted_.of(state, twin) for state in wanted_.states]
    keys = [vector_tiles.etag(twin.source, cell, one) for one in asked]
    key = keys[0] if len(keys) == 1 else digest(k.encode() for k in keys)
    names = ",".join(one.layer for one in asked)
    address = f"/ogc/tiles {names} {cell.name} {key} {twin.policy.key}"
    fresh: list[vector_tiles.VectorTile] = []

    def parts() -> list[vector_tiles.VectorTile]:
        if not fresh:
            fresh.extend(vector_tiles.tile(twin.source, cell, one) for one in asked)
        return fresh

    # Layers of a tile are one after the other in it (vector tile specification 4.1).
    packed = twin.cache.get(address, lambda: b"".join(part.body for part in parts()), QUICK)
    left = twin.cache.get(f"{address} left out", lambda: b"%d" % sum(part.left_out for part in parts()))
    control = f"private, {REVALIDATE}" if twin.policy.ruled else REVALIDATE
    return Kept(
        packed=packed,
        headers={
            "ETag": f'"{key}"',
            "Cache-Control": control,
            "Vary": "Accept, Accept-Encoding",
            LEFT_OUT: gzip.decompress(left).decode(),
        },
        until=lasting(twin, asked),
    )


# Tilesets


def described(request: Request, tms: TileMatrixSet, wanted_: Wanted, layer: str | None) -> Response:
    """A tileset's metadata (17-083r4, clause 8), or as TileJSON 3.0."""
    form = negotiate(request, {"json": "application/json", "tilejson": TILEJSON, "html": "text/html"})
    if form != "tilejson":
        return answer(
            request, tilesets.metadata(request, tms, wanted_.states, wanted_.said, layer), "document"
        )
    if tms is not WEB_MERCATOR:
        raise UnknownParameter(f"TileJSON describes WebMercatorQuad only; ask for {tms.id} as f=json")
    body = json(tilesets.tilejson(request, wanted_.states, wanted_.said, layer), media_type=TILEJSON)
    body.headers.update({"ETag": etag(bytes(body.body)), "Cache-Control": REVALIDATE, "Vary": "Accept"})
    return unchanged(request, body.headers) or body
