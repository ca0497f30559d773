"""One empty server and one with the sample county, for all end-to-end tests that do not need their own."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from servers import Server, start, stop


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    made = start(tmp_path_factory.mktemp("home"))
    yield made
    stop(made)


@pytest.fixture(scope="session")
def county(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """`twin demo`, ready; it takes a minute, so it is shared and left as it is."""
    made = start(tmp_path_factory.mktemp("county"), "demo")
    try:
        latest = time.monotonic() + 600
        while made.get("/readyz").status_code != 200:
            assert made.process.poll() is None, "the server ended before the county was in"
            assert time.monotonic() < latest, made.get("/readyz").text
            time.sleep(1)
        yield made
    finally:
        stop(made)
