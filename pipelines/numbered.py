"""Buildings by estate and number, however they are written: 3号楼, 3栋, 3幢, 3#楼, 03号楼, 三号楼, 3号楼2单元."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

DIGITS: Final = {c: n for n, c in enumerate("〇一二三四五六七八九")} | {"零": 0, "两": 2}
NUMERAL: Final = "〇零一二两三四五六七八九十"
BUILDING: Final = re.compile(
    rf"(?<![\d{NUMERAL}])(\d{{1,4}}|[{NUMERAL}]{{1,3}})(?:号楼|號樓|[#栋棟幢]楼?|座(?!城|谈))", re.ASCII
)
"""A building's number in folded text. `3号` alone is a house number of a street."""
UNIT: Final = re.compile(rf"(?:\d{{1,2}}|[{NUMERAL}]{{1,3}}|[a-z])(?:单元|門|门洞)")


@dataclass(frozen=True, kw_only=True)
class Numbered:
    """An estate and a number in it."""

    estate: str
    number: str
    """In its plain form, `3号楼`."""
    rest: str
    """What was said beyond the building: `2单元`, `2单元301`; empty where nothing was."""


def plain(text: str) -> str:
    """Folded text with the numbers of buildings in one form."""
    return BUILDING.sub(lambda found: f"{_value(found[1])}号楼", text)


def read(text: str) -> Numbered | None:
    """The estate and number that folded text names; None where it names none."""
    found = BUILDING.search(text)
    if found is None or found.start() < 2:
        return None
    return Numbered(
        estate=text[: found.start()],
        number=f"{_value(found[1])}号楼",
        rest=text[found.end() :].lstrip("-,，"),
    )


def fits(wanted: Numbered, text: str) -> bool:
    """Whether folded text of a row names that building of that estate."""
    said = plain(text)
    return wanted.estate in said and re.search(rf"(?<!\d){wanted.number}", said) is not None


def missing(wanted: Numbered, text: str) -> str:
    """What was asked for beyond what a row's folded text names."""
    return "" if wanted.rest in text else wanted.rest


def _value(text: str) -> int:
    """A number in digits or Chinese numerals below a hundred."""
    if text.isdigit():
        return int(text)
    tens, ten, ones = text.rpartition("十")
    if not ten:
        return int("".join(str(DIGITS[c]) for c in text))
    return (int("".join(str(DIGITS[c]) for c in tens)) if tens else 1) * 10 + (DIGITS[ones] if ones else 0)
