"""Tilesets in words: lists, metadata (17-083r4, clause 8) and TileJSON 3.0."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

import numpy as np
from fastapi import Request

from api.ogc import schema
from api.ogc.links import RELATION, collection_root, link, root
from tiles.mvt import MEDIA_TYPE as MVT
from twin import moments, space
from twin.model import BBox, LayerState
from twin.tile_matrix_sets import WEB_MERCATOR, TileMatrixSet, limits

DIMENSION = {"Point": 0, "LineString": 1, "Polygon": 2}
FIELDS = {"integer": "Number", "number": "Number", "boolean": "Boolean"}
WORLD = BBox(west=-180.0, south=-90.0, east=180.0, north=90.0)


def base(request: Request, layer: str | None) -> str:
    """Where the tilesets of a layer are, or of all together."""
    return f"{collection_root(request, layer) if layer else root(request)}/tiles"


def query(said: Mapping[str, str], **more: str) -> str:
    """A query string, or nothing."""
    whole = {**said, **more}
    return f"?{urlencode(whole)}" if whole else ""


def listed(
    request: Request,
    sets: Mapping[str, TileMatrixSet],
    states: Sequence[LayerState],
    said: Mapping[str, str],
    *,
    layer: str | None,
) -> dict[str, Any]:
    """The list of tilesets (20-057, /req/tilesets-list/ts-success)."""
    here = base(request, layer)
    return {
        "title": title(states, layer),
        "links": [link(here, "self"), link(root(request), "root")],
        "tilesets": [
            {
                **_named(one, states, layer),
                "links": [
                    link(f"{here}/{one.id}{query(said)}", "self", title=one.id),
                    _scheme(request, one),
                    _item(here, one, said),
                ],
            }
            for one in sets.values()
        ],
    }


def metadata(
    request: Request,
    tms: TileMatrixSet,
    states: Sequence[LayerState],
    said: Mapping[str, str],
    layer: str | None,
) -> dict[str, Any]:
    """A tileset (20-057, /req/tileset/success)."""
    here, box = base(request, layer), together(states)
    found: dict[str, Any] = {
        **_named(tms, states, layer),
        "links": [
            link(f"{here}/{tms.id}{query(said)}", "self"),
            _scheme(request, tms),
            _item(here, tms, said),
            link(collection_root(request, layer), f"{RELATION}/geodata")
            if layer
            else link(root(request), f"{RELATION}/dataset"),
        ],
        "mediaTypes": [MVT],
        "layers": [_layer(state) for state in states],
        "tileMatrixSetLimits": limits(tms, box),
    }
    if tms is WEB_MERCATOR:
        more = query(said, f="tilejson")
        found["links"].append(
            link(f"{here}/{tms.id}{more}", "describedby", "application/vnd.mapbox.tile+json", "TileJSON")
        )
    if box is not None:
        found["boundingBox"] = _corners(box)
        found["centerPoint"] = {
            "coordinates": [(box.west + box.east) / 2, (box.south + box.north) / 2],
            "crs": _corners(box)["crs"],
        }
    if states:
        found["updated"] = moments.text(max(s.updated for s in states))
    owed = list(dict.fromkeys(s.layer.attribution for s in states if s.layer.attribution))
    if owed:
        found["attribution"] = "; ".join(owed)
    return found


def _named(tms: TileMatrixSet, states: Sequence[LayerState], layer: str | None) -> dict[str, Any]:
    return {
        "title": f"{title(states, layer)} · {tms.id}",
        "dataType": "vector",
        "crs": tms.crs_uri,
        **({"tileMatrixSetURI": tms.uri} if tms.uri else {}),
        "tileMatrixSetId": tms.id,
    }


def title(states: Sequence[LayerState], layer: str | None) -> str:
    """What a tileset is called."""
    if layer is None:
        return "城市一张图 Onemap Twin"
    names = states[0].layer.title
    return names.zh or names.en or layer


def _scheme(request: Request, tms: TileMatrixSet) -> dict[str, str]:
    return link(f"{root(request)}/tileMatrixSets/{tms.id}", f"{RELATION}/tiling-scheme", title=tms.id)


def _item(here: str, tms: TileMatrixSet, said: Mapping[str, str]) -> dict[str, Any]:
    href = f"{here}/{tms.id}/{{tileMatrix}}/{{tileRow}}/{{tileCol}}{query(said)}"
    return {**link(href, "item", MVT), "templated": True}


def _layer(state: LayerState) -> dict[str, Any]:
    """A layer of the tiles."""
    found: dict[str, Any] = {
        "id": state.layer.id,
        "title": state.layer.title.zh or state.layer.title.en or state.layer.id,
        "dataType": "vector",
        "propertiesSchema": {"type": "object", "properties": {"id": {"type": "string"}, **schema.own(state)}},
    }
    if state.layer.geometry in DIMENSION:
        found["geometryDimension"] = DIMENSION[state.layer.geometry]
    if state.bbox is not None:
        found["boundingBox"] = _corners(state.bbox)
    return found


def _corners(box: BBox) -> dict[str, Any]:
    return {
        "lowerLeft": [box.west, box.south],
        "upperRight": [box.east, box.north],
        "crs": "http://www.opengis.net/def/crs/OGC/1.3/CRS84",
        "orderedAxes": ["Lon", "Lat"],
    }


def together(states: Iterable[LayerState]) -> BBox | None:
    """The box of several layers; one that crosses the antimeridian makes it the whole way round."""
    boxes = [s.bbox for s in states if s.bbox is not None]
    if not boxes:
        return None
    if len(boxes) == 1:
        return boxes[0]
    round_ = any(b.west > b.east for b in boxes)
    return BBox(
        west=-180.0 if round_ else min(b.west for b in boxes),
        south=min(b.south for b in boxes),
        east=180.0 if round_ else max(b.east for b in boxes),
        north=max(b.north for b in boxes),
    )


def tilejson(
    request: Request, states: Sequence[LayerState], said: Mapping[str, str], layer: str | None
) -> dict[str, Any]:
    """The tileset of WebMercatorQuad as TileJSON 3.0."""
    box = together(states) or WORLD
    middle = [(box.west + box.east) / 2, (box.south + box.north) / 2]
    return {
        "tilejson": "3.0.0",
        "name": title(states, layer),
        "scheme": "xyz",
        "tiles": [f"{base(request, layer)}/{WEB_MERCATOR.id}/{{z}}/{{y}}/{{x}}{query(said)}"],
        "minzoom": 0,
        "maxzoom": len(WEB_MERCATOR.matrices) - 1,
        "bounds": [box.west, max(box.south, -85.051129), box.east, min(box.north, 85.051129)],
        "center": [*middle, _zoom(box)],
        "vector_layers": [
            {
                "id": state.layer.id,
                "description": state.layer.title.zh or state.layer.title.en,
                "minzoom": 0,
                "maxzoom": len(WEB_MERCATOR.matrices) - 1,
                "fields": {
                    "id": "String",
                    **{c.name: FIELDS.get(c.type, "String") for c in state.layer.columns},
                },
            }
            for state in states
        ],
    }


def _zoom(box: BBox) -> int:
    """The level at which the box fills about a screen."""
    east, north = space.metres_per_degree((box.south + box.north) / 2)
    wide = max((box.east - box.west) * east, (box.north - box.south) * north, 100.0)
    return int(np.clip(np.log2(40_075_016 / wide) + 1, 0, 18))


def collection_links(request: Request, layer: str) -> list[dict[str, str]]:
    """What a collection says of its tiles (20-057, /req/geodata-tilesets/desc-links)."""
    return [link(base(request, layer), f"{RELATION}/tilesets-vector")]


def landing_links(request: Request) -> list[dict[str, str]]:
    """What the landing page says of tiles (20-057, /req/dataset-tilesets/landingpage)."""
    return [
        link(base(request, None), f"{RELATION}/tilesets-vector"),
        link(f"{root(request)}/tileMatrixSets", f"{RELATION}/tiling-schemes"),
        link(f"{root(request)}/styles", f"{RELATION}/styles"),
    ]
