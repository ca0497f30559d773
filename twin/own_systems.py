"""Systems of coordinates that no file can state and PROJ has no code for: a site's profiles, GCJ-02, BD-09.

Each is a `pyproj.CRS` that carries its name and nothing else (so nothing else can be shown), together with
what moves its positions to WGS 84 degrees and back.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
import pyproj
from pyproj.aoi import AreaOfUse
from pyproj.enums import TransformDirection

from twin import crs_profiles, gcj02
from twin.errors import UnknownCRS

ENGINEERING: Final = (
    'ENGCRS["{}",EDATUM["a site\'s own system"],CS[Cartesian,2],'
    'AXIS["easting",east],AXIS["northing",north],LENGTHUNIT["metre",1]]'
)
SHIFTED: Final = (
    'GEOGCRS["{0}",DATUM["{0}",ELLIPSOID["WGS 84",6378137,298.257223563]],CS[ellipsoidal,2],'
    'AXIS["longitude",east],AXIS["latitude",north],ANGLEUNIT["degree",0.0174532925199433]]'
)
ABOUT: Final = (
    "converted from {} by the published approximation; it agrees with the maps to about 1 to 2 m, so that is"
    " how well these places are known"
)
TELLING: Final = (
    "converted from the site's own system {}; whoever sees coordinates of the source in a column beside the"
    " positions can work out its parameters: mask such columns"
)


Function = Callable[[gcj02.Degrees, gcj02.Degrees], gcj02.Places]


class Move(Protocol):
    """What moves positions, x before y: `pyproj.Transformer`, or what does as it does."""

    def transform(self, xx: Any, yy: Any, *, direction: Any = TransformDirection.FORWARD) -> Any:
        """The positions in the other system; inf where there is none."""
        ...

    def transform_bounds(
        self, left: float, bottom: float, right: float, top: float, *, densify_pts: int = 21
    ) -> tuple[float, float, float, float]:
        """The box in the other system that covers a box."""
        ...


class OwnSystem(pyproj.CRS):
    """A CRS that is known by its name alone."""

    def __init__(
        self, name: str, wkt: str, *, moves: Own, note: str, key: str, area: AreaOfUse | None
    ) -> None:
        super().__init__(wkt.format(name))
        self.area = area
        self.moves = moves
        """To longitude and latitude of WGS 84, and back."""
        self.note = note
        """What a report says of positions that came in it."""
        self.known = (name, key)
        """Tells it from others, and this state of a profile from an earlier one."""

    @property
    def area_of_use(self) -> Any:
        """Where its positions belong; outside is a loud warning."""
        return self.area

    def __repr__(self) -> str:
        return f"<{self.name}: a system of its own>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, OwnSystem) and bool(self.known == other.known)

    def __hash__(self) -> int:
        return hash(self.known)

    def __reduce__(self) -> tuple[Any, ...]:
        raise TypeError(f"{self.name} stays in the process that reads its profile")

    def equals(self, other: Any, ignore_axis_order: bool = False) -> bool:  # noqa: ARG002, FBT001, FBT002 pyproj's
        """Whether it is the same system."""
        return bool(self == other)


class Own:
    """A pair of functions of arrays where a `pyproj.Transformer` is wanted."""

    def __init__(self, forward: Function, back: Function) -> None:
        self.forward = forward
        self.back = back

    def transform(self, xx: Any, yy: Any, *, direction: Any = TransformDirection.FORWARD) -> Any:
        """The positions moved, in the form that they were given in."""
        x, y = np.asarray(xx, np.float64), np.asarray(yy, np.float64)
        ahead = str(getattr(direction, "value", direction)).upper() == "FORWARD"
        out = (self.forward if ahead else self.back)(np.atleast_1d(x), np.atleast_1d(y))
        return tuple(values if x.ndim else float(values[0]) for values in out)

    def transform_bounds(
        self, left: float, bottom: float, right: float, top: float, *, densify_pts: int = 21
    ) -> tuple[float, float, float, float]:
        """The box about its moved edges."""
        x, y = np.linspace(left, right, densify_pts + 2), np.linspace(bottom, top, densify_pts + 2)
        edge_x = np.concatenate([x, x, np.full_like(y, left), np.full_like(y, right)])
        edge_y = np.concatenate([np.full_like(x, bottom), np.full_like(x, top), y, y])
        out_x, out_y = self.transform(edge_x, edge_y)
        return float(out_x.min()), float(out_y.min()), float(out_x.max()), float(out_y.max())

    def turned(self) -> Own:
        """The other way round."""
        return Own(self.back, self.forward)


SHIFTS: Final = {
    "GCJ02": (gcj02.to_wgs84, gcj02.from_wgs84),
    "BD09": (gcj02.bd09_to_wgs84, gcj02.bd09_from_wgs84),
}
_folders: list[Path] = []


def use(folder: Path) -> None:
    """Where this process finds profiles; said once, where it begins."""
    _folders[:] = [folder]


def names() -> list[str]:
    """The profiles that there are."""
    return sorted(path.stem for folder in _folders for path in folder.glob("*.toml"))


def find(name: str) -> OwnSystem | None:
    """The system of a name: GCJ02, BD09 (written as people do), or a profile's; None where it is neither.

    Raises:
        UnknownCRS, UnreadableFile: the profile is not well-formed. UnknownCRS: PROJ knows something by its name.
    """
    shift = name.strip().upper().replace("-", "").replace("_", "")
    if shift in SHIFTS:
        return _shift(shift)
    for folder in _folders:
        if path := crs_profiles.path_of(folder, name):
            about = path.stat()
            return _profile(path, (about.st_mtime_ns, about.st_size, about.st_ino))
    return None


@lru_cache
def _shift(name: str) -> OwnSystem:
    return OwnSystem(
        name,
        SHIFTED,
        moves=Own(*SHIFTS[name]),
        note=ABOUT.format(name),
        key="published",
        area=AreaOfUse(
            gcj02.WEST, gcj02.SOUTH, gcj02.EAST, gcj02.NORTH, name="China; elsewhere it changes nothing"
        ),
    )


@lru_cache
def _profile(path: Path, state: tuple[int, ...]) -> OwnSystem:
    found = crs_profiles.load(path)
    if _known(found.name):
        raise UnknownCRS(
            f"crs/{path.name}: PROJ knows a CRS of that name already; name the profile otherwise"
        )
    steps = pyproj.Transformer.from_pipeline(found.steps)
    return OwnSystem(
        found.name,
        ENGINEERING,
        moves=Own(steps.transform, partial(steps.transform, direction="INVERSE")),
        note=TELLING.format(found.name),
        key=str(state),
        area=AreaOfUse(*found.area, name="near the meridian of its projection"),
    )


def _known(name: str) -> bool:
    try:
        pyproj.CRS.from_user_input(name)
    except pyproj.exceptions.CRSError:
        return False
    return True
