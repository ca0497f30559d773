"""Buildings by estate and number."""

from __future__ import annotations

import pytest

from pipelines import numbered


@pytest.mark.parametrize(
    ("text", "estate", "number", "rest"),
    [
        ("阳光花园3号楼", "阳光花园", "3号楼", ""),
        ("阳光花园3栋", "阳光花园", "3号楼", ""),
        ("阳光花园03幢", "阳光花园", "3号楼", ""),
        ("阳光花园3#", "阳光花园", "3号楼", ""),
        ("阳光花园3#楼", "阳光花园", "3号楼", ""),
        ("阳光花园三号楼", "阳光花园", "3号楼", ""),
        ("阳光花园十二号楼", "阳光花园", "12号楼", ""),
        ("阳光花园二十栋", "阳光花园", "20号楼", ""),
        ("阳光花园3号楼2单元", "阳光花园", "3号楼", "2单元"),
        ("阳光花园3号楼2单元301", "阳光花园", "3号楼", "2单元301"),
    ],
)
def test_an_estate_and_a_number_however_they_are_written(
    text: str, estate: str, number: str, rest: str
) -> None:
    assert numbered.read(text) == numbered.Numbered(estate=estate, number=number, rest=rest)
    assert numbered.plain(text) == estate + number + rest


@pytest.mark.parametrize("text", ["海丰路128号", "3号楼", "第一中学", "阳光花园", "1号"])
def test_what_is_no_building_of_an_estate(text: str) -> None:
    assert numbered.read(text) is None


def test_another_number_that_ends_with_it_does_not_fit() -> None:
    asked = numbered.Numbered(estate="阳光花园", number="3号楼", rest="")
    assert numbered.fits(asked, "阳光花园3幢")
    assert numbered.fits(asked, "3号楼阳光花园")
    assert not numbered.fits(asked, "阳光花园13号楼")
    assert not numbered.fits(asked, "阳光花园十三号楼")
    assert not numbered.fits(asked, "月光花园3号楼")
