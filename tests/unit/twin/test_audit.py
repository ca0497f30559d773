"""The chain of the audit log: whatever is changed, removed or added is found, and where."""

from __future__ import annotations

import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twin import audit
from twin.audit import Action, Entry, Head, Row, SQLiteLog
from twin.errors import InvalidParameter, StoreDown

NOW = datetime(2026, 5, 1, 8, tzinfo=UTC)


def entry(n: int = 0, **given) -> Entry:
    said = {
        "time": NOW + timedelta(seconds=n),
        "principal": f"key:{n % 3}",
        "action": Action.READ,
        "path": f"/{n}",
    }
    return Entry(**{**said, **given})


@pytest.fixture
def log(tmp_path: Path) -> Iterator[SQLiteLog]:
    with closing(SQLiteLog(tmp_path / "audit.sqlite")) as made:
        yield made


def tamper(path: Path, *statements: str) -> None:
    """Write into the file as somebody who has it could: the triggers go first."""
    with closing(sqlite3.connect(path)) as db:
        for statement in ("DROP TRIGGER audit_update", "DROP TRIGGER audit_delete", *statements):
            db.execute(statement)
        db.commit()


def test_rows_come_back_as_they_were_given_and_verify(log, tmp_path):
    given = [entry(n, layer="房屋", status=200, rows=n, bytes=10 * n, note="…") for n in range(20)]
    log.append(given[:7])
    log.append(given[7:])
    rows = log.read()
    assert [r.n for r in rows] == list(range(1, 21))
    assert [Entry(**{f: getattr(r, f) for f in Entry.__dataclass_fields__}) for r in rows] == given
    assert log.verify() == audit.Verdict(
        fine=True, rows=20, head=Head(20, rows[-1].digest), detail="20 rows, unbroken"
    )
    for file in tmp_path.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_rows_are_found_by_time_principal_and_number(log):
    log.append([entry(n) for n in range(9)])
    assert [r.n for r in log.read(since=NOW + timedelta(seconds=6))] == [7, 8, 9]
    assert [r.n for r in log.read(principal="key:1")] == [2, 5, 8]
    assert [r.n for r in log.read(after=3, limit=2)] == [4, 5]


def test_the_store_itself_refuses_to_change_or_remove_a_row(log, tmp_path):
    log.append([entry()])
    with closing(sqlite3.connect(tmp_path / "audit.sqlite")) as db:
        for statement in ("UPDATE audit SET status = 1", "DELETE FROM audit"):
            with pytest.raises(sqlite3.IntegrityError, match="only added to"):
                db.execute(statement)


COLUMNS = ("time", "principal", "address", "action", "method", "path", "layer", "note", "previous", "digest")


@pytest.mark.parametrize("column", [*COLUMNS, "status", "requests", "row_count", "byte_count"])
def test_a_changed_field_is_found(log, tmp_path, column):
    log.append([entry(n) for n in range(6)])
    value = {"time": "'2020-01-01T00:00:00.000000+00:00'", "action": "'write'"}.get(
        column, "7" if column not in COLUMNS else "'x'"
    )
    tamper(tmp_path / "audit.sqlite", f"UPDATE audit SET {column} = {value} WHERE n = 4")
    verdict = log.verify()
    assert (verdict.fine, verdict.broken) == (False, 4)


def test_a_removed_an_inserted_and_two_swapped_rows_are_found(log, tmp_path):
    log.append([entry(n) for n in range(6)])
    tamper(tmp_path / "audit.sqlite", "DELETE FROM audit WHERE n = 3")
    assert log.verify().broken == 4
    tamper_again = (
        "INSERT INTO audit SELECT 3, time, principal, address, action, method, path, layer, status, "
    )
    tamper_again += (
        "requests, row_count, byte_count, note, algorithm, previous, digest FROM audit WHERE n = 2"
    )
    with closing(sqlite3.connect(tmp_path / "audit.sqlite")) as db:
        with pytest.raises(sqlite3.IntegrityError, match="at its end"):
            db.execute(tamper_again)
        db.execute("DROP TRIGGER audit_insert")
        db.execute(tamper_again)
        db.commit()
    assert log.verify().broken == 3


def test_rows_missing_at_the_end_are_found_by_the_head(log, tmp_path):
    log.append([entry(n) for n in range(6)])
    tamper(tmp_path / "audit.sqlite", "DELETE FROM audit WHERE n > 4")
    verdict = log.verify()
    assert (verdict.fine, verdict.broken) == (False, 5)
    assert "missing at the end" in verdict.detail


def test_a_log_made_anew_is_found_by_a_head_noted_elsewhere_only(log, tmp_path):
    log.append([entry(n) for n in range(6)])
    noted = log.verify().head
    forged = tmp_path / "forged.sqlite"
    with closing(SQLiteLog(forged)) as other:
        other.append([entry(n, principal="nobody") for n in range(6)])
        assert other.verify().fine
        assert other.verify(noted).broken == 6
        assert not other.verify(Head(9, noted.digest)).fine
    assert log.verify(noted).fine
    log.append([entry()])
    assert log.verify(noted).fine


def test_a_missing_head_is_said(log, tmp_path):
    log.append([entry()])
    (tmp_path / "audit.head").unlink()
    assert "head file is missing" in log.verify().detail


def test_a_head_that_lags_after_a_power_cut_is_no_fault(log, tmp_path):
    log.append([entry(n) for n in range(3)])
    before = (tmp_path / "audit.head").read_bytes()
    log.append([entry(3)])
    (tmp_path / "audit.head").write_bytes(before)
    assert log.verify().detail == "4 rows, unbroken; the head is 1 rows behind"


def test_two_processes_add_to_one_chain(log, tmp_path):
    code = (
        "import sys; from pathlib import Path; from datetime import datetime, UTC\n"
        "from twin.audit import *\n"
        "log = SQLiteLog(Path(sys.argv[1]))\n"
        "for n in range(50): log.append([Entry(time=datetime.now(UTC), principal='b', action=Action.KEY)])"
    )
    other = subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "audit.sqlite")])
    for n in range(50):
        log.append([entry(n)])
    assert other.wait(60) == 0
    assert log.verify().detail == "100 rows, unbroken"


def test_the_digest_of_a_row_is_named_by_the_row(tmp_path):
    if "sm3" not in audit.hashlib.algorithms_available:
        pytest.skip("this machine's OpenSSL has no SM3")
    path = tmp_path / "audit.sqlite"
    with closing(SQLiteLog(path)) as log:
        log.append([entry()])
    with closing(SQLiteLog(path, algorithm="sm3")) as log:
        log.append([entry(1)])
        assert [r.algorithm for r in log.read()] == ["sha-256", "sm3"]
        assert log.verify().fine


def test_a_log_that_cannot_be_written_says_so(log, tmp_path):
    log.append([entry()])
    tamper(tmp_path / "audit.sqlite", "DROP TABLE audit")
    with pytest.raises(StoreDown, match="cannot be written"):
        log.append([entry()])


@given(st.lists(st.text(max_size=20), min_size=1, max_size=5), st.data())
def test_any_change_of_any_row_breaks_the_chain_there(notes, data):
    chain = audit.chained([entry(n, note=note) for n, note in enumerate(notes)], Head(0, ""))
    rows = [audit.row(stored) for stored in chain]
    head = Head(rows[-1].n, rows[-1].digest)
    assert audit.examine(iter(rows), head).fine
    at = data.draw(st.integers(0, len(rows) - 1))
    other: Row = replace(rows[at], note=rows[at].note + "!")
    assert audit.examine(iter([*rows[:at], other, *rows[at + 1 :]]), head).broken == at + 1


def test_a_head_is_read_as_it_was_printed():
    assert audit.head(f"{Head(5, 'ab')}\n") == Head(5, "ab")
    for wrong in ("", "5", "x:ab"):
        with pytest.raises(InvalidParameter, match="N:DIGEST"):
            audit.head(wrong)
