"""The ground of the county: a 5 m grid of heights, smooth, with flat water."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely
from rasterio.features import rasterize
from rasterio.transform import from_origin

from data_samples import files, manifest, noise, offices, place, plan
from data_samples.manifest import Entry

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray
    from shapely.geometry.base import BaseGeometry

CELL = 5.0
COARSE = 4
"""The distance fields are made on every fourth cell and interpolated: distances are almost linear."""
SHAPE = (int(place.HEIGHT / CELL), int(place.WIDTH / CELL))
SEA_LEVEL = 0.0
RESERVOIR_LEVEL = 10.5
LAKE_LEVEL = 2.1
CANAL_LEVEL = 1.0


@dataclass(frozen=True, kw_only=True)
class Ground:
    """Heights on the county's rectangle."""

    heights: NDArray[np.float32]
    """(rows, columns) float32, metres above the 1985 datum; row 0 is north; cells of 5 m."""

    def at(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """(n,) heights at (n, 2) local positions, bilinear between cell centres."""
        column = np.clip(points[:, 0] / CELL - 0.5, 0, SHAPE[1] - 1.001)
        row = np.clip((place.HEIGHT - points[:, 1]) / CELL - 0.5, 0, SHAPE[0] - 1.001)
        c, r = column.astype(np.int64), row.astype(np.int64)
        fc, fr = column - c, row - r
        h = self.heights
        top = h[r, c] * (1 - fc) + h[r, c + 1] * fc
        bottom = h[r + 1, c] * (1 - fc) + h[r + 1, c + 1] * fc
        return np.asarray(top * (1 - fr) + bottom * fr, dtype=np.float64)


def river_level(east: NDArray[np.float32]) -> NDArray[np.float32]:
    """The river's surface where it passes each local easting: 1.6 m at the western border, the sea's at its mouth."""
    return np.asarray(np.clip(1.6 * (1 - east / 9_300.0), SEA_LEVEL, None), dtype=np.float32)


def form(rng: np.random.Generator) -> Ground:
    """The ground, formed in the order in which nature and people did it: plain, hills, water, dykes, pans."""
    land = plan.land()
    x = np.arange(SHAPE[1], dtype=np.float32)[None, :] * np.float32(CELL) + np.float32(2.5)
    y = (
        np.float32(place.HEIGHT)
        - np.arange(SHAPE[0], dtype=np.float32)[:, None] * np.float32(CELL)
        - np.float32(2.5)
    )
    z = _plain(rng, x, y)
    z += _hills(rng, x, y)
    z = _water_side(
        z, _distance(land.reservoir), RESERVOIR_LEVEL, bank=2.4, berm=6, crest=13.2, top=5, foot=40
    )
    plain = z
    to_river = _distance(land.river)
    level = np.broadcast_to(river_level(x), z.shape)
    z = _water_side(z, to_river, level, bank=1.3, berm=52, crest=z + 3.0, top=9, foot=14)
    to_sea = _distance(land.sea)
    coast = _water_side(z, to_sea, SEA_LEVEL, bank=0.7, berm=26, crest=5.8, top=9, foot=16)
    z = _mouth(z, coast, to_river, to_sea)
    z = _water_side(
        z, _distance(land.canal), CANAL_LEVEL, bank=1.0, berm=3, crest=plain + 0.9, top=4, foot=12
    )
    z = _water_side(z, _distance(land.lake), LAKE_LEVEL, bank=0.6, berm=30, crest=z, top=4, foot=20)
    z = np.where(to_sea <= 0, SEA_LEVEL, np.where(to_river <= 0, level, _pans(rng, z, land)))
    return Ground(heights=np.round(z, 2).astype(np.float32))


def _mouth(
    z: NDArray[np.float32],
    coast: NDArray[np.float32],
    to_river: NDArray[np.float32],
    to_sea: NDArray[np.float32],
) -> NDArray[np.float32]:
    """The coast with its dyke, opened where the river goes out between dykes that run down into the sea."""
    riverside = 1 - _smooth((to_river - np.float32(60)) / np.float32(60))
    dykes = z * _smooth(to_sea / np.float32(50))
    return np.asarray(coast + (dykes - coast) * riverside, dtype=np.float32)


def _plain(rng: np.random.Generator, x: NDArray[np.float32], y: NDArray[np.float32]) -> NDArray[np.float32]:
    """The coastal plain: 6 m in the south-west to 2 m in the north-east, with soft swells and one hollow."""
    slope = 6.0 - 3.4 * (0.45 * x / place.WIDTH + 0.55 * y / place.HEIGHT)
    swell = 0.5 * noise.surface(rng, shape=SHAPE, cells=(7, 6)) + 0.14 * noise.surface(
        rng, shape=SHAPE, cells=(40, 36)
    )
    hollow = 1.5 * np.exp(-(((x - 6_650) / 520) ** 2) - ((y - 6_150) / 420) ** 2)
    return np.asarray(np.maximum(slope + swell - hollow, 1.9), dtype=np.float32)


def _hills(rng: np.random.Generator, x: NDArray[np.float32], y: NDArray[np.float32]) -> NDArray[np.float32]:
    total = np.zeros(SHAPE, dtype=np.float32)
    for east, north, radius, height in plan.HILLS:
        total += np.float32(height) * np.exp(-((x - east) ** 2 + (y - north) ** 2) / np.float32(radius) ** 2)
    rough = (
        1
        + 0.28 * noise.surface(rng, shape=SHAPE, cells=(24, 22))
        + 0.10 * noise.surface(rng, shape=SHAPE, cells=(64, 60))
    )
    return np.asarray(total * np.clip(rough, 0.35, 1.7), dtype=np.float32)


def _distance(shape: BaseGeometry) -> NDArray[np.float32]:
    """Signed distance to the shape's edge, metres, negative inside; (rows, columns) of the 5 m grid."""
    step = CELL * COARSE
    x = np.arange(SHAPE[1] // COARSE + 1) * step
    y = place.HEIGHT - np.arange(SHAPE[0] // COARSE + 1) * step
    grid_x, grid_y = np.meshgrid(x, y)
    edge = shapely.boundary(shape)
    near = _near(shape, grid_x, grid_y)
    far = np.full(grid_x.shape, 900.0)
    points = shapely.points(grid_x[near], grid_y[near])
    shapely.prepare(edge)
    far[near] = shapely.distance(edge, points)
    shapely.prepare(shape)
    inside = shapely.contains_xy(shape, grid_x.ravel(), grid_y.ravel()).reshape(grid_x.shape)
    return noise.upsample(np.where(inside, -far, far), COARSE)


def _near(shape: BaseGeometry, x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which grid corners are worth an exact distance: those within 160 m of the shape's edge."""
    band = shapely.boundary(shape).simplify(10).buffer(160, quad_segs=3)
    mask = rasterize(
        [band],
        out_shape=x.shape,
        transform=from_origin(x[0, 0] - 10, y[0, 0] + 10, CELL * COARSE, CELL * COARSE),
        all_touched=True,
    )
    return np.asarray(mask, dtype=bool)


def _water_side(
    z: NDArray[np.float32],
    away: NDArray[np.float32],
    level: float | NDArray[np.float32],
    *,
    bank: float,
    berm: float,
    crest: float | NDArray[np.float32],
    top: float,
    foot: float,
) -> NDArray[np.float32]:
    """The ground with a water of the level in it, its bank, its berm and a dyke.

    Across, from the water's edge: a bank that rises `bank` metres in 10 m, a berm of `berm` metres, then a dyke up to
    `crest` that is `top` metres wide and falls to the old ground over `foot` metres.
    """
    rise = level + bank * _smooth(away / 10.0)
    up = _smooth((away - berm - 6) / foot)
    dyke = rise + (np.maximum(crest, rise) - rise) * up
    down = _smooth((away - berm - 6 - foot - top) / foot)
    side = dyke + (z - dyke) * down
    return np.asarray(np.where(away <= 0, level, side), dtype=np.float32)


def _smooth(t: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    share = np.asarray(np.clip(t, 0, 1), dtype=np.float32)
    return np.asarray(share * share * (3 - 2 * share), dtype=np.float32)


def _pans(rng: np.random.Generator, z: NDArray[np.float32], land: plan.Land) -> NDArray[np.float32]:
    """The ground with salt pans and fish ponds: flat beds behind low bunds."""
    beds = [*land.pans, *land.ponds]
    levels = np.concatenate(
        (1.15 + 0.12 * rng.integers(0, 3, len(land.pans)), 0.7 + 0.1 * rng.integers(0, 4, len(land.ponds)))
    )
    transform = from_origin(0, place.HEIGHT, CELL, CELL)
    works = shapely.union_all(shapely.buffer(np.array(beds), 12, join_style="mitre", quad_segs=1))
    around = rasterize([works], out_shape=SHAPE, transform=transform).astype(bool)
    bed = rasterize(
        zip(beds, levels.tolist(), strict=True),
        out_shape=SHAPE,
        transform=transform,
        fill=-99,
        dtype="float32",
    )
    bunds = np.where(around, np.minimum(np.maximum(z, 2.0), 2.1), z)
    return np.asarray(np.where(bed > -90, bed, bunds), dtype=np.float32)


def write(ground: Ground, folder: Path) -> Entry:
    """Write the ground as a GeoTIFF; returns the manifest's line."""
    files.raster(folder / "dem_5m.tif", ground.heights[None], cell=CELL)
    return Entry(
        files=("dem_5m.tif",),
        layer="terrain",
        kind="terrain",
        crs=place.CRS,
        vertical=place.VERTICAL,
        valid_from=manifest.moment("2021-07-01"),
        title={"zh": "数字高程模型", "en": "Terrain"},
        theme="base",
        department=offices.NATURE,
    )
