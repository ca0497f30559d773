"""Hearing of other processes' commits: LISTEN on a connection of its own, and a look now and then."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import asyncpg

log = logging.getLogger(__name__)

BEAT_SECONDS: Final = 1.0
"""Nothing relies on a notice that may be lost: the feed is looked at as often as this."""


class Watch:
    """A thread that calls back when something may have been committed, until it is closed.

    Its connection may come and go; a new one begins with a look at the feed.
    """

    def __init__(self, url: str, channel: str, heard: Callable[[], None]) -> None:
        self._url, self._channel, self._heard = url, channel, heard
        self._over = False
        self._loop = asyncio.new_event_loop()
        self._notice = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="postgis-watch", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Have it look now; from any thread."""
        with suppress(RuntimeError):  # it has just ended
            self._loop.call_soon_threadsafe(self._notice.set)

    def close(self) -> None:
        """End it."""
        self._over = True
        self.wake()
        if threading.current_thread() is not self._thread:
            self._thread.join(10)

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(self._main())
        finally:
            self._loop.close()

    async def _main(self) -> None:
        silent = False
        while not self._over:
            try:
                await self._listen()
                silent = False
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                if not silent:
                    log.warning("no notices from the database, looking every second instead: %s", error)
                silent = True
            self._heard()
            await self._wait()

    async def _listen(self) -> None:
        connection = await asyncpg.connect(self._url, timeout=5)
        try:
            await connection.add_listener(self._channel, lambda *_: self._notice.set())
            while not self._over and not connection.is_closed():
                self._heard()
                await self._wait()
        finally:
            connection.terminate()

    async def _wait(self) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._notice.wait(), BEAT_SECONDS)
        self._notice.clear()
