"""schemathesis makes requests of everything that the two descriptions say, and of what they do not say."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from plots import plots
from servers import Server, start, stop

SECONDS = 15
"""Each; `make test-long` gives it longer, and has it try the bounds of every parameter as well."""
OURS = "not_a_server_error"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("everything")
    server = start(folder / "home")
    server.twin("ingest", str(plots(folder / "plots.geojson")), "--layer", "plots", "--kind", "features")
    yield server
    stop(server)


def ask(server: Server, path: str, seconds: int, folder: Path, phases: str) -> None:
    command = [
        sys.executable, "-m", "schemathesis.cli", "run", server.address + path, "--checks", OURS,
        "--max-time", str(seconds), "--phases", phases, "--continue-on-failure", "--request-timeout", "60",
        "--suppress-health-check", "all", "--warnings", "off", "--seed", "1",
        "--exclude-path", "/live",  # it does not end; test_live.py asks it
    ]  # fmt: skip
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=10 * seconds + 200, check=False
    )
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-1000:]
    assert server.process.poll() is None


PATHS = ["/ogc/api", "/api/openapi.json"]


@pytest.mark.parametrize("path", PATHS)
def test_nothing_that_is_asked_is_a_fault_of_the_server(path: str, served: Server, tmp_path: Path) -> None:
    ask(served, path, SECONDS, tmp_path, "fuzzing")


@pytest.mark.long
@pytest.mark.parametrize("path", PATHS)
def test_nothing_is_when_it_asks_for_ten_minutes(path: str, served: Server, tmp_path: Path) -> None:
    ask(served, path, 600, tmp_path, "coverage,fuzzing,stateful")
