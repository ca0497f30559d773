"""Gravity sewers: a tree of streets that falls to its outlets, laid as shallow as slope and cover allow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import shapely

from data_samples import mains as streets_of
from data_samples import place, plan, routes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from data_samples.mains import Mains

SIZES = {
    "YS": (400, 600, 800, 1200, 1500),
    "WS": (300, 400, 500, 600, 800),
    "HS": (400, 600, 800, 1000, 1200),
}
LIMITS = (260.0, 900.0, 2_400.0, 6_000.0)
"""Length of sewer upstream, metres, from which the next size is laid."""
SLOPE = {"YS": 0.0008, "WS": 0.0012, "HS": 0.0015}
LIFTS = (
    (-2100, -1120),
    (-420, -1120),
    (1320, -1120),
    (-1270, 1270),
    (450, 1270),
    (2150, 400),
    (3460, 400),
    (-850, -2900),
    (900, -2900),
    (450, -3760),
    (2150, -3340),
    (-1270, -3760),
)
"""Where foul sewers are lifted, town frame."""
OLD_TOWN = ((0, 0), (-850, 0))
"""Where the old town's combined sewers reach the interceptor."""


@dataclass(frozen=True, kw_only=True)
class Sewers:
    """One type's sewers on the spans of the streets."""

    spans: NDArray[np.int64]
    """Spans that carry a sewer, each turned so that water runs from `upper` to `lower`."""
    upper: NDArray[np.int64]
    lower: NDArray[np.int64]
    invert: NDArray[np.float64]
    """(stations,) invert at each station, metres; NaN where there is none."""
    size: NDArray[np.int64]
    """(spans,) inner diameter, mm."""
    outlets: NDArray[np.int64]
    """Stations where the trees end: outfalls or pumping stations."""


def lay(
    mains: Mains, code: str, spans: NDArray[np.bool_], ground: NDArray[np.float64], cover: float
) -> Sewers:
    """The sewers of one type; `ground` is the height at each station, `cover` the least depth of a head's invert."""
    taken = np.flatnonzero(spans)
    start, end, length = mains.start[taken], mains.end[taken], mains.length[taken]
    roots = outlets(mains, code, start, end)
    distance, back = routes.tree(len(mains.position), start, end, length, roots.tolist())
    station = np.flatnonzero(back >= 0)
    station = station[np.argsort(-distance[station], kind="stable")]
    edge = back[station]
    below = np.where(start[edge] == station, end[edge], start[edge])
    invert, upstream = _fall(station, below, length[edge], ground - cover, SLOPE[code])
    size = np.asarray(SIZES[code])[np.searchsorted(LIMITS, upstream[station] + length[edge])]
    used = np.unique(np.concatenate((station, below)))
    known = np.full(len(invert), np.nan)
    known[used] = invert[used]
    return Sewers(
        spans=taken[edge],
        upper=station,
        lower=below,
        invert=known,
        size=size,
        outlets=np.intersect1d(roots, used),
    )


def _fall(
    station: NDArray[np.int64],
    below: NDArray[np.int64],
    length: NDArray[np.float64],
    highest: NDArray[np.float64],
    slope: float,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Inverts from the heads down, and the length of sewer above each station. Far stations come first."""
    z, upstream = highest.tolist(), [0.0] * len(highest)
    for here, low, metres in zip(station.tolist(), below.tolist(), length.tolist(), strict=True):
        z[low] = min(z[low], z[here] - slope * metres)
        upstream[low] += upstream[here] + metres
    return np.array(z), np.array(upstream)


def outlets(mains: Mains, code: str, start: NDArray[np.int64], end: NDArray[np.int64]) -> NDArray[np.int64]:
    """Stations at which a type's sewers end."""
    if code == "YS":
        return _banks(mains, np.unique(np.concatenate((start, end))))
    goals = LIFTS if code == "WS" else OLD_TOWN
    used = np.unique(np.concatenate((start, end)))
    town = place.to_town(mains.position[used])
    return np.unique([used[np.hypot(town[:, 0] - p, town[:, 1] - q).argmin()] for p, q in goals])


def _banks(mains: Mains, used: NDArray[np.int64]) -> NDArray[np.int64]:
    """Storm drains end at crossings near a water: one in every 420 m of bank."""
    degree = np.bincount(np.concatenate((mains.start, mains.end)), minlength=len(mains.position))[used]
    corner = used[degree > 2]
    away = shapely.distance(_receiving(), shapely.points(mains.position[corner]))
    order = corner[np.argsort(away, kind="stable")][: int((away < 620).sum())]
    chosen: list[int] = []
    for here in order.tolist():
        if all(np.hypot(*(mains.position[here] - mains.position[other])) > 420 for other in chosen):
            chosen.append(here)
    return np.array(chosen)


def _receiving() -> shapely.Geometry:
    land = plan.land()
    return shapely.union_all([land.river, land.canal, land.sea])


def outfall_lines(mains: Mains, sewers: Sewers, shift: float) -> list[NDArray[np.float64]]:
    """From each storm outlet straight to the water: (n, 2) points, SPAN or less apart, the outlet first."""
    water = _receiving()
    made = []
    for outlet in sewers.outlets.tolist():
        here = mains.position[outlet] + mains.normal[outlet] * shift
        there = shapely.get_coordinates(shapely.shortest_line(shapely.Point(here), water))[-1]
        count = max(2, int(np.ceil(np.hypot(*(there - here)) / streets_of.SPAN)) + 1)
        made.append(np.linspace(here, there, count))
    return made
