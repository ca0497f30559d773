"""A server over the in-memory store, with a few rows of each sort."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient
from tests_support import HOUSES, SURVEY, houses

from api.app import create_app
from api.home import INCIDENTS, described
from api.hub import Hub
from api.state import Twin
from pipelines.ground import Grounds
from pipelines.search import Index
from pipelines.tile_cache import TileCache
from twin.forest import Forest
from twin.memory.store import MemoryStore
from twin.model import Delivery
from twin.settings import Settings


@pytest.fixture
def twin(tmp_path: Path) -> Twin:
    store = MemoryStore()
    settings = Settings(home=tmp_path, max_body_mb=1, max_limit=100)
    store.describe(described(INCIDENTS))
    store.write(HOUSES, [houses()], Delivery(source="survey", at=SURVEY))
    made = Twin(
        settings=settings,
        store=store,
        hub=Hub(),
        index=Index(settings.index),
        cache=TileCache(tmp_path / "cache"),
        forest=Forest(store),
        grounds=Grounds(store, settings.rasters),
    )
    made.ready.set()
    return made


@pytest.fixture
def client(twin: Twin, tmp_path: Path) -> Iterator[TestClient]:
    with TestClient(create_app(twin, static=tmp_path), raise_server_exceptions=False) as made:
        yield made
