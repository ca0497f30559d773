"""The door to what was baked elsewhere: files of tilesets, each with its state in the path."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from api.respond import IMMUTABLE, unchanged
from api.state import Twin, of
from pipelines import baked
from pipelines.bundle import GZIP, plain

router = APIRouter(prefix="/tiles", tags=["tiles"])
Here = Annotated[Twin, Depends(of)]
TYPES: Final = {
    "json": "application/json",
    "glb": "model/gltf-binary",
    "gltf": "model/gltf+json",
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "webp": "image/webp",
    "ktx2": "image/ktx2",
}
"""By suffix; everything else is bytes, so that nothing delivered is ever a page of this site."""
OTHER: Final = "application/octet-stream"


@router.get("/{layer}/{key}/files/{row}/{path:path}")
def file(request: Request, layer: str, key: str, row: str, path: str, twin: Here) -> Response:
    """A file of a tileset that was baked elsewhere, in a state; as it was delivered."""
    data = baked.file(twin.source, twin.settings.tilesets, layer, key, row, path, policy=twin.policy)
    control = IMMUTABLE.replace("public", "private") if twin.policy.ruled else IMMUTABLE
    headers = {"ETag": f'"{key}"', "Cache-Control": control, "X-Content-Type-Options": "nosniff"}
    if (same := unchanged(request, headers)) is not None:
        return same
    media_type = TYPES.get(path.rpartition(".")[2].lower(), OTHER)
    if data.startswith(GZIP):
        headers["Vary"] = "Accept-Encoding"
        if "gzip" in request.headers.get("accept-encoding", ""):
            return Response(data, 200, {**headers, "Content-Encoding": "gzip"}, media_type)
        data = plain(data, path)
    return Response(data, 200, headers, media_type)
