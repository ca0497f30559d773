"""Who asks, at a real server: what it says, what it writes down, what it leaves behind."""

from __future__ import annotations

import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx2
import orjson
import pytest
import servers

RULES = '[[rule]]\nrole = "duty"\nlayers = "incidents"\nrights = ["read", "write"]\n'


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def server(home: Path) -> Iterator[servers.Server]:
    home.mkdir(mode=0o700)
    (home / "rules.toml").write_text(RULES)
    made = servers.start(home)
    yield made
    servers.stop(made)


def key(home: Path, *arguments: str) -> dict[str, str]:
    return orjson.loads(servers.twin(home, "key", "create", "test", *arguments, "--json").stdout)


def test_a_key_made_while_the_server_runs_is_taken_at_once_and_ended_at_once(server, home):
    made = key(home, "--role", "duty")
    bearer = {"Authorization": f"Bearer {made['secret']}"}
    assert server.json("/api/layers")["layers"] == []
    assert [found["id"] for found in server.json("/api/layers", headers=bearer)["layers"]] == ["incidents"]
    listed = orjson.loads(servers.twin(home, "key", "list", "--json").stdout)
    assert [(k["id"], k["stands"]) for k in listed] == [(made["id"], True)]
    assert "secret" not in listed[0]
    began, ended = threading.Event(), threading.Event()

    def follow() -> None:
        with httpx2.stream("GET", f"{server.address}/live", headers=bearer, timeout=60) as answer:
            for _ in answer.iter_lines():
                began.set()
        ended.set()

    thread = threading.Thread(target=follow)
    thread.start()
    assert began.wait(60)
    servers.twin(home, "key", "revoke", made["id"])
    assert server.get("/api/layers", headers=bearer).status_code == 401
    assert ended.wait(60)
    thread.join()


def test_what_was_done_is_in_the_log_after_a_normal_stop_and_its_files_are_private(home):
    home.mkdir(mode=0o700)
    (home / "rules.toml").write_text(RULES)
    server = servers.start(home)
    try:
        for file in ("twin.sock", "accounts.sqlite", "audit.sqlite", "audit.head"):
            assert stat.S_IMODE((home / file).stat().st_mode) == 0o600, file
        assert server.get("/tiles/houses/3/0/0.mvt").status_code == 404
        assert server.get("/api/search?q=x").status_code == 200
    finally:
        servers.stop(server)
    rows = orjson.loads(servers.twin(home, "audit", "show", "--json").stdout)
    paths = [r["path"] for r in rows]
    assert "/tiles/houses/…" in paths
    assert "/api/search?q=x" in paths
    notes = [r["note"] for r in rows]
    assert notes[0] == "the server begins"
    assert notes[-1] == "the server ends"
    assert any(note.startswith("1 rules for 1 roles (duty)") for note in notes)
    verdict = servers.twin(home, "audit", "verify", "--json")
    assert orjson.loads(verdict.stdout)["head"] == f"{rows[-1]['n']}:{rows[-1]['digest']}"


def serve(home: Path, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-u", "-m", "api.cli", "serve", "--home", str(home), "--port", "0", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def said(process: subprocess.Popen[str]) -> str:
    """What it says until it names who sees what, or ends."""
    lines = []
    assert process.stdout is not None
    for line in process.stdout:
        lines.append(line)
        if any(word in line for word in ("open:", "OPEN", "rules:", "NOTHING")):
            break
    process.terminate()
    process.wait(60)
    process.stdout.close()
    return "".join(lines)


@pytest.mark.parametrize(
    ("rules", "arguments", "word"),
    [
        (None, (), "open: anyone on this machine sees everything"),
        (None, ("--host", "0.0.0.0"), "Say --open if that is meant"),
        (None, ("--host", "0.0.0.0", "--open"), "OPEN TO OTHER MACHINES"),
        (RULES, ("--host", "0.0.0.0"), "rules: 1 roles"),
        ("[[rule]]\n", ("--host", "0.0.0.0"), "NOTHING IS SHOWN TO ANYBODY"),
    ],
)
def test_the_server_says_who_sees_what(home, rules, arguments, word):
    home.mkdir()
    if rules is not None:
        (home / "rules.toml").write_text(rules)
    assert word in said(serve(home, *arguments))


def test_settings_that_would_believe_anybody_are_one_readable_line(home):
    home.mkdir()
    (home / "twin.toml").write_text('oidc_issuer = "https://sso.example"\n')
    process = serve(home)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "TWIN_OIDC_AUDIENCE" in out
    assert "Traceback" not in out
