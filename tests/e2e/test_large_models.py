"""Five million points and a 3D Tiles folder of 2 GB go in within 2 GB of memory, by command."""

from __future__ import annotations

import json
import os
import threading
import time
from pathlib import Path
from typing import Self

import laspy
import numpy as np
import psutil
import pyproj
import pytest
from servers import twin
from tilesets_support import b3dm, box, cube, placing, tile, tileset

from pipelines.readers import pointclouds
from twin.errors import MissingPart

LIMIT = 2 << 30
POINTS = 5_000_000


class Watch:
    """The most memory that this process's children had together: proportional, so that what they share counts once."""

    def __init__(self) -> None:
        self.most = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(0.2):
            self.most = max(self.most, sum(map(memory, psutil.Process(os.getpid()).children(recursive=True))))


def memory(process: psutil.Process) -> int:
    try:
        return int(process.memory_full_info().pss)
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return 0


@pytest.mark.long
def test_five_million_points_go_in_within_two_gigabytes(tmp_path: Path) -> None:
    try:
        pointclouds.python()
    except MissingPart as error:
        pytest.skip(str(error))
    header = laspy.LasHeader(point_format=7, version="1.4")
    header.scales, header.offsets = np.full(3, 0.001), np.array([500_000.0, 4_150_000.0, 0.0])
    header.add_crs(pyproj.CRS("EPSG:4548"))
    rng = np.random.default_rng(1)
    path = tmp_path / "street.las"
    with laspy.open(path, "w", header=header) as out:
        for _ in range(10):
            points = laspy.ScaleAwarePointRecord.zeros(POINTS // 10, header=header)
            points.x = 500_000 + rng.uniform(0, 1000, len(points))
            points.y = 4_150_000 + rng.uniform(0, 1000, len(points))
            points.z = rng.uniform(0, 30, len(points))
            points.classification = rng.choice([2, 5, 6], len(points))
            points.red = points.green = points.blue = rng.integers(256, 65535, len(points))
            out.write_points(points)
    began = time.monotonic()
    with Watch() as watch:
        twin(tmp_path / "home", "ingest", str(path), "--layer", "street")
    print(f"{POINTS / (time.monotonic() - began):,.0f} points/s, {watch.most >> 20} MB")  # noqa: T201  a figure to be seen
    assert watch.most < LIMIT
    (layer,) = [
        s for s in json.loads(twin(tmp_path / "home", "layers", "--json").stdout) if s["id"] == "street"
    ]
    assert sum(layer["draw"]["points"]["classes"].values()) == POINTS


@pytest.mark.long
def test_a_folder_of_two_gigabytes_goes_in_within_two_gigabytes(tmp_path: Path) -> None:
    folder = tmp_path / "block"
    folder.mkdir()
    tiles = []
    body = os.urandom(1 << 20)
    for number in range(2048):
        name = f"{number}.b3dm"
        whole = cube() + body  # what comes behind a glTF's own length is nobody's
        (folder / name).write_bytes(b3dm(whole))
        tiles.append(tile(name, boundingVolume=box(10)))
    (folder / "tileset.json").write_text(json.dumps(tileset(tile(transform=placing(), children=tiles))))
    with Watch() as watch:
        said = twin(tmp_path / "home", "ingest", str(folder), "--layer", "oblique", "--kind", "mesh").stdout
    assert watch.most < LIMIT
    assert "2,048 contents (b3dm)" in said
