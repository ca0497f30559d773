"""Sections of an EPANET-style `.inp` file: lines of words under `[NAMES]`, comments after `;`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pyproj

from twin import space
from twin.errors import TooLarge, UnknownCRS, UnreadableFile

LARGEST: Final = 1 << 30
WORD: Final = re.compile(r'"([^"]*)"|(\S+)')
ENCODINGS: Final = ("utf-8-sig", "gb18030")


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """One line that says something."""

    number: int
    """In the file, from 1."""
    words: tuple[str, ...]
    text: str

    def word(self, n: int) -> str | None:
        """The nth word; None where the line is shorter."""
        return self.words[n] if n < len(self.words) else None


def names(path: Path) -> set[bytes]:
    """The sections' names as far as five bytes with their bracket, to tell whose file it is."""
    with path.open("rb") as file:
        return {line.strip().upper()[:5] for line in file if line.lstrip().startswith(b"[")}


def crs(path: Path, said: str | None, title: str) -> pyproj.CRS:
    """The CRS that the caller names: the format has no place for one.

    Raises:
        UnknownCRS: nobody names one.
    """
    if said is None:
        raise UnknownCRS(
            f"{path.name}: {title} file cannot state its CRS; pass --crs, for example --crs EPSG:4548"
        )
    return space.crs(said)


def sections(path: Path, encoding: str | None) -> dict[str, list[Line]]:
    """The lines of each section by the first four letters of its name, as EPANET compares them.

    Raises:
        TooLarge: more than 1 GiB.
        UnreadableFile: no section at all, or text in no known encoding.
    """
    if path.stat().st_size > LARGEST:
        raise TooLarge(f"{path.name}: {path.stat().st_size} bytes; an .inp file may have {LARGEST}")
    found: dict[str, list[Line]] = {}
    current: list[Line] = []
    for number, raw in enumerate(decoded(path.read_bytes(), path.name, encoding).splitlines(), 1):
        text = raw.split(";", 1)[0].strip()
        if text.startswith("["):
            current = found.setdefault(text[1:].strip(" ]").upper()[:4], [])
        elif text:
            current.append(Line(number=number, words=words(text), text=raw.strip()))
    if not found:
        raise UnreadableFile(f"{path.name}: no [SECTION]; not an EPANET input file")
    return found


def words(text: str) -> tuple[str, ...]:
    """The words of a line; quotes hold spaces together."""
    return tuple(quoted or plain for quoted, plain in WORD.findall(text))


def decoded(raw: bytes, name: str, encoding: str | None) -> str:
    """The text of a file.

    Raises:
        UnreadableFile: it is in none of the encodings tried.
    """
    for candidate in (encoding,) if encoding else ENCODINGS:
        try:
            return raw.decode(candidate)
        except (UnicodeDecodeError, LookupError):
            continue
    tried = encoding or ", ".join(ENCODINGS)
    raise UnreadableFile(f"{name}: not text in {tried}; name its encoding with --encoding")


def options(lines: list[Line]) -> Mapping[str, str]:
    """`KEYWORD value` lines as upper-case keyword -> value."""
    return {line.words[0].upper(): line.words[1] for line in lines if len(line.words) > 1}
