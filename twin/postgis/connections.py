"""Connections to one database: opened when they are needed, kept for the next, let go when they are lost."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import adbc_driver_manager as adbc
from adbc_driver_postgresql import dbapi

from twin.dialects import quoted
from twin.errors import StoreBusy, StoreDown
from twin.postgis import errors
from twin.postgis.session import PostGISSession

MOST: Final = 40
"""Connections of one process; PostgreSQL allows 100 to all, unless it is told otherwise."""
PATIENCE_SECONDS: Final = 30.0
DEFAULTS: Final = {
    "connect_timeout": "5",
    "application_name": "onemap-twin",
    # A server that is cut off without a word is found out within a quarter of a minute.
    "keepalives_idle": "5",
    "keepalives_interval": "3",
    "keepalives_count": "3",
    "tcp_user_timeout": "15000",
}


class Connections:
    """The connections of a store, for any thread; each is used by one at a time."""

    def __init__(self, url: str, *, path: str, seconds: float) -> None:
        """`path` is the search path, `seconds` the time limit of a question."""
        self._url = with_defaults(url)
        self.path = path
        self._seconds = seconds
        self._lock = threading.Lock()
        self._free = threading.BoundedSemaphore(MOST)
        self._idle: dict[bool, list[PostGISSession]] = {True: [], False: []}
        self._closed = False

    @contextmanager
    def session(self, *, limited: bool) -> Iterator[PostGISSession]:
        """A session of one's own, with the time limit or without.

        Raises:
            StoreDown: the server does not answer.
            StoreBusy: all connections are taken, and none came free.
        """
        if not self._free.acquire(timeout=PATIENCE_SECONDS):
            raise StoreBusy(f"all {MOST} connections to the database are taken; try again later")
        try:
            session = self._taken(limited)
            try:
                yield session
            finally:
                self._back(session, limited)
        finally:
            self._free.release()

    def _taken(self, limited: bool) -> PostGISSession:  # noqa: FBT001
        with self._lock:
            if self._idle[limited]:
                return self._idle[limited].pop()
        return self._opened(limited)

    def _opened(self, limited: bool) -> PostGISSession:  # noqa: FBT001
        try:
            session = PostGISSession(dbapi.connect(self._url, autocommit=True))
        except adbc.Error as error:
            raise errors.ours(error) or StoreDown(
                f"the PostgreSQL store does not open: {str(error).splitlines()[0][:300]}"
            ) from error
        limit = int(self._seconds * 1000) if limited else 0
        settings = {
            "search_path": self.path,
            "TimeZone": "UTC",
            "DateStyle": "ISO, YMD",
            "standard_conforming_strings": "on",
            "statement_timeout": str(limit),
            "work_mem": "64MB",
            "jit": "off",
        }
        said = ", ".join(f"set_config({quoted(n)}, {quoted(v)}, false)" for n, v in settings.items())
        try:
            session.rows(f"SELECT {said}")
        except BaseException:
            session.close()
            raise
        return session

    def _back(self, session: PostGISSession, limited: bool) -> None:  # noqa: FBT001
        if session.littered and not session.failed:
            self._swept(session)
        with self._lock:
            if session.broken:
                # What one found out holds for those that were open beside it.
                gone = [session, *self._idle[True], *self._idle[False]]
                self._idle = {True: [], False: []}
            elif self._closed or session.failed:
                gone = [session]
            else:
                self._idle[limited].append(session)
                gone = []
        for each in gone:
            each.close()

    def _swept(self, session: PostGISSession) -> None:
        try:
            session.run("DISCARD TEMP")
            session.littered = False
        except (adbc.Error, StoreDown):
            session.broken = True

    def close(self) -> None:
        """Let go of all."""
        with self._lock:
            self._closed = True
            gone = [*self._idle[True], *self._idle[False]]
            self._idle = {True: [], False: []}
        for each in gone:
            each.close()


def with_defaults(url: str) -> str:
    """The address with what it does not say itself."""
    parts = urlsplit(url)
    said: dict[str, Any] = dict(parse_qsl(parts.query, keep_blank_values=True))
    return urlunsplit(parts._replace(query=urlencode({**DEFAULTS, **said})))
