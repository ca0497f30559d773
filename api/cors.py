"""Pages of other origins: off, unless the site lists the origins that may ask."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

from twin.errors import InvalidParameter

SENT = (
    "Accept-Datetime", "Authorization", "Content-Crs", "Content-Type", "Idempotency-Key", "If-Match",
    "If-None-Match", "X-API-Key",
)  # fmt: skip
READ = (
    "Content-Crs", "Content-Location", "ETag", "Link", "Location", "Memento-Datetime", "OGC-NumberMatched",
    "OGC-NumberReturned", "Retry-After",
)  # fmt: skip
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")


def origins(said: str) -> frozenset[str]:
    """Origins between commas, as a browser sends them.

    Raises:
        InvalidParameter: one is no origin. `null` is none: every sandboxed page has it. `*` is none: name them.
    """
    found = frozenset(part.strip().rstrip("/") for part in said.split(",") if part.strip())
    for origin in found:
        parts = urlsplit(origin)
        if parts.scheme not in ("http", "https") or not parts.netloc or parts.path or parts.query:
            raise InvalidParameter(f"cors_origins: {origin!r} is no origin, such as https://map.example.cn")
    return found


def shared(app: ASGIApp, listed: frozenset[str]) -> ASGIApp:
    """The app, and what the listed origins' pages need; without a list, the app."""
    if not listed:
        return app
    return CORSMiddleware(
        app,
        allow_origins=sorted(listed),
        allow_methods=METHODS,
        allow_headers=SENT,
        expose_headers=READ,
        max_age=3600,
    )
