"""The county's own facts, read back from its files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyogrio
import shapely

if TYPE_CHECKING:
    from pathlib import Path

    from geopandas import GeoDataFrame
    from shapely.geometry.base import BaseGeometry

TOWN = "海丰街道"


@dataclass(frozen=True, kw_only=True)
class Facts:
    """Tables of one town, EPSG:4548."""

    buildings: GeoDataFrame
    places: GeoDataFrame
    """In longitude and latitude."""
    points: GeoDataFrame
    """Pipe points."""
    pipes: GeoDataFrame
    roads: GeoDataFrame


def read(county: Path) -> Facts:
    """The facts of the town, in the order of the county's files."""
    town = town_of(county)
    return Facts(
        buildings=_within(county / "buildings_2025.gpkg", town),
        places=pyogrio.read_dataframe(county / "places.geojson"),
        points=_within(county / "pipe_points_2025.gpkg", town),
        pipes=_within(county / "pipes_2025.gpkg", town),
        roads=_within(county / "roads.gpkg", town),
    )


def town_of(county: Path) -> BaseGeometry:
    """The town's area."""
    grid = pyogrio.read_dataframe(county / "grid.gpkg", where=f"\"网格名称\" = '{TOWN}'")
    return grid.geometry.iloc[0]


def _within(path: Path, town: BaseGeometry) -> GeoDataFrame:
    found = pyogrio.read_dataframe(path, bbox=town.bounds)
    shapely.prepare(town)
    inside = shapely.contains_properly(town, shapely.centroid(found.geometry.values))
    return found[inside].reset_index(drop=True)
