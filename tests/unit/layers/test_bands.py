"""Cutting triangles at a level."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from layers.bands import cut


def area(points, triangles):
    a, b, c = (points[triangles[:, k]] for k in range(3))
    return np.cross(b - a, c - a) / 2


@given(st.integers(0, 10_000))
def test_no_triangle_crosses_the_level_and_the_area_is_what_it_was(seed):
    rng = np.random.default_rng(seed)
    points = rng.uniform(0, 10, (12, 3))
    indices = np.array([rng.permutation(12)[:3] for _ in range(6)])
    sides = np.concatenate([indices[:, [0, 1]], indices[:, [1, 2]]])
    done = cut(indices, sides, points[:, 2], 5.0)
    moved = done.of(points)
    rise = moved[done.indices][:, :, 2]
    assert ((rise <= 5 + 2e-3).all(axis=1) | (rise >= 5 - 2e-3).all(axis=1)).all()
    before, after = area(points, indices).sum(axis=0), area(moved, done.indices).sum(axis=0)
    assert after == pytest.approx(before, abs=0.1)
    lengths = np.linalg.norm(points[sides[:, 0]] - points[sides[:, 1]], axis=1).sum()
    assert np.linalg.norm(np.diff(moved[done.edges], axis=1), axis=2).sum() == pytest.approx(
        lengths, abs=0.05
    )


def test_outlines_stay_sides_of_triangles():
    points = np.array([[0, 0, 0], [4, 0, 0], [4, 0, 9], [0, 0, 9.0]])
    indices = np.array([[0, 1, 2], [0, 2, 3]])
    edges = np.array([[0, 1], [1, 2], [2, 3], [3, 0]])
    done = cut(indices, edges, points[:, 2], 5.0)
    sides = {frozenset(map(int, pair)) for t in done.indices for pair in zip(t, np.roll(t, 1), strict=True)}
    assert len(done.edges) == 6
    assert {frozenset(map(int, e)) for e in done.edges} <= sides
