"""The sample county: generated as files, taken in through the same door as anybody's."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from api.state import Twin
from api.upkeep import ready
from pipelines.ingest import ingest
from pipelines.readers import pointclouds
from pipelines.reading import Request, request
from twin.errors import MissingPart, TwinError
from twin.settings import Settings
from twin.store import Store

Say = Callable[[str], None]
DONE = "demo"


def start(twin: Twin, say: Say) -> None:
    """Fill an empty twin with the county in the background; the server is ready when it is in."""
    if twin.store.kept(DONE):
        ready(twin)
        return
    threading.Thread(target=_fill, args=(twin, say), name="demo", daemon=True).start()


def _fill(twin: Twin, say: Say) -> None:
    try:
        build(twin.store, twin.settings, say, lambda text: setattr(twin, "starting", text))
        ready(twin)
    except TwinError as error:
        twin.starting = str(error)
        say(f"the sample county did not go in: {error}")


def build(store: Store, settings: Settings, say: Say, doing: Say) -> None:
    """Generate the county and take it in; about a minute on two cores."""
    folder = settings.home / "county"
    began = time.monotonic()
    doing("generating the sample county")
    say("generating the sample county (invented data) …")
    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    _run([sys.executable, "-m", "data_samples", str(folder), "--until", now.isoformat()])
    manifest = orjson.loads((folder / "manifest.json").read_bytes())
    say(
        f"  {len(manifest['layers'])} deliveries written in {time.monotonic() - began:.0f} s; taking them in …"
    )
    doing("taking the sample county in")
    requests = [delivery(entry, folder) for entry in _possible(manifest["layers"], say)]
    reports = ingest(store, requests, settings)
    rows = sum(r.accepted for r in reports)
    refused = sum(r.quarantined for r in reports)
    store.keep("site", orjson.dumps(manifest["site"]))
    store.keep(DONE, b"1")
    say(
        f"  {rows:,} rows in {len(reports)} deliveries, {refused} refused, after {time.monotonic() - began:.0f} s"
    )


def _possible(entries: Sequence[Mapping[str, Any]], say: Say) -> list[Mapping[str, Any]]:
    """The entries that this installation can take in; it says which it cannot."""
    try:
        pointclouds.python()
    except MissingPart as error:
        say(f"  without the point cloud: {error}")
        return [entry for entry in entries if entry["kind"] != "pointcloud"]
    return list(entries)


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise TwinError(f"the generator failed: {done.stderr[-2000:]}")


def delivery(entry: Mapping[str, Any], folder: Path) -> Request:
    """A manifest's entry as what `twin ingest` would be told."""
    given = {k: v for k, v in entry.items() if k not in ("files", "note")}
    return request({**given, "paths": [str(folder / name) for name in entry["files"]]})
