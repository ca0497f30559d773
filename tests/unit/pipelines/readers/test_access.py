"""Access databases; those of the tests are variations of one that Access wrote (`data/README.md`)."""

import lzma
import os
from datetime import date
from pathlib import Path

import pytest
import shapely

from layers import features
from layers.conform import conform
from pipelines.readers import access
from pipelines.readers.reader import Options
from twin.errors import MissingPart, UnreadableFile, UnsupportedFormat
from twin.place import to_crs84

REAL = Path(__file__).parent / "data" / "node-adodb.mdb.xz"
REQUIRED = "mdbtools" in os.environ.get("TWIN_TEST_REQUIRE", "").split(",")


@pytest.fixture
def mdbtools():
    if access.installed() is None:
        (pytest.fail if REQUIRED else pytest.skip)("mdbtools is not installed")


@pytest.fixture
def write(tmp_path):
    def put(change=lambda raw: raw, name="用户.mdb"):
        path = tmp_path / name
        path.write_bytes(change(lzma.decompress(REAL.read_bytes())))
        return path

    return put


def test_a_tables_rows_come_with_their_text_dates_and_types(write, mdbtools):
    (rows,) = access.tables(write(), Options())
    assert rows.source == "用户.mdb, Users"
    assert rows.table.to_pylist()[2] == {
        "UserId": 3, "UserName": "张三", "UserSex": "男", "UserBirthday": "1986-12-18 00:00:00",
        "UserMarried": 1, "row": 2,
    }  # fmt: skip
    assert rows.cell(2, "UserSex") == "Users, row 3, UserSex"


def test_columns_that_the_caller_names_make_points_of_them(write, mdbtools):
    columns = {"x": "UserId", "y": "UserMarried", "id": "UserName", "valid_from": "UserBirthday"}
    (part,) = access.read((write(),), Options(columns=columns, crs="OGC:CRS84"))
    rest = {t: c for t, c in columns.items() if t not in part.used}
    (done,) = [conform(to_crs84(b), features.KIND, columns=rest) for b in part.batches]
    rows = {r["id"]: r for r in done.table.to_pylist()}
    assert shapely.from_wkb(rows["张三"]["geom"]) == shapely.Point(3, 1)
    assert rows["张三"]["valid_from"].date() == date(1986, 12, 18)
    assert (part.rows, len(rows), part.name) == (3, 3, "")


def test_a_database_without_coordinates_names_the_columns_of_each_table(write, mdbtools):
    with pytest.raises(MissingPart, match=r"用户.mdb, Users.*UserId, UserName"):
        list(access.read((write(),), Options()))


@pytest.mark.parametrize("size", [100_000, 40_960, 8192, 4096])
def test_a_truncated_database_is_unreadable(write, mdbtools, size):
    with pytest.raises(UnreadableFile, match=r"用户\.mdb"):
        list(access.tables(write(lambda raw: raw[:size]), Options()))


def test_a_password_is_named(write):
    def lock(raw):
        # One character of a password: two bytes at 0x42 of the masked header become other ones.
        return raw[:0x42] + bytes([raw[0x42] ^ 0x61]) + raw[0x43:]

    assert not access.protected(write().read_bytes()[:4096])
    with pytest.raises(UnreadableFile, match="password"):
        list(access.tables(write(lock), Options()))


def test_an_encrypted_database_of_today_is_one_with_a_password(write):
    def lock(raw):
        return (
            raw[:4]
            + b"Standard ACE DB\0\x02"
            + raw[0x15:0x3E]
            + bytes(b ^ 0x5A for b in raw[0x3E:0x42])
            + raw[0x42:]
        )

    with pytest.raises(UnreadableFile, match="password"):
        list(access.tables(write(lock, "用户.accdb"), Options()))


@pytest.mark.parametrize("raw", [b"", b"PK\x03\x04", b"\0\1\0\0Standard Jet DB\0"])
def test_what_only_bears_the_name_is_refused_unopened(write, raw):
    with pytest.raises(UnreadableFile, match="does not begin as"):
        list(access.tables(write(lambda _: raw), Options()))


def test_without_mdbtools_the_message_says_what_to_install(write, monkeypatch):
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(UnsupportedFormat, match="apt install mdbtools"):
        list(access.tables(write(), Options()))


def test_an_encoding_that_nothing_needs_is_told(write, mdbtools):
    (rows,) = access.tables(write(), Options(encoding="gbk"))
    assert any("Unicode" in note for note in rows.notes)
