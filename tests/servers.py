"""A real server in a home of its own, as `twin serve` runs it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

ADDRESS = re.compile(r"(http://127\.0\.0\.1:\d+)")
DATA = Path(__file__).parents[2] / "shared" / "data"


@dataclass(frozen=True)
class Server:
    """A running server and its home."""

    address: str
    home: Path
    process: subprocess.Popen[str]
    drain: threading.Thread

    def get(self, path: str, **options: Any) -> httpx2.Response:
        return httpx2.get(self.address + path, timeout=60, **options)

    def json(self, path: str, **options: Any) -> Any:
        answer = self.get(path, **options)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def twin(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        return twin(self.home, *arguments, check=check)


def twin(home: Path, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """The command line in a home."""
    command = [sys.executable, "-m", "api.cli", *arguments]
    environment = {**os.environ, "TWIN_HOME": str(home)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600, check=False)
    if check:
        assert done.returncode == 0, done.stderr[-3000:]
    return done


def start(home: Path, command: str = "serve", *arguments: str) -> Server:
    """Start a server on a free port and wait for its address."""
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "api.cli", command, "--port", "0", *arguments],
        env={**os.environ, "TWIN_HOME": str(home)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    said = []
    for line in process.stdout:
        said.append(line)
        if found := ADDRESS.search(line):
            # Keep reading, or the pipe fills and the server stops at its next word.
            drain = threading.Thread(target=process.stdout.read, daemon=True)
            drain.start()
            return Server(address=found[1], home=home, process=process, drain=drain)
    raise AssertionError("".join(said))


def stop(server: Server) -> None:
    """End it as a user would."""
    server.process.terminate()
    server.process.wait(20)
    server.drain.join(20)
    if server.process.stdout:
        server.process.stdout.close()
