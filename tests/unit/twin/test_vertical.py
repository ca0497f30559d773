"""Vertical datums: names, stated ways, a layer's own offset; an unknown one goes with nothing."""

from __future__ import annotations

import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin
from tests_support import HOUSES

from twin import vertical
from twin.errors import DifferentDatums, InvalidParameter, UnknownCRS, UnreadableFile
from twin.vertical import Ways

LON, LAT = np.array([117.25, 117.4, 118.0]), np.array([37.25, 37.6, 37.9])
NATIONAL = '[[way]]\nfrom = "1956"\nto = "1985"\nconstant = -0.029\nreason = "national value"\n'


def plane(lon: np.ndarray, lat: np.ndarray) -> np.ndarray:
    """A geoid that bilinear interpolation gives exactly."""
    return -10 + 0.4 * (lon - 117) + 2 * (lat - 37)


def gtx(path: Path) -> None:
    """NOAA's format: south-west corner, steps, size, then rows from the south, big-endian."""
    lat, lon = np.meshgrid(37 + 0.25 * np.arange(5), 117 + 0.25 * np.arange(7), indexing="ij")
    head = struct.pack(">4d2i", 37.0, 117.0, 0.25, 0.25, 5, 7)
    path.write_bytes(head + plane(lon, lat).astype(">f4").tobytes())


def tif(path: Path) -> None:
    lat, lon = np.meshgrid(38 - 0.25 * np.arange(5), 117 + 0.25 * np.arange(7), indexing="ij")
    with rasterio.open(
        path, "w", driver="GTiff", width=7, height=5, count=1, dtype="float32", crs="EPSG:4326",
        transform=from_origin(117 - 0.125, 38 + 0.125, 0.25, 0.25),
    ) as file:  # fmt: skip
        file.write(plane(lon, lat).astype("float32"), 1)


def stated(home: Path, text: str) -> Ways:
    (home / "vertical.toml").write_text(text, "utf-8")
    return vertical.load(home, anew=True)


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ("1985", "EPSG:5737"), ("1985 国家高程基准", "EPSG:5737"), ("1956", "EPSG:5736"), ("nap", "EPSG:5709"),
        ("EGM96", "EPSG:5773"), ("egm2008", "EPSG:3855"), ("Ellipsoid", "ellipsoid"), ("大地高", "ellipsoid"),
        ("unknown", "unknown"), ("EPSG:5737", "EPSG:5737"), ("5737", "EPSG:5737"), ("EPSG:7415", "EPSG:5709"),
        ("EPSG:4979", "ellipsoid"),
    ],
)  # fmt: skip
def test_names_that_people_write_are_one_code(said: str, code: str) -> None:
    assert vertical.code(said) == code


@pytest.mark.parametrize(
    "said", ["", "sea level", "EPSG:4326", "EPSG:999999", "EPSG:6360", "1985.5", "EPSG:4978"]
)
def test_what_is_no_vertical_datum_of_metres_is_refused(said: str) -> None:
    with pytest.raises(UnknownCRS, match="--vertical"):
        vertical.code(said)


def test_a_constant_is_added_and_backwards_taken_off(tmp_path: Path) -> None:
    ways = stated(tmp_path, NATIONAL)
    there = ways.between("EPSG:5736", "EPSG:5737")
    back = ways.between("EPSG:5737", "EPSG:5736")
    assert there is not None
    assert back is not None
    assert there.shift(LON, LAT) == pytest.approx([-0.029] * 3)
    assert back.shift(LON, LAT) == pytest.approx([0.029] * 3)
    assert "-0.029 m" in there.words


@pytest.mark.parametrize("make", [gtx, tif])
def test_a_grid_is_interpolated_and_knows_where_it_ends(tmp_path: Path, make: object) -> None:
    name = f"a geoid.{make.__name__}"  # type: ignore[attr-defined]
    make(tmp_path / name)  # type: ignore[operator]
    ways = stated(tmp_path, f'{NATIONAL}[[way]]\nfrom = "1985"\nto = "ellipsoid"\ngeoid = "{name}"\n')
    way = ways.between("EPSG:5737", "ellipsoid")
    assert way is not None
    assert way.shift(LON, LAT) == pytest.approx(plane(LON, LAT), abs=1e-5)
    assert np.isnan(way.shift(np.array([130.0]), np.array([10.0]))).all()
    # Two ways one after the other, both backwards.
    chain = ways.between("ellipsoid", "EPSG:5736")
    assert chain is not None
    assert chain.shift(LON, LAT) == pytest.approx(-plane(LON, LAT) + 0.029, abs=1e-5)


def test_without_a_stated_way_there_is_none(tmp_path: Path) -> None:
    assert vertical.load(tmp_path) == Ways()
    ways = stated(tmp_path, NATIONAL)
    assert ways.between("EPSG:5737", "ellipsoid") is None
    assert ways.between("unknown", "unknown") is None
    assert ways.between("EPSG:5737", "unknown") is None
    same = ways.between("EPSG:5773", "EPSG:5773")
    assert same is not None
    assert not same.shift(LON, LAT).any()


def test_a_layers_own_offset_goes_first(tmp_path: Path) -> None:
    ways = stated(tmp_path, NATIONAL)
    own = {
        "metres": 12.3,
        "from": "unknown",
        "to": "EPSG:5736",
        "author": "Li",
        "reason": "mesh",
        "at": "2025-01-01T00:00:00Z",
    }
    layer = replace(HOUSES, vertical="unknown", extra={"vertical_offset": own})
    way = ways.of(layer, "EPSG:5737")
    assert way is not None
    assert way.shift(LON, LAT) == pytest.approx([12.3 - 0.029] * 3)
    assert (way.source, way.target) == ("unknown", "EPSG:5737")
    assert "offset of houses +12.3 m" in way.words


def test_an_analysis_that_needs_a_way_refuses_and_names_both(tmp_path: Path) -> None:
    with pytest.raises(DifferentDatums) as error:
        stated(tmp_path, NATIONAL).needed(replace(HOUSES, vertical="ellipsoid"), "EPSG:5737", "the ground")
    assert "houses are of ellipsoid, those of the ground of EPSG:5737 (Yellow Sea 1985 height)" in str(
        error.value
    )
    with pytest.raises(DifferentDatums, match="an unknown datum"):
        Ways().needed(HOUSES, "EPSG:5737", "the ground")


FAULTS = [
    ('[[way]]\nfrom = "1956"\n', "from and to name two datums"),
    ('[[way]]\nfrom = "1956"\nto = "here"\nconstant = 1\n', "no vertical datum"),
    ('[[way]]\nfrom = "1956"\nto = "56 黄海"\nconstant = 1\n', "two known datums"),
    ('[[way]]\nfrom = "1956"\nto = "unknown"\nconstant = 1\n', "two known datums"),
    ('[[way]]\nfrom = "1956"\nto = "1985"\n', "either a constant or a geoid"),
    ('[[way]]\nfrom = "1956"\nto = "1985"\nconstant = nan\n', "constant must be metres"),
    ('[[way]]\nfrom = "1956"\nto = "1985"\nconstant = "a"\n', "constant must be metres"),
    ('[[way]]\nfrom = "1956"\nto = "1985"\noffset = 3\n', "no key offset"),
    ('[way]\nfrom = "1956"\n', r"\[\[way\]\]"),
    ("x = 3", r"\[\[way\]\] tables and nothing else, not x"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "reason"), FAULTS)
def test_a_wrong_file_is_told_by_its_key(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises((InvalidParameter, UnknownCRS), match=reason):
        stated(tmp_path, text)


def test_a_grid_that_is_not_there_or_none_is_told(tmp_path: Path) -> None:
    text = '[[way]]\nfrom = "1985"\nto = "ellipsoid"\ngeoid = "g.gtx"\n'
    with pytest.raises(UnreadableFile, match=r"no file 'g\.gtx' in TWIN_HOME"):
        stated(tmp_path, text)
    for name in ("/etc/hostname", "../g.gtx"):
        with pytest.raises(UnreadableFile, match="in TWIN_HOME"):
            stated(tmp_path, text.replace("g.gtx", name))
    (tmp_path / "g.gtx").write_bytes(b"no grid")
    with pytest.raises(UnreadableFile, match=r"cannot read 'g\.gtx' as a grid"):
        stated(tmp_path, text)


def test_a_file_that_breaks_while_it_is_used_goes_on_as_it_was(tmp_path: Path) -> None:
    before = stated(tmp_path, NATIONAL)
    (tmp_path / "vertical.toml").write_text("broken")
    assert vertical.load(tmp_path) == before
    (tmp_path / "vertical.toml").write_text(NATIONAL.replace("0.029", "0.031"))
    assert vertical.load(tmp_path) != before
