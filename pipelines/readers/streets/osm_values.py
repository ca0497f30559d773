"""OpenStreetMap's free text as figures: heights, levels, speeds, directions (wiki: Map features)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

METRES: Final = re.compile(r"^(\d+(?:[.,]\d+)?)\s*(?:m|meters?|metres?)?$", re.IGNORECASE)
FEET: Final = re.compile(
    r"^(\d+(?:\.\d+)?)\s*(?:'|ft|feet)(?:\s*(\d+(?:\.\d+)?)\s*(?:\"|in))?$", re.IGNORECASE
)
SPEED: Final = re.compile(r"^(\d+(?:\.\d+)?)\s*(km/h|kmh|kph|mph|knots)?$", re.IGNORECASE)
UNITS: Final = {"mph": 1.609344, "knots": 1.852}
STOREY: Final = 3.0
"""Metres a level where no height is tagged."""
TRUE: Final = ("yes", "true", "1")
FALSE: Final = ("no", "false", "0")


def metres(text: str | None) -> float | None:
    """A length in metres: `12`, `12 m`, `40'`, `7'4"`; None where it says something else."""
    word = (text or "").strip()
    if match := METRES.match(word):
        return float(match[1].replace(",", "."))
    if match := FEET.match(word):
        return float(match[1]) * 0.3048 + float(match[2] or 0) * 0.0254
    return None


def count(text: str | None) -> int | None:
    """A whole number; `5;6` and words are None."""
    word = (text or "").strip()
    value = float(word) if re.fullmatch(r"\d{1,4}(\.\d+)?", word) else None
    return int(value) if value is not None else None


def speed(text: str | None) -> float | None:
    """Kilometres an hour; `walk`, `none` and `FI:urban` are None."""
    match = SPEED.match((text or "").strip())
    return float(match[1]) * UNITS.get((match[2] or "").lower(), 1.0) if match else None


def height(tags: Mapping[str, str]) -> tuple[float | None, str | None]:
    """Metres of a building and where they are from: `height`, `levels`, or neither."""
    tagged = metres(tags.get("height") or tags.get("building:height"))
    if tagged:
        return tagged, "height"
    levels = metres(tags.get("building:levels"))
    if levels:
        return (levels + (metres(tags.get("roof:levels")) or 0.0)) * STOREY, "levels"
    return None, None


def direction(tags: Mapping[str, str]) -> tuple[bool, bool]:
    """Whether a way is one-way, and whether against the order of its nodes."""
    said = tags.get("oneway", "").strip().lower()
    if said in ("-1", "reverse"):
        return True, True
    implied = tags.get("junction") in ("roundabout", "circular") or tags.get("highway") in (
        "motorway",
        "motorway_link",
    )
    return (said in TRUE) or (implied and said not in FALSE), False
