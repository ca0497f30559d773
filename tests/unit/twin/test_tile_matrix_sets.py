"""Tile matrix sets against the OGC's register (morecantile's copy) and PROJ; a site's own are checked."""

from __future__ import annotations

import copy
import math

import morecantile
import numpy as np
import orjson
import pyproj
import pytest
from hypothesis import given
from hypothesis import strategies as st

from twin import tile_matrix_sets as sets
from twin.errors import InvalidParameter, TileNotFound, UnreadableFile
from twin.model import BBox

REGISTERED = ("WebMercatorQuad", "WorldCRS84Quad", "WorldMercatorWGS84Quad")
ALL = {one.id: one for one in sets.BUILT}
COUNTY = {
    "id": "County",
    "title": "县独立网格",
    "crs": "http://www.opengis.net/def/crs/EPSG/0/4548",
    "tileMatrices": [
        {
            "id": name,
            "cellSize": cell,
            "scaleDenominator": cell / 0.00028,
            "pointOfOrigin": [4_300_000, 400_000],
            "tileWidth": 256,
            "tileHeight": 256,
            "matrixWidth": 40 * 2**n,
            "matrixHeight": 20 * 2**n,
        }
        for n, (name, cell) in enumerate((("coarse", 32.0), ("fine", 16.0)))
    ],
}


@pytest.mark.parametrize("name", REGISTERED)
def test_the_registers_sets_are_as_the_register_has_them(name):
    theirs = orjson.loads(morecantile.tms.get(name).model_dump_json(exclude_none=True))
    ours = ALL[name].document
    assert (ours["uri"], ours["crs"]) == (theirs["uri"], theirs["crs"])
    for mine, other in zip(ours["tileMatrices"], theirs["tileMatrices"], strict=False):
        for member in ("scaleDenominator", "cellSize"):
            assert math.isclose(mine[member], other[member], rel_tol=1e-7)
        assert np.allclose(mine["pointOfOrigin"], other["pointOfOrigin"], atol=1e-3)
        for member in ("id", "tileWidth", "tileHeight", "matrixWidth", "matrixHeight"):
            assert mine[member] == other[member]


@given(st.sampled_from(REGISTERED), st.integers(0, 20), st.floats(-179.9, 179.9), st.floats(-80, 80))
def test_a_place_lies_in_the_tile_that_morecantile_names(name, z, lon, lat):
    theirs = morecantile.tms.get(name)
    tile = theirs.tile(lon, lat, z)
    cell = sets.place(ALL[name], str(z), str(tile.y), str(tile.x))
    across, down = cell.inside(np.array([[lon, lat]]))[0]
    assert -1e-6 <= across <= 1 + 1e-6
    assert -1e-6 <= down <= 1 + 1e-6
    assert np.allclose(cell.bbox().astuple(), tuple(theirs.bounds(tile)), atol=1e-7)


def test_cgcs2000_states_latitude_first_and_covers_the_world():
    found = ALL["CGCS2000Quad"]
    assert found.document["crs"].endswith("/EPSG/0/4490")
    assert found.document["orderedAxes"] == ["Lat", "Lon"]
    assert found.document["tileMatrices"][0]["pointOfOrigin"] == [90.0, -180.0]
    morecantile.TileMatrixSet.model_validate(found.document)
    west = sets.place(found, "0", "0", "0").bbox().astuple()
    assert west == (-180, -90, 0, 90)


def test_every_set_is_one_to_morecantile():
    for one in ALL.values():
        theirs = morecantile.TileMatrixSet.model_validate(one.document)
        assert theirs.crs._pyproj_crs.equals(one.crs)


def test_a_sites_own_grid_has_northing_first_and_the_places_that_proj_gives(tmp_path):
    file = tmp_path / "county.json"
    file.write_bytes(orjson.dumps(COUNTY))
    cell = sets.place(sets.load(file), "fine", "10", "20")
    side = 16 * 256
    assert cell.bounds() == (
        400_000 + 20 * side,
        4_300_000 - 11 * side,
        400_000 + 21 * side,
        4_300_000 - 10 * side,
    )
    x, y = pyproj.Transformer.from_crs("EPSG:4548", "OGC:CRS84", always_xy=True).transform(
        cell.bounds()[0] + side / 4, cell.bounds()[3] - side / 2
    )
    assert np.allclose(cell.inside(np.array([[x, y]])), [[0.25, 0.5]], atol=1e-6)
    box = cell.bbox()
    assert box.west < x < box.east
    assert box.south < y < box.north


@pytest.mark.parametrize(
    ("where", "value", "said"),
    [
        (("crs",), "http://www.opengis.net/def/crs/EPSG/0/999999", "no CRS"),
        (("crs",), "http://www.opengis.net/def/crs/EPSG/0/4978", "no 2D"),
        (("id",), "../x", "letters"),
        (("tileMatrices", 0, "cellSize"), 33, "scale"),
        (("tileMatrices", 0, "cellSize"), float("nan"), "cellSize"),
        (("tileMatrices", 0, "matrixWidth"), 0, "matrixWidth"),
        (("tileMatrices", 0, "matrixWidth"), True, "matrixWidth"),
        (("tileMatrices", 0, "cornerOfOrigin"), "middle", "cornerOfOrigin"),
        (("tileMatrices", 0, "variableMatrixWidths"), [{"coalesce": 2}], "variable"),
        (("tileMatrices", 1, "id"), "coarse", "one id"),
        (("tileMatrices",), [], "empty"),
        (("tileMatrices", 0, "pointOfOrigin"), [1, 2, 3], "unpack"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(tmp_path, where, value, said):
    wrong = copy.deepcopy(COUNTY)
    inner = wrong
    for step in where[:-1]:
        inner = inner[step]
    inner[where[-1]] = value
    file = tmp_path / "county.json"
    file.write_bytes(orjson.dumps(wrong))
    with pytest.raises(UnreadableFile, match=said) as error:
        sets.load(file)
    assert "county.json" in str(error.value)


@pytest.mark.parametrize("address", [("0", "-1", "0"), ("0", "1.5", "0"), ("0", "+1", "0"), ("0", "0", "٣")])
def test_a_row_or_column_that_is_no_number_is_an_invalid_parameter(address):
    with pytest.raises(InvalidParameter):
        sets.place(ALL["WebMercatorQuad"], *address)


@pytest.mark.parametrize(
    "address", [("99", "0", "0"), ("1", "0", "2"), ("1", "2", "0"), ("a", "0", "0"), ("01", "0", "0")]
)
def test_a_tile_that_the_set_does_not_have_is_not_found(address):
    with pytest.raises(TileNotFound):
        sets.place(ALL["WebMercatorQuad"], *address)


def test_limits_hold_the_box_and_no_tile_more():
    box = BBox(west=116.1, south=39.2, east=116.9, north=39.7)
    for name in (*REGISTERED, "CGCS2000Quad"):
        for limit in sets.limits(ALL[name], box)[:15]:
            for row in (limit["minTileRow"], limit["maxTileRow"]):
                for column in (limit["minTileCol"], limit["maxTileCol"]):
                    tile = sets.place(ALL[name], limit["tileMatrix"], str(row), str(column)).bbox()
                    assert tile.west <= box.east
                    assert tile.east >= box.west
                    assert tile.south <= box.north
                    assert tile.north >= box.south
