"""What the shared statements need of a database: a connection for a while, and its temporary tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import pyarrow as pa

from twin.dialects import Dialect


class Session(Protocol):
    """One connection, one thread, one after another. Moments are UTC, with or without saying so."""

    @property
    def dialect(self) -> Dialect:
        """How it is spoken to."""
        ...

    def run(self, sql: str, params: Sequence[Any] = ()) -> None:
        """Do something."""
        ...

    def rows(self, sql: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """The few rows of an answer."""
        ...

    def arrow(self, sql: str, params: Sequence[Any] = ()) -> pa.Table:
        """The rows of an answer, in columns."""
        ...

    def pieces(self, sql: str) -> Iterator[pa.Table]:
        """The rows of a long answer, in pieces of some ten thousand; none when there are none."""
        ...

    def made(self, name: str, select: str) -> None:
        """Make a temporary table of an answer; one of that name gives way."""
        ...

    def put(self, name: str, table: pa.Table) -> None:
        """Make a table readable under a name in this session; one of that name gives way."""
        ...

    def drop(self, name: str) -> None:
        """Forget what was put."""
        ...


def one(session: Session, sql: str) -> int:
    """The number that a question asks for."""
    return int(session.rows(sql)[0][0])
