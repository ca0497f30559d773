"""Roads have a class, a width at each level, and a colour."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from pipelines.drawing.streets import GRADES, WIDTHS, grade, width

CITY = ("service", "residential", "tertiary", "secondary", "primary", "trunk", "motorway")


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ("primary", "primary"),
        ("Primary_Link", "primary"),
        ("高速公路", "motorway"),
        ("省道", "secondary"),
        ("footway", "path"),
        (None, "residential"),
        ("whatever", "residential"),
    ],
)
def test_a_value_means_a_class(value: object, wanted: str) -> None:
    assert grade(value) == wanted


@pytest.mark.parametrize("name", GRADES)
def test_a_road_never_gets_narrower_on_the_way_in(name: str) -> None:
    widths = [width(name, z) for z in np.arange(3, 22, 0.25)]
    assert all(b >= a for a, b in pairwise(widths))
    assert widths[0] == 0
    assert widths[-1] > 5


@pytest.mark.parametrize("z", range(6, 20))
def test_a_larger_class_is_at_least_as_wide(z: int) -> None:
    widths = [width(name, z) for name in CITY]
    assert widths == sorted(widths)


def test_every_class_has_widths() -> None:
    assert set(GRADES) == set(WIDTHS)
