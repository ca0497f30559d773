"""What the bench of the doors asks, what is true of the answers, and wrk that asks it eight at a time."""

from __future__ import annotations

import http.client
import os
import re
import shutil
import subprocess
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit

import numpy as np
import shapely
from figures import PeerMissing
from rectangles import DENSE, HIGH, SOUTH, USES, WEST, WIDE, Rectangles

CONNECTIONS = 8
MANY = 2000
"""Different requests of a kind; a round is longer than a run of most."""
LEVEL = 14
WINDOWS = {"bbox, 100": (0.02, 100), "bbox, 1000": (0.03, 1000)}
"""Degrees along a window's side, and the page."""
SCRIPT = """
local paths, n = {}, 0
for line in io.lines(os.getenv("PATHS")) do paths[#paths + 1] = line end
request = function()
  n = n + 1
  return wrk.format("GET", paths[(n - 1) % #paths + 1])
end
"""


@dataclass(frozen=True, kw_only=True)
class Question:
    """A request of a kind, without the path of a server."""

    rest: str
    """What comes after the path of the items; of a tile `z/x/y`."""
    matched: int = 0
    """How many rows match, by numpy and shapely alone."""
    returned: int = 0


@dataclass(frozen=True, kw_only=True)
class Speed:
    """What wrk saw."""

    rate: float
    """Requests a second."""
    p50: float
    """Milliseconds."""
    p99: float
    answers: int
    """How many there were in all."""
    wrong: int
    """Answers that were no 2xx, or did not come."""


def questions(town: Rectangles, count: int, seed: int = 5) -> dict[str, list[Question]]:
    """The same questions every time: windows, identifiers, filters, tiles; all in a random order.

    Args:
        town: the rectangles that are seen.
        count: how many there are.
        seed: of the choice.
    """
    random = np.random.default_rng(seed)
    spread = np.sqrt(count / DENSE)
    asked = {name: _windows(town, random, spread, *size) for name, size in WINDOWS.items()}
    codes = town.columns["code"][random.integers(0, len(town), MANY)]
    asked["by id"] = [Question(rest=f"/{code}", matched=1, returned=1) for code in codes]
    asked["CQL2"] = _filters(town, random)
    asked["tile, z14"] = _tiles(random, spread)
    return asked


def _windows(
    town: Rectangles, random: np.random.Generator, spread: float, side: float, limit: int
) -> list[Question]:
    low = np.round(
        [WEST, SOUTH] + random.uniform(0, 1, (MANY, 2)) * [WIDE * spread - side, HIGH * spread - side], 6
    )
    boxes = shapely.box(*low.T, *np.round(low + side, 6).T)
    counts = np.bincount(town.tree.query(boxes, predicate="intersects")[0], minlength=MANY)
    return [
        Question(
            rest=f"?bbox={x:.6f},{y:.6f},{x + side:.6f},{y + side:.6f}&limit={limit}",
            matched=int(count),
            returned=int(min(count, limit)),
        )
        for (x, y), count in zip(low, counts, strict=True)
    ]


def _filters(town: Rectangles, random: np.random.Generator) -> list[Question]:
    found = []
    offices = np.sort(town.columns["height"][town.columns["use"] == USES[0]])
    for least in np.round(random.uniform(10, 90, MANY), 1):
        text = quote(f"height>{least} AND use='{USES[0]}'")
        matched = len(offices) - int(np.searchsorted(offices, least, "right"))
        rest = f"?limit=100&filter-lang=cql2-text&filter={text}"
        found.append(Question(rest=rest, matched=matched, returned=min(matched, 100)))
    return found


def _tiles(random: np.random.Generator, spread: float) -> list[Question]:
    """The tiles that lie wholly in the land."""
    ends = np.array([[WEST, SOUTH + HIGH * spread], [WEST + WIDE * spread, SOUTH]])
    across = (ends[:, 0] + 180) / 360 * 2**LEVEL
    down = (1 - np.arcsinh(np.tan(np.radians(ends[:, 1]))) / np.pi) / 2 * 2**LEVEL
    xs = range(int(np.ceil(across[0])), int(across[1]))
    ys = range(int(np.ceil(down[0])), int(down[1]))
    addresses = random.permutation([(x, y) for x in xs for y in ys])
    return [Question(rest=f"{LEVEL}/{x}/{y}") for x, y in addresses[:MANY].tolist()]


def each_once(address: str, paths: list[str], headers: dict[str, str]) -> float:
    """Answers a second when every path is asked once, eight at a time; for what is answered otherwise a second time.

    Raises:
        AssertionError: an answer was no 2xx.
    """
    place = urlsplit(address)
    waiting, wrong = iter(paths), []
    lock = threading.Lock()

    def work() -> None:
        connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=120)
        while True:
            with lock:
                path = next(waiting, None)
            if path is None:
                return
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
            answer.read()
            if answer.status // 100 != 2:
                wrong.append((path, answer.status))

    start = time.perf_counter()
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        for one in [pool.submit(work) for _ in range(CONNECTIONS)]:
            one.result()
    took = time.perf_counter() - start
    if wrong:
        raise AssertionError(f"{len(wrong)} of {len(paths)} were not answered, first {wrong[0]}")
    return len(paths) / took


def wrk(address: str, paths: list[str], seconds: int, headers: dict[str, str]) -> Speed:
    """How fast a server answers, in the order of the paths and over again.

    Raises:
        PeerMissing: there is no wrk.
    """
    program = shutil.which("wrk")
    if program is None:
        raise PeerMissing("no wrk, which asks (apt install wrk)")
    with tempfile.TemporaryDirectory() as name:
        script, file = Path(name, "ask.lua"), Path(name, "paths")
        script.write_text(SCRIPT)
        file.write_text("\n".join(paths) + "\n")
        said = [word for k, v in headers.items() for word in ("-H", f"{k}: {v}")]
        options = [
            "-t1",
            f"-c{CONNECTIONS}",
            f"-d{seconds}s",
            "--timeout",
            "30s",
            "--latency",
            "-s",
            str(script),
        ]
        done = subprocess.run(
            [program, *options, *said, address],
            env={**os.environ, "PATHS": str(file)},
            capture_output=True,
            text=True,
            check=True,
        )
    return read(done.stdout)


def read(text: str) -> Speed:
    """What wrk prints."""
    refused = sum(map(int, re.findall(r"Non-2xx or 3xx responses: (\d+)", text)))
    broken = sum(sum(map(int, re.findall(r"\d+", line))) for line in re.findall(r"Socket errors: (.+)", text))
    return Speed(
        rate=float(re.search(r"Requests/sec:\s+([\d.]+)", text)[1]),  # type: ignore[index]
        p50=_milliseconds(text, "50%"),
        p99=_milliseconds(text, "99%"),
        answers=int(re.search(r"(\d+) requests in", text)[1]),  # type: ignore[index]
        wrong=refused + broken,
    )


def _milliseconds(text: str, share: str) -> float:
    value, unit = re.search(rf"{share}\s+([\d.]+)(us|ms|s|m)\b", text).groups()  # type: ignore[union-attr]
    return float(value) * {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60_000.0}[unit]
