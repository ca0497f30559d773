"""The application: routes, limits, the viewer's files."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from starlette.responses import FileResponse, Response
from starlette.types import ASGIApp

from api import (
    access,
    backgrounds,
    baked,
    cors,
    errors,
    figures,
    layers,
    live,
    places,
    profile,
    proxy,
    reports,
    sensorthings,
    things,
    tiles,
)
from api.access import routes as own
from api.access.gate import Gate
from api.compress import Compress
from api.hot import Quick
from api.limits import Limits
from api.ogc import (
    collections,
    editing,
    features,
    functions,
    grids,
    landing,
    openapi,
    processes,
    schema,
    styles,
    versions,
)
from api.ogc import tiles as vector_tiles
from api.proxy import Proxied
from api.respond import IMMUTABLE, REVALIDATE
from api.state import Twin
from twin.errors import NotFound, Unavailable

CSP = (
    "default-src 'self'; img-src 'self' data: blob:; worker-src 'self' blob:; "
    "style-src 'self' 'unsafe-inline'; script-src 'self' 'wasm-unsafe-eval'; "
    "connect-src 'self' blob: data:; font-src 'self'; object-src 'none'; base-uri 'self'"
)
HASHED = ("assets/",)
"""Folders of the built viewer whose names change with their content."""
VECTOR = (grids, vector_tiles, styles)
# What is asked most comes first: each route before it is tried for each request.
OGC = (versions, features, landing, functions, openapi, collections, schema, editing, *VECTOR, processes)
"""Versions before features: an id may hold slashes."""
ROUTERS = (
    baked,
    backgrounds,
    tiles,
    *OGC,
    sensorthings,
    layers,
    figures,
    reports,
    places,
    profile,
    things,
    live,
    own,
)


def create_app(
    twin: Twin, *, static: Path, anywhere: bool = False, started: Callable[[], None] = lambda: None
) -> ASGIApp:
    """The server over a twin; `started` is called once it takes requests."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        live.connect(twin)
        started()
        yield
        twin.hub.close()

    app = FastAPI(
        title="Onemap Twin",
        version="0.1.0",
        openapi_url="/api/openapi.json",
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
    )
    app.state.twin = twin
    errors.install(app)
    for room in ROUTERS:
        app.include_router(room.router)
    _operation(app)
    _viewer(app, static)
    packed = Quick(Compress(app), twin)
    listed = cors.origins(twin.settings.cors_origins)
    known = Gate(packed, twin.access) if twin.access else packed
    hosts = access.hosts(twin.settings)
    limited = Limits(
        known, body_bytes=twin.settings.max_body_mb << 20, anywhere=anywhere, hosts=hosts, origins=listed
    )
    return Proxied(cors.shared(limited, listed), proxy.networks(twin.settings.proxies))


def _operation(app: FastAPI) -> None:
    @app.get("/healthz", tags=["operation"])
    def healthz() -> Response:
        return JSONResponse({"status": "ok"})

    @app.get("/readyz", tags=["operation"])
    def readyz(request: Request) -> Response:
        twin: Twin = request.app.state.twin
        if not twin.ready.is_set():
            return JSONResponse({"status": "starting", "detail": twin.starting}, 503, {"Retry-After": "2"})
        try:
            twin.store.last()
        except Unavailable as error:
            return JSONResponse({"status": "unavailable", "store": str(error)}, 503, {"Retry-After": "2"})
        return JSONResponse({"status": "ready"})


def _viewer(app: FastAPI, static: Path) -> None:
    root = static.resolve()

    @app.get("/{path:path}", include_in_schema=False)
    def viewer(path: str) -> Response:
        found = (root / (path or "index.html")).resolve()
        if not found.is_relative_to(root) or not found.is_file():
            raise NotFound(f"nothing is at /{path[:200]}")
        headers = {"Cache-Control": IMMUTABLE if path.startswith(HASHED) else REVALIDATE}
        if found.name == "index.html":
            headers["Content-Security-Policy"] = CSP
        return FileResponse(found, headers={**headers, "X-Content-Type-Options": "nosniff"})
