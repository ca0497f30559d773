"""Access databases: tables with coordinates as points, through mdbtools, which the operator installs.

mdbtools (GPL, a program of its own) is the one maintained reader of the format; it runs within the limits of
the reading process. A table goes through its CSV, so values are typed as those of delimited text are.
"""

from __future__ import annotations

import os
import re
import shutil
import struct
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

from layers.naming import plain
from pipelines.readers.reader import Options, Part, Reader, Rows
from pipelines.readers.tables import coordinates, delimited, tabular
from twin.errors import MissingPart, UnreadableFile, UnsupportedFormat

MAGIC: Final = re.compile(rb"^....Standard (Jet|ACE) DB\0", re.DOTALL)
KEY: Final = bytes([0xC7, 0xDA, 0x39, 0x6B])
"""RC4 key of the header's bytes from 0x18 on (mdbtools, HACKING: the database definition page)."""
INSTALL: Final = "install mdbtools (Debian, Ubuntu: apt install mdbtools; macOS: brew install mdbtools)"
DAMAGED: Final = re.compile(r"EOF|[Uu]nable to|failed|not a valid|Unrecognized|does not appear")
PROGRAMS: Final = ("mdb-tables", "mdb-export")


def read(paths: tuple[Path, ...], options: Options) -> Iterator[Part]:
    """The tables that say where their rows are; of several, parts by the tables' names.

    Raises:
        MissingPart: no table has coordinates. And what `tables` and `tabular.part` raise.
    """
    for path in paths:
        found, left_out = [], []
        for rows in tables(path, options):
            names = rows.table.column_names
            there = {t: c for t, c in options.columns.items() if plain(c) in {plain(n) for n in names}}
            if coordinates.find(names, there) is None:
                named = ", ".join(n for n in names if n != "row")[:200]
                left_out.append(f"{rows.source}: no columns for coordinates among {named}; it was left out")
            else:
                found.append((rows, replace(options, columns=there)))
        if not found:
            raise MissingPart(f"{path.name}: {'; '.join(left_out) or 'it holds no tables'}")
        for i, (rows, mine) in enumerate(found):
            part = tabular.part(rows, mine, name=_table(rows) if len(found) > 1 else "")
            yield part if i else replace(part, notes=(*left_out, *part.notes))


def tables(path: Path, options: Options) -> Iterator[Rows]:
    """Every table of two columns or more, wherever its rows are; the first tells of the others.

    Raises:
        UnreadableFile: no Access database, broken, or with a password. UnsupportedFormat: mdbtools is not there.
    """
    version = _open_to_all(path)
    listed = _run("mdb-tables", "-1", str(path.resolve()), path=path, options=options).decode()
    names = [name for name in map(str.strip, listed.splitlines()) if name and not name.startswith("~")]
    found = {name: _rows(path, name, options) for name in names}
    notes = tuple(
        f"the table {n} has a single column; it was left out" for n, r in found.items() if r is None
    )
    if options.encoding and version > 0:
        notes += (f"the database's text is Unicode; --encoding {options.encoding} was not used",)
    there = [rows for rows in found.values() if rows is not None]
    for i, rows in enumerate(there):
        yield rows if i else replace(rows, notes=(*notes, *rows.notes))


def _table(rows: Rows) -> str:
    return rows.source.partition(", ")[2]


def _rows(path: Path, table: str, options: Options) -> Rows | None:
    """A table's rows; None of a table of one column."""
    exported = _run(
        *("mdb-export", "-D", "%Y-%m-%d", "-T", "%Y-%m-%d %H:%M:%S", "-b", "hex"),
        *("--", str(path.resolve()), table),
        path=path,
        options=options,
    )
    with tempfile.TemporaryDirectory(prefix="twin-access-") as folder:
        # The table's name may be no file's name; messages say it all the same.
        file = Path(folder) / f"{re.sub(r'[/\\0]', '_', table)[:60]}.csv"
        file.write_bytes(exported)
        if b"," not in exported.split(b"\n", 1)[0]:
            return None
        text = delimited.read(file, Options(encoding="utf-8"))
    where = coordinates.find(text.table.column_names)
    typed = delimited.typed(text.table, keep=where.columns() if where else ())
    return Rows(
        source=f"{path.name}, {table}",
        table=typed,
        rejected=text.rejected,
        cell=lambda row, column: f"{table}, row {int(row) + 1}" + (f", {column}" if column else ""),
    )


def _open_to_all(path: Path) -> int:
    """The format's version (0: Access 97); raises UnreadableFile for what is none, or has a password."""
    with path.open("rb") as file:
        head = file.read(4096)
    if not MAGIC.match(head) or len(head) < 0x100:
        raise UnreadableFile(f"{path.name} does not begin as an Access database does")
    if protected(head):
        raise UnreadableFile(
            f"{path.name} is protected by a password; remove it in Access, or export the tables"
        )
    return head[0x14]


def protected(head: bytes) -> bool:
    """Whether a database has a password, by its first page.

    Up to Access 2003 the password itself is there, masked with the day of creation; later files are encrypted,
    and the key's place is not blank (Jackcess, DatabaseImpl.getDatabasePassword; mdbtools, HACKING).
    """
    version = head[0x14]
    page = head[:0x18] + _rc4(head[0x18 : 0x18 + (126 if version == 0 else 128)])
    if any(page[0x3E:0x42]):
        return version > 1
    if version == 0:
        return any(page[0x42 : 0x42 + 20])
    day = struct.unpack_from("<d", page, 0x72)[0]
    mask = struct.pack("<i", int(day) if abs(day) < 2**31 else 0)
    return any(b ^ mask[i % 4] for i, b in enumerate(page[0x42 : 0x42 + 40]))


def _rc4(data: bytes) -> bytes:
    """The header is not protected by this: everybody knows the key."""
    state = list(range(256))
    j = 0
    for i in range(256):
        j = (j + state[i] + KEY[i % len(KEY)]) & 255
        state[i], state[j] = state[j], state[i]
    out = bytearray()
    i = j = 0
    for byte in data:
        i = (i + 1) & 255
        j = (j + state[i]) & 255
        state[i], state[j] = state[j], state[i]
        out.append(byte ^ state[(state[i] + state[j]) & 255])
    return bytes(out)


def installed() -> str | None:
    """Where mdbtools is; None where it is not."""
    return shutil.which(PROGRAMS[0]) and shutil.which(PROGRAMS[1])


def _run(*command: str, path: Path, options: Options) -> bytes:
    if installed() is None:
        raise UnsupportedFormat(
            f"{path.name}: Access databases need mdbtools; {INSTALL}, or export its tables"
        )
    environment = {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C.UTF-8"}
    if options.encoding:
        # Of Access 97, whose text states a code page that is not always true.
        environment["MDB_JET3_CHARSET"] = options.encoding
    done = subprocess.run(command, capture_output=True, env=environment, check=False)
    said = done.stderr.decode("utf-8", "replace").strip()
    if done.returncode or DAMAGED.search(said):
        why = (
            said.splitlines()[-1].replace(str(path.resolve()), path.name)[:200] if said else "no reason given"
        )
        raise UnreadableFile(f"{path.name} is damaged: {why}")
    return done.stdout


READER = Reader(name="access", title="Access database", suffixes=(".mdb", ".accdb"), read=read, tables=tables)
