"""How CQL2 spells its operators."""

from __future__ import annotations

import re
from typing import Final

TEMPORAL: Final = (
    "t_after", "t_before", "t_contains", "t_disjoint", "t_during", "t_equals", "t_finishedBy", "t_finishes",
    "t_intersects", "t_meets", "t_metBy", "t_overlappedBy", "t_overlaps", "t_startedBy", "t_starts",
)  # fmt: skip
SPATIAL: Final = (
    "s_contains", "s_crosses", "s_disjoint", "s_equals", "s_intersects", "s_overlaps", "s_touches", "s_within",
)  # fmt: skip
ARRAY: Final = ("a_containedBy", "a_contains", "a_equals", "a_overlaps")
COMPARISON: Final = ("=", "<>", "<", "<=", ">", ">=")
ARITHMETIC: Final = ("+", "-", "*", "/", "%", "div", "^")
_WORDS: Final = ("and", "or", "not", "like", "between", "in", "isNull", "casei", "accenti", "div", "interval")
_CANONICAL: Final = {name.lower(): name for name in (*TEMPORAL, *SPATIAL, *ARRAY, *_WORDS)}
RESERVED: Final = frozenset(
    {"and", "or", "not", "like", "between", "in", "is", "null", "true", "false", "div"}
)
"""Words that name a property only between double quotes."""
WKT: Final = frozenset({
    "point", "linestring", "polygon", "multipoint", "multilinestring", "multipolygon", "geometrycollection",
})  # fmt: skip

START: Final = (
    r":_A-Za-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u02ff\u0370-\u037d\u037f-\u1ffe\u200c-\u200d\u2070-\u218f"
    r"\u2c00-\u2fef\u3001-\ud7ff\uf900-\ufdcf\ufdf0-\ufffd\U00010000-\U000effff"
)
IDENTIFIER: Final = rf"[{START}][{START}.0-9\u00b7\u0300-\u036f\u203f-\u2040]*"
"""OGC 21-065r2, annex B, `identifier`."""
_PLAIN: Final = re.compile(IDENTIFIER)


def canonical(name: str) -> str:
    """The name of an operator or function as CQL2 JSON spells it, whatever its case."""
    return _CANONICAL.get(name.lower(), name)


def quoted(name: str) -> str:
    """The name of a property as CQL2 text spells it."""
    plain = _PLAIN.fullmatch(name) and name.lower() not in RESERVED | WKT
    return name if plain else '"' + name.replace('"', '""') + '"'
