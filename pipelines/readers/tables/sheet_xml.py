"""What the XML of a sheet says beside its values: how far it reaches, what is merged, which cells have no value.

Spreadsheet libraries give a formula that was never computed and an error such as `#N/A` as blank cells;
a blank cell is something else.
"""

from __future__ import annotations

import posixpath
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, Final
from xml.parsers import expat

from pipelines.readers.tables.sheet import Extent, Place, Span
from twin.errors import UnsafeContent

CELL: Final = re.compile(r"^\$?([A-Z]{1,3})\$?(\d{1,7})$")
UNCOMPUTED: Final = "a formula without a stored value"
RELATIONS: Final = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
Attributes = dict[str, str]


class Broken(Exception):
    """XML or references that make no workbook."""


def workbook(path: Path) -> Callable[[str], Extent]:
    """What tells the extent of an Office workbook's sheet by its name.

    Raises:
        Broken: the workbook's parts are not there. UnsafeContent: a DOCTYPE.
    """
    with zipfile.ZipFile(path) as archive:
        parts = _parts(archive)

    def extent(name: str) -> Extent:
        with zipfile.ZipFile(path) as archive, _member(archive, parts.get(name, name)) as file:
            return _worksheet(file)

    return extent


def open_document(archive: zipfile.ZipFile) -> dict[str, Extent]:
    """The extents of an OpenDocument spreadsheet's tables.

    Raises:
        Broken: its content is not there. UnsafeContent: a DOCTYPE.
    """
    tables = _Tables()
    with _member(archive, "content.xml") as file:
        _parse(file, tables.start, tables.end)
    return tables.found


def _parse(
    file: IO[bytes],
    start: Callable[[str, Attributes], None],
    end: Callable[[str], None] | None = None,
    text: Callable[[str], None] | None = None,
) -> None:
    """Run through a document; names come without their prefix."""
    parser = expat.ParserCreate()
    parser.buffer_text = True

    def refused(*_: object) -> None:
        raise UnsafeContent("the workbook's XML holds a DOCTYPE; nothing of it was followed")

    parser.StartDoctypeDeclHandler = refused
    parser.StartElementHandler = lambda name, found: start(name.rpartition(":")[2], found)
    if end is not None:
        close = end
        parser.EndElementHandler = lambda name: close(name.rpartition(":")[2])
    if text is not None:
        parser.CharacterDataHandler = text
    try:
        parser.ParseFile(file)
    except expat.ExpatError as error:
        raise Broken(f"{file.name}: {error}") from error


def _parts(archive: zipfile.ZipFile) -> dict[str, str]:
    """Sheet names -> parts of the package (ECMA-376-1, 18.2.19; -2, 9.3)."""
    book = next(
        (t for _, t in _relations(archive, "").items() if t.endswith("workbook.xml")), "xl/workbook.xml"
    )
    targets = _relations(archive, book)
    found: dict[str, str] = {}

    def start(name: str, said: Attributes) -> None:
        if name == "sheet":
            key = next((v for k, v in said.items() if k.rpartition(":")[2] == "id" and ":" in k), "")
            found[said.get("name", "")] = targets.get(key, "")

    with _member(archive, book) as file:
        _parse(file, start)
    return found


def _relations(archive: zipfile.ZipFile, part: str) -> dict[str, str]:
    folder, name = posixpath.split(part)
    found: dict[str, str] = {}

    def start(element: str, said: Attributes) -> None:
        if element == "Relationship":
            target = said.get("Target", "")
            whole = (
                target[1:] if target.startswith("/") else posixpath.normpath(posixpath.join(folder, target))
            )
            found[said.get("Id", "")] = whole

    with _member(archive, posixpath.join(folder, "_rels", f"{name}.rels")) as file:
        _parse(file, start)
    return found


def _member(archive: zipfile.ZipFile, name: str) -> IO[bytes]:
    try:
        return archive.open(name)
    except KeyError as error:
        raise Broken(f"{name} is missing in it") from error


def place(reference: str) -> Place:
    """Row and column, from 0, of `C17`."""
    found = CELL.match(reference)
    if found is None:
        raise Broken(f"{reference[:50]!r} names no cell")
    column = 0
    for character in found[1]:
        column = column * 26 + ord(character) - 64
    return int(found[2]) - 1, column - 1


def _span(reference: str) -> Span:
    first, _, last = reference.partition(":")
    return (*place(first), *place(last or first))


class _Cells:
    """What is being read of a worksheet (ECMA-376-1, 18.3.1): rows, cells, formulas, values, merged cells."""

    def __init__(self) -> None:
        self.last: Place = (-1, -1)
        self.merged: list[Span] = []
        self.faults: dict[Place, str] = {}
        self.at: Place = (-1, -1)
        self.type = ""
        self.formula = self.collecting = False
        self.words: list[str] = []

    def start(self, name: str, said: Attributes) -> None:
        if name == "c":
            self.at = place(said["r"]) if "r" in said else (self.at[0], self.at[1] + 1)
            self.type, self.formula, self.words = said.get("t", "n"), False, []
        elif name in ("v", "t"):
            self.collecting = True
        elif name == "f":
            self.formula = True
        elif name == "row":
            self.at = (int(said["r"]) - 1 if "r" in said else self.at[0] + 1, -1)
        elif name == "mergeCell":
            self.merged.append(_span(said.get("ref", "")))

    def end(self, name: str) -> None:
        if name in ("v", "t"):
            self.collecting = False
        elif name == "c":
            self._cell("".join(self.words))

    def text(self, words: str) -> None:
        if self.collecting:
            self.words.append(words)

    def _cell(self, words: str) -> None:
        if self.type == "e":
            self.faults[self.at] = words or "an error"
        elif self.formula and not words and self.type != "str":
            self.faults[self.at] = UNCOMPUTED
        elif not words:
            return
        self.last = (max(self.last[0], self.at[0]), max(self.last[1], self.at[1]))


def _worksheet(file: IO[bytes]) -> Extent:
    cells = _Cells()
    _parse(file, cells.start, cells.end, cells.text)
    return Extent(last=cells.last, merged=tuple(cells.merged), faults=cells.faults)


class _Tables:
    """What is being read of an OpenDocument spreadsheet (OpenDocument 1.3, part 3, 9.1)."""

    def __init__(self) -> None:
        self.found: dict[str, Extent] = {}
        self.name = ""
        self.last: Place = (-1, -1)
        self.merged: list[Span] = []
        self.faults: dict[Place, str] = {}
        self.row, self.repeat, self.column = 0, 1, 0

    def start(self, name: str, said: Attributes) -> None:
        if name == "table":
            self.name = said.get("table:name", "")
            self.last, self.merged, self.faults, self.row, self.repeat = (-1, -1), [], {}, 0, 0
        elif name == "table-row":
            self.row += self.repeat
            self.repeat, self.column = int(said.get("table:number-rows-repeated", "1")), 0
        elif name in ("table-cell", "covered-table-cell"):
            self._cell(said)

    def _cell(self, said: Attributes) -> None:
        times = int(said.get("table:number-columns-repeated", "1"))
        tall = int(said.get("table:number-rows-spanned", "1"))
        wide = int(said.get("table:number-columns-spanned", "1"))
        if tall > 1 or wide > 1:
            self.merged.append((self.row, self.column, self.row + tall - 1, self.column + wide - 1))
        if "office:value-type" in said or "table:formula" in said:
            last = (self.row + self.repeat - 1, self.column + times - 1)
            self.last = (max(self.last[0], last[0]), max(self.last[1], last[1]))
        if said.get("calcext:value-type") == "error":
            self.faults[self.row, self.column] = "an error"
        elif "table:formula" in said and "office:value-type" not in said:
            self.faults[self.row, self.column] = UNCOMPUTED
        self.column += times

    def end(self, name: str) -> None:
        if name == "table":
            self.found[self.name] = Extent(last=self.last, merged=tuple(self.merged), faults=self.faults)
