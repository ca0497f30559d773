"""Bytes of files as constants over HTTP, by the server that we run: how fast it could be if nothing were to be done.

python constant.py PORT FOLDER     /NAME answers what FOLDER/NAME holds
"""

from __future__ import annotations

import sys
from pathlib import Path

import uvicorn
from starlette.types import Receive, Scope, Send

from api.serve import Patient

BODIES = {f"/{p.name}": p.read_bytes() for p in Path(sys.argv[2]).iterdir()}


async def app(scope: Scope, _: Receive, send: Send) -> None:
    """An answer of one header."""
    if scope["type"] == "http":
        body = BODIES[scope["path"]]
        length = [(b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": length})
        await send({"type": "http.response.body", "body": body})


uvicorn.run(app, port=int(sys.argv[1]), http=Patient, log_level="warning", access_log=False, lifespan="off")
