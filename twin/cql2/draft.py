"""CQL text as the drafts before CQL2 had it and as GDAL (3.3 and later) writes it: the same but for two spellings.

A server that names `cql-text` gets GDAL's filters; from others GDAL fetches every row, and to comparisons of
dates it puts the parameter `datetime`, which asks for something else.
"""

from __future__ import annotations

import re
from typing import Final

from twin.cql2.limits import guard
from twin.cql2.text import Token, tokens

NAME: Final = "cql-text"
_DAY: Final = re.compile(r"'([0-9]{4}-[0-9]{2}-[0-9]{2})T'")
"""A day as GDAL writes it; its T has no hour behind it."""


def as_cql2(text: str) -> str:
    """The same in CQL2 text: `a ILIKE 'b'` is `CASEI(a) LIKE CASEI('b')`, and days lose a T without an hour.

    Raises:
        InvalidFilter: it is too long, or holds what no filter is made of.
    """
    guard(text, json=False)
    words = tokens(text)[:-1]
    return " ".join(_word(words, at) for at in range(len(words)))


def _word(words: list[Token], at: int) -> str:
    token = words[at]
    if token.word == "ilike":
        return "LIKE"
    day = _DAY.fullmatch(token.text)
    text = f"'{day[1]}'" if day else token.text
    behind = at > 0 and words[at - 1].word == "ilike"
    before = at + 1 < len(words) and words[at + 1].word == "ilike"
    return f"CASEI({text})" if behind or before else text
