"""Who wants to hear of commits."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from twin.model import Change

log = logging.getLogger(__name__)


class Listeners:
    """Callbacks told of each commit of this process, after it is durable, in the order of the commits."""

    def __init__(self) -> None:
        self._callbacks: dict[object, Callable[[Change], None]] = {}
        self._lock = threading.Lock()

    def add(self, callback: Callable[[Change], None]) -> Callable[[], None]:
        """Tell this callback too; what comes back ends it (twice does no harm)."""
        token = object()
        with self._lock:
            self._callbacks[token] = callback

        def end() -> None:
            with self._lock:
                self._callbacks.pop(token, None)

        return end

    def tell(self, change: Change) -> None:
        """Call every callback. One that raises is logged: the commit stands and the others hear of it."""
        with self._lock:
            callbacks = tuple(self._callbacks.values())
        for callback in callbacks:
            try:
                callback(change)
            except Exception:
                log.exception("a listener failed at version %s", change.version)
