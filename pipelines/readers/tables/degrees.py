"""Figures as people write them: degrees, minutes and seconds, full-width digits, thousands set apart."""

from __future__ import annotations

from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from layers.values import typed

BEFORE: Final = r"^(?P<before>[NSEWnsew]|东经|西经|北纬|南纬|东|西|北|南)?\s*(?P<minus>-)?"
AFTER: Final = r"\s*(?P<after>[NSEWnsew]|东|西|北|南)?$"
DEGREE: Final = r"(?P<d>\d{1,3}(?:\.\d+)?)\s*(?:[°度º˚∘]|deg)"
MINUTE: Final = r"\s*(?:(?P<m>\d{1,2}(?:\.\d+)?)\s*['′’‘´＇分])?"
SECOND: Final = r"\s*(?:(?P<s>\d{1,2}(?:\.\d+)?)\s*(?:[\"″”“＂秒]|''|′′|’’))?"
COLONS: Final = r"(?P<d>\d{1,3}):(?P<m>\d{1,2}):(?P<s>\d{1,2}(?:\.\d+)?)"
PATTERNS: Final = (BEFORE + DEGREE + MINUTE + SECOND + AFTER, BEFORE + COLONS + AFTER)
EAST: Final = ("E", "W", "东", "西")
NEGATIVE: Final = ("S", "W", "南", "西")


def figures(values: pa.ChunkedArray) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_]]:
    """The values as numbers (NaN where there is none), where one is none, and where one is in degrees.

    `117°58'12.3"`, `117度58分12.3秒`, `E117:58:12.3` and their like become decimal degrees, west and south
    negative; minutes and seconds are below 60. Full-width digits count as digits.
    """
    flat = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    if not (pa.types.is_string(flat.type) or pa.types.is_large_string(flat.type)):
        numbers, wrong = typed(values, "number")
        return _floats(numbers), wrong, np.zeros(len(wrong), bool)
    # NFKC would turn ″ into two ′: only what is no number is looked at for degrees, as it was written.
    numbers, wrong = typed(pa.chunked_array([pc.utf8_normalize(flat, "NFKC")]), "number")
    out, angles = _floats(numbers), np.zeros(len(wrong), bool)
    places = np.flatnonzero(wrong)
    if len(places):
        found = _angles(pc.utf8_trim_whitespace(flat.take(pa.array(places))))
        out[places], angles[places] = found, np.isfinite(found)
    return out, wrong & ~angles, angles


def _floats(numbers: pa.Array) -> NDArray[np.float64]:
    return np.array(numbers.fill_null(np.nan), np.float64)


def _angles(words: pa.Array) -> NDArray[np.float64]:
    """(n,) decimal degrees, NaN where a word is no angle."""
    digits = words
    for wide, narrow in zip("０１２３４５６７８９．", "0123456789.", strict=True):
        digits = pc.replace_substring(digits, wide, narrow)
    out = np.full(len(words), np.nan)
    for pattern in PATTERNS:
        parts = pc.extract_regex(digits, pattern)
        d, m, s = (_group(parts, name) for name in "dms")
        fits = np.asarray(parts.is_valid()) & (m < 60) & (s < 60)
        signs = np.array([_sign(part) for part in parts.to_pylist()])
        out = np.where(fits, signs * (d + m / 60 + s / 3600), out)
    return out


def _group(parts: pa.Array, name: str) -> NDArray[np.float64]:
    texts = pc.struct_field(parts, name)
    filled = pc.if_else(pc.equal(texts, ""), "0", texts).fill_null("0")
    return np.asarray(pc.cast(filled, pa.float64()))


def _sign(part: dict[str, str] | None) -> float:
    if part is None:
        return np.nan
    letters = {word[:1].upper() for word in (part["before"], part["after"]) if word}
    if len(letters) > 1 or (letters and part["minus"]):
        return np.nan
    return -1.0 if part["minus"] or letters & set(NEGATIVE) else 1.0
