"""OGC API Features: items of a layer, and one of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import chain
from typing import Annotated, Any, cast
from urllib.parse import quote, urlencode

import orjson
import pyarrow as pa
from fastapi import APIRouter, Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response, StreamingResponse

from api import pages
from api.ogc import crs, params, versions
from api.ogc.formats import asked, formats, in_crs
from api.ogc.links import HTML, collection_root, header, link
from api.respond import REVALIDATE, digest, negotiate, unchanged
from api.state import Twin, of
from tiles.format import Format, Page
from twin import moments
from twin.model import LayerState, Query
from twin.queryables import STANDARD
from twin.table import whole

router = APIRouter(prefix="/ogc", tags=["features"])
Here = Annotated[Twin, Depends(of)]
SMALL = 1_000
"""Rows that are answered on the spot: sending them to a thread and back would cost more, and threads that contend for
the interpreter twice as much."""
AT_ONCE = 10_000
"""Rows of a streamed answer that are held at a time."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A page of items on its way out."""

    items: params.Items
    query: Query
    """Pinned to a moment and to what was known."""
    first: pa.Table
    """The page, or the first piece of a stream."""
    matched: int
    returned: int
    links: list[dict[str, str]]


@router.get("/collections/{layer}/items")
async def items(request: Request, layer: str, twin: Here) -> Response:
    """The features of a query; `numberMatched` is exact, `next` pins what was known."""
    if not twin.store.swift(Query(layer=layer, policy=twin.policy)):
        return await run_in_threadpool(lambda: _answered(request, twin, *_parsed(request, layer, twin)))
    state, form, found = _parsed(request, layer, twin)
    small = form is not None and not form.bulk and (found.query.limit or 0) <= SMALL and not found.offset
    if small and twin.store.swift(pinned(found.query, state, twin.now())):
        return _answered(request, twin, state, form, found)
    return await run_in_threadpool(_answered, request, twin, state, form, found)


def _parsed(request: Request, layer: str, twin: Twin) -> tuple[LayerState, Format | None, params.Items]:
    """The layer, the format (None is a page) and the query that a request asks for."""
    state = twin.store.layer(layer, twin.policy)
    form = asked(request)
    bulk = form is not None and form.bulk
    most = twin.settings.max_bulk_limit if bulk else twin.settings.max_limit
    return state, form, params.parse(request.query_params, state, twin.policy, most=most)


def _answered(
    request: Request, twin: Twin, state: LayerState, form: Format | None, found: params.Items
) -> Response:
    written = form or formats()["json"]
    answer = _asked(request, twin, state, found, form, bulk=written.bulk)
    headers = _headers(request, state, answer, form)
    if "ETag" in headers and (same := unchanged(request, headers)) is not None:
        return same
    members = {
        "numberMatched": answer.matched,
        "numberReturned": answer.returned,
        "timeStamp": moments.text(twin.now()),
        "links": answer.links,
    }
    tables = (in_crs(_shown(t, answer), found.crs, written) for t in _tables(twin, answer))
    chunks = written.encode(tables, Page(layer=state.layer.id, members=members, crs=found.crs))
    if written.bulk:
        whole = iter(chunks)
        return StreamingResponse(
            chain([next(whole, b"")], whole), headers=headers, media_type=written.media_type
        )
    body = b"".join(chunks)
    if form is None:
        body = pages.render(request, "items", _about(state, orjson.loads(body), found.crs))
        return Response(body, 200, {**headers, **pages.headers(request)}, HTML)
    return Response(body, 200, headers, form.media_type)


def _asked(
    request: Request,
    twin: Twin,
    state: LayerState,
    found: params.Items,
    form: Format | None,
    *,
    bulk: bool,
) -> Answer:
    """The query's page and counts. A stream whose whole would not fit a page is begun with its first piece."""
    query = beyond(twin, pinned(found.query, state, twin.now()), found.offset)
    limit = cast("int", query.limit)
    here = min(limit, AT_ONCE) if bulk else limit
    plain = form is not None and form.name == "json" and found.crs is None
    written = plain and query.columns is None and query.geometry
    wanted = _with_keys(replace(query, limit=here + 1, written=written))
    table, matched = (
        twin.store.page(wanted) if found.matched is None else (twin.store.read(wanted), found.matched)
    )
    first, more = table.slice(0, here), len(table) > here
    returned = len(first) if limit == here or not more else min(limit, matched)
    page = (
        params.token(found.said, query, last_key(query, first), matched) if more and limit == here else None
    )
    return Answer(
        items=found,
        query=query,
        first=first,
        matched=matched,
        returned=returned,
        links=_links(request, query.layer, form, page),
    )


def pinned(query: Query, state: LayerState, now: datetime) -> Query:
    """The query at one moment, as known at one, so that its pages hold together while somebody writes.

    Known is the layer's last commit that can be seen, not now: a commit that is on its way has its moment
    already, and its rows would appear between two pages.
    """
    known = state.updated if query.known is None else min(query.known, state.updated)
    return replace(query, known=known, at=query.at or max(now, state.updated))


def beyond(twin: Twin, query: Query, offset: int) -> Query:
    """The query from behind its first rows on."""
    if not offset:
        return query
    passed = twin.store.read(_with_keys(replace(query, limit=offset, columns=(), geometry=False)))
    return replace(query, after=last_key(query, passed)) if len(passed) else query


def _tables(twin: Twin, answer: Answer) -> Iterator[pa.Table]:
    """The page; or the pieces of a stream, each read when it is its turn, all as known at one moment."""
    table, left, query = answer.first, answer.returned, answer.query
    yield table
    while (left := left - len(table)) > 0 and len(table):
        query = replace(query, after=last_key(query, table), limit=min(left, AT_ONCE))
        table = twin.store.read(_with_keys(query))
        yield table


def _with_keys(query: Query) -> Query:
    """The query with the columns that it is sorted by, which the next page needs."""
    if query.columns is None:
        return query
    return replace(query, columns=tuple(dict.fromkeys((*query.columns, *(k.column for k in query.sort)))))


def _shown(table: pa.Table, answer: Answer) -> pa.Table:
    """Without columns that are only there to sort by."""
    wanted = answer.query.columns
    extra = [] if wanted is None else [k.column for k in answer.query.sort if k.column not in wanted]
    return table.drop_columns([n for n in dict.fromkeys(extra) if n not in STANDARD])


def last_key(query: Query, page: pa.Table) -> tuple[Any, ...]:
    """The sort values and id of a page's last row."""
    last = page.slice(len(page) - 1)
    return (*(last[key.column][0].as_py() for key in query.sort), last["id"][0].as_py())


def _headers(request: Request, state: LayerState, answer: Answer, form: Format | None) -> dict[str, str]:
    """Counts, CRS, links and the entity tag, which is of the rows: the body also holds the time of day."""
    headers = {
        "Content-Crs": f"<{answer.items.crs_uri}>",
        "OGC-NumberMatched": str(answer.matched),
        "OGC-NumberReturned": str(answer.returned),
        "Cache-Control": REVALIDATE,
        "Vary": "Accept, Accept-Language" if form is None else "Accept",
    }
    if answer.returned == len(answer.first):  # a stream's later pieces are not seen yet
        headers["ETag"] = _tag(request, state, answer, form)
    if form is None or not form.body_links:
        headers["Link"] = header(answer.links)
    if form is not None and form.bulk:
        headers["Content-Disposition"] = (
            f"inline; filename*=UTF-8''{quote(state.layer.id, safe='')}{form.suffix}"
        )
    return headers


def _tag(request: Request, state: LayerState, answer: Answer, form: Format | None) -> str:
    """A weak entity tag: it is of the rows, the body also holds the time of day."""
    policy, name = answer.query.policy.key, form.name if form else "html"
    same = (
        str(request.url),
        name,
        request.headers.get("accept-language"),
        state.version,
        answer.matched,
        policy,
    )
    parts = [repr(same).encode(), *(_raw(answer.first[n]) for n in ("id", "version", "valid_from"))]
    return f'W/"{digest(parts)}"'


def _raw(column: pa.ChunkedArray) -> bytes:
    """What tells a column's values apart."""
    values = whole(column)
    if pa.types.is_string(values.type):
        return "\0".join(values.to_numpy(zero_copy_only=False).tolist()).encode()
    return cast("bytes", values.cast(pa.int64()).to_numpy().tobytes())


def _links(request: Request, layer: str, form: Format | None, page: str | None) -> list[dict[str, str]]:
    here = collection_root(request, layer)
    said = {k: v for k, v in request.query_params.items() if k not in ("page", "offset")}
    kinds = {**{n: f.media_type for n, f in formats().items()}, "html": HTML}
    mine = form.name if form else "html"
    found = [link(f"{here}/items?{request.url.query}".rstrip("?"), "self", kinds[mine])]
    alike = urlencode([(k, v) for k, v in request.query_params.items() if k != "f"] + [("f", "")])
    found += [
        link(f"{here}/items?{alike}{name}", "alternate", kind) for name, kind in kinds.items() if name != mine
    ]
    found.append(link(here, "collection"))
    if page is not None:
        found.append(link(f"{here}/items?{urlencode({**said, 'page': page})}", "next", kinds[mine]))
    return found


def _about(state: LayerState, document: dict[str, Any], target: crs.Target) -> dict[str, Any]:
    """What the page of items shows; only longitudes and latitudes are sketched."""
    title = state.layer.title.zh or state.layer.title.en or state.layer.id
    return {**document, "collection": state.layer.id, "title": title, "sketched": target is None}


@router.get("/collections/{layer}/items/{feature:path}")
async def item(request: Request, layer: str, feature: str, twin: Here) -> Response:
    """One feature as it is, or was, at a moment."""
    plain = not request.url.query and "accept-datetime" not in request.headers
    json_ = negotiate(request, versions.OFFERED) == "json"
    if plain and json_ and twin.store.swift(Query(layer=layer, policy=twin.policy, ids=(feature,))):
        return _item(request, layer, feature, twin)
    return await run_in_threadpool(_item, request, layer, feature, twin)


def _item(request: Request, layer: str, feature: str, twin: Twin) -> Response:
    state = twin.store.layer(layer, twin.policy)
    said = params.single(request.query_params, {"f", "lang", "crs", "datetime", "known"})
    target = crs.parse(said["crs"], "crs", vertical=state.layer.vertical) if "crs" in said else None
    return versions.memento(request, twin, state, feature, said, target)
