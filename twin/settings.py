"""What a site may set: `TWIN_*` variables, then `twin.toml` in TWIN_HOME, then the defaults here.

Made once at a front door and passed down; nothing reads the environment at import.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from twin.errors import InvalidParameter


@dataclass(frozen=True, kw_only=True)
class Settings:
    """One site's settings and where its things lie."""

    home: Path
    """The folder that everything lives in."""
    store: str = field(default="", repr=False)
    """Where rows are: empty for the file in the home, or postgresql://user:password@host/database."""
    memory_mb: int = 4096
    """What the store may use."""
    cache_mb: int = 4096
    """What the tile cache may use on disk."""
    background_mb: int = 2048
    """What is kept on disk of backgrounds, maps of somebody else."""
    reader_memory_mb: int = 12_288
    """Address space of the process that reads a source."""
    reader_seconds: int = 3600
    """Processor time of the process that reads a source."""
    query_seconds: int = 60
    """A read of the store that takes longer is broken off with 503."""
    max_body_mb: int = 16
    """The largest body of a request."""
    max_limit: int = 10_000
    """The largest page of items; a larger `limit` is lowered to it."""
    proxies: str = "127.0.0.1,::1"
    """Addresses and networks, between commas, of the proxies whose `X-Forwarded-*` are believed."""
    cors_origins: str = ""
    """Origins, between commas, whose pages may ask this twin from a browser; none by default."""
    max_bulk_limit: int = 10_000_000
    """The same for formats that are streamed (CSV, FlatGeobuf, GeoParquet, Arrow, GeoJSON text sequences)."""
    hosts: str = ""
    """Names that this twin is asked by, with commas; requests that name another Host are refused."""
    oidc_issuer: str = ""
    """Whose bearer tokens are taken, for example https://sso.county.example/realms/county; empty: nobody's."""
    oidc_audience: str = ""
    """Who a token must be meant for (`aud`)."""
    oidc_roles: str = "roles"
    """The claim that names the roles; a dot leads into an object (`realm_access.roles`)."""

    @property
    def database(self) -> Path:
        """The embedded store's file."""
        return self.home / "twin.duckdb"

    @property
    def rasters(self) -> Path:
        """COGs by content: `<sha256>.tif`."""
        return self.home / "rasters"

    @property
    def profiles(self) -> Path:
        """A site's own coordinate systems: `NAME.toml` (`twin/crs_profiles.py`)."""
        return self.home / "crs"

    @property
    def tilesets(self) -> Path:
        """Meshes and point clouds by content: folders `<sha256>`, archives `<sha256>.3tz` and `.zip`."""
        return self.home / "tilesets"

    @property
    def cache(self) -> Path:
        """Tiles by key."""
        return self.home / "cache"

    @property
    def outside(self) -> Path:
        """Tiles of backgrounds."""
        return self.home / "outside"

    @property
    def index(self) -> Path:
        """The small database: search and jobs."""
        return self.home / "small.sqlite"

    @property
    def accounts(self) -> Path:
        """API keys."""
        return self.home / "accounts.sqlite"

    @property
    def audit(self) -> Path:
        """Who did what."""
        return self.home / "audit.sqlite"

    @property
    def socket(self) -> Path:
        """Where a running server takes deliveries."""
        return self.home / "twin.sock"


def load(environment: Mapping[str, str] | None = None, *, home: Path | None = None) -> Settings:
    """The settings of a home.

    Raises:
        InvalidParameter: `twin.toml` does not parse, or names a setting that nobody reads.
    """
    environment = os.environ if environment is None else environment
    folder = (home or Path(environment.get("TWIN_HOME", "twin-home"))).expanduser().resolve()
    given: dict[str, Any] = _file(folder / "twin.toml")
    for f in fields(Settings):
        if f.name != "home" and f"TWIN_{f.name.upper()}" in environment:
            said = environment[f"TWIN_{f.name.upper()}"]
            given[f.name] = said if f.type == "str" else _number(f"TWIN_{f.name.upper()}", said)
    known = {f.name for f in fields(Settings)} - {"home"}
    if unknown := sorted(set(given) - known):
        raise InvalidParameter(
            f"twin.toml: no setting {', '.join(unknown)}; there are {', '.join(sorted(known))}"
        )
    for f in fields(Settings):
        if f.name in given and type(given[f.name]).__name__ != f.type:
            raise InvalidParameter(
                f"twin.toml: {f.name} = {given[f.name]!r}; it takes a value of type {f.type}"
            )
    return Settings(home=folder, **given)


def _file(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidParameter(f"{path.name} does not parse: {error}") from error


def _number(name: str, text: str) -> int:
    try:
        return int(text)
    except ValueError as error:
        raise InvalidParameter(f"{name} is {text!r}; it takes a whole number") from error
