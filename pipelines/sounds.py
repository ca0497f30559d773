"""Names by their sound: pinyin, whole or cut short, and initials, with every reading of a character.

What was typed (`renmin yiyuan`, `renmyy`, `rmyy`, `人民yy`) is compared with a name character by character. The
last one may be half typed. Each character takes one unit of what was typed: itself, a whole reading of it, or the
initial of one (`zh`, `ch`, `sh` also in full). A blank or an apostrophe ends a unit (`xi'an`).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import cache, lru_cache
from typing import Final

WAYS: Final = 24
"""Ways of cutting what was typed into units that are looked up, the plainest first: whole syllables, few of them."""
DOUBLE: Final = ("zh", "ch", "sh")
VOWEL: Final = re.compile(r"[aeiouv]")
"""What every syllable has but the grunts of a few characters (`m`, `ng`), which nobody types."""
GAP: Final = " "
GAPS: Final = str.maketrans(dict.fromkeys("'’‘-_·", GAP))


def typed(text: str) -> str:
    """Text as it is compared: NFKC, lower case, without tone marks, ü as v, words between single blanks."""
    plain = unicodedata.normalize("NFKC", text).casefold().translate(GAPS)
    bare = unicodedata.normalize("NFD", plain).replace("u\u0308", "v")
    return GAP.join("".join(c for c in bare if not unicodedata.combining(c)).split())


def latin(text: str) -> bool:
    """Whether there is something in a text that may be pinyin."""
    return any("a" <= c <= "z" for c in text)


@lru_cache(maxsize=65_536)
def readings(char: str) -> tuple[str, ...]:
    """Every reading of a character without tones, `lü` as lv, lu and lyu; a character without one is its own."""
    if char.isascii():
        return (char,)
    from pypinyin import Style, pinyin

    heard = pinyin(char, style=Style.NORMAL, heteronym=True, errors="ignore")
    found = dict.fromkeys(r for r in (heard[0] if heard else ()) if VOWEL.search(r))
    spelt = (w for r in found for w in ((r, r.replace("v", "u"), r.replace("v", "yu")) if "v" in r else (r,)))
    return tuple(dict.fromkeys((char, *spelt)))


@cache
def syllables() -> frozenset[str]:
    """Every syllable that a character of GB 2312 is read as: all of the language."""
    rows = (bytes((high, low)) for high in range(0xB0, 0xF8) for low in range(0xA1, 0xFF))
    chars = (code.decode("gb2312", "ignore") for code in rows)
    return frozenset(r for c in chars if c for r in readings(c)[1:])


@cache
def beginnings() -> frozenset[str]:
    """Every proper beginning of a syllable."""
    return frozenset(s[:n] for s in syllables() for n in range(1, len(s)))


@cache
def initials() -> frozenset[str]:
    """What stands for a whole syllable when it is cut short to its initial."""
    return frozenset(s[0] for s in syllables()) | set(DOUBLE)


def match(wanted: str, text: str) -> tuple[int, int, bool] | None:
    """Where a text sounds like what was typed.

    Args:
        wanted: what was typed, as `typed` gives it.
        text: a name, folded.

    Returns:
        First character and the one after the last, and whether all of it was typed in full; the fit that begins
        first, a full one before another. None where it does not sound so.
    """
    for start in range(len(text)):
        ends = _ends(wanted, text, start)
        if ends:
            end, short = min(ends, key=lambda e: (e[1], e[0]))
            return start, end, not short
    return None


def _ends(wanted: str, text: str, start: int) -> set[tuple[int, bool]]:
    """Where what was typed can end when it begins at a character; with each, whether something was cut short."""
    states = {(0, False)}
    done: set[tuple[int, bool]] = set()
    for place in range(start, len(text)):
        nexts = {
            (at + len(unit), short or cut)
            for at, short in states
            for unit, cut in _units(wanted, at, text[place])
        }
        states = {(at + (wanted[at : at + 1] == GAP), short) for at, short in nexts}
        done |= {(place + 1, short) for at, short in states if at >= len(wanted)}
        states = {s for s in states if s[0] < len(wanted)}
        if not states:
            break
    return done


def _units(wanted: str, at: int, char: str) -> Iterator[tuple[str, bool]]:
    """What of the text typed, from a place on, may stand for a character, and whether that is cut short."""
    for reading in readings(char):
        if wanted.startswith(reading, at):
            yield reading, False
        rest = wanted[at:]
        if len(rest) < len(reading) and reading.startswith(rest):
            yield rest, True
        for initial in (reading[0], reading[:2]):
            if (len(initial) == 1 or initial in DOUBLE) and initial != reading and rest.startswith(initial):
                yield initial, True


def ways(wanted: str) -> list[tuple[str, ...]]:
    """Ways of cutting what was typed into units, the plainest first, at most WAYS.

    A unit is a syllable, an initial with `*` behind it, at the end the beginning of a syllable with `*` too,
    or one other character.
    """
    best: list[list[tuple[int, int, tuple[str, ...]]]] = [[] for _ in wanted] + [[(0, 0, ())]]
    for at in reversed(range(len(wanted))):
        longer = [
            (short + unit.endswith("*"), count + 1, (unit, *units))
            for unit, size in _cuts(wanted, at)
            for short, count, units in best[at + size + (wanted[at + size : at + size + 1] == GAP)]
        ]
        best[at] = sorted(longer)[:WAYS]
    return [units for _, _, units in best[0]]


def _cuts(wanted: str, at: int) -> Iterator[tuple[str, int]]:
    """Units that may begin at a place, with the characters that they take."""
    if not "a" <= wanted[at] <= "z":
        yield wanted[at], 1
        return
    for size in range(1, min(6, len(wanted) - at) + 1):
        piece = wanted[at : at + size]
        if piece in syllables():
            yield piece, size
        if piece in initials() or (at + size == len(wanted) and piece in beginnings()):
            yield f"{piece}*", size
