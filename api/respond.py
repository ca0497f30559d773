"""Answers: JSON, what a client accepts, entity tags and 304."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from twin.errors import InvalidParameter

IMMUTABLE = "public, max-age=31536000, immutable"
REVALIDATE = "no-cache"
ALIASES = {"application/json": ("+json",)}
"""A client that asks for JSON takes every type that is JSON."""


def json(
    value: Any,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    media_type: str = "application/json",
) -> Response:
    """A JSON answer; NaN is null."""
    return Response(orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY), status, headers, media_type)


def negotiate(request: Request, offered: Mapping[str, str]) -> str:
    """The format's name that a request asks for: `f=`, else the Accept header, else the first.

    Args:
        request: the request.
        offered: name -> media type, the default first.

    Raises:
        InvalidParameter: `f` names none. HTTPException 406: Accept allows none.
    """
    asked = request.query_params.get("f")
    if asked is not None:
        if asked not in offered:
            raise InvalidParameter(f"f={asked[:50]!r} is not offered; there are {', '.join(offered)}")
        return asked
    for wanted in accepted(request.headers.get("accept", "")):
        for name, media_type in offered.items():
            if fits(wanted, media_type.partition(";")[0]):
                return name
    raise HTTPException(406, f"only {', '.join(offered.values())} can be had here")


def accepted(header: str) -> list[str]:
    """The values of an Accept-like header without parameters, the wanted ones first (RFC 9110, 12.4.2)."""
    weighed = [_weighed(part) for part in (header or "*/*").split(",")]
    return [value for weight, value in sorted(weighed, key=lambda found: -found[0]) if weight > 0]


def _weighed(part: str) -> tuple[float, str]:
    value, *parameters = (piece.strip() for piece in part.lower().split(";"))
    for parameter in parameters:
        name, _, text = parameter.partition("=")
        if name.strip() == "q":
            try:
                return float(text), value
            except ValueError:
                return 0.0, value
    return 1.0, value


def fits(wanted: str, media_type: str) -> bool:
    """Whether a media range of an Accept header takes a media type."""
    if wanted in ("", "*", "*/*", media_type, f"{media_type.partition('/')[0]}/*"):
        return True
    return any(media_type.endswith(end) for end in ALIASES.get(wanted, ()))


def etag(*parts: bytes) -> str:
    """A strong entity tag of bytes."""
    return f'"{digest(parts)}"'


def digest(parts: Iterable[bytes]) -> str:
    """24 hexadecimal digits of bytes."""
    found = hashlib.blake2b(digest_size=12)
    for part in parts:
        found.update(part)
    return found.hexdigest()


def tags(header: str) -> list[str]:
    """The entity tags of If-Match or If-None-Match, weak ones with their `W/`."""
    return [tag.strip() for tag in header.split(",")]


def unchanged(request: Request, headers: Mapping[str, str]) -> Response | None:
    """The 304 answer when the client already has this entity (RFC 9110, 13.1.2)."""
    held = request.headers.get("if-none-match")
    if held is None:
        return None
    known = [tag.removeprefix("W/") for tag in tags(held)]
    if headers["ETag"].removeprefix("W/") in known or "*" in known:
        return Response(None, 304, headers)
    return None
