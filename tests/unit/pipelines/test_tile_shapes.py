"""What is done without GEOS is what GEOS does, to the byte."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from pipelines import tile_shapes
from pipelines.tile_shapes import Rows, drawn
from twin.tile_matrix_sets import BUILT, Cell, mercator, place

CELLS = [mercator(14, 13560, 6370), mercator(16, 54241, 25481), place(BUILT[1], "13", "2400", "13600")]


@st.composite
def shapes(draw: Any) -> list[Any]:
    """Squares, stars, slivers, bow ties and what is not a polygon, in and around a tile; some with height."""
    return [
        draw(st.sampled_from([_ring, _star, _tie, _other]))(draw) for _ in range(draw(st.integers(1, 12)))
    ]


def _middle(draw: Any) -> tuple[float, float, float]:
    x, y = draw(st.floats(-0.3, 1.3)), draw(st.floats(-0.3, 1.3))
    return x, y, draw(st.sampled_from([1e-5, 4e-4, 1e-3, 0.02, 0.4, 3.0]))


def _ring(draw: Any) -> Any:
    x, y, r = _middle(draw)
    angles = np.linspace(0, 2 * np.pi, draw(st.integers(3, 9)), endpoint=False) + draw(st.floats(0, 6))
    found = shapely.Polygon(np.column_stack([x + r * np.cos(angles), y + r * np.sin(angles)]))
    found = shapely.force_3d(found, 3.0) if draw(st.booleans()) else found
    return shapely.reverse(found) if draw(st.booleans()) else found


def _star(draw: Any) -> Any:
    """Round twice, or in and out."""
    x, y, r = _middle(draw)
    twice = draw(st.booleans())
    angles = np.arange(5) * (4 if twice else 2) * np.pi / 5
    radius = r * (np.ones(5) if twice else np.array([1, 0.2, 1, 0.2, 1]))
    return shapely.Polygon(np.column_stack([x + radius * np.cos(angles), y + radius * np.sin(angles)]))


def _tie(draw: Any) -> Any:
    x, y, r = _middle(draw)
    return shapely.Polygon([(x, y), (x + r, y + r), (x + r, y), (x, y + r)])


def _other(draw: Any) -> Any:
    x, y, r = _middle(draw)
    hole = shapely.Point(x, y).buffer(r / 2, quad_segs=2)
    disc = shapely.Point(x, y).buffer(r, quad_segs=2)
    kinds = [
        shapely.Point(x, y),
        shapely.LineString([(x, y), (x + r, y), (x + r, y + r)]),
        disc - hole,
        shapely.MultiPolygon([disc, shapely.affinity.translate(disc, 3 * r)]),
        shapely.box(x, y, x + r, y),
    ]
    return draw(st.sampled_from(kinds))


@pytest.mark.parametrize("cell", CELLS, ids=[c.name for c in CELLS])
@given(found=shapes())
def test_without_geos_as_with_it(cell: Cell, found: list[Any]) -> None:
    box = cell.bbox()
    size = np.array([box.east - box.west, box.north - box.south])
    moved = shapely.transform(np.array(found, object), lambda xy: xy * size + (box.west, box.south))
    table = pa.table(
        {
            "id": [f"f{n}" for n in range(len(moved))],
            "geom": pa.array(shapely.to_wkb(moved), pa.binary()),
            "height": [float(n) for n in range(len(moved))],
        }
    )
    rows = Rows(layer="a", columns=("height",), large=[table], small=[])
    quick = drawn(rows, cell)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(tile_shapes, "_plain", lambda *_: None)
        slow = drawn(rows, cell)
    assert quick == slow
