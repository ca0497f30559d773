"""Positions to longitude and latitude; those that no place on earth can have are refused, never bent."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Final

import numpy as np
import pyproj
import shapely
from numpy.typing import NDArray

from twin import crs_advice, gazetteer, space
from twin.body import moved as moved_bodies
from twin.model import BBox
from twin.quarantine import blobs, geometries, refuse, with_geometries, wkt
from twin.table import BODY, Batch

SLACK: Final = 1e-9
"""Degrees past 90 or 180 that rounding may cause."""
SAME: Final = ("OGC:CRS84", "EPSG:4326", "EPSG:4979")
"""CRSs whose degrees are ours already (once x comes first)."""


def to_crs84(batch: Batch, *, crs: pyproj.CRS | None = None) -> Batch:
    """The batch in CRS84, z as it is or, where the CRS states feet or depths, in metres upwards.

    Impossible positions (not finite, off the globe, metres read as degrees) go to `rejected`; possible ones
    outside the CRS's area of use stay, with a loud note that says where they came to lie.

    Args:
        crs: the CRS of `geom`, x before y; None takes the batch's own, and a batch without one is CRS84.
    """
    source = crs or batch.crs or space.crs("OGC:CRS84")
    shapes = geometries(batch.table)
    faults = _unreadable(batch, shapes) | _not_finite(shapes)
    sound = shapes.copy()
    sound[list(faults)] = None
    moved, lonlat, owners = _moved(sound, source)
    wrong = off_globe(lonlat)
    if wrong.any():
        before = shapely.get_coordinates(sound)
        faults |= {row: hint(source, before[at]) for row, at in _first(owners, wrong).items()}
    bad = np.zeros(len(shapes), bool)
    bad[list(faults)] = True
    there = ~bad[owners]
    notes = (
        *batch.notes,
        *_said(source, lonlat),
        *_outside(batch, source, shapely.get_coordinates(sound)[there], lonlat[there], owners[there]),
    )
    raw = blobs(batch.table)
    batch = replace(batch, crs=None, notes=notes)
    placed = batch if moved is sound else with_geometries(batch, moved)
    kept = refuse(placed, bad, "geom", lambda i: faults[i], lambda i: _original(shapes[i], raw[i]))
    return with_bodies(kept, source)


def _said(source: pyproj.CRS, lonlat: NDArray[np.float64]) -> tuple[str, ...]:
    """How well the places are known, and what became of heights."""
    known = crs_advice.accuracy(source) if len(lonlat) else None
    unit = space.metres_up(source)
    heights = f"heights of {name(source)} are kept as metres upwards: times {unit:.10g}"
    return (*((known,) if known else ()), *((heights,) if unit != 1.0 and len(lonlat) else ()))


def with_bodies(batch: Batch, source: pyproj.CRS) -> Batch:
    """The batch with its bodies' vertices in CRS84 too, heights in metres."""
    table = batch.table
    up = space.metres_up(source)
    for column, field in enumerate(table.schema):
        if field.name.startswith(BODY) and not _same(source):
            blocks = moved_bodies(table[field.name], space.to_crs84(source).transform, up=up)
            table = table.set_column(column, field, blocks.cast(field.type))
    return replace(batch, table=table)


def _original(shape: object, raw: bytes | None) -> str:
    return wkt(shape) if shape is not None or raw is None else bytes(raw).hex()


def off_globe(lonlat: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(n,) bool: positions that are not finite or beyond 180 or 90 degrees."""
    return ~((np.abs(lonlat[:, 0]) <= 180 + SLACK) & (np.abs(lonlat[:, 1]) <= 90 + SLACK))


def hint(source: pyproj.CRS, position: NDArray[np.float64]) -> str:
    """Why a source position is impossible, and what it may be instead."""
    x, y = (float(v) for v in position)
    if not source.is_geographic:
        return (
            f"outside-crs-area: x {x:g}, y {y:g} is nowhere in {name(source)}{_projected_hint(source, x, y)}"
        )
    if max(abs(x), abs(y)) > 360:
        return f"outside-crs-area: {x:g}, {y:g} look like metres, not degrees; name their CRS with --crs"
    if abs(y) > 90:
        swapped = "; coordinates look swapped" if abs(x) <= 90 and abs(y) <= 180 else ""
        return f"outside-crs-area: latitude {y:g}{swapped}"
    return f"outside-crs-area: longitude {x:g}; longitudes run from -180 to 180"


def _projected_hint(source: pyproj.CRS, x: float, y: float) -> str:
    if abs(y) < 10_000_000 and (zone := crs_advice.prefix(x)):
        return (
            f"; the easting begins with what looks like zone number {zone}, which {crs_advice.of_prefix(zone)} has;"
            " another EPSG code has it of another datum"
        )
    if abs(x) < 1_000_000 and "zone" in source.name:
        return "; the easting has no zone number: the same zone without one has another EPSG code"
    if abs(x) > 1_500_000 and abs(y) < 1_000_000:
        return "; coordinates look swapped"
    return "; is it another CRS?"


def name(source: pyproj.CRS) -> str:
    """The code and name of a CRS."""
    code = source.to_authority()
    return f"{':'.join(code)} ({source.name})" if code else source.name


def _unreadable(batch: Batch, shapes: NDArray[np.object_]) -> dict[int, str]:
    """Row -> why its WKB makes no geometry."""
    bad = shapely.is_missing(shapes) & np.asarray(batch.table["geom"].is_valid())
    if not bad.any():
        return {}
    raw = blobs(batch.table)
    return {int(i): _why(raw[i]) for i in np.flatnonzero(bad)}


def _why(blob: bytes) -> str:
    try:
        shapely.from_wkb(blob)
    except shapely.errors.GEOSException as error:
        closed = "closed linestring" in str(error)
        return "geometry: ring not closed" if closed else "geometry: its WKB cannot be read"
    return "geometry: its WKB cannot be read"


def _not_finite(shapes: NDArray[np.object_]) -> dict[int, str]:
    """Row -> what its first coordinate that is no number is."""
    coords, owners = shapely.get_coordinates(shapes, include_z=True, return_index=True)
    wrong = ~np.isfinite(coords[:, :2]).all(axis=1) | (
        ~np.isfinite(coords[:, 2]) & shapely.has_z(shapes)[owners]
    )
    return {row: f"geometry: {_odd(coords[at])}" for row, at in _first(owners, wrong).items()}


def _odd(position: NDArray[np.float64]) -> str:
    return "NaN" if np.isnan(position).any() else "infinite"


def _first(owners: NDArray[np.int64], wrong: NDArray[np.bool_]) -> dict[int, int]:
    """Row -> its first wrong coordinate."""
    places = np.flatnonzero(wrong)
    rows, at = np.unique(owners[places], return_index=True)
    return dict(zip(rows.tolist(), places[at].tolist(), strict=True))


def _moved(
    shapes: NDArray[np.object_], source: pyproj.CRS
) -> tuple[NDArray[np.object_], NDArray[np.float64], NDArray[np.int64]]:
    """The shapes in CRS84, and longitude, latitude and row of each of their coordinates."""
    xy, owners = shapely.get_coordinates(shapes, return_index=True)
    if _same(source):
        return shapes, xy, owners
    lonlat = np.column_stack(space.to_crs84(source).transform(xy[:, 0], xy[:, 1]))
    solid = shapely.has_z(shapes)
    if not solid.any():
        return shapely.set_coordinates(shapes.copy(), lonlat), lonlat, owners
    z = shapely.get_coordinates(shapes, include_z=True)[:, 2] * space.metres_up(source)
    moved = shapes.copy()
    for mask, width in ((solid, 3), (~solid, 2)):
        mine = mask[owners]
        places = np.column_stack([lonlat[mine], z[mine]])[:, :width]
        moved[mask] = shapely.set_coordinates(shapes[mask].copy(), places)
    return moved, lonlat, owners


@lru_cache(maxsize=64)
def _same(source: pyproj.CRS) -> bool:
    horizontal = source.sub_crs_list[0] if source.is_compound else source
    same = any(horizontal.equals(space.crs(code), ignore_axis_order=True) for code in SAME)
    return same and space.metres_up(source) == 1.0


def _outside(
    batch: Batch,
    source: pyproj.CRS,
    xy: NDArray[np.float64],
    lonlat: NDArray[np.float64],
    owners: NDArray[np.int64],
) -> tuple[str, ...]:
    """The loud note where positions lie outside of the CRS's area of use: where that is, and what would fit."""
    area = source.area_of_use
    if area is None:
        return ()
    lon, lat = lonlat[:, 0], lonlat[:, 1]
    across = (
        (lon >= area.west) & (lon <= area.east)
        if area.west <= area.east
        else (lon >= area.west) | (lon <= area.east)
    )
    out = np.flatnonzero(~(across & (lat >= area.south) & (lat <= area.north)))
    if not len(out):
        return ()
    i = out[0]
    where = gazetteer.describe(BBox(west=lon[i], south=lat[i], east=lon[i], north=lat[i]))
    row = batch.table["row"][int(owners[i])].as_py() if "row" in batch.table.column_names else int(owners[i])
    other = crs_advice.other_width(source, xy[out, 0], xy[out, 1])
    return (
        f"WARNING: rows lie outside the area of use of {name(source)}, {area.name}: row {row} is at {where}{other}",
    )
