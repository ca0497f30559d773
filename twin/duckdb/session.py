"""A DuckDB cursor as the shared statements want it."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Final

import duckdb
import pyarrow as pa

from twin.dialects import Dialect, bare
from twin.duckdb.dialect import DUCKDB

# Arrow out of `execute` copies the rows once more; `sql` does not, and binds each statement twice, which costs more.
warnings.filterwarnings("ignore", "Arrow output on a DB-API result", UserWarning)
PIECE: Final = 50_000
STATEMENTS: Final = 200
"""Parsed statements that a cursor keeps."""
NAIVE: Final = pa.timestamp("us")


@dataclass(frozen=True)
class Cursor:
    """A cursor that is kept, with the statements that it has parsed."""

    connection: duckdb.DuckDBPyConnection
    statements: dict[str, duckdb.Statement] = field(default_factory=dict)


@dataclass(frozen=True)
class DuckDBSession:
    """See `twin.relational.session.Session`."""

    cursor: duckdb.DuckDBPyConnection
    parsed: dict[str, duckdb.Statement] | None = None
    """Statements that come again with other values; None where none is expected to."""
    dialect: ClassVar[Dialect] = DUCKDB

    def run(self, sql: str, params: Sequence[Any] = ()) -> None:
        """Do something."""
        self.cursor.execute(sql, _values(params))

    def rows(self, sql: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """The few rows of an answer."""
        return list(self._run(sql, params).fetchall())

    def arrow(self, sql: str, params: Sequence[Any] = ()) -> pa.Table:
        """The rows of an answer, in columns."""
        if self.parsed is None:
            return self.cursor.sql(sql, params=_values(params)).to_arrow_table()
        return self._run(sql, params).to_arrow_table()

    def _run(self, sql: str, params: Sequence[Any]) -> duckdb.DuckDBPyConnection:
        if self.parsed is None:
            return self.cursor.execute(sql, _values(params))
        statement = self.parsed.get(sql)
        if statement is None:
            if len(self.parsed) >= STATEMENTS:
                self.parsed.clear()
            (statement,) = self.cursor.extract_statements(sql)
            self.parsed[sql] = statement
        return self.cursor.execute(statement, _values(params))

    def pieces(self, sql: str) -> Iterator[pa.Table]:
        """The rows of a long answer, in pieces."""
        for batch in self.cursor.sql(sql).to_arrow_reader(PIECE):
            yield pa.Table.from_batches([batch])

    def made(self, name: str, select: str) -> None:
        """Make a temporary table of an answer."""
        self.cursor.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS {select}")

    def put(self, name: str, table: pa.Table) -> None:
        """Make a table readable under a name; it is not copied."""
        self.cursor.register(name, pa.table({n: naive(table[n]) for n in table.column_names}))

    def drop(self, name: str) -> None:
        """Forget what was put."""
        self.cursor.unregister(name)


def _values(params: Sequence[Any]) -> list[Any] | None:
    return [bare(p) if isinstance(p, datetime) and p.tzinfo else p for p in params] or None


def naive(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Moments as UTC without a zone; everything else as it is."""
    return values.cast(NAIVE) if pa.types.is_timestamp(values.type) else values
