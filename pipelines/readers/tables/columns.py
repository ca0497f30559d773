"""Source columns' names on their way in."""

from __future__ import annotations

from collections.abc import Sequence

RESERVED = ("geom", "row")
"""What a reader itself puts into a batch."""


def freed(names: Sequence[str]) -> list[str]:
    """The names, those that a reader needs for itself or that came before with a `_` behind."""
    out: list[str] = []
    used = set(RESERVED)
    for name in names:
        free = name
        while free.casefold() in used:
            free += "_"
        used.add(free.casefold())
        out.append(free)
    return out
