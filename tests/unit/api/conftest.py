"""A server over the in-memory store, with a few rows of each sort."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient
from tests_support import HOUSES, SURVEY, houses

from api.app import create_app
from api.home import INCIDENTS, described
from api.state import Twin, over
from twin.memory.store import MemoryStore
from twin.model import Delivery
from twin.settings import Settings


@pytest.fixture
def twin(tmp_path: Path) -> Twin:
    store = MemoryStore()
    settings = Settings(home=tmp_path, max_body_mb=1, max_limit=100)
    store.describe(described(INCIDENTS))
    store.write(HOUSES, [houses()], Delivery(source="survey", at=SURVEY))
    made = over(store, settings)
    made.ready.set()
    return made


@pytest.fixture
def client(twin: Twin, tmp_path: Path) -> Iterator[TestClient]:
    with TestClient(create_app(twin, static=tmp_path), raise_server_exceptions=False) as made:
        yield made
