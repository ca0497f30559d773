"""DWG: Autodesk's own format, which is not published. It is refused with what to do instead."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from pipelines.readers.reader import Options, Part, Reader
from twin.errors import UnreadableFile, UnsupportedFormat

RELEASES: Final = {
    b"AC1009": "R12", b"AC1012": "R13", b"AC1014": "R14", b"AC1015": "2000", b"AC1018": "2004",
    b"AC1021": "2007", b"AC1024": "2010", b"AC1027": "2013", b"AC1032": "2018",
}  # fmt: skip
"""First six bytes -> release."""


def read(paths: tuple[Path, ...], _options: Options) -> Iterator[Part]:
    """Nothing.

    Raises:
        UnsupportedFormat: always, and says how to convert. UnreadableFile: not even a DWG.
    """
    for path in paths:
        refuse(path)
        raise UnreadableFile(f"{path.name} is no DWG: it does not begin as one does")
    yield from ()


def refuse(path: Path) -> None:
    """Raise UnsupportedFormat if the file is a DWG, whatever its name."""
    with path.open("rb") as file:
        head = file.read(6)
    if head[:3] == b"AC1" and head[3:].isdigit():
        release = RELEASES.get(head, head.decode())
        raise UnsupportedFormat(
            f"{path.name} is a DWG (AutoCAD {release}), which is not read here; save it as DXF in AutoCAD or CASS, or"
            " convert it with ODA File Converter or LibreDWG (dwg2dxf), and give the .dxf with --crs"
        )


READER = Reader(name="dwg", title="DWG drawing (refused: convert it to DXF)", suffixes=(".dwg",), read=read)
