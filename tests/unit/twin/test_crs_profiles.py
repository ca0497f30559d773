"""A site's own coordinate systems: what PROJ makes of them, and that nothing of them is told."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pyproj
import pytest

from twin import crs_profiles, own_systems, space
from twin.errors import TwinError, UnknownCRS, UnreadableFile

LON, LAT = np.meshgrid(np.linspace(117.0, 118.2, 10), np.linspace(37.4, 38.4, 10))
LON, LAT = LON.ravel(), LAT.ravel()
MILLIMETRE = 1e-8
"""Degrees; a millimetre is 0.9e-8 degrees of latitude."""
MERIDIAN = """
[projection]
central_meridian = 117.51234
false_easting = 123456.5
false_northing = -4000000.0
projection_height = 87.65
zone_prefix = 39
"""
OLD = """
[projection]
ellipsoid = "Krassowsky"
central_meridian = 117.0
[bursa_wolf]
dx = 21.75
dy = -139.23
dz = -61.5
rx = 1.25
ry = -2.5
rz = 0.75
scale_ppm = -7.5
convention = "coordinate_frame"
"""
TURNED = """
[similarity]
to = "EPSG:4548"
east = 412345.678
north = 4123456.789
rotation_seconds = 1234.5
scale_ppm = 12.5
"""


def profile(folder: Path, text: str, name: str = "城建独立") -> pyproj.CRS:
    """The profile as `--crs` finds it."""
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.toml").write_text(text, "utf-8")
    own_systems.use(folder)
    return space.crs(name)


def by_hand(pipeline: str) -> tuple[np.ndarray, np.ndarray]:
    """The points in a system that PROJ is told in its own words."""
    return pyproj.Transformer.from_pipeline(pipeline).transform(LON, LAT)


def same(found: tuple[np.ndarray, np.ndarray]) -> None:
    np.testing.assert_allclose(found[0], LON, rtol=0, atol=MILLIMETRE)
    np.testing.assert_allclose(found[1], LAT, rtol=0, atol=MILLIMETRE)


def test_an_own_meridian_height_and_prefix_are_those_of_proj(tmp_path: Path) -> None:
    k = 1 + 87.65 / 6378137
    east, north = by_hand(
        "+proj=pipeline +step +proj=unitconvert +xy_in=deg +xy_out=rad "
        f"+step +proj=tmerc +ellps=GRS80 +lon_0=117.51234 +k_0={k!r} +x_0=39123456.5 +y_0=-4000000"
    )
    same(space.to_crs84(profile(tmp_path, MERIDIAN)).transform(east, north))


def test_seven_parameters_are_those_of_proj(tmp_path: Path) -> None:
    # The other way round by an independent road: geocentric CGCS2000 -> Krassowsky, exactly inverted.
    east, north = by_hand(
        "+proj=pipeline +step +proj=unitconvert +xy_in=deg +xy_out=rad +step +proj=push +v_3 "
        "+step +proj=cart +a=6378137 +rf=298.257222101 +step +inv +proj=helmert +x=21.75 +y=-139.23 +z=-61.5 "
        "+rx=1.25 +ry=-2.5 +rz=0.75 +s=-7.5 +convention=coordinate_frame "
        "+step +inv +proj=cart +ellps=krass +step +proj=pop +v_3 +step +proj=tmerc +ellps=krass +lon_0=117 +x_0=500000"
    )
    found = space.to_crs84(profile(tmp_path, OLD)).transform(east, north)
    # On the ellipsoid's surface in one direction, on the other's in the other: the verticals are 10" apart.
    np.testing.assert_allclose(found[0], LON, rtol=0, atol=5 * MILLIMETRE)
    np.testing.assert_allclose(found[1], LAT, rtol=0, atol=5 * MILLIMETRE)


def test_seven_parameters_forward_agree_to_a_millimetre_with_a_crs_made_of_wkt(tmp_path: Path) -> None:
    system = profile(tmp_path, OLD.replace("coordinate_frame", "position_vector"))
    bound = pyproj.CRS(
        "+proj=tmerc +ellps=krass +lon_0=117 +x_0=500000 +towgs84=21.75,-139.23,-61.5,1.25,-2.5,0.75,-7.5 +type=crs"
    )
    east, north = pyproj.Transformer.from_crs("OGC:CRS84", bound, always_xy=True).transform(LON, LAT)
    expected = pyproj.Transformer.from_crs(bound, "OGC:CRS84", always_xy=True).transform(east, north)
    found = space.to_crs84(system).transform(east, north)
    np.testing.assert_allclose(np.array(found), np.array(expected), rtol=0, atol=MILLIMETRE)


def test_four_parameters_are_the_published_formula(tmp_path: Path) -> None:
    e, n = pyproj.Transformer.from_crs("OGC:CRS84", "EPSG:4548", always_xy=True).transform(LON, LAT)
    t, m = math.radians(1234.5 / 3600), 1 + 12.5e-6
    # EPSG Guidance Note 7-2, method 9621, solved for the source by a matrix.
    matrix = m * np.array([[math.cos(t), math.sin(t)], [-math.sin(t), math.cos(t)]])
    own = np.linalg.solve(matrix, np.array([e - 412345.678, n - 4123456.789]))
    same(space.to_crs84(profile(tmp_path, TURNED)).transform(own[0], own[1]))


def test_positions_come_back(tmp_path: Path) -> None:
    for name, text in {"a": MERIDIAN, "b": TURNED}.items():
        system = profile(tmp_path, text, name)
        same(space.to_crs84(system).transform(*space.from_crs84(system).transform(LON, LAT)))


def test_a_changed_profile_is_another(tmp_path: Path) -> None:
    before = profile(tmp_path, MERIDIAN)
    after = profile(tmp_path, MERIDIAN.replace("87.65", "187.654"))
    assert before != after
    assert space.to_crs84(before).transform(39123456.5, 10.0) != space.to_crs84(after).transform(
        39123456.5, 10.0
    )


def test_nothing_of_a_profile_is_in_what_can_be_shown(tmp_path: Path) -> None:
    system = profile(tmp_path, OLD)
    said = repr(system) + str(system) + system.to_wkt() + system.to_json() + system.name
    said += repr(crs_profiles.load(tmp_path / "城建独立.toml"))
    said += repr(system.area_of_use)
    assert not [v for v in ("21.75", "139.23", "61.5", "117", "rass") if v in said]
    assert system.name == "城建独立"


FAULTS = [
    ("projection = 3", "projection is a section"),
    ("[projektion]", "no section 'projektion'"),
    ("[projection]\nfalse_easting = 5", "projection.central_meridian is missing"),
    ("[projection]\ncentral_meridian = 'x4711'", "projection.central_meridian must be a number"),
    ("[projection]\ncentral_meridian = 4711.0", "projection.central_meridian must be a number from -180 to 180"),
    ("[projection]\ncentral_meridian = nan", "projection.central_meridian must be a number"),
    ("[projection]\ncentral_meridian = true", "projection.central_meridian must be a number"),
    ("[projection]\ncentral_meridian = 117\nfalse_eastin = 4711", "no key projection.false_eastin"),
    ("[projection]\ncentral_meridian = 117\nzone_prefix = 39.4711", "zone_prefix must be a whole number"),
    ("[projection]\ncentral_meridian = 117\nellipsoid = 'x4711'", "projection.ellipsoid must be one of CGCS2000"),
    ("[projection]\ncentral_meridian = 117\nellipsoid = 'Krassowsky'", "bursa_wolf is missing"),
    ("[projection]\ncentral_meridian = 117\n[bursa_wolf]\ndx = 1\ndy = 2", "bursa_wolf.dz is missing"),
    ("[projection]\ncentral_meridian = 117\n[bursa_wolf]\ndx=1\ndy=2\ndz=3\nrx=4711e-4", "bursa_wolf.convention"),
    ("[similarity]\neast = 4711", "similarity.to is missing"),
    ("[similarity]\nto = 'EPSG:2383'", "similarity.to must be a projected CRS of CGCS2000"),
    ("[similarity]\nto = 'x4711'", "similarity.to must be a projected CRS of CGCS2000"),
    ("[similarity]\nto = 'EPSG:4548'\n[projection]\ncentral_meridian = 117", "both name a plane"),
    ("[similarity]\nto = 'EPSG:4548'\n[bursa_wolf]\ndx = 1", "bursa_wolf goes with projection"),
    ("", "projection is missing"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "reason"), FAULTS)
def test_a_malformed_profile_is_an_error_that_names_the_key_and_no_value(
    tmp_path: Path, text: str, reason: str
) -> None:
    with pytest.raises(UnknownCRS) as error:
        profile(tmp_path, text)
    assert reason in str(error.value)
    assert "城建独立.toml" in str(error.value)
    assert "4711" not in str(error.value)
    assert error.value.__cause__ is None


def test_broken_toml_is_told_by_its_place(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match=r"crs/城建独立\.toml is no TOML \(at line 2, column ") as error:
        profile(tmp_path, "[projection]\n4711 4711")
    assert "4711" not in str(error.value)


@pytest.mark.parametrize("name", ["../secret", "a/b", ".hidden", "", "x" * 65, "a\0b"])
def test_a_name_leads_nowhere_else(tmp_path: Path, name: str) -> None:
    (tmp_path / "secret.toml").write_text(MERIDIAN)
    own_systems.use(tmp_path / "crs")
    with pytest.raises(TwinError, match="no CRS is known"):
        space.crs(name)


def test_a_profile_does_not_take_the_name_of_a_known_crs(tmp_path: Path) -> None:
    with pytest.raises(UnknownCRS, match="name the profile otherwise"):
        profile(tmp_path, MERIDIAN, "WGS84")
