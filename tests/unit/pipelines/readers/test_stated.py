"""Which of a file's word, the caller's and the standard's holds."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.readers.reader import Options
from pipelines.readers.stated import crs_of
from twin import own_systems, space
from twin.errors import UnknownCRS


def test_the_file_goes_before_the_caller_and_says_so() -> None:
    found, notes = crs_of("a.shp", space.crs("EPSG:4548"), Options(crs="EPSG:4549"))
    assert found.to_epsg() == 4548
    assert notes == (
        "the file states CGCS2000 / 3-degree Gauss-Kruger CM 117E; --crs EPSG:4549 was not used",
    )


def test_the_caller_goes_before_the_standard() -> None:
    assert crs_of("a.csv", None, Options(crs="EPSG:4549"), standard="OGC:CRS84")[0].to_epsg() == 4549
    assert crs_of("a.csv", None, Options(), standard="OGC:CRS84")[0] == space.crs("OGC:CRS84")


@pytest.mark.parametrize("name", ["GCJ02", "BD09"])
def test_what_no_file_can_state_goes_before_degrees_with_a_warning(name: str) -> None:
    found, notes = crs_of("pins.geojson", space.crs("EPSG:4326"), Options(crs=name))
    assert found.name == name
    assert notes == (f"WARNING: pins.geojson states WGS 84; taken as {name} because --crs says so",)


def test_shifted_degrees_over_metres_are_refused() -> None:
    with pytest.raises(UnknownCRS, match=r"a\.shp states CGCS2000 / 3-degree .* no degrees"):
        crs_of("a.shp", space.crs("EPSG:4548"), Options(crs="GCJ02"))


def test_a_profile_goes_before_the_zone_that_somebody_put_into_the_file(tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text("[projection]\ncentral_meridian = 117.25\n")
    own_systems.use(tmp_path)
    found, notes = crs_of("a.shp", space.crs("EPSG:4548"), Options(crs="own"))
    assert found.name == "own"
    assert notes[0].startswith("WARNING: a.shp states CGCS2000 / 3-degree")


def test_nobody_says_is_an_error_that_says_how() -> None:
    with pytest.raises(UnknownCRS, match="--crs EPSG:4548"):
        crs_of("a.csv", None, Options())
