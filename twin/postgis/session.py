"""A connection to PostgreSQL as the shared statements want it: columns in, columns out (binary COPY)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, ClassVar, Final

import adbc_driver_manager as adbc
import pyarrow as pa
from adbc_driver_manager import dbapi

from twin.dialects import Dialect
from twin.postgis import errors
from twin.postgis.dialect import POSTGIS

PIECE: Final = 50_000
LATER: Final = "SELECT version, moment FROM commits WHERE version > $1 ORDER BY version DESC LIMIT 1"


class PostGISSession:
    """See `twin.relational.session.Session`. Every statement is a transaction of its own outside of one."""

    dialect: ClassVar[Dialect] = POSTGIS

    def __init__(self, connection: dbapi.Connection) -> None:
        self.connection = connection
        self.broken = False
        """Whether it is of no more use."""
        self.failed = False
        """Whether a statement failed: the driver leaves a failed one with values in a transaction of its own."""
        self.littered = False
        """Whether there are temporary tables."""
        self._cursor = connection.cursor()
        self._probe = connection.cursor()

    def close(self) -> None:
        """Let go of the connection."""
        for each in (self._cursor, self._probe, self.connection):
            try:
                each.close()
            except adbc.Error:
                self.broken = True

    @contextmanager
    def atomic(self) -> Iterator[None]:
        """All that is done inside happens together, or not at all.

        The driver has to know of it: by itself it commits after every table that it takes in.
        """
        below = self.connection.adbc_connection
        with self._said():
            below.set_autocommit(False)
        try:
            yield
            with self._said():
                below.commit()
        except BaseException:
            if not self.broken:
                below.rollback()
            raise
        finally:
            if not self.broken:
                below.set_autocommit(True)

    def later(self, commit: int) -> tuple[int, datetime] | None:
        """The last commit, where it comes after this one. The statement stays prepared: it is asked at every read."""
        with self._said():
            found = self._do(self._probe, LATER, [commit]).fetchall()
        return (found[0][0], found[0][1]) if found else None

    def run(self, sql: str, params: Sequence[Any] = ()) -> None:
        """Do something."""
        self._do(self._cursor, sql, params)

    def rows(self, sql: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """The few rows of an answer."""
        with self._said():
            return self._do(self._cursor, sql, params).fetchall()

    def arrow(self, sql: str, params: Sequence[Any] = ()) -> pa.Table:
        """The rows of an answer, in columns."""
        with self._said():
            return plain(self._do(self._cursor, sql, params).fetch_arrow_table())

    def pieces(self, sql: str) -> Iterator[pa.Table]:
        """The rows of a long answer, in pieces."""
        with self._said():
            for batch in self._do(self._cursor, sql, ()).fetch_record_batch():
                for start in range(0, batch.num_rows, PIECE):
                    yield plain(pa.Table.from_batches([batch.slice(start, PIECE)]))

    def made(self, name: str, select: str) -> None:
        """Make a temporary table of an answer, and have the planner know it."""
        self.run(f"DROP TABLE IF EXISTS pg_temp.{name}")
        self.run(f"CREATE TEMP TABLE {name} AS {select}")
        self.run(f"ANALYZE {name}")
        self.littered = True

    def put(self, name: str, table: pa.Table) -> None:
        """Make a temporary table of a table."""
        self.run(f"DROP TABLE IF EXISTS pg_temp.{name}")
        self.littered = True
        with self._said():
            self._cursor.adbc_ingest(name, signed(table), mode="create", temporary=True)

    def drop(self, name: str) -> None:
        """Forget what was put."""
        self.run(f"DROP TABLE pg_temp.{name}")

    def _do(self, cursor: dbapi.Cursor, sql: str, params: Sequence[Any]) -> dbapi.Cursor:
        with self._said():
            cursor.execute(sql, [_value(p) for p in params] or None)
        return cursor

    @contextmanager
    def _said(self) -> Iterator[None]:
        """Errors in our words; a lost connection is remembered."""
        try:
            yield
        except adbc.Error as error:
            self.failed = True
            self.broken = self.broken or errors.lost(error)
            said = errors.ours(error)
            if said is None:
                raise
            raise said from error


def _value(value: Any) -> Any:
    return value.astimezone(UTC) if isinstance(value, datetime) else value


def plain(table: pa.Table) -> pa.Table:
    """A table without what the driver notes beside its fields."""
    return table.cast(pa.schema([(f.name, f.type) for f in table.schema]))


def signed(table: pa.Table) -> pa.Table:
    """A table without unsigned numbers, which PostgreSQL does not have."""
    kinds = [pa.int64() if f.type == pa.uint64() else f.type for f in table.schema]
    return table.cast(pa.schema(list(zip(table.column_names, kinds, strict=True))))
