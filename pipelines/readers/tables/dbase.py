"""The text of a dBASE table as bytes: which encodings it can be in, and what was cut within a character.

Field names hold ten bytes and values the width of their field, so a program that counts bytes cuts Chinese
text between the two bytes of a character.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

CHUNK: Final = 1 << 24
"""Bytes of records that are looked at together."""
TEXT: Final = b"C"


@dataclass(frozen=True, kw_only=True)
class Field:
    """A field of the table."""

    name: bytes
    kind: bytes
    start: int
    """Of its first byte in a record."""
    width: int


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How the table's text reads in an encoding."""

    misfit: str | None = None
    """Where it first does not; None where all of it does."""
    cut_names: tuple[str, ...] = ()
    cut_values: int = 0
    """Values that fill their field and end within a character."""
    beyond: str = ""
    """Characters that are not ASCII, some thousands of them."""


def fields(path: Path) -> tuple[list[Field], int, int]:
    """The fields, where the records begin, and how long one is; no fields where the header makes no sense."""
    with path.open("rb") as file:
        head = file.read(32)
        if len(head) < 32:
            return [], 0, 0
        first, length = (int.from_bytes(head[i : i + 2], "little") for i in (8, 10))
        rest = file.read(max(first - 32, 0))
    found: list[Field] = []
    start = 1
    for at in range(0, len(rest) - 31, 32):
        said = rest[at : at + 32]
        if said[:1] == b"\r":
            break
        name = said[:11].split(b"\0", 1)[0]
        found.append(Field(name=name, kind=said[11:12], start=start, width=said[16]))
        start += said[16]
    return (found, first, length) if 0 < start <= length else ([], 0, 0)


def reading(path: Path, encoding: str) -> Reading:
    """How the table's names and values read in that encoding."""
    found, first, length = fields(path)
    beyond: list[str] = []
    cut_names = []
    for field in found:
        text, cut = _decoded(field.name, encoding, full=len(field.name) == 10)
        if text is None:
            return Reading(misfit=f"the name of field {found.index(field) + 1}")
        cut_names += [text] * cut
        beyond.append(text)
    cut_values = 0
    for row, field, values in _values(path, found, first, length):
        joined = _try(b"\n".join(values), encoding)
        if joined is not None:
            beyond.append(joined[:10_000])
            continue
        for i, value in enumerate(values):
            text, cut = _decoded(value, encoding, full=len(value) == field.width)
            if text is None:
                name = _try(field.name, encoding) or str(found.index(field) + 1)
                return Reading(misfit=f"field {name}, at or after row {row + i}")
            cut_values += cut
            beyond.append(text)
    shown = "".join(c for c in "".join(beyond)[:200_000] if c > "\x7f")
    return Reading(cut_names=tuple(cut_names), cut_values=cut_values, beyond=shown)


def _values(
    path: Path, found: list[Field], first: int, length: int
) -> Iterator[tuple[int, Field, list[bytes]]]:
    """Values with bytes beyond ASCII, field by field, with the number of the chunk's first row."""
    texts = [f for f in found if f.kind == TEXT]
    if not texts:
        return
    step = max(CHUNK // length, 1)
    with path.open("rb") as file:
        file.seek(first)
        row = 0
        while chunk := file.read(step * length):
            records = np.frombuffer(chunk, np.uint8)[: len(chunk) // length * length].reshape(-1, length)
            for field in texts:
                cells = records[:, field.start : field.start + field.width]
                high = cells[(cells >= 0x80).any(axis=1)]
                if len(high):
                    yield row, field, [bytes(cell).rstrip(b" \0") for cell in high]
            row += len(records)


def mended(path: Path, target: Path, encoding: str) -> None:
    """Copy the table without the halves of characters at the ends of names and values."""
    found, first, length = fields(path)
    with path.open("rb") as source, target.open("wb") as out:
        head = bytearray(source.read(first))
        for i, field in enumerate(found):
            at = 32 + 32 * i
            head[at : at + 11] = _whole(field.name, encoding).ljust(11, b"\0")
        out.write(head)
        while chunk := bytearray(source.read(max(CHUNK // length, 1) * length)):
            records = np.frombuffer(chunk, np.uint8)[: len(chunk) // length * length].reshape(-1, length)
            for field in found:
                cells = records[:, field.start : field.start + field.width]
                for row in np.flatnonzero((cells >= 0x80).any(axis=1)):
                    cell = _whole(bytes(cells[row]), encoding).ljust(field.width)
                    cells[row] = np.frombuffer(cell, np.uint8)
            out.write(chunk)


def _whole(value: bytes, encoding: str) -> bytes:
    """The bytes up to the last whole character."""
    text, cut = _decoded(value, encoding, full=True)
    return text.encode(encoding) if cut and text is not None else value


def _decoded(value: bytes, encoding: str, *, full: bool) -> tuple[str | None, bool]:
    """The text, None where it is none, and whether it was cut within its last character."""
    try:
        return value.decode(encoding), False
    except UnicodeDecodeError as error:
        if full and error.end == len(value) and len(value) - error.start <= 3:
            return _try(value[: error.start], encoding), True
        return None, False


def _try(value: bytes, encoding: str) -> str | None:
    try:
        return value.decode(encoding)
    except UnicodeDecodeError:
        return None


def chinese(text: str) -> bool:
    """Whether characters beyond ASCII are such as Chinese text has: mostly those of GB 2312's everyday part."""
    common = sum(1 for c in text if _common(c))
    return bool(text) and common >= 0.8 * len(text)


def _common(character: str) -> bool:
    try:
        first = character.encode("gb2312")[0]
    except UnicodeEncodeError:
        return False
    return first >= 0xB0 or first in (0xA1, 0xA3)
