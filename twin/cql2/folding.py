"""Text without case and without accents, for CASEI and ACCENTI (OGC 21-065r2, 7.2 and 7.3)."""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from typing import Final

KEPT: Final = "\u3099\u309a"
"""Dakuten and handakuten make other letters; they stay.

See: OGC 21-065r2, /rec/accent-insensitive-comparison/japanese-non-spacing-marks.
"""


def casei(text: str) -> str:
    """The text by full case folding (Unicode, 3.13): `ß` is `ss`."""
    return text.casefold()


def accenti(text: str) -> str:
    """The text decomposed, without its non-spacing marks, composed again; ø and đ do not decompose."""
    if text.isascii():
        return text
    parts = unicodedata.normalize("NFD", text)
    return unicodedata.normalize("NFC", "".join(c for c in parts if c not in marks()))


@lru_cache(maxsize=1)
def marks() -> frozenset[str]:
    """All non-spacing marks that ACCENTI takes away."""
    found = (chr(c) for c in range(0x300, 0x110000))
    return frozenset(c for c in found if unicodedata.category(c) == "Mn" and c not in KEPT)
