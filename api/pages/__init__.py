"""The OGC doors as pages for people: Chinese and English, nothing from outside, everything escaped."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any
from urllib.parse import quote

from fastapi import Request
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from api.pages import sketch
from api.pages.words import WORDS
from api.respond import accepted
from twin.errors import InvalidParameter

LANGUAGES = ("zh", "en")
CSP = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; form-action 'self'; base-uri 'none'"
)


def render(
    request: Request,
    page: str,
    document: Mapping[str, Any],
    words: Mapping[str, tuple[str, str]] | None = None,
) -> bytes:
    """The page of a document, in the language that the request asks for; `words` are those of this page alone.

    Raises:
        InvalidParameter: `lang` names a language that there is none of.
    """
    lang = language(request)
    said = {name: both[LANGUAGES.index(lang)] for name, both in {**WORDS, **(words or {})}.items()}
    found = (
        environment()
        .get_template(f"{page}.html")
        .render(
            doc=document,
            t=said,
            lang=lang,
            alone=False,
            home=f"{str(request.base_url).rstrip('/')}/ogc",
            site=str(request.base_url),
            other=str(request.url.include_query_params(lang="en" if lang == "zh" else "zh", f="html")),
            json=str(request.url.include_query_params(f="json")),
            links=[found for found in document.get("links", []) if isinstance(found, Mapping)],
        )
    )
    return found.encode("utf-8")


def alone(page: str, document: Mapping[str, Any], lang: str, words: Mapping[str, tuple[str, str]]) -> bytes:
    """A page that leads nowhere, to lie as a file beside the data that it tells of."""
    said = {name: both[LANGUAGES.index(lang)] for name, both in {**WORDS, **words}.items()}
    found = environment().get_template(f"{page}.html")
    return found.render(doc=document, t=said, lang=lang, links=[], alone=True).encode("utf-8")


def headers(request: Request) -> dict[str, str]:
    """What a page says beside its body."""
    return {
        "Content-Language": "zh-CN" if language(request) == "zh" else "en",
        "Content-Security-Policy": CSP,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "same-origin",
    }


def language(request: Request) -> str:
    """`lang=`, else the Accept-Language header, else Chinese.

    Raises:
        InvalidParameter: `lang` is neither.
    """
    said = request.query_params.get("lang")
    if said is not None:
        if said not in LANGUAGES:
            raise InvalidParameter(f"lang={said[:20]!r} must be one of {', '.join(LANGUAGES)}")
        return said
    for wanted in accepted(request.headers.get("accept-language", "")):
        if (found := wanted.partition("-")[0]) in LANGUAGES:
            return found
    return LANGUAGES[0]


@cache
def environment() -> Environment:
    """The templates; every value is escaped, a missing one is an error."""
    found = Environment(
        loader=PackageLoader("api.pages"),
        autoescape=select_autoescape(default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters["segment"] = lambda value: quote(str(value), safe="")
    found.filters["shown"] = shown
    found.globals["sketch"] = sketch.svg
    found.globals["marks"] = sketch.marks
    return found


def shown(value: Any) -> str:
    """A value as people read it; missing is a dash."""
    if value is None or value == "":
        return "—"
    return ("✓" if value else "✗") if isinstance(value, bool) else str(value)
