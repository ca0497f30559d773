"""The PostGIS store: any number of server processes on one database, each with its own view of the catalogue.

Commits are numbered under an advisory lock that is held until they are durable, so that a lower number
never appears after a higher one. Every read begins with a look at the last number, so that it sees what
any process committed before; what was committed by others is told to the listeners by a thread that
LISTENs (`twin/postgis/watch.py`).
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import ClassVar, Final, cast

import adbc_driver_manager as adbc
import orjson

from twin.dialects import Dialect
from twin.errors import TwinError
from twin.governed import governed
from twin.model import Change
from twin.postgis import setup
from twin.postgis.connections import Connections
from twin.postgis.dialect import POSTGIS
from twin.postgis.session import PostGISSession
from twin.postgis.watch import Watch
from twin.records import change_from
from twin.relational.base import Done
from twin.relational.observed import Observed
from twin.relational.reads import Reads
from twin.relational.session import Session
from twin.relational.standing import Writer
from twin.relational.writes import Writes

log = logging.getLogger(__name__)
SECONDS: Final = 60.0
"""A read that takes longer is broken off."""


@governed
class PostGISStore(Reads, Writes, Observed):
    """A `twin.store.Store` in a schema of a PostgreSQL database.

    Raises:
        StoreDown: the server does not answer, or the database cannot hold a twin; says what to run.
    """

    dialect: ClassVar[Dialect] = POSTGIS

    def __init__(
        self,
        url: str,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        seconds: float = SECONDS,
        writer: Writer | None = None,
    ) -> None:
        super().__init__(now, writer)
        self._catalogue = threading.RLock()
        self._telling = threading.RLock()
        self._untold: deque[Change] = deque()
        self._connections = Connections(url, path="pg_catalog", seconds=seconds)
        try:
            with self._connections.session(limited=False) as session:
                self._connections.path = setup.ready(session)
                self._load(session)
        except BaseException:
            self._connections.close()
            raise
        self._watch = Watch(url, setup.SCHEMA, self._heard)

    def close(self) -> None:
        """Let go of the connections."""
        self._standings.close()
        self._watch.close()
        self._connections.close()

    @contextmanager
    def _session(self) -> Iterator[Session]:
        with self._connections.session(limited=False) as session:
            yield session

    @contextmanager
    def _asked(self) -> Iterator[Session]:
        with self._connections.session(limited=True) as session:
            yield session

    @contextmanager
    def _transaction(self, session: Session) -> Iterator[None]:
        with cast("PostGISSession", session).atomic():
            session.run("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            yield

    @contextmanager
    def _turn(self, session: Session) -> Iterator[list[Done]]:
        done: list[Done] = []
        with self._lock:
            with cast("PostGISSession", session).atomic():
                session.rows(f"SELECT pg_advisory_xact_lock({setup.lock(setup.SCHEMA)})::text")
                self._notice(session)
                yield done
                if done:
                    session.rows("SELECT pg_notify($1, $2)::text", [setup.SCHEMA, str(done[-1].number)])
            self._notice(session)
        self._tell()

    def _fresh(self) -> None:
        with self._asked() as session:
            self._notice(session)
        if self._untold:
            self._watch.wake()

    def _notice(self, session: Session) -> None:
        """Take what was committed since the last look into the catalogue, to be told to the listeners."""
        later = cast("PostGISSession", session).later
        if later(self._last) is None:
            return
        with self._catalogue:
            after = self._last
            if later(after) is None:
                return
            self._load(session, after=after)
            self._untold += [
                change_from(orjson.loads(body))
                for (body,) in session.rows(
                    "SELECT body FROM feed WHERE version > $1 AND version <= $2 ORDER BY version",
                    [after, self._last],
                )
            ]

    def _tell(self) -> None:
        with self._telling:
            while self._untold:
                self._listeners.tell(self._untold.popleft())

    def _heard(self) -> None:
        """What the watch does: look, and tell."""
        try:
            with self._asked() as session:
                self._notice(session)
        except (TwinError, adbc.Error) as error:
            # It goes on whatever happens: the next look may do better.
            log.warning("no look at the database: %s", error)
        self._tell()

    # Order

    def tidy(self, layers: Iterable[str]) -> None:
        """Clear away what was replaced and have the planner know what is there."""
        for layer in layers:
            held = self._layer(layer)
            with self._session() as session:
                for table in (held.live, held.hist):
                    session.run(f"VACUUM (ANALYZE) {table}")
