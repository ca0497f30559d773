"""What PostgreSQL's errors are to us."""

from __future__ import annotations

from typing import Final

import adbc_driver_manager as adbc

from twin.errors import StorageFull, StoreBusy, StoreDown, TimeLimit, TwinError

NO_ROOM: Final = (
    "the store has no room: the disk of the PostgreSQL server is full, and this was not done; make room there "
    "(its data_directory and temp_tablespaces) and try again"
)
STATES: Final[dict[str, tuple[type[TwinError], str]]] = {
    "57014": (TimeLimit, "the query took too long; ask for less, or try again later"),
    "53100": (StorageFull, NO_ROOM),
    "53300": (StoreBusy, "the database takes no more connections; try again later"),
    "40001": (StoreBusy, "the database could not fit this between others' changes; try again"),
    "40P01": (StoreBusy, "the database could not fit this between others' changes; try again"),
    "55P03": (StoreBusy, "the database is locked; try again later"),
    "25006": (StoreDown, "the database takes no writes; it may be a standby"),
}
"""By SQLSTATE (PostgreSQL, appendix A)."""
GONE: Final = ("08", "57P")
"""Classes of SQLSTATE that mean that the server or the connection is gone."""


def lost(error: adbc.Error) -> bool:
    """Whether the connection is of no more use."""
    state = error.sqlstate or ""
    return state.startswith(GONE) or (not state and error.status_code == adbc.AdbcStatusCode.IO)


def ours(error: adbc.Error) -> TwinError | None:
    """The error as we say it; None for what is a mistake of ours."""
    said = str(error).splitlines()[0][:300]
    if lost(error):
        return StoreDown(f"the PostgreSQL store does not answer: {said}")
    kind, sentence = STATES.get(error.sqlstate or "", (None, ""))
    return None if kind is None else kind(sentence)
