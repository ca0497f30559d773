"""The sheets of a workbook: Excel's two formats, WPS's files (which are one of the two), OpenDocument.

Which of them a file is shows in its first bytes, not in its name.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from pipelines.readers.tables import sheets_biff, sheets_packed
from pipelines.readers.tables.sheet import Sheet
from twin.errors import UnreadableFile

ZIP: Final = b"PK\x03\x04"
OLE: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


def sheets(path: Path) -> Iterator[Sheet]:
    """The sheets in their order, each read when its turn comes.

    Raises:
        UnreadableFile: no workbook, broken, or with a password. TooLarge: it would not fit in memory.
        UnsafeContent: XML that declares entities.
    """
    with path.open("rb") as file:
        head = file.read(512)
    if head.startswith(OLE):
        return sheets_biff.sheets(path)
    if head.startswith(ZIP):
        return sheets_packed.sheets(path)
    raise UnreadableFile(f"{path.name} is no workbook{_rather(head)}")


def _rather(head: bytes) -> str:
    """What a file that is no workbook seems to be."""
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith((b"<html", b"<!doctype html", b"<table", b"<meta")):
        return "; it is a web page that bears a workbook's name: open it and save it as .xlsx"
    if text.startswith(b"<?xml"):
        return "; it is XML: open it and save it as .xlsx"
    if text and b"\0" not in head:
        return "; it is text: give it the suffix .csv"
    return ", or its beginning is missing"
