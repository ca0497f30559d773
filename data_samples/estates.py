"""How a block is built up: which footprints stand where, by what the block is for.

Each pattern gets a block's land turned so that its streets run east and north, and yields groups of
footprints; only what lies wholly on the land is kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import shapely

from data_samples import shapes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray
    from shapely import Polygon

    Pattern = Callable[["Site"], Iterator["Group"]]


@dataclass(frozen=True, kw_only=True)
class Site:
    """One block's land, turned square to its streets."""

    land: Polygon
    rng: np.random.Generator
    name: str

    @property
    def box(self) -> tuple[float, float, float, float]:
        """West, south, east, north of the land."""
        west, south, east, north = self.land.bounds
        return west, south, east, north


@dataclass(frozen=True, kw_only=True)
class Group:
    """Footprints of one sort with their figures, one row each."""

    shapes: NDArray[np.object_]
    use: str
    storeys: NDArray[np.int64]
    storey: float
    """Height of a storey, metres."""
    years: tuple[int, int]
    label: str
    """What a building of the group is called: `{n}` is its number on the block."""


def lattice(
    site: Site, dx: float, dy: float, *, edge: tuple[float, float], jitter: float = 0.0
) -> NDArray[np.float64]:
    """Centres of a lattice that fills the land's box symmetrically; (n, 2)."""
    west, south, east, north = site.box
    across = int((east - west - 2 * edge[0]) // dx) + 1
    up = int((north - south - 2 * edge[1]) // dy) + 1
    x = (west + east) / 2 + (np.arange(max(across, 1)) - (max(across, 1) - 1) / 2) * dx
    y = (south + north) / 2 + (np.arange(max(up, 1)) - (max(up, 1) - 1) / 2) * dy
    at = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
    return np.asarray(at + site.rng.uniform(-jitter, jitter, at.shape), dtype=np.float64)


def _kept(
    site: Site, placed: NDArray[np.object_], *, away: Sequence[Polygon] = (), drop: float = 0.0
) -> NDArray[np.bool_]:
    shapely.prepare(site.land)
    keep = shapely.contains_properly(site.land, placed) & (site.rng.random(len(placed)) >= drop)
    for other in away:
        keep &= ~shapely.intersects(other, placed)
    return np.asarray(keep)


def stamped(
    site: Site, templates: Sequence[Polygon], at: NDArray[np.float64], *, drop: float = 0.0
) -> NDArray[np.object_]:
    which = site.rng.integers(len(templates), size=len(at))
    placed = shapes.stamp(templates, which, at)
    return placed[_kept(site, placed, drop=drop)]


def set_back(site: Site, setback: float) -> Site:
    """The site without a strip along its edge."""
    inner = shapely.get_parts(site.land.buffer(-setback, join_style="mitre"))
    land = max(inner, key=lambda part: part.area, default=shapely.Polygon())
    return Site(land=land, rng=site.rng, name=site.name)


def _floors(site: Site, count: int, low: int, high: int) -> NDArray[np.int64]:
    return site.rng.integers(low, high + 1, count)


def shops(
    site: Site,
    *,
    share: float = 0.72,
    years: tuple[int, int] = (1992, 2012),
    floors: tuple[int, int] = (1, 3),
) -> Iterator[Group]:
    """Shops that line the streets, a dozen metres deep, in runs with gaps between them."""
    line = site.land.buffer(-7.2, join_style="mitre")
    if line.is_empty or line.geom_type != "Polygon":
        return
    corners = shapely.get_coordinates(line.exterior.simplify(2.5))
    units = [_frontage(site, a, b) for a, b in pairwise(corners)]
    every = np.concatenate([np.empty(0, dtype=object), *units])
    every = every[_kept(site, every, drop=1 - share)]
    yield Group(
        shapes=every,
        use="commercial",
        storeys=_floors(site, len(every), *floors),
        storey=3.9,
        years=years,
        label="{street}商铺{n}",
    )


def _frontage(site: Site, a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.object_]:
    """Shop units along one side of a block, kept clear of its corners."""
    length = float(np.hypot(*(b - a)))
    if length < 48:
        return np.empty(0, dtype=object)
    widths = site.rng.uniform(13, 30, int(length / 15))
    ends = np.cumsum(widths + 1.2)
    fit = ends < length - 36
    centres = 18 + ends[fit] - widths[fit] / 2
    half = widths[fit] / 2
    boxes = shapely.box(centres - half, -5.4, centres + half, 5.4)
    angle = float(np.arctan2(b[1] - a[1], b[0] - a[0]))
    return np.asarray(
        shapely.transform(shapes.turned(boxes, angle, np.zeros(2)), lambda at: at + a), dtype=object
    )


def slab(
    site: Site, *, years: tuple[int, int] = (1986, 2008), floors: tuple[int, int] = (5, 6), shop: float = 0.62
) -> Iterator[Group]:
    """Rows of south-facing flats behind a rim of shops."""
    yield from shops(site, share=shop)
    width = float(site.rng.choice([34.0, 46.0, 58.0]))
    inner = set_back(site, 18 if shop else 7)
    templates = [shapes.flats(width, 12.6), shapes.flats(width, 12.6), shapes.slab(width, 13.0)]
    row = 12.6 + floors[1] * 3 * 1.15
    placed = stamped(inner, templates, lattice(inner, width + 11, row, edge=(width / 2, 7)), drop=0.03)
    storeys = np.full(len(placed), site.rng.integers(floors[0], floors[1] + 1))
    yield Group(
        shapes=placed,
        use="residential",
        storeys=storeys,
        storey=2.9,
        years=years,
        label=f"{site.name}{{n}}号楼",
    )


def newslab(site: Site) -> Iterator[Group]:
    """The new quarter's flats with lifts: 9 to 11 storeys, wider apart."""
    yield from slab(site, years=(2017, 2024), floors=(9, 11), shop=0.35)


def tower(site: Site, *, years: tuple[int, int] = (2012, 2025)) -> Iterator[Group]:
    """Point towers in a park behind a broken rim of shops."""
    yield from shops(site, share=0.45, years=years, floors=(2, 3))
    inner = set_back(site, 22)
    templates = [shapes.cross(30, 24, 14), shapes.flats(34, 15), shapes.cross(26, 26, 15)]
    at = lattice(inner, 50, 58, edge=(16, 14))
    at[:, 0] += np.where(np.round((at[:, 1] - at[0, 1]) / 58).astype(np.int64) % 2, 9, -9)
    placed = stamped(inner, templates, at, drop=0.06)
    top = int(site.rng.integers(20, 34))
    storeys = np.clip(top - 3 * site.rng.integers(0, 3, len(placed)), 18, 33)
    yield Group(
        shapes=placed,
        use="residential",
        storeys=storeys,
        storey=2.95,
        years=years,
        label=f"{site.name}{{n}}号楼",
    )


def oldtown(site: Site) -> Iterator[Group]:
    """The old town: courtyards wall to wall, with low shops on the streets."""
    yield from shops(site, share=0.9, years=(1958, 1995), floors=(1, 2))
    inner = set_back(site, 14.5)
    templates = [
        shapes.ring(16.5, 18.5, 4.6),
        shapes.court(16.5, 18.5, 4.8),
        shapes.ring(16.0, 17.5, 4.4),
        shapes.ell(15.5, 17.0, 5.6),
    ]
    placed = stamped(inner, templates, lattice(inner, 19.4, 22.5, edge=(8.5, 9.5), jitter=0.5), drop=0.07)
    yield Group(
        shapes=placed,
        use="residential",
        storeys=_floors(site, len(placed), 1, 2),
        storey=3.3,
        years=(1935, 1988),
        label=f"{site.name}{{n}}号院",
    )


def village(site: Site) -> Iterator[Group]:
    """Farmsteads in rows: a house along the north of its yard, a wing or two."""
    templates = [
        shapes.court(13.2, 12.4, 4.4),
        shapes.ell(13.2, 12.4, 5.0),
        shapes.slab(13.0, 8.4),
        shapes.court(12.6, 13.0, 4.0),
    ]
    placed = stamped(site, templates, lattice(site, 15.4, 17.2, edge=(6.8, 6.7), jitter=0.5), drop=0.08)
    storeys = np.where(site.rng.random(len(placed)) < 0.16, 2, 1)
    yield Group(
        shapes=placed,
        use="residential",
        storeys=storeys,
        storey=3.4,
        years=(1978, 2018),
        label=f"{site.name}{{n}}号",
    )


def cbd(site: Site) -> Iterator[Group]:
    """Offices on podiums, a mall now and then."""
    yield from shops(site, share=0.5, years=(2006, 2020), floors=(3, 4))
    inner = set_back(site, 20)
    templates = [shapes.slab(38, 26), shapes.cross(36, 32, 20), shapes.slab(30, 30), shapes.ell(44, 34, 16)]
    placed = stamped(inner, templates, lattice(inner, 62, 60, edge=(22, 18)), drop=0.05)
    storeys = _floors(site, len(placed), 10, 26)
    yield Group(
        shapes=placed,
        use="office",
        storeys=storeys,
        storey=3.7,
        years=(2005, 2021),
        label=f"{site.name}{{n}}座",
    )


def office(site: Site) -> Iterator[Group]:
    """A business park: mid-rise, L and U shapes on lawns."""
    inner = set_back(site, 9)
    templates = [
        shapes.court(46, 34, 13),
        shapes.ell(44, 32, 14),
        shapes.slab(48, 18),
        shapes.ring(42, 40, 12),
    ]
    placed = stamped(inner, templates, lattice(inner, 60, 54, edge=(24, 21)), drop=0.05)
    yield Group(
        shapes=placed,
        use="office",
        storeys=_floors(site, len(placed), 4, 9),
        storey=3.8,
        years=(2010, 2024),
        label=f"{site.name}产业园{{n}}号楼",
    )


def industrial(site: Site) -> Iterator[Group]:
    """Sheds in rows with an office house at the gate."""
    width, depth = float(site.rng.choice([66.0, 84.0, 108.0])), float(site.rng.choice([30.0, 36.0, 42.0]))
    placed = stamped(
        site,
        [shapes.slab(width, depth), shapes.slab(width, depth - 6)],
        lattice(site, width + 14, depth + 16, edge=(width / 2 + 4, depth / 2 + 4)),
        drop=0.08,
    )
    yield Group(
        shapes=placed,
        use="industrial",
        storeys=np.where(site.rng.random(len(placed)) < 0.2, 2, 1),
        storey=8.6,
        years=(1998, 2023),
        label=f"{site.name}{{n}}号厂房",
    )


def port(site: Site) -> Iterator[Group]:
    """Warehouses and silos' sheds of the port."""
    placed = stamped(
        site, [shapes.slab(120, 46), shapes.slab(104, 40)], lattice(site, 140, 70, edge=(64, 28)), drop=0.2
    )
    yield Group(
        shapes=placed,
        use="warehouse",
        storeys=np.ones(len(placed), dtype=np.int64),
        storey=12.0,
        years=(2004, 2022),
        label="望海港{n}号仓库",
    )


def school(site: Site) -> Iterator[Group]:
    """A teaching house with wings in the north, dormitories and a hall; the south is the playing field."""
    west, south, east, north = site.box
    x, wide, tall = (west + east) / 2, east - west, north - south
    main = shapes.stamp(
        [shapes.comb(min(72.0, wide * 0.45), 40, 12)], np.zeros(1, np.int64), np.array([[x, north - 34]])
    )
    yield single(site, main, "school", 5, 3.7, (1996, 2021), site.name + "教学楼")
    rows = np.column_stack((np.full(3, west + wide * 0.16), north - 26 - np.arange(3) * 30))
    yield single(
        site,
        shapes.stamp([shapes.slab(min(44.0, wide * 0.2), 12)], np.zeros(3, np.int64), rows),
        "school",
        5,
        3.3,
        (1998, 2021),
        site.name + "宿舍{n}号楼",
    )
    hall = np.array([[east - wide * 0.15, north - 36], [east - wide * 0.15, north - tall * 0.52]])
    yield single(
        site,
        shapes.stamp([shapes.slab(min(36.0, wide * 0.2), 32)], np.zeros(2, np.int64), hall),
        "school",
        2,
        6.0,
        (2000, 2021),
        site.name + "体育馆",
    )


def single(
    site: Site,
    placed: NDArray[np.object_],
    use: str,
    floors: int,
    storey: float,
    years: tuple[int, int],
    label: str,
) -> Group:
    kept = placed[_kept(site, placed)]
    return Group(
        shapes=kept, use=use, storeys=np.full(len(kept), floors), storey=storey, years=years, label=label
    )


def hospital(site: Site) -> Iterator[Group]:
    """Out-patients in front, the ward tower behind, laboratories beside."""
    west, south, east, north = site.box
    x, y, wide, tall = (west + east) / 2, (south + north) / 2, east - west, north - south
    one = np.zeros(1, np.int64)
    front = shapes.stamp([shapes.comb(min(96.0, wide * 0.6), 40, 13)], one, np.array([[x, y - tall * 0.2]]))
    yield single(site, front, "hospital", 5, 4.1, (2003, 2019), site.name + "门诊楼")
    ward = shapes.stamp([shapes.cross(min(70.0, wide * 0.45), 36, 18)], one, np.array([[x, y + tall * 0.2]]))
    yield single(site, ward, "hospital", 16, 3.8, (2008, 2020), site.name + "住院楼")
    side = np.array([[west + wide * 0.12, y], [east - wide * 0.12, y]])
    yield single(
        site,
        shapes.stamp([shapes.slab(min(22.0, wide * 0.14), 44)], np.zeros(2, np.int64), side),
        "hospital",
        6,
        3.8,
        (1999, 2018),
        site.name + "{n}号医技楼",
    )


def government(site: Site) -> Iterator[Group]:
    """One broad house behind a square, two lower ones beside it."""
    west, south, east, north = site.box
    x, wide, tall = (west + east) / 2, east - west, north - south
    main = shapes.stamp(
        [shapes.comb(min(104.0, wide * 0.5), 38, 20)],
        np.zeros(1, np.int64),
        np.array([[x, north - tall * 0.24]]),
    )
    yield single(site, main, "government", 11, 3.9, (2009, 2009), site.name)
    side = np.array([[x - wide * 0.36, north - tall * 0.34], [x + wide * 0.36, north - tall * 0.34]])
    yield single(
        site,
        shapes.stamp([shapes.slab(20, min(64.0, tall * 0.4))], np.zeros(2, np.int64), side),
        "government",
        5,
        3.8,
        (2009, 2010),
        site.name + "{n}号附楼",
    )


def market(site: Site) -> Iterator[Group]:
    """A market: long halls side by side."""
    inner = set_back(site, 8)
    wide = inner.box[2] - inner.box[0]
    placed = stamped(
        inner, [shapes.slab(wide * 0.42, 22)], lattice(inner, wide * 0.46, 34, edge=(wide * 0.21, 12))
    )
    yield single(site, placed, "commercial", 2, 5.2, (1996, 2015), site.name + "{n}号厅")


def utility(site: Site) -> Iterator[Group]:
    """Works: a control house and halls, well apart."""
    inner = set_back(site, 14)
    placed = stamped(
        inner,
        [shapes.slab(42, 22), shapes.slab(28, 28), shapes.ell(40, 28, 12)],
        lattice(inner, 66, 58, edge=(22, 16)),
        drop=0.25,
    )
    yield single(site, placed, "utility", 2, 5.4, (1994, 2016), site.name + "{n}号房")


def stadium(site: Site) -> Iterator[Group]:
    """A bowl with a hole in it, and a hall."""
    west, south, east, north = site.box
    middle = shapely.Point((west + east) / 2, (south + north) / 2)
    reach = min(east - west, north - south) / 2 - 12
    disc = middle.buffer(1, quad_segs=12)
    bowl = shapely.transform(
        disc, lambda at: (at - [middle.x, middle.y]) * [reach * 0.78, reach] + [middle.x, middle.y]
    )
    field = shapely.transform(
        disc, lambda at: (at - [middle.x, middle.y]) * [reach * 0.45, reach * 0.66] + [middle.x, middle.y]
    )
    yield single(
        site, np.array([bowl.difference(field)], dtype=object), "sports", 3, 6.5, (2014, 2014), site.name
    )


PATTERNS: dict[str, Pattern] = {
    "slab": slab,
    "newslab": newslab,
    "tower": tower,
    "oldtown": oldtown,
    "renewal": oldtown,
    "village": village,
    "cbd": cbd,
    "office": office,
    "industrial": industrial,
    "port": port,
    "school": school,
    "hospital": hospital,
    "government": government,
    "market": market,
    "utility": utility,
    "stadium": stadium,
    "station": market,
}
