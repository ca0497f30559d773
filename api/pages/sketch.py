"""A small drawing of geometries, as SVG in the page itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import cos, radians
from typing import Any

import numpy as np
import orjson
import shapely
from markupsafe import Markup

WIDTH, HEIGHT = 640, 360
MARGIN = 12
RADIUS = 4
MOST = 1000
"""Geometries drawn; a page of more is told by its table."""


def svg(geometries: Iterable[Mapping[str, Any] | None]) -> Markup:
    """GeoJSON geometries (longitude, latitude) in a frame, north up; nothing when there is none."""
    return marks(("", g) for g in geometries)


def marks(places: Iterable[tuple[str, Mapping[str, Any] | None]]) -> Markup:
    """As `svg`, of geometries that are marked: the first of each pair is the class of what is drawn."""
    read = [(kind, shapely.from_geojson(orjson.dumps(g))) for kind, g in places if g]
    found = [(kind, g) for kind, g in read[:MOST] if not g.is_empty]
    if not found:
        return Markup()
    placed = _placed(np.array([g for _, g in found], object))
    drawn = (_marked(kind, _drawn(g)) for (kind, _), g in zip(found, placed, strict=True))
    return Markup('<svg viewBox="0 0 {} {}" role="img">{}</svg>').format(WIDTH, HEIGHT, Markup().join(drawn))


def _marked(kind: str, drawn: Markup) -> Markup:
    return Markup('<g class="{}">{}</g>').format(kind, drawn) if kind else drawn


def _placed(found: np.ndarray) -> np.ndarray:
    """The geometries in the frame's pixels; a degree of longitude is narrower than one of latitude."""
    west, south, east, north = shapely.total_bounds(found)
    narrow = max(cos(radians((south + north) / 2)), 0.01)
    scale = min(
        (WIDTH - 2 * MARGIN) / max((east - west) * narrow, 1e-9),
        (HEIGHT - 2 * MARGIN) / max(north - south, 1e-9),
        1e7,
    )
    centre = np.array([(west + east) / 2, (south + north) / 2])
    factors = np.array([narrow * scale, -scale])
    return np.asarray(shapely.transform(found, lambda xy: (xy - centre) * factors + [WIDTH / 2, HEIGHT / 2]))


def _drawn(geometry: shapely.Geometry) -> Markup:
    if hasattr(geometry, "geoms"):
        return Markup().join(_drawn(part) for part in geometry.geoms)
    if geometry.geom_type == "Point":
        return Markup('<circle cx="{:.1f}" cy="{:.1f}" r="{}"/>').format(geometry.x, geometry.y, RADIUS)
    if geometry.geom_type == "Polygon":
        rings = [geometry.exterior, *geometry.interiors]
        return Markup('<path d="{}"/>').format(" ".join(f"{_path(r.coords)}Z" for r in rings))
    return Markup('<path class="line" d="{}"/>').format(_path(geometry.coords))


def _path(positions: Iterable[tuple[float, ...]]) -> str:
    return "M" + "L".join(f"{p[0]:.1f} {p[1]:.1f}" for p in positions)
