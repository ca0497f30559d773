"""The feed at the door: what one client does, the others hear."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from typing import Any

import httpx2
import pytest
from servers import Server, start, stop

POST = "/ogc/collections/incidents/items"


def post(server: Server, title: str) -> str:
    body = {
        "type": "Feature",
        "geometry": {"type": "Point", "coordinates": [118.36, 38.35]},
        "properties": {"title": title, "level": "III"},
    }
    headers = {"Content-Type": "application/geo+json"}
    answer = httpx2.post(server.address + POST, content=json.dumps(body), headers=headers, timeout=30)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


class Ears:
    """A browser's EventSource: events as they come."""

    def __init__(self, server: Server, **headers: str) -> None:
        self.events: list[dict[str, Any]] = []
        self.open = threading.Event()
        self.heard = threading.Condition()
        self.stop = threading.Event()
        threading.Thread(target=self._listen, args=(server.address, headers), daemon=True).start()
        assert self.open.wait(10)

    def _listen(self, address: str, headers: dict[str, str]) -> None:
        # A server that ends, ends its streams: that is no failure of the listener.
        with contextlib.suppress(httpx2.TransportError):
            self._hear(address, headers)

    def _hear(self, address: str, headers: dict[str, str]) -> None:
        event: dict[str, Any] = {}
        with httpx2.stream("GET", f"{address}/live", headers=headers, timeout=60) as answer:
            for line in answer.iter_lines():
                self.open.set()
                if self.stop.is_set():
                    return
                name, _, value = line.partition(": ")
                if name in ("event", "data", "id"):
                    event[name] = json.loads(value) if name == "data" else value
                elif not line and event:
                    with self.heard:
                        self.events.append(event)
                        self.heard.notify_all()
                    event = {}

    def wait(self, wanted: Any, seconds: float = 10) -> dict[str, Any]:
        with self.heard:
            assert self.heard.wait_for(lambda: any(wanted(e) for e in self.events), seconds), self.events
            return next(e for e in self.events if wanted(e))


def about(identifier: str) -> Any:
    return lambda event: identifier in (event["data"].get("ids") or [])


def test_two_readers_hear_of_an_incident(server: Server) -> None:
    first, second = Ears(server), Ears(server)
    identifier = post(server, "爆管")
    for reader in (first, second):
        event = reader.wait(about(identifier))
        assert event["event"] == "change"
        assert event["data"]["layer"] == "incidents"
        assert int(event["id"]) == event["data"]["version"]


def test_a_reader_that_comes_back_is_given_what_it_missed(server: Server) -> None:
    before = server.json("/api/changes?limit=1000")["last"]
    missed = [post(server, "one"), post(server, "two")]
    ears = Ears(server, **{"Last-Event-ID": str(before)})
    for identifier in missed:
        ears.wait(about(identifier))


def test_a_number_that_the_feed_never_had_is_a_gap_and_garbage_a_400(server: Server) -> None:
    event = Ears(server, **{"Last-Event-ID": "999999999"}).wait(lambda e: e["event"] == "gap")
    assert event["data"]["version"] < 999_999_999
    assert server.get("/live", headers={"Last-Event-ID": "garbage"}).status_code == 400


def test_readers_that_never_read_do_not_stop_the_others(server: Server) -> None:
    host, port = server.address.removeprefix("http://").split(":")
    mute = []
    for _ in range(50):
        connection = socket.create_connection((host, int(port)))
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.sendall(f"GET /live HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        mute.append(connection)
    ears = Ears(server)
    identifiers = [post(server, f"n{i}") for i in range(20)]
    ears.wait(about(identifiers[-1]), 20)
    for connection in mute:
        connection.close()
    assert server.get("/healthz").status_code == 200


def test_half_a_request_is_let_go_while_others_are_served(server: Server) -> None:
    host, port = server.address.removeprefix("http://").split(":")
    slow = [socket.create_connection((host, int(port))) for _ in range(100)]
    for connection in slow:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n")
    body = socket.create_connection((host, int(port)))
    began = time.monotonic()
    assert server.get("/healthz").status_code == 200
    assert time.monotonic() - began < 5
    slow[0].settimeout(20)
    assert slow[0].recv(100) == b""
    for connection in [*slow, body]:
        connection.close()


@pytest.mark.parametrize("head", ["Content-Length: 5\r\nTransfer-Encoding: chunked"])
def test_a_smuggling_pair_is_refused(server: Server, head: str) -> None:
    host, port = server.address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as connection:
        connection.settimeout(15)
        request = (
            f"POST {POST} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n{head}\r\n\r\n"
        )
        connection.sendall(request.encode() + b"0\r\n\r\nGET /nope HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        answer = connection.recv(65536)
    assert answer.startswith(b"HTTP/1.1 4")


def test_a_stopped_server_has_everything_that_it_acknowledged(tmp_path_factory: Any) -> None:
    home = tmp_path_factory.mktemp("stopped")
    first = start(home)
    identifiers = {post(first, f"n{i}") for i in range(5)}
    readers = [Ears(first) for _ in range(10)]
    stop(first)
    for reader in readers:
        reader.stop.set()
    second = start(home)
    found = second.json("/ogc/collections/incidents/items?limit=100")
    stop(second)
    assert {f["id"] for f in found["features"]} == identifiers
