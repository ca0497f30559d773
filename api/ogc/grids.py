"""Tile matrix sets as the OGC doors list them (17-083r4; 20-057, clause 8)."""

from __future__ import annotations

import logging
from functools import lru_cache
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from api.ogc.documents import COMMON, answer
from api.ogc.links import RELATION, link, root
from api.ogc.params import single
from api.state import Twin, of
from twin.errors import TileNotFound, UnreadableFile
from twin.tile_matrix_sets import BUILT, FOLDER, TileMatrixSet, load

router = APIRouter(prefix="/ogc", tags=["tiles"])
log = logging.getLogger(__name__)


@router.get("/tileMatrixSets", operation_id=".getTileMatrixSetsList")
def tile_matrix_sets(request: Request, twin: Annotated[Twin, Depends(of)]) -> Response:
    """Every tile matrix set."""
    single(request.query_params, set(COMMON))
    here = f"{root(request)}/tileMatrixSets"
    listed = [
        {
            "id": one.id,
            "title": one.title,
            **({"uri": one.uri} if one.uri else {}),
            "crs": one.crs_uri,
            "links": [
                link(f"{here}/{one.id}", "self", title=one.title),
                link(f"{here}/{one.id}", f"{RELATION}/tiling-scheme", title=one.title),
            ],
        }
        for one in sets(twin).values()
    ]
    document = {
        "title": "Tile matrix sets",
        "tileMatrixSets": listed,
        "links": [link(here, "self"), link(root(request), "root")],
    }
    return answer(request, document, "document")


@router.get("/tileMatrixSets/{tms}", operation_id=".getTileMatrixSet")
def tile_matrix_set(request: Request, tms: str, twin: Annotated[Twin, Depends(of)]) -> Response:
    """One tile matrix set."""
    single(request.query_params, set(COMMON))
    return answer(request, dict(grid(twin, tms).document), "document")


def sets(twin: Twin) -> dict[str, TileMatrixSet]:
    """The sets by name: those built in, and the files that the site brought along before the server began."""
    return _registered(twin.settings.home)


def grid(twin: Twin, name: str) -> TileMatrixSet:
    """The set of a name.

    Raises:
        TileNotFound: there is none.
    """
    found = sets(twin)
    if name not in found:
        raise TileNotFound(f"no tile matrix set {name[:100]!r}; there are {', '.join(found)}")
    return found[name]


@lru_cache(maxsize=8)
def _registered(home: Path) -> dict[str, TileMatrixSet]:
    found = {one.id: one for one in BUILT}
    for path in sorted((home / FOLDER).glob("*.json")):
        try:
            own = load(path)
        except UnreadableFile as error:
            # One broken file must not take the others' tiles away.
            log.warning("not served: %s", error)
            continue
        if own.id in found:
            log.warning("not served: %s/%s: there is a tile matrix set %r already", FOLDER, path.name, own.id)
            continue
        found[own.id] = own
    return found
