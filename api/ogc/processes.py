"""OGC API Processes: the documents through pygeoapi, execution our own.

pygeoapi does not check inputs and runs what asks for `respond-async` at once, so only its descriptions
are used (`docs/decisions/0004-pygeoapi.md`).
"""

from __future__ import annotations

import collections
from functools import lru_cache
from typing import Annotated, Any, cast

import orjson
from fastapi import APIRouter, Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from api.body import json_body
from api.errors import problem
from api.ogc import schemas
from api.ogc.documents import COMMON, answer
from api.ogc.links import root
from api.ogc.params import single
from api.pages import language
from api.respond import json
from api.state import Twin, of
from pipelines.processes.process import Context, Process
from twin import registry
from twin.errors import InvalidParameter
from twin.moments import parse

router = APIRouter(prefix="/ogc", tags=["processes"])
NO_SUCH_PROCESS = "http://www.opengis.net/def/exceptions/ogcapi-processes-1/1.0/no-such-process"


def processes() -> dict[str, Process]:
    """Every analysis by its id."""
    return cast("dict[str, Process]", registry.entries("pipelines.processes", "PROCESS"))


@router.get("/processes")
def listing(request: Request) -> Response:
    """The analyses that there are."""
    single(request.query_params, set(COMMON))
    return _described(request, None)


@router.get("/processes/{process}")
def description(request: Request, process: str) -> Response:
    """One analysis: what it takes and gives."""
    if process not in processes():
        return missing(process)
    return _described(request, process)


@router.post("/processes/{process}/execution")
async def execution(request: Request, process: str, twin: Annotated[Twin, Depends(of)]) -> Response:
    """Run an analysis now (OGC API Processes Part 1, 7.9)."""
    if process not in processes():
        return missing(process)
    body = await json_body(request, "application/json")
    return json(await run_in_threadpool(execute, twin, processes()[process], body))


def execute(twin: Twin, process: Process, body: Any) -> dict[str, Any]:
    """The answer to an execute request's body; `at` and `known` beside `inputs` set the moment."""
    if not isinstance(body, dict) or "inputs" not in body:
        raise InvalidParameter('the body must be {"inputs": {…}}')
    if unknown := sorted(set(body) - {"inputs", "outputs", "response", "at", "known"}):
        raise InvalidParameter(f"no member {', '.join(unknown)[:200]} in an execute request")
    moments = {k: parse(str(body[k]), k) for k in ("at", "known") if body.get(k) is not None}
    context = Context(store=twin.store, policy=twin.policy, at=moments.get("at"), known=moments.get("known"))
    return process.run(schemas.read(process, body["inputs"]), context)


def missing(process: str) -> Response:
    """The 404 that the standard fixes."""
    return problem(404, NO_SUCH_PROCESS, f"no process {process[:200]!r}; there are {', '.join(processes())}")


def _described(request: Request, process: str | None) -> Response:
    from pygeoapi.api import APIRequest
    from pygeoapi.api.processes import describe_processes

    api = _documents(root(request))
    asked = APIRequest(_in_language(request), ["zh-CN", "en"])
    asked._format = "json"  # noqa: SLF001  (pages are ours: theirs load from elsewhere)
    _, status, content = describe_processes(api, asked, process)
    document = orjson.loads(content)
    for found in [document, *document.get("processes", [])]:
        found["links"] = [link for link in found.get("links", []) if _served(link)]
    return answer(request, document, "processes") if process is None else json(document, status)


def _in_language(request: Request) -> Request:
    """The request with nothing but a language: pygeoapi fails at `Accept-Language: zh`."""
    said = {"zh": b"zh-CN", "en": b"en"}[language(request)]
    kept = [(name, value) for name, value in request.scope["headers"] if name == b"host"]
    return Request({**request.scope, "query_string": b"", "headers": [*kept, (b"accept-language", said)]})


def _served(link: dict[str, str]) -> bool:
    """Whether a link of pygeoapi's leads to something that we serve."""
    return link.get("type") == "application/json" and "/jobs" not in link["href"]


@lru_cache(maxsize=8)
def _documents(base: str) -> Any:
    """Pygeoapi's API over our processes, its links under one root."""
    from pygeoapi.api import API

    configuration = {
        "server": {
            "url": base,
            "mimetype": "application/json",
            "encoding": "utf-8",
            "languages": ["zh-CN", "en"],
        },
        "logging": {"level": "ERROR"},
        "metadata": {"identification": {"title": "Onemap Twin", "description": "", "keywords": []}},
        "resources": {},
    }
    api = API(configuration, {})
    api.manager = _manager()
    return api


def _manager() -> Any:
    from pygeoapi.process.base import BaseProcessor
    from pygeoapi.process.manager.base import BaseManager

    class Registry(BaseManager):  # type: ignore[misc]
        """Our registry as pygeoapi's manager: descriptions only."""

        def __init__(self) -> None:
            super().__init__({"name": "registry"})
            self.processes: Any = collections.OrderedDict((name, {}) for name in processes())

        def get_processor(self, process_id: str) -> Any:
            return BaseProcessor({"name": process_id}, metadata(processes()[process_id]))

    return Registry()


def metadata(process: Process) -> dict[str, Any]:
    """A process in the words that pygeoapi describes."""
    return {
        "version": "1.0.0",
        "id": process.name,
        "title": {"zh-CN": process.title.zh, "en": process.title.en},
        "description": {"zh-CN": process.description.zh, "en": process.description.en},
        "jobControlOptions": ["sync-execute"],
        "keywords": [],
        "links": [],
        "inputs": schemas.inputs(process),
        "outputs": {"result": {"title": process.title.en, "schema": {"type": "object"}}},
    }
