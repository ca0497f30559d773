"""Triangles against shapely's areas."""

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from layers.triangles import triangulate


def ragged(polygons):
    """Open rings of oriented polygons, as `triangulate` takes them."""
    _, coords, (rings, faces) = shapely.to_ragged_array(shapely.orient_polygons(polygons))
    keep = np.ones(len(coords), bool)
    keep[rings[1:] - 1] = False
    return coords[keep], np.cumsum(np.diff(rings) - 1), faces[1:]


def areas(points, triangles):
    a, b, c = (points[triangles[:, k]] for k in range(3))
    return ((b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])) / 2


@given(st.integers(0, 10_000), st.integers(3, 40))
def test_triangles_cover_a_star_shaped_polygon_with_a_hole_once(seed, corners):
    rng = np.random.default_rng(seed)
    turn = np.linspace(0, 2 * np.pi, corners, endpoint=False)
    radius = rng.uniform(4, 20, corners)
    outer = np.column_stack([np.cos(turn), np.sin(turn)]) * radius[:, None]
    inner = np.column_stack([np.cos(turn[::-1]), np.sin(turn[::-1])])
    shapes = np.array([shapely.Polygon(outer, [inner] if corners > 6 else []), shapely.box(30, 0, 40, 5)])
    points, rings, faces = ragged(shapes)
    found = areas(points, triangulate(points, rings, faces))
    assert (found > 0).all()
    assert found.sum() == pytest.approx(shapely.area(shapes).sum())


def test_a_face_without_area_gives_no_triangle():
    points = np.array([[0.0, 0.0], [1.0, 1.0], [2.0, 2.0]])
    assert len(triangulate(points, np.array([3]), np.array([1]))) == 0


def test_no_faces_give_no_triangles():
    none = np.empty(0, np.int64)
    assert triangulate(np.empty((0, 2)), none, none).shape == (0, 3)
