"""Running the server: one process that owns the store, with timeouts that uvicorn does not have."""

from __future__ import annotations

import asyncio
import ipaddress
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from api.app import create_app
from api.errors import problem
from api.hub import Hub
from api.state import Twin
from twin.errors import InvalidParameter

HEADER_SECONDS = 10.0
"""A request's headers must be complete by then."""
BODY_SECONDS = 30.0
"""Between two pieces of a body at most this long."""


MOST_HEAD = 65_535
"""Bytes of an address and headers that are read at all; `limits` refuses shorter ones, with their own texts."""


class Patient(HttpToolsProtocol):
    """HTTP/1.1 that closes a connection whose headers or body do not come, and reads no endless ones."""

    _deadline: asyncio.TimerHandle | None = None
    url = b""
    _come = 0
    """Bytes of a head that is not complete."""

    def connection_made(self, transport: Any) -> None:
        """Start waiting for the first request."""
        super().connection_made(transport)
        self._wait(HEADER_SECONDS)

    def data_received(self, data: bytes) -> None:
        """Take bytes; a complete request ends the waiting, an incomplete body renews it."""
        idle = self.cycle is None or self.cycle.response_complete
        self._come += len(data)
        super().data_received(data)
        if self.cycle is None or self.cycle.response_complete:
            if not idle:
                self._wait(HEADER_SECONDS)
            if self._come > MOST_HEAD and not self.transport.is_closing():
                self._refuse(*_too_long(self.url))
        elif self.cycle.more_body:
            self._wait(BODY_SECONDS)
        else:
            self._stop()

    def on_headers_complete(self) -> None:
        """The head is there; what comes now is a body, which `limits` counts."""
        self._come = 0
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The next head begins."""
        self._come = 0
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Between requests uvicorn's own keep-alive timeout holds."""
        self._stop()
        super().on_response_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the timer."""
        self._stop()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """Say what is wrong with bytes that are no request, and close the connection."""
        if len(self.url) >= MOST_HEAD:
            self._refuse(*_too_long(self.url))
            return
        error = sys.exception()
        self._refuse(400, "invalid-parameter", str(error.__context__ or error) if error else msg)

    def _refuse(self, status: int, slug: str, text: str) -> None:
        answer = problem(status, slug, text)
        answer.headers["connection"] = "close"
        lines = [STATUS_LINE[status], *(b"%b: %b\r\n" % pair for pair in answer.raw_headers)]
        self.transport.write(b"".join([*lines, b"\r\n", bytes(answer.body)]))
        self.transport.close()

    def _wait(self, seconds: float) -> None:
        self._stop()
        self._deadline = self.loop.call_later(seconds, self._give_up)

    def _stop(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _give_up(self) -> None:
        if self.transport is not None and not self.transport.is_closing():
            self.transport.abort()


def _too_long(address: bytes) -> tuple[int, str, str]:
    """Status, slug and text for a head that does not end (RFC 9110, 15.5.15; RFC 6585, 5)."""
    if len(address) > MOST_HEAD // 2:
        return 414, "too-large", f"the address is longer than {MOST_HEAD} bytes"
    return 431, "too-large", f"more than {MOST_HEAD} bytes of headers"


class Server(uvicorn.Server):
    """Ends the event streams at the signal: they would hold the shutdown until its time limit."""

    def __init__(self, configuration: uvicorn.Config, hub: Hub) -> None:
        super().__init__(configuration)
        self.hub = hub

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop taking requests; readers of `/live` come back to the next server by themselves."""
        self.hub.close()
        super().handle_exit(sig, frame)


def run(
    twin: Twin, listener: socket.socket, *, anywhere: bool, static: Path, started: Callable[[str], None]
) -> None:
    """Serve on a socket until a signal ends it."""
    host, port = listener.getsockname()[:2]
    app = create_app(twin, static=static, anywhere=anywhere, started=lambda: started(address(host, port)))
    configuration = uvicorn.Config(
        app,
        http=Patient,
        proxy_headers=False,  # `api.proxy` believes those that are named, and nobody else
        log_level="warning",
        access_log=False,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=3,
        server_header=False,
        limit_concurrency=4000,
    )
    # uvicorn raises the signal again when it is done; by default that would end the process on the spot, before
    # the audit log is written out and the store is closed.
    signal.signal(signal.SIGTERM, _leave)
    Server(configuration, twin.hub).run(sockets=[listener])


def _leave(_signal: int, _frame: FrameType | None) -> None:
    sys.exit(0)


def listen(host: str, port: int, *, anywhere: bool) -> socket.socket:
    """A listening socket; it is taken before anything slow begins.

    Raises:
        InvalidParameter: the port is taken, or the address is not this machine's own, there are no rules and nobody
            said --open.
    """
    if not anywhere and not loopback(host):
        raise InvalidParameter(
            f"--host {host} is open to other machines and there are no rules (rules.toml): everybody could read and "
            "write. Say --open if that is meant"
        )
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise InvalidParameter(
            f"port {port} of {host} cannot be had ({error.strerror}); name another with --port"
        ) from error
    listener.listen(512)
    return listener


def loopback(host: str) -> bool:
    """Whether an address is this machine's own."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def address(host: str, port: int) -> str:
    """What to open in a browser."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
