"""Which names there are: of places, waters, parks, roads and large buildings, and where they could stand."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from pipelines.drawing import text
from pipelines.drawing.frame import SIDE, Frame
from pipelines.drawing.labels import Glyphs, Name, key
from pipelines.drawing.palette import GREEN, WET, Palette
from pipelines.drawing.scene import Rows, Scene, grades, public
from pipelines.drawing.streets import GRADES, width

REACH = SIDE
"""Pixels around the tile in which names are looked for."""
STEEP = 52
"""Degrees: on a steeper road Chinese letters stand one below the other, upright."""
BENT = 18.0
"""Degrees that a road may turn under its name."""
EVERY = 620
"""Pixels between two names of one road."""
ROAD_SIZE = 21
MANY = 4000
"""Candidates of one sort in a window; the highest ranks are kept."""


@dataclass(frozen=True, kw_only=True)
class Sort:
    """How places of one category are named."""

    rank: float
    size: int
    begins: int
    """The level from which on they are."""
    color: str = ""
    """Of the dot; without one there is no dot."""


PLACES: dict[str, Sort] = {
    "county": Sort(rank=100, size=36, begins=9),
    "city": Sort(rank=99, size=36, begins=8),
    "town": Sort(rank=95, size=30, begins=11),
    "village": Sort(rank=80, size=23, begins=13),
    "government": Sort(rank=70, size=22, begins=14, color="#8A5A44"),
    "hospital": Sort(rank=68, size=22, begins=14, color="#B5473F"),
    "port": Sort(rank=66, size=22, begins=13, color="#3D6E8F"),
    "scenic": Sort(rank=65, size=22, begins=14, color="#4F7F4A"),
    "station": Sort(rank=64, size=22, begins=14, color="#3D6E8F"),
    "bus_station": Sort(rank=64, size=22, begins=14, color="#3D6E8F"),
    "park": Sort(rank=60, size=22, begins=14, color="#4F7F4A"),
    "culture": Sort(rank=58, size=22, begins=15, color="#7C6A9C"),
    "sports": Sort(rank=57, size=22, begins=15, color="#7C6A9C"),
    "school": Sort(rank=56, size=22, begins=15, color="#8B7440"),
    "fire_station": Sort(rank=55, size=22, begins=15, color="#B5473F"),
    "police": Sort(rank=54, size=22, begins=15, color="#3D5E8F"),
    "market": Sort(rank=50, size=22, begins=16, color="#8B7440"),
    "utility": Sort(rank=45, size=22, begins=16, color="#7B858C"),
    "fuel": Sort(rank=44, size=22, begins=16, color="#7B858C"),
    "shelter": Sort(rank=43, size=22, begins=16, color="#4F7F4A"),
}
OTHER = Sort(rank=40, size=22, begins=16, color="#7B858C")


@dataclass(frozen=True, kw_only=True)
class Speech:
    """In whose language and colours."""

    lang: str
    palette: Palette

    def names(self, rows: Rows) -> NDArray[np.object_]:
        """(n,) the rows' names; empty where they have none."""
        columns = [rows.column("name_en", "name:en"), rows.column("name")]
        first = columns if self.lang == "en" else columns[::-1]
        return np.array([str(a or b or "").strip() for a, b in zip(*first, strict=True)], object)


def places(scene: Scene, frame: Frame, speech: Speech) -> Iterator[Name]:
    """Points that are places."""
    for rows in scene.places:
        at = frame.pixels(shapely.get_coordinates(shapely.centroid(rows.shapes)))
        sorts = rows.column("category", "kind", "class", "type")
        for (x, y), name, sort, row in zip(at, speech.names(rows), sorts, rows.ids, strict=True):
            how = PLACES.get(str(sort).lower(), OTHER)
            if name and frame.z >= how.begins:
                yield _place(name, how, (x, y), speech, key(rows.layer, row))


def _place(name: str, how: Sort, at: tuple[float, float], speech: Speech, tie: int) -> Name:
    said = text.wrapped(name)
    x, y = at
    below = text.measure(said, how.size)[1] / 2 + 9 if how.color else 0
    return Name(
        name=name,
        rank=how.rank,
        size=how.size,
        ink=speech.palette.text,
        pieces=(Glyphs(text=said, x=x, y=y + below),),
        dot=(x, y, how.color) if how.color else None,
        key=tie,
    )


def waters(scene: Scene, frame: Frame, speech: Speech) -> Iterator[Name]:
    """Areas of water and of green that are large enough for their name."""
    for surfaces, ink, rank, size in (
        (WET, speech.palette.water_text, 75.0, 24),
        (GREEN, speech.palette.green_text, 52.0, 21),
    ):
        for surface in surfaces:
            for rows in scene.surfaces.get(surface, ()):
                yield from _areas(rows, frame, speech, ink, rank, size)


def _areas(rows: Rows, frame: Frame, speech: Speech, ink: str, rank: float, size: int) -> Iterator[Name]:
    names = speech.names(rows)
    named = np.flatnonzero(names != "")
    if not len(named):
        return
    shapes = rows.shapes[named]
    room = np.sqrt(shapely.area(shapely.transform(shapes, frame.pixels)))
    for k in np.flatnonzero(room > 2.2 * size):
        name = text.wrapped(names[named[k]])
        if room[k] < 0.7 * text.measure(name, size)[0]:
            continue
        point = frame.pixels(shapely.get_coordinates(shapely.point_on_surface(shapes[k])))[0]
        yield Name(
            name=names[named[k]],
            rank=rank + round(min(room[k] / 1000, 5), 2),
            size=size,
            ink=ink,
            pieces=(Glyphs(text=name, x=point[0], y=point[1]),),
            key=key(rows.layer, rows.ids[named[k]]),
        )


def houses(scene: Scene, frame: Frame, speech: Speech) -> Iterator[Name]:
    """Buildings whose name fits into them, and those that everybody goes to."""
    if frame.z < 17:
        return
    for rows in scene.buildings:
        names, open_ = speech.names(rows), public(rows)
        bounds = shapely.bounds(rows.shapes)
        west_north = frame.pixels(bounds[:, [0, 3]])
        east_south = frame.pixels(bounds[:, [2, 1]])
        room = east_south[:, 0] - west_north[:, 0]
        middle = (east_south + west_north) / 2
        for k in np.flatnonzero(names != ""):
            said = text.wrapped(names[k])
            if text.measure(said, 20)[0] < room[k] * (1.3 if open_[k] else 0.8):
                yield Name(
                    name=names[k],
                    rank=35 if open_[k] else 30,
                    size=20,
                    ink=speech.palette.quiet if not open_[k] else speech.palette.road_text,
                    pieces=(Glyphs(text=said, x=middle[k, 0], y=middle[k, 1]),),
                    key=key(rows.layer, rows.ids[k]),
                )


@dataclass(frozen=True, kw_only=True)
class Street:
    """A road's whole course under one name."""

    name: str
    grade: str
    line: shapely.LineString
    """Longitude, latitude."""


@dataclass(frozen=True, kw_only=True)
class Courses:
    """The named roads of a layer, and where they are."""

    streets: list[Street]
    tree: shapely.STRtree

    def near(self, frame: Frame) -> list[Street]:
        """Those that reach into a tile's window."""
        found = self.tree.query(shapely.box(*frame.box(REACH).astuple()))
        return [self.streets[k] for k in np.sort(found)]


def courses(rows: Rows, speech: Speech) -> Courses:
    """Segments of the same name and class joined, so that a name can run across junctions."""
    names, classes = speech.names(rows), grades(rows)
    together: dict[tuple[str, str], list[shapely.Geometry]] = defaultdict(list)
    for name, grade, shape in zip(names, classes, rows.shapes, strict=True):
        if name:
            together[name, grade].append(shape)
    found = []
    for (name, grade), shapes in sorted(together.items(), key=lambda item: item[0]):
        merged = shapely.line_merge(shapely.multilinestrings(shapely.get_parts(shapes).tolist()))
        found += [Street(name=name, grade=grade, line=line) for line in shapely.get_parts(merged)]
    return Courses(streets=found, tree=shapely.STRtree([s.line for s in found]))


def streets(found: list[Street], frame: Frame, speech: Speech) -> Iterator[Name]:
    """Names along roads, every EVERY pixels, where the road is straight enough."""
    grades_ = list(GRADES)
    for street in found:
        wide = width(street.grade, frame.z)
        if wide < (5.0 if street.grade in ("residential", "service") else 3.4) or street.grade == "rail":
            continue
        line = shapely.transform(street.line, frame.pixels)
        long = text.measure(street.name, ROAD_SIZE)[0] + 8
        count = max(1, int(line.length // EVERY))
        for k in range(count):
            pieces = along(line, (k + 0.5) / count * line.length, long, street.name)
            if pieces:
                rank = 20 + grades_.index(street.grade) + round(min(line.length / 5000, 0.9), 2)
                yield Name(
                    name=street.name,
                    rank=rank,
                    size=ROAD_SIZE,
                    ink=speech.palette.road_text,
                    pieces=pieces,
                    key=key(street.name, k, shapely.get_coordinates(street.line)[0].round(6).tolist()),
                )


def along(line: shapely.LineString, middle: float, long: float, name: str) -> tuple[Glyphs, ...]:
    """The letters of a name about a place on a line; none where the line is too short or too bent."""
    start, end = middle - long / 2, middle + long / 2
    if start < 0 or end > line.length:
        return ()
    x, y = shapely.get_coordinates(shapely.line_interpolate_point(line, np.array([start, middle, end]))).T
    if not (-REACH < x[1] < SIDE + REACH and -REACH < y[1] < SIDE + REACH):
        return ()
    turns = np.degrees(np.arctan2(-np.diff(y), np.diff(x)))
    if abs((turns[1] - turns[0] + 180) % 360 - 180) > BENT:
        return ()
    angle = float(np.degrees(np.arctan2(y[0] - y[2], x[2] - x[0])))
    if not name.isascii() and STEEP < abs(angle) < 180 - STEEP:
        return _standing(line, middle, name, down=angle < 0)
    angle = (angle + 90) % 180 - 90
    return (Glyphs(text=name, x=float(x[1]), y=float(y[1]), angle=round(angle)),)


def _standing(line: shapely.LineString, middle: float, name: str, *, down: bool) -> tuple[Glyphs, ...]:
    """Letters upright, one below the other along the line."""
    step = ROAD_SIZE * 1.08
    offsets = (np.arange(len(name)) - (len(name) - 1) / 2) * step
    points = shapely.line_interpolate_point(line, middle + (offsets if down else -offsets))
    return tuple(
        Glyphs(text=letter, x=float(x), y=float(y))
        for letter, (x, y) in zip(name, shapely.get_coordinates(points), strict=True)
    )


def best(names: Iterator[Name]) -> list[Name]:
    """The candidates in the window, not more than MANY of them."""
    inside = [n for n in names if _near(n)]
    order: Callable[[Name], tuple[float, int]] = lambda n: (-n.rank, n.key)  # noqa: E731
    return inside if len(inside) <= MANY else sorted(inside, key=order)[:MANY]


def _near(name: Name) -> bool:
    piece = name.pieces[len(name.pieces) // 2]
    return -REACH < piece.x < SIDE + REACH and -REACH < piece.y < SIDE + REACH
