"""What the viewer asks of a place: search, pick, and the card of empty ground."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from statistics import median
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from api import cards
from api.ogc.params import numbers, single
from api.respond import json
from api.sensorthings import whole
from api.state import Twin, of
from pipelines import crossings, estates, numbered, positions
from pipelines.indexing import ROADS, fold
from pipelines.nearby import Place, near
from pipelines.search import Seen
from tiles.geojson import plain
from twin import space
from twin.errors import InvalidParameter
from twin.model import LayerState
from twin.moments import parse

router = APIRouter(prefix="/api", tags=["viewer"])
Here = Annotated[Twin, Depends(of)]
QUERY = 200
FARTHEST = 5000.0
"""The largest radius, metres."""
AREAS = ("zones", "parcels", "grids", "terrain", "imagery", "features")
"""Kinds that lie under everything; on the card of a place they come after what stands there."""


@router.get("/search")
def search(request: Request, twin: Here) -> Response:
    """Names and ids that fit what somebody typed, written or by sound; the coordinates and crossings that it names."""
    said = single(request.query_params, {"q", "limit"})
    text = said.get("q", "")
    if len(text) > QUERY:
        raise InvalidParameter(f"q has {len(text)} characters; at most {QUERY}")
    states = {s.layer.id: s for s in twin.store.layers(twin.policy)}
    limit = max(1, whole(said, "limit", 20, 100))
    hits = _hits(twin, text, limit, states)
    return json(
        {
            "hits": [{**h, "kind": states[h["layer"]].layer.kind} for h in hits],
            "positions": [asdict(p) for p in positions.named(text, middle(states.values()))],
            "crossings": [asdict(c) for c in _crossings(twin, text, states)[:limit]],
        }
    )


def _hits(twin: Twin, text: str, limit: int, states: dict[str, LayerState]) -> list[dict[str, Any]]:
    """Rows that fit, the best first; of an estate and a number also buildings that bear the number alone."""
    seen = Seen(store=twin.store, policy=twin.policy) if twin.policy.ruled else None
    hits = twin.index.search(text, limit, states, seen=seen)
    number = numbered.read(fold(text))
    if number is None:
        return hits
    areas = twin.index.search(number.estate, limit, states, seen=seen)
    label = cards.kinds()[estates.BUILDINGS].label
    more = estates.inside(
        number, areas, list(states.values()), store=twin.store, policy=twin.policy, label=label
    )
    every = {(h["layer"], h["id"]): h for h in (*more, *hits)}
    return sorted(every.values(), key=lambda h: -h["score"])[:limit]


def _crossings(twin: Twin, text: str, states: dict[str, LayerState]) -> list[crossings.Crossing]:
    """The crossings that a text names, in the layers of roads that the caller sees."""
    roads = [s for s in states.values() if s.layer.kind == ROADS and s.count and s.bbox]
    if not roads:
        return []
    boxes = [s.bbox for s in roads if s.bbox]
    centre = (
        median((b.west + b.east) / 2 for b in boxes),
        median((b.south + b.north) / 2 for b in boxes),
    )
    return crossings.found(
        text, twin.index, store=twin.store, policy=twin.policy, labels=_labels(roads), middle=centre
    )


def middle(states: Iterable[LayerState]) -> float | None:
    """The longitude of the site: the median of its layers' middles; None of an empty twin."""
    boxes = [s.bbox for s in states if s.bbox and s.bbox.west <= s.bbox.east]
    return median((b.west + b.east) / 2 for b in boxes) if boxes else None


@router.get("/pick")
def pick(request: Request, twin: Here) -> Response:
    """What is at or near a place, nearest first (for clicks in 2D and on flat layers)."""
    said = single(request.query_params, {"lon", "lat", "radius", "layers", "at", "known"})
    states = _states(twin, said.get("layers"))
    found = near(twin.store, states, _place(said, 5.0), twin.policy, label=_labels(states))
    found.sort(key=lambda h: (h["kind"] in AREAS, h["distance"]))
    return json({"hits": [{k: h[k] for k in ("layer", "id", "kind", "title", "distance")} for h in found]})


@router.get("/here")
def here(request: Request, twin: Here) -> Response:
    """A place: its coordinates, height, who is in charge, what is near and what is underground."""
    said = single(request.query_params, {"lon", "lat", "radius", "at", "known"})
    place = _place(said, 15.0)
    states = _states(twin, None)
    found = near(twin.store, states, place, twin.policy, label=_labels(states))
    ground = twin.grounds.at(twin.policy, at=place.at, known=place.known)
    height = float(ground.heights(np.array([place.lon]), np.array([place.lat]))[0])
    return json(
        {
            "lon": place.lon,
            "lat": place.lat,
            "height": height if np.isfinite(height) else None,
            "datum": ground.vertical,
            "projected": projected(place.lon, place.lat),
            "address": _address(twin, place),
            "grids": [grid(h["properties"]) for h in found if h["kind"] == "grids" and h["distance"] == 0],
            "near": [
                {k: h[k] for k in ("layer", "id", "kind", "title", "distance")}
                for h in found
                if h["kind"] not in (*AREAS, "networks")
            ],
            "pipes": [pipe(h) for h in found if h["kind"] == "networks"],
        }
    )


def _states(twin: Twin, wanted: str | None) -> list[LayerState]:
    states = [s for s in twin.store.layers(twin.policy) if s.layer.geometry != "Raster" and s.count]
    if wanted is None:
        return states
    ids = set(wanted.split(","))
    return [s for s in states if s.layer.id in ids]


def _labels(states: list[LayerState]) -> dict[str, str]:
    return {s.layer.id: cards.kind_of(s).label for s in states}


def _place(said: dict[str, str], radius: float) -> Place:
    if "lon" not in said or "lat" not in said:
        raise InvalidParameter("lon and lat are needed, in degrees")
    lon, lat = _one(said["lon"], "lon"), _one(said["lat"], "lat")
    if abs(lon) > 180 or abs(lat) > 90:
        raise InvalidParameter(f"lon={lon}, lat={lat} is outside the world; degrees")
    wanted = _one(said["radius"], "radius") if "radius" in said else radius
    if not 0 <= wanted <= FARTHEST:
        raise InvalidParameter(f"radius={wanted:g} must be from 0 to {FARTHEST:g} metres")
    return Place(
        lon=lon,
        lat=lat,
        radius=wanted,
        at=parse(said["at"], "at") if "at" in said else None,
        known=parse(said["known"], "known") if "known" in said else None,
    )


def _one(text: str, name: str) -> float:
    values = numbers(text, name)
    if len(values) != 1:
        raise InvalidParameter(f"{name}={text[:50]!r} must be one number")
    return values[0]


def projected(lon: float, lat: float) -> list[dict[str, Any]]:
    """Easting and northing of a place.

    In its CGCS2000 3-degree zone (EPSG:4534 to 4554, with the zone's prefix 4513 to 4533), else in UTM.
    """
    middle = round(lon / 3) * 3
    if 75 <= middle <= 135 and 0 < lat < 60:
        step = (middle - 75) // 3
        plain_, prefixed = 4534 + step, 4513 + step
        zone = f"CGCS2000 / 3-degree Gauss-Kruger CM {middle}E"
        return [_xy(plain_, zone, lon, lat), _xy(prefixed, f"{zone} ({middle // 3})", lon, lat)]
    zone_number = int((lon + 180) // 6) % 60 + 1
    return [
        _xy(
            (32600 if lat >= 0 else 32700) + zone_number,
            f"UTM {zone_number}{'N' if lat >= 0 else 'S'}",
            lon,
            lat,
        )
    ]


def _xy(code: int, name: str, lon: float, lat: float) -> dict[str, Any]:
    x, y = space.from_crs84(space.crs(f"EPSG:{code}")).transform(lon, lat)
    return {"crs": f"EPSG:{code}", "name": name, "x": round(x, 3), "y": round(y, 3)}


def _address(twin: Twin, place: Place) -> dict[str, Any] | None:
    """The nearest feature within 100 m that has an address."""
    states = [
        s
        for s in twin.store.layers(twin.policy)
        if s.count and any(c.name == "address" for c in s.layer.columns)
    ]
    around = Place(lon=place.lon, lat=place.lat, radius=100.0, at=place.at, known=place.known)
    found = near(twin.store, states, around, twin.policy, label=_labels(states))
    nearest = next((h for h in found if h["properties"].get("address")), None)
    if nearest is None:
        return None
    return {
        "text": nearest["properties"]["address"],
        "distance": nearest["distance"],
        "layer": nearest["layer"],
        "id": nearest["id"],
    }


def grid(row: dict[str, Any]) -> dict[str, Any]:
    """A grid cell and whom to call."""
    return {k: plain(row.get(k)) for k in ("id", "name", "level", "manager", "phone")}


def pipe(hit: dict[str, Any]) -> dict[str, Any]:
    """A pipe under a place."""
    row = hit["properties"]
    depths = [d for d in (row.get("from_depth"), row.get("to_depth"), row.get("depth")) if d is not None]
    facts = {k: row.get(k) for k in ("class", "type", "role", "diameter", "material", "owner")}
    return {
        **{k: hit[k] for k in ("layer", "id", "title", "distance")},
        **facts,
        "depth": round(sum(depths) / len(depths), 2) if depths else None,
    }
