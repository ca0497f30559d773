"""What is believed of some ids just now, for a write that depends on it."""

from __future__ import annotations

from collections.abc import Sequence

from twin.dialects import quoted
from twin.expected import stands
from twin.model import OPEN
from twin.relational.judging import Commit


def check(commit: Commit) -> None:
    """Nothing, when the delivery's `expected` and `judged` stand. Raises StaleVersion, DuplicateId."""
    expected, judged = commit.delivery.expected or {}, commit.delivery.judged or {}
    stands(expected, judged, believed(commit, list({**expected, **judged})))


def believed(commit: Commit, ids: Sequence[str]) -> list[tuple[str, int, bool]]:
    """Id, version and whether it is valid at the commit's moment, of what is believed of ids."""
    if not ids:
        return []
    named = ", ".join(quoted(i) for i in ids)
    at = commit.literal(commit.at)
    columns = "id, version, valid_from, valid_to, recorded_to, branch"
    # Named first and whole: beside another predicate the index on id is not used.
    found = f"AS MATERIALIZED (SELECT {columns} FROM {{}} WHERE id IN ({named}))"
    statement = (
        f"WITH l {found.format(commit.held.live)}, h {found.format(commit.held.hist)}"
        f" SELECT id, version, valid_from <= {at} AND valid_to > {at} FROM"
        " (SELECT * FROM l UNION ALL SELECT * FROM h) AS believed"
        f" WHERE recorded_to = {commit.literal(OPEN)} AND branch = {quoted(commit.delivery.branch)}"
    )
    return [(str(i), int(v), bool(now)) for i, v, now in commit.session.rows(statement)]
