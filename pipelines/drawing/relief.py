"""The ground's colour and light: a soft hypsometric tint and a hillshade from the north-west."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipelines.drawing.frame import SIDE, Frame
from pipelines.drawing.palette import Palette
from pipelines.ground import Ground
from twin import tiling

STEP = 4
"""Pixels between the places at which the ground is looked up."""
STEPS = 128
"""Steps of light from dark to flat."""
AROUND = 3
"""Places beyond the tile's edge, so that neighbours have the same light at it."""
SUN = np.array([-1.0, 1.0, 1.25]) / np.sqrt(2 + 1.25**2)
"""Toward the light: north-west, 41 degrees high, as maps have it."""
STEEP = 0.9
"""A slope, exaggerated, that is hardly exceeded: mountains are not burnt out where plains still show."""


@dataclass(frozen=True, kw_only=True)
class Relief:
    """The ground of a tile, SIDE x SIDE."""

    tint: NDArray[np.uint8]
    """(rows, columns, 3) uint8."""
    light: NDArray[np.float32]
    """(rows, columns): 1 on flat ground."""
    cover: NDArray[np.float32]
    """(rows, columns) from 0 (no terrain) to 1, a step wider than the terrain is."""


def relief(ground: Ground, frame: Frame, palette: Palette) -> Relief | None:
    """The relief of a tile; None where there is no terrain."""
    heights = lattice(ground, frame)
    known = np.isfinite(heights)
    if not known.any():
        return None
    return Relief(
        tint=_tint(np.where(known, heights, np.nanmean(heights)), palette),
        # In small steps: the noise of floats would double the size of the picture.
        light=(np.rint(_smooth(1 + (_light(heights, frame) - 1) * palette.shade) * STEPS) / STEPS).astype(
            np.float32
        ),
        cover=np.clip(_smooth(_wider(known).astype(np.float64)), 0, 1),
    )


def lattice(ground: Ground, frame: Frame) -> NDArray[np.float64]:
    """Heights every STEP pixels, from the middle of the first step, with AROUND more on each side."""
    count = SIDE // STEP + 2 * AROUND
    down = (np.arange(count) - AROUND + 0.5) * STEP / SIDE
    side = 1 << frame.z
    lon = (frame.x + down) / side * 360 - 180
    lat = np.array([tiling.latitude((frame.y + d) / side) for d in down])
    lon, lat = np.meshgrid(lon, lat)
    spacing = 360 / side * STEP / SIDE
    found = ground.composite(lon.ravel(), lat.ravel(), spacing * float(np.cos(np.radians(lat.mean()))))
    return np.asarray(found.reshape(count, count), np.float64)


def _wider(known: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """What is known and its neighbours: the outline is drawn by the rasters' footprints, finer than the lattice."""
    p = np.pad(known, 1)
    across = p[1:-1] | p[:-2] | p[2:]
    return np.asarray(across[:, 1:-1] | across[:, :-2] | across[:, 2:])


def _light(heights: NDArray[np.float64], frame: Frame) -> NDArray[np.float64]:
    """1 on flat ground and at the edge of what is known, brighter toward the light."""
    run = 2 * STEP / frame.metre
    more = float(np.interp(frame.z, [8, 12, 15, 18], [2.0, 6.0, 4.0, 2.5]))
    padded = np.pad(heights, 1, mode="edge")
    east = more * (padded[1:-1, 2:] - padded[1:-1, :-2]) / run
    north = more * (padded[:-2, 1:-1] - padded[2:, 1:-1]) / run
    east, north = np.nan_to_num(east), np.nan_to_num(north)
    steep = np.sqrt(1 + (east**2 + north**2) / STEEP**2)
    east, north = east / steep, north / steep
    towards = (SUN[2] - SUN[0] * east - SUN[1] * north) / np.sqrt(1 + east**2 + north**2)
    return np.asarray(np.clip(1 + 0.34 * (towards / SUN[2] - 1), 0.7, 1.06))


def _smooth(values: NDArray[np.float64]) -> NDArray[np.float32]:
    """The lattice as pixels, without its margin."""
    return np.asarray(_enlarged(Image.fromarray(values.astype(np.float32))), np.float32)


def _enlarged(lattice_: Image.Image) -> Image.Image:
    inner = (AROUND, AROUND, lattice_.width - AROUND, lattice_.height - AROUND)
    return lattice_.resize((SIDE, SIDE), Image.Resampling.BICUBIC, box=inner)


def _tint(heights: NDArray[np.float64], palette: Palette) -> NDArray[np.uint8]:
    metres = [h for h, _ in palette.relief]
    colours = np.array([[int(c[i : i + 2], 16) for i in (1, 3, 5)] for _, c in palette.relief])
    tint = np.stack([np.interp(heights, metres, colours[:, k]) for k in range(3)], axis=-1)
    return np.asarray(_enlarged(Image.fromarray(np.rint(tint).astype(np.uint8))))
