"""How long and how deep a filter may be; asked before anything is parsed, in linear time."""

from __future__ import annotations

import re
from typing import Any, Final

from twin.errors import InvalidFilter
from twin.model import Op

LENGTH: Final = 32_768
"""Bytes of UTF-8."""
DEPTH: Final = 60
"""Parentheses, NOTs, function calls, steps of arithmetic and members of JSON within one another."""

_TEXT: Final = re.compile(r"'[^']*'|\"[^\"]*\"|([(])|([)])")
_JSON: Final = re.compile(r'"(?:[^"\\]|\\.)*"|([\[{])|([\]}])', re.DOTALL)
_JSON_DEPTH: Final = 2 * DEPTH + 8
"""An operation is an object and a list; the coordinates of a geometry are lists too."""


def guard(text: str, *, json: bool = False) -> None:
    """Refuse what is too long, too deep, or not text that can be stored.

    Raises:
        InvalidFilter: says which and how much is possible.
    """
    try:
        size = len(text.encode())
    except UnicodeEncodeError as error:
        raise InvalidFilter("the filter holds half a surrogate pair, which is no character") from error
    if size > LENGTH:
        raise InvalidFilter(f"the filter has {size:,} bytes; at most {LENGTH:,}")
    if "\x00" in text:
        raise InvalidFilter("the filter holds the character U+0000, which no value has")
    depth = most = 0
    for opening, closing in (_JSON if json else _TEXT).findall(text):
        depth += bool(opening) - bool(closing)
        most = max(most, depth)
    deep(most, _JSON_DEPTH if json else DEPTH)


def shallow(node: Any) -> Any:
    """The node, if what comes after may walk it by recursion. Raises InvalidFilter."""
    row, depth = [node], 0
    while row := [a for n in row if isinstance(n, Op | tuple) for a in (n.args if isinstance(n, Op) else n)]:
        depth += 1
        deep(depth, 2 * DEPTH)
    return node


def deep(depth: int, most: int = DEPTH) -> None:
    """Raises InvalidFilter when something lies deeper than is possible."""
    if depth > most:
        raise InvalidFilter(f"the filter's depth is more than {most}; write fewer things within one another")
