"""The lie of the land: coast, river, canal, reservoir, pans, hills; drawn by hand, in local metres."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import shapely
from shapely import LineString, MultiPolygon, Polygon
from shapely.geometry.base import BaseGeometry

from data_samples import place

COAST = (
    (-300, 9250),
    (1200, 9420),
    (2600, 9300),
    (4000, 9480),
    (5400, 9420),
    (6500, 9250),
    (7200, 9200),
    (8250, 9120),
    (8600, 8750),
    (8520, 7900),
    (8700, 7000),
    (9050, 6000),
    (9200, 5000),
    (9260, 4000),
    (9150, 2800),
    (9250, 1500),
    (9100, 500),
    (9150, -300),
)
RIVER = (
    (-300, 3450),
    (500, 3640),
    (1250, 3350),
    (1950, 2960),
    (2750, 2840),
    (3500, 3120),
    (4300, 3300),
    (5100, 3020),
    (5900, 2760),
    (6700, 2900),
    (7350, 3420),
    (8050, 3900),
    (8700, 4080),
    (9700, 4150),
)
CANAL = (
    (2020, 2990),
    (1900, 3700),
    (1960, 4700),
    (1830, 5700),
    (1930, 6700),
    (1800, 7600),
    (1860, 8600),
    (1800, 9700),
)
HILLS = (
    (820, 900, 640, 44),
    (1500, 480, 480, 34),
    (420, 1750, 430, 27),
    (250, 350, 420, 40),
    (1250, 1500, 330, 18),
)
"""East, north, radius and height of each hill, metres."""
RESERVOIR = (
    (1400, 1260),
    (1640, 1020),
    (1980, 960),
    (2200, 1180),
    (2170, 1560),
    (1930, 1800),
    (1610, 1720),
    (1410, 1540),
    (1400, 1260),
)
LAKE = (
    (5150, 4560),
    (5270, 4480),
    (5430, 4500),
    (5510, 4600),
    (5490, 4760),
    (5330, 4830),
    (5230, 4740),
    (5150, 4560),
)
SALT = (330.0, 7560.0, 6250.0, 9060.0)
"""West, south, east, north of the salt works."""
FISH = (7350.0, 420.0, 8880.0, 2450.0)
"""The same for the fish ponds."""


@dataclass(frozen=True, kw_only=True)
class Land:
    """The shapes of water and land, local metres."""

    sea: Polygon
    river: Polygon
    river_axis: LineString
    canal: Polygon
    reservoir: Polygon
    lake: Polygon
    pans: tuple[Polygon, ...]
    ponds: tuple[Polygon, ...]
    coast: LineString
    boundary: Polygon
    """The county: land and a strip of sea, wholly inside the rectangle."""

    @property
    def open_water(self) -> BaseGeometry:
        """Everything that a road crosses only on a bridge."""
        return shapely.union_all([self.sea, self.river, self.canal, self.reservoir, self.lake])

    @property
    def all_water(self) -> BaseGeometry:
        """Open water, pans and ponds."""
        return shapely.union_all([self.open_water, MultiPolygon(self.pans), MultiPolygon(self.ponds)])


@cache
def land() -> Land:
    """The land of the county; the same for every seed, so that names stay true."""
    coast = place.curve(COAST)
    axis = place.curve(RIVER, step=25)
    sea = Polygon([*coast.coords, (11_000, -300), (11_000, 11_500), (-300, 11_500)]).intersection(
        place.rectangle()
    )
    river = _ribbon(axis, 42, 105).difference(sea)
    canal = place.curve(CANAL).buffer(12, cap_style="flat").difference(sea)
    return Land(
        sea=sea,
        river=_largest(river.intersection(place.rectangle())),
        river_axis=axis,
        canal=_largest(canal.difference(river)),
        reservoir=Polygon(place.curve(RESERVOIR).coords),
        lake=Polygon(place.curve(LAKE, step=15).coords),
        pans=_pans(canal),
        ponds=_cells(FISH, (190.0, 150.0), 9.0),
        coast=coast,
        boundary=_boundary(),
    )


def _largest(shape: BaseGeometry) -> Polygon:
    return max(shapely.get_parts(shape), key=lambda part: part.area)


def _ribbon(axis: LineString, narrow: float, wide: float) -> Polygon:
    """A strip about the axis whose half width grows from `narrow` to `wide`."""
    points = shapely.get_coordinates(axis)
    share = np.linspace(0, 1, len(points))
    half = narrow + (wide - narrow) * share**1.5 + 7 * np.sin(share * 40)
    direction = np.gradient(points, axis=0)
    normal = np.column_stack((-direction[:, 1], direction[:, 0])) / np.hypot(*direction.T)[:, None]
    ring = np.vstack((points + normal * half[:, None], (points - normal * half[:, None])[::-1]))
    return shapely.make_valid(Polygon(ring))


def _cells(
    box: tuple[float, float, float, float], size: tuple[float, float], gap: float
) -> tuple[Polygon, ...]:
    """Rectangles of the size, minus the gap, that fill the box."""
    west, south, east, north = box
    across, up = int((east - west) // size[0]), int((north - south) // size[1])
    x, y = np.meshgrid(west + np.arange(across) * size[0], south + np.arange(up) * size[1])
    return tuple(shapely.box(x.ravel(), y.ravel(), x.ravel() + size[0] - gap, y.ravel() + size[1] - gap))


def _pans(canal: BaseGeometry) -> tuple[Polygon, ...]:
    """Salt pans: evaporation fields in the north, small crystallisers in the south, brine canals between them."""
    west, south, east, north = SALT
    big = _cells((west, south + 560, east, north), (330.0, 190.0), 10.0)
    small = _cells((west, south, east, south + 500), (110.0, 125.0), 8.0)
    every = np.array([*big, *small])
    return tuple(every[shapely.distance(every, canal) > 20])


def _boundary() -> Polygon:
    """The county's limit: a line that wanders a little inside the rectangle."""
    ring = shapely.get_coordinates(shapely.segmentize(shapely.box(190, 190, 10_130, 10_730).exterior, 160))
    x, y = ring[:-1].T
    inward = np.column_stack(
        (90 * np.sin(y / 700) + 60 * np.sin(y / 263), 90 * np.sin(x / 640 + 1) + 60 * np.sin(x / 231))
    )
    return shapely.set_precision(Polygon(ring[:-1] + inward), 0.01)
