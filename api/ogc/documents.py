"""Documents of the OGC doors: one content, as JSON or as a page, with an entity tag."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from fastapi import Request
from starlette.responses import Response

from api import pages
from api.ogc.links import HTML, JSON, link
from api.respond import REVALIDATE, etag, negotiate, unchanged

COMMON = frozenset({"f", "lang"})
"""Parameters that every document takes: the format, and the page's language."""


def answer(
    request: Request,
    document: dict[str, Any],
    page: str,
    *,
    media_type: str = JSON,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """The document as the client asks for it; `page` is the template that shows it to people.

    Raises:
        InvalidParameter: `lang` or `f` is none that there is, whichever form is asked for.
    """
    pages.language(request)
    form = negotiate(request, {"json": media_type, "html": HTML})
    shown = (
        {**document, "links": both(request, document["links"], media_type)}
        if "links" in document
        else document
    )
    body = orjson.dumps(shown) if form == "json" else pages.render(request, page, shown)
    found = {
        "ETag": etag(body),
        "Cache-Control": REVALIDATE,
        "Vary": "Accept, Accept-Language",
        **(headers or {}),
        **(pages.headers(request) if form == "html" else {}),
    }
    return unchanged(request, found) or Response(body, 200, found, media_type if form == "json" else HTML)


def both(request: Request, links: list[dict[str, str]], media_type: str) -> list[dict[str, str]]:
    """The links with `self` and `alternate` of this document in front: as JSON and as a page."""
    rest = [found for found in links if found["rel"] not in ("self", "alternate")]
    offered = {"json": media_type, "html": HTML}
    here = negotiate(request, offered)
    there = "html" if here == "json" else "json"
    other = str(request.url.include_query_params(f=there))
    return [
        link(str(request.url), "self", offered[here]),
        link(other, "alternate", offered[there]),
        *rest,
    ]
