"""The ground along a line, with the buildings that the line crosses and the pipes that cross under it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pyproj
import shapely
from numpy.typing import NDArray
from pyproj.enums import TransformDirection

from pipelines.ground import Ground
from twin import space
from twin.errors import InvalidParameter
from twin.model import BBox, LayerState, Query
from twin.policy import Policy
from twin.store import Readable

SAMPLES = 400
LONGEST = 50_000.0
"""Metres; a longer line is no profile that anybody could read."""
MOST = 5_000
"""Features of a layer that are looked at about a line."""


@dataclass(frozen=True, kw_only=True)
class Line:
    """A line in longitude and latitude (degrees), and the same in metres about its middle."""

    lonlat: NDArray[np.float64]
    """(n, 2)"""
    plane: shapely.LineString
    local: pyproj.Transformer


@dataclass(frozen=True, kw_only=True)
class Asked:
    """Whose view, and of what moment."""

    policy: Policy
    at: datetime | None = None
    known: datetime | None = None


def line(lonlat: NDArray[np.float64]) -> Line:
    """A line through places.

    Raises:
        InvalidParameter: fewer than two different places, a place outside the world, or a line too long.
    """
    if len(lonlat) < 2 or (np.abs(lonlat) > (180, 90)).any():
        raise InvalidParameter(
            "line must be at least two places lon,lat,lon,lat,… within the world, in degrees"
        )
    middle = (lonlat.min(axis=0) + lonlat.max(axis=0)) / 2
    local = space.around(float(middle[0]), float(middle[1]))
    plane = shapely.LineString(np.column_stack(local.transform(lonlat[:, 0], lonlat[:, 1])))
    if not 0 < plane.length <= LONGEST:
        raise InvalidParameter(f"line is {plane.length:.0f} m long; more than 0 and at most {LONGEST:.0f} m")
    return Line(lonlat=lonlat, plane=plane, local=local)


def ground(asked: Line, heights: Ground) -> dict[str, list[float | None]]:
    """`distance` (m from the start, the line's own corners among them) and `height` (m; null without terrain)."""
    corners = shapely.line_locate_point(asked.plane, shapely.points(shapely.get_coordinates(asked.plane)))
    along = np.union1d(np.linspace(0, asked.plane.length, SAMPLES), corners)
    found = _heights(asked, heights, along)
    return {
        "distance": [round(float(d), 2) for d in along],
        "height": [round(float(h), 2) if np.isfinite(h) else None for h in found],
    }


def _heights(asked: Line, heights: Ground, along: NDArray[np.float64]) -> NDArray[np.float32]:
    places = shapely.get_coordinates(shapely.line_interpolate_point(asked.plane, along))
    lon, lat = asked.local.transform(places[:, 0], places[:, 1], direction=TransformDirection.INVERSE)
    return heights.heights(lon, lat)


def crossings(
    store: Readable, asked: Line, states: Sequence[LayerState], heights: Ground, by: Asked
) -> tuple[list[dict[str, Any]], list[dict[str, Any]], list[dict[str, str]]]:
    """Buildings that the line cuts, pipes that it crosses, and layers that are left out with the reason.

    A layer whose heights are of another vertical datum than the ground's, or of an unknown one, cannot be drawn into
    the same picture. More features about the line than are looked at leave a layer out too.
    """
    buildings: list[dict[str, Any]] = []
    pipes: list[dict[str, Any]] = []
    left_out: list[dict[str, str]] = []
    for state in states:
        if state.layer.kind not in ("buildings", "networks"):
            continue
        pipe = state.layer.kind == "networks"
        if pipe and state.layer.vertical != heights.vertical:
            reason = f"its heights are {state.layer.vertical}, the ground's {heights.vertical}"
            left_out.append({"layer": state.layer.id, "reason": reason})
            continue
        rows = _rows(store, state, asked, by)
        if len(rows) > MOST:
            reason = f"more than {MOST} features about the line: draw a shorter one"
            left_out.append({"layer": state.layer.id, "reason": reason})
        elif pipe:
            pipes += [p for row in rows for p in _pipe(state.layer.id, row, asked)]
        else:
            buildings += [b for row in rows for b in _building(state.layer.id, row, asked, heights)]
    return buildings, pipes, left_out


def _rows(store: Readable, state: LayerState, asked: Line, by: Asked) -> list[dict[str, Any]]:
    west, south = asked.lonlat.min(axis=0)
    east, north = asked.lonlat.max(axis=0)
    box = BBox(west=float(west), south=float(south), east=float(east), north=float(north))
    query = Query(layer=state.layer.id, policy=by.policy, bbox=box, at=by.at, known=by.known, limit=MOST + 1)
    return list(store.read(query).to_pylist())


def _flat(wkb: bytes, asked: Line) -> tuple[shapely.Geometry, shapely.Geometry]:
    """A geometry as stored, and in the line's metres without heights."""
    stored = shapely.from_wkb(wkb)
    plane = shapely.transform(
        shapely.force_2d(stored), lambda xy: np.column_stack(asked.local.transform(xy[:, 0], xy[:, 1]))
    )
    return stored, plane


def _building(layer: str, row: dict[str, Any], asked: Line, heights: Ground) -> list[dict[str, Any]]:
    """From where to where the line runs through a building; its foot is the lowest ground there."""
    _, footprint = _flat(row["geom"], asked)
    parts = shapely.get_parts(shapely.intersection(asked.plane, footprint))
    found = []
    for part in parts[shapely.get_type_id(parts) == 1]:
        ends = shapely.line_locate_point(asked.plane, shapely.points(shapely.get_coordinates(part)))
        start, end = float(ends.min()), float(ends.max())
        feet = _heights(asked, heights, np.linspace(start, end, 5))
        if not np.isfinite(feet).any():
            continue
        foot, height = float(np.nanmin(feet)), row.get("height")
        found.append(
            {
                **_named(layer, row),
                "from": round(start, 2),
                "to": round(end, 2),
                "bottom": round(foot, 2),
                "top": None if height is None else round(foot + float(height), 2),
            }
        )
    return found


def _pipe(layer: str, row: dict[str, Any], asked: Line) -> list[dict[str, Any]]:
    """Where a pipe crosses the line, at the height between its ends; none where it has no height."""
    stored, plane = _flat(row["geom"], asked)
    found = []
    starts = zip(shapely.get_parts(stored), shapely.get_parts(plane), strict=True)
    for whole, flat in starts:
        z = shapely.get_coordinates(whole, include_z=True)[:, 2]
        if shapely.get_type_id(flat) != 1 or not np.isfinite(z).all():
            continue
        corners = shapely.get_coordinates(flat)
        reach = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(corners, axis=0).T))])
        met = shapely.get_parts(shapely.intersection(asked.plane, flat))
        for point in met[shapely.get_type_id(met) == 0]:
            height = float(np.interp(shapely.line_locate_point(flat, point), reach, z))
            found.append(
                {
                    **_named(layer, row),
                    "distance": round(float(shapely.line_locate_point(asked.plane, point)), 2),
                    "height": round(height, 2),
                    **{k: row.get(k) for k in ("class", "diameter", "z_ref")},
                }
            )
    return found


def _named(layer: str, row: dict[str, Any]) -> dict[str, Any]:
    return {"layer": layer, "id": row["id"], "title": str(row.get("name") or row["id"])}
