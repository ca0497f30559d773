"""LAS, LAZ and COPC, read in runs of points into a frame of metres of their own.

The header is believed of nothing that the points can tell: their number, bounds and colours are counted on the way.
Heights become metres: by the vertical axis of the CRS where it has one, else by the unit of its plane (LAS 1.4, 2.4
gives z no unit of its own, and a file in feet has its heights in feet).
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import laspy
import numpy as np
import pyproj
import shapely
from lazrs import LazrsError
from numpy.typing import NDArray

from pipelines.readers.reader import Options
from pipelines.readers.stated import crs_of
from twin import space
from twin.errors import OutsideCRSArea, TooLarge, UnreadableFile
from twin.place import hint, off_globe

Floats = NDArray[np.float64]
RUN: Final = 500_000
"""Points held at a time."""
POINTS: Final = 2_000_000_000
HEADER: Final = struct.Struct("<H2I")
"""Size of the header, where points begin, records between them; from byte 94."""
LATER: Final = struct.Struct("<QI")
"""Where the records behind the points begin, and how many; from byte 235 on of LAS 1.4."""
MILLIMETRE: Final = 0.001
REACH: Final = 2e6
"""Metres from the middle that the frame's numbers can say."""
HEIGHT: Final = "height"
"""The dimension that holds metres as they are, for colours; z is about the frame's origin."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """A point cloud that has been opened."""

    path: Path
    crs: pyproj.CRS
    up: float
    """Metres in a unit of z."""
    origin: tuple[float, float, float]
    """Longitude, latitude (degrees), height (metres) of the frame."""
    claimed: int
    """Points by the header."""
    notes: tuple[str, ...]


@dataclass
class Counted:
    """What the points themselves say."""

    points: int = 0
    low: float = float("inf")
    high: float = float("-inf")
    """Metres."""
    classes: Counter[int] = field(default_factory=Counter)
    intensity: tuple[int, int] = (65535, 0)
    colour: int = 0
    """The largest value of red, green and blue; 0: none."""
    hull: Any = None
    """Of the points, in the source's CRS."""

    def take(self, points: laspy.ScaleAwarePointRecord, xy: Floats, height: Floats) -> None:
        """Count a run of points."""
        self.points += len(height)
        self.low, self.high = min(self.low, float(height.min())), max(self.high, float(height.max()))
        codes, counts = np.unique(np.asarray(points.classification), return_counts=True)
        self.classes.update(dict(zip(codes.tolist(), counts.tolist(), strict=True)))
        strong = np.asarray(points.intensity)
        self.intensity = min(self.intensity[0], int(strong.min())), max(self.intensity[1], int(strong.max()))
        for name in _colours(points):
            self.colour = max(self.colour, int(np.asarray(points[name]).max()))
        hull = shapely.convex_hull(shapely.multipoints(xy))
        self.hull = hull if self.hull is None else shapely.convex_hull(shapely.union(self.hull, hull))


def _colours(points: laspy.ScaleAwarePointRecord) -> tuple[str, ...]:
    names = ("red", "green", "blue")
    return names if set(names) <= set(points.point_format.dimension_names) else ()


def opened(path: Path, options: Options) -> Source:
    """A point cloud's header, with its CRS and the frame that its points go into.

    Raises:
        UnreadableFile: it is none, is cut off, or has no points.
        TooLarge: more than two thousand million points.
        UnknownCRS: no CRS in it and none given.
        OutsideCRSArea: its coordinates are no places of that CRS.
    """
    header = _header(path)
    stated = _stated(header)
    crs, notes = crs_of(path.name, stated, options)
    up, told = _up(header, crs)
    middle = (header.mins + header.maxs) / 2
    corners = np.array(
        [[x, y] for x in (header.mins[0], header.maxs[0]) for y in (header.mins[1], header.maxs[1])]
    )
    places = np.vstack([corners, middle[None, :2]])
    lonlat = np.column_stack(space.to_crs84(crs).transform(places[:, 0], places[:, 1]))
    wrong = off_globe(lonlat)
    if wrong.any():
        raise OutsideCRSArea(f"{path.name}: {hint(crs, places[int(np.flatnonzero(wrong)[0])])}")
    origin = (float(lonlat[4, 0]), float(lonlat[4, 1]), float(header.mins[2]) * up)
    return Source(
        path=path, crs=crs, up=up, origin=origin, claimed=int(header.point_count), notes=(*notes, *told)
    )


def _sane(path: Path) -> None:
    """Raises UnreadableFile where the header names places and counts that the file cannot have (LAS 1.4, 2.4).

    Whoever reads it takes its word for how many records stand before the points.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(375)
    if head[:4] != b"LASF" or len(head) < 227:
        raise UnreadableFile(f"{path.name} is no LAS or LAZ: it does not begin as one")
    own, start, records = HEADER.unpack_from(head, 94)
    longest = 0
    if head[25] >= 4 and own >= 375:
        after, more = LATER.unpack_from(head, 235)
        longest = after + 60 * more if more else 0
    if not 227 <= own <= start <= size or 54 * records > start - own or longest > size:
        raise UnreadableFile(
            f"{path.name}: its header says {records:,} records before the points and points from byte {start:,}; the "
            f"file has {size:,} bytes: cut off, or a header that lies"
        )


def _header(path: Path) -> laspy.LasHeader:
    _sane(path)
    try:
        with laspy.open(path) as file:
            header = file.header
    except (laspy.LaspyException, LazrsError, OSError, ValueError, struct.error, LookupError) as error:
        raise UnreadableFile(f"{path.name} is no LAS or LAZ that can be read: {error}") from error
    if not header.point_count:
        raise UnreadableFile(f"{path.name} has no points")
    if header.point_count > POINTS:
        raise TooLarge(
            f"{path.name} has {header.point_count:,} points; the limit is {POINTS:,}: cut it into blocks"
        )
    if not (np.isfinite(header.mins).all() and np.isfinite(header.maxs).all() and (header.scales > 0).all()):
        raise UnreadableFile(f"{path.name}: the bounds or scales in its header are no numbers")
    if not header.are_points_compressed:
        holds = (path.stat().st_size - header.offset_to_point_data) // header.point_format.size
        if holds < header.point_count:
            raise UnreadableFile(_short(path, header.point_count, max(holds, 0)))
    return header


def _short(path: Path, claimed: int, holds: int) -> str:
    return f"{path.name}: its header says {claimed:,} points, the file holds {holds:,}: cut off, or a header that lies"


def _stated(header: laspy.LasHeader) -> pyproj.CRS | None:
    """The CRS that the file states; None where it states none, or one that cannot be read."""
    try:
        found: pyproj.CRS | None = header.parse_crs()
    except (pyproj.exceptions.CRSError, ValueError, LookupError):
        return None
    return found


def _up(header: laspy.LasHeader, crs: pyproj.CRS) -> tuple[float, tuple[str, ...]]:
    """Metres in a unit of z, and a note where they are not metres."""
    unit = None
    if crs.is_compound or len(crs.axis_info) > 2:
        unit = space.metres_up(crs)
        why = f"heights in the unit of {crs.name}"
    elif (keyed := _vertical_unit(header)) is not None:
        unit, why = keyed, "heights in the unit that the file's GeoTIFF keys state"
    elif crs.is_projected:
        unit = crs.axis_info[0].unit_conversion_factor
        why = f"{crs.name} has no heights: taken in the unit of its plane, {crs.axis_info[0].unit_name}"
    if unit is None or unit == 1.0:
        return 1.0, ()
    return unit, (f"{why}; made metres by {unit:.9g}",)


def _vertical_unit(header: laspy.LasHeader) -> float | None:
    """Metres in the unit of VerticalUnitsGeoKey (4099); None where the file does not say."""
    units = {9001: 1.0, 9002: 0.3048, 9003: 1200 / 3937}
    for vlr in header.vlrs:
        for key in getattr(vlr, "geo_keys", ()):
            if key.id == 4099 and key.tiff_tag_location == 0:
                return units.get(key.value_offset)
    return None


def runs(source: Source) -> Iterator[laspy.ScaleAwarePointRecord]:
    """The points, some at a time.

    Raises:
        UnreadableFile: it ends before its header says, or its bytes are broken.
    """
    seen = 0
    try:
        with laspy.open(source.path) as file:
            for points in file.chunk_iterator(RUN):
                seen += len(points)
                yield points
    except (laspy.LaspyException, LazrsError, OSError, ValueError, struct.error) as error:
        raise UnreadableFile(f"{_short(source.path, source.claimed, seen)} ({error})") from error
    if seen != source.claimed:
        raise UnreadableFile(_short(source.path, source.claimed, seen))


def localised(source: Source, target: Path) -> Counted:
    """Write the points as a LAS of metres east, north and up of the source's origin, and count them.

    The LAS has point format 7: intensity, classification and colour as they came, and `height` beside them.

    Raises:
        UnreadableFile: as `runs`. OutsideCRSArea: a point is no place of the CRS, or far from the others.
    """
    header = laspy.LasHeader(point_format=7, version="1.4")
    header.scales = np.full(3, MILLIMETRE)
    header.offsets = np.zeros(3)
    header.add_extra_dim(laspy.ExtraBytesParams(HEIGHT, np.float32))
    counted = Counted()
    with laspy.open(target, "w", header=header) as out:
        for points in runs(source):
            if len(points):
                out.write_points(_moved(source, points, header, counted))
    return counted


def _moved(
    source: Source, points: laspy.ScaleAwarePointRecord, header: laspy.LasHeader, counted: Counted
) -> laspy.ScaleAwarePointRecord:
    xy = np.column_stack([points.x, points.y]).astype(np.float64)
    height = np.asarray(points.z, np.float64) * source.up
    lonlat = np.column_stack(space.to_crs84(source.crs).transform(xy[:, 0], xy[:, 1]))
    wrong = off_globe(lonlat)
    if wrong.any():
        first = int(np.flatnonzero(wrong)[0])
        raise OutsideCRSArea(
            f"{source.path.name}: point {counted.points + first:,}: {hint(source.crs, xy[first])}"
        )
    local = space.geodetic_to_enu(np.column_stack([lonlat, height]), np.array(source.origin))
    if np.abs(local).max() > REACH:
        first = int(np.argmax(np.abs(local).max(axis=1)))
        raise OutsideCRSArea(
            f"{source.path.name}: point {counted.points + first:,} is {np.abs(local[first]).max() / 1000:,.0f} km from "
            "the middle that the header states; its bounds or the point are wrong"
        )
    made = laspy.ScaleAwarePointRecord.zeros(len(points), header=header)
    made.x, made.y, made.z = local.T
    made.intensity, made.classification = points.intensity, points.classification
    for name in _colours(points):
        made[name] = points[name]
    made[HEIGHT] = height.astype(np.float32)
    counted.take(points, xy, height)
    return made
