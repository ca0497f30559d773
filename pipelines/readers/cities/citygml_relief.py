"""Relief of city models (TIN) as terrain: each feature's triangles on a grid of their own.

The spacing is halved until the grid, read between its cells in straight lines as terrain is, lies within the
tolerance of the triangles at their corners, the middles of their sides and their centres.

See: OGC 12-019 clause 10.2, OGC 20-010 clause 7.10 (relief).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import mkdtemp
from typing import Final

import numpy as np
import pyproj
from affine import Affine
from numpy.typing import NDArray
from rasterio.windows import Window

from pipelines.readers import raster
from pipelines.readers.markup import gml
from pipelines.readers.markup.gml import Reference, gml_id
from pipelines.readers.markup.xml_stream import Element, local
from pipelines.readers.pictures.cog import store
from pipelines.readers.pictures.raster_source import Source, Windows, steps
from pipelines.readers.reader import Part
from twin.errors import InvalidGeometry, UnsupportedFormat
from twin.space import metres_per_degree, vertical_of

TOLERANCE: Final = 0.25
"""Metres between triangles and grid."""
CELLS: Final = 4_000_000
"""Of one grid; a relief that would need more keeps the spacing that it has, and it is said."""
COARSEST: Final = 64
"""Cells across the shorter side at first."""
EDGE: Final = 1e-9
"""How far outside of a triangle (as a share of it) a cell still is on its edge."""

Triangles = NDArray[np.float64]
"""(n, 3, 3): corners, x y z in the CRS."""


@dataclass(frozen=True, kw_only=True)
class Grid:
    """Heights at the middles of cells."""

    heights: NDArray[np.float64]
    """(rows, columns), row 0 is north; NaN outside of the triangles."""
    transform: Affine
    error: float
    """Metres, the largest at the places tried."""


def part(name: str, elements: Iterable[Element], place: Reference, size: int) -> Part:
    """The part of a document's relief features, a row each.

    Raises:
        UnsupportedFormat: none of them is made of triangles.
    """
    folder = Path(mkdtemp(prefix="twin-relief-"))
    taken, said = [], []
    for number, element in enumerate(elements):
        key = gml_id(element) or f"relief-{number + 1}"
        try:
            source = source_of(key, triangles(element, place, size), place.crs)
        except InvalidGeometry as error:
            said.append(f"{key} was left out: {error}")
            continue
        stored = store(source, "terrain", folder)
        quiet = replace(stored, notes=())  # cells beside the triangles are no gaps in the data
        taken.append(raster.Taken(source=source, stored=quiet, resolution=raster.resolution(source)))
    if not taken:
        raise UnsupportedFormat(
            f"{name}: no relief of triangles (TINRelief) that can be read; {'; '.join(said)}"
        )
    made = raster.part(taken, "terrain")
    return replace(made, vertical=vertical_of(place.crs), notes=(*said, *made.notes))


def triangles(element: Element, place: Reference, size: int) -> Triangles:
    """The triangles under a relief feature.

    Raises:
        InvalidGeometry: there are none, or positions cannot be read.
    """
    find = gml.lookup(element, {})
    corners = []
    for flat, _ in gml.flats(element, find):
        ring = next(gml.rings(flat, size), np.empty((0, 3)))
        if local(flat) != "Triangle" or len(ring) != 3:
            raise InvalidGeometry(f"a {local(flat)} of {len(ring)} corners where triangles are expected")
        corners.append(place.turned(ring))
    found = np.array(corners, np.float64).reshape(-1, 3, 3)
    held = sorted({local(e) for e in element.iter() if local(e).endswith("Relief")})
    if not len(found):
        raise InvalidGeometry(f"no triangles; it has {', '.join(held) or 'no relief component'}")
    if not np.isfinite(found).all():
        raise InvalidGeometry("triangles without heights")
    return found


def source_of(name: str, found: Triangles, crs: pyproj.CRS) -> Source:
    """The triangles as a raster that the usual way stores."""
    horizontal = crs.sub_crs_list[0] if crs.is_compound else crs
    plane = horizontal.to_2d()
    grid = gridded(found, metres(plane, found))
    rows, columns = grid.heights.shape

    def windows() -> Windows:
        for window in steps(columns, rows):
            cells = grid.heights[window.toslices()].astype(np.float32)
            yield Window(*window.flatten()), cells[None], np.isfinite(cells)

    spacing = abs(grid.transform.e) * metres(plane, found)[1]
    fits = "" if grid.error <= TOLERANCE else f"; more than {TOLERANCE} m, a finer grid would be too large"
    return Source(
        name=name,
        crs=plane,
        transform=grid.transform,
        width=columns,
        height=rows,
        bands=1,
        dtype="float32",
        windows=windows,
        vertical=vertical_of(crs),
        notes=(
            f"{name}: {len(found):,} triangles on a grid of {spacing:.2f} m, within {grid.error:.3f} m of them{fits}",
        ),
    )


def metres(plane: pyproj.CRS, found: Triangles) -> NDArray[np.float64]:
    """(2,) metres in a unit of x and of y where the triangles are."""
    if plane.is_geographic:
        return np.array(metres_per_degree(float(np.clip(found[..., 1].mean(), -89, 89))))
    return np.full(2, plane.axis_info[0].unit_conversion_factor)


def gridded(found: Triangles, unit: NDArray[np.float64]) -> Grid:
    """The coarsest grid within the tolerance.

    Raises:
        InvalidGeometry: the triangles cover nothing.
    """
    low, high = found[..., :2].min(axis=(0, 1)), found[..., :2].max(axis=(0, 1))
    extent = (high - low) * unit
    if not (extent > 0).all():
        raise InvalidGeometry("triangles that cover no area")
    spacing = max(float(extent.min()) / COARSEST, float(np.sqrt(extent.prod() / CELLS)))
    best = _grid(found, low, high, spacing / unit)
    while best.error > TOLERANCE and 4 * extent.prod() / spacing**2 <= CELLS:
        spacing /= 2
        best = _grid(found, low, high, spacing / unit)
    return best


def _grid(
    found: Triangles, low: NDArray[np.float64], high: NDArray[np.float64], step: NDArray[np.float64]
) -> Grid:
    columns, rows = (int(n) for n in np.ceil((high - low) / step - EDGE) + 1)
    # Cells are centred on the western and northern edges, so that the whole of the triangles lies between centres.
    transform = Affine(step[0], 0, low[0] - step[0] / 2, 0, -step[1], high[1] + step[1] / 2)
    heights = np.full((rows, columns), np.nan)
    for corners in found:
        _fill(heights, corners, np.array([low[0], high[1]]), step * [1, -1])
    return Grid(
        heights=heights, transform=transform, error=_error(heights, found, np.array([low[0], high[1]]), step)
    )


def _fill(
    heights: NDArray[np.float64], corners: Triangles, origin: NDArray[np.float64], step: NDArray[np.float64]
) -> None:
    """The heights of the cells whose middles are in one triangle."""
    at = (corners[:, :2] - origin) / step  # in columns and rows
    (c0, r0), (c1, r1) = (
        np.ceil(at.min(axis=0) - EDGE).astype(int),
        np.floor(at.max(axis=0) + EDGE).astype(int),
    )
    if c1 < c0 or r1 < r0:
        return
    column, row = np.meshgrid(np.arange(c0, c1 + 1), np.arange(r0, r1 + 1))
    (x1, y1), (x2, y2) = at[1] - at[0], at[2] - at[0]
    twice = x1 * y2 - x2 * y1
    if twice == 0:
        return
    x, y = column - at[0, 0], row - at[0, 1]
    u, v = (x * y2 - y * x2) / twice, (y * x1 - x * y1) / twice
    inside = (u >= -EDGE) & (v >= -EDGE) & (u + v <= 1 + EDGE)
    z = corners[0, 2] + u * (corners[1, 2] - corners[0, 2]) + v * (corners[2, 2] - corners[0, 2])
    part_ = heights[r0 : r1 + 1, c0 : c1 + 1]
    part_[inside] = z[inside]


def _error(
    heights: NDArray[np.float64], found: Triangles, origin: NDArray[np.float64], step: NDArray[np.float64]
) -> float:
    """The largest distance in height between grid and triangles; infinite where the grid knows none of the places."""
    places = np.concatenate(
        [found, (found + np.roll(found, 1, axis=1)) / 2, found.mean(axis=1, keepdims=True)], axis=1
    )
    at = places.reshape(-1, 3)
    column, row = (at[:, 0] - origin[0]) / step[0], (origin[1] - at[:, 1]) / step[1]
    c, r = (
        np.clip(np.floor(v).astype(int), 0, n - 2)
        for v, n in ((column, heights.shape[1]), (row, heights.shape[0]))
    )
    u, v = np.clip(column - c, 0, 1), np.clip(row - r, 0, 1)
    near = heights[r, c] * (1 - u) * (1 - v) + heights[r, c + 1] * u * (1 - v)
    seen = near + heights[r + 1, c] * (1 - u) * v + heights[r + 1, c + 1] * u * v
    off = np.abs(seen - at[:, 2])
    return float(np.nanmax(off)) if np.isfinite(off).any() else np.inf
