"""Answers: JSON, what a client accepts, and 304."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from twin.errors import InvalidParameter

IMMUTABLE = "public, max-age=31536000, immutable"
REVALIDATE = "no-cache"


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
    accept = [part.partition(";")[0].strip() for part in request.headers.get("accept", "*/*").split(",")]
    for wanted in accept:
        for name, media_type in offered.items():
            if wanted in (media_type, "*/*", "application/*", "application/json", "text/html", ""):
                return name
    raise HTTPException(406, f"only {', '.join(offered.values())} can be had here")


def unchanged(request: Request, headers: Mapping[str, str]) -> Response | None:
    """The 304 answer when the client already has this entity (RFC 9110, 13.1.2)."""
    held = request.headers.get("if-none-match")
    if held is None:
        return None
    tags = [tag.strip().removeprefix("W/") for tag in held.split(",")]
    if headers["ETag"].removeprefix("W/") in tags or "*" in tags:
        return Response(None, 304, headers)
    return None
