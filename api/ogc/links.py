"""Addresses and links of the OGC doors, as the client sees the server."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from urllib.parse import quote

from fastapi import Request

RELATION = "http://www.opengis.net/def/rel/ogc/1.0"
HTML = "text/html"
JSON = "application/json"
SCHEMA = "application/schema+json"


def root(request: Request) -> str:
    """The OGC root as this client sees it (behind a proxy: as `api/proxy.py` has it)."""
    return f"{str(request.base_url).rstrip('/')}/ogc"


def collection_root(request: Request, layer: str) -> str:
    """The address of a collection."""
    return f"{root(request)}/collections/{quote(layer, safe='')}"


def item_root(request: Request, layer: str, feature: str) -> str:
    """The address of a feature."""
    return f"{collection_root(request, layer)}/items/{quote(feature, safe='')}"


def link(href: str, rel: str, media_type: str = JSON, title: str = "") -> dict[str, str]:
    """A link object."""
    return {"href": href, "rel": rel, "type": media_type, **({"title": title} if title else {})}


def header(links: Iterable[Mapping[str, str]]) -> str:
    """Links as one `Link` header (RFC 8288); titles stay out, they may hold anything."""
    return ", ".join(
        "; ".join([f"<{found['href']}>", *(f'{name}="{found[name]}"' for name in NAMED if name in found)])
        for found in links
    )


NAMED = ("rel", "type", "datetime")
