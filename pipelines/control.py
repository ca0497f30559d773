"""Control points: how far the twin is from points that a surveyor knows.

A point names a feature of a layer (`id`), or stands for whatever of the layer is nearest to it within a radius;
the twin's position is the feature's vertex nearest to the point. Differences are the twin's less the known ones.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

import numpy as np
import shapely
from numpy.typing import NDArray

from pipelines.ground import KIND, Ground, Grounds
from twin import space, vertical
from twin.errors import InvalidParameter
from twin.model import BBox, Layer, Query
from twin.policy import Policy
from twin.settings import Settings
from twin.store import Store
from twin.vertical import Way, Ways

RADIUS: Final = 5.0
"""Metres within which a point without an id finds its vertex."""
MOST: Final = 10_000
"""Points checked in one call."""


@dataclass(frozen=True, kw_only=True)
class Point:
    """A known point."""

    name: str
    lon: float
    lat: float
    height: float | None = None
    """Metres of the datum that the heights of all points are of."""
    layer: str
    id: str | None = None


@dataclass(frozen=True, kw_only=True)
class Residual:
    """What the twin has for a point, less what is known of it; metres."""

    name: str
    layer: str
    id: str | None = None
    """Of the feature that was taken."""
    east: float | None = None
    north: float | None = None
    plan: float | None = None
    """Distance in plan."""
    up: float | None = None
    note: str = ""
    """Why something could not be compared."""


@dataclass(frozen=True, kw_only=True)
class Summary:
    """Residuals of one sort: metres."""

    count: int
    mean: float
    rmse: float
    largest: float


@dataclass(frozen=True, kw_only=True)
class Twin:
    """What points are compared with."""

    store: Store
    ground: Callable[[str], Ground]
    """The ground of one terrain layer."""
    ways: Ways


def answer(store: Store, settings: Settings, said: Mapping[str, Any]) -> dict[str, Any]:
    """The report on what is said as JSON: points, datum, radius, tolerance."""
    grounds = Grounds(store, settings.rasters)
    twin = Twin(
        store=store,
        ground=lambda layer: grounds.at(Policy.open(), layer=layer),
        ways=vertical.load(settings.home),
    )
    points = [Point(**point) for point in said["points"]]
    return report(check(twin, points, datum=said["datum"], radius=said["radius"]), said["tolerance"])


def check(twin: Twin, points: Sequence[Point], *, datum: str, radius: float = RADIUS) -> list[Residual]:
    """The residual of each point, in their order.

    Args:
        datum: the vertical datum of the points' heights; where no way leads to it from a layer's, heights are
            not compared, and the residual says so.

    Raises:
        LayerNotFound: a point names a layer that is not there. InvalidParameter: too many points.
    """
    if len(points) > MOST:
        raise InvalidParameter(f"{len(points):,} points; at most {MOST:,} at once")
    return [_residual(twin, point, datum, radius) for point in points]


def _residual(twin: Twin, point: Point, datum: str, radius: float) -> Residual:
    layer = twin.store.layer(point.layer, Policy.open()).layer
    blank = Residual(name=point.name, layer=point.layer, id=point.id)
    way = twin.ways.of(layer, datum)
    if layer.kind == KIND:
        found = twin.ground(layer.id).heights(np.array([point.lon]), np.array([point.lat]))
        up, note = _up(way, layer, np.array([point.lon, point.lat, float(found[0])]), point, datum)
        return replace(blank, up=up, note=note)
    if layer.geometry == "Raster":
        return replace(blank, note=f"a layer of kind {layer.kind} has no vertices")
    nearest = _nearest(twin.store, point, radius)
    if nearest is None:
        return replace(blank, note=f"no feature {point.id}" if point.id else f"nothing within {radius:g} m")
    name, vertex = nearest
    east, north = (float(v[0]) for v in _metres(point, vertex[:1], vertex[1:2]))
    up, note = _up(way, layer, vertex, point, datum)
    return replace(blank, id=name, east=east, north=north, plan=math.hypot(east, north), up=up, note=note)


def _up(
    way: Way | None, layer: Layer, vertex: NDArray[np.float64], point: Point, datum: str
) -> tuple[float | None, str]:
    """The difference in height in the points' datum, or why there is none."""
    if point.height is None:
        return None, ""
    if np.isnan(vertex[2]):
        return None, "no height in the twin"
    if way is None:
        said = f"heights of {layer.id} are of {vertical.title(layer.vertical)}"
        return None, f"{said}, the point's of {vertical.title(datum)}: no way is stated"
    metres = float(way.shift(vertex[:1], vertex[1:2])[0])
    if not math.isfinite(metres):
        return None, "the geoid grid knows nothing there"
    return float(vertex[2]) + metres - point.height, ""


def _nearest(store: Store, point: Point, radius: float) -> tuple[str, NDArray[np.float64]] | None:
    """Id and (3,) longitude, latitude and z (NaN where there is none) of the vertex nearest to a point."""
    if point.id is not None:
        query = Query(layer=point.layer, policy=Policy.open(), ids=(point.id,))
    else:
        along, up = space.metres_per_degree(point.lat)
        reach, high = radius / along, radius / up
        box = BBox(
            west=point.lon - reach, south=point.lat - high, east=point.lon + reach, north=point.lat + high
        )
        query = Query(layer=point.layer, policy=Policy.open(), bbox=box)
    rows = store.read(query)
    if not rows.num_rows:
        return None
    shapes = shapely.from_wkb(rows["geom"].to_numpy(zero_copy_only=False))
    places, owners = shapely.get_coordinates(shapes, include_z=True, return_index=True)
    east, north = _metres(point, places[:, 0], places[:, 1])
    away = np.hypot(east, north)
    best = int(np.argmin(away))
    if point.id is None and away[best] > radius:
        return None
    return str(rows["id"][int(owners[best])].as_py()), places[best]


def _metres(
    point: Point, lon: NDArray[np.float64], lat: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Metres east and north of the point."""
    east, north = space.around(point.lon, point.lat).transform(lon, lat)
    return np.asarray(east), np.asarray(north)


def summary(values: Sequence[float]) -> Summary | None:
    """Mean, root of the mean square, and the largest by size; None of nothing."""
    if not values:
        return None
    found = np.asarray(values, np.float64)
    return Summary(
        count=len(found),
        mean=float(found.mean()),
        rmse=float(np.sqrt((found**2).mean())),
        largest=float(np.abs(found).max()),
    )


def report(residuals: Sequence[Residual], tolerance: float | None) -> dict[str, Any]:
    """The residuals, their summaries and whether all points were found and are within a tolerance, as JSON."""
    sums = {
        name: summary([v for r in residuals if (v := getattr(r, name)) is not None])
        for name in ("east", "north", "plan", "up")
    }
    worst = [max(abs(v) for v in (r.plan, r.up) if v is not None) for r in residuals if compared(r)]
    missing = [r.name for r in residuals if not compared(r)]
    within = tolerance is None or all(w <= tolerance for w in worst)
    return {
        "points": [asdict(r) for r in residuals],
        "summary": {name: asdict(found) for name, found in sums.items() if found},
        "tolerance": tolerance,
        "not_found": missing,
        "fine": within and not missing,
    }


def compared(residual: Residual) -> bool:
    """Whether the twin had anything for the point."""
    return residual.plan is not None or residual.up is not None
