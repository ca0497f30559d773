"""Styles of vector tiles (OGC API Styles, draft 20-009): MapLibre style JSON in the colours of the layers' kinds.

Nothing in a style comes from elsewhere: no glyphs and no sprites, so places are circles and nothing has a name.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Final, cast

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from api.ogc import tilesets
from api.ogc.documents import COMMON, answer
from api.ogc.links import collection_root, link, root
from api.ogc.params import single
from api.state import Twin, of
from layers.kind import Kind
from pipelines.drawing.palette import DAY, NIGHT, Palette
from twin import registry
from twin.errors import TileNotFound
from twin.model import LayerState

router = APIRouter(prefix="/ogc", tags=["tiles"])
Here = Annotated[Twin, Depends(of)]
MEDIA_TYPE: Final = "application/vnd.mapbox.style+json"
STYLES: Final = {"day": ("白天 Day", DAY), "night": ("夜间 Night", NIGHT)}
PLAIN: Final = "#9FB3BF"
"""What has no colour of its own."""
SOURCE: Final = "twin"


@router.get("/styles", operation_id=".dataset.getStyles")
def dataset_styles(request: Request) -> Response:
    """The styles of all layers together."""
    single(request.query_params, set(COMMON))
    return answer(request, _listed(request, f"{root(request)}/styles"), "document")


@router.get("/collections/{layer}/styles", operation_id=".collection.getStyles")
def layer_styles(request: Request, layer: str, twin: Here) -> Response:
    """The styles of a layer."""
    single(request.query_params, set(COMMON))
    twin.store.layer(layer, twin.policy)
    return answer(request, _listed(request, f"{collection_root(request, layer)}/styles"), "document")


@router.get("/styles/{style}", operation_id=".dataset.getStyle")
def dataset_style(request: Request, style: str, twin: Here) -> Response:
    """A style of all layers together."""
    single(request.query_params, {"f"})
    states = [s for s in twin.store.layers(twin.policy) if s.layer.geometry != "Raster"]
    return answer(request, written(request, states, None, palette(style)), "document", media_type=MEDIA_TYPE)


@router.get("/collections/{layer}/styles/{style}", operation_id=".collection.getStyle")
def layer_style(request: Request, layer: str, style: str, twin: Here) -> Response:
    """A style of a layer."""
    single(request.query_params, {"f"})
    state = twin.store.layer(layer, twin.policy)
    return answer(
        request, written(request, [state], layer, palette(style)), "document", media_type=MEDIA_TYPE
    )


def palette(style: str) -> Palette:
    """The colours of a style.

    Raises:
        TileNotFound: there is none of that name.
    """
    if style not in STYLES:
        raise TileNotFound(f"no style {style[:100]!r}; there are {', '.join(STYLES)}")
    return STYLES[style][1]


def _listed(request: Request, here: str) -> dict[str, Any]:
    return {
        "title": "Styles",
        "default": "day",
        "styles": [
            {
                "id": name,
                "title": title,
                "links": [link(f"{here}/{name}", "stylesheet", MEDIA_TYPE)],
            }
            for name, (title, _) in STYLES.items()
        ],
        "links": [link(here, "self"), link(root(request), "root")],
    }


def written(
    request: Request, states: Sequence[LayerState], layer: str | None, colours: Palette
) -> dict[str, Any]:
    """A style of some layers: areas below lines below points, each in the catalogue's order.

    See: MapLibre style specification, version 8.
    """
    every = [one for state in reversed(states) for one in drawn(state, colours)]
    rank = {"fill": 0, "line": 1, "circle": 2}
    return {
        "version": 8,
        "name": tilesets.title(states, layer),
        "sources": {
            SOURCE: {"type": "vector", "url": f"{tilesets.base(request, layer)}/WebMercatorQuad?f=tilejson"}
        },
        "layers": [
            {"id": "ground", "type": "background", "paint": {"background-color": colours.ground}},
            *sorted(every, key=lambda one: rank[one["type"]]),
        ],
    }


def drawn(state: LayerState, colours: Palette) -> list[dict[str, Any]]:
    """The style layers of a layer: one for each sort of geometry that it may have."""
    colour = coloured(cast(Kind, registry.entry("layers", "KIND", state.layer.kind)))
    geometry = state.layer.geometry
    wide: list[Any] = ["interpolate", ["linear"], ["zoom"], 8, 0.6, 14, 1.6, 18, 4]
    paints = {
        "Polygon": (
            "fill",
            {"fill-color": colour, "fill-opacity": 0.8, "fill-outline-color": colours.outline},
        ),
        "LineString": ("line", {"line-color": colour, "line-width": wide}),
        "Point": (
            "circle",
            {
                "circle-color": colour,
                "circle-radius": ["interpolate", ["linear"], ["zoom"], 8, 2, 16, 5],
                "circle-stroke-color": colours.halo,
                "circle-stroke-width": 1,
            },
        ),
    }
    return [
        {
            "id": f"{state.layer.id} {kind}",
            "type": kind,
            "source": SOURCE,
            "source-layer": state.layer.id,
            "filter": ["==", ["geometry-type"], sort],
            "paint": paint,
        }
        for sort, (kind, paint) in paints.items()
        if geometry in (sort, "Geometry")
    ]


def coloured(kind: Kind) -> str | list[Any]:
    """The colours of a kind's legend, as an expression where they depend on an attribute."""
    plain = next((one.color for one in kind.legend if one.value is None), PLAIN)
    by_value = {one.value: one.color for one in kind.legend if one.value is not None}
    if kind.legend_by is None or not by_value:
        return plain
    pairs = [part for value, colour in by_value.items() for part in (value, colour)]
    return ["match", ["get", kind.legend_by], *pairs, plain]
