"""The audit log: who did what, when, with what result. Rows are only ever added, and each names the one before it.

A row's digest is taken over its own fields and the digest of the row before, so a changed, removed or inserted row
breaks the chain there (`verify` names the first such row). How far the log came is also kept in a file beside it,
the *head*, so that rows missing at the end are noticed. What this cannot notice: somebody who may write both files
and makes the whole chain and the head again. Against that, note the head elsewhere now and then and hand it to
`verify` (`twin audit verify --head N:DIGEST`).
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Protocol, cast

import orjson

from twin.accounts import private
from twin.errors import InvalidParameter, StoreDown

ALGORITHMS = {"sha-256": "sha256", "sm3": "sm3"}
"""Digests by the name that a row bears; `sm3` (GB/T 32905) where this machine's OpenSSL has it."""
ALGORITHM = "sha-256"
FIRST = ""
"""What stands in the first row for the digest before it."""
SCHEMA = """
CREATE TABLE IF NOT EXISTS audit (
  n INTEGER PRIMARY KEY, time TEXT NOT NULL, principal TEXT NOT NULL, address TEXT NOT NULL, action TEXT NOT NULL,
  method TEXT NOT NULL, path TEXT NOT NULL, layer TEXT NOT NULL, status INTEGER NOT NULL, requests INTEGER NOT NULL,
  row_count INTEGER, byte_count INTEGER, note TEXT NOT NULL,
  algorithm TEXT NOT NULL, previous TEXT NOT NULL, digest TEXT NOT NULL);
CREATE TRIGGER IF NOT EXISTS audit_update BEFORE UPDATE ON audit
  BEGIN SELECT RAISE(ABORT, 'the audit log is only added to'); END;
CREATE TRIGGER IF NOT EXISTS audit_insert BEFORE INSERT ON audit
  WHEN NEW.n <> (SELECT coalesce(max(n), 0) + 1 FROM audit)
  BEGIN SELECT RAISE(ABORT, 'the audit log is only added to, at its end'); END;
CREATE TRIGGER IF NOT EXISTS audit_delete BEFORE DELETE ON audit
  BEGIN SELECT RAISE(ABORT, 'the audit log is only added to'); END;
"""
WIDTH = 16
COLUMNS = (
    "n, time, principal, address, action, method, path, layer, status, requests, row_count, byte_count, note, "
    "algorithm, previous, digest"
)

NAMES = tuple(
    {"row_count": "rows", "byte_count": "bytes"}.get(column, column) for column in COLUMNS.split(", ")
)
"""The columns as Row calls them; `rows` is a word of SQL."""


class Action(StrEnum):
    """What was done."""

    READ = "read"
    WRITE = "write"
    EXPORT = "export"
    DENIED = "denied"
    KEY = "key"
    RULES = "rules"
    LOG = "log"
    """The log about itself: begun, interrupted, rows lost."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One thing that was done; texts are cut, never left out."""

    time: datetime
    principal: str
    action: Action
    address: str = ""
    """The network address that asked; empty for the command line."""
    method: str = ""
    path: str = ""
    """Path and query, without anything that could be a secret."""
    layer: str = ""
    status: int = 0
    """The answer's HTTP status; 0 where there was none."""
    requests: int = 1
    """How many requests the row stands for (tiles of one minute)."""
    rows: int | None = None
    bytes: int | None = None
    note: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Row(Entry):
    """An entry in its place in the chain."""

    n: int
    algorithm: str
    previous: str
    digest: str


@dataclass(frozen=True, slots=True)
class Head:
    """How far the log came: the last row's number and digest; 0 and "" when it is empty."""

    n: int
    digest: str

    def __str__(self) -> str:
        return f"{self.n}:{self.digest}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """What a look at the whole chain found."""

    fine: bool
    rows: int
    head: Head
    detail: str
    broken: int | None = None
    """The first row that does not fit."""


class Log(Protocol):
    """Where audit rows are kept."""

    def append(self, entries: Sequence[Entry]) -> None:
        """Add entries in order, all or none. Raises StoreDown."""
        ...

    def read(
        self,
        *,
        since: datetime | None = None,
        principal: str | None = None,
        after: int = 0,
        limit: int = 1000,
    ) -> list[Row]:
        """Rows by number."""
        ...

    def verify(self, noted: Head | None = None) -> Verdict:
        """Look at every row."""
        ...


class SQLiteLog:
    """The log in a file of its own; server and command line add to one chain, in turn (a lock on the head)."""

    def __init__(self, path: Path, *, algorithm: str = ALGORITHM) -> None:
        hashlib.new(ALGORITHMS[algorithm])
        self.algorithm = algorithm
        self._head = path.with_suffix(".head")
        self._lock = threading.Lock()
        self._db = private(path)
        # Whoever is told that a row is in the log finds it there after a power cut too.
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.executescript(SCHEMA)

    def append(self, entries: Sequence[Entry]) -> None:
        """Add entries in order, all or none. Raises StoreDown."""
        try:
            with self._lock, self._heading() as head, self._db:
                self._db.execute("BEGIN IMMEDIATE")
                last = self._last()
                rows = list(chained(entries, last, self.algorithm))
                marks = ", ".join("?" * WIDTH)
                self._db.executemany(f"INSERT INTO audit ({COLUMNS}) VALUES ({marks})", rows)
                self._db.commit()
                if rows:
                    _note(head, Head(cast("int", rows[-1][0]), str(rows[-1][-1])))
        except (sqlite3.Error, OSError) as error:
            raise StoreDown(f"the audit log cannot be written: {error}") from error

    def read(
        self,
        *,
        since: datetime | None = None,
        principal: str | None = None,
        after: int = 0,
        limit: int = 1000,
    ) -> list[Row]:
        """Rows by number."""
        wanted = ["n > ?"]
        values: list[object] = [after]
        if since is not None:
            wanted.append("time >= ?")
            values.append(_text(since))
        if principal is not None:
            wanted.append("principal = ?")
            values.append(principal)
        query = f"SELECT {COLUMNS} FROM audit WHERE {' AND '.join(wanted)} ORDER BY n LIMIT ?"
        try:
            with self._lock:
                return [row(r) for r in self._db.execute(query, (*values, limit)).fetchall()]
        except sqlite3.Error as error:
            raise StoreDown(f"the audit log cannot be read: {error}") from error

    def verify(self, noted: Head | None = None) -> Verdict:
        """Look at every row, then compare the end with the head, and with a head noted elsewhere."""
        # With the lock on the head nobody adds a row between the two looks.
        with self._heading() as file, self._lock:
            cursor = self._db.execute(f"SELECT {COLUMNS} FROM audit ORDER BY n")
            return examine((row(r) for r in cursor), _told(file), noted)

    def _last(self) -> Head:
        found = self._db.execute("SELECT n, digest FROM audit ORDER BY n DESC LIMIT 1").fetchone()
        return Head(*found) if found else Head(0, FIRST)

    @contextmanager
    def _heading(self) -> Iterator[int]:
        file = os.open(self._head, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield file
        finally:
            os.close(file)

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()


def chained(entries: Sequence[Entry], last: Head, algorithm: str = ALGORITHM) -> Iterator[tuple[object, ...]]:
    """Entries as the rows that follow `last`, in the order of COLUMNS."""
    n, previous = last.n, last.digest
    for entry in entries:
        n += 1
        front = (n, *_told_by(entry), algorithm, previous)
        previous = digest(front)
        yield (*front, previous)


def digest(front: Sequence[object]) -> str:
    """The digest of a row: over what is stored before it, the digest of the row before included, as JSON in UTF-8."""
    return hashlib.new(ALGORITHMS[str(front[-2])], orjson.dumps(front)).hexdigest()


def examine(rows: Iterator[Row], head: Head | None, noted: Head | None = None) -> Verdict:
    """Whether rows form one unbroken chain that reaches the head."""
    last, seen, met = Head(0, FIRST), 0, noted is None or noted.n == 0
    for row in rows:
        if why := _wrong(row, last):
            return Verdict(fine=False, rows=seen, head=last, broken=row.n, detail=f"row {row.n}: {why}")
        last, seen = Head(row.n, row.digest), seen + 1
        if noted is not None and row.n == noted.n:
            if row.digest != noted.digest:
                why = f"row {row.n} is not the one whose head was noted: the log was made again"
                return Verdict(fine=False, rows=seen, head=last, broken=row.n, detail=why)
            met = True
    return _ended(last, seen, head, noted, met=met)


def _ended(last: Head, seen: int, head: Head | None, noted: Head | None, *, met: bool) -> Verdict:
    if not met:
        why = f"the log ends at row {last.n}, before the noted head {noted}: rows are missing at the end"
    elif head is None and seen:
        why = f"the head file is missing or unreadable; the log ends at row {last.n}"
    elif head is not None and head.n > last.n:
        why = f"the log ends at row {last.n}, the head says {head.n}: rows are missing at the end"
    elif head is not None and head.n == last.n and head != last:
        why = f"the head of row {head.n} bears another digest: the log was made again"
    else:
        # A power cut between the commit and the head leaves the head behind; the chain itself still holds.
        behind = f"; the head is {last.n - head.n} rows behind" if head and head.n < last.n else ""
        return Verdict(fine=True, rows=seen, head=last, detail=f"{seen} rows, unbroken{behind}")
    return Verdict(fine=False, rows=seen, head=last, broken=last.n + 1, detail=why)


def _wrong(row: Row, last: Head) -> str:
    if row.n != last.n + 1:
        return f"row {last.n + 1} is missing before it"
    if row.algorithm not in ALGORITHMS:
        return f"no digest is called {row.algorithm[:20]!r}"
    if row.previous != last.digest:
        return "it does not follow from the row before it"
    front = (row.n, *_told_by(row), row.algorithm, row.previous)
    return "" if digest(front) == row.digest else "its content is not what its digest was taken of"


def head(text: str) -> Head:
    """A head as it was noted: `N:DIGEST`. Raises InvalidParameter."""
    n, colon, value = text.strip().partition(":")
    if not colon or not (n.isascii() and n.isdigit()):
        raise InvalidParameter(f"head {text[:80]!r} must be N:DIGEST, as `twin audit verify` prints it")
    return Head(int(n), value)


def _told(file: int) -> Head | None:
    try:
        return head(os.pread(file, 1000, 0).decode())
    except (InvalidParameter, UnicodeDecodeError):
        return None


def _note(file: int, where: Head) -> None:
    text = f"{where}\n".encode()
    os.pwrite(file, text, 0)
    os.ftruncate(file, len(text))


def _told_by(e: Entry) -> tuple[object, ...]:
    """An entry in the order of COLUMNS."""
    front = (
        _text(e.time),
        e.principal,
        e.address,
        e.action.value,
        e.method,
        e.path,
        e.layer,
        e.status,
        e.requests,
    )
    return (*front, e.rows, e.bytes, e.note)


def row(stored: Sequence[object]) -> Row:
    """A stored row."""
    given = dict(zip(NAMES, stored, strict=True))
    given["time"] = datetime.fromisoformat(str(given["time"]))
    given["action"] = Action(str(given["action"]))
    return Row(**given)  # type: ignore[arg-type]


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds")
