"""How well a row fits what somebody typed: as it is written, by its sound, as a building of an estate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from pipelines import numbered, sounds
from pipelines.indexing import fold, grams
from pipelines.numbered import Numbered

SHORTEST: Final = 2
"""Letters of pinyin that are looked up: one alone is the initial of everything."""
NEAR: Final = 10
"""Every pair of characters is there, wherever."""


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What somebody typed."""

    text: str
    """Folded."""
    sound: str
    """As `sounds.typed` gives it; empty where no letter of it can be pinyin."""
    number: Numbered | None
    """The building of an estate that it names."""


def wanted(text: str) -> Wanted:
    """What somebody typed, in the ways in which it can be meant."""
    folded, sound = fold(text), sounds.typed(text)
    heard = sounds.latin(sound) and len(sound) >= SHORTEST
    return Wanted(text=folded, sound=sound if heard else "", number=numbered.read(folded))


def score(row: tuple[Any, ...], asked: Wanted) -> int | None:
    """How well a row fits, 10 to 100; None where it does not."""
    found = (_written(row, asked.text), _numbered(row, asked.number), _heard(row, asked.sound))
    return max((points for points in found if points is not None), default=None)


def hit(row: tuple[Any, ...], asked: Wanted, points: int) -> dict[str, Any]:
    """A row as a hit; `missing` is what was asked for beyond what the row is (2单元 of 3号楼2单元)."""
    layer, key, title, detail, lon, lat = row
    number = asked.number
    answered = number is not None and numbered.fits(number, fold(f"{title}{detail}"))
    return {
        "layer": layer,
        "id": key,
        "title": title,
        "detail": detail,
        "lon": lon,
        "lat": lat,
        "score": points,
        "missing": numbered.missing(number, fold(f"{title}{detail}")) if answered and number else "",
    }


def _written(row: tuple[Any, ...], text: str) -> int | None:
    """An id or name that is it, begins with it, holds it, has its pairs; the same test as the index makes."""
    _, key, title, detail, *_ = row
    name, code = fold(title), fold(key)
    steps = (
        (code == text, 100),
        (name == text, 95),
        (name.startswith(text), 80),
        (code.startswith(text), 75),
    )
    if points := next((points for fits, points in steps if fits), None):
        return points
    if len(text) == 1:
        return None
    inner = ((text in name, 60), (text in code, 55), (text in fold(detail), 40))
    if points := next((points for fits, points in inner if fits), None):
        return points
    words = f"{title} {key if title != key else ''} {detail}"
    return NEAR if set(grams(text).split()) <= set(grams(words).split()) else None


def _numbered(row: tuple[Any, ...], number: Numbered | None) -> int | None:
    """The building of the estate: named so all in all, or by name and address together."""
    if number is None:
        return None
    title, text = fold(row[2]), fold(f"{row[2]} {row[3]}")
    if not numbered.fits(number, text):
        return None
    return 90 if numbered.plain(title).startswith(number.estate + number.number) else 78


def _heard(row: tuple[Any, ...], sound: str) -> int | None:
    """A name, else what tells it from others, that sounds so: all of it, its beginning, a part; in full, cut short."""
    if not sound:
        return None
    title = fold(row[2])
    place = sounds.match(sound, title)
    if place is None:
        inside = sounds.match(sound, fold(row[3]))
        return None if inside is None else 30 if inside[2] else 20
    start, end, full = place
    part = 0 if (start, end) == (0, len(title)) else 1 if start == 0 else 2
    return ((78, 70, 58) if full else (66, 50, 36))[part]
