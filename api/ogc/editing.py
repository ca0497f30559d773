"""Create, replace, update and delete (OGC API Features Part 4): each a new version of the row.

An edit of what is there needs `If-Match` with an entity tag of it; the tag names the row's version, and
the store checks that version in the same commit. A collection is taken whole or not at all.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import replace
from typing import Annotated, Any

import orjson
import pyarrow as pa
from fastapi import APIRouter, Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import Response

from api.access.identity import NOBODY
from api.body import json_body
from api.errors import problem
from api.ogc import conformance, crs, receiving
from api.ogc.links import collection_root, item_root
from api.ogc.versions import state_tag
from api.respond import json, tags
from api.state import Twin, of
from tiles import geojson
from twin.entitled import endable, entitled
from twin.errors import FeatureNotFound, InvalidBody, Repeated, StaleVersion, TwinError
from twin.expected import ABSENT
from twin.model import OPEN, Delivery, LayerState, Mode, Query
from twin.table import Batch

router = APIRouter(prefix="/ogc", tags=["features"])
Here = Annotated[Twin, Depends(of)]
POSTED = "posted"
"""The source of what people send: no file's snapshot ever sweeps it away."""
PATCH = "application/merge-patch+json"
ITEMS_ALLOW = "GET, HEAD, OPTIONS, POST"
ITEM_ALLOW = "GET, HEAD, OPTIONS, PUT, PATCH, DELETE"
READ_ALLOW = "GET, HEAD, OPTIONS"
ADDRESS = "/collections/{layer}/items"
FEATURES = 10_000
"""Features that a posted collection may have."""


@router.options(ADDRESS)
def items_options(layer: str, twin: Here) -> Response:
    """What can be done with the items of a layer."""
    return _allowed(twin, layer, ITEMS_ALLOW, {"Accept-Post": f"{geojson.MEDIA_TYPE}, application/json"})


@router.options(ADDRESS + "/{feature:path}")
def item_options(layer: str, feature: str, twin: Here) -> Response:  # noqa: ARG001  (the path has it)
    """What can be done with a feature."""
    return _allowed(twin, layer, ITEM_ALLOW, {"Accept-Patch": PATCH})


def _allowed(twin: Twin, layer: str, methods: str, more: dict[str, str]) -> Response:
    if conformance.editable(twin.store.layer(layer, twin.policy)):
        return Response(None, 200, {"Allow": methods, **more})
    return Response(None, 200, {"Allow": READ_ALLOW})


def editable(twin: Twin, layer: str) -> LayerState:
    """The layer, which takes edits.

    Raises:
        HTTPException 405: it takes none. LayerNotFound.
    """
    state = twin.store.layer(layer, twin.policy)
    if not conformance.editable(state):
        raise HTTPException(
            405, f"{layer} takes no edits: its rasters come from files", {"Allow": READ_ALLOW}
        )
    return state


@router.post(ADDRESS, status_code=201)
async def create(request: Request, layer: str, twin: Here) -> Response:
    """A new feature, or a FeatureCollection of new ones; they are on every open map within a second."""
    body = await json_body(request, geojson.MEDIA_TYPE, "application/json")
    ids = await run_in_threadpool(post, twin, layer, body, repetition(request), source(request))
    if len(ids) == 1 and body["type"] == "Feature":
        return json({"id": ids[0]}, 201, {"Location": item_root(request, layer, ids[0])})
    address = f"{collection_root(request, layer)}/items"
    return json({"ids": ids}, 201, {"Location": address})


def repetition(request: Request) -> str | None:
    """The name of an Idempotency-Key among those of its sender: nobody's key stands for what another sent."""
    said = request.headers.get("idempotency-key")
    if not said:
        return None
    who = getattr(request.state, "caller", NOBODY).principal.id
    return hashlib.sha256(orjson.dumps([who, said])).hexdigest()


def source(request: Request) -> crs.Target:
    """The CRS of a body's positions (Features Part 4, Content-Crs). Raises UnknownCRS."""
    said = request.headers.get("content-crs")
    return crs.parse(said.strip().removeprefix("<").removesuffix(">"), "Content-Crs") if said else None


def post(twin: Twin, layer: str, body: Any, key: str | None, target: crs.Target) -> list[str]:
    """Take a Feature or a FeatureCollection as new; the ids.

    Raises:
        InvalidBody, InvalidGeometry, OutsideCRSArea, UnknownCRS: what is wrong with it. DuplicateId: an id is taken.
    """
    state = editable(twin, layer)
    said = [layer, body, target.to_wkt() if target else ""]
    digest = hashlib.sha256(orjson.dumps(said, option=orjson.OPT_SORT_KEYS)).hexdigest()
    name = f"idempotency/{key}" if key else None
    if name and (block := twin.store.kept(name)) is not None:
        return _before(block, digest)
    batches = _rows(body, state, target)
    ids = [str(batch.table["id"][0].as_py()) for batch in batches]
    if twice := [i for i, times in Counter(ids).items() if times > 1]:
        raise InvalidBody(f"the id {twice[0][:200]!r} stands twice")
    once = (name, orjson.dumps({"digest": digest, "ids": ids})) if name else None
    try:
        _write(twin, state, batches, dict.fromkeys(ids, ABSENT), "post", once=once)
    except Repeated as error:  # the same request came at the same moment, here or at another server
        return _before(error.block, digest)
    return ids


def _rows(body: Any, state: LayerState, target: crs.Target) -> list[Batch]:
    """A row each feature; what is wrong with one of several says which it is, from 0."""
    if not isinstance(body, dict) or body.get("type") != "FeatureCollection":
        return [receiving.row(body, state, source=target)]
    found = body.get("features")
    if not isinstance(found, list) or not 0 < len(found) <= FEATURES:
        raise InvalidBody(f"features must be a list of 1 to {FEATURES} features")
    return [_row(one, n, state, target) for n, one in enumerate(found)]


def _row(one: Any, n: int, state: LayerState, target: crs.Target) -> Batch:
    try:
        return receiving.row(one, state, source=target)
    except TwinError as error:
        raise type(error)(f"feature {n}: {error}") from error


def _before(block: bytes, digest: str) -> list[str]:
    """The ids that the first request of an Idempotency-Key made. Raises InvalidBody when its body was another."""
    said = orjson.loads(block)
    if said["digest"] != digest:
        raise InvalidBody("this Idempotency-Key came with another body before")
    return [str(i) for i in said.get("ids", [said.get("id")])]


def _write(
    twin: Twin,
    state: LayerState,
    batches: list[Batch],
    expected: dict[str, int],
    reader: str,
    *,
    once: tuple[str, bytes] | None = None,
    periods: bool = False,
) -> None:
    """One commit, true from now on; the moment is the store's, so that it is after all that was seen."""
    delivery = Delivery(
        source=POSTED, mode=Mode.UPSERT, reader=reader, expected=expected, once=once, periods=periods
    )
    table = pa.concat_tables([b.table for b in batches], promote_options="permissive")
    table, delivery = entitled(twin.store, twin.policy, state.layer.id, table, delivery)
    report = twin.store.write(state.layer, [Batch(table=table, crs=None)], delivery)
    if report.quarantined:
        _, rejected = twin.store.quarantine(state.layer.id, twin.policy, limit=1)
        raise InvalidBody(f"not taken: {rejected[0].reason if rejected else 'refused'}")


@router.put(ADDRESS + "/{feature:path}")
async def put(request: Request, layer: str, feature: str, twin: Here) -> Response:
    """Replace a feature: what the body leaves out is gone from now on."""
    body = await json_body(request, geojson.MEDIA_TYPE, "application/json")
    return await run_in_threadpool(_replace, request, twin, layer, feature, body)


@router.patch(ADDRESS + "/{feature:path}")
async def patch(request: Request, layer: str, feature: str, twin: Here) -> Response:
    """Change members of a feature (JSON Merge Patch, RFC 7396): what the body leaves out stays, null is removed."""
    body = await json_body(request, PATCH)
    return await run_in_threadpool(_patch, request, twin, layer, feature, body)


@router.delete(ADDRESS + "/{feature:path}", status_code=204)
def delete(request: Request, layer: str, feature: str, twin: Here) -> Response:
    """End a feature now; its history remains."""
    editable(twin, layer)
    old = seen(request, twin, layer, feature)
    if isinstance(old, Response):
        return old
    delivery = Delivery(source=POSTED, reader="delete", expected=_version(old))
    twin.store.remove(layer, [feature], endable(twin.store, twin.policy, layer, [feature], delivery))
    return Response(None, 204)


def seen(request: Request, twin: Twin, layer: str, feature: str) -> pa.Table | Response:
    """The row that an edit is of, with its bodies; 428 when the request does not say which version it saw.

    Raises:
        FeatureNotFound. StaleVersion: none of the tags is of the row as it is.
    """
    query = Query(layer=layer, policy=twin.policy, ids=(feature,), bodies=True)
    old = twin.store.read(query)
    if not len(old):
        raise FeatureNotFound(f"no feature {feature[:200]!r} in {layer} now")
    held = request.headers.get("if-match")
    if held is None:
        return problem(
            428, "precondition-required", "say which version you saw: If-Match with the ETag of GET"
        )
    current = f'"{state_tag(old)}-'
    if held.strip() != "*" and not any(tag.startswith(current) for tag in tags(held)):
        raise StaleVersion(f"{feature[:200]!r} is no longer as that ETag has it; read it again")
    return old


def _version(old: pa.Table) -> dict[str, int]:
    return {old["id"][0].as_py(): old["version"][0].as_py()}


def _replace(request: Request, twin: Twin, layer: str, feature: str, body: Any) -> Response:
    state = editable(twin, layer)
    old = seen(request, twin, layer, feature)
    if isinstance(old, Response):
        return old
    row = receiving.row(body, state, source=source(request), feature=feature, old=old)
    return _replaced(twin, state, row, old, "put")


def _patch(request: Request, twin: Twin, layer: str, feature: str, body: Any) -> Response:
    state = editable(twin, layer)
    if not isinstance(body, dict):
        raise InvalidBody("a merge patch of a Feature must be an object")
    old = seen(request, twin, layer, feature)
    if isinstance(old, Response):
        return old
    # A geometry that stays is taken over exactly; only one that is sent is in the CRS that is said.
    mine = source(request) if "geometry" in body else None
    patched = merged(_as_feature(old), body)
    row = receiving.row(patched, state, source=mine, feature=feature, old=old)
    if "geometry" not in body:
        row = replace(
            row, table=row.table.set_column(row.table.column_names.index("geom"), "geom", old["geom"])
        )
    return _replaced(twin, state, row, old, "patch")


def _replaced(twin: Twin, state: LayerState, row: Batch, old: pa.Table, reader: str) -> Response:
    rows = [row, *_announced(twin, state, row, old)]
    _write(twin, state, rows, _version(old), reader, periods=len(rows) > 1)
    query = Query(layer=state.layer.id, policy=twin.policy, ids=(old["id"][0].as_py(),))
    now = twin.store.read(query)
    return Response(None, 204, {"ETag": f'"{state_tag(now)}-edited"'} if len(now) else {})


def _announced(twin: Twin, state: LayerState, row: Batch, old: pa.Table) -> list[Batch]:
    """What follows the row that is replaced, where its end is sent back: an end as it was read says nothing of that."""
    end = old["valid_to"][0].as_py()
    if end == OPEN or row.table["valid_to"][0].as_py() != end:
        return []
    query = Query(layer=state.layer.id, policy=twin.policy, ids=(old["id"][0].as_py(),), at=end, bodies=True)
    following = twin.store.read(query)
    if not len(following):
        return []
    last = following["valid_to"][0].as_py()
    stated = {"valid_to": None if last == OPEN else last, "dated": "stated", "row": 1}
    columns = {
        name: pa.array([stated[name]], kind)
        if name in stated
        else following[name]
        if name in following.column_names
        else pa.nulls(1, kind)
        for name, kind in zip(row.table.column_names, row.table.schema.types, strict=True)
    }
    return [Batch(table=pa.table(columns), crs=None)]


def _as_feature(old: pa.Table) -> dict[str, Any]:
    """The row as its GeoJSON says it, without the links of an answer."""
    found: dict[str, Any] = orjson.loads(geojson.features(old)[0])
    return found


def merged(target: Any, patch: Any) -> Any:
    """RFC 7396: the target with the patch's members, null ones removed."""
    if not isinstance(patch, dict):
        return patch
    found = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            found.pop(name, None)
        else:
            found[name] = merged(found.get(name), value)
    return found
