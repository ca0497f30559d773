"""What a server does when nobody waits for it: warm what the first visitor would wait for, keep rows in order."""

from __future__ import annotations

import contextlib
import itertools
import threading
from collections.abc import Iterator

import numpy as np

from api import cards
from api.layers import landing
from api.state import Twin
from api.tiles import predraw
from pipelines import bake, map_tiles
from twin import tiling
from twin.errors import TwinError
from twin.model import BBox
from twin.store import Store

LEVELS = range(9, 18)
FEW = 60
"""Tiles of a level that are drawn before anybody asks."""
QUIET_SECONDS = 30.0
"""Rows are put in order again when nothing was written for so long."""


def ready(twin: Twin) -> None:
    """Say that the twin is ready, and warm it aside."""
    twin.ready.set()
    threading.Thread(target=warm, args=(twin,), name="warm", daemon=True).start()


def warm(twin: Twin) -> None:
    """Make what is asked for first: the trees of the 3D layers, the map of the whole from afar."""
    for state in twin.store.layers(twin.policy):
        if state.count and cards.kind_of(state).draw == "3dtiles":
            with contextlib.suppress(TwinError):
                bake.entrance(
                    twin.source, state.layer.id, at=twin.now(), known=twin.now(), policy=twin.policy
                )
    box = landing(twin.store.layers(twin.policy))
    for labels, address in itertools.product((False, True), _addresses(box) if box else ()):
        predraw(twin, address, twin.now(), twin.now(), map_tiles.Style(labels=labels))


def _addresses(box: BBox) -> Iterator[tuple[int, int, int]]:
    """Tiles of the map over a box, from afar inward, as long as they are few."""
    across, down = tiling.inside(np.array([box.west, box.east]), np.array([box.north, box.south]), 0, 0, 0)
    for z in LEVELS:
        (x0, x1), (y0, y1) = (np.floor(v * 2**z).astype(int).tolist() for v in (across, down))
        if (x1 - x0 + 1) * (y1 - y0 + 1) > FEW:
            return
        yield from ((z, x, y) for x in range(x0, x1 + 1) for y in range(y0, y1 + 1))


@contextlib.contextmanager
def tended(store: Store) -> Iterator[None]:
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


def _tend(store: Store, written: set[str], wake: threading.Event, over: threading.Event) -> None:
    while not over.is_set():
        wake.wait()
        wake.clear()
        # Each new write begins the quiet anew.
        if over.wait(QUIET_SECONDS) or wake.is_set():
            continue
        layers = tuple(written)
        written.difference_update(layers)
        with contextlib.suppress(TwinError):
            store.tidy(layers)
