"""Archives, taken apart only when every entry is harmless and all of it has room."""

from __future__ import annotations

import shutil
import stat
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Final

from twin.errors import TooLarge, UnreadableFile, UnsafeArchive

ENTRIES: Final = 10_000
"""Most entries of an archive."""
BYTES: Final = 20 << 30
"""Most bytes that come out of one."""
RATIO: Final = 200
"""Most bytes out for one byte in, counted over the whole archive."""
NESTED: Final = (".zip", ".rar", ".7z", ".tar", ".gz", ".tgz", ".kmz")
END: Final = struct.Struct("<4s4H2LH")
END64: Final = struct.Struct("<4sQ2H2L4Q")


@contextmanager
def unpacked(path: Path) -> Iterator[Path]:
    """A folder with the archive's files, which goes away at the end.

    Raises:
        UnsafeArchive: an entry leads elsewhere. TooLarge: too many, too big, or archives inside.
        UnreadableFile: encrypted or broken.
    """
    if (count := entries(path)) > ENTRIES:
        raise TooLarge(f"{path.name} has {count} entries; the limit is {ENTRIES}")
    with tempfile.TemporaryDirectory(prefix="twin-unzip-") as folder:
        try:
            with zipfile.ZipFile(path) as archive:
                _harmless(path, archive.infolist())
                for entry in archive.infolist():
                    _extract(archive, entry, Path(folder))
        except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError) as error:
            raise UnreadableFile(f"{path.name}: {error}") from error
        yield Path(folder)


def entries(path: Path) -> int:
    """How many entries the archive says it has, without reading its directory (APPNOTE 4.3.14, 4.3.16)."""
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - 65_557))
        tail = file.read()
        at = tail.rfind(b"PK\x05\x06")
        if at < 0 or len(tail) - at < END.size:
            raise UnreadableFile(f"{path.name} is no zip archive, or its end is missing")
        count: int = END.unpack_from(tail, at)[4]
        return count if count != 0xFFFF else _entries64(tail)


def _entries64(tail: bytes) -> int:
    at = tail.rfind(b"PK\x06\x06")
    return int(END64.unpack_from(tail, at)[7]) if at >= 0 and len(tail) - at >= END64.size else 0xFFFF


def _harmless(path: Path, found: list[zipfile.ZipInfo]) -> None:
    for entry in found:
        if leads_out(entry):
            raise UnsafeArchive(
                f"{path.name}: the entry {entry.orig_filename[:200]!r} leads out of the archive"
            )
        if entry.flag_bits & 0x1:
            raise UnreadableFile(f"{path.name} is encrypted; unpack it first")
        if entry.filename.lower().endswith(NESTED):
            raise TooLarge(f"{path.name} holds the archive {entry.filename[:200]!r}; the limit is one level")
    _fits(path, found)


def _fits(path: Path, found: list[zipfile.ZipInfo]) -> None:
    total = sum(e.file_size for e in found)
    packed = max(sum(e.compress_size for e in found), 1)
    if total > BYTES:
        raise TooLarge(f"{path.name} unpacks to {total} bytes; the limit is {BYTES}")
    if total > 1 << 20 and total > RATIO * packed:
        raise TooLarge(f"{path.name} unpacks to {total // packed} times its size; the limit is {RATIO}")


def leads_out(entry: zipfile.ZipInfo) -> bool:
    """Whether an entry is a link, or its name is absolute, climbs, or holds a drive or a backslash."""
    name = entry.orig_filename
    link = stat.S_IFMT(entry.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR)
    return link or "\\" in name or ":" in name or name.startswith("/") or ".." in PurePosixPath(name).parts


def _extract(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, folder: Path) -> None:
    target = folder / entry.filename
    if entry.is_dir():
        target.mkdir(parents=True, exist_ok=True)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    # zipfile stops at the size that the directory states and checks the sum, so no more can come out.
    with archive.open(entry) as source, target.open("wb") as out:
        shutil.copyfileobj(source, out, 1 << 20)
