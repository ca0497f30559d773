"""Terrain tiles decode with a decoder of the specification, and lie where PROJ and Cesium say."""

from __future__ import annotations

import importlib.util
import math
import sys
from pathlib import Path

import numpy as np
import pyproj
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiles.quantized_mesh import Edges, encode, frame, horizon_point, normals, oct_encode, positions
from tiles.tin import N, enough, pattern, surface

SPEC = importlib.util.spec_from_file_location(
    "quantized_mesh_decoder", Path(__file__).with_name("quantized_mesh_decoder.py")
)
decoder = importlib.util.module_from_spec(SPEC)
sys.modules["quantized_mesh_decoder"] = decoder
SPEC.loader.exec_module(decoder)

SHARED = Path(__file__).parents[4] / "shared" / "data" / "terrain" / "quantized_mesh"
EDGES = Edges(west=118.35, south=38.35, east=118.3528, north=38.3528)
ECEF = pyproj.Transformer.from_crs("EPSG:4979", "EPSG:4978", always_xy=True)


def hills(seed: int = 1, n: int = N) -> np.ndarray:
    y, x = np.mgrid[-1 : n + 2, -1 : n + 2] / n
    phase = np.random.default_rng(seed).random(4) * 6
    return 30 * np.sin(5 * x + phase[0]) * np.cos(4 * y + phase[1]) + 12 * np.sin(17 * x * y + phase[2]) + 25


def test_a_tile_decodes_to_the_grid_that_went_in() -> None:
    heights = hills()
    tile = decoder.decode(encode(heights, EDGES))
    assert tile.rest == 0
    assert len(tile.u) == (N + 1) ** 2
    assert len(tile.triangles) == 2 * N * N
    inner = heights[1:-1, 1:-1]
    assert (tile.lowest, tile.highest) == pytest.approx((inner.min(), inner.max()), rel=1e-6)
    column, row = (
        np.rint(np.array(tile.u) * N / 32767).astype(int),
        np.rint(np.array(tile.v) * N / 32767).astype(int),
    )
    got = inner.min() + np.array(tile.h) / 32767 * (inner.max() - inner.min())
    np.testing.assert_allclose(got, inner[row, column], atol=np.ptp(inner) / 65534 * 1.001)


def test_triangles_cover_the_tile_once_and_face_up() -> None:
    tile = decoder.decode(encode(hills(), EDGES))
    p = np.column_stack([tile.u, tile.v]).astype(float)
    a, b, c = (p[[t[k] for t in tile.triangles]] for k in range(3))
    area = ((b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0]) / 2
    assert (area > 0).all()
    assert area.sum() == pytest.approx(32767**2)


def test_edges_name_every_vertex_on_them() -> None:
    tile = decoder.decode(encode(hills(), EDGES))
    for edge, values, wanted in (
        (tile.west, tile.u, 0),
        (tile.east, tile.u, 32767),
        (tile.south, tile.v, 0),
        (tile.north, tile.v, 32767),
    ):
        assert sorted(edge) == [i for i, value in enumerate(values) if value == wanted]


def test_neighbours_share_heights_and_light_at_their_edge() -> None:
    y, x = np.mgrid[-1 : N + 2, -1 : 2 * N + 2]
    both = 20 * np.sin(x / 9) * np.cos(y / 7)
    side = EDGES.east - EDGES.west
    east = Edges(west=EDGES.east, south=EDGES.south, east=EDGES.east + side, north=EDGES.north)
    tiles = [decoder.decode(encode(h, e)) for h, e in ((both[:, : N + 3], EDGES), (both[:, N:], east))]
    one, two = tiles
    high = [t.lowest + np.array(t.h) / 32767 * (t.highest - t.lowest) for t in tiles]
    np.testing.assert_allclose(high[0][one.east], high[1][two.west], atol=40 / 32767)
    light = [np.frombuffer(t.normals, np.uint8).reshape(-1, 2).astype(int) for t in tiles]
    assert np.abs(light[0][one.east] - light[1][two.west]).max() <= 1


def test_positions_are_proj_s_to_a_micrometre() -> None:
    at = frame(EDGES, 4)
    heights = np.arange(25.0).reshape(5, 5) * 30
    lon, lat = np.meshgrid(np.linspace(EDGES.west, EDGES.east, 5), np.linspace(EDGES.south, EDGES.north, 5))
    wanted = np.stack(ECEF.transform(lon, lat, heights))
    np.testing.assert_allclose(positions(at, heights), wanted, atol=1e-6)


def test_the_ball_holds_every_vertex_and_the_center_lies_within() -> None:
    heights = hills()
    tile = decoder.decode(encode(heights, EDGES))
    points = positions(frame(EDGES, N), heights[1:-1, 1:-1]).reshape(3, -1).T
    away = np.linalg.norm(points - np.array(tile.ball[:3]), axis=1)
    assert away.max() == pytest.approx(tile.ball[3], abs=1e-6)
    assert np.linalg.norm(np.array(tile.center) - tile.ball[:3]) < tile.ball[3]


# Cesium 1.145: EllipsoidalOccluder(WGS84).computeHorizonCullingPoint(center at height 0, the five points below).
CESIUM = [
    (118.3, 38.3, 118.42, 38.4, 60, (-0.37300622971248515, 0.6910132118245966, 0.6191912268321857)),
    (10, 0, 11, 1, 1005, (0.9836624483771221, 0.18231105871723058, 0.008701213251698005)),
    (-75, -45, -30, 0, 8000, (0.6805188591829215, -0.8868694439841348, -0.46148628476515524)),
    (118.35, 38.35, 118.352, 38.352, 3.5, (-0.3728870463296644, 0.6910520862839052, 0.6191957773085589)),
]


@pytest.mark.parametrize(("w", "s", "e", "n", "h", "wanted"), CESIUM)
def test_the_horizon_point_is_cesium_s(
    w: float, s: float, e: float, n: float, h: float, wanted: tuple[float, ...]
) -> None:
    places = [(w, s, 0), (e, s, h), (e, n, h / 2), (w, n, h), ((w + e) / 2, (s + n) / 2, h)]
    points = np.array(ECEF.transform(*np.array(places, float).T))
    toward = np.array(ECEF.transform((w + e) / 2, (s + n) / 2, 0.0))
    np.testing.assert_allclose(horizon_point(points, toward), wanted, rtol=1e-9)


def test_a_hemisphere_s_horizon_point_is_so_far_that_it_always_shows() -> None:
    tile = decoder.decode(encode(np.zeros((N + 3, N + 3)), Edges(west=0, south=-90, east=180, north=90)))
    assert np.linalg.norm(tile.horizon) > 1e6
    assert all(math.isfinite(k) for k in (*tile.horizon, *tile.ball, *tile.center))


def test_normals_are_packed_as_cesium_packs_them() -> None:
    vectors = np.array([[0, 0, 1], [0.6, 0, -0.8], [-0.36, 0.48, 0.8], [0, -1, 0], [-0.48, -0.64, -0.6]]).T
    assert oct_encode(vectors).tolist() == [[128, 128], [255, 200], [100, 165], [128, 0], [47, 36]]


def test_a_plane_that_rises_to_the_east_is_lit_as_such() -> None:
    n = 8
    side = EDGES.east - EDGES.west
    east_m = math.radians(side) * 6378137 / math.sqrt(1 - 0.00669438 * math.sin(math.radians(38.3514)) ** 2)
    east_m *= math.cos(math.radians(38.3514)) / n
    rise = np.tile(np.arange(-1, n + 2) * east_m, (n + 3, 1))  # 45 degrees
    at = frame(EDGES, n)
    lit = normals(at, rise)
    lit /= np.linalg.norm(lit, axis=0)
    up = (lit * at.up).sum(axis=0)
    np.testing.assert_allclose(up, math.sqrt(0.5), atol=1e-4)
    assert ((lit * at.east).sum(axis=0) < -0.7).all()


def test_flat_ground_has_one_height() -> None:
    tile = decoder.decode(encode(np.full((N + 3, N + 3), 3.5), EDGES))
    assert (tile.lowest, tile.highest) == (3.5, 3.5)
    assert set(tile.h) == {0}


@pytest.mark.parametrize("name", ["161.terrain", "162.terrain"])
def test_the_decoder_reads_a_stranger_s_tiles(name: str) -> None:
    if not SHARED.exists():
        pytest.skip("the shared sample files are not beside the project")
    tile = decoder.decode((SHARED / name).read_bytes())
    assert tile.rest == 0
    assert tile.lowest < tile.highest
    assert all(0 <= min(k) <= max(k) <= 32767 for k in (tile.u, tile.v, tile.h))
    assert all(tile.u[i] == 0 for i in tile.west)
    assert max(max(t) for t in tile.triangles) == len(tile.u) - 1


@given(st.integers(1, 12), st.floats(0, 1), st.floats(0, 1), st.integers(0, 2**32 - 1))
def test_the_surface_is_that_of_the_triangles(n: int, u: float, v: float, seed: int) -> None:
    """Barycentric, triangle by triangle, against the vectorised one."""
    posts = np.random.default_rng(seed).random((n + 1, n + 1)) * 9
    p = pattern(n)
    flat = posts.reshape(-1)[p.order]
    row, column = np.divmod(p.order, n + 1)
    got = surface(posts, np.array([u]), np.array([v]))[0]
    fits = []
    for t in p.triangles:
        (x0, y0), (x1, y1), (x2, y2) = zip(column[t] / n, row[t] / n, strict=True)
        d = (y1 - y2) * (x0 - x2) + (x2 - x1) * (y0 - y2)
        a = ((y1 - y2) * (u - x2) + (x2 - x1) * (v - y2)) / d
        b = ((y2 - y0) * (u - x2) + (x0 - x2) * (v - y2)) / d
        if min(a, b, 1 - a - b) >= -1e-9:
            fits.append(a * flat[t[0]] + b * flat[t[1]] + (1 - a - b) * flat[t[2]])
    assert fits
    assert got == pytest.approx(fits[0], abs=1e-6)


def test_a_triangle_without_any_terrain_is_no_ground() -> None:
    posts = np.full((3, 3), np.nan)
    posts[0, 0] = 8.0
    u = np.array([0.1, 0.9])
    got = surface(posts, u, u)
    assert got[0] == pytest.approx(8 * 0.6)
    assert np.isnan(got[1])


def test_a_plain_needs_few_triangles_and_they_are_the_plain() -> None:
    y, x = np.mgrid[-1 : N + 2, -1 : N + 2]
    plain = 3 + 0.02 * x - 0.01 * y
    cells = enough(plain[1:-1, 1:-1], 0.01)
    tile = decoder.decode(encode(plain, EDGES, cells=cells))
    assert len(tile.triangles) == 2 * cells * cells == 32
    got = tile.lowest + np.array(tile.h) / 32767 * (tile.highest - tile.lowest)
    wanted = 3 + 0.02 * np.array(tile.u) / 32767 * N - 0.01 * np.array(tile.v) / 32767 * N
    np.testing.assert_allclose(got, wanted, atol=1e-4)


@given(st.integers(0, 2**32 - 1), st.floats(0.01, 40))
def test_what_is_left_out_is_within_the_tolerance(seed: int, tolerance: float) -> None:
    posts = hills(seed)[1:-1, 1:-1]
    cells = enough(posts, tolerance)
    row, column = np.divmod(np.arange((N + 1) ** 2), N + 1)
    drawn = surface(posts[:: N // cells, :: N // cells], column / N, row / N)
    assert np.abs(drawn - posts.ravel()).max() <= tolerance + 1e-9


def test_fewer_triangles_keep_the_light_of_the_full_grid() -> None:
    full, few = (decoder.decode(encode(hills(), EDGES, cells=k)) for k in (N, N // 4))
    lights = [
        {
            (u, v): light
            for u, v, light in zip(t.u, t.v, zip(t.normals[::2], t.normals[1::2], strict=True), strict=True)
        }
        for t in (full, few)
    ]
    assert len(lights[1]) == (N // 4 + 1) ** 2
    assert all(lights[0][place] == light for place, light in lights[1].items())
