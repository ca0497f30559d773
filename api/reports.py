"""`/api/layers/{id}/reports/{n}`: what became of a delivery, as a page, JSON or a workbook."""

from __future__ import annotations

from typing import Annotated, Any, Final
from urllib.parse import quote

import orjson
from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from api import pages
from api.ogc.links import HTML, JSON
from api.ogc.params import single
from api.respond import REVALIDATE, etag, negotiate, unchanged
from api.state import Twin, of
from pipelines import reporting, reporting_xlsx
from pipelines.reporting_words import WORDS
from twin.errors import NotFound

router = APIRouter(prefix="/api", tags=["viewer"])
Here = Annotated[Twin, Depends(of)]
FORMS: Final = {"json": JSON, "html": HTML, "xlsx": reporting_xlsx.MEDIA_TYPE}
SHOWN: Final = 1000
"""Refused rows on a page."""


@router.get("/layers/{layer}/reports/{number}")
def report(request: Request, layer: str, number: str, twin: Here) -> Response:
    """The report of a delivery, by its commit's number; `f` is json, html or xlsx, `lang` zh or en."""
    single(request.query_params, {"f", "lang"})
    lang, form = pages.language(request), negotiate(request, FORMS)
    if not (number.isascii() and number.isdigit() and len(number) < 19):
        raise NotFound(f"{layer} has no report {number[:50]!r}; reports are numbered")
    found = reporting.document(
        twin.store,
        twin.policy,
        layer,
        int(number),
        now=twin.now(),
        refused=SHOWN if form == "html" else reporting.REFUSED,
    )
    root = f"{str(request.base_url).rstrip('/')}/api/layers/{quote(layer, safe='')}/reports"
    headers = {"Cache-Control": REVALIDATE, "Vary": "Accept, Accept-Language"}
    if form == "html":
        said = {**drawn(found), "root": root, "here": f"{root}/{found['n']}"}
        body = pages.render(request, "report", said, WORDS)
        headers |= pages.headers(request)
    elif form == "xlsx":
        body = reporting_xlsx.workbook(found, lang)
        headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{quote(f'{layer}-{found["n"]}.xlsx')}"
    else:
        links = [
            {"href": f"{root}/{found['n']}?f={name}", "rel": "alternate", "type": FORMS[name]}
            for name in FORMS
        ]
        body = orjson.dumps({**found, "links": links})
    # A workbook says when it was made: its tag is that of what it tells.
    headers["ETag"] = etag(orjson.dumps(found), form.encode(), lang.encode())
    return unchanged(request, headers) or Response(body, 200, headers, FORMS[form])


def drawn(document: dict[str, Any]) -> dict[str, Any]:
    """A report's document with its places as the sketch takes them: what was refused lies on top."""
    places = sorted(document["places"], key=lambda p: p["kind"] == "refused")
    return {**document, "drawn": [(p["kind"], p["geometry"]) for p in places]}


def files(document: dict[str, Any]) -> dict[str, bytes]:
    """The report as files to lie beside the data: name -> bytes."""
    return {
        "report.html": pages.alone("report", drawn(document), "zh", WORDS),
        "report.en.html": pages.alone("report", drawn(document), "en", WORDS),
        "report.json": orjson.dumps(document, option=orjson.OPT_INDENT_2),
        "report.xlsx": reporting_xlsx.workbook(document, "zh"),
    }
