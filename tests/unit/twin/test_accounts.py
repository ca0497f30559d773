"""API keys: only digests are kept, and every wrong text takes the same steps."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twin import accounts
from twin.accounts import Scope, SQLiteKeys
from twin.errors import InvalidParameter, NotFound, StoreDown

NOW = datetime(2026, 5, 1, tzinfo=UTC)


@pytest.fixture
def keys(tmp_path: Path) -> Iterator[SQLiteKeys]:
    with closing(SQLiteKeys(tmp_path / "accounts.sqlite")) as made:
        yield made


def make(keys: SQLiteKeys, expires: datetime | None = None) -> tuple[accounts.Key, str]:
    return keys.create("a gateway", roles=["water"], scopes=[Scope.READ], expires=expires, now=NOW)


def test_a_key_is_found_by_its_text_from_another_process_too(keys, tmp_path):
    key, text = make(keys)
    assert keys.check(text, now=NOW) == key
    with closing(SQLiteKeys(tmp_path / "accounts.sqlite")) as other:
        assert other.check(text, now=NOW) == key
        assert other.all() == (key,)


def test_the_secret_is_in_no_file_and_no_other_may_read_them(keys, tmp_path):
    _, text = make(keys)
    secret = text.split("_", 2)[2].encode()
    assert len(secret) >= 43  # 256 bits in base64url
    for file in tmp_path.iterdir():
        assert secret not in file.read_bytes()
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_what_is_not_the_key_is_nobodys(keys):
    key, text = make(keys)
    last = "A" if text[-1] != "A" else "B"
    for wrong in (
        text[:-1] + last,
        text[:-1],
        f"twin_{key.id}",
        f"twin_{key.id}_",
        "twin_",
        "",
        text + "A",
        text[5:],
    ):
        assert keys.check(wrong, now=NOW) is None, wrong


@given(st.text(max_size=100))
def test_no_text_breaks_the_check(text):
    with TemporaryDirectory() as folder, closing(SQLiteKeys(Path(folder) / "accounts.sqlite")) as keys:
        assert keys.check(text, now=NOW) is None


def test_a_key_ends_when_it_is_revoked_and_when_it_expires(keys):
    key, text = make(keys, expires=NOW + timedelta(days=1))
    assert keys.check(text, now=NOW + timedelta(hours=23)) == key
    assert keys.check(text, now=NOW + timedelta(days=1)) is None
    ended = keys.revoke(key.id, now=NOW)
    assert ended.revoked == NOW
    assert keys.check(text, now=NOW) is None
    assert not keys.still(key.id, now=NOW)
    assert keys.revoke(key.id, now=NOW + timedelta(days=3)).revoked == NOW
    with pytest.raises(NotFound, match="twin key list"):
        keys.revoke("0" * 16, now=NOW)


def test_an_unknown_id_takes_the_same_steps_as_a_wrong_secret(keys, monkeypatch):
    key, _ = make(keys)
    compared = []
    monkeypatch.setattr(accounts, "compare_digest", lambda a, b: compared.append((len(a), len(b))) or a == b)
    keys.check(f"twin_{key.id}_wrong", now=NOW)
    keys.check(f"twin_{'0' * 16}_wrong", now=NOW)
    assert compared == [(32, 32), (32, 32)]


@pytest.mark.parametrize("name", ["", "  ", "a" * 101, "line\nbreak"])
def test_a_key_has_a_name_that_can_be_read(keys, name):
    with pytest.raises(InvalidParameter, match="name"):
        keys.create(name, roles=["a"], scopes=[], expires=None, now=NOW)


@pytest.mark.parametrize("role", ["", "two words", "a" * 101, "tab\t"])
def test_a_role_is_one_word(keys, role):
    with pytest.raises(InvalidParameter, match="role"):
        keys.create("x", roles=[role], scopes=[], expires=None, now=NOW)


def test_a_key_that_would_have_expired_is_not_made(keys):
    with pytest.raises(InvalidParameter, match="expired already"):
        make(keys, expires=NOW)


def test_a_file_that_is_no_database_is_said_to_be_none(tmp_path):
    (tmp_path / "accounts.sqlite").write_text("not a database, and long enough to be looked at" * 50)
    with pytest.raises(StoreDown, match=r"accounts\.sqlite"):
        SQLiteKeys(tmp_path / "accounts.sqlite")
