"""What callers may know of themselves, and what auditors may know of all."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from api.access.commands import row
from api.access.identity import NOBODY, Caller
from api.ogc import params
from api.respond import json
from api.sensorthings import whole
from api.state import Twin, of
from twin import moments
from twin.errors import Forbidden, NotFound, Unauthorized

router = APIRouter(prefix="/api", tags=["access"])
Here = Annotated[Twin, Depends(of)]
AUDITORS = frozenset({"admin", "auditor"})
MOST = 10_000


def caller(request: Request) -> Caller:
    """Who asks."""
    found: Caller = getattr(request.state, "caller", NOBODY)
    return found


def auditor(request: Request) -> Caller:
    """Who asks, if they may read the log; rules or not, nobody may without a credential.

    Raises:
        Unauthorized: no credential was shown. Forbidden: it is of neither role.
    """
    found = caller(request)
    if not found.known:
        raise Unauthorized("the audit log needs a key or token of the role admin or auditor")
    if not found.principal.roles & AUDITORS:
        raise Forbidden("the audit log is for the roles admin and auditor")
    return found


@router.get("/me")
def me(request: Request, twin: Here) -> Response:
    """Whom the server takes the caller for."""
    params.single(request.query_params, set())
    found = caller(request)
    facts = {
        "principal": found.principal.id,
        "roles": sorted(found.principal.roles),
        "scopes": sorted(found.scopes),
        "until": moments.text(found.principal.until) if found.principal.until else None,
        "open": not twin.policy.ruled,
    }
    return json(facts, headers={"Cache-Control": "no-store"})


@router.get("/audit", dependencies=[Depends(auditor)])
def audit(request: Request, twin: Here) -> Response:
    """Rows of the audit log, oldest first; `after` goes on from a row's number."""
    if twin.access is None:
        raise NotFound("this twin keeps no audit log")
    said = params.single(request.query_params, {"since", "principal", "after", "limit"})
    since = moments.parse(said["since"], "since") if "since" in said else None
    limit = whole(said, "limit", 1000, MOST)
    found = twin.access.journal.log.read(
        since=since, principal=said.get("principal"), after=whole(said, "after", 0), limit=limit
    )
    return json({"rows": [row(r) for r in found]}, headers={"Cache-Control": "no-store"})
