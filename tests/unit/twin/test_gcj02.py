"""GCJ-02 and BD-09 against another implementation, and there and back."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from twin import gcj02, own_systems, space

NODE = Path(__file__).parents[2] / "node"
MILLIMETRE = 9e-9
"""Degrees of latitude."""
ASK = """
const g = require("gcoord");
const places = JSON.parse(require("fs").readFileSync(0));
const to = (crs) => places.map((p) => g.transform(p, g.WGS84, crs));
process.stdout.write(JSON.stringify([to(g.GCJ02), to(g.BD09)]));
"""
inside = st.tuples(st.floats(72.1, 137.7), st.floats(0.9, 55.7))


def arrays(*places: tuple[float, float]) -> tuple[np.ndarray, np.ndarray]:
    lon, lat = np.array(places).T
    return lon, lat


def test_a_thousand_places_are_moved_as_gcoord_moves_them() -> None:
    node = shutil.which("node")
    if node is None or not (NODE / "node_modules" / "gcoord").exists():
        pytest.skip("gcoord is not installed (npm ci in tests/node)")
    random = np.random.default_rng(7)
    places = np.column_stack([random.uniform(60, 145, 1000), random.uniform(-5, 60, 1000)])
    asked = subprocess.run(
        [node, "-e", ASK],
        input=json.dumps(places.tolist()).encode(),
        capture_output=True,
        check=True,
        cwd=NODE,
    )
    gcj, bd = np.array(json.loads(asked.stdout))
    lon, lat = places.T
    np.testing.assert_allclose(np.column_stack(gcj02.from_wgs84(lon, lat)), gcj, rtol=0, atol=1e-11)
    # gcoord moves what lies outside of China by BD-09's own step; there nothing is shifted.
    china = (lon >= 72.004) & (lon <= 137.8347) & (lat >= 0.8293) & (lat <= 55.8271)
    found = np.column_stack(gcj02.bd09_from_wgs84(lon, lat))
    np.testing.assert_allclose(found[china], bd[china], rtol=0, atol=1e-11)
    back = np.column_stack(gcj02.to_wgs84(*gcj[china].T))
    np.testing.assert_allclose(back, places[china], rtol=0, atol=MILLIMETRE)
    back = np.column_stack(gcj02.bd09_to_wgs84(*bd[china].T))
    np.testing.assert_allclose(back, places[china], rtol=0, atol=MILLIMETRE)


@given(st.lists(inside, min_size=1, max_size=20))
def test_what_is_moved_and_moved_back_is_where_it_was(places: list[tuple[float, float]]) -> None:
    lon, lat = arrays(*places)
    for there, back in (
        (gcj02.from_wgs84, gcj02.to_wgs84),
        (gcj02.bd09_from_wgs84, gcj02.bd09_to_wgs84),
    ):
        found = back(*there(lon, lat))
        np.testing.assert_allclose(found[0], lon, rtol=0, atol=1e-10)
        np.testing.assert_allclose(found[1], lat, rtol=0, atol=1e-10)


@given(st.tuples(st.floats(-180, 60), st.floats(-90, 90)))
def test_outside_of_china_nothing_is_moved(place: tuple[float, float]) -> None:
    lon, lat = arrays(place)
    for function in (gcj02.from_wgs84, gcj02.to_wgs84, gcj02.bd09_from_wgs84, gcj02.bd09_to_wgs84):
        assert function(lon, lat) == (lon, lat)


def test_the_shift_is_hundreds_of_metres() -> None:
    lon, lat = space.to_crs84(space.crs("GCJ02")).transform(117.5, 38.0)
    assert 0.001 < abs(lon - 117.5) < 0.02
    assert 0.0005 < abs(lat - 38.0) < 0.01


@pytest.mark.parametrize("name", ["GCJ02", "gcj-02", "GCJ_02", " gcj02 ", "BD09", "bd-09"])
def test_the_names_are_those_that_people_write(name: str) -> None:
    assert own_systems.find(name) is not None


def test_what_is_no_number_stays_none() -> None:
    lon, lat = gcj02.to_wgs84(np.array([np.nan, 117.5]), np.array([38.0, 38.0]))
    assert np.isnan(lon[0])
    assert np.isfinite(lon[1])
    assert np.isfinite(lat[1])
