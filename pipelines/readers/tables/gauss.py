"""Transverse Mercator positions as surveyors write them: north called X, zone numbers before the easting.

A Gauss-Krüger easting may carry its zone: 39 500 123 is 500 123 m in the 3-degree zone 39 (117° E), as
20 500 123 is in the 6-degree zone 20. Zones 25 to 45 are of 3 degrees, 13 to 23 of 6, so the number alone
says the central meridian (CH/T 2009, GB/T 17798). What a CRS has no such meridian for is left alone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np
import pyproj
from numpy.typing import NDArray

from twin import place, space
from twin.errors import InvalidParameter, OutsideCRSArea

Order = Literal["sure", "named", "open"]
"""How well the names say which is the easting: for certain; by usage, which numbers may overrule; not (X and Y)."""

ZONE: Final = 1_000_000.0
"""Metres that a zone number stands for."""
EASTING: Final = 500_000.0
"""False easting without the zone number."""
SLACK: Final = 1.0
"""Degrees beyond a CRS's area of use in which positions still count as fitting it."""
NUMBERS: Final = (0, *range(13, 24), *range(25, 46))
"""Zones of China, 0 for none; other countries number their zones otherwise."""
ENGINEERING: Final = "Engineering CRS"
"""What a city's own system is to PROJ."""
CGCS2000: Final = {25: 4513, 13: 4491}
"""First zone -> EPSG code of its CRS with zone numbers; the codes follow the zones."""


@dataclass(frozen=True, kw_only=True)
class Fit:
    """What must be done with positions so that they fit their CRS."""

    swapped: bool = False
    """Whether what is called x is the northing."""
    zone: int | None = None
    """Zone number that every easting must carry (0: none); None where the CRS has no zones."""
    shift: float = 0.0
    """Metres to add to the eastings."""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class _Meridian:
    degrees: float
    zone: int
    """That the CRS's own false easting carries; 0 where it carries none."""


def fitted(
    x: NDArray[np.float64], y: NDArray[np.float64], crs: pyproj.CRS, *, order: Order, name: str
) -> Fit:
    """How positions of a source fit its CRS.

    Args:
        x, y: (n,) float64 in the CRS's unit, as the source has them; NaN where it has none.
        name: the source's, for messages.

    Raises:
        InvalidParameter: x and y fit either way round and nothing says which is which.
        OutsideCRSArea: the eastings carry the number of another zone than the CRS's.
    """
    known = np.isfinite(x) & np.isfinite(y)
    if crs.is_geographic or not known.any():
        return Fit()
    meridian = _meridian(crs)
    swapped, notes = _order(x[known], y[known], crs, meridian, order=order, name=name)
    fit = Fit(swapped=swapped, notes=notes)
    return _zoned((y if swapped else x)[known], fit, meridian, crs, name) if meridian else fit


def zones(east: NDArray[np.float64]) -> NDArray[np.int64]:
    """(n,) the zone number that each easting carries, 0 where it carries none."""
    found = np.floor(np.nan_to_num(east) / ZONE).astype(np.int64)
    of_three, of_six = (found >= 25) & (found <= 45), (found >= 13) & (found <= 23)
    return np.where(of_three | of_six, found, 0)


def misfit(zone: int, easting: float) -> str:
    """Why an easting with another zone number than the rest is refused."""
    own = int(zones(np.array([easting]))[0])
    said = f"carries zone number {own}" if own else "carries no zone number"
    return (
        f"outside-crs-area: the easting {easting:.3f} {said}, the others {f'zone {zone}' if zone else 'none'}"
    )


def central(zone: int) -> int:
    """The central meridian of a zone, degrees east."""
    return 3 * zone if zone >= 25 else 6 * zone - 3


def _meridian(crs: pyproj.CRS) -> _Meridian | None:
    """The central meridian of a CRS that is Gauss-Krüger (scale 1, false easting 500 km and a zone), else None."""
    flat = crs.sub_crs_list[0] if crs.is_compound else crs
    flat = flat.source_crs or flat if flat.is_bound else flat
    way = flat.coordinate_operation
    if way is None or "Transverse Mercator" not in way.method_name:
        return None
    values = {p.name: float(p.value) for p in way.params}
    zone = (values.get("False easting", 0.0) - EASTING) / ZONE
    if zone not in NUMBERS or values.get("Scale factor at natural origin", 1.0) != 1.0:
        return None
    return _Meridian(degrees=values["Longitude of natural origin"], zone=int(zone))


def _order(
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    crs: pyproj.CRS,
    meridian: _Meridian | None,
    *,
    order: Order,
    name: str,
) -> tuple[bool, tuple[str, ...]]:
    """Whether the two are the other way round, by where they come to lie."""
    if order == "sure":
        return False, ()
    straight, turned = (_lie(e, n, crs, meridian) for e, n in ((x, y), (y, x)))
    surveyed = meridian is not None or crs.type_name == ENGINEERING
    if turned and straight and surveyed and order == "open":
        raise InvalidParameter(
            f"{name}: x and y fit {place.name(crs)} either way round; say which column is the easting, "
            "for example --column Y=x --column X=y where X is north"
        )
    if not turned or straight:
        return False, ()
    return True, (
        f"x is the northing and y the easting: only so do they lie where {place.name(crs)} is used",
    )


def _lie(
    east: NDArray[np.float64], north: NDArray[np.float64], crs: pyproj.CRS, meridian: _Meridian | None
) -> bool:
    """Whether more than half of the positions lie where the CRS is used, zone numbers left aside."""
    if meridian:
        east = east - zones(east) * ZONE + meridian.zone * ZONE
    west, south, right, top = _area(crs, meridian)
    lon, lat = space.to_crs84(crs).transform(east, north)
    inside = (lon >= west - SLACK) & (lon <= right + SLACK) & (lat >= south - SLACK) & (lat <= top + SLACK)
    return bool(inside.mean() > 0.5)


def _area(crs: pyproj.CRS, meridian: _Meridian | None) -> tuple[float, float, float, float]:
    """West, south, east, north of the area of use, in degrees; that of the zone where the CRS names none."""
    if area := crs.area_of_use:
        return (area.west, area.south, area.east, area.north) if area.west <= area.east else _WORLD
    return (meridian.degrees - 3, 0.0, meridian.degrees + 3, 84.0) if meridian else _WORLD


_WORLD: Final = (-180.0, -90.0, 180.0, 90.0)


def _zoned(east: NDArray[np.float64], fit: Fit, meridian: _Meridian, crs: pyproj.CRS, name: str) -> Fit:
    """The fit with what the zone numbers ask for."""
    found = zones(east)
    numbers, counts = np.unique(found, return_counts=True)
    said = int(numbers[np.argmax(counts)])
    if said == meridian.zone:
        return replace(fit, zone=said)
    if said == 0:
        note = f"the eastings carry no zone number; that of {place.name(crs)}, {meridian.zone}, was put before them"
        return replace(fit, zone=0, shift=meridian.zone * ZONE, notes=(*fit.notes, note))
    if meridian.zone == 0 and central(said) == meridian.degrees:
        note = f"the eastings carry their zone number, {said}; it agrees with {place.name(crs)} and was taken off"
        return replace(fit, zone=said, shift=-said * ZONE, notes=(*fit.notes, note))
    raise OutsideCRSArea(
        f"{name}: the eastings carry zone number {said} ({central(said)}° E), "
        f"{place.name(crs)} is that of {meridian.degrees:g}° E{_other(said, crs)}"
    )


def _other(zone: int, crs: pyproj.CRS) -> str:
    """Which CRS has that zone."""
    datum = crs.geodetic_crs
    if datum is None or datum.to_epsg() != 4490:
        return "; name the CRS of that zone with --crs"
    first = 25 if zone >= 25 else 13
    return f"; --crs EPSG:{CGCS2000[first] + zone - first} has that zone"
