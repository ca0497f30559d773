"""Shapes become the pixels that they cover."""

from __future__ import annotations

import numpy as np
import pytest
import shapely

from pipelines.drawing.canvas import Canvas, colour

RED = colour("#ff0000")


def shapes(*found: shapely.Geometry) -> np.ndarray:
    return np.array(found, object)


def alpha(canvas: Canvas) -> np.ndarray:
    return canvas.pixels()[..., 3]


def test_an_area_covers_its_pixels_and_no_others() -> None:
    canvas = Canvas(64)
    canvas.fill(shapes(shapely.box(10, 20, 30, 50)), RED)
    wanted = np.zeros((64, 64), np.uint8)
    wanted[20:50, 10:30] = 255
    np.testing.assert_array_equal(alpha(canvas), wanted)
    assert canvas.pixels()[30, 20].tolist() == [255, 0, 0, 255]


def test_a_courtyard_stays_open_whichever_way_its_ring_runs() -> None:
    for hole in (shapely.box(20, 20, 40, 40), shapely.box(20, 20, 40, 40, ccw=False)):
        canvas = Canvas(64)
        canvas.fill(shapes(shapely.Polygon(shapely.box(10, 10, 50, 50).exterior, [hole.exterior])), RED)
        assert alpha(canvas)[30, 30] == 0
        assert alpha(canvas)[15, 15] == 255


def test_where_areas_overlap_the_colour_is_laid_on_once() -> None:
    canvas = Canvas(64)
    canvas.fill(shapes(shapely.box(0, 0, 40, 40), shapely.box(20, 20, 60, 60)), colour("#000000", 0.5))
    assert set(np.unique(alpha(canvas))) == {0, 128} or set(np.unique(alpha(canvas))) == {0, 127}


def test_half_a_pixel_is_half_a_colour() -> None:
    canvas = Canvas(16)
    canvas.fill(shapes(shapely.box(4.5, 4, 8, 8)), RED)
    assert alpha(canvas)[5, 4] == pytest.approx(128, abs=2)


def test_a_line_is_as_wide_as_it_is_said_to_be() -> None:
    canvas = Canvas(64)
    canvas.stroke(shapes(shapely.LineString([(-10, 32), (80, 32)])), RED, 6)
    assert (alpha(canvas)[:, 32] == 255).sum() == 6


def test_dashes_leave_gaps() -> None:
    canvas = Canvas(64)
    canvas.stroke(shapes(shapely.LineString([(0, 32), (64, 32)])), RED, 2, cap="butt", dashes=(8, 8))
    assert 20 < (alpha(canvas)[31] > 128).sum() < 44


def test_a_margin_can_be_drawn_on_too() -> None:
    canvas = Canvas(32, margin=8)
    canvas.fill(shapes(shapely.box(-8, -8, 0, 0)), RED)
    assert canvas.pixels().shape == (48, 48, 4)
    assert alpha(canvas)[:8, :8].min() == 255
    assert alpha(canvas)[8:, 8:].max() == 0


@pytest.mark.parametrize("empty", [[], [shapely.Point(3, 3)], [shapely.Polygon()], [shapely.LineString()]])
def test_nothing_to_draw_draws_nothing(empty: list[shapely.Geometry]) -> None:
    canvas = Canvas(16)
    found = np.array(empty, object)
    canvas.fill(found, RED)
    canvas.stroke(found, RED, 2)
    assert alpha(canvas).max() == 0


def test_all_sorts_of_shapes_go_into_one_stroke() -> None:
    canvas = Canvas(64)
    mixed = shapely.GeometryCollection([shapely.box(40, 40, 60, 60), shapely.LineString([(0, 5), (64, 5)])])
    canvas.stroke(shapes(shapely.box(5, 10, 20, 30), mixed), RED, 2)
    assert alpha(canvas)[5, 32] == 255
    assert alpha(canvas)[20, 5] > 100
