"""Where pure functions run: here, one at a time, or in other processes, so that all cores make tiles.

Python runs one thread at a time, and threads that take turns around hundreds of short calls take more than twice
the processor time of one. A process of its own gets a function and its arguments over a pipe and sends the result back.
"""

from __future__ import annotations

import os
import pickle
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import IO, Any, Final, Protocol, cast

MOST: Final = 4
"""Processes at most; as many as there are cores."""
WAIT: Final = 1.0
"""Seconds after which somebody in the queue looks whether there are still workers."""
GONE: Final = (OSError, EOFError, ValueError, pickle.UnpicklingError)
"""What reading from and writing to a process raises that has ended or is being ended."""
PROTOCOL: Final = pickle.HIGHEST_PROTOCOL


class Executor(Protocol):
    """Runs a pure function of a module, whose arguments and result can be pickled."""

    def __call__[**P, T](self, function: Callable[P, T], /, *args: P.args, **named: P.kwargs) -> T:
        """The result; what the function raises is raised."""
        ...


_ONE: Final = threading.Lock()


def here[**P, T](function: Callable[P, T], /, *args: P.args, **named: P.kwargs) -> T:
    """Run it in this process, one at a time."""
    with _ONE:
        return function(*args, **named)


class Worker:
    """One process."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # The terminal's Ctrl-C is for the server, which closes the pipe.
            start_new_session=True,
        )

    def ask(self, *call: Any) -> tuple[bool, Any]:
        """Whether a function (with arguments, and named ones) came to its end, and its result or what it raised.

        Raises:
            GONE: the process is gone.
        """
        pipe = cast("IO[bytes]", self._process.stdin)
        pipe.write(pickle.dumps(call, PROTOCOL))
        pipe.flush()
        found: tuple[bool, Any] = pickle.load(cast("IO[bytes]", self._process.stdout))  # noqa: S301  ours wrote it
        return found

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            with suppress(OSError):
                cast("IO[bytes]", pipe).close()


class Processes:
    """Several workers, begun when they are first needed; until the first has begun, the work is done here."""

    def __init__(self, most: int | None = None) -> None:
        self._most = min(os.cpu_count() or 1, MOST) if most is None else most
        self._idle: queue.LifoQueue[Worker] = queue.LifoQueue()
        self._all: list[Worker] = []
        self._lock = threading.Lock()
        self._begun, self._ready, self._closed = 0, 0, False

    def __call__[**P, T](self, function: Callable[P, T], /, *args: P.args, **named: P.kwargs) -> T:
        """The result; a worker that died is replaced, and the work done here."""
        self._begin(function)
        if (worker := self._free()) is None:
            return here(function, *args, **named)
        try:
            good, found = worker.ask(function, args, named)
        except GONE:
            self._lost(worker)
            return here(function, *args, **named)
        self._idle.put(worker)
        if not good:
            raise found
        return cast("T", found)

    def _free(self) -> Worker | None:
        """A worker, when it is its turn; None where there is none at all."""
        while self._ready:
            with suppress(queue.Empty):
                return self._idle.get(timeout=WAIT)
        return None

    def close(self) -> None:
        """End all workers."""
        with self._lock:
            self._closed, self._ready = True, 0
            for worker in self._all:
                worker.close()

    def _begin(self, function: Callable[..., Any]) -> None:
        with self._lock:
            if self._closed or self._begun >= self._most:
                return
            self._begun += 1
            threading.Thread(target=self._start, args=(function,), name="worker", daemon=True).start()

    def _start(self, function: Callable[..., Any]) -> None:
        with self._lock:
            if self._closed:
                return
            worker = Worker()
            self._all.append(worker)
        try:
            worker.ask(callable, (function,), {})  # it imports what the function needs
        except GONE:
            self._lost(worker, ready=False)
            return
        self._ready += 1
        self._idle.put(worker)

    def _lost(self, worker: Worker, *, ready: bool = True) -> None:
        with self._lock:
            if self._closed:
                return
            self._all.remove(worker)
            self._begun -= 1
            self._ready -= ready
        worker.close()


def main() -> None:
    """Answer calls until the pipe is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints is no answer
    while True:
        try:
            function, args, named = pickle.load(sys.stdin.buffer)  # noqa: S301  the server wrote it
        except EOFError:
            return
        try:
            found = True, function(*args, **named)
        except Exception as error:  # noqa: BLE001  it is raised where the function was called
            found = False, error
        pickle.dump(found, answers, PROTOCOL)
        answers.flush()


if __name__ == "__main__":
    main()
