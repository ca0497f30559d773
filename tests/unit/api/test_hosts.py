"""By which names a twin is asked, and what becomes of an answer whose links a stranger could have chosen."""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from api.app import create_app
from api.doctor import examine
from api.limits import machine
from api.state import Twin
from twin.errors import InvalidParameter

Asked = Callable[..., TestClient]


@pytest.fixture
def asked(twin: Twin, tmp_path: Path) -> Asked:
    def made(hosts: str = "", *, anywhere: bool = True) -> TestClient:
        site = replace(twin, settings=replace(twin.settings, hosts=hosts))
        return TestClient(
            create_app(site, static=tmp_path, anywhere=anywhere), base_url="http://10.1.2.3:8000"
        )

    return made


def test_a_twin_for_others_is_asked_by_this_machines_names_and_by_addresses(asked: Asked) -> None:
    client = asked()
    own = socket.gethostname().lower()
    for host in (own, f"{own.partition('.')[0]}.local", "localhost:8000", "10.1.2.3:8000", "[fd00::1]:8000"):
        answer = client.get("/ogc", headers={"Host": host})
        assert answer.status_code == 200, host
        assert answer.json()["links"][0]["href"].startswith(f"http://{host}/ogc")


@pytest.mark.parametrize(
    "host", ["evil.example", "10.1.2.3.evil.example", "localhost.evil.example", "", "x y", "[::1", "[x]"]
)
def test_no_other_name_comes_into_a_link(asked: Asked, host: str) -> None:
    """A page elsewhere whose name resolves to this machine (DNS rebinding) neither reads nor writes."""
    answer = asked().get("/ogc", headers={"Host": host})
    assert answer.status_code == 400
    assert "TWIN_HOSTS" in answer.json()["detail"]
    origin = {"Host": host, "Origin": f"http://{host}"}
    items = "/ogc/collections/incidents/items"
    assert asked().post(items, json={}, headers=origin).status_code == 400


@pytest.mark.parametrize(("host", "apart"), [("10.1.2.3:8000", False), ("203.0.113.9", True)])
def test_an_address_that_is_not_this_servers_is_answered_for_its_caller_alone(
    asked: Asked, host: str, apart: bool
) -> None:
    answer = asked().get("/ogc/collections/houses", headers={"Host": host})
    assert answer.status_code == 200
    assert ("private" in answer.headers["Cache-Control"]) is apart
    assert "public" not in answer.headers["Cache-Control"] or not apart
    assert ("Host" in answer.headers.get("Vary", "")) is apart


def test_names_that_are_set_are_all_there_are(asked: Asked) -> None:
    client = asked("twin.county.example, 10.9.9.9")
    said = {
        "twin.county.example:443": 200,
        "10.9.9.9": 200,
        "localhost": 200,
        "10.1.2.3": 400,
        "evil.example": 400,
    }
    for host, status in said.items():
        assert client.get("/ogc", headers={"Host": host}).status_code == status, host
    assert "private" not in client.get("/ogc", headers={"Host": "10.9.9.9"}).headers["Cache-Control"]
    own = min(machine() - {"localhost"})
    assert client.get("/ogc", headers={"Host": own}).status_code == 400


def test_a_twin_for_this_machine_is_asked_by_no_address_of_the_network(asked: Asked) -> None:
    client = asked(anywhere=False)
    assert client.get("/ogc", headers={"Host": "127.0.0.1:8000"}).status_code == 200
    assert client.get("/ogc", headers={"Host": "10.1.2.3"}).status_code == 400


@pytest.mark.parametrize("hosts", ["https://twin.county.example", "twin.county.example:8000", "a,b/c"])
def test_what_is_no_name_stops_the_start_and_is_seen_by_the_doctor(
    asked: Asked, twin: Twin, hosts: str
) -> None:
    with pytest.raises(InvalidParameter, match="is no host name"):
        asked(hosts)
    found = {f.what: f for f in examine(replace(twin.settings, hosts=hosts))}
    assert not found["names"].fine


def test_the_doctor_says_by_which_names_it_is_asked(twin: Twin) -> None:
    def names(hosts: str) -> str:
        return next(f.detail for f in examine(replace(twin.settings, hosts=hosts)) if f.what == "names")

    assert names("b.example,a.example") == "a.example, b.example"
    assert "TWIN_HOSTS" in names("")
    assert socket.gethostname().lower() in names("")
