"""A write that holds only while what its writer saw still stands: the check is part of the commit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from twin.errors import DuplicateId, StaleVersion

ABSENT = 0
"""The version of an id of which nothing is believed."""


def stands(
    expected: Mapping[str, int], judged: Mapping[str, int], believed: Iterable[tuple[str, int, bool]]
) -> None:
    """Nothing, when each id is as it was seen.

    Args:
        expected: id -> the version of its row at the write's moment, or ABSENT.
        judged: id -> the last version of all that was believed of it, or ABSENT.
        believed: id, version, and whether it is valid at that moment, of all that is believed of these ids.

    Raises:
        DuplicateId: an id that should be new is or was there. StaleVersion: a row changed or ended meanwhile.
    """
    rows = list(believed)
    taken = {ident for ident, _, _ in rows}
    there = {ident: version for ident, version, valid in rows if valid}
    for ident, version in expected.items():
        if version == ABSENT and ident in taken:
            raise DuplicateId(
                f"the id {ident[:200]!r} is taken, or was once; PUT replaces what is there, what is new needs a new id"
            )
        if version != ABSENT and there.get(ident) != version:
            raise StaleVersion(
                f"{ident[:200]!r} was changed by somebody else since you read it; read it again"
            )
    last: dict[str, int] = {}
    for ident, version, _ in rows:
        last[ident] = max(version, last.get(ident, ABSENT))
    for ident, version in judged.items():
        if last.get(ident, ABSENT) != version:
            raise StaleVersion(f"{ident[:200]!r} was changed by somebody else just now; try again")
