"""Geometries written from one text of coordinates say what shapely writes one by one."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pytest
import shapely
from numpy.typing import NDArray
from shapely.geometry import mapping

from tiles import json_geometry

HOLED = "POLYGON ((0 0, 9 0, 9 9, 0 9, 0 0), (1 1, 2 1, 2 2, 1 1), (4 4, 5 4, 5 5, 4 4))"
PLAIN = "POLYGON ((0.1 1e-7, 116.30000000000001 0, 9 9, 0.1 1e-7))"
ALIKE = [
    ["POINT (1 2)", "POINT (-0.5 39.7)"],
    ["POINT Z (1 2 3.25)", "POINT Z (4 5 -6)"],
    ["LINESTRING (0 0, 1 1)", "LINESTRING (5 5, 6 6, 7 8.5)"],
    [PLAIN],
    [PLAIN, HOLED, PLAIN],
    ["MULTIPOINT (1 2)", "MULTIPOINT (1 2, 3 4)"],
    ["MULTILINESTRING ((0 0, 1 1), (2 2, 3 3, 4 4))", "MULTILINESTRING ((0 0, 1 1))"],
    ["MULTIPOLYGON (((0 0, 1 0, 1 1, 0 0)), ((5 5, 9 5, 9 9, 5 5), (6 6, 7 6, 7 6.5, 6 6)))"],
    ["MULTIPOLYGON Z (((0 0 1, 1 0 2, 1 1 3, 0 0 1)))", "MULTIPOLYGON Z (((0 0 1, 1 0 2, 1 1 3, 0 0 1)))"],
]
MIXED = [
    ["POINT (1 2)", None, "POINT (3 4)"],
    ["POINT (1 2)", "POINT EMPTY"],
    ["POINT (1 2)", "POINT Z (1 2 3)"],
    ["LINEARRING (0 0, 1 0, 1 1, 0 0)"],
    ["GEOMETRYCOLLECTION (POINT (1 2), LINESTRING (0 0, 1 1))", PLAIN],
    [None, None],
    [HOLED, HOLED],
    [],
]


def texts(shapes: NDArray[np.object_]) -> list[str | None]:
    wkb = pa.array(shapely.to_wkb(shapes), pa.binary())
    # A slice of more, as a store gives it.
    return list(json_geometry.texts(pa.concat_arrays([wkb, wkb]).slice(len(wkb))).to_pylist())


@pytest.mark.parametrize("wkt", ALIKE + MIXED)
def test_geometries_are_what_shapely_says_of_them(wkt: list[str | None]) -> None:
    shapes = np.array(shapely.from_wkt(wkt), object)
    found = [None if t is None else json.loads(t) for t in texts(shapes)]
    assert found == [None if t is None else json.loads(t) for t in shapely.to_geojson(shapes).tolist()]


def test_coordinates_come_back_to_the_last_bit() -> None:
    places = np.random.default_rng(3).uniform(-180, 180, (500, 2))
    for shape in (shapely.points(places), shapely.linestrings(places.reshape(100, 5, 2))):
        found = [json.loads(text) for text in texts(shape)]
        assert found == json.loads(json.dumps([mapping(s) for s in shape]))
