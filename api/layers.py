"""What the viewer asks of the catalogue: the site, the layers, a layer's card and its quarantine."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from api import cards
from api.ogc.params import single
from api.respond import json
from api.sensorthings import whole
from api.state import Twin, of
from twin.errors import InvalidParameter
from twin.model import BBox, LayerState
from twin.moments import text
from twin.seen_catalogue import last

router = APIRouter(prefix="/api", tags=["viewer"])
Here = Annotated[Twin, Depends(of)]
UNTITLED = {"zh": "城市一张图", "en": "Onemap Twin"}


@router.get("/site")
def site(twin: Here) -> Response:
    """What the viewer needs before anything else."""
    states = twin.store.layers(twin.policy)
    said: dict[str, Any] = orjson.loads(twin.store.kept("site") or b"{}")
    box = cards.corners(landing(states))
    return json(
        {
            "title": said.get("title", UNTITLED),
            "invented": any(s.layer.invented for s in states),
            "bbox": said.get("bbox") or box,
            "view": said.get("view"),
            "now": text(twin.now()),
            "epochs": said.get("epochs", []),
            "ground": any(s.layer.kind == "terrain" and s.count for s in states),
            "version": last(twin.store, twin.policy),
            "languages": ["zh", "en"],
        }
    )


def landing(states: tuple[LayerState, ...]) -> BBox | None:
    """The box of what is in the twin; a layer that spans the world does not decide it."""
    boxes = [s.bbox for s in states if s.bbox and s.count and s.bbox.east - s.bbox.west < 20]
    boxes = boxes or [s.bbox for s in states if s.bbox and s.count]
    if not boxes:
        return None
    first = max(boxes, key=lambda b: sum(_near(b, other) for other in boxes))
    kept = [b for b in boxes if _near(first, b)]
    return BBox(
        west=min(b.west for b in kept),
        south=min(b.south for b in kept),
        east=max(b.east for b in kept),
        north=max(b.north for b in kept),
    )


def _near(a: BBox, b: BBox) -> bool:
    return abs(a.west + a.east - b.west - b.east) < 4 and abs(a.south + a.north - b.south - b.north) < 4


@router.get("/layers")
def layers(request: Request, twin: Here) -> Response:
    """Every layer, in the order of the tree."""
    single(request.query_params, set())
    now = twin.now()
    return json(
        {
            "layers": [
                cards.summary(s, twin.store.reports(s.layer.id, twin.policy) if s.layer.due else (), now)
                for s in twin.store.layers(twin.policy)
            ]
        }
    )


@router.get("/layers/{layer}")
def layer(request: Request, layer: str, twin: Here) -> Response:
    """One layer with its columns, lineage and reports."""
    single(request.query_params, set())
    state = twin.store.layer(layer, twin.policy)
    quarantined, _ = twin.store.quarantine(layer, twin.policy, limit=1)
    return json(cards.card(state, twin.store.reports(layer, twin.policy), quarantined, twin.now()))


@router.get("/layers/{layer}/quarantine")
def quarantine(request: Request, layer: str, twin: Here) -> Response:
    """The rows that did not go in, each with its reason."""
    said = single(request.query_params, {"limit"})
    twin.store.layer(layer, twin.policy)
    count, rows = twin.store.quarantine(layer, twin.policy, limit=whole(said, "limit", 100, 10_000))
    return json({"count": count, "rows": [asdict(r) for r in rows]})


@router.get("/changes")
def changes(request: Request, twin: Here) -> Response:
    """The feed after a number, oldest first."""
    said = single(request.query_params, {"after", "limit"})
    limit = whole(said, "limit", 100, 1000)
    if limit < 1:
        raise InvalidParameter("limit must be at least 1")
    found = twin.store.changes(after=whole(said, "after", 0), limit=limit, policy=twin.policy)
    rows = [{**asdict(c), "at": text(c.at), "bbox": cards.corners(c.bbox)} for c in found]
    for row in rows:
        del row["news"]  # of use to those who pass an entry on
    return json({"changes": rows, "last": last(twin.store, twin.policy)})
