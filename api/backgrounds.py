"""Backgrounds: which there are, and their tiles, fetched here so that keys stay here."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from api.ogc.params import single
from api.respond import json
from api.state import Twin, of
from pipelines.outside import backgrounds
from pipelines.outside.backgrounds import TILINGS, Background
from pipelines.outside.fetching import picture
from twin.errors import NotFound, TileNotFound, TwinError

router = APIRouter(tags=["viewer"])
Here = Annotated[Twin, Depends(of)]
DAY = 86_400


@router.get("/api/backgrounds")
def listed(request: Request, twin: Here) -> Response:
    """The maps of others that may lie under the twin's own; nothing tells where they come from."""
    single(request.query_params, set())
    if not _admitted(twin):
        return json({"backgrounds": []})
    try:
        found = backgrounds.load(twin.settings.home)
    except TwinError as error:
        # A slip in the file must not take the rest of the page away; the message holds no value of it.
        return json({"backgrounds": [], "problem": str(error)})
    return json({"backgrounds": [shown(b) for b in found.values()]})


def shown(background: Background) -> dict[str, Any]:
    """What a browser may know of a background."""
    first, last = background.range
    return {
        "name": background.name,
        "title": {
            "zh": background.title or background.title_en or background.name,
            "en": background.title_en or background.title or background.name,
        },
        "attribution": background.attribution,
        "tiling": TILINGS[background.crs],
        "minimum": first,
        "maximum": last,
        "size": background.size,
        "bbox": background.bbox,
        "url": f"/tiles/background/{background.name}/{{z}}/{{x}}/{{y}}",
    }


@router.get("/tiles/background/{name}/{z:int}/{x:int}/{y:int}")
async def tile(request: Request, name: str, z: int, x: int, y: int, twin: Here) -> Response:
    """A tile of a background: level 0 is the world in one tile (mercator) or two (geographic), rows from the north."""
    single(request.query_params, set())
    found = await asyncio.to_thread(_found, twin, name)
    first, last = found.range
    across = 2 if TILINGS[found.crs] == "geographic" else 1
    if not first <= z <= last or not (0 <= x < across << z and 0 <= y < 1 << z):
        raise TileNotFound(
            f"background {name!r} has levels {first} to {last}; {z}/{x}/{y} is no tile of them"
        )
    body = await twin.outside.tile(found, z, x, y)
    whose = "private" if twin.policy.ruled else "public"
    headers = {"Cache-Control": f"{whose}, max-age={DAY}", "X-Content-Type-Options": "nosniff"}
    return Response(body, 200, headers, picture(body))


def _found(twin: Twin, name: str) -> Background:
    if not _admitted(twin):
        raise NotFound(f"no background {name[:80]!r}")
    return backgrounds.of(twin.settings.home, name)


def _admitted(twin: Twin) -> bool:
    """Whether the caller sees anything: who sees nothing shall not spend what the site pays for."""
    return not twin.policy.ruled or bool(twin.store.layers(twin.policy))
