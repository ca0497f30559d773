"""The time limit of questions: one thread that watches all of them."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

import duckdb

AGAIN: Final = 0.002
"""Seconds until one that is over is interrupted once more: between two steps it hears nothing."""


class Limit:
    """Interrupts what takes longer than a time; a thread a question would cost more than a short question."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._changed = threading.Condition()
        self._running: dict[object, tuple[float, duckdb.DuckDBPyConnection]] = {}
        """When each is over, in the order in which they began; all have the same time."""
        self._asleep = self._closed = False
        self._thread: threading.Thread | None = None

    @contextmanager
    def on(self, cursor: duckdb.DuckDBPyConnection) -> Iterator[None]:
        """What a cursor is asked in here is broken off at the limit."""
        ticket = object()
        with self._changed:
            self._running[ticket] = (time.monotonic() + self.seconds, cursor)
            if self._thread is None:
                self._thread = threading.Thread(target=self._watch, name="query-limit", daemon=True)
                self._thread.start()
            elif self._asleep:
                self._changed.notify()
        try:
            yield
        finally:
            with self._changed:
                del self._running[ticket]

    def close(self) -> None:
        """End the thread."""
        with self._changed:
            self._closed = True
            self._changed.notify()

    def _watch(self) -> None:
        with self._changed:
            while not self._closed:
                self._asleep = not self._running
                self._changed.wait(self._interrupted())

    def _interrupted(self) -> float | None:
        """Interrupt what is over; seconds until the next may be, None when nothing runs."""
        now = time.monotonic()
        for over, cursor in self._running.values():
            if over > now:
                return over - now
            with suppress(duckdb.Error):  # it may be closing just now
                cursor.interrupt()
        return AGAIN if self._running else None
