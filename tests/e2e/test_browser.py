"""A browser does with the viewer what a person would, against the real server and the sample county.

The steps are functions in `tests/node/browser_steps.mjs`; they run once, one after the other, and each is a test here.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from servers import Server

ROOT = Path(__file__).parents[2]
NODE = ROOT / "tests" / "node"
LISTED = (NODE / "browser_steps.mjs").read_text().partition("export const steps")[2].partition("};")[0]
STEPS = re.findall(r"(\w+),\n", LISTED)
PATIENT: set[str] = set()
"""Steps that want more of a machine than a small one without a graphics card has: `make test-long`."""
ALL_OF_IT = 1800  # seconds, on a machine that does other things too

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def chromium() -> str:
    """Path of a Chromium, or a skip (a failure where TWIN_TEST_REQUIRE names `browser`)."""
    names = ("chromium", "chromium-browser", "google-chrome")
    found = next((path for path in map(shutil.which, names) if path), None)
    built = (ROOT / "api" / "static" / "index.html").is_file()
    ready = found and built and shutil.which("node") and (NODE / "node_modules" / "playwright-core").is_dir()
    reason = (
        "Chromium, node, the packages of tests/node and a built viewer are needed: `make test` sees to them"
    )
    if not ready:
        assert "browser" not in os.environ.get("TWIN_TEST_REQUIRE", "").split(","), reason
        pytest.skip(reason)
    assert found
    return found


@pytest.fixture(scope="module")
def seen(request: pytest.FixtureRequest, chromium: str, county: Server) -> dict[str, dict[str, Any]]:
    """What became of each step that is wanted: {name: {ok, detail, seconds}}."""
    asked = {
        item.callspec.params["step"]
        for item in request.session.items
        if item.originalname == "test_in_a_browser"
    }
    setup = {
        "address": county.address,
        "chromium": chromium,
        "shots": str(ROOT / "test-results"),
        "twin": [sys.executable, "-m", "api.cli"],
        "home": str(county.home),
    }
    command = [
        str(shutil.which("node")),
        str(NODE / "browser.mjs"),
        json.dumps(setup),
        *(s for s in STEPS if s in asked),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=ALL_OF_IT, cwd=ROOT)
    steps = [json.loads(line) for line in done.stdout.splitlines()]
    assert steps, done.stderr[-3000:]
    return {step["name"]: step for step in steps}


@pytest.mark.parametrize(
    "step", [pytest.param(s, marks=[pytest.mark.long] if s in PATIENT else []) for s in STEPS]
)
def test_in_a_browser(seen: dict[str, dict[str, Any]], step: str) -> None:
    assert step in seen, "the run ended before this step"
    assert seen[step]["ok"], seen[step]["detail"]
