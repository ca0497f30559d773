"""What is written down, and what happens when it cannot be."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from datetime import UTC, datetime

import pytest

from api.access import journal
from api.access.gate import clean
from api.access.journal import Journal
from twin.accounts import Scope
from twin.audit import Action, Entry, SQLiteLog
from twin.errors import StoreDown

NOW = datetime(2026, 5, 1, 8, 0, 30, tzinfo=UTC)
POST = {"type": "Feature", "geometry": {"type": "Point", "coordinates": [116.4, 39.9]}}


def entry(n: int = 0, **given) -> Entry:
    return Entry(**{"time": NOW, "principal": f"key:{n}", "action": Action.READ, "layer": "houses", **given})


class Full:
    """A log on a disk that is full until `free` is called; it keeps what it took."""

    def __init__(self) -> None:
        self.rows: list[Entry] = []
        self.full = True
        self.tried = threading.Event()

    def append(self, entries) -> None:
        self.tried.set()
        if self.full:
            raise StoreDown("the audit log cannot be written: no space")
        self.rows.extend(entries)


def test_a_request_is_a_row_that_says_who_what_and_how_it_ended(door):
    text = door.key("water", scopes=(Scope.READ,))
    door.get("/ogc/collections/houses/items?limit=2", text)
    door.get("/ogc/collections/nope/items")
    door.client.post("/ogc/collections/incidents/items", json=POST)
    door.client.post("/ogc/collections/incidents/items", json=POST, headers={"X-API-Key": text})
    door.get("/api/me", "twin_wrong")
    rows = door.log()
    who = f"key:{text.split('_')[1]}"
    told = [(r.principal, r.action.value, r.method, r.path, r.layer, r.status) for r in rows]
    assert told == [
        (who, "read", "GET", "/ogc/collections/houses/items?limit=2", "houses", 200),
        ("anonymous", "read", "GET", "/ogc/collections/nope/items", "nope", 404),
        ("anonymous", "write", "POST", "/ogc/collections/incidents/items", "incidents", rows[2].status),
        (who, "denied", "POST", "/ogc/collections/incidents/items", "", 403),
        ("anonymous", "denied", "GET", "/api/me", "", 401),
    ]
    assert rows[2].status != 403
    assert rows[0].bytes > 0
    assert rows[0].rows == 2
    assert rows[0].address == "testclient"
    assert door.access.journal.log.verify().fine


def test_the_viewers_files_and_operation_are_not_the_citys_data(door):
    for path in ("/", "/index.html", "/healthz", "/readyz"):
        door.get(path)
    assert door.log() == []


def test_tiles_of_a_minute_are_one_row(door):
    statuses = [door.get(f"/tiles/houses/{z}/0/0.mvt").status_code for z in (0, 1, 2, 0)]
    rows = door.log()
    assert sum(r.requests for r in rows) == 4
    assert {r.status for r in rows} == set(statuses)
    # At most one row for each status and minute, even when a minute ends in between.
    assert len({(r.status, r.time.replace(second=0, microsecond=0)) for r in rows}) == len(rows)
    assert {r.layer for r in rows} == {"houses"}


def test_nothing_is_lost_on_a_normal_stop(tmp_path):
    with closing(SQLiteLog(tmp_path / "audit.sqlite")) as log:
        made = Journal(log)
        writers = [
            threading.Thread(target=lambda i=i: [made.add(entry(i, path=f"/{i}/{n}")) for n in range(700)])
            for i in range(4)
        ]
        for thread in writers:
            thread.start()
        for thread in writers:
            thread.join()
        for _ in range(5):
            made.tile(entry(9, bytes=10))
        made.close()
        rows = log.read(limit=10_000)
        assert {r.path for r in rows if r.requests == 1} == {
            f"/{i}/{n}" for i in range(4) for n in range(700)
        }
        assert [(r.requests, r.bytes) for r in rows if r.requests > 1] == [(5, 50)]
        assert log.verify().fine


def test_a_log_that_cannot_be_written_stops_writes_and_lets_reads_go_on(door):
    with closing(sqlite3.connect(door.home / "audit.sqlite")) as db:
        db.execute("DROP TABLE audit")
        db.commit()
    waited = threading.Event()
    append = door.access.journal.log.append

    def tried(entries):
        try:
            append(entries)
        except StoreDown:
            waited.set()
            raise

    door.access.journal.log.append = tried
    assert door.get("/ogc/collections/houses/items").status_code == 200
    assert waited.wait(60)
    while not door.access.journal.failing:
        waited.wait(0.01)
    answer = door.client.post("/ogc/collections/incidents/items", json=POST)
    assert answer.status_code == 503
    assert "cannot be recorded" in answer.json()["detail"]
    assert "incidents" in door.get("/ogc/collections").text


def test_what_waited_for_the_disk_is_written_in_order_and_what_was_lost_is_told(monkeypatch):
    monkeypatch.setattr(journal, "WAITING", 3)
    log = Full()
    made = Journal(log, now=lambda: NOW)
    for n in range(5):
        made.add(entry(n))
    assert log.tried.wait(60)
    log.full = False
    made.close()
    assert [r.principal for r in log.rows] == ["key:0", "key:1", "key:2", "server"]
    assert log.rows[-1].note.startswith("2 rows were lost")


def test_what_the_rules_are_is_told_once_for_each_change(tmp_path):
    from api.access.opening import changed
    from twin.rules import Rules
    from twin.settings import Settings

    look = changed(Rules.load(tmp_path), Settings(home=tmp_path))
    assert [e.note for e in look()] == ["no rules: open"]
    assert look() == ()
    (tmp_path / "rules.toml").write_text('[[rule]]\nrole = "a"\nlayers = "*"\n')
    (told,) = look()
    assert told.action is Action.RULES
    assert told.note.startswith("1 rules for 1 roles (a); rules.toml sha-256 ")
    (tmp_path / "rules.toml").write_text("[[rule]]\n")
    assert look()[0].note.startswith("everything is denied")


@pytest.mark.parametrize(
    ("path", "query", "said"),
    [
        ("/ogc/collections/房屋/items", "limit=2", "/ogc/collections/%E6%88%BF%E5%B1%8B/items?limit=2"),
        ("/a", "api_key=abc&limit=1", "/a?api_key=***&limit=1"),
        ("/a", "Token=abc", "/a?Token=***"),
        ("/a", "q=twin_0123456789abcdef_secretsecret", "/a?q=***"),
        ("/twin_0123456789abcdef_secretsecret", "", "/***"),
        ("/a", "q=x%20eyJhbGciOiJub25lIn0.e30.sig", "/a?q=x%20***"),
        ("/a\n1 forged row", "", "/a%0A1%20forged%20row"),
    ],
)
def test_the_log_keeps_no_secret_and_no_line_break(path, query, said):
    assert clean({"path": path, "query_string": query.encode()}) == said
