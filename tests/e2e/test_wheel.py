"""The wheel: installed into an empty environment it is the whole program, viewer and generator included."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LARGEST = 60 << 20


def run(*command: str | Path, **environment: str) -> str:
    done = subprocess.run(
        [str(c) for c in command],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def uv() -> str:
    for candidate in (ROOT / ".tools" / "bin" / "uv", shutil.which("uv")):
        if (
            candidate
            and subprocess.run([candidate, "--version"], capture_output=True, check=False).returncode == 0
        ):
            return str(candidate)
    pytest.skip("uv is not here; `make test` sets it up")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not (ROOT / "api" / "static" / "index.html").exists():
        pytest.skip("the viewer is not built; `make test` builds it")
    folder = tmp_path_factory.mktemp("wheel")
    run(uv(), "build", "--wheel", "--quiet", "--out-dir", folder)
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("empty")
    pinned = folder / "pinned.txt"
    locked = run(uv(), "export", "--frozen", "--no-dev", "--no-emit-project", "--no-hashes", "--quiet")
    pinned.write_text(locked, "utf-8")
    run(uv(), "venv", "--quiet", "--python", sys.executable, folder / "venv")
    python = folder / "venv" / "bin" / "python"
    run(uv(), "pip", "install", "--quiet", "--python", python, "--constraint", pinned, wheel)
    return folder / "venv" / "bin" / "twin"


def test_it_holds_the_viewer_and_nothing_that_is_only_ours(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert "api/static/index.html" in names
    assert any(n.startswith("api/static/cesium/") for n in names)
    assert any(n.startswith("data_samples/") for n in names)
    assert not [n for n in names if n.endswith(".map") or n.startswith(("tests/", "viewer/", "docs/"))]
    assert wheel.stat().st_size < LARGEST


def test_it_runs_where_nothing_of_ours_is(installed: Path, tmp_path: Path) -> None:
    # An empty PATH but for the environment's own: no Node, no checkout.
    environment = {"PATH": str(installed.parent), "TWIN_HOME": str(tmp_path / "home")}

    def twin(*arguments: str) -> str:
        done = subprocess.run(
            [installed, *arguments],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    assert "ingest" in twin("--help")
    assert "viewer: built" in twin("doctor")
    source = tmp_path / "a.geojson"
    source.write_text(
        '{"type":"Feature","properties":{"name":"a"},"geometry":{"type":"Point","coordinates":[118,38]}}'
    )
    assert "1 accepted" in twin("ingest", str(source), "--layer", "a")
