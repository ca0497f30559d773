"""What a server does when nobody waits for it: warm what the first visitor would wait for, keep rows in order."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

import numpy as np

from api import cards
from api.state import Twin
from pipelines import bake, map_tiles
from twin import tiling
from twin.duckdb_store import DuckDBStore
from twin.errors import TwinError

LEVEL = 12
QUIET_SECONDS = 30.0
"""Rows are put in order again when nothing was written for so long."""


def warm(twin: Twin) -> None:
    """Make what is asked for first: the trees of the 3D layers, one picture of the map."""
    for state in twin.store.layers(twin.policy):
        if state.count and cards.kind_of(state).draw == "3dtiles":
            with contextlib.suppress(TwinError):
                bake.entrance(
                    twin.source, state.layer.id, at=twin.now(), known=twin.now(), policy=twin.policy
                )
    box = next((s.bbox for s in twin.store.layers(twin.policy) if s.bbox), None)
    if box is not None:
        across, down = tiling.inside(np.array([box.west]), np.array([box.north]), 0, 0, 0)
        address = (LEVEL, int(across[0] * 2**LEVEL), int(down[0] * 2**LEVEL))
        now = twin.now()
        map_tiles.draw(twin.source, address, at=now, known=now, policy=twin.policy, style=map_tiles.Style())


@contextlib.contextmanager
def tended(store: DuckDBStore) -> Iterator[None]:
    """While inside, layers that were written are put in order once it is quiet."""
    written: set[str] = set()
    wake, over = threading.Event(), threading.Event()

    def heard(layer: str) -> None:
        written.add(layer)
        wake.set()

    stop = store.listen(lambda change: heard(change.layer))
    thread = threading.Thread(target=_tend, args=(store, written, wake, over), name="upkeep", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop()
        over.set()
        wake.set()
        thread.join(10)


def _tend(store: DuckDBStore, written: set[str], wake: threading.Event, over: threading.Event) -> None:
    while not over.is_set():
        wake.wait()
        wake.clear()
        # Each new write begins the quiet anew.
        if over.wait(QUIET_SECONDS) or wake.is_set():
            continue
        for layer in tuple(written):
            written.discard(layer)
            with contextlib.suppress(TwinError):
                store.recluster(layer)
        store.checkpoint()
