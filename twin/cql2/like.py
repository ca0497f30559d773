"""Patterns of LIKE: % is any text, _ is one code point, a backslash takes their meaning away."""

from __future__ import annotations

import re
from functools import lru_cache

_ESCAPED = re.compile(r"\\.|.", re.DOTALL)


def ends_within_escape(pattern: str) -> bool:
    """Whether the last backslash has nothing to escape."""
    return re.search(r"(?<!\\)(\\\\)*\\$", pattern) is not None


def like(text: str, pattern: str) -> bool:
    """Whether a text has the form of a pattern, in time linear in the text for each part of the pattern."""
    (first, _), *others = _parts(pattern)
    if not others:
        return first.fullmatch(text) is not None
    found = first.match(text)
    for part, _ in others[:-1]:
        found = part.search(text, found.end()) if found else None
    last, width = others[-1]
    start = len(text) - width
    return found is not None and start >= found.end() and last.fullmatch(text, start) is not None


@lru_cache(maxsize=256)
def _parts(pattern: str) -> tuple[tuple[re.Pattern[str], int], ...]:
    """What stands between the % of a pattern, each with the code points that it takes."""
    parts: list[list[str]] = [[]]
    for word in _ESCAPED.findall(pattern):
        if word == "%":
            parts.append([])
        else:
            parts[-1].append("." if word == "_" else re.escape(word[-1]))
    return tuple((re.compile("".join(p), re.DOTALL), len(p)) for p in parts)
