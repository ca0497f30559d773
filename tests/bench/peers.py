"""The peers of the bench of the doors: each in an environment of its own, as it is installed, over the same rows."""

from __future__ import annotations

import asyncio
import io
import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import asyncpg
import httpx2
from figures import PeerMissing, environment, said
from rectangles import copied, geoparquet, rectangles

PATIENCE = 120
"""Seconds that a peer may take to start; one reads the whole table's extent first."""
POSTGRES = "PostgreSQL"
UVICORN = (
    "-m",
    "uvicorn",
    "--workers",
    "1",
    "--no-access-log",
    "--log-level",
    "warning",
    "--host",
    "127.0.0.1",
)


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a peer runs and what it reads."""

    python: Path
    folder: Path
    port: int
    url: str
    """The database with the rectangles."""
    count: int


@dataclass(frozen=True, kw_only=True)
class Peer:
    """A server of others, how it is asked and how it is started."""

    name: str
    packages: tuple[str, ...]
    application: str
    """The ASGI application that uvicorn runs with one worker."""
    items: str
    """The path of the items."""
    tile: str = ""
    """The path of a vector tile of `{z}`, `{x}`, `{y}`; empty where it makes none of this source."""
    prepared: Callable[[Place], dict[str, str]]
    """Writes what it reads into its folder; gives the environment variables that it wants."""


def filled(url: str, count: int) -> None:
    """A table of the rectangles in a database, indexed as the peers' handbooks say, and on what is filtered."""
    text = io.BytesIO("".join(copied(count)).encode())

    async def fill() -> None:
        connection = await asyncpg.connect(url)
        await connection.execute(
            "CREATE TABLE buildings (code text, name text, height double precision, storeys integer, use text,"
            " year integer, owner text, geom geometry(Polygon, 4326))"
        )
        await connection.copy_to_table("buildings", source=text)
        await connection.execute("ALTER TABLE buildings ADD PRIMARY KEY (code)")
        await connection.execute("CREATE INDEX ON buildings USING gist (geom)")
        await connection.execute("CREATE INDEX ON buildings (height)")
        await connection.execute("VACUUM ANALYZE buildings")
        await connection.close()

    asyncio.run(fill())


@contextmanager
def running(peer: Peer, folder: Path, url: str, count: int) -> Iterator[tuple[str, int]]:
    """A peer that answers: the address that its paths are under, and its process.

    Raises:
        PeerMissing: it cannot be installed, or does not start.
    """
    python = environment(f"http-{peer.name}", *peer.packages)
    folder.mkdir(parents=True, exist_ok=True)
    place = Place(python=python, folder=folder, port=free(), url=url, count=count)
    surroundings = {**os.environ, **peer.prepared(place), "PYTHONDONTWRITEBYTECODE": ""}
    command = [str(python), *UVICORN, "--port", str(place.port), peer.application]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, env=surroundings, cwd=folder, stdout=log, stderr=log)
    try:
        address = f"http://127.0.0.1:{place.port}"
        _awaited(process, f"{address}{peer.items}?limit=1", folder / "log", peer.name)
        yield address, process.pid
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()


def _awaited(process: subprocess.Popen[bytes], url: str, log: Path, name: str) -> None:
    start, answer = time.perf_counter(), ""
    while process.poll() is None and time.perf_counter() - start < PATIENCE:
        try:
            found = httpx2.get(url, timeout=PATIENCE, follow_redirects=True)
            if found.status_code == 200:
                return
            answer = found.text[-300:]
        except httpx2.TransportError:
            pass
        time.sleep(0.3)
    raise PeerMissing(f"{name} does not answer: {answer} {log.read_text()[-600:]}")


def free() -> int:
    """A port that nobody has."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _tipg(place: Place) -> dict[str, str]:
    return {"DATABASE_URL": _by_socket(place.url), "TIPG_DB_SCHEMAS": '["public"]'}


def _by_socket(url: str) -> str:
    """The address of a database with the folder of its socket as the host."""
    parts = urlsplit(url)
    folder = parse_qs(parts.query)["host"][0].replace("/", "%2F")
    return f"postgresql://{parts.username}@{folder}:5432{parts.path}"


def _pygeoapi(place: Place) -> dict[str, str]:
    parts = urlsplit(place.url)
    data = {
        "host": parse_qs(parts.query)["host"][0],
        "port": 5432,
        "dbname": parts.path[1:],
        "user": parts.username,
        "password": "",
        "search_path": ["public"],
    }
    table = {"data": data, "id_field": "code", "table": "buildings", "geom_field": "geom"}
    tiles = {
        "options": {"zoom": {"min": 0, "max": 20}},
        "format": {"name": "pbf", "mimetype": "application/vnd.mapbox-vector-tile"},
        "storage_crs": "http://www.opengis.net/def/crs/OGC/1.3/CRS84",
    }
    providers = [
        {"type": "feature", "name": "PostgreSQL", **table},
        {"type": "tile", "name": "MVT-postgresql", **table, **tiles},
    ]
    file = _configured(place, providers, f"http://127.0.0.1:{place.port}")
    described = place.folder / "openapi.yml"
    program = (
        "import os, sys; os.environ['PYGEOAPI_CONFIG'], os.environ['PYGEOAPI_OPENAPI'] = sys.argv[1:];"
        "from pathlib import Path; from pygeoapi.openapi import generate_openapi_document;"
        "Path(sys.argv[2]).write_text(generate_openapi_document(Path(sys.argv[1]), 'yaml'))"
    )
    said([place.python, "-c", program, file, described])
    return {"PYGEOAPI_CONFIG": str(file), "PYGEOAPI_OPENAPI": str(described)}


def _fastgeoapi(place: Place) -> dict[str, str]:
    """GeoParquet in Hilbert order; DuckDB's spatial extension is the one of PyPI, so that nothing is fetched."""
    file = geoparquet(place.count, place.folder / "rectangles.parquet")
    source = {"data": str(file), "id_field": "code", "geometry_column": "geometry"}
    providers = [{"type": "feature", "name": "app.provider.geoparquet.GeoParquetProvider", **source}]
    configured = _configured(place, providers, f"http://127.0.0.1:{place.port}/geoapi")
    _extended(place)
    own = {
        "HOST": "127.0.0.1",
        "PORT": str(place.port),
        "PYGEOAPI_BASEURL": f"http://127.0.0.1:{place.port}",
        "PYGEOAPI_CONFIG": str(configured),
        "PYGEOAPI_OPENAPI": str(place.folder / "openapi.yml"),
        "FASTGEOAPI_CONTEXT": "/geoapi",
        "LOG_PATH": str(place.folder),
        "LOG_LEVEL": "error",
    }
    return {"ENV_STATE": "dev", "HOME": str(place.folder), **own, **{f"DEV_{k}": v for k, v in own.items()}}


def _extended(place: Place) -> None:
    (found,) = place.python.parents[1].glob("lib/*/site-packages/duckdb_extension_spatial/extensions/*/*")
    version = found.parent.name
    target = place.folder / ".duckdb" / "extensions" / version / "linux_amd64"
    target.mkdir(parents=True, exist_ok=True)
    shutil.copy(found, target / found.name)


def _configured(place: Place, providers: list[dict[str, Any]], url: str) -> Path:
    """pygeoapi's configuration of one collection; JSON is YAML."""
    contact = {"name": "bench", "position": "", "address": "", "url": url, "email": "b@example.org"}
    document = {
        "server": {
            "bind": {"host": "127.0.0.1", "port": place.port},
            "url": url,
            "mimetype": "application/json; charset=UTF-8",
            "encoding": "utf-8",
            "gzip": False,
            "languages": ["en-US"],
            "limits": {"default_items": 10, "max_items": 10_000},
            "pretty_print": False,
            "map": {"url": "https://example.org/{z}/{x}/{y}.png", "attribution": "none"},
        },
        "logging": {"level": "ERROR"},
        "metadata": {
            "identification": {
                "title": "bench",
                "description": "bench",
                "keywords": ["bench"],
                "url": url,
                "terms_of_service": url,
                "keywords_type": "theme",
            },
            "license": {"name": "CC0", "url": url},
            "provider": {"name": "bench", "url": url},
            "contact": contact,
        },
        "resources": {
            "buildings": {
                "type": "collection",
                "title": "Buildings",
                "description": "Buildings",
                "keywords": ["buildings"],
                "links": [],
                "extents": {
                    "spatial": {
                        "bbox": list(rectangles(place.count).box),
                        "crs": "http://www.opengis.net/def/crs/OGC/1.3/CRS84",
                    }
                },
                "providers": providers,
            }
        },
    }
    path = place.folder / "config.yml"
    path.write_text(json.dumps(document))
    return path


PEERS = (
    Peer(
        name="tipg",
        packages=("tipg==1.6.1", "uvicorn", "psycopg[binary]"),
        application="tipg.main:app",
        items="/collections/public.buildings/items",
        tile="/collections/public.buildings/tiles/WebMercatorQuad/{z}/{x}/{y}",
        prepared=_tipg,
    ),
    Peer(
        name="pygeoapi",
        packages=(
            "pygeoapi==0.24.*",
            "psycopg2-binary",
            "sqlalchemy",
            "geoalchemy2",
            "pygeofilter",
            "starlette",
            "uvicorn",
        ),
        application="pygeoapi.starlette_app:APP",
        items="/collections/buildings/items",
        tile="/collections/buildings/tiles/WebMercatorQuad/{z}/{y}/{x}?f=mvt",
        prepared=_pygeoapi,
    ),
    Peer(
        name="fastgeoapi",
        packages=("fastgeoapi[geoparquet]==0.4.*", "duckdb==1.5.5", "duckdb-extension-spatial==1.5.5"),
        application="app.main:app",
        items="/geoapi/collections/buildings/items",
        prepared=_fastgeoapi,
    ),
)
