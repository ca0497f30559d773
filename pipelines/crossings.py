"""Places where two named roads meet, said as people say them and computed from the layers of roads.

"海丰路与中心大街路口", "海丰路/中心大街", "中心大街海丰路口", "G228和海丰路交叉口", "High Street & 2nd Avenue".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import islice, product
from typing import Any, Final, Protocol

import numpy as np
import shapely
from numpy.typing import NDArray

from pipelines.indexing import NUMBER, fold
from twin.model import Query
from twin.policy import Policy
from twin.store import Store

LONGEST: Final = 60
"""Characters; more are no two names of roads."""
TAILS: Final = re.compile(
    r"的?(?:交叉路口|十字路口|丁字路口|三岔路口|交叉口|交汇处|交汇口|相交处|路口|口|处|intersection|crossing|junction)$"
)
BETWEEN: Final = (
    "与",
    "和",
    "、",
    "/",
    "&",
    "×",
    "+",
    ",",
    ";",
    "跟",
    "同",
    "及",
    "-",
    "—",
    "@",
    "|",
    "and",
    "at",
)
GAP: Final = 30.0
"""Metres between the end of one centre line and another road that is still its mouth: half of two wide roads."""
ONE: Final = 60.0
"""Metres within which meeting places are one crossing: dual carriageways meet four times."""
METRES: Final = 111_319.49
"""A degree along the equator (WGS 84)."""
MANY: Final = 20
"""Pairs of roads that are looked at where only the beginnings of names were said."""


Side = dict[tuple[str, str], tuple[str, Any]]
"""Layer and id of rows -> name and line."""


class Roads(Protocol):
    """Where roads are looked up by their names."""

    def roads(self, names: Sequence[str]) -> Mapping[str, Sequence[tuple[str, str]]]:
        """Layer and id of the rows that have a name, of folded names that any row has."""
        ...

    def roads_from(self, starts: Sequence[str]) -> Mapping[str, Sequence[str]]:
        """Folded names of roads by their beginnings."""
        ...


@dataclass(frozen=True, kw_only=True)
class Crossing:
    """A place where two roads meet."""

    names: tuple[str, str]
    """As the data have them, in the order asked for."""
    lon: float
    lat: float
    gap: float
    """Metres between the two; 0 where they touch."""


def pairs(text: str) -> list[tuple[str, str, bool]]:
    """Two names that a text may be made of, the plainest first; whether something stood between them.

    Names hold the words that part them (和平路), so every place is tried; the index knows which are roads.
    """
    whole = fold(text)
    if len(whole) > LONGEST:
        return []
    found: dict[tuple[str, str, bool], None] = {}
    for body in _bodies(whole):
        parted = ((i, w) for w in BETWEEN for i in range(1, len(body)) if body.startswith(w, i))
        found |= {(body[:i], body[i + len(w) :], True): None for i, w in parted}
    for body in _bodies(whole):
        found |= {(body[:i], body[i:], False): None for i in range(2, len(body) - 1)}
    return [pair for pair in found if all(len(name) > 1 for name in pair[:2])]


def _bodies(whole: str) -> Iterator[str]:
    """A text without what says that it is a crossing, and without half of it: 海丰路口 is the 口 of 海丰路."""
    shorter = TAILS.sub("", whole)
    if whole.endswith("路口"):
        yield whole[:-1]
    if shorter != whole:
        yield shorter
        if shorter.endswith("的"):
            yield shorter[:-1]
    yield whole


def found(
    text: str,
    index: Roads,
    *,
    store: Store,
    policy: Policy,
    labels: Mapping[str, str],
    middle: tuple[float, float],
) -> list[Crossing]:
    """The crossings that a text names: those where the roads touch first, then those nearest to the middle.

    Args:
        text: what was typed.
        index: where roads are looked up.
        store: where they are.
        policy: whose sight of them counts: what is hidden meets nothing.
        labels: the layers of roads that may be seen, each with the column of its names.
        middle: longitude and latitude of the site.
    """
    sides = cache(_Sight(index=index, store=store, policy=policy, labels=labels).side)
    out = [c for a, b in _asked(pairs(text), index, sides) for c in _meeting(sides(a), sides(b))]
    return sorted(out, key=lambda c: (c.gap, np.hypot(c.lon - middle[0], c.lat - middle[1])))


def _asked(
    tried: Sequence[tuple[str, str, bool]], index: Roads, sides: Callable[[str], Side]
) -> list[tuple[str, str]]:
    """The pairs whose names are roads' names; where none is, those whose names begin so.

    What is not seen must not count, so sides decide and not what the index knows of them.
    """
    known = index.roads(list(dict.fromkeys(name for pair in tried for name in pair[:2])))
    exact = [(a, b) for a, b, _ in tried if a != b and a in known and b in known]
    exact = [(a, b) for a, b in exact if sides(a) and sides(b)]
    if exact:
        return list(dict.fromkeys(exact))
    parted = [(a, b) for a, b, said in tried if said]
    begun = index.roads_from(list(dict.fromkeys(name for pair in parted for name in pair)))
    pairs_of = (product(begun.get(a, ()), begun.get(b, ())) for a, b in parted)
    longer = dict.fromkeys(pair for some in pairs_of for pair in some if pair[0] != pair[1])
    return list(islice(((a, b) for a, b in longer if sides(a) and sides(b)), MANY))


@dataclass(frozen=True, kw_only=True)
class _Sight:
    """Roads as somebody sees them."""

    index: Roads
    store: Store
    policy: Policy
    labels: Mapping[str, str]

    def side(self, wanted: str) -> Side:
        """Rows that are seen and, as they are seen, have the folded name."""
        out: Side = {}
        rows = self.index.roads([wanted]).get(wanted, ())
        for layer in dict.fromkeys(layer for layer, _ in rows if layer in self.labels):
            out |= self._rows(layer, tuple(dict.fromkeys(key for of, key in rows if of == layer)), wanted)
        return out

    def _rows(self, layer: str, ids: tuple[str, ...], wanted: str) -> Side:
        has = {c.name for c in self.store.layer(layer, self.policy).layer.columns}
        columns = tuple(c for c in (self.labels[layer], NUMBER) if c in has)
        table = self.store.read(Query(layer=layer, policy=self.policy, columns=columns, ids=ids))
        lines = shapely.force_2d(shapely.from_wkb(table["geom"].to_numpy(zero_copy_only=False)))
        out: Side = {}
        for key, line, *names in zip(
            table["id"].to_pylist(), lines, *(table[c].to_pylist() for c in columns), strict=True
        ):
            name = next((n for n in names if n and fold(str(n)) == wanted), None)
            if name is not None and line is not None:
                out[layer, key] = (str(name), line)
        return out


def _meeting(one: Side, other: Side) -> list[Crossing]:
    """Where two roads meet; what bears both names (a numbered road in a street) is neither."""
    both = one.keys() & other.keys()
    sides = [{k: v for k, v in side.items() if k not in both} for side in (one, other)]
    if not all(sides):
        return []
    names = [next(iter(side.values()))[0] for side in sides]
    lines = [np.array([line for _, line in side.values()], dtype=object) for side in sides]
    west, south, east, north = shapely.total_bounds(lines[0])
    origin = np.array([(west + east) / 2, (south + north) / 2])
    scale = np.array([METRES * np.cos(np.radians(origin[1])), METRES])
    a, b = (shapely.union_all(shapely.transform(side, lambda c: (c - origin) * scale)) for side in lines)
    places, gaps = _touching(a, b)
    return [
        Crossing(names=(names[0], names[1]), lon=float(lon), lat=float(lat), gap=round(float(gap), 1))
        for (lon, lat), gap in _gathered(places, gaps, lambda c: c / scale + origin)
    ]


def _touching(a: Any, b: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Places (n, 2) where lines in metres touch, or end near each other, and the metres between."""
    met = shapely.get_parts(shapely.intersection(a, b))
    touch = shapely.get_coordinates(shapely.centroid(met))
    near = [_ends(line, to) for line, to in ((a, b), (b, a))]
    places = np.vstack([touch, *(p for p, _ in near)])
    return places, np.concatenate([np.zeros(len(touch)), *(g for _, g in near)])


def _ends(line: Any, other: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Ends of a line that lie near another one, and how near."""
    ends = shapely.points(shapely.get_coordinates(shapely.boundary(line)))
    gaps = shapely.distance(ends, other)
    near = (gaps > 0) & (gaps <= GAP)
    return shapely.get_coordinates(ends[near]), gaps[near]


def _gathered(
    places: NDArray[np.float64], gaps: NDArray[np.float64], back: Callable[[NDArray[np.float64]], Any]
) -> Iterator[tuple[Any, float]]:
    """Places as crossings: those near each other are one, in their middle; where some touch, in the middle of those."""
    if not len(places):
        return
    points = shapely.points(places)
    areas = shapely.get_parts(shapely.union_all(shapely.buffer(points, ONE / 2)))
    for area in areas:
        inside = shapely.covers(area, points)
        nearest = gaps[inside].min()
        kept = places[inside][gaps[inside] == nearest] if nearest == 0 else places[inside]
        yield back(kept.mean(axis=0)), nearest
