"""Names by their sound."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pypinyin import Style, lazy_pinyin

from pipelines import sounds

NAMES = ["县人民医院", "中国工商银行", "重庆路", "西安南路", "绿化广场", "女儿河", "汽车站", "阳光花园3号楼"]


@pytest.mark.parametrize(
    ("typed", "name", "found"),
    [
        ("renmin yiyuan", "县人民医院", (1, 5, True)),
        ("RenMinYiYuan", "县人民医院", (1, 5, True)),
        ("rénmín yīyuàn", "县人民医院", (1, 5, True)),
        ("rmyy", "县人民医院", (1, 5, False)),
        ("renmyy", "县人民医院", (1, 5, False)),
        ("renminyiy", "县人民医院", (1, 5, False)),
        ("人民yy", "县人民医院", (1, 5, False)),
        ("yinhang", "中国工商银行", (4, 6, True)),
        ("yinxing", "中国工商银行", (4, 6, True)),
        ("chongqing", "重庆路", (0, 2, True)),
        ("xi'an", "西安南路", (0, 2, True)),
        ("xian", "西安南路", (0, 2, True)),
        ("lvhua", "绿化广场", (0, 2, True)),
        ("lühua", "绿化广场", (0, 2, True)),
        ("luhua", "绿化广场", (0, 2, True)),
        ("nyuer", "女儿河", (0, 2, True)),
        ("changtu", "长途汽车站", (0, 2, True)),
        ("zhangtu", "长途汽车站", (0, 2, True)),
        ("chtqchzh", "长途汽车站", (0, 5, False)),
        ("yghy3hl", "阳光花园3号楼", (0, 7, False)),
        ("ren xian", "县人民医院", None),
        ("rmyx", "县人民医院", None),
    ],
)
def test_what_is_typed_is_found_in_a_name(typed: str, name: str, found: tuple[int, int, bool] | None) -> None:
    assert sounds.match(sounds.typed(typed), name) == found


def test_a_word_that_ends_ends_its_syllable() -> None:
    assert sounds.match(sounds.typed("xi an"), "西安") == (0, 2, True)
    assert sounds.match(sounds.typed("xi an"), "先") is None
    assert sounds.match(sounds.typed("xian"), "先") == (0, 1, True)


@given(st.sampled_from(NAMES), st.integers(0, 8), st.integers(1, 9))
def test_every_part_of_a_name_is_found_by_the_sound_that_a_dictionary_gives_it(
    name: str, start: int, count: int
) -> None:
    part = name[start : start + count]
    for style in (Style.NORMAL, Style.FIRST_LETTER):
        said = "".join(lazy_pinyin(part, style=style))
        assert sounds.match(sounds.typed(said), name.casefold()) is not None or not part


@given(st.sampled_from(NAMES), st.data())
def test_one_of_the_ways_is_how_it_was_meant(name: str, data: st.DataObject) -> None:
    syllables = lazy_pinyin(name)
    meant = tuple(s for s in syllables if s.isalpha())[:4]
    assert meant in sounds.ways("".join(meant))


@given(st.text(alphabet="abcdefghijklmnopqrstuvwxyz '3中", max_size=200))
def test_whatever_is_typed_is_cut_in_a_few_ways_or_none(text: str) -> None:
    typed = sounds.typed(text)
    found = sounds.ways(typed)
    assert len(found) <= sounds.WAYS
    for units in found:
        assert "".join(u.removesuffix("*") for u in units).replace(" ", "") == typed.replace(" ", "")
