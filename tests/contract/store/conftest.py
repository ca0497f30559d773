"""Every test of this folder that asks for `store` runs over every store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from store_support import STORES, Clock, Opener

from twin.store import Store


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=sorted(STORES))
def opener(request: pytest.FixtureRequest) -> Opener:
    return STORES[request.param]


@pytest.fixture
def store(opener: Opener, clock: Clock, tmp_path: Path) -> Iterator[Store]:
    opened = opener(tmp_path, clock)
    yield opened
    opened.close()
