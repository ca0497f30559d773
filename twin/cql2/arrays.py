"""Arrays as sets: what the four A_ functions say of them (OGC 21-065r2, 7.8)."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import orjson

Members = frozenset[tuple[str, Any]]


@lru_cache(maxsize=4096)
def members(text: str) -> Members | None:
    """The members of a JSON array, each with its type; None when the text is no array of plain values."""
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    return member_set(found) if isinstance(found, list) else None


def member_set(values: list[Any] | tuple[Any, ...]) -> Members | None:
    """Plain values, each with its type, so that true is not 1."""
    kinds = {bool: "boolean", str: "text", type(None): "null"}
    if any(isinstance(v, list | dict | tuple) for v in values):
        return None
    return frozenset((kinds.get(type(v), "number"), v) for v in values)


def related(op: str, one: Members, other: Members) -> bool:
    """Whether two sets are equal, one holds or is held by the other, or they share a member."""
    if op == "a_equals":
        return one == other
    if op == "a_contains":
        return one >= other
    return one <= other if op == "a_containedBy" else not one.isdisjoint(other)
