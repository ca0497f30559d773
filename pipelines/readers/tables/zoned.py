"""Features of vector files in Gauss-Krüger systems: dialects of their CRS, zone numbers before their eastings."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from typing import Final

import numpy as np
import pyproj
import shapely
from numpy.typing import NDArray

from pipelines.readers.tables import gauss
from pipelines.readers.tables.gauss import Fit
from pipelines.shifting import shifted
from twin import space
from twin.quarantine import geometries, refuse, wkt
from twin.table import Batch

SURE: Final = 70
"""Confidence (of 100) from which PROJ's name for a CRS is looked at."""
SAME: Final = 1e-9
"""Degrees (0.1 mm) within which two CRSs put the same numbers in the same place."""


@lru_cache(maxsize=64)
def known(stated: pyproj.CRS) -> pyproj.CRS:
    """The EPSG's CRS that a file states in another dialect (Esri's names), where both put numbers in the same place."""
    code = stated.to_epsg(min_confidence=SURE)
    if code is None or stated.is_compound or not stated.is_projected:
        return stated
    named = space.crs(f"EPSG:{code}")
    area = named.area_of_use
    if area is None:
        return stated
    lon, lat = np.meshgrid(np.linspace(area.west, area.east, 5), np.linspace(area.south, area.north, 5))
    x, y = space.from_crs84(named).transform(lon.ravel(), lat.ravel())
    there, here = (np.array(space.to_crs84(c).transform(x, y)) for c in (named, stated))
    return named if np.allclose(there, here, rtol=0, atol=SAME) else stated


def zoned(batches: Iterator[Batch], name: str) -> Iterator[Batch]:
    """The batches with their eastings as their CRS has them; what the first one needs all must.

    Raises:
        OutsideCRSArea: the eastings carry the number of another zone than the CRS's.
    """
    fit: Fit | None = None
    for batch in batches:
        if batch.crs is None or (fit is not None and fit.zone is None):
            yield batch
            continue
        shapes = geometries(batch.table)
        if fit is not None:
            yield _fitted(batch, shapes, fit)
        elif shapely.is_missing(shapes).all():
            yield batch
        else:
            xy = shapely.get_coordinates(shapes)
            fit = gauss.fitted(xy[:, 0], xy[:, 1], batch.crs, order="sure", name=name)
            yield _fitted(replace(batch, notes=(*batch.notes, *fit.notes)), shapes, fit)


def _fitted(batch: Batch, shapes: NDArray[np.object_], fit: Fit) -> Batch:
    if fit.zone is None:
        return batch
    xy, owners = shapely.get_coordinates(shapes, return_index=True)
    zones = gauss.zones(xy[:, 0])
    other = np.isfinite(xy[:, 0]) & (zones != fit.zone)
    first = dict(zip(owners[other][::-1].tolist(), xy[other, 0][::-1].tolist(), strict=True))
    bad = np.isin(np.arange(len(shapes)), list(first))
    kept = refuse(
        batch,
        bad,
        "geom",
        lambda i: f"geometry: {gauss.misfit(fit.zone or 0, first[i])}",
        lambda i: wkt(shapes[i]),
    )
    return shifted(kept, (fit.shift, 0.0, 0.0)) if fit.shift else kept
