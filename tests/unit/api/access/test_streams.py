"""An open stream ends when its right does (hostile input A14); at ASGI, where it can be awaited."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from api.access import gate
from api.app import create_app

RULES = '[[rule]]\nrole = "water"\nlayers = "*"\n'


@pytest.fixture(autouse=True)
def often(monkeypatch):
    assert gate.LOOK_SECONDS <= 5
    monkeypatch.setattr(gate, "LOOK_SECONDS", 0.02)


async def stream(door, credential: str, meanwhile) -> list[dict[str, Any]]:
    """Everything that `/live` sends until it ends; `meanwhile` is called once it has begun."""
    sent, begun = [], asyncio.Event()

    async def receive():
        await asyncio.Event().wait()

    async def send(message):
        sent.append(message)
        if message.get("body"):
            begun.set()

    scope = {
        "type": "http",
        "method": "GET",
        "path": "/live",
        "raw_path": b"/live",
        "query_string": b"",
        "headers": [(b"host", b"localhost"), (b"authorization", f"Bearer {credential}".encode())],
        "client": ("127.0.0.1", 5),
        "server": ("127.0.0.1", 80),
        "scheme": "http",
        "root_path": "",
    }
    running = asyncio.create_task(create_app(door.twin, static=door.home)(scope, receive, send))
    await asyncio.wait_for(begun.wait(), 60)
    meanwhile()
    await asyncio.wait_for(running, 60)
    return sent


def run(door, credential, meanwhile) -> list[dict[str, Any]]:
    return asyncio.run(stream(door, credential, meanwhile))


def ended_well(door, sent) -> None:
    assert sent[0]["status"] == 200
    assert sent[-1] == {"type": "http.response.body", "body": b"", "more_body": False}
    assert not door.twin.hub._readers
    rows = door.log()
    assert [r.path for r in rows] == ["/live", "/live"]
    assert "rights have changed" in rows[-1].note


def test_a_revoked_key_ends_its_stream(door):
    text = door.key()
    sent = run(door, text, lambda: door.access.keys.revoke(text.split("_")[1], now=datetime.now(UTC)))
    ended_well(door, sent)


def test_changed_rules_end_a_stream_that_they_change(make):
    door = make(rules=RULES)
    sent = run(
        door, door.key("water"), lambda: (door.home / "rules.toml").write_text(RULES.replace("*", "x"))
    )
    ended_well(door, sent)


def test_an_expired_token_ends_its_stream(make, county):
    door = make(issuer=county.url)
    ended_well(door, run(door, county.token(), lambda: later(door)))


def later(door) -> None:
    object.__setattr__(door.access, "now", lambda: datetime(2100, 1, 1, tzinfo=UTC))


def test_rules_that_change_for_others_leave_a_stream_alone(make):
    door = make(rules=RULES)
    before = door.access.policy(gate.NOBODY)
    (door.home / "rules.toml").write_text(RULES + RULES.replace("water", "other"))
    assert door.access.still(gate.NOBODY, before)
