"""Hostile files at full size, by command, as an operator would meet them: F12, F32, F48, F54 of the list."""

from __future__ import annotations

import json
import math
import random
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import rasterio
import shapely
from rasterio.transform import from_origin
from servers import twin

ROOM = "24m"


def refused(home: Path, path: Path, *options: str) -> str:
    """What the command line says of a file that does not go in; nothing of it is there afterwards."""
    done = twin(home, "ingest", str(path), "--layer", "x", *options, check=False)
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    assert layers(home) == {}
    assert [p.name for p in home.iterdir() if p.name.startswith(".")] == []
    return done.stderr.strip().splitlines()[-1]


def layers(home: Path) -> dict[str, int]:
    return {s["id"]: s["count"] for s in json.loads(twin(home, "layers", "--json").stdout)}


@pytest.mark.long
def test_five_million_vertices_are_refused_before_the_geometry_is_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F12. A list of the numbers alone would take more than the reader is allowed here."""
    monkeypatch.setenv("TWIN_READER_MEMORY_MB", "2048")
    angles = np.linspace(0, 2 * math.pi, 5_000_000, endpoint=False)
    path = tmp_path / "ring.geojson"
    with path.open("w") as file:
        file.write('{"type":"FeatureCollection","features":[{"type":"Feature","properties":{},')
        file.write('"geometry":{"type":"Polygon","coordinates":[[')
        for part in np.array_split(angles, 50):
            pairs = np.column_stack([116.4 + 0.01 * np.cos(part), 39.9 + 0.01 * np.sin(part)])
            file.writelines(f"[{x},{y}]," for x, y in pairs.tolist())
        file.write("[116.41,39.9]]]}}]}")
    said = refused(tmp_path / "home", path)
    assert "1000000" in said.replace(",", "")
    assert "limit" in said


@pytest.mark.long
def test_a_text_of_two_gigabytes_is_refused_while_it_streams(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F32. The reader may have half of the text's size, and needs none of it."""
    monkeypatch.setenv("TWIN_READER_MEMORY_MB", "1024")
    path = tmp_path / "t.gml"
    with path.open("wb") as file:
        file.write(b"<a>")
        for _ in range(2048):
            file.write(b"x" * (1 << 20))
        file.write(b"</a>")
    assert "a text of more than 10,000,000 bytes" in refused(tmp_path / "home", path, "--crs", "EPSG:4548")


@pytest.mark.long
@pytest.mark.parametrize("dictionary", [True, False])
def test_a_value_of_exactly_a_gigabyte_is_refused_from_the_footer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, dictionary: bool
) -> None:
    """F48."""
    monkeypatch.setenv("TWIN_READER_MEMORY_MB", "1024")
    geometry = {"encoding": "WKB", "geometry_types": ["Point"]}
    about = {"version": "1.1.0", "primary_column": "geometry", "columns": {"geometry": geometry}}
    blobs = pa.array([shapely.to_wkb(shapely.Point(118, 38))], pa.binary())
    table = pa.table({"name": pa.array([b"x" * 10**9], pa.binary()), "geometry": blobs})
    path = tmp_path / "a.parquet"
    marked = table.replace_schema_metadata({"geo": json.dumps(about)})
    pq.write_table(marked, path, use_dictionary=dictionary, compression="zstd", write_statistics=False)
    assert "limit is 1,000,000,000" in refused(tmp_path / "home", path)


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A disk of its own with room for a database and little more."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if shutil.which("mount") is None:
        pytest.skip("a full disk needs a small one: there is no mount")
    command = ["mount", "-t", "tmpfs", "-o", f"size={ROOM}", "tmpfs", str(disk)]
    made = subprocess.run(command, capture_output=True, text=True, check=False)
    if made.returncode:
        pytest.skip(f"a full disk needs a small one, and this user may not mount: {made.stderr.strip()}")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


def remounted(disk: Path, how: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{how}", str(disk)], check=True)


def padded(path: Path, count: int) -> Path:
    """Points with half a kilobyte each that does not compress."""
    chance = random.Random(1)
    with path.open("w") as file:
        file.write('{"type":"FeatureCollection","features":[')
        for n in range(count):
            geometry = {"type": "Point", "coordinates": [118 + chance.random(), 38 + chance.random()]}
            row = {"type": "Feature", "id": n, "properties": {"pad": chance.randbytes(600).hex()}}
            file.write("," * (n > 0) + json.dumps({**row, "geometry": geometry}))
        file.write("]}")
    return path


def test_a_full_disk_is_said_and_the_same_import_goes_in_once_there_is_room(
    tmp_path: Path, small: Path
) -> None:
    """F54."""
    path, home = padded(tmp_path / "big.geojson", 40_000), small / "home"
    assert "the store has no room" in refused(home, path)
    remounted(small, "ro")
    shut = twin(home, "ingest", str(path), "--layer", "x", check=False)
    assert (shut.returncode, "Traceback" in shut.stderr) == (1, False)
    assert "does not open" in shut.stderr
    remounted(small, "rw,size=400m")
    twin(home, "ingest", str(path), "--layer", "x")
    assert layers(home) == {"x": 40_000}


def test_a_full_disk_is_said_where_reading_writes_aside(tmp_path: Path, small: Path) -> None:
    """F54, before anything reaches the store."""
    noise = np.random.default_rng(1).random((1, 3000, 3000)).astype(np.float32)
    profile = {"width": 3000, "height": 3000, "count": 1, "dtype": "float32", "crs": "EPSG:4548"}
    with rasterio.open(
        tmp_path / "dem.tif", "w", transform=from_origin(500000, 4200000, 1, 1), **profile
    ) as file:
        file.write(noise)
    said = refused(small / "home", tmp_path / "dem.tif", "--kind", "terrain", "--vertical", "EPSG:5737")
    assert "no room in TWIN_HOME" in said
