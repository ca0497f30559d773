"""Footprints of bodies, against shapely."""

import numpy as np
import pyproj
import pytest
import shapely

from pipelines.readers.attributes import columns, types
from pipelines.readers.cities.surfaces import (
    Faces,
    crowded_edges,
    footprint,
    merged,
    metres_per_unit,
    rounding,
)
from twin.body import Surface


def box(x=0.0, y=0.0, z=0.0, size=10.0, *, named=True):
    """A box with named surfaces."""
    vertices = np.array(
        [[x + size * (i & 1), y + size * (i >> 1 & 1), z + size * (i >> 2)] for i in range(8)]
    )
    faces = Faces()
    for n, ring in enumerate(
        ([0, 2, 3, 1], [4, 5, 7, 6], [0, 1, 5, 4], [1, 3, 7, 5], [3, 2, 6, 7], [2, 0, 4, 6])
    ):
        code = (Surface.GROUND, Surface.ROOF, *[Surface.WALL] * 4)[n] if named else Surface.UNKNOWN
        faces.add([[*ring, ring[0]]], int(code))
    return faces.body(vertices)


@pytest.mark.parametrize("named", [True, False])
def test_the_footprint_of_a_box_is_its_square_at_its_lowest_height(named):
    area = footprint(box(5, 5, 3, named=named), 0.001)
    assert area.equals(shapely.box(5, 5, 15, 15))
    assert set(shapely.get_coordinates(area, include_z=True)[:, 2]) == {3.0}


def test_boxes_that_touch_make_one_polygon_and_those_apart_several():
    together = footprint(merged([box(), box(10)]), 0.001)
    apart = footprint(merged([box(), box(30)]), 0.001)
    assert (together.geom_type, apart.geom_type) == ("Polygon", "MultiPolygon")
    assert together.equals(shapely.box(0, 0, 20, 10))


def test_gaps_of_rounding_are_closed():
    area = footprint(merged([box(), box(10.0004)]), 0.001)
    assert area.geom_type == "Polygon"
    assert shapely.is_valid(area)


def test_a_ground_surface_wins_over_a_roof_that_stands_out():
    eaves = Faces()
    eaves.add([[0, 1, 3, 2]], int(Surface.ROOF))
    wide = eaves.body(np.array([[-5.0, -5, 9], [15, -5, 9], [-5, 15, 9], [15, 15, 9]]))
    assert footprint(merged([box(), wide]), 0.001).equals(shapely.box(0, 0, 10, 10))


def test_slopes_in_degrees_are_seen_as_they_are_in_metres():
    roof = Faces()
    roof.add([[0, 1, 2, 3]], int(Surface.ROOF))
    body = roof.body(np.array([[118, 38, 5], [118.0001, 38, 5], [118.0001, 38.0001, 12], [118, 38.0001, 12]]))
    crs = pyproj.CRS("EPSG:6697")
    assert footprint(body, rounding(crs), metres_per_unit(crs, body)).area == pytest.approx(1e-8)


def test_faces_with_fewer_than_three_corners_are_counted_not_kept():
    faces = Faces()
    faces.add([[0, 1, 0]], 0)
    faces.add([], 0)
    assert (faces.dropped, faces.face_ends) == (2, [])


def test_vertices_at_one_place_are_one():
    faces = Faces()
    faces.add([[0, 1, 2]], 0)
    faces.add([[3, 4, 5]], 0)
    twice = np.tile([[0.0, 0, 0], [1, 0, 0], [0, 1, 0]], (2, 1))
    assert len(faces.body(twice).vertices) == 3


def test_an_edge_of_four_faces_is_crowded_and_those_of_a_box_are_not():
    assert crowded_edges(box()) == 0
    faces = Faces()
    for other in (2, 3, 4, 5):
        faces.add([[0, 1, other]], 0)
    assert crowded_edges(faces.body(np.eye(6, 3) + np.arange(6)[:, None])) == 1


def test_attributes_take_the_narrowest_type_that_holds_them_all():
    rows = [{"a": 1, "b": True, "c": 1, "d": {"x": 1}}, {"a": 2.5, "b": None, "c": "x", "e": 2**70}]
    found = types(rows)
    assert found == {"a": "number", "b": "boolean", "c": "json", "d": "json", "e": "number"}
    table = columns(rows, found)
    assert table["a"].to_pylist() == [1.0, 2.5]
    assert table["c"].to_pylist() == ["1", '"x"']
    assert table["e"].to_pylist() == [None, float(2**70)]


def test_attributes_named_like_the_twins_own_columns_step_aside():
    rows = [{"id": 1, "geom": 2, "body_x": 3, "name": 4}]
    assert list(columns(rows, types(rows))) == ["id_", "geom_", "body_x_", "name"]
