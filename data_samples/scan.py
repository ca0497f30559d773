"""A point cloud of one street, as a car with a scanner brings it home: LAZ with classes and colours.

Made of the county's own geometry: the road and its lines, the ground, facades within sight, lamps and trees.
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import laspy
import numpy as np
import shapely
from pyproj import CRS

from data_samples import buildings, manifest, offices, place
from data_samples.manifest import Entry

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from data_samples.buildings import Buildings
    from data_samples.streets import Streets
    from data_samples.terrain import Ground

    Points = NDArray[np.float64]
    """(n, 3) local metres and heights."""

NAME = "street_scan.laz"
STREET = "海丰路"
WHERE = (0.0, -560.0)
"""Town frame."""
LENGTH = 320.0
SIGHT = 46.0
"""Metres that the scanner sees to each side."""
DAY = "2025-07-01"
GROUND, LOW, TREE, HOUSE, LAMP, ROAD = 2, 3, 5, 6, 15, 11
"""Classes of LAS 1.4 (R15, table 17); a lamp post is filed with towers, as scanners' programs do."""
COLOURS = {
    GROUND: (168, 162, 150),
    LOW: (132, 158, 92),
    TREE: (74, 112, 58),
    HOUSE: (204, 188, 164),
    LAMP: (150, 154, 160),
    ROAD: (104, 106, 112),
}


def write(graph: Streets, houses: Buildings, ground: Ground, folder: Path, rng: np.random.Generator) -> Entry:
    """Write the cloud; returns the manifest's line."""
    axis = _axis(graph)
    width = float(graph.widths()[graph.name == STREET][0])
    parts = [
        *_surface(axis, width, ground, rng),
        (_facades(axis, houses, ground, rng), HOUSE),
        *_posts(axis, width, ground, rng),
    ]
    at = np.concatenate([points for points, _ in parts]) + np.array([place.EAST, place.NORTH, 0.0])
    sort = np.concatenate([np.full(len(points), code, np.uint8) for points, code in parts])
    _saved(folder / NAME, at, sort, rng)
    return Entry(
        files=(NAME,),
        layer="street_scan",
        kind="pointcloud",
        crs=place.CRS,
        vertical=place.VERTICAL,
        valid_from=manifest.moment(DAY),
        title={"zh": "街道点云（海丰路一段）", "en": "Point cloud of a street"},
        theme="base",
        department=offices.NATURE,
        visible=False,
    )


def _axis(graph: Streets) -> shapely.LineString:
    """The stretch of the street that was driven."""
    whole = shapely.line_merge(shapely.multilinestrings(list(graph.lines[graph.name == STREET])))
    here = shapely.Point(place.from_town(np.array([WHERE]))[0])
    line = min(shapely.get_parts(whole), key=here.distance)
    at = shapely.line_locate_point(line, here)
    steps = np.arange(at - LENGTH / 2, at + LENGTH / 2, 4.0)
    return shapely.LineString(shapely.get_coordinates(shapely.line_interpolate_point(line, steps)))


def _beside(axis: shapely.LineString, along: NDArray[np.float64], off: NDArray[np.float64]) -> Points:
    """(n, 2) positions at metres along the axis and to the left of it."""
    here = shapely.get_coordinates(shapely.line_interpolate_point(axis, along))
    ahead = shapely.get_coordinates(shapely.line_interpolate_point(axis, along + 0.5))
    back = shapely.get_coordinates(shapely.line_interpolate_point(axis, along - 0.5))
    way = (ahead - back) / np.maximum(np.hypot(*(ahead - back).T), 1e-9)[:, None]
    return np.asarray(here + np.column_stack((-way[:, 1], way[:, 0])) * off[:, None])


def _scattered(axis: shapely.LineString, count: int, reach: float, rng: np.random.Generator) -> Points:
    """Positions about the axis, denser where the scanner passed."""
    along = rng.uniform(1.0, axis.length - 1.0, count)
    off = np.clip(rng.laplace(0.0, reach / 2.4, count), -reach, reach)
    return _beside(axis, along, off)


def _surface(
    axis: shapely.LineString, width: float, ground: Ground, rng: np.random.Generator
) -> list[tuple[Points, int]]:
    at = _scattered(axis, 110_000, SIGHT, rng)
    z = ground.at(at) + rng.normal(0, 0.012, len(at))
    away = shapely.distance(shapely.points(at), axis)
    road, verge = away < width / 2, (away > width / 2 + 5) & (away < width / 2 + 8)
    # A kerb of fifteen centimetres, grass that stands a little higher.
    z += np.where(road, 0.0, 0.15) + np.where(verge, rng.uniform(0.02, 0.3, len(at)), 0.0)
    whole = np.column_stack((at, z))
    return [(whole[road], ROAD), (whole[verge], LOW), (whole[~road & ~verge], GROUND)]


def _facades(axis: shapely.LineString, houses: Buildings, ground: Ground, rng: np.random.Generator) -> Points:
    """Points on the walls that can be seen from the street, thinner further up."""
    stood, columns = buildings.survey(houses, DAY)
    shapes = houses.shapes[stood]
    seen = shapely.distance(shapes, axis) < SIGHT
    height = np.asarray(columns["height"], dtype=np.float64)[seen]
    found = []
    for shape, top in zip(shapes[seen], height, strict=True):
        ring = shape.exterior
        count = int(ring.length * min(top, 30.0) * 2)
        at = shapely.get_coordinates(shapely.line_interpolate_point(ring, rng.uniform(0, ring.length, count)))
        beams = shapely.linestrings(np.stack((at, _foot(axis, at)), axis=1))
        inner = shape.buffer(-0.05)
        shapely.prepare(inner)
        at = at[~shapely.intersects(inner, beams) & (shapely.length(beams) < SIGHT)]
        z = ground.at(at) + top * rng.beta(1.0, 1.3, len(at))
        # Panes let the beam through: there are gaps where windows are.
        pane = ((z % 2.9) > 1.0) & ((z % 2.9) < 2.3) & ((at.sum(axis=1) % 3.3) > 1.2)
        keep = ~pane | (rng.random(len(at)) < 0.2)
        found.append(np.column_stack((at, z))[keep])
    return np.concatenate(found)


def _foot(axis: shapely.LineString, at: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n, 2) the nearest places of the axis."""
    return shapely.get_coordinates(
        shapely.line_interpolate_point(axis, shapely.line_locate_point(axis, shapely.points(at)))
    )


def _posts(
    axis: shapely.LineString, width: float, ground: Ground, rng: np.random.Generator
) -> list[tuple[Points, int]]:
    """Lamps every 32 m and trees every 8 m on both sides."""
    lamps = np.concatenate([_lamp(at, ground, rng) for at in _row(axis, width / 2 + 1.2, 32.0)])
    trees = np.concatenate([_tree(at, ground, rng) for at in _row(axis, width / 2 + 3.4, 8.0)])
    return [(lamps, LAMP), (trees, TREE)]


def _row(axis: shapely.LineString, off: float, step: float) -> NDArray[np.float64]:
    along = np.arange(4.0, axis.length - 4.0, step)
    sides = [_beside(axis, along, np.full(len(along), side * off)) for side in (-1.0, 1.0)]
    return np.concatenate(sides)


def _lamp(at: NDArray[np.float64], ground: Ground, rng: np.random.Generator) -> Points:
    up = rng.uniform(0, 9.0, 260)
    turn = rng.uniform(0, 2 * np.pi, 260)
    ring = np.column_stack((np.cos(turn), np.sin(turn))) * 0.09
    return np.column_stack((at + ring, ground.at(at[None]) + up))


def _tree(at: NDArray[np.float64], ground: Ground, rng: np.random.Generator) -> Points:
    """A trunk and a crown whose outside is denser than its inside."""
    foot, size = float(ground.at(at[None])[0]), float(rng.uniform(1.5, 2.3))
    trunk = np.column_stack((at + rng.normal(0, 0.07, (90, 2)), foot + rng.uniform(0.1, 3.2, 90)))
    way = rng.normal(size=(750, 3))
    way /= np.linalg.norm(way, axis=1)[:, None]
    crown = way * size * rng.beta(5, 1.4, 750)[:, None] * [1.0, 1.0, 1.2]
    return np.vstack((trunk, crown + np.array([at[0], at[1], foot + 3.0 + size])))


def _saved(path: Path, at: Points, sort: NDArray[np.uint8], rng: np.random.Generator) -> None:
    header = laspy.LasHeader(version="1.4", point_format=7)
    header.scales, header.offsets = np.full(3, 0.001), np.floor(at.min(axis=0))
    header.add_crs(CRS.from_user_input(place.CRS))
    header.creation_date = date.fromisoformat(DAY)
    header.generating_software = "Wanghai demo county, invented"
    cloud = laspy.LasData(header)
    cloud.x, cloud.y, cloud.z = at.T
    cloud.classification = sort
    table = np.zeros((256, 3))
    for code, colour in COLOURS.items():
        table[code] = colour
    shade = np.clip(table[sort] * rng.normal(1.0, 0.07, len(at))[:, None], 0, 255)
    # LAS keeps colours in sixteen bits.
    cloud.red, cloud.green, cloud.blue = (shade.T * 257).astype(np.uint16)
    cloud.intensity = (shade.mean(axis=1) * 180).astype(np.uint16)
    cloud.write(path)
