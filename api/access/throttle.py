"""Guessing is slow: after some wrong credentials an address must wait (GB/T 22239-2019, 8.1.4.1 b)."""

from __future__ import annotations

import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

WRONG = 10
"""Wrong credentials that an address may send within WINDOW."""
WINDOW = 60.0
"""Seconds."""
REMEMBERED = 10_000
"""Addresses, and credentials that were right, that are kept in mind."""


@dataclass(frozen=True, slots=True)
class _Failures:
    count: int
    until: float


class Throttle:
    """Counts wrong credentials by address.

    A waiting address gets no answer that tells right from wrong, except for credentials that were right from that
    address before and for keys, which are 256 random bits and looked up at once: one broken client behind the county's
    proxy does not shut out the others.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._failures: OrderedDict[str, _Failures] = OrderedDict()
        self._right: OrderedDict[tuple[str, bytes], None] = OrderedDict()

    def waits(self, address: str, credential: str) -> int:
        """Seconds that this credential from this address must wait; 0: it may be looked at."""
        with self._lock:
            found = self._failures.get(address)
            if found is None or found.count < WRONG or (address, _mark(credential)) in self._right:
                return 0
            return max(0, int(found.until - self._clock()) + 1)

    def wrong(self, address: str) -> None:
        """Count a wrong credential; each one renews the window once the limit is reached."""
        with self._lock:
            now = self._clock()
            before = self._failures.pop(address, None)
            stands = before is not None and now < before.until
            count = before.count + 1 if before is not None and stands else 1
            until = before.until if before is not None and stands and count < WRONG else now + WINDOW
            self._failures[address] = _Failures(count, until)
            _cut(self._failures)

    def right(self, address: str, credential: str) -> None:
        """Remember a right credential."""
        with self._lock:
            self._right[address, _mark(credential)] = None
            self._right.move_to_end((address, _mark(credential)))
            _cut(self._right)


def _mark(credential: str) -> bytes:
    return hashlib.sha256(credential.encode()).digest()


def _cut[K, V](kept: OrderedDict[K, V]) -> None:
    while len(kept) > REMEMBERED:
        kept.popitem(last=False)
