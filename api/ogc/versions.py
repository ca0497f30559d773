"""A feature through time: each version a memento of it (RFC 7089, as the OGC versioned-features proposal uses it).

The moment of a memento is when its version begins to be valid in the city; what the twin believed at
another time is asked for with `known`, and is no memento.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from typing import Annotated, Any
from urllib.parse import urlencode

import orjson
import pyarrow as pa
from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from api import pages
from api.ogc import crs
from api.ogc.documents import answer
from api.ogc.links import HTML, collection_root, header, item_root, link
from api.ogc.params import single
from api.respond import REVALIDATE, digest, negotiate, unchanged
from api.state import Twin, of
from tiles import geojson
from twin import moments
from twin.errors import FeatureNotFound, InvalidParameter
from twin.model import OPEN, LayerState, Query

router = APIRouter(prefix="/ogc", tags=["features"])
Here = Annotated[Twin, Depends(of)]
LINK_FORMAT = "application/link-format"
OFFERED = {"json": geojson.MEDIA_TYPE, "html": HTML}


@dataclass(frozen=True, kw_only=True)
class Period:
    """When a version is valid."""

    start: datetime
    end: datetime


def memento(
    request: Request, twin: Twin, state: LayerState, feature: str, said: dict[str, str], target: crs.Target
) -> Response:
    """A feature at a moment: `datetime`, else Accept-Datetime, else now.

    Raises:
        FeatureNotFound: it is not there then. InvalidParameter: a moment is none.
    """
    layer = state.layer.id
    known = moments.parse(said["known"], "known") if "known" in said else None
    wished = None if "datetime" in said else _wished(request)
    past = believed(twin, layer, feature, known) if wished or "datetime" in said else []
    at = (
        _nearest(past, wished)
        if wished
        else moments.parse(said["datetime"])
        if "datetime" in said
        else max(twin.now(), state.updated)
    )
    query = Query(layer=layer, policy=twin.policy, ids=(feature,), at=at, known=known, written=target is None)
    table = twin.store.read(query)
    if not len(table):
        raise FeatureNotFound(f"no feature {feature[:200]!r} in {layer} at {moments.text(at)}")
    here = item_root(request, layer, feature)
    form = negotiate(request, OFFERED)
    links = [
        link(str(request.url), "self", OFFERED[form]),
        *(
            link(str(request.url.include_query_params(f=n)), "alternate", m)
            for n, m in OFFERED.items()
            if n != form
        ),
        link(collection_root(request, layer), "collection"),
        link(f"{here}/versions", "version-history"),
    ]
    body = geojson.features(crs.table(table, target), {"links": links})[0]
    if form == "html":
        body = pages.render(
            request, "item", {**orjson.loads(body), "collection": layer, "sketched": target is None}
        )
    headers = {
        "Content-Crs": f"<{said.get('crs', crs.CRS84)}>",
        "ETag": f'"{state_tag(table)}-{digest([body])}"',
        "Cache-Control": REVALIDATE,
        "Vary": "Accept, Accept-Language, Accept-Datetime",
        "Link": header([*time_links(here), *_around(here, past, at)]),
        **(pages.headers(request) if form == "html" else {}),
    }
    if past:
        headers["Memento-Datetime"] = http_date(table["valid_from"][0].as_py())
    if wished:
        headers["Content-Location"] = moment_address(here, table["valid_from"][0].as_py())
    return unchanged(request, headers) or Response(body, 200, headers, OFFERED[form])


def state_tag(table: pa.Table) -> str:
    """What tells this state of a row from every other: the front of its entity tags in all forms."""
    row = [table[n][0].as_py() for n in ("id", "version")]
    return digest([repr((*row, moments.text(table["valid_from"][0].as_py()))).encode()])[:12]


def believed(twin: Twin, layer: str, feature: str, known: datetime | None = None) -> list[Period]:
    """The periods of a feature as believed now, or then; first to last."""
    table = twin.store.versions(layer, feature, twin.policy)
    names = ("valid_from", "valid_to", "recorded_from", "recorded_to")
    rows = table.select(names).to_pylist()
    kept = [r for r in rows if _believed(r["recorded_from"], r["recorded_to"], known)]
    return sorted((Period(start=r["valid_from"], end=r["valid_to"]) for r in kept), key=lambda p: p.start)


def _believed(start: datetime, end: datetime, known: datetime | None) -> bool:
    return end == OPEN if known is None else start <= known < end


def _wished(request: Request) -> datetime | None:
    """The moment of an Accept-Datetime header.

    Raises:
        InvalidParameter: it is none (RFC 7089, 4.5.3).
    """
    said = request.headers.get("accept-datetime")
    if said is None:
        return None
    try:
        found = parsedate_to_datetime(said)
    except ValueError as error:
        raise InvalidParameter(
            f"Accept-Datetime {said[:100]!r} is no HTTP date, such as {EXAMPLE}"
        ) from error
    # A date of the header has whole seconds; what began within that second is meant too.
    return found.astimezone(UTC) + timedelta(microseconds=999_999)


EXAMPLE = "Tue, 01 Jul 2025 00:00:00 GMT"


def _nearest(past: list[Period], wished: datetime) -> datetime:
    """A moment of the version valid then; of the first or the last before it where there is none (4.5.3)."""
    if not past:
        return wished
    begun = [p for p in past if p.start <= wished] or past[:1]
    last = begun[-1]
    return wished if last.start <= wished < last.end else last.start


def time_links(here: str) -> list[dict[str, str]]:
    """Where the feature's own address, its moments and its list of moments are."""
    return [
        {"href": here, "rel": "original timegate"},
        {"href": f"{here}/versions?f=link", "rel": "timemap", "type": LINK_FORMAT},
        {"href": f"{here}/versions", "rel": "version-history", "type": geojson.MEDIA_TYPE},
    ]


def _around(here: str, past: list[Period], at: datetime) -> list[dict[str, str]]:
    """First, last, previous and next memento about a moment; one that is several of them is one link."""
    if not past:
        return []
    mine = max((n for n, p in enumerate(past) if p.start <= at), default=0)
    wanted = {0: ["first"]}
    wanted.setdefault(len(past) - 1, []).append("last")
    if mine > 0:
        wanted.setdefault(mine - 1, []).append("prev")
    if mine < len(past) - 1:
        wanted.setdefault(mine + 1, []).append("next")
    wanted.setdefault(mine, [])
    return [memento_link(here, past[n].start, names) for n, names in sorted(wanted.items())]


def memento_link(here: str, start: datetime, names: list[str]) -> dict[str, str]:
    """The link to the version that begins then."""
    return {
        "href": moment_address(here, start),
        "rel": " ".join([*names, "memento"]),
        "type": geojson.MEDIA_TYPE,
        "datetime": http_date(start),
    }


def moment_address(here: str, start: datetime) -> str:
    """The address of a feature at a moment."""
    return f"{here}?{urlencode({'datetime': moments.text(start)})}"


def http_date(moment: datetime) -> str:
    """A moment as HTTP writes it, to the second."""
    return format_datetime(moment.astimezone(UTC), usegmt=True)


@router.get("/collections/{layer}/items/{feature:path}/versions")
def versions(request: Request, layer: str, feature: str, twin: Here) -> Response:
    """Every version of a feature that was ever believed, with its two periods; `f=link` is the timemap."""
    single(request.query_params, {"f", "lang"})
    twin.store.layer(layer, twin.policy)
    table = twin.store.versions(layer, feature, twin.policy)
    if not len(table):
        raise FeatureNotFound(f"no feature {feature[:200]!r} was ever in {layer}")
    here = item_root(request, layer, feature)
    past = believed(twin, layer, feature)
    if request.query_params.get("f") == "link":
        return Response(timemap(here, past), 200, {"Cache-Control": REVALIDATE}, LINK_FORMAT)
    links = [
        link(here, "latest-version", geojson.MEDIA_TYPE),
        link(f"{here}/versions?f=link", "timemap", LINK_FORMAT),
        link(collection_root(request, layer), "collection"),
    ]
    document = {
        "type": "FeatureCollection",
        "id": feature,
        "collection": layer,
        "numberMatched": len(table),
        "numberReturned": len(table),
        "timeStamp": moments.text(table["recorded_from"].to_pylist()[-1]),
        "links": links,
        "features": [_version(row, here) for row in _rows(table)],
    }
    headers = {"Link": header([*time_links(here), *_around(here, past, twin.now())])}
    return answer(request, document, "versions", media_type=geojson.MEDIA_TYPE, headers=headers)


def _rows(table: pa.Table) -> list[dict[str, Any]]:
    """Features of all versions; `recorded_to` is among their properties."""
    ends = [geojson.plain(v) for v in table["recorded_to"].to_pylist()]
    found = [orjson.loads(text) for text in geojson.features(table)]
    for feature, end in zip(found, ends, strict=True):
        feature["properties"]["recorded_to"] = end
    return found


def _version(feature: dict[str, Any], here: str) -> dict[str, Any]:
    said = feature["properties"]
    query = {"datetime": said["valid_from"], "known": said["recorded_from"]}
    return {**feature, "links": [link(f"{here}?{urlencode(query)}", "memento", geojson.MEDIA_TYPE)]}


def timemap(here: str, past: list[Period]) -> str:
    """The versions believed now in link format (RFC 6690, RFC 7089 section 5)."""
    entries = [
        {"href": here, "rel": "original timegate"},
        {"href": f"{here}/versions?f=link", "rel": "self", "type": LINK_FORMAT},
        *(memento_link(here, p.start, _place(n, len(past))) for n, p in enumerate(past)),
    ]
    return ",\n".join(header([entry]) for entry in entries) + "\n"


def _place(n: int, count: int) -> list[str]:
    return [*(["first"] if n == 0 else []), *(["last"] if n == count - 1 else [])]
