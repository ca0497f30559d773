"""Zone numbers and axes, against PROJ; degrees as people write them."""

import numpy as np
import pyarrow as pa
import pyproj
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.readers.tables import gauss
from pipelines.readers.tables.degrees import figures
from twin.errors import OutsideCRSArea


@pytest.mark.parametrize("zone", [*range(25, 46), *range(13, 24)])
def test_each_zone_fits_the_crs_of_its_meridian_with_and_without_number(zone):
    first, without, start = (4513, 4534, 25) if zone >= 25 else (4491, 4502, 13)
    numbered, plain = (pyproj.CRS.from_epsg(code + zone - start) for code in (first, without))
    forth = pyproj.Transformer.from_crs("EPSG:4490", plain, always_xy=True)
    area = plain.area_of_use
    lat = np.linspace(area.south, area.north, 3)
    east, north = forth.transform(np.full(3, gauss.central(zone) + 0.3), lat)
    for crs, said, shift in (
        (plain, east, 0.0),
        (plain, east + zone * 1e6, -zone * 1e6),
        (numbered, east, zone * 1e6),
        (numbered, east + zone * 1e6, 0.0),
    ):
        for x, y, swapped in ((said, north, False), (north, said, True)):
            fit = gauss.fitted(x, y, crs, order="open", name="f")
            assert (fit.shift, fit.swapped) == (shift, swapped)
    neighbour = pyproj.CRS.from_epsg(without + (zone - start + 1) % 8)
    with pytest.raises(OutsideCRSArea, match=f"zone number {zone}"):
        gauss.fitted(east + zone * 1e6, north, neighbour, order="sure", name="f")


@pytest.mark.parametrize("code", [32650, 3857, 28992, 2056, 27700, 4326, 31467])
def test_other_systems_are_left_alone(code):
    crs = pyproj.CRS.from_epsg(code)
    area = crs.area_of_use
    lon, lat = (area.west + area.east) / 2, (area.south + area.north) / 2
    x, y = pyproj.Transformer.from_crs("OGC:CRS84", crs, always_xy=True).transform([lon], [lat])
    fit = gauss.fitted(np.array(x), np.array(y), crs, order="open", name="f")
    assert (fit.shift, fit.swapped, fit.notes) == (0.0, False, ())


@given(
    st.floats(0, 179.9),
    st.sampled_from(["°{}'{}\"", "度{}分{}秒", "°{}′{}″", ":{}:{}"]),
    st.sampled_from(["", "E", "W"]),
)
def test_an_angle_comes_back_however_it_is_written(angle, form, side):
    d, rest = divmod(angle, 1)
    m, s = divmod(rest * 3600, 60)
    if round(s, 4) >= 60:
        return
    text = f"{int(d)}" + form.format(int(m), f"{s:.4f}") + side
    values, wrong, angles = figures(pa.chunked_array([[text]]))
    assert (wrong.tolist(), angles.tolist()) == ([False], [True])
    assert values[0] == pytest.approx(-angle if side == "W" else angle, abs=1e-7)


@pytest.mark.parametrize(
    "text", ["117°60'0\"", "117°0'60\"", "E117°W", "-117°E", "一百度", "117°58'12.3\" x", "°", "117.5.5"]
)
def test_what_is_no_angle_is_no_coordinate(text):
    values, wrong, _ = figures(pa.chunked_array([[text]]))
    assert wrong.tolist() == [True]
    assert np.isnan(values[0])
