"""Opening a home: its store, whether a server runs there, and the parts of a server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

from api import access
from api.cards import kinds
from api.state import Twin, over
from api.upkeep import tended
from pipelines.executor import Processes
from pipelines.ingest import Intake, listening
from pipelines.search import Index
from tiles import geojson
from twin import stores
from twin.errors import StorageFull
from twin.model import Layer, Titles
from twin.policy import Policy
from twin.settings import Settings
from twin.store import Store

STATIC = Path(__file__).parent / "static"
INCIDENTS = Layer(
    id="incidents",
    kind="incidents",
    title=Titles(zh="突发事件", en="Incidents"),
    geometry="Point",
    theme="emergency",
    vertical="unknown",
    order=1,
)
"""Every twin can take an incident from its first minute."""


@contextmanager
def opened(settings: Settings) -> Iterator[Store]:
    """The home's store.

    Raises:
        StoreBusy: another process has the embedded one; names its pid.
        StoreDown: the database does not answer.
    """
    try:
        settings.home.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise StorageFull(f"{settings.home} cannot be made: {error.strerror}; set TWIN_HOME") from error
    store = stores.opened(settings, writer=geojson.written)
    try:
        yield store
    finally:
        store.close()


@contextmanager
def served(settings: Settings) -> Iterator[Twin]:
    """The parts of a server over a home: store, search, intake."""
    with access.opened(settings) as rights, opened(settings) as store:
        if not any(s.layer.id == INCIDENTS.id for s in store.layers(Policy.open())):
            store.describe(described(INCIDENTS))
        index = Index(settings.index)
        stop = index.follow(store)
        # One server of a home takes deliveries; others over the same database leave it to that one.
        shared = bool(settings.store) and listening(settings)
        intake = None if shared else Intake(store, settings, heard=access.delivered(rights))
        with ExitStack() as at_end:
            at_end.callback(stop)
            if intake:
                at_end.callback(intake.close)
            at_end.enter_context(tended(store))
            executor = Processes()
            at_end.callback(executor.close)
            yield over(store, settings, access=rights, index=index, executor=executor)


def described(layer: Layer) -> Layer:
    """A layer with its kind's columns."""
    return replace(layer, columns=kinds()[layer.kind].columns)
