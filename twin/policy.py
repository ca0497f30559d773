"""Who may see what. Until there are rules it is `Policy.open()`, said out loud at every query."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Policy:
    """What a principal's rights compile to; its hash is part of every cache key.

    Rules (row filter, column mask, geometry transform, time window) come with the access issue;
    stores AND them in one place before counting, paging, sorting and tiling.
    """

    name: str

    @staticmethod
    def open() -> Policy:
        """No rules exist: everything may be seen."""
        return Policy(name="open")

    @property
    def key(self) -> str:
        """What tells this policy's cached bytes from another's; empty when open."""
        return "" if self.name == "open" else self.name
