"""What the doctor says of profiles and datums, what a backup leaves out, and the commands while a server runs."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import pytest
from tests_support import HOUSES, SURVEY, houses

from api.doctor import examine
from pipelines import archive, ingest
from pipelines.control import Point
from pipelines.ingest import Intake
from twin import stores, vertical
from twin.errors import InvalidParameter
from twin.memory.store import MemoryStore
from twin.model import Delivery, Report
from twin.policy import Policy
from twin.settings import Settings

PROFILE = "[projection]\ncentral_meridian = 117.25471\n"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "crs").mkdir()
    (tmp_path / "crs" / "own.toml").write_text(PROFILE)
    (tmp_path / "crs" / "own.toml").chmod(0o600)
    return tmp_path


def finding(home: Path, what: str) -> tuple[bool, str]:
    (found,) = [f for f in examine(Settings(home=home)) if f.what == what]
    return found.fine, found.detail


def test_the_doctor_warns_of_a_profile_that_others_can_read(home: Path) -> None:
    assert finding(home, "CRS profile own") == (True, "well-formed, its owner's alone")
    (home / "crs" / "own.toml").chmod(0o644)
    fine, detail = finding(home, "CRS profile own")
    assert not fine
    assert "chmod 600" in detail


def test_the_doctor_names_the_key_of_a_malformed_profile(home: Path) -> None:
    (home / "crs" / "own.toml").write_text("[projection]\ncentral_meridian = 4711\n")
    fine, detail = finding(home, "CRS profile own")
    assert not fine
    assert "projection.central_meridian" in detail
    assert "4711" not in detail


def test_the_doctor_reads_the_ways_between_datums(home: Path) -> None:
    (home / "vertical.toml").write_text('[[way]]\nfrom = "1956"\nto = "1985"\nconstant = -0.029\n')
    assert finding(home, "vertical datums") == (True, "EPSG:5736 to EPSG:5737: constant -0.029 m")
    (home / "vertical.toml").write_text('[[way]]\nfrom = "1956"\n')
    assert not finding(home, "vertical datums")[0]


def test_a_backup_leaves_profiles_out_and_takes_ways_along(
    home: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    settings = Settings(home=home)
    folder, again = tmp_path_factory.mktemp("backup") / "b", Settings(home=tmp_path_factory.mktemp("again"))
    ways = '[[way]]\nfrom = "1956"\nto = "1985"\nconstant = -0.029\n'
    (home / "vertical.toml").write_text(ways)
    store = stores.opened(settings)
    try:
        store.write(HOUSES, [houses()], Delivery(source="survey", at=SURVEY))
        archive.backup(store, settings, folder)
    finally:
        store.close()
    files = [p for p in folder.rglob("*") if p.is_file()]
    assert files
    assert not [p for p in files if b"117.25471" in p.read_bytes() or p.name == "own.toml"]
    fresh = stores.opened(again)
    try:
        archive.restore(fresh, again, folder)
    finally:
        fresh.close()
    assert (again.home / "vertical.toml").read_text() == ways


def test_points_are_checked_and_offsets_stated_while_a_server_runs(home: Path) -> None:
    store, settings, heard = MemoryStore(), Settings(home=home), list[Report]()
    store.write(HOUSES, [houses()], Delivery(source="survey", at=SURVEY))
    intake = Intake(store, settings, heard=lambda report, _: heard.append(report))
    try:
        point = Point(name="K1", lon=116.4, lat=39.9, layer="houses", id="H000")
        job = {"points": [asdict(point)], "datum": "unknown", "radius": 5.0, "tolerance": 0.01}
        found = ingest.command(settings, "check", job)
        assert found["fine"]
        assert found["points"][0]["plan"] == pytest.approx(0, abs=1e-4)
        said = {"layer": "houses", "metres": 3.0, "to": "1985", "author": "Li", "reason": "bench mark"}
        assert "by Li: bench mark" in ingest.command(settings, "vertical", said)["notes"][0]
        assert store.layer("houses", Policy.open()).layer.extra[vertical.OFFSET]["metres"] == 3.0
        assert [r.reader for r in heard] == ["vertical"]
        with pytest.raises(InvalidParameter, match="--author is empty"):
            ingest.command(settings, "vertical", {**said, "author": ""})
    finally:
        intake.close()
