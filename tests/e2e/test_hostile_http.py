"""Hostile bytes to a running server, through sockets: Q26 to Q29, B23 and B26 of the list."""

from __future__ import annotations

import selectors
import socket
from contextlib import ExitStack, suppress
from urllib.parse import urlsplit

import pytest
from servers import Server

HEAD = b"Host: 127.0.0.1\r\n"
LAST = HEAD + b"Connection: close\r\n"


def connected(server: Server) -> socket.socket:
    place = urlsplit(server.address)
    return socket.create_connection((place.hostname, place.port), timeout=60)


def asked(server: Server, raw: bytes) -> bytes:
    """All that the server says to some bytes until it closes."""
    with connected(server) as line:
        with suppress(OSError):  # it may close before it has read all
            line.sendall(raw)
        said = b""
        with suppress(ConnectionResetError):
            while piece := line.recv(65_536):
                said += piece
        return said


def status(said: bytes) -> int:
    return int(said.split(b" ", 2)[1])


@pytest.mark.parametrize("length", [9_000, 70_000, 1_000_000])
def test_too_long_an_address_is_a_414(server: Server, length: int) -> None:
    """Q26."""
    said = asked(server, b"GET /ogc?x=" + b"a" * length + b" HTTP/1.1\r\n" + LAST + b"\r\n")
    assert status(said) == 414
    assert b"/problems/too-large" in said
    assert server.get("/healthz").status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        b"X: " + b"a" * 40_000 + b"\r\n",
        b"X: " + b"a" * 1_000_000 + b"\r\n",
        b"".join(b"X-%d: 1\r\n" % n for n in range(1000)),
    ],
)
def test_too_many_headers_are_a_431(server: Server, headers: bytes) -> None:
    """Q27."""
    said = asked(server, b"GET /ogc HTTP/1.1\r\n" + LAST + headers + b"\r\n")
    assert status(said) == 431
    assert b"/problems/too-large" in said
    assert server.get("/healthz").status_code == 200


def test_another_host_is_never_in_a_link(server: Server) -> None:
    """Q27."""
    said = asked(server, b"GET /ogc HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n")
    assert status(said) == 400
    assert b"//evil.example" not in said


@pytest.mark.parametrize(
    "path",
    [
        "/ogc?f=json%0d%0aX-Evil:1",
        "/ogc/collections?lang=zh%0d%0aX-Evil:1",
        "/ogc/collections/incidents/items/a%0d%0aX-Evil:1",
        "/ogc/collections/incidents%0d%0aX-Evil:1",
        "/tiles/a%0d%0aX-Evil:1/tileset.json",
    ],
)
def test_a_line_break_in_a_value_makes_no_header(server: Server, path: str) -> None:
    """Q28."""
    said = asked(server, f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode())
    assert status(said) in (400, 404)
    assert b"x-evil" not in said.split(b"\r\n\r\n")[0].lower()


def test_an_id_with_a_line_break_is_quoted_in_location(server: Server) -> None:
    """Q28: the id of a posted feature comes back in a header."""
    body = (
        b'{"type":"Feature","id":"a\\r\\nX-Evil: 1","geometry":{"type":"Point","coordinates":[116.4,39.9]},'
        b'"properties":{"title":"t","level":"I"}}'
    )
    head = (
        b"POST /ogc/collections/incidents/items HTTP/1.1\r\n"
        + HEAD
        + b"Content-Type: application/geo+json\r\n"
    )
    said = asked(server, head + b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    assert status(said) in (201, 422)
    assert b"\nx-evil" not in said.split(b"\r\n\r\n")[0].lower()


def test_two_lengths_of_a_body_are_refused(server: Server) -> None:
    """B26: what a proxy would take for the next request is never answered."""
    hidden = b"GET /healthz HTTP/1.1\r\n" + HEAD + b"\r\n"
    head = b"POST /ogc/collections/incidents/items HTTP/1.1\r\n" + HEAD
    lengths = b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    said = asked(server, head + lengths + hidden)
    assert status(said) == 400
    assert said.count(b"HTTP/1.1 ") == 1
    assert b"connection: close" in said.lower()


def test_what_is_no_http_is_a_400(server: Server) -> None:
    for raw in (
        b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /\x00 HTTP/1.1\r\n\r\n",
    ):
        assert status(asked(server, raw)) == 400
    assert server.get("/healthz").status_code == 200


def closed(lines: list[socket.socket]) -> int:
    """Of some connections, how many the server closes, within a minute from the last that it closed."""
    done = 0
    with selectors.DefaultSelector() as waiting:
        for line in lines:
            waiting.register(line, selectors.EVENT_READ)
        while waiting.get_map() and (ready := waiting.select(60)):
            for key, _ in ready:
                with suppress(ConnectionResetError):
                    assert key.fileobj.recv(65_536) == b""  # type: ignore[union-attr]
                waiting.unregister(key.fileobj)
                done += 1
    return done


def test_slow_heads_and_bodies_are_closed_and_others_served(server: Server) -> None:
    """Q29 and B23: 300 heads that never end, 20 bodies that stop."""
    with ExitStack() as open_:
        lines = [open_.enter_context(connected(server)) for _ in range(320)]
        for line in lines[:300]:
            line.sendall(b"GET / HTTP/1.1\r\n" + HEAD + b"X: 1\r\n")
        for line in lines[300:]:
            head = b"POST /ogc/collections/incidents/items HTTP/1.1\r\n" + HEAD
            line.sendall(head + b"Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{")
        assert server.get("/healthz").status_code == 200
        assert closed(lines) == len(lines)
    assert server.get("/healthz").status_code == 200
