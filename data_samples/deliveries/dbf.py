"""The header of a dBASE table, patched byte by byte: what no writer of today would write."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

LANGUAGE = 29
"""Where the header says which code page the text is in; 0 says nothing."""
DATE = slice(1, 4)


def stamped(path: Path, *, language: int, renamed: Mapping[str, bytes] | None = None) -> None:
    """Set the table's language driver and the bytes of field names; the day of writing is one fixed day."""
    held = bytearray(path.read_bytes())
    held[LANGUAGE] = language
    held[DATE] = bytes((125, 7, 1))
    first = int.from_bytes(held[8:10], "little")
    for at in range(32, first - 1, 32):
        name = bytes(held[at : at + 11]).split(b"\0", 1)[0].decode("gbk", "replace")
        if renamed and name in renamed:
            held[at : at + 11] = renamed[name].ljust(11, b"\0")
    path.write_bytes(held)
