"""The embedded store: one DuckDB file, one process, one connection; every operation its own cursor.

Nothing here needs an extension; geometry is tested by shapely inside the query (`twin_touches`), only for
rows that a box does not wholly hold.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar, Final

import duckdb

from twin.dialects import Dialect
from twin.duckdb import room
from twin.duckdb.catalogue import opened
from twin.duckdb.dialect import DUCKDB
from twin.duckdb.limit import Limit
from twin.duckdb.session import Cursor, DuckDBSession
from twin.errors import TimeLimit
from twin.governed import governed
from twin.relational import catalogue
from twin.relational.base import Done
from twin.relational.observed import Observed
from twin.relational.reads import Reads
from twin.relational.schema import CATALOGUE, NAMED, Held, definition
from twin.relational.session import Session, one
from twin.relational.standing import Writer
from twin.relational.writes import Writes

log = logging.getLogger(__name__)

MEMORY_MB: Final = 4096
THREADS: Final = 2
SECONDS: Final = 60.0
"""A read that takes longer is broken off."""
LOOSE: Final = 0.05
"""The share of rows out of order from which on a layer is put in order again."""


@governed
class DuckDBStore(Reads, Writes, Observed):
    """A `twin.store.Store` in one file.

    Raises:
        StoreBusy: another process has it open; says which.
    """

    dialect: ClassVar[Dialect] = DUCKDB

    def __init__(
        self,
        path: Path | str,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        memory_mb: int = MEMORY_MB,
        threads: int = THREADS,
        seconds: float = SECONDS,
        writer: Writer | None = None,
    ) -> None:
        super().__init__(now, writer)
        self._limit = Limit(seconds)
        self._idle: deque[Cursor] = deque()
        self._commits, self._committing = 0, False
        self._path = Path(path)
        with room.told(self._path):
            self._con = opened(str(path), memory_mb, threads)
        with self._session() as session:
            for name, columns in CATALOGUE.items():
                columns_ = definition(columns, DUCKDB, key=name in NAMED)
                session.run(f"CREATE TABLE IF NOT EXISTS {name} ({columns_})")
            session.run("ALTER TABLE layers ADD COLUMN IF NOT EXISTS saved BIGINT")
            self._load(session)
            with self._transaction(session):
                self._rehash(session)

    def _rehash(self, session: Session) -> None:
        """Hash every row again when another DuckDB wrote the hashes: it promises them for one version only."""
        with_ = session.rows("SELECT value FROM meta WHERE name = 'hashed_with'")
        if with_ == [(duckdb.__version__,)]:
            return
        for held in self._held.values():
            catalogue.hashed(session, held)
        session.run("INSERT OR REPLACE INTO meta VALUES ('hashed_with', $1)", [duckdb.__version__])

    def close(self) -> None:
        """Let go of the file."""
        self._standings.close()
        with self._lock:
            self._limit.close()
            while self._idle:
                self._idle.pop().connection.close()
            self._con.close()

    @contextmanager
    def _session(self) -> Iterator[Session]:
        with self._cursor() as cursor:
            yield DuckDBSession(cursor)

    @contextmanager
    def _cursor(self) -> Iterator[duckdb.DuckDBPyConnection]:
        with room.told(self._path):
            cursor = self._con.cursor()
            try:
                yield cursor
            finally:
                cursor.close()

    @contextmanager
    def _asked(self) -> Iterator[Session]:
        """A cursor that was there before, if one is free; one on which something failed does not come back."""
        try:
            cursor = self._idle.pop()
        except IndexError:
            with room.told(self._path):
                cursor = Cursor(self._con.cursor())
        try:
            with room.told(self._path), self._limit.on(cursor.connection):
                yield DuckDBSession(cursor.connection, cursor.statements)
        except BaseException as error:
            cursor.connection.close()
            if isinstance(error, duckdb.InterruptException):
                raise TimeLimit(
                    f"the query took longer than {self._limit.seconds:g} s; ask for less, or try again later"
                ) from error
            raise
        self._idle.append(cursor)

    def _mark(self) -> int | None:
        return None if self._committing else self._commits

    def _fresh(self) -> None:
        """Nobody else writes."""

    @contextmanager
    def _turn(self, session: Session) -> Iterator[list[Done]]:
        done: list[Done] = []
        with self._lock:
            if not room.enough(self._path):
                raise room.full(self._path)
            try:
                with self._transaction(session):
                    yield done
                    self._committing = True
                for each in done:
                    self._publish(each)
            finally:
                self._commits, self._committing = self._commits + 1, False

    @contextmanager
    def _transaction(self, session: Session) -> Iterator[None]:
        session.run("BEGIN")
        try:
            yield
            session.run("COMMIT")
        except BaseException:
            # DuckDB has already undone it when it was the commit that failed; the first error is the one to tell.
            with suppress(duckdb.Error):
                session.run("ROLLBACK")
            raise

    # Order

    def tidy(self, layers: Iterable[str]) -> None:
        """Put layers in order that lie out of it, and fold the write-ahead log into the file."""
        for layer in layers:
            self.recluster(layer)
        self.checkpoint()

    def recluster(self, layer: str, *, force: bool = False) -> bool:
        """Put a layer's rows in Hilbert order again when over 5 % lie out of it; whether it was done.

        For a quiet moment: readers go on, writers wait.
        """
        with self._session() as session:
            with self._turn(session) as done:
                held = self._layer(layer)
                rows = one(session, f"SELECT count(*) FROM {held.live}")
                if not force and held.loose <= LOOSE * max(rows, 1000):
                    return False
                for table in (held.live, held.hist):
                    _ordered(session, held, table)
                held = replace(held, loose=0)
                catalogue.saved(session, held, self._last)
                done.append(Done(number=self._last, at=self._last_at, held=held))
            self.checkpoint()
            return True

    def checkpoint(self) -> bool:
        """Fold the write-ahead log into the file; False when somebody reads or writes just now, or there is no room."""
        if not room.enough(self._path):
            log.warning("no checkpoint: %s", room.full(self._path))
            return False
        with self._cursor() as cursor:
            try:
                cursor.execute("CHECKPOINT")
            except duckdb.TransactionException as error:
                log.info("no checkpoint now: %s", error)
                return False
        return True


def _ordered(session: Session, held: Held, table: str) -> None:
    """Write a table anew in Hilbert order; columns that a wider one took over from stay behind."""
    names = ", ".join(held.stored)
    catalogue.made(session, held, f"{table}_new")
    session.run(f"INSERT INTO {table}_new ({names}) SELECT {names} FROM {table} ORDER BY hkey")
    session.run(f"DROP TABLE {table}")
    session.run(f"ALTER TABLE {table}_new RENAME TO {table}")
    session.run(f"CREATE INDEX {table}_id ON {table} (id)")
