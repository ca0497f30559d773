"""Where two named roads meet."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyproj
import pytest
import shapely

from layers.roads import KIND
from pipelines import crossings
from pipelines.search import Index
from twin.memory.store import MemoryStore
from twin.model import Delivery, Layer, Mode, Op, Property, Titles
from twin.policy import Grant, Policy
from twin.table import Batch

ROADS = Layer(id="roads", kind="roads", title=Titles(en="Roads"), geometry="LineString", columns=KIND.columns)
EAST, NORTH = 551_000.0, 4_180_000.0
PLANE = pyproj.Transformer.from_crs(4548, 4490, always_xy=True)
"""CGCS2000, 117° E: coordinates of the tests are metres from EAST, NORTH."""


def degrees(east: float, north: float) -> tuple[float, float]:
    return PLANE.transform(EAST + east, NORTH + north)


@pytest.fixture
def made(tmp_path: Path):
    def make(*roads: tuple[str, str | None, list[tuple[float, float]]]) -> tuple[MemoryStore, Index]:
        store, index = MemoryStore(), Index(tmp_path / "index.sqlite")
        lines = [shapely.LineString([degrees(*p) for p in places]) for *_, places in roads]
        table = pa.table(
            {
                "id": [f"R{n}" for n in range(len(roads))],
                "name": pa.array([name for name, *_ in roads], pa.string()),
                "ref": pa.array([ref for _, ref, _ in roads], pa.string()),
                "geom": pa.array(shapely.to_wkb(lines), pa.binary()),
            }
        )
        delivery = Delivery(source="test", at=datetime(2025, 1, 1, tzinfo=UTC), mode=Mode.UPSERT)
        report = store.write(ROADS, iter([Batch(table=table, crs=None)]), delivery)
        assert report.quarantined == 0
        index.update(store, "roads", None, report.commit)
        return store, index

    return make


def found(
    world: tuple[MemoryStore, Index], text: str, policy: Policy | None = None
) -> list[crossings.Crossing]:
    store, index = world
    return crossings.found(
        text,
        index,
        store=store,
        policy=policy or Policy.open(),
        labels={"roads": "name"},
        middle=degrees(0, 0),
    )


def near(crossing: crossings.Crossing, east: float, north: float) -> float:
    """Metres on the ellipsoid from where it is to be."""
    lon, lat = degrees(east, north)
    return pyproj.Geod(ellps="GRS80").inv(crossing.lon, crossing.lat, lon, lat)[2]


PLAIN = (
    ("海丰路", "G228", [(0, -900), (0, 900)]),
    ("中心大街", None, [(-900, 100), (-5, 100)]),
    ("中心大街", None, [(-5, 100), (900, 100)]),
    ("和平路", None, [(-900, 500), (900, 500)]),
)


@pytest.mark.parametrize(
    "text",
    [
        "海丰路与中心大街路口",
        "海丰路和中心大街交叉口",
        "海丰路/中心大街",
        "海丰路 中心大街",
        "海丰路、中心大街的路口",
        "海丰路与中心大街口",
        "海丰路中心大街口",
        "G228与中心大街",
        "g228/中心大街路口",
        "海丰与中心路口",
    ],
)
def test_a_crossing_is_found_as_people_say_it(made, text: str) -> None:
    (crossing,) = found(made(*PLAIN), text)
    assert near(crossing, 0, 100) < 0.05
    assert crossing.gap == 0
    assert crossing.names[1] == "中心大街"


def test_the_other_way_round_too(made) -> None:
    (crossing,) = found(made(*PLAIN), "中心大街海丰路口")
    assert crossing.names == ("中心大街", "海丰路")
    assert near(crossing, 0, 100) < 0.05


def test_a_name_may_hold_a_word_that_parts_names(made) -> None:
    (crossing,) = found(made(*PLAIN), "和平路和海丰路路口")
    assert crossing.names == ("和平路", "海丰路")
    assert near(crossing, 0, 500) < 0.05


@pytest.mark.parametrize(
    "text", ["海丰路", "中心大街与和平路口", "海丰路与海丰路", "海丰路与无名路口", "路口", ""]
)
def test_what_meets_nowhere_is_no_crossing(made, text: str) -> None:
    assert found(made(*PLAIN), text) == []


def test_roads_that_meet_twice_have_two_crossings_and_carriageways_one(made) -> None:
    ring = [(-800, -800), (800, -800), (800, 800), (-800, 800), (-800, -800)]
    double = [
        ("环城路", None, ring),
        ("人民路", None, [(-10, -999), (-10, 999)]),
        ("人民路", None, [(10, 999), (10, -999)]),
    ]
    both = found(made(*double), "环城路与人民路")
    assert len(both) == 2
    assert sorted(round(c.lat, 3) for c in both) == sorted(round(degrees(0, n)[1], 3) for n in (-800, 800))
    assert all(min(near(c, 0, -800), near(c, 0, 800)) < 0.05 for c in both)


def test_a_mouth_that_ends_before_the_other_line_is_a_crossing_that_says_how_far(made) -> None:
    world = made(("东风路", None, [(0, 0), (500, 0)]), ("建设路", None, [(-12, -400), (-12, 400)]))
    (crossing,) = found(world, "东风路与建设路口")
    assert crossing.gap == pytest.approx(12, abs=0.1)
    far = made(("西风路", None, [(40, 0), (500, 0)]), ("工农路", None, [(0, -400), (0, 400)]))
    assert found(far, "西风路与工农路口") == []


def test_a_numbered_road_does_not_cross_the_street_that_it_runs_in(made) -> None:
    assert found(made(("海丰路", "G228", [(0, 0), (0, 900)])), "海丰路与G228") == []


def test_a_hidden_road_meets_nothing_and_does_not_stand_before_one_that_is_seen(made) -> None:
    world = made(*PLAIN, ("海丰", None, [(300, -900), (300, 900)]))
    seen = Policy.of((Grant(layers=("roads",), rows=Op(op="<>", args=(Property(name="name"), "海丰"))),))
    assert near(found(world, "海丰与中心大街")[0], 300, 100) < 0.05
    (crossing,) = found(world, "海丰与中心大街", seen)
    assert crossing.names == ("海丰路", "中心大街")
    none = Policy.of((Grant(layers=("roads",), rows=Op(op="=", args=(Property(name="name"), "海丰路"))),))
    assert found(world, "海丰路与中心大街", none) == []


def test_a_road_that_is_renamed_is_found_by_its_new_name(made) -> None:
    world = made(*PLAIN)
    again = made(("新海路", None, PLAIN[0][2]), *PLAIN[1:])
    assert found(again, "新海路与中心大街")
    assert found(again, "海丰路与中心大街") == []
    del world
