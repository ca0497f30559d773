"""One server for all end-to-end tests that do not need their own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from servers import Server, start, stop


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    made = start(tmp_path_factory.mktemp("home"))
    yield made
    stop(made)
