"""The change feed as events: from the store's threads to every open browser, in order, bounded."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from dataclasses import dataclass

QUEUE = 1000
"""Events a slow reader may be behind before it is let go."""
READERS = 2000
BEAT_SECONDS = 15.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """One server-sent event."""

    name: str
    data: bytes
    """JSON on one line."""
    number: int | None = None
    """The feed's number."""

    def encode(self) -> bytes:
        """As the wire has it (WHATWG HTML, server-sent events)."""
        head = f"id: {self.number}\n" if self.number is not None else ""
        return f"{head}event: {self.name}\n".encode() + b"data: " + self.data + b"\n\n"


class Hub:
    """Hands events to readers; a reader that does not keep up loses its connection, not the others' events."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._readers: dict[asyncio.Queue[Event | None], asyncio.AbstractEventLoop] = {}

    def publish(self, event: Event) -> None:
        """Give an event to every reader; called from any thread."""
        with self._lock:
            readers = list(self._readers.items())
        for queue, loop in readers:
            loop.call_soon_threadsafe(_offer, queue, event)

    def join(self) -> asyncio.Queue[Event | None] | None:
        """A new reader's queue; None when there are too many. Call it on the event loop."""
        with self._lock:
            if len(self._readers) >= READERS:
                return None
            queue: asyncio.Queue[Event | None] = asyncio.Queue(QUEUE + 1)
            self._readers[queue] = asyncio.get_running_loop()
            return queue

    def leave(self, queue: asyncio.Queue[Event | None]) -> None:
        """Forget a reader."""
        with self._lock:
            self._readers.pop(queue, None)

    def close(self) -> None:
        """End every reader's stream."""
        with self._lock:
            readers = list(self._readers.items())
        for queue, loop in readers:
            if not loop.is_closed():
                loop.call_soon_threadsafe(_end, queue)


def _offer(queue: asyncio.Queue[Event | None], event: Event) -> None:
    if queue.qsize() >= QUEUE:
        _end(queue)
    else:
        queue.put_nowait(event)


def _end(queue: asyncio.Queue[Event | None]) -> None:
    while queue.full():
        queue.get_nowait()
    queue.put_nowait(None)


async def events(queue: asyncio.Queue[Event | None]) -> AsyncIterator[Event | None]:
    """The reader's events; None is a heartbeat. Ends when the reader was let go.

    Beats come by the clock, not after silence: an event that the reader may not see would put one off.
    """
    clock = asyncio.get_running_loop().time
    beat = clock() + BEAT_SECONDS
    while True:
        try:
            event = await asyncio.wait_for(queue.get(), max(beat - clock(), 0.0))
        except TimeoutError:
            beat = clock() + BEAT_SECONDS
            yield None
            continue
        if event is None:
            return
        yield event
