"""Positions as they are typed, beside PROJ."""

from __future__ import annotations

import pyproj
import pytest

from pipelines.positions import named

N, E = 4179954.596, 558165.990
"""117.66° E, 37.75° N in EPSG:4548."""
TYPED = [
    (f"{N} {E}", "EPSG:4548"), (f"{E}, {N}", "EPSG:4548"), (f"X={N} Y={E}", "EPSG:4548"),
    (f"{N},39{E}", "EPSG:4527"), (f"Y:39{E};X:{N}", "EPSG:4527"), (f"X{N}米,Y20{E}米", "EPSG:4498"),
    ("４１７９９５４．５９６，５５８１６５．９９０", "EPSG:4548"),
    ("117.66, 37.75", "OGC:CRS84"), ("37.75 117.66", "OGC:CRS84"), ("东经117.66° 北纬37.75°", "OGC:CRS84"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "crs"), TYPED)
def test_a_pair_is_the_place_that_proj_says(text: str, crs: str) -> None:
    (place,) = named(text, 117.9)
    assert place.crs == crs
    assert (place.lon, place.lat) == pytest.approx((117.66, 37.75), abs=1e-7)


def test_every_zone_with_its_number() -> None:
    for number in (*range(13, 24), *range(25, 46)):
        meridian = 3 * number if number >= 25 else 6 * number - 3
        (place,) = named(f"{N} {number}{E}", None)
        lon, lat = pyproj.Proj(proj="tmerc", lon_0=meridian, x_0=500000, ellps="GRS80")(E, N, inverse=True)
        assert (place.lon, place.lat) == pytest.approx((lon, lat), abs=1e-8)


@pytest.mark.parametrize(
    "text",
    ["", "3 2", "海丰路12号楼3单元", f"{N}", f"{N} 24{E}", "200.5 95.5", "1.2.3.4", f"{N} {E} 3", "人民医院"],
)
def test_what_is_no_position_is_none(text: str) -> None:
    assert named(text, 117.9) == []


def test_without_a_site_an_easting_alone_has_no_zone() -> None:
    assert named(f"{N} {E}", None) == []
