"""What is shown coarser is valid, of the same dimension, on its grid, and nowhere else than it was."""

from __future__ import annotations

import numpy as np
import shapely
from hypothesis import given
from hypothesis import strategies as st

from twin.reshape import METRES, SLANT, clipped, snapped

place = st.tuples(st.floats(118.0, 118.02), st.floats(38.0, 38.02))
ring = st.lists(place, min_size=3, max_size=8).map(shapely.Polygon)
shape = st.one_of(
    place.map(shapely.Point),
    st.lists(place, min_size=2, max_size=6, unique=True).map(shapely.LineString),
    ring.filter(lambda s: s.is_valid and s.area > 0),
    st.lists(place, min_size=1, max_size=4).map(shapely.MultiPoint),
)


@given(st.lists(shape, max_size=5), st.sampled_from([5.0, 50.0, 500.0]))
def test_what_is_snapped_is_valid_flat_and_near(shapes: list[shapely.Geometry], metres: float) -> None:
    tall = metres / METRES
    cell = np.array([tall * SLANT, tall])
    for was, now in zip(shapes, snapped(np.array(shapes, object), metres), strict=True):
        assert now.is_valid
        assert not now.has_z
        assert shapely.get_dimensions(now) == shapely.get_dimensions(was)
        assert shapely.hausdorff_distance(was, now) <= np.hypot(*cell) * 1.5


@given(st.lists(shape, max_size=5))
def test_a_cut_stays_inside_and_keeps_its_dimension(shapes: list[shapely.Geometry]) -> None:
    area = shapely.box(118.005, 38.005, 118.012, 38.012)
    for was, now in zip(shapes, clipped(np.array(shapes, object), area), strict=True):
        if now is None:
            inside = shapely.intersection(was, area)
            assert inside.is_empty or shapely.get_dimensions(inside) < shapely.get_dimensions(was)
            continue
        assert shapely.get_dimensions(now) == shapely.get_dimensions(was)
        assert shapely.difference(now, shapely.buffer(area, 1e-9)).is_empty


def test_nothing_stays_nothing() -> None:
    kept = snapped(np.array([None, shapely.Point(), shapely.Polygon()], object), 50)
    assert kept[0] is None
    assert kept[1].is_empty
    assert kept[2].is_empty


def test_vertices_lie_on_the_grid() -> None:
    (now,) = snapped(np.array([shapely.box(118.001, 38.001, 118.011, 38.013)], object), 50)
    steps = shapely.get_coordinates(now) / (np.array([SLANT, 1.0]) * 50 / METRES)
    assert np.abs(steps - np.round(steps)).max() < 1e-6
