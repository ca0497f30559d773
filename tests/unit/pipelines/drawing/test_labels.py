"""Names do not cover each other, and neighbouring tiles agree about them."""

from __future__ import annotations

import random

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from pipelines.drawing import text
from pipelines.drawing.frame import SIDE
from pipelines.drawing.labels import ROUNDS, Glyphs, Name, settle, standing, visible
from pipelines.drawing.naming import along


def name(said: str, x: float, y: float, rank: float = 10, key: int = 0) -> Name:
    return Name(name=said, rank=rank, size=22, ink="#000000", pieces=(Glyphs(text=said, x=x, y=y),), key=key)


def crowd(seed: int, count: int = 120) -> list[Name]:
    rng = random.Random(seed)
    return [
        name(
            f"第{k}小学",
            rng.uniform(-500, 1000),
            rng.uniform(-500, 1000),
            rng.randint(1, 9),
            rng.randint(0, 99),
        )
        for k in range(count)
    ]


@given(st.integers(0, 2**32 - 1))
def test_no_two_standing_names_touch(seed: int) -> None:
    boxes = shapely.box(*np.array([n.boxes()[0] for n in standing(crowd(seed))]).T)
    one, two = shapely.STRtree(boxes).query(boxes, predicate="overlaps")
    assert not len(one[one != two])


def test_who_comes_first_does_not_matter() -> None:
    names = crowd(3)
    wanted = {n.name for n in standing(names)}
    for seed in range(5):
        shuffled = names.copy()
        random.Random(seed).shuffle(shuffled)
        assert {n.name for n in standing(shuffled)} == wanted


def test_the_higher_rank_stands() -> None:
    assert [n.name for n in standing([name("村", 50, 50, 1), name("县城", 55, 50, 9)])] == ["县城"]


def test_the_same_name_is_not_said_twice_close_by() -> None:
    near = standing([name("海丰路", 0, 0), name("海丰路", 200, 0, key=1)])
    far = standing([name("海丰路", 0, 0), name("海丰路", 400, 0, key=1)])
    assert (len(near), len(far)) == (1, 2)


@given(st.integers(0, 2**32 - 1))
def test_what_lies_farther_away_than_the_rounds_reach_changes_nothing(seed: int) -> None:
    """The tile's neighbour sees another window; what stands at the shared edge must be the same."""
    names = crowd(seed, 300)
    wide = text.measure("第100小学", 22)[0]
    reach = (ROUNDS + 1) * (wide + 20) + 5
    near = [
        n for n in names if abs(n.pieces[0].x - SIDE / 2) < reach and abs(n.pieces[0].y - SIDE / 2) < reach
    ]
    middle = lambda found: {  # noqa: E731
        n.name for n in found if abs(n.pieces[0].x - SIDE / 2) < 10 and abs(n.pieces[0].y - SIDE / 2) < 60
    }
    assert middle(standing(names)) == middle(standing(near))


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20)), max_size=60))
def test_settling_leaves_no_conflict_and_the_first_always_stands(pairs: list[tuple[int, int]]) -> None:
    found = np.array([(min(p), max(p)) for p in pairs if p[0] != p[1]] or np.empty((0, 2)), np.int64).reshape(
        -1, 2
    )
    stands = settle(21, found[:, 0], found[:, 1])
    assert stands[0]
    assert not (stands[found[:, 0]] & stands[found[:, 1]]).any()


def test_only_what_reaches_into_the_tile_is_drawn() -> None:
    inside, over, outside = name("甲", 100, 100), name("跨越边界", -10, 100), name("乙", -300, 100)
    assert visible([inside, over, outside]) == [inside, over]


@pytest.mark.parametrize("said", ["Wanghai", "望海"])
def test_a_name_along_a_level_road_lies_level(said: str) -> None:
    (piece,) = along(shapely.LineString([(0, 100), (400, 100)]), 200, 90, said)
    assert (piece.x, piece.y, piece.angle) == (200, 100, 0)


def test_a_name_is_never_upside_down() -> None:
    (piece,) = along(shapely.LineString([(400, 120), (0, 100)]), 200, 90, "Haifeng Road")
    assert -90 <= piece.angle <= 90


@pytest.mark.parametrize("road", [[(100, 0), (110, 400)], [(110, 400), (100, 0)]])
def test_chinese_letters_stand_upright_from_the_top_along_a_steep_road(
    road: list[tuple[float, float]],
) -> None:
    pieces = along(shapely.LineString(road), 200, 90, "海丰路")
    assert [p.text for p in sorted(pieces, key=lambda p: p.y)] == ["海", "丰", "路"]
    assert {p.angle for p in pieces} == {0}


def test_a_bent_or_short_road_has_no_name() -> None:
    assert along(shapely.LineString([(0, 0), (50, 0), (50, 50)]), 50, 80, "弯路") == ()
    assert along(shapely.LineString([(0, 0), (50, 0)]), 25, 80, "短路") == ()


def test_a_long_name_is_written_on_two_lines() -> None:
    assert text.wrapped("望海县第一实验小学教学楼") == "望海县第一实\n验小学教学楼"
    assert text.wrapped("望海县") == "望海县"
    assert "\n" in text.wrapped("渤海湾示范区（虚构海域）")


def test_the_typeface_has_chinese_letters() -> None:
    letters = [text.masks(letter, 24)[0] for letter in "望海县路"]
    assert all(m.max() > 200 for m in letters)
    assert len({m.tobytes() for m in letters}) == 4
