"""`/live`: what changes, as server-sent events, from the feed and from then on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response, StreamingResponse

from api.cards import corners
from api.errors import problem
from api.hub import Event, events
from api.state import Twin, of
from pipelines import values
from twin.errors import InvalidParameter
from twin.model import Change
from twin.moments import text
from twin.seen_catalogue import last
from twin.store import Store

router = APIRouter(tags=["live"])
REPLAY = 10_000
"""Events a reader may have missed and still be given."""


def connect(twin: Twin) -> None:
    """Make the store's feed appear at the hub."""
    twin.store.listen(lambda change: twin.hub.publish(event(twin.store, twin, change)))


def event(store: Store, twin: Twin, change: Change) -> Event:
    """A feed entry as an event; an observation brings the latest values of few things along."""
    name = "observation" if change.kind == "observations" else "change"
    data: dict[str, Any] = {
        "layer": change.layer,
        "ids": list(change.ids) if change.ids is not None else None,
        "count": change.count,
        "bbox": corners(change.bbox),
        "version": change.version,
        "at": text(change.at),
        "kind": change.kind,
    }
    if name == "observation" and change.ids and len(change.ids) <= values.FEW:
        data["values"] = values.latest(store, change.layer, twin.policy, things=change.ids)
    return Event(name=name, data=orjson.dumps(data), number=change.version)


@router.get("/live")
async def live(request: Request, twin: Annotated[Twin, Depends(of)]) -> Response:
    """Changes, observations, alarms and job progress; `Last-Event-ID` resumes."""
    after = resume(request.headers.get("last-event-id") or request.query_params.get("after"))
    queue = twin.hub.join()
    if queue is None:
        return problem(503, "unavailable", "too many readers of /live; try again later")

    async def stream() -> AsyncIterator[bytes]:
        try:
            yield b"retry: 2000\n\n"
            sent = 0
            for missed in await run_in_threadpool(backlog, twin, after):
                sent = missed.number or sent
                yield missed.encode()
            async for found in events(queue):
                if found is None:
                    yield b": beat\n\n"
                elif (found.number is None or found.number > sent) and (
                    own := await run_in_threadpool(visible, twin, found)
                ):
                    yield own.encode()
        finally:
            twin.hub.leave(queue)

    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(stream(), headers=headers, media_type="text/event-stream")


def visible(twin: Twin, found: Event) -> Event | None:
    """An event as far as its reader may see it; None where nothing of it is theirs."""
    if not twin.policy.ruled:
        return found
    if found.number is None:
        return None
    mine = twin.store.changes(after=found.number - 1, limit=1, policy=twin.policy)
    own = [change for change in mine if change.version == found.number]
    return event(twin.store, twin, own[0]) if own else None


def resume(said: str | None) -> int | None:
    """The number that a reader last saw.

    Raises:
        InvalidParameter: it is no number of this feed.
    """
    if said is None or said == "":
        return None
    if not (said.isascii() and said.isdigit() and len(said) < 19):
        raise InvalidParameter(f"Last-Event-ID {said[:50]!r} is no number of this feed")
    return int(said)


def backlog(twin: Twin, after: int | None) -> list[Event]:
    """What a returning reader missed, or one `gap` event when that is too much to give."""
    if after is None:
        return []
    end = last(twin.store, twin.policy)
    if after > end or end - after > REPLAY:
        data = orjson.dumps({"after": after, "version": end, "reason": "load the layers again"})
        return [Event(name="gap", data=data, number=end)]
    changes = twin.store.changes(after=after, limit=REPLAY, policy=twin.policy)
    return [event(twin.store, twin, change) for change in changes]
