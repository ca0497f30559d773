"""From the plan's metres to a local frame on the ellipsoid, as meshes are delivered in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from pyproj import Transformer

from data_samples import place

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class Frame:
    """East, north and up about an origin."""

    lon: float
    lat: float
    """Of the origin, degrees CGCS2000; its height is 0."""
    origin: NDArray[np.float64]
    """(3,) metres, geocentric."""
    axes: NDArray[np.float64]
    """(3, 3) unit vectors east, north, up, geocentric."""

    @property
    def matrix(self) -> list[float]:
        """The frame as a tile's transform: sixteen figures, column by column (3D Tiles 1.1, 11.14)."""
        columns = [[*axis, 0.0] for axis in self.axes.tolist()] + [[*self.origin.tolist(), 1.0]]
        return [figure for column in columns for figure in column]

    def of(self, local: NDArray[np.float64]) -> NDArray[np.float64]:
        """(n, 3) east, north, up of (n, 3) local metres and heights."""
        lon, lat = _degrees(local[:, :2])
        return np.asarray((_geocentric(lon, lat, local[:, 2]) - self.origin) @ self.axes.T)


def about(middle: NDArray[np.float64]) -> Frame:
    """The frame about a local position, (2,) metres."""
    (lon,), (lat,) = _degrees(middle[None])
    east, north = np.radians(lon), np.radians(lat)
    axes = np.array(
        [
            (-np.sin(east), np.cos(east), 0.0),
            (-np.sin(north) * np.cos(east), -np.sin(north) * np.sin(east), np.cos(north)),
            (np.cos(north) * np.cos(east), np.cos(north) * np.sin(east), np.sin(north)),
        ]
    )
    origin = _geocentric(np.array([lon]), np.array([lat]), np.zeros(1))[0]
    return Frame(lon=float(lon), lat=float(lat), origin=origin, axes=axes)


def _degrees(local: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    ahead = Transformer.from_crs(place.CRS, "EPSG:4490", always_xy=True)
    lon, lat = ahead.transform(local[:, 0] + place.EAST, local[:, 1] + place.NORTH)
    return np.asarray(lon), np.asarray(lat)


def _geocentric(
    lon: NDArray[np.float64], lat: NDArray[np.float64], height: NDArray[np.float64]
) -> NDArray[np.float64]:
    # EPSG:4479 and 4480 are CGCS2000's geocentric and three-dimensional degrees.
    ahead = Transformer.from_crs("EPSG:4480", "EPSG:4479", always_xy=True)
    return np.column_stack(ahead.transform(lon, lat, height))
