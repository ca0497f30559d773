"""Web Mercator addresses name the places that PROJ says; keys of a box hold all of it."""

from __future__ import annotations

import numpy as np
import pyproj
import pytest
from hypothesis import given
from hypothesis import strategies as st

from twin import tiling
from twin.errors import InvalidParameter
from twin.model import BBox
from twin.space import hilbert

HALF = 20037508.342789244


@given(st.integers(0, 22), st.floats(0, 1, exclude_max=True), st.floats(0, 1, exclude_max=True))
def test_a_tiles_box_is_the_one_that_proj_gives(z, across, down):
    x, y = int(across * 2**z), int(down * 2**z)
    side = 2 * HALF / 2**z
    to_degrees = pyproj.Transformer.from_crs("EPSG:3857", "OGC:CRS84", always_xy=True)
    west, north = to_degrees.transform(-HALF + x * side, HALF - y * side)
    east, south = to_degrees.transform(-HALF + (x + 1) * side, HALF - (y + 1) * side)
    assert np.allclose(tiling.bbox(z, x, y).astuple(), (west, south, east, north), atol=1e-9)


@given(st.integers(0, 22), st.floats(-179.9, 179.9), st.floats(-85, 85))
def test_a_place_lies_within_its_tile(z, lon, lat):
    across, down = tiling.inside(np.array([lon]), np.array([lat]), z, 0, 0)
    x, y = int(across[0]), int(down[0])
    box = tiling.bbox(z, x, y, margin=1e-6)
    assert box.west <= lon <= box.east
    assert box.south <= lat <= box.north


@pytest.mark.parametrize(
    "address",
    [("-1", "0", "0"), ("99", "0", "0"), ("1", "2", "0"), ("1", "0", "2"), ("1.5", "0", "0"), ("a", "b", "c"),
     ("1e400", "0", "0"), ("+1", "0", "0"), ("٣", "0", "0"), ("1", "", "0")],
)  # fmt: skip
def test_an_address_that_no_tile_has_is_an_invalid_parameter(address):
    with pytest.raises(InvalidParameter):
        tiling.address(*address)


@given(
    st.floats(-180, 179),
    st.floats(-90, 89),
    st.floats(0, 1),
    st.floats(0, 1),
    st.floats(0, 1),
    st.floats(0, 1),
)
def test_the_keys_of_a_box_hold_every_place_in_it(west, south, width, depth, u, v):
    box = BBox(west=west, south=south, east=west + width, north=south + depth)
    key = int(hilbert(np.array([west + u * width]), np.array([south + v * depth]))[0])
    ranges = tiling.keys(box)
    assert len(ranges) <= 16
    assert any(start <= key < end for start, end in ranges)


def test_a_box_over_the_antimeridian_has_keys_on_both_sides():
    ranges = tiling.keys(BBox(west=179.9, south=-17, east=-179.9, north=-16.9))
    for lon in (179.95, -179.95):
        key = int(hilbert(np.array([lon]), np.array([-16.95]))[0])
        assert any(start <= key < end for start, end in ranges)
