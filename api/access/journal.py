"""The audit log as the server writes it: aside, in batches, by one thread; nothing is lost on a normal stop.

When the log cannot be written (a full disk, say), writes are refused with 503 and reads go on: an emergency must
still see the map, and nothing may change unrecorded. What was read meanwhile waits in memory, up to WAITING rows;
how many were lost beyond that is the first row after. A process that is killed loses what it did in the last
PAUSE seconds from the log, never from the twin.

Tiles would drown the log (a look around the map is hundreds), so those of one principal, address, layer and status
in one minute are one row that says how many they were, written when the minute is over: a process that is killed
loses the counts of the minute that runs.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Final

from twin.audit import Action, Entry, Log
from twin.errors import TwinError

PAUSE: Final = 0.25
"""Seconds in which rows gather."""
IDLE: Final = 1.0
"""Seconds after which the thread looks up although nothing was given."""
RETRY: Final = 1.0
"""Seconds between two tries while the log cannot be written."""
WAITING: Final = 50_000
"""Rows that wait for a log that cannot be written."""
BATCH: Final = 2000

Bucket = tuple[datetime, str, str, str, int]


@dataclass
class _Minutes:
    """Tiles by minute, principal, address, layer and status."""

    counts: dict[Bucket, Entry] = field(default_factory=dict)

    def add(self, entry: Entry) -> None:
        minute = entry.time.replace(second=0, microsecond=0)
        bucket = (minute, entry.principal, entry.address, entry.layer, entry.status)
        before = self.counts.get(bucket)
        self.counts[bucket] = (
            replace(entry, path=f"/tiles/{entry.layer}/…", note="tiles of a minute")
            if before is None
            else replace(
                before,
                requests=before.requests + entry.requests,
                bytes=(before.bytes or 0) + (entry.bytes or 0),
            )
        )

    def over(self, now: datetime | None) -> list[Entry]:
        """Take the minutes that are over; all of them where no time is given."""
        this = now and now.replace(second=0, microsecond=0)
        done = [bucket for bucket in self.counts if this is None or bucket[0] < this]
        return [self.counts.pop(bucket) for bucket in done]


class Journal:
    """Takes entries from any thread and writes them from one."""

    def __init__(
        self,
        log: Log,
        *,
        watch: Callable[[], Sequence[Entry]] = tuple,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.log = log
        self.failing: str | None = None
        """Why the log cannot be written just now."""
        self._watch, self._now = watch, now
        self._given: queue.SimpleQueue[tuple[Entry, bool] | None] = queue.SimpleQueue()
        self._closing = threading.Event()
        self._minutes = _Minutes()
        self._waiting: list[Entry] = []
        self._lost = 0
        self._last: Sequence[Entry] = ()
        self._thread = threading.Thread(target=self._run, name="audit", daemon=True)
        self._thread.start()

    def add(self, entry: Entry) -> None:
        """Write an entry down soon."""
        self._given.put((entry, False))

    def tile(self, entry: Entry) -> None:
        """Count a tile; its minute is written when it is over."""
        self._given.put((entry, True))

    def close(self, last: Sequence[Entry] = ()) -> None:
        """Write what is left, then the last word, and stop."""
        self._last = last
        self._closing.set()
        self._given.put(None)
        self._thread.join()

    def _run(self) -> None:
        going = True
        while going:
            going = self._gather()
            self._keep(self._watch())
            self._keep(self._minutes.over(self._now() if going else None))
            self._keep(() if going else self._last)
            self._write()

    def _gather(self) -> bool:
        """Take what is given within PAUSE seconds of the first; False once it is the end.

        It sleeps meanwhile: to be woken for each would cost every request more than its row does.
        """
        try:
            given = self._given.get(timeout=IDLE)
            if given is not None:
                self._closing.wait(RETRY if self.failing else PAUSE)
            while given is not None:
                self._take(*given)
                if len(self._waiting) >= BATCH and not self.failing:
                    return True
                given = self._given.get_nowait()
        except queue.Empty:
            return True
        return False

    def _take(self, entry: Entry, counted: bool) -> None:  # noqa: FBT001  as it lies in the queue
        if counted:
            self._minutes.add(entry)
        else:
            self._keep([entry])

    def _keep(self, entries: Sequence[Entry]) -> None:
        room = max(0, WAITING - len(self._waiting))
        self._waiting.extend(entries[:room])
        self._lost += len(entries[room:])

    def _write(self) -> None:
        while self._waiting or self._lost:
            batch = self._waiting[:BATCH]
            if self._lost and len(batch) == len(self._waiting):
                batch.append(
                    said(f"{self._lost} rows were lost while the log could not be written", self._now())
                )
            try:
                self.log.append(batch)
            except TwinError as error:
                self.failing = str(error)
                return
            if len(batch) > len(self._waiting):
                self._lost = 0
            del self._waiting[:BATCH]
            self.failing = None


def said(note: str, now: datetime, action: Action = Action.LOG) -> Entry:
    """What the server itself has to say."""
    return Entry(time=now, principal="server", action=action, note=note)
