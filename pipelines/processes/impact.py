"""What lies inside a place or within a distance of it, layer by layer: counts and ids.

A filter narrows every layer that it can be asked of; the others are in the answer by name, with the reason.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import pyproj
import shapely
from pyproj.enums import TransformDirection

from pipelines.filtering import fitting
from pipelines.processes.process import Context, Process
from twin import geojson_geometry, space
from twin.errors import InvalidParameter
from twin.model import BBox, Filter, LayerState, Query, Titles

IDS = 10_000
"""Ids listed for one layer; `count` is exact beyond that and `truncated` says so."""


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """A place and how far around it."""

    geometry: dict[str, Any] = field(
        metadata={"format": "geojson-geometry", "title_zh": "位置", "title_en": "Place"}
    )
    radius: float = field(
        default=0.0,
        metadata={
            "title_zh": "半径", "title_en": "Radius", "unit": "m", "minimum": 0, "maximum": 100_000,
        },
    )  # fmt: skip
    layers: list[str] | None = field(
        default=None, metadata={"title_zh": "图层", "title_en": "Layers (all when left out)"}
    )
    filter: Filter | None = field(
        default=None, metadata={"title_zh": "过滤条件", "title_en": "Filter of each layer's features (CQL2)"}
    )


def run(inputs: Inputs, context: Context) -> dict[str, Any]:
    """A member for each layer that has something there, and each that the filter cannot be asked of.

    Such a layer's `count` is null and its `left_out` the reason. Distances are planar in an azimuthal equidistant
    projection about the place (Snyder 1987, chapter 25): exact from its middle, and within 0.1 % for the sizes
    allowed. Raises UnknownProperty or InvalidFilter when the filter fits no layer at all.
    """
    place = geojson_geometry.read(inputs.geometry)
    projection = _around(place)
    zone = (
        shapely.buffer(_project(place, projection), inputs.radius)
        if inputs.radius
        else _project(place, projection)
    )
    box = _box(zone, projection)
    states = [s for s in context.store.layers(context.policy) if s.layer.geometry != "Raster"]
    if inputs.layers is not None:
        states = _chosen(states, inputs.layers)
    left_out = fitting(inputs.filter, states)
    found = {
        s.layer.id: _left_out(s, left_out[s.layer.id])
        if s.layer.id in left_out
        else _within(s, box, zone, projection, context, inputs.filter)
        for s in states
    }
    every = inputs.layers is not None
    return {layer: answer for layer, answer in found.items() if every or answer["count"] != 0}


def _around(place: shapely.Geometry) -> pyproj.Transformer:
    middle = shapely.centroid(place)
    return space.around(middle.x, middle.y)


def _project(geometries: Any, to: pyproj.Transformer) -> Any:
    return shapely.transform(
        shapely.force_2d(geometries), lambda xy: np.column_stack(to.transform(xy[:, 0], xy[:, 1]))
    )


def _box(zone: shapely.Geometry, projection: pyproj.Transformer) -> BBox:
    a, b, c, d = zone.bounds
    west, south, east, north = projection.transform_bounds(
        a, b, c, d, densify_pts=21, direction=TransformDirection.INVERSE
    )
    return BBox(west=west, south=south, east=east, north=north)


def _chosen(states: list[LayerState], wanted: list[str]) -> list[LayerState]:
    by_id = {s.layer.id: s for s in states}
    if missing := [w for w in wanted if w not in by_id]:
        raise InvalidParameter(f"no layer {', '.join(missing)[:200]}; there are {', '.join(by_id)}")
    return [by_id[w] for w in wanted]


def _left_out(state: LayerState, reason: str) -> dict[str, Any]:
    return {"count": None, "ids": [], **_described(state), "left_out": reason}


def _described(state: LayerState) -> dict[str, Any]:
    return {"title": asdict(state.layer.title), "kind": state.layer.kind}


def _within(
    state: LayerState,
    box: BBox,
    zone: shapely.Geometry,
    projection: pyproj.Transformer,
    context: Context,
    passing: Filter | None,
) -> dict[str, Any]:
    query = Query(
        layer=state.layer.id,
        policy=context.policy,
        bbox=box,
        at=context.at,
        known=context.known,
        filter=passing,
        columns=(),
    )
    table = context.store.read(query)
    geometries = shapely.from_wkb(table["geom"].to_numpy(zero_copy_only=False))
    shapely.prepare(zone)
    inside = shapely.intersects(zone, _project(geometries, projection)) if len(table) else np.zeros(0, bool)
    ids = np.asarray(table["id"].to_pylist(), object)[inside]
    return {
        "count": len(ids),
        "ids": ids[:IDS].tolist(),
        **_described(state),
        **({"truncated": True} if len(ids) > IDS else {}),
    }


PROCESS = Process(
    name="impact",
    title=Titles(zh="影响范围", en="Impact"),
    description=Titles(
        zh="给定位置与半径，按图层列出其中的要素及数量。",
        en="Features inside or within a radius of a place, by layer.",
    ),
    inputs=Inputs,
    run=run,
)
