"""A site's own coordinate systems: `TWIN_HOME/crs/NAME.toml`, from which PROJ gets its steps.

A city's independent system (城市独立坐标系) is a Gauss-Krüger plane with a meridian and a projection height
of its own, often turned and moved. Its parameters are often secret: they stay in the file and in PROJ's
memory. No message names a value, and nothing here is shown, logged, stored or backed up.

    [projection]                   how the numbers come about; left out where `similarity.to` names a plane
    ellipsoid = "CGCS2000"         CGCS2000, WGS84, Krassowsky (Beijing 1954) or IAG75 (Xian 1980)
    central_meridian = 117.25      degrees east
    false_easting = 500000.0       metres; so false_northing (0), latitude_of_origin (0 degrees)
    projection_height = 30.0       metres of the plane above the ellipsoid (投影面高程); with `radius`, metres
    zone_prefix = 39               where eastings begin with a zone number

    [bursa_wolf]                   seven parameters (three: rotations and scale left out), to CGCS2000
    dx = 0.0                       metres; so dy, dz
    rx = 0.0                       arc-seconds; so ry, rz
    scale_ppm = 0.0
    convention = "position_vector" or "coordinate_frame": said wherever there is a rotation

    [similarity]                   four parameters, from these numbers to the plane of [projection] or of `to`
    to = "EPSG:4548"
    east = 0.0                     metres; so north
    rotation_seconds = 0.0         arc-seconds
    scale_ppm = 0.0

See: EPSG Guidance Note 7-2: 9807 transverse Mercator, 9606 and 9607 Bursa-Wolf (2D), 9621 similarity.
The projection height is a scale: k = 1 + height / radius, the radius being the ellipsoid's semi-major axis
where none is said (a larger ellipsoid of the same shape, latitudes kept).
"""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pyproj
from pyproj.exceptions import CRSError, ProjError

from twin.errors import UnknownCRS, UnreadableFile

NAME: Final = re.compile(r"[^\W_][\w-]{0,63}")
"""A profile's name: letters (Chinese ones too), digits, _ and -."""
ELLIPSOIDS: Final = {
    "CGCS2000": (6378137.0, 298.257222101),
    "WGS84": (6378137.0, 298.257223563),
    "Krassowsky": (6378245.0, 298.3),
    "IAG75": (6378140.0, 298.257),
}
"""Semi-major axis in metres and inverse flattening: EPSG:1024, 7030, 7024, 7049."""
NEEDS_DATUM: Final = ("Krassowsky", "IAG75")
REACH: Final = 3.0
"""Degrees on either side of a meridian."""
SECOND: Final = math.pi / 180 / 3600
PROJECTION: Final = {
    "central_meridian": (-180.0, 180.0),
    "latitude_of_origin": (-90.0, 90.0),
    "false_easting": (-1e9, 1e9),
    "false_northing": (-1e9, 1e9),
    "scale": (0.5, 2.0),
    "projection_height": (-1000.0, 9000.0),
    "radius": (6.3e6, 6.5e6),
    "zone_prefix": (1, 120),
}
BURSA_WOLF: Final = {
    **dict.fromkeys(("dx", "dy", "dz"), (-5000.0, 5000.0)),
    **dict.fromkeys(("rx", "ry", "rz"), (-3600.0, 3600.0)),
    "scale_ppm": (-1000.0, 1000.0),
}
SIMILARITY: Final = {
    "east": (-1e9, 1e9),
    "north": (-1e9, 1e9),
    "rotation_seconds": (-648_000.0, 648_000.0),
    "scale_ppm": (-100_000.0, 100_000.0),
}
"""Each section's numbers and between what they lie."""
WORDS: Final = {"projection": ("ellipsoid",), "bursa_wolf": ("convention",), "similarity": ("to",)}
SECTIONS: Final = {"projection": PROJECTION, "bursa_wolf": BURSA_WOLF, "similarity": SIMILARITY}


@dataclass(frozen=True, kw_only=True)
class Profile:
    """A system of a site; what it is made of is never shown."""

    name: str
    steps: str = field(repr=False)
    """A PROJ pipeline from easting and northing to longitude and latitude of CGCS2000, degrees."""
    area: tuple[float, float, float, float] = field(repr=False)
    """West, south, east, north, degrees: as far from the meridian as the projection is used."""


def path_of(folder: Path, name: str) -> Path | None:
    """The file of the profile that is called so; None where there is none."""
    if not NAME.fullmatch(name):
        return None
    path = folder / f"{name}.toml"
    return path if path.is_file() else None


def load(path: Path) -> Profile:
    """The profile in a file.

    Raises:
        UnreadableFile: it cannot be read, or is no TOML. UnknownCRS: a key is missing, unknown or of another
            form; names the key, never its value.
    """
    where = f"crs/{path.name}"
    said = _parsed(path, where)
    for name, keys in said.items():
        if name not in SECTIONS:
            raise UnknownCRS(f"{where}: no section {name!r}; there are {', '.join(SECTIONS)}")
        if not isinstance(keys, dict):
            raise UnknownCRS(f"{where}: {name} is a section, written [{name}]")
        for key, value in keys.items():
            _checked(where, name, key, value)
    steps = _steps(where, said)
    try:
        pyproj.Transformer.from_pipeline(steps)
    except ProjError:
        # PROJ's own words quote the parameters.
        raise UnknownCRS(f"{where}: PROJ makes nothing of these parameters") from None
    meridian = float(re.findall(r"\+lon_0=(\S+)", steps)[-1])
    # To whole degrees: a meridian is not to be told by what is so far from it.
    west, east = math.floor(meridian - REACH), math.ceil(meridian + REACH)
    return Profile(name=path.stem, steps=steps, area=(west, -84.0, east, 84.0))


def _parsed(path: Path, where: str) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except tomllib.TOMLDecodeError as error:
        at = re.search(r"\(at .*\)", str(error))
        raise UnreadableFile(f"{where} is no TOML {at[0] if at else ''}".rstrip()) from None
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableFile(f"{where} cannot be read: {type(error).__name__}") from None


def _checked(where: str, section: str, key: str, value: object) -> None:
    limits = SECTIONS[section].get(key)
    if limits is None and key not in WORDS[section]:
        known = ", ".join((*WORDS[section], *SECTIONS[section]))
        raise UnknownCRS(f"{where}: no key {section}.{key}; there are {known}")
    if limits is None:
        if not isinstance(value, str):
            raise UnknownCRS(f"{where}: {section}.{key} must be text")
        return
    whole = key == "zone_prefix"
    fits = isinstance(value, int if whole else (int, float)) and not isinstance(value, bool)
    if not fits or not limits[0] <= float(value) <= limits[1]:  # type: ignore[arg-type]
        kind = "a whole number" if whole else "a number"
        raise UnknownCRS(f"{where}: {section}.{key} must be {kind} from {limits[0]:g} to {limits[1]:g}")


def _steps(where: str, said: Mapping[str, Mapping[str, Any]]) -> str:
    projection, turned = said.get("projection"), said.get("similarity")
    if projection is None and turned is None:
        raise UnknownCRS(f"{where}: projection is missing, or similarity with a plane that it leads to")
    if projection is not None and turned is not None and "to" in turned:
        raise UnknownCRS(f"{where}: similarity.to and projection both name a plane; leave one out")
    steps = []
    if projection is not None and "zone_prefix" in projection:
        steps.append(f"+proj=affine +xoff={-projection['zone_prefix'] * 1e6!r}")
    if turned is not None:
        steps.append(_similarity(turned))
    if projection is not None:
        steps += _projected(where, projection, said.get("bursa_wolf"))
    elif turned is not None:
        if "bursa_wolf" in said:
            raise UnknownCRS(f"{where}: bursa_wolf goes with projection, not with similarity.to")
        steps.append(_plane(where, turned))
    return "+proj=pipeline " + " ".join(f"+step {s}" for s in steps) + " +step +proj=unitconvert " + DEGREES


DEGREES: Final = "+xy_in=rad +xy_out=deg"


def _projected(where: str, said: Mapping[str, Any], datum: Mapping[str, Any] | None) -> list[str]:
    """From the plane to longitude and latitude of CGCS2000, radians."""
    if "central_meridian" not in said:
        raise UnknownCRS(f"{where}: projection.central_meridian is missing")
    ellipsoid = said.get("ellipsoid", "CGCS2000")
    if ellipsoid not in ELLIPSOIDS:
        raise UnknownCRS(f"{where}: projection.ellipsoid must be one of {', '.join(ELLIPSOIDS)}")
    if ellipsoid in NEEDS_DATUM and datum is None:
        raise UnknownCRS(
            f"{where}: bursa_wolf is missing; without parameters {ellipsoid} is a hundred metres from CGCS2000"
        )
    a, rf = ELLIPSOIDS[ellipsoid]
    scale = said.get("scale", 1.0) * (1 + said.get("projection_height", 0.0) / said.get("radius", a))
    back = (
        f"+inv +proj=tmerc +a={a!r} +rf={rf!r} +lat_0={said.get('latitude_of_origin', 0.0)!r}"
        f" +lon_0={said['central_meridian']!r} +k_0={scale!r}"
        f" +x_0={said.get('false_easting', 500_000.0)!r} +y_0={said.get('false_northing', 0.0)!r}"
    )
    if datum is None:
        return [back]
    target = "+a=6378137 +rf=298.257222101"
    return [
        back,
        f"+proj=push +v_3 +step +proj=cart +a={a!r} +rf={rf!r}",
        _bursa_wolf(where, datum),
        f"+inv +proj=cart {target} +step +proj=pop +v_3",
    ]


def _bursa_wolf(where: str, said: Mapping[str, Any]) -> str:
    turned = any(said.get(k, 0) for k in ("rx", "ry", "rz"))
    convention = said.get("convention", None if turned else "position_vector")
    if convention not in ("position_vector", "coordinate_frame"):
        raise UnknownCRS(
            f"{where}: bursa_wolf.convention must be position_vector (EPSG:9606) or coordinate_frame"
            " (EPSG:9607); the rotations of one are the other's with the sign turned"
        )
    for key in ("dx", "dy", "dz"):
        if key not in said:
            raise UnknownCRS(f"{where}: bursa_wolf.{key} is missing")
    return (
        f"+proj=helmert +x={said['dx']!r} +y={said['dy']!r} +z={said['dz']!r} +rx={said.get('rx', 0.0)!r}"
        f" +ry={said.get('ry', 0.0)!r} +rz={said.get('rz', 0.0)!r} +s={said.get('scale_ppm', 0.0)!r}"
        f" +convention={convention}"
    )


def _similarity(said: Mapping[str, Any]) -> str:
    """E' = E0 + M (E cos t + N sin t), N' = N0 + M (N cos t - E sin t): EPSG 9621."""
    turn, scale = said.get("rotation_seconds", 0.0) * SECOND, 1 + said.get("scale_ppm", 0.0) * 1e-6
    c, s = scale * math.cos(turn), scale * math.sin(turn)
    return (
        f"+proj=affine +xoff={said.get('east', 0.0)!r} +yoff={said.get('north', 0.0)!r}"
        f" +s11={c!r} +s12={s!r} +s21={-s!r} +s22={c!r}"
    )


def _plane(where: str, said: Mapping[str, Any]) -> str:
    """From a projected CRS of CGCS2000 to longitude and latitude, radians."""
    wrong = f"{where}: similarity.to must be a projected CRS of CGCS2000 by its EPSG code, such as EPSG:4548"
    if "to" not in said:
        raise UnknownCRS(f"{where}: similarity.to is missing, or a projection that it leads to")
    try:
        target = pyproj.CRS.from_user_input(said["to"])
    except CRSError:
        raise UnknownCRS(wrong) from None
    base = target.geodetic_crs
    if not target.is_projected or base is None or base.to_epsg() != 4490:
        raise UnknownCRS(wrong)
    with_steps = pyproj.Transformer.from_crs(base, target, always_xy=True).to_proj4()
    projected = re.search(r"\+proj=tmerc[^|]*?(?= \+step|$)", with_steps)
    if projected is None:
        raise UnknownCRS(wrong)
    return f"+inv {projected[0]}"
