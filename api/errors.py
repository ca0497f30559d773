"""Errors as problem+json (RFC 9457): the one table from exceptions to statuses."""

from __future__ import annotations

from typing import Any

import orjson
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from twin import errors

STATUS: dict[type[errors.TwinError], int] = {
    errors.NotFound: 404,
    errors.Invalid: 400,
    errors.InvalidBody: 422,
    errors.InvalidGeometry: 422,
    errors.OutsideCRSArea: 422,
    errors.Refused: 422,
    errors.UnsafeContent: 400,
    errors.ForbiddenReference: 400,
    errors.TooLarge: 413,
    errors.UnsupportedFormat: 415,
    errors.Conflict: 409,
    errors.StaleVersion: 412,
    errors.Unauthorized: 401,
    errors.TooMany: 429,
    errors.Denied: 403,
    errors.Unavailable: 503,
    errors.StorageFull: 507,
    errors.OutsideFailed: 502,
    errors.TwinError: 500,
}
SLUGS = {
    401: "unauthorized",
    403: "forbidden",
    404: "not-found",
    405: "method-not-allowed",
    406: "not-acceptable",
    413: "too-large",
    414: "too-large",
    415: "unsupported-media-type",
    422: "invalid-body",
}
RETRY_SECONDS = "5"
CHALLENGE = 'Bearer realm="onemap-twin"'
"""What a 401 asks for (RFC 6750, 3)."""


def status_of(error: errors.TwinError) -> int:
    """The status of the nearest ancestor in the table."""
    return next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)


def problem(status: int, slug: str, detail: str, **members: Any) -> Response:
    """A problem document; whatever it echoes is cut."""
    body = {
        "type": f"/problems/{slug}" if not slug.startswith("http") else slug,
        "title": slug.rsplit("/", 1)[-1].replace("-", " ").capitalize(),
        "status": status,
        "detail": detail[:2000],
        **members,
    }
    headers = {"Retry-After": RETRY_SECONDS} if status == 503 else {}
    return Response(orjson.dumps(body), status, headers, "application/problem+json")


def answer(error: errors.TwinError) -> Response:
    """An error of ours as its answer."""
    found = problem(status_of(error), error.slug, str(error))
    if isinstance(error, errors.Denied):
        found.headers["Cache-Control"] = "no-store"
    if isinstance(error, errors.Unauthorized):
        found.headers["WWW-Authenticate"] = CHALLENGE
    if isinstance(error, errors.TooMany):
        found.headers["Retry-After"] = str(error.seconds)
    return found


def install(app: FastAPI) -> None:
    """Make every error of the app a problem document."""

    @app.exception_handler(errors.TwinError)
    def ours(_: Request, error: errors.TwinError) -> Response:
        return answer(error)

    @app.exception_handler(HTTPException)
    def theirs(_: Request, error: HTTPException) -> Response:
        slug = SLUGS.get(error.status_code, "invalid-parameter")
        found = problem(error.status_code, slug, str(error.detail))
        found.headers.update(error.headers or {})
        return found

    @app.exception_handler(RequestValidationError)
    def validation(_: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"][1:]) or "request"
        return problem(400, "invalid-parameter", f"{where}: {first['msg']}")
