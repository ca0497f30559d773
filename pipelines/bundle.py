"""Tilesets as they were delivered: a folder, a `.3tz` or a `.zip`, read file by file without unpacking.

A `.3tz` (Maxar 3TZ 1.3) is a zip whose last entry `@3dtilesIndex1@` is stored and lists, sorted, the MD5 of each
entry's name with the place of its local header; so one entry is found among millions without the directory.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Final, Protocol

import numpy as np
import zstandard
from numpy.typing import NDArray

from twin.errors import TileNotFound, TooLarge, UnreadableFile, UnsafeArchive

INDEX: Final = "@3dtilesIndex1@"
ENTRIES: Final = 4_000_000
"""Most files of a tileset."""
FILE: Final = 512 << 20
"""Most bytes of one file, unpacked."""
RATIO: Final = 1000
"""Most bytes out for one byte in, of one entry."""
LOCAL: Final = struct.Struct("<4s5H3I2H")
GZIP: Final = b"\x1f\x8b"
STORED, DEFLATED, ZSTD = 0, 8, 93
NEVER: Final = 0xFFFFFFFF


class Bundle(Protocol):
    """The files of a tileset by name, relative and with `/` between folders."""

    def names(self) -> Iterator[str]:
        """Every file."""
        ...

    def has(self, name: str) -> bool:
        """Whether there is such a file."""
        ...

    def read(self, name: str, most: int | None = None) -> bytes:
        """A file's bytes, or the first of them; as they were delivered, so perhaps with gzip.

        Raises:
            TileNotFound: there is no such file.
            TooLarge: it has more than 512 MB.
            UnreadableFile: its bytes are not what the archive says.
        """
        ...


def opened(path: Path) -> Bundle:
    """The tileset at a path."""
    if path.is_dir():
        return Folder(path)
    return archive(path, path.stat().st_mtime_ns)


def plain(data: bytes, name: str) -> bytes:
    """A file's bytes without the gzip that some tools put around each file.

    Raises:
        TooLarge, UnreadableFile: as `Bundle.read`.
    """
    if not data.startswith(GZIP):
        return data
    try:
        with gzip.open(BytesIO(data)) as file:
            found = file.read(FILE + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise UnreadableFile(f"{name}: its gzip is broken: {error}") from error
    if len(found) > FILE:
        raise TooLarge(f"{name} unpacks to more than {FILE >> 20} MB")
    return found


@dataclass(frozen=True)
class Folder:
    """A folder; links are not followed, so nothing outside of it can be read."""

    path: Path

    def names(self) -> Iterator[str]:
        """Every regular file, in the order of the names."""
        for folder, folders, files in os.walk(self.path, followlinks=False):
            folders.sort()
            for file in sorted(files):
                found = Path(folder, file)
                if stat.S_ISREG(found.lstat().st_mode):
                    yield found.relative_to(self.path).as_posix()

    def has(self, name: str) -> bool:
        """Whether there is such a regular file."""
        return self._place(name) is not None

    def read(self, name: str, most: int | None = None) -> bytes:
        """See Bundle."""
        place = self._place(name)
        if place is None:
            raise TileNotFound(f"the tileset has no file {name[:200]!r}")
        if place.stat().st_size > FILE:
            raise TooLarge(f"{name[:200]} has more than {FILE >> 20} MB")
        with place.open("rb") as file:
            return file.read() if most is None else file.read(most)

    def _place(self, name: str) -> Path | None:
        """Where a file lies, when neither it nor a folder on the way is a link."""
        if not clean(name):
            return None
        place = self.path / name
        try:
            inside = place.resolve(strict=True) == self.path.resolve() / name
            return place if inside and place.is_file() else None
        except (OSError, ValueError):
            return None


def clean(name: str) -> bool:
    """Whether a name stays where it starts: relative, without `..`, backslashes and NUL."""
    parts = name.split("/")
    return not any(part in ("", ".", "..") or "\\" in part or "\0" in part for part in parts)


@dataclass(frozen=True, eq=False)
class Entry:
    """Where an entry's bytes lie in an archive."""

    start: int
    method: int
    packed: int | None
    """Bytes in the archive; None where only the end of the stream tells."""
    size: int | None


class Archive:
    """A `.3tz` by its index, a `.zip` by its directory."""

    def __init__(self, path: Path) -> None:
        self.path = path
        found = index(path)
        self._hashes: NDArray[np.bytes_] | None = found[0] if found else None
        self._places: NDArray[np.uint64] | None = found[1] if found else None
        self._directory = {} if found else {i.filename: i.header_offset for i in directory(path)}

    def names(self) -> Iterator[str]:
        """Every entry but the index and folders, by the directory."""
        return (i.filename for i in directory(self.path) if not i.is_dir() and i.filename != INDEX)

    def has(self, name: str) -> bool:
        """See Bundle."""
        return name != INDEX and clean(name) and self._offset(name) is not None

    def read(self, name: str, most: int | None = None) -> bytes:
        """See Bundle."""
        offset = self._offset(name) if name != INDEX and clean(name) else None
        if offset is None:
            raise TileNotFound(f"the tileset has no file {name[:200]!r}")
        with self.path.open("rb") as file:
            entry = local(file, offset, name)
            return unpack(file, entry, name, most)

    def _offset(self, name: str) -> int | None:
        if self._hashes is None or self._places is None:
            return self._directory.get(name)
        key = np.frombuffer(_md5(name), "V16")
        order = int(np.searchsorted(self._hashes, _sortable(key))[0])
        if order >= len(self._hashes) or self._hashes[order] != _sortable(key)[0]:
            return None
        return int(self._places[order])


@lru_cache(maxsize=32)
def archive(path: Path, _version: int) -> Archive:
    """An archive with its index in memory."""
    return Archive(path)


def _md5(name: str) -> bytes:
    return hashlib.md5(name.encode(), usedforsecurity=False).digest()


def _sortable(hashes: NDArray[np.void]) -> NDArray[np.bytes_]:
    """(n,) 32 hexadecimal digits: bytes of numpy lose zeros at their end."""
    return np.array([bytes(h).hex().encode() for h in hashes], "S32")


def index(path: Path) -> tuple[NDArray[np.bytes_], NDArray[np.uint64]] | None:
    """The hashes and places of a `.3tz`, sorted; None where it has no index.

    Raises:
        UnreadableFile: the index is there but broken.
    """
    found = last(path)
    if found is None:
        return None
    with path.open("rb") as file:
        data = unpack(file, local(file, found.header_offset, INDEX), INDEX)
    if found.compress_type != STORED or len(data) % 24 or len(data) > 24 * ENTRIES:
        raise UnreadableFile(f"{path.name}: its index {INDEX} is broken ({len(data)} bytes); pack it again")
    rows = np.frombuffer(data, np.dtype([("hash", "V16"), ("place", "<u8")]))
    hashes = _sortable(rows["hash"])
    order = np.argsort(hashes)
    return hashes[order], rows["place"][order]


def last(path: Path) -> zipfile.ZipInfo | None:
    """The index's entry."""
    return next((i for i in reversed(directory(path)) if i.filename == INDEX), None)


def directory(path: Path) -> list[zipfile.ZipInfo]:
    """The entries of a zip archive.

    Raises:
        UnreadableFile: it is none.
    """
    try:
        with zipfile.ZipFile(path) as opened_:
            return opened_.infolist()
    except (zipfile.BadZipFile, NotImplementedError, EOFError, struct.error, ValueError) as error:
        raise UnreadableFile(f"{path.name} is no zip archive, or is cut off: {error}") from error


def checked(path: Path) -> None:
    """Look an archive over before it is taken in.

    Raises:
        UnsafeArchive: an entry leads out of it.
        TooLarge: too many entries, or one that unpacks to too much.
        UnreadableFile: encrypted, packed in a way that is not read, or its index names other places than its directory.
    """
    found = directory(path)
    if len(found) > ENTRIES:
        raise TooLarge(f"{path.name} has {len(found):,} entries; the limit is {ENTRIES:,}")
    for entry in found:
        _harmless(path, entry)
    listed = index(path)
    if listed is None:
        if path.suffix.lower() == ".3tz":
            raise UnreadableFile(f"{path.name} has no index {INDEX}; pack it again, or name it .zip")
        return
    _agrees(path, found, listed)


def _agrees(
    path: Path, found: list[zipfile.ZipInfo], listed: tuple[NDArray[np.bytes_], NDArray[np.uint64]]
) -> None:
    """Raises UnreadableFile where the index does not say of each entry what the directory says."""
    files = [i for i in found if not i.is_dir() and i.filename != INDEX]
    said = dict(zip(listed[0].tolist(), listed[1].tolist(), strict=True))
    for entry in files:
        place = said.get(_md5(entry.filename).hex().encode())
        if place != entry.header_offset:
            what = "does not name" if place is None else "names another place for"
            raise UnreadableFile(
                f"{path.name}: its index {INDEX} {what} {entry.filename[:200]!r}; pack it again"
            )


def _harmless(path: Path, entry: zipfile.ZipInfo) -> None:
    name = entry.orig_filename
    link = stat.S_IFMT(entry.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR)
    if link or PurePosixPath(name).is_absolute() or not clean(name.rstrip("/")) or ":" in name.split("/")[0]:
        raise UnsafeArchive(f"{path.name}: the entry {name[:200]!r} leads out of the archive")
    if entry.flag_bits & 0x1:
        raise UnreadableFile(f"{path.name} is encrypted; pack it without a password")
    if entry.compress_type not in (STORED, DEFLATED, ZSTD):
        raise UnreadableFile(
            f"{path.name}: {name[:200]!r} is packed by method {entry.compress_type}; there are 0, 8 and 93"
        )
    if entry.file_size > FILE:
        raise TooLarge(
            f"{path.name}: {name[:200]!r} unpacks to {entry.file_size:,} bytes; the limit is {FILE:,}"
        )
    if entry.file_size > 1 << 20 and entry.file_size > RATIO * max(entry.compress_size, 1):
        times = entry.file_size // max(entry.compress_size, 1)
        raise TooLarge(
            f"{path.name}: {name[:200]!r} unpacks to {times:,} times its size; the limit is {RATIO:,}"
        )


def local(file: BinaryIO, offset: int, name: str) -> Entry:
    """The entry whose local header begins there (APPNOTE 4.3.7).

    Raises:
        UnreadableFile: none does, or it is another's.
    """
    file.seek(offset)
    head = file.read(LOCAL.size)
    if len(head) < LOCAL.size or head[:4] != b"PK\x03\x04":
        raise UnreadableFile(f"the archive has no entry at byte {offset}, where {name[:200]!r} should be")
    _, _, flags, method, _, _, _, packed, size, names, extra = LOCAL.unpack(head)
    own = file.read(names)
    if own != name.encode():
        raise UnreadableFile(f"the entry at byte {offset} is {own[:200]!r}, not {name[:200]!r}")
    fields = file.read(extra)
    if NEVER in (packed, size):
        packed, size = _long(fields, packed, size)
    # With a data descriptor behind the bytes the header says 0 of both (4.4.4, bit 3).
    streamed = bool(flags & 0x8) and not packed
    start = offset + LOCAL.size + names + extra
    return Entry(
        start=start, method=method, packed=None if streamed else packed, size=None if streamed else size
    )


def _long(fields: bytes, packed: int, size: int) -> tuple[int, int]:
    """The sizes out of the zip64 field (4.5.3)."""
    at = 0
    while at + 4 <= len(fields):
        kind, length = struct.unpack_from("<2H", fields, at)
        if kind == 1:
            found = list(struct.unpack_from(f"<{length // 8}Q", fields, at + 4))
            size = found.pop(0) if size == NEVER and found else size
            packed = found.pop(0) if packed == NEVER and found else packed
        at += 4 + length
    return packed, size


def unpack(file: BinaryIO, entry: Entry, name: str, most: int | None = None) -> bytes:
    """An entry's bytes, or the first of them; never more than 512 MB. Raises as `Bundle.read`."""
    wanted = FILE + 1 if most is None else most
    file.seek(entry.start)
    try:
        if entry.method == STORED:
            if entry.packed is None:
                raise UnreadableFile(f"{name[:200]!r} is stored without saying its size; pack it again")
            data = file.read(min(entry.packed, wanted))
        elif entry.method == DEFLATED:
            data = _inflated(file, entry, wanted)
        else:
            with zstandard.ZstdDecompressor().stream_reader(file, closefd=False) as stream:
                data = stream.read(wanted)
    except (zlib.error, zstandard.ZstdError) as error:
        raise UnreadableFile(f"{name[:200]!r}: its bytes in the archive are broken: {error}") from error
    if most is None and len(data) > FILE:
        raise TooLarge(f"{name[:200]!r} unpacks to more than {FILE >> 20} MB")
    if most is None and entry.size is not None and len(data) != entry.size:
        raise UnreadableFile(f"{name[:200]!r} has {len(data):,} bytes; the archive says {entry.size:,}")
    return data


def _inflated(file: BinaryIO, entry: Entry, wanted: int) -> bytes:
    stream = zlib.decompressobj(-15)
    left = entry.packed if entry.packed is not None else FILE
    out = bytearray()
    while len(out) < wanted and left > 0 and not stream.eof:
        piece = file.read(min(left, 1 << 16))
        if not piece:
            break
        left -= len(piece)
        out += stream.decompress(piece, wanted - len(out))
        while stream.unconsumed_tail and len(out) < wanted:
            out += stream.decompress(stream.unconsumed_tail, wanted - len(out))
    return bytes(out)
