"""Tile doors: 3D Tiles, terrain, vector tiles, imagery and the drawn map.

What stands directly under a layer is "now" and revalidated; what it links to carries its state in the
path, is immutable, and may be kept for good.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any
from urllib.parse import quote, urlencode

import orjson
from fastapi import APIRouter, Depends, Request
from starlette.responses import RedirectResponse, Response

from api.hot import Kept, lasting, sent, where
from api.ogc import filters
from api.ogc.params import single
from api.respond import IMMUTABLE, REVALIDATE, unchanged
from api.state import Twin, of
from pipelines import bake, baked, imagery_tiles, map_tiles, terrain_tiles, vector_tiles
from pipelines.ground import Ground
from pipelines.tile_cache import NOTHING, QUICK
from twin import stamps
from twin.errors import InvalidParameter, TileNotFound
from twin.moments import parse
from twin.tile_matrix_sets import WEB_MERCATOR, mercator

router = APIRouter(prefix="/tiles", tags=["tiles"])
Here = Annotated[Twin, Depends(of)]
GROUND = "ground"
"""The composite of all terrain layers."""
JSON = "application/json"
PNG = "image/png"
MVT = "application/vnd.mapbox-vector-tile"
GLB = "model/gltf-binary"
TERRAIN = "application/vnd.quantized-mesh;extensions=octvertexnormals"
DEEPEST = 30
LEVELS = len(WEB_MERCATOR.matrices)
"""How the cache keeps a tile that has no bytes."""
NOW = "now"


@router.get("/{layer}/tileset.json")
def tileset(request: Request, layer: str, twin: Here) -> Response:
    """The layer as 3D Tiles 1.1, now; `at` and `known` lead to the address of that moment; `filter` narrows it."""
    said = single(request.query_params, {"at", "known", *filters.PARAMETERS})
    when: dict[str, str] = {name: said.pop(name) for name in ("at", "known") if name in said}
    if when:
        query = f"?{urlencode(said)}" if said else ""
        return RedirectResponse(f"{moment_path(layer, when)}/tileset.json{query}", 307)
    return entrance(request, layer, twin, twin.now(), twin.now())


@router.get("/{layer}/@{at}/tileset.json")
def tileset_at(request: Request, layer: str, at: str, twin: Here) -> Response:
    """The layer as 3D Tiles as it was at a moment."""
    return entrance(request, layer, twin, parse(at, "at"), twin.now())


@router.get("/{layer}/@{at}/known/{known}/tileset.json")
def tileset_known(request: Request, layer: str, at: str, known: str, twin: Here) -> Response:
    """The layer as 3D Tiles as it was at a moment, as known at another."""
    return entrance(request, layer, twin, twin.now() if at == NOW else parse(at, "at"), parse(known, "known"))


def moment_path(layer: str, said: dict[str, str]) -> str:
    """The path of a layer at a moment."""
    for name, value in said.items():
        parse(value, name)
    path = f"/tiles/{quote(layer)}/@{quote(said.get('at', NOW))}"
    return f"{path}/known/{quote(said['known'])}" if "known" in said else path


def entrance(request: Request, layer: str, twin: Twin, at: datetime, known: datetime) -> Response:
    """A root tileset JSON, revalidated by its key."""
    now = twin.now()
    said: dict[str, Any] = {"at": min(at, now), "known": min(known, now), "policy": twin.policy}
    passing = filters.read(request.query_params)
    if baked.drawn(twin.source, layer, twin.policy):
        found = baked.entrance(twin.source, twin.settings.tilesets, layer, passing=passing, **said)
    else:
        found = bake.entrance(twin.source, layer, passing=passing, **said)
    return revalidated(request, found.key, lambda: found.body, JSON)


@router.get("/{layer}/layer.json")
def terrain(request: Request, layer: str, twin: Here) -> Response:
    """The terrain's description, now; `ground` is all terrain layers as one."""
    single(request.query_params, {"extensions"})
    return described(request, layer, ground_of(twin, layer))


@router.get("/{layer}/@{at}/layer.json")
def terrain_at(request: Request, layer: str, at: str, twin: Here) -> Response:
    """The terrain's description as it was at a moment."""
    single(request.query_params, {"extensions"})
    return described(request, layer, ground_of(twin, layer, parse(at, "at")))


def ground_of(
    twin: Twin, layer: str, at: datetime | None = None, known: datetime | None = None
) -> tuple[Ground, str]:
    """A terrain layer's ground and the key of its state."""
    if layer != GROUND and twin.store.layer(layer, twin.policy).layer.kind != "terrain":
        raise TileNotFound(f"layer {layer!r} is no terrain")
    ground = twin.grounds.at(twin.policy, at=at, known=known, layer=None if layer == GROUND else layer)
    return ground, stamps.key(terrain_tiles.RECIPE, ground.stamp(None, at, known))


def described(request: Request, layer: str, found: tuple[Ground, str]) -> Response:
    """A layer.json whose tiles carry the state in their path."""
    ground, key = found
    template = f"/tiles/{quote(layer)}/{key}/{{z}}/{{x}}/{{y}}.terrain"
    return revalidated(request, key, lambda: orjson.dumps(terrain_tiles.layer_json(ground, template)), JSON)


@router.get("/map/{z}/{x}/{name}")
def drawn(request: Request, z: str, x: str, name: str, twin: Here) -> Response:
    """The drawn map, 512 pixels to a tile of WebMercatorQuad; `labels=0` without names, `dark=1` at night."""
    y, suffix = split(name)
    if suffix != "png":
        raise TileNotFound(f"the map is drawn as .png, not .{suffix[:20]}")
    said = single(request.query_params, {"at", "known", "lang", "dark", "labels", "v"})
    style = map_tiles.Style(
        lang=said.get("lang", "zh"),
        dark=flag(said, "dark", default=False),
        labels=flag(said, "labels", default=True),
    )
    when = moments(said, twin)
    key, make = drawing(twin, mercator_address(z, x, y), when["at"], when["known"], style)
    return kept(request, twin, key, make, PNG)


def drawing(
    twin: Twin, address: tuple[int, int, int], at: datetime, known: datetime, style: map_tiles.Style
) -> tuple[str, Callable[[], bytes]]:
    """The key of a picture of the map, and what draws it."""
    key = map_tiles.etag(twin.source, address, at=at, known=known, policy=twin.policy, style=style)

    def make() -> bytes:
        return map_tiles.draw(twin.source, address, at=at, known=known, policy=twin.policy, style=style)

    return key, make


def predraw(
    twin: Twin, address: tuple[int, int, int], at: datetime, known: datetime, style: map_tiles.Style
) -> None:
    """Have a picture of the map in the cache."""
    key, make = drawing(twin, address, at, known, style)
    z, x, y = address
    twin.cache.get(f"/tiles/map/{z}/{x}/{y}.png {key}", make)


def flag(said: dict[str, str], name: str, *, default: bool) -> bool:
    """A parameter that is 0 or 1."""
    value = said.get(name, str(int(default)))
    if value not in ("0", "1"):
        raise InvalidParameter(f"{name}={value[:50]!r} must be 0 or 1")
    return value == "1"


@router.get("/{layer}/{z}/{x}/{name}")
def now(request: Request, layer: str, z: str, x: str, name: str, twin: Here) -> Response:
    """A tile as it is now: `.terrain` (TMS), `.mvt` and `.png` (XYZ); `at` and `known` ask for another moment."""
    y, suffix = split(name)
    if suffix == "terrain":
        single(request.query_params, {"v"})
        ground, key = ground_of(twin, layer)
        address = terrain_address(z, x, y)
        return kept(request, twin, key, lambda: terrain_tiles.tile(ground, *address), TERRAIN)
    if suffix == "mvt":
        return vector(request, layer, mercator_address(z, x, y, LEVELS), twin)
    if suffix == "png":
        return picture(request, layer, mercator_address(z, x, y), twin)
    raise TileNotFound(f"no tiles .{suffix[:20]}; there are .terrain, .mvt and .png")


def vector(request: Request, layer: str, address: tuple[int, int, int], twin: Twin) -> Response:
    """A vector tile, of what a `filter` leaves where there is one; 204 where nothing is."""
    said = single(request.query_params, {"at", "known", "v", *filters.PARAMETERS})
    when = moments(said, twin)
    cell = mercator(*address)
    asked = vector_tiles.Asked(
        layer=layer, at=when["at"], known=when["known"], policy=twin.policy, filter=filters.read(said)
    )
    version = twin.store.last()
    key = vector_tiles.etag(twin.source, cell, asked)
    headers = state_headers(twin, key)
    if (same := unchanged(request, headers)) is not None:
        return same
    packed = twin.cache.get(
        state_address(request, twin, key), lambda: vector_tiles.tile(twin.source, cell, asked).body, QUICK
    )
    found = Kept(packed=packed, headers=headers, until=lasting(twin, (asked,)))
    twin.hot.put(where(request.scope, twin.policy.key), version, found)
    return sent(request, found)


def picture(request: Request, layer: str, address: tuple[int, int, int], twin: Twin) -> Response:
    """An imagery tile, 512 pixels; 204 where nothing is."""
    when = moments(single(request.query_params, {"at", "known", "v"}), twin)
    key = imagery_tiles.etag(
        twin.source, layer, address, at=when["at"], known=when["known"], policy=twin.policy
    )
    folder = twin.settings.rasters

    def make() -> bytes:
        return imagery_tiles.tile(
            twin.source, folder, layer, address, at=when["at"], known=when["known"], policy=twin.policy
        )

    return kept(request, twin, key, make, PNG)


def moments(said: dict[str, str], twin: Twin) -> dict[str, datetime]:
    """`at` and `known` of a query string; now where they are left out, and never later than now."""
    present = twin.now()
    return {
        name: min(parse(said[name], name), present) if name in said else present for name in ("at", "known")
    }


@router.get("/{layer}/{key}/{z}/{x}/{name}")
def immutable(request: Request, layer: str, key: str, z: str, x: str, name: str, twin: Here) -> Response:
    """A tile in a state: `.glb` and `.json` of 3D Tiles, `.terrain`."""
    y, suffix = split(name)
    narrowed = filters.read(request.query_params)

    def made(make: Callable[..., bytes]) -> bytes:
        return make(twin.source, layer, key, node(z, x, y), policy=twin.policy, passing=narrowed)

    makers: dict[str, tuple[str, Callable[[], bytes]]] = {
        "glb": (GLB, lambda: made(bake.content)),
        "json": (JSON, lambda: made(bake.branch)),
        "terrain": (TERRAIN, lambda: _terrain(twin, layer, key, terrain_address(z, x, y))),
    }
    if suffix not in makers:
        raise TileNotFound(f"no tiles .{suffix[:20]}; there are {', '.join(makers)}")
    media_type, make = makers[suffix]
    return kept(request, twin, key, make, media_type, IMMUTABLE)


def _terrain(twin: Twin, layer: str, key: str, address: tuple[int, int, int]) -> bytes:
    recipe, stamp = stamps.parse(key)
    if recipe != terrain_tiles.RECIPE:
        raise TileNotFound(f"{key[:80]} is of another edition; start from layer.json")
    ground, own = ground_of(twin, layer, stamps.moment(stamp[0]), stamps.moment(stamp[1]))
    if own != key:
        raise TileNotFound(f"{key[:80]} is no state of {layer!r}; start from layer.json")
    return terrain_tiles.tile(ground, *address)


def revalidated(request: Request, key: str, make: Callable[[], bytes], media_type: str) -> Response:
    """An answer that is asked for again each time, and 304 while its key is the same."""
    headers = {"ETag": f'"{key}"', "Cache-Control": REVALIDATE}
    return unchanged(request, headers) or Response(make(), 200, headers, media_type)


def kept(
    request: Request,
    twin: Twin,
    key: str,
    make: Callable[[], bytes],
    media_type: str,
    control: str = REVALIDATE,
) -> Response:
    """Bytes of a state, out of the cache or into it; 304 where the client has them, 204 where there are none."""
    headers = state_headers(twin, key, control)
    if (same := unchanged(request, headers)) is not None:
        return same
    packed = twin.cache.get(state_address(request, twin, key), make)
    if packed == NOTHING:
        return Response(None, 204, headers)
    if media_type != PNG and "gzip" in request.headers.get("accept-encoding", ""):
        return Response(packed, 200, {**headers, "Content-Encoding": "gzip"}, media_type)
    return Response(gzip.decompress(packed), 200, headers, media_type)


def state_headers(twin: Twin, key: str, control: str = REVALIDATE) -> dict[str, str]:
    """What goes with the bytes of a state."""
    control = control.replace("public", "private") if twin.policy.ruled else control
    return {"ETag": f'"{key}"', "Cache-Control": control, "Vary": "Accept-Encoding"}


def state_address(request: Request, twin: Twin, key: str) -> str:
    """Where the cache has a state: who may not see one must not get it by its address, so it is each policy's own."""
    return f"{request.url.path} {key} {twin.policy.key}".rstrip()


def split(name: str) -> tuple[str, str]:
    """A file name's stem and suffix."""
    stem, dot, suffix = name.rpartition(".")
    if not dot or not stem:
        raise TileNotFound(f"no tile {name[:50]!r}; it ends with .mvt, .png, .terrain, .glb or .json")
    return stem, suffix


def whole(text: str, name: str, below: int) -> int:
    """A number of a tile's address.

    Raises:
        InvalidParameter: it is no plain whole number, or none of the matrix.
    """
    if not (text.isascii() and text.isdigit() and len(text) < 12 and int(text) < below):
        raise InvalidParameter(f"{name}={text[:50]!r} must be a whole number from 0 to {below - 1}")
    return int(text)


def terrain_address(z: str, x: str, y: str) -> tuple[int, int, int]:
    """Level, column and row (from the south) of Cesium's geographic tiling: 2 x 1 tiles at level 0."""
    level = whole(z, "z", DEEPEST)
    return level, whole(x, "x", 2 << level), whole(y, "y", 1 << level)


def mercator_address(z: str, x: str, y: str, levels: int = DEEPEST) -> tuple[int, int, int]:
    """Level, column and row (from the north) of WebMercatorQuad."""
    level = whole(z, "z", levels)
    return level, whole(x, "x", 1 << level), whole(y, "y", 1 << level)


def node(z: str, x: str, y: str) -> str:
    """A 3D Tiles node's name."""
    return "/".join(str(v) for v in mercator_address(z, x, y))
