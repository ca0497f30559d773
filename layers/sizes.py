"""Sizes of pipes as surveys write them: `300`, `DN300`, `Φ300`, `800X600`, in millimetres."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

import pyarrow as pa

FIGURE: Final = r"(\d+(?:\.\d+)?)"
ROUND: Final = re.compile(rf"^(?:DN|DE|D|Φ|Ø|φ|∅)?\s*{FIGURE}\s*(?:MM)?$", re.IGNORECASE)
BOX: Final = re.compile(rf"^{FIGURE}\s*[X×*✕]\s*{FIGURE}\s*(?:MM)?$", re.IGNORECASE)

Metres = tuple[float | None, float | None, float | None]
"""Diameter, width, height."""


def metres(columns: Sequence[pa.Array], rows: int) -> tuple[pa.Array, pa.Array, pa.Array]:
    """Diameter, width and height in metres, (rows,) each, from the first column that says something readable.

    What cannot be read stays in its column and is null here: a survey's `/` or `无` means nothing measured.
    """
    found: list[Metres] = [(None, None, None)] * rows
    for column in columns:
        for i, word in enumerate(column.to_pylist()):
            if word is not None and found[i] == (None, None, None):
                found[i] = parse(word)
    diameter, width, height = (pa.array([f[k] for f in found], pa.float64()) for k in range(3))
    return diameter, width, height


@lru_cache(maxsize=4096)
def parse(word: str) -> Metres:
    """One size; width comes before height."""
    text = word.strip()
    if match := ROUND.match(text):
        return float(match[1]) / 1000 or None, None, None
    if match := BOX.match(text):
        return None, float(match[1]) / 1000 or None, float(match[2]) / 1000 or None
    return None, None, None
