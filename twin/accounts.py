"""API keys: who holds one, what it allows, until when. The secret itself is never kept.

A key is `twin_<id>_<secret>`. The secret is 256 random bits, so its SHA-256 is enough: a slow hash (bcrypt,
argon2) exists to make guessing a *chosen* password expensive, and nobody guesses 2^256; a fast one lets the key
be checked at every request.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import sqlite3
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from hmac import compare_digest
from pathlib import Path
from typing import Any, Protocol

from twin.errors import InvalidParameter, NotFound, StoreDown

PREFIX = "twin_"
NOBODY = hashlib.sha256(b"").digest()
"""What a secret is compared with when its id is unknown, so that both answers take the same steps."""
SCHEMA = """
CREATE TABLE IF NOT EXISTS api_key (
  id TEXT PRIMARY KEY, name TEXT NOT NULL, digest BLOB NOT NULL, roles TEXT NOT NULL, scopes TEXT NOT NULL,
  created TEXT NOT NULL, expires TEXT, revoked TEXT)
"""
COLUMNS = "id, name, digest, roles, scopes, created, expires, revoked"


class Scope(StrEnum):
    """What a credential may be used for; a role's rights are never widened by it."""

    READ = "read"
    """GET, and analyses."""
    WRITE = "write"
    """Features: post, replace, change, remove."""
    INGEST = "ingest"
    """Observations: post."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Key:
    """One API key without its secret."""

    id: str
    name: str
    roles: frozenset[str]
    scopes: frozenset[Scope]
    created: datetime
    expires: datetime | None = None
    revoked: datetime | None = None

    def stands(self, now: datetime) -> bool:
        """Whether it is neither revoked nor expired."""
        return self.revoked is None and (self.expires is None or now < self.expires)


class Keys(Protocol):
    """Where keys are kept."""

    def create(
        self,
        name: str,
        *,
        roles: Iterable[str],
        scopes: Iterable[Scope],
        expires: datetime | None,
        now: datetime,
    ) -> tuple[Key, str]:
        """A new key and its text, which is told this once. Raises InvalidParameter."""
        ...

    def all(self) -> tuple[Key, ...]:
        """Every key there ever was, oldest first."""
        ...

    def revoke(self, key: str, *, now: datetime) -> Key:
        """End a key. Raises NotFound."""
        ...

    def check(self, text: str, *, now: datetime) -> Key | None:
        """The key that a text is; None for anything else, whatever is wrong with it."""
        ...

    def still(self, key: str, *, now: datetime) -> bool:
        """Whether the key of an id stands."""
        ...


class SQLiteKeys:
    """Keys in a file of TWIN_HOME; the server and the command line open it side by side (WAL)."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        self._db = private(path)
        with self._lock, self._db:
            self._db.execute(SCHEMA)

    def create(
        self,
        name: str,
        *,
        roles: Iterable[str],
        scopes: Iterable[Scope],
        expires: datetime | None,
        now: datetime,
    ) -> tuple[Key, str]:
        """A new key and its text, which is told this once. Raises InvalidParameter."""
        if expires is not None and expires <= now:
            raise InvalidParameter(
                f"the key would have expired already ({expires.isoformat()}); name a later day"
            )
        held, given = frozenset(map(_role, roles)), frozenset(scopes)
        key = Key(
            id=secrets.token_hex(8), name=_name(name), roles=held, scopes=given, created=now, expires=expires
        )
        text = f"{PREFIX}{key.id}_{secrets.token_urlsafe(32)}"
        row = (
            key.id,
            key.name,
            _digest(text),
            " ".join(sorted(key.roles)),
            " ".join(sorted(key.scopes)),
            _text(now),
            _text(expires),
            None,
        )
        with self._using() as db:
            db.execute(f"INSERT INTO api_key ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
        return key, text

    def all(self) -> tuple[Key, ...]:
        """Every key there ever was, oldest first."""
        with self._using() as db:
            rows = db.execute(f"SELECT {COLUMNS} FROM api_key ORDER BY created, id").fetchall()
        return tuple(_key(row) for row in rows)

    def revoke(self, key: str, *, now: datetime) -> Key:
        """End a key; one that was ended stays as it was. Raises NotFound."""
        with self._using() as db:
            db.execute("UPDATE api_key SET revoked = ? WHERE id = ? AND revoked IS NULL", (_text(now), key))
        found = self._row(key)
        if found is None:
            raise NotFound(f"no key has the id {key[:50]!r}; `twin key list` tells them")
        return _key(found)

    def check(self, text: str, *, now: datetime) -> Key | None:
        """The key that a text is; None for anything else, whatever is wrong with it.

        An unknown id takes the same steps as a wrong secret: one look-up, one hash, one comparison that does not
        stop at the first difference.
        """
        said = text.removeprefix(PREFIX).partition("_")[0]
        with self._using() as db:
            # One row and one column, whether the id is there or not.
            kept = db.execute("SELECT (SELECT digest FROM api_key WHERE id = ?)", (said,)).fetchone()[0]
        if not compare_digest(_digest(text), kept or NOBODY) or kept is None:
            return None
        key = _key(self._row(said))
        return key if key.stands(now) else None

    def still(self, key: str, *, now: datetime) -> bool:
        """Whether the key of an id stands."""
        found = self._row(key)
        return found is not None and _key(found).stands(now)

    def _row(self, key: str) -> Any:
        with self._using() as db:
            return db.execute(f"SELECT {COLUMNS} FROM api_key WHERE id = ?", (key,)).fetchone()

    @contextmanager
    def _using(self) -> Iterator[sqlite3.Connection]:
        try:
            with self._lock, self._db:
                yield self._db
        except sqlite3.Error as error:
            raise StoreDown(f"the file of the keys does not answer: {error}") from error

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()


def private(path: Path) -> sqlite3.Connection:
    """A SQLite file that only its owner may open (0600), with a write-ahead log.

    Raises:
        StoreDown: it cannot be opened or made.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # Made by us first: SQLite gives the log and the index beside it the rights of the file itself.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        path.chmod(0o600)
        db = sqlite3.connect(path, timeout=10, check_same_thread=False)
        db.execute("PRAGMA journal_mode = WAL")
    except (OSError, sqlite3.Error) as error:
        raise StoreDown(f"{path} cannot be opened: {error}") from error
    return db


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def _key(row: Any) -> Key:
    key, name, _, roles, scopes, created, expires, revoked = row
    return Key(
        id=key,
        name=name,
        roles=frozenset(roles.split()),
        scopes=frozenset(map(Scope, scopes.split())),
        created=datetime.fromisoformat(created),
        expires=datetime.fromisoformat(expires) if expires else None,
        revoked=datetime.fromisoformat(revoked) if revoked else None,
    )


def _text(moment: datetime | None) -> str | None:
    return moment.astimezone(UTC).isoformat(timespec="microseconds") if moment else None


def _name(name: str) -> str:
    if not name.strip() or len(name) > 100 or not name.isprintable():
        raise InvalidParameter("a key's name has 1 to 100 printable characters: whose it is and what for")
    return name.strip()


def _role(role: str) -> str:
    if not role or len(role) > 100 or not role.isprintable() or " " in role:
        raise InvalidParameter(f"role {role[:80]!r}: 1 to 100 printable characters without a space")
    return role
