"""Attribute values mean surfaces; both palettes know them all, and text can be read on them."""

from __future__ import annotations

import pytest

from pipelines.drawing.palette import DAY, NIGHT, ORDER, SURFACES, Palette, surface


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ("river", "water"),
        ("Farmland ", "farm"),
        ("盐田", "saltpan"),
        ("城镇住宅用地", "residential"),
        ("ｐａｒｋ", "park"),
        (None, None),
        ("height limit", None),
        (3, None),
    ],
)
def test_a_value_means_a_surface(value: object, wanted: str | None) -> None:
    assert surface(value) == wanted


def test_no_value_means_two_surfaces() -> None:
    values = [v for found in SURFACES.values() for v in found]
    assert len(values) == len(set(values))


@pytest.mark.parametrize("palette", [DAY, NIGHT])
def test_every_surface_has_a_colour_and_a_place_in_the_order(palette: Palette) -> None:
    assert set(palette.surfaces) == set(SURFACES) == set(ORDER)


def luminance(name: str) -> float:
    parts = [int(name[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a: str, b: str) -> float:
    high, low = sorted((luminance(a), luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("palette", [DAY, NIGHT])
@pytest.mark.parametrize("ink", ["text", "water_text", "green_text", "road_text"])
def test_names_have_the_contrast_of_wcag_aa_on_their_halo(palette: Palette, ink: str) -> None:
    assert contrast(getattr(palette, ink), palette.halo) >= 4.5


@pytest.mark.parametrize("palette", [DAY, NIGHT])
def test_houses_stand_out_from_where_they_stand(palette: Palette) -> None:
    for ground in ("residential", "village", "commercial", "industrial"):
        assert contrast(palette.building, palette.surfaces[ground]) > 1.05
