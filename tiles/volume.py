"""Bounding volumes of 3D Tiles: boxes, spheres and regions, moved, divided and held against what they should hold."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from twin.errors import UnreadableFile
from twin.space import geodetic_to_ecef

Floats = NDArray[np.float64]
LENGTHS: Final = {"box": 12, "sphere": 4, "region": 6}
CORNERS: Final = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], np.float64)
FACES: Final = tuple(np.flatnonzero(CORNERS[:, axis] == side) for axis in range(3) for side in (-1, 1))
"""The four corners of each face."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Volume:
    """One volume."""

    form: Literal["box", "sphere", "region"]
    values: Floats
    """As 3D Tiles writes them: 12 (centre, three half axes), 4 (centre, radius) metres, or 6 (west, south, east,
    north in radians, lowest, highest in metres above the ellipsoid)."""

    def said(self) -> dict[str, list[float]]:
        """As JSON."""
        return {self.form: [float(v) for v in self.values]}

    def corners(self) -> Floats:
        """(8, 3) metres: the corners of a box, of the box about a sphere, of a region earth-centred."""
        if self.form == "box":
            return np.asarray(self.values[:3] + CORNERS @ self.values[3:].reshape(3, 3))
        if self.form == "sphere":
            return np.asarray(self.values[:3] + CORNERS * self.values[3])
        west, south, east, north, low, high = self.values
        ends = np.array([[west, south, low], [east + (2 * math.pi if east < west else 0), north, high]])
        places = np.where(CORNERS > 0, ends[1], ends[0])
        places[:, :2] = np.degrees(places[:, :2])
        return geodetic_to_ecef(places)

    @property
    def centre(self) -> Floats:
        """(3,) metres."""
        return np.asarray(self.corners().mean(axis=0) if self.form == "region" else self.values[:3])

    @property
    def radius(self) -> float:
        """Metres from the centre to the farthest corner; a sphere's own."""
        if self.form == "sphere":
            return float(self.values[3])
        return float(np.linalg.norm(self.corners() - self.centre, axis=1).max())


def read(said: Any, where: str) -> Volume:
    """A `boundingVolume`.

    Raises:
        UnreadableFile: it is none; names the tile.
    """
    if isinstance(said, dict):
        for form in ("box", "sphere", "region"):
            values = said.get(form)
            if isinstance(values, list) and len(values) == LENGTHS[form] and _numbers(values):
                return Volume(form=form, values=np.array(values, np.float64))
    raise UnreadableFile(f"{where}: its boundingVolume is no box of 12, sphere of 4 or region of 6 numbers")


def _numbers(values: list[Any]) -> bool:
    return all(isinstance(v, (int, float)) and not isinstance(v, bool) and math.isfinite(v) for v in values)


def moved(volume: Volume, matrix: Floats) -> Volume:
    """The volume under a 4 x 4 matrix; a region stays where it is (3D Tiles 1.1, 7.3.2)."""
    if volume.form == "region":
        return volume
    centre = matrix[:3, :3] @ volume.values[:3] + matrix[:3, 3]
    if volume.form == "sphere":
        scale = float(np.linalg.norm(matrix[:3, :3], axis=0).max())
        return Volume(form="sphere", values=np.append(centre, volume.values[3] * scale))
    axes = volume.values[3:].reshape(3, 3) @ matrix[:3, :3].T
    return Volume(form="box", values=np.concatenate([centre, axes.ravel()]))


def lifted(volume: Volume, offset: float) -> Volume:
    """A region so many metres higher; others are lifted by their transform."""
    if volume.form != "region":
        return volume
    return Volume(form="region", values=volume.values + np.array([0, 0, 0, 0, offset, offset]))


def divided(volume: Volume, level: int, place: tuple[int, ...]) -> Volume:
    """The part of an implicit tileset's root volume at a level, column, row (and layer) (1.1, 8.3)."""
    side = 1 << level
    if volume.form == "region":
        west, south, east, north, low, high = volume.values.tolist()
        x, y, *z = place
        width, depth = (east - west) / side, (north - south) / side
        tall = (high - low) / side if z else high - low
        floor = low + tall * (z[0] if z else 0)
        values = [
            west + x * width,
            south + y * depth,
            west + (x + 1) * width,
            south + (y + 1) * depth,
            floor,
            floor + tall,
        ]
        return Volume(form="region", values=np.array(values))
    axes = volume.values[3:].reshape(3, 3).copy()
    centre = volume.values[:3].copy()
    for axis, at in enumerate(place):
        centre += axes[axis] * ((2 * at + 1) / side - 1)
        axes[axis] /= side
    return Volume(form="box", values=np.concatenate([centre, axes.ravel()]))


def beyond(volume: Volume, corners: Floats, geodetic: Floats | None = None) -> float:
    """Metres by which something surely reaches out of a volume; 0 or less where it need not.

    What lies in a box (its eight corners, in the order of CORNERS) touches each of the box's faces. So where a
    whole face lies beyond one side of the volume, a part of the content does.

    Args:
        corners: (8, 3) metres, in the volume's frame; earth-centred for a region.
        geodetic: (8, 3) radians and metres of the corners, for a region.
    """
    return max(
        float(_past(volume, corners[face], None if geodetic is None else geodetic[face])) for face in FACES
    )


def _past(volume: Volume, points: Floats, geodetic: Floats | None) -> float:
    """Metres by which all points lie beyond one same side of the volume."""
    if volume.form == "sphere":
        out = points.mean(axis=0) - volume.values[:3]
        length = float(np.linalg.norm(out))
        towards = out / length if length else np.array([1.0, 0, 0])
        return float(((points - volume.values[:3]) @ towards).min() - volume.values[3])
    if volume.form == "box":
        axes = volume.values[3:].reshape(3, 3)
        lengths = np.linalg.norm(axes, axis=1)
        units = axes / np.where(lengths > 0, lengths, 1)[:, None]
        along = (points - volume.values[:3]) @ units.T
        past = np.maximum((along - lengths).min(axis=0), (-along - lengths).min(axis=0))
        return float(np.where(lengths > 0, past, -np.inf).max())
    if geodetic is None:
        return -math.inf
    west, south, east, north, low, high = volume.values
    lon, lat, h = geodetic.T
    metres = 6378137.0
    if east < west:
        lon, east = np.where(lon < 0, lon + 2 * math.pi, lon), east + 2 * math.pi
    sides = (
        (west - lon).min() * metres * math.cos(lat[0]), (lon - east).min() * metres * math.cos(lat[0]),
        (south - lat).min() * metres, (lat - north).min() * metres, (low - h).min(), (h - high).min(),
    )  # fmt: skip
    return float(max(sides))
