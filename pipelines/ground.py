"""The ground: one composite of all terrain layers, the finest raster first, at a moment.

What stands on the ground stands on the terrain that the viewer gets: `Ground.heights` is the surface of
the triangles of the deepest tiles, taken from the same posts (`tiles/tin.py`). A tile quantises its heights
to (highest - lowest) / 65,534, a millimetre for 60 m of relief; that is how far the two can differ. Both leave
out posts that a plain does not need (`FLAT`), so the ground itself may be that far from the DEM.

Levels are those of Cesium's geographic tiling: 2 x 1 tiles of 180 degrees at level 0, rows from the south.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import shapely
from numpy.typing import NDArray

from pipelines.heights import Raster, sample
from tiles.tin import FEWEST as FLATTEST
from tiles.tin import N, enough, surface
from twin.model import BBox, Query
from twin.moments import microseconds
from twin.policy import Policy
from twin.seen_catalogue import Sight
from twin.space import metres_per_degree
from twin.spread import NEVER
from twin.stamps import Stamp, moment
from twin.store import Store

KIND = "terrain"
DEEPEST = 20
"""No tile is smaller than 20 m."""
TOLERATED = 1.3
"""A level is fine enough when its posts are no farther apart than this many cells."""
FEWEST = 16
"""A raster is seen where this many posts lie across it; with fewer it would be a lone spike."""
WORLD = 6
"""Down to this level tiles cover the globe: the chord between two posts lies half a metre below the sea there,
at level 0 more than a kilometre, and the land about a county would stand on a cliff."""
FLAT = 0.01
"""How far the triangles may be from the posts, in parts of the posts' distance: 5 cm at posts of 5 m."""
DEGREE = 111_000.0
EARTH = 6_371_000.0
"""Metres, roughly: a degree of latitude, and the radius."""
PARTS = 32
"""Of the width of where some places lie: means over one of them are fine enough to see how high the ground is."""
GRIDS = 4096
"""Grids of posts kept: 17 kB each."""

Address = tuple[int, int, int]
"""Level, column, row from the south."""


def size(level: int) -> float:
    """Degrees along a tile's side."""
    return 180.0 / (1 << level)


def tolerance(level: int) -> float:
    """Metres that a level's triangles may be from its posts."""
    return FLAT * size(level) / N * DEGREE


@cache
def fewest(level: int) -> int:
    """Cells a side that a level needs to be as round as the earth, to its tolerance."""
    side = size(level) * DEGREE
    # The middle of a chord of length c lies c² / 8R below the arc; a tile has side / n of them.
    needed = side / math.sqrt(8 * EARTH * tolerance(level))
    return min(N, 1 << math.ceil(math.log2(max(needed, FLATTEST))))


@lru_cache(maxsize=4096)
def deepest(raster: Raster) -> int:
    """The level whose posts are about as far apart as the raster's cells."""
    box = raster.bbox
    metres = metres_per_degree((box.south + box.north) / 2)[1]
    level = math.ceil(math.log2(max(180.0 / N * metres / (raster.resolution * TOLERATED), 1)))
    return min(level, DEEPEST)


def shows(raster: Raster, spacing: float) -> bool:
    """Whether a raster is large enough to be seen with posts so many degrees apart."""
    box = raster.bbox
    return max(box.east - box.west, box.north - box.south) >= FEWEST * spacing


def span(box: BBox, level: int) -> tuple[int, int, int, int]:
    """The first and last column and the first and last row that a box touches."""
    columns, rows = 2 << level, 1 << level
    return (
        min(max(math.floor((box.west + 180) / size(level)), 0), columns - 1),
        min(max(math.ceil((box.east + 180) / size(level)) - 1, 0), columns - 1),
        min(max(math.floor((box.south + 90) / size(level)), 0), rows - 1),
        min(max(math.ceil((box.north + 90) / size(level)) - 1, 0), rows - 1),
    )


@dataclass(frozen=True, kw_only=True)
class Ground:
    """The ground at one moment."""

    rasters: tuple[Raster, ...]
    """Finest first."""
    vertical: str
    """The vertical datum that all of its layers have, else `unknown`."""
    bounds: NDArray[np.float64]
    """(versions, 4) west south east north of every row version of a terrain layer ever written."""
    times: NDArray[np.int64]
    """(versions, 4) valid_from valid_to recorded_from recorded_to of the same, microseconds."""
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)
    kept: dict[Address, tuple[NDArray[np.float32], int]] = field(
        default_factory=dict, repr=False, compare=False
    )

    def stamp(self, box: BBox | None, at: datetime | None, known: datetime | None) -> Stamp:
        """When the ground in a box last changed at or before the moments: valid and recorded, microseconds."""
        now = datetime.now(UTC)
        valid, recorded = microseconds(at or now), microseconds(known or now)
        there = self.times if box is None else self.times[_touches(self.bounds, box)]
        believed = there[there[:, 2] <= recorded]
        return _last(believed[:, :2], valid), _last(believed[:, 2:], recorded)

    def heights(self, lon: NDArray[np.float64], lat: NDArray[np.float64]) -> NDArray[np.float32]:
        """Metres at (n,) degrees, on the deepest tiles' triangles; NaN where there is no terrain."""
        lon, lat = np.asarray(lon, np.float64), np.asarray(lat, np.float64)
        out = np.full(lon.shape, np.nan, np.float32)
        pending = np.isfinite(lon) & np.isfinite(lat)
        for level in sorted({deepest(r) for r in self.rasters}, reverse=True):
            column, row = _tiles_of(lon, lat, level)
            here = pending & self._available(level, column, row)
            out[here] = self._on(level, column[here], row[here], lon[here], lat[here])
            pending &= ~here
        return out

    def _available(self, level: int, column: NDArray[np.int64], row: NDArray[np.int64]) -> NDArray[np.bool_]:
        found = np.zeros(column.shape, bool)
        for x0, x1, y0, y1 in self.spans(level):
            found |= (column >= x0) & (column <= x1) & (row >= y0) & (row <= y1)
        return found

    def spans(self, level: int) -> list[tuple[int, int, int, int]]:
        """First and last column, first and last row of the tiles that a level has, a range a raster."""
        if level <= WORLD:
            return [(0, (2 << level) - 1, 0, (1 << level) - 1)]
        return [span(r.bbox, level) for r in self.rasters if deepest(r) >= level]

    def has(self, level: int, column: int, row: int) -> bool:
        """Whether there is such a tile."""
        return any(x0 <= column <= x1 and y0 <= row <= y1 for x0, x1, y0, y1 in self.spans(level))

    @property
    def deepest(self) -> int:
        """The deepest level that any place has."""
        return max((deepest(r) for r in self.rasters), default=WORLD)

    def _on(
        self,
        level: int,
        column: NDArray[np.int64],
        row: NDArray[np.int64],
        lon: NDArray[np.float64],
        lat: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        """Heights of places on tiles of one level."""
        out = np.empty(len(lon))
        order = np.argsort(column << 32 | row, kind="stable")
        keys = (column << 32 | row)[order]
        for group in np.split(order, np.flatnonzero(np.diff(keys)) + 1) if len(order) else ():
            x, y = int(column[group[0]]), int(row[group[0]])
            u = (lon[group] + 180) / size(level) - x
            v = (lat[group] + 90) / size(level) - y
            posts, cells = self.grid((level, x, y))
            out[group] = surface(posts[1 : -1 : N // cells, 1 : -1 : N // cells], u, v)
        return out

    def grid(self, address: Address) -> tuple[NDArray[np.float32], int]:
        """A tile's posts and how many cells a side of them are drawn.

        Returns:
            (N + 3, N + 3) float32 metres: its posts and one more around them; row 0 south; NaN: no terrain.
            Cells a side: N, or fewer where that is within FLAT of the spacing.
        """
        found = self.kept.get(address)
        if found is None:
            posts = self._sampled(*address)
            found = posts, enough(posts[1:-1, 1:-1], tolerance(address[0]), fewest=fewest(address[0]))
            with self.lock:
                while len(self.kept) >= GRIDS:
                    self.kept.pop(next(iter(self.kept)))
                self.kept[address] = found
        return found

    def posts(self, address: Address) -> NDArray[np.float32]:
        """The posts alone."""
        return self.grid(address)[0]

    def _sampled(self, level: int, column: int, row: int) -> NDArray[np.float32]:
        # Posts are numbered through the whole level, so neighbours compute one and the same place for an edge.
        step = size(level) / N
        lon = -180 + step * (column * N + np.arange(-1, N + 2))
        lat = np.clip(-90 + step * (row * N + np.arange(-1, N + 2)), -90, 90)
        lon, lat = np.meshgrid((lon + 180) % 360 - 180 if level < 8 else lon, lat)
        return self.composite(lon.ravel(), lat.ravel(), step).reshape(N + 3, N + 3)

    def composite(
        self, lon: NDArray[np.float64], lat: NDArray[np.float64], spacing: float
    ) -> NDArray[np.float32]:
        """(n,) float32 metres: the finest raster's height at (n,) degrees; NaN where there is none.

        Args:
            spacing: degrees between the places, so that a coarse picture is made of means.
        """
        return _filled((r for r in _near(self.rasters, lon, lat) if shows(r, spacing)), lon, lat, spacing)

    def rough(self, lon: NDArray[np.float64], lat: NDArray[np.float64]) -> NDArray[np.float32]:
        """(n,) float32 metres at (n,) degrees, n > 0, no finer than a part of where they all lie; NaN: no terrain.

        For places that lie far apart `heights` makes a grid of posts about each of them; this reads few cells.
        """
        spacing = max(float(np.ptp(lon)), float(np.ptp(lat))) / PARTS
        return _filled(_near(self.rasters, lon, lat), lon, lat, spacing)


def _filled(
    rasters: Iterable[Raster], lon: NDArray[np.float64], lat: NDArray[np.float64], spacing: float
) -> NDArray[np.float32]:
    """(n,) float32 metres out of the first of some rasters that has each place."""
    out = np.full(lon.shape, np.nan, np.float32)
    metres = spacing * metres_per_degree(float(lat.mean()))[1]
    for raster in rasters:
        missing = np.isnan(out)
        if not missing.any():
            break
        out[missing] = sample(raster, lon[missing], lat[missing], spacing=metres)
    return out


def _near(
    rasters: tuple[Raster, ...], lon: NDArray[np.float64], lat: NDArray[np.float64]
) -> Iterator[Raster]:
    """Rasters whose box meets that of some places."""
    reach = BBox(west=lon.min(), south=lat.min(), east=lon.max(), north=lat.max())
    return (r for r in rasters if _meet(r.bbox, reach))


def _meet(a: BBox, b: BBox) -> bool:
    return a.west <= b.east and a.east >= b.west and a.south <= b.north and a.north >= b.south


def _touches(bounds: NDArray[np.float64], box: BBox) -> NDArray[np.bool_]:
    found = np.zeros(len(bounds), bool)
    for part in box.parts():
        across = (bounds[:, 0] <= part.east) & (bounds[:, 2] >= part.west)
        found |= across & (bounds[:, 1] <= part.north) & (bounds[:, 3] >= part.south)
    return found


def _last(moments: NDArray[np.int64], until: int) -> int:
    before = moments[moments <= until]
    return int(before.max()) if before.size else NEVER


def _tiles_of(
    lon: NDArray[np.float64], lat: NDArray[np.float64], level: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    column = np.floor((np.nan_to_num(lon) + 180) / size(level))
    row = np.floor((np.nan_to_num(lat) + 90) / size(level))
    return (
        np.clip(column, 0, (2 << level) - 1).astype(np.int64),
        np.clip(row, 0, (1 << level) - 1).astype(np.int64),
    )


POLICIES: Final = 16
"""Policies whose terrain is remembered."""


@dataclass(frozen=True, kw_only=True)
class Terrain:
    """The terrain layers that a policy shows, as of a commit: where and when their rasters are."""

    version: int
    spread: dict[str, pa.Table]
    vertical: dict[str, str]

    def empty(self, layer: str | None) -> Ground:
        """The ground without its rasters; of one terrain layer when it is named."""
        names = [k for k in self.spread if layer in (None, k)]
        tables = [self.spread[k] for k in names]
        data = {self.vertical[k] for k in names}
        return Ground(
            rasters=(),
            vertical=data.pop() if len(data) == 1 else "unknown",
            bounds=_columns(tables, ("minx", "miny", "maxx", "maxy"), np.float64),
            times=_columns(tables, ("valid_from", "valid_to", "recorded_from", "recorded_to"), np.int64),
        )


class Grounds:
    """The grounds of a store, made when they are asked for and kept until the terrain changes."""

    def __init__(self, store: Store, folder: Path) -> None:
        """`folder` holds the rasters by content (`Settings.rasters`)."""
        self.store = store
        self.folder = folder
        self.lock = threading.Lock()
        self.terrain: dict[str, Terrain] = {}
        """By policy."""
        self.made: dict[tuple[str, str | None, Stamp], Ground] = {}

    def at(
        self,
        policy: Policy,
        *,
        at: datetime | None = None,
        known: datetime | None = None,
        layer: str | None = None,
    ) -> Ground:
        """The ground at a moment; of one terrain layer when it is named."""
        with self.lock:
            terrain = self._follow(policy)
            every = terrain.empty(layer)
            stamp = every.stamp(None, at, known)
            key = (policy.key, layer, stamp)
            if key not in self.made:
                while len(self.made) >= 16:
                    self.made.pop(next(iter(self.made)))
                self.made[key] = self._make(policy, terrain, every, stamp, layer)
            return self.made[key]

    def _follow(self, policy: Policy) -> Terrain:
        """The terrain that a policy shows, with what the store has committed since."""
        last = self.store.last()
        old = self.terrain.pop(policy.key, None)
        if old is None or old.version != last:
            old = self._changed(policy, last, old)
        self.terrain[policy.key] = old
        while len(self.terrain) > POLICIES:
            del self.terrain[next(iter(self.terrain))]
        return old

    def _changed(self, policy: Policy, last: int, old: Terrain | None) -> Terrain:
        states = [s for s in self.store.layers(policy) if s.layer.kind == KIND]
        source = Sight(self.store, policy) if policy.ruled else self.store
        spread = {s.layer.id: source.spread(s.layer.id) for s in states}
        before = old.spread if old else {}
        if set(spread) != set(before) or any(not spread[k].equals(before[k]) for k in spread):
            self.made = {k: v for k, v in self.made.items() if k[0] != policy.key}
        vertical = {s.layer.id: s.layer.vertical for s in states}
        return Terrain(version=last, spread=spread, vertical=vertical)

    def _make(
        self, policy: Policy, terrain: Terrain, empty: Ground, stamp: Stamp, layer: str | None
    ) -> Ground:
        at, known = (moment(v) for v in stamp)
        found: list[Raster] = []
        for name in terrain.spread:
            if layer in (None, name) and terrain.spread[name].num_rows:
                found += self._rasters(Query(layer=name, policy=policy, at=at, known=known))
        found.sort(key=lambda r: (r.resolution, r.layer, r.id))
        return Ground(rasters=tuple(found), vertical=empty.vertical, bounds=empty.bounds, times=empty.times)

    def _rasters(self, query: Query) -> list[Raster]:
        return rasters(self.store.read(query), query.layer, self.folder)


def rasters(table: pa.Table, layer: str, folder: Path) -> list[Raster]:
    """The rasters that a raster layer's rows name (terrain or imagery)."""
    shapes = shapely.from_wkb(table.column("geom").to_numpy(zero_copy_only=False))
    names = ("id", "file", "resolution")
    return [
        Raster(
            path=folder / Path(file).name,
            layer=layer,
            id=name,
            bbox=BBox(west=w, south=s, east=e, north=n),
            resolution=resolution,
            footprint=shape,
        )
        for name, file, resolution, shape, (w, s, e, n) in zip(
            *(table.column(c).to_pylist() for c in names),
            shapes,
            shapely.bounds(shapes).tolist(),
            strict=True,
        )
    ]


def _columns(tables: list[pa.Table], names: tuple[str, ...], dtype: type) -> NDArray[Any]:
    """(rows, len(names)): the columns of all tables, one below the other."""
    parts = [np.column_stack([t.column(n).to_numpy() for n in names]) for t in tables if t.num_rows]
    return np.concatenate(parts).astype(dtype) if parts else np.empty((0, len(names)), dtype)
