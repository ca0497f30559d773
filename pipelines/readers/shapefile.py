"""Shapefiles: three files that must lie together, a fourth that says where, and text in some encoding."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from pipelines.readers import ogr
from pipelines.readers.reader import Options, Part, Reader
from twin.errors import InvalidParameter, MissingPart, UnreadableFile

MAGIC: Final = b"\x00\x00\x27\x0a"
"""File code 9994, big-endian (ESRI Shapefile Technical Description, 1998)."""
CODE_PAGES: Final = {0x4D: "gbk", 0x4F: "big5", 0x57: "", 0x03: "cp1252"}
"""Language driver ids of dBASE; 0x57 is "ANSI", which says nothing."""
CHUNK: Final = 1 << 20


def read(paths: tuple[Path, ...], options: Options) -> Iterator[Part]:
    """The shapefile's one table.

    Raises:
        MissingPart: a file that belongs to it is not there; `.prj` may be replaced by `--crs`.
        InvalidParameter: its text is in no encoding that we can tell.
    """
    for path in paths:
        if not ogr.starts(path, MAGIC):
            raise UnreadableFile(f"{path.name} does not begin as a shapefile does")
        _complete(path, options)
        encoding, notes = _encoding(path, options)
        yield ogr.part(ogr.Table(path=path, name=path.stem, encoding=encoding, notes=notes), options)


def _complete(path: Path, options: Options) -> None:
    for suffix in (".shx", ".dbf"):
        if sibling(path, suffix) is None:
            raise MissingPart(f"{path.stem}{suffix} is missing beside {path.name}")
    if sibling(path, ".prj") is None and options.crs is None:
        raise MissingPart(
            f"{path.stem}.prj is missing beside {path.name}; "
            "add it, or name the CRS, for example --crs EPSG:4548"
        )


def sibling(path: Path, suffix: str) -> Path | None:
    """The file of the same stem with that suffix, in whatever case."""
    wanted = (path.stem + suffix).lower()
    return next((p for p in path.parent.iterdir() if p.name.lower() == wanted), None)


def _encoding(path: Path, options: Options) -> tuple[str, tuple[str, ...]]:
    stated = options.encoding or _code_page(path)
    if stated:
        return _known(stated), ()
    dbf = sibling(path, ".dbf")
    for name in ("utf-8", "gb18030"):
        if dbf is not None and decodes(dbf, name):
            said = () if name == "utf-8" else ("no encoding is stated; the text reads as GB18030 (GBK)",)
            return name, said
    raise InvalidParameter(
        f"{path.stem}.dbf is neither UTF-8 nor GBK text; name its encoding with --encoding"
    )


def _known(name: str) -> str:
    try:
        return codecs.lookup(name.strip()).name
    except LookupError as error:
        raise InvalidParameter(
            f"no encoding is known as {name[:200]!r}; for example utf-8, gbk, big5"
        ) from error


def _code_page(path: Path) -> str | None:
    cpg = sibling(path, ".cpg")
    if cpg is not None:
        stated = cpg.read_text("ascii", "replace").strip()
        return f"cp{stated}" if stated.isdigit() else stated or None
    dbf = sibling(path, ".dbf")
    if dbf is None:
        return None
    with dbf.open("rb") as file:
        header = file.read(32)
    return CODE_PAGES.get(header[29]) or None if len(header) == 32 else None


def decodes(path: Path, encoding: str) -> bool:
    """Whether the table's records are text of that encoding, all of them."""
    decoder = codecs.getincrementaldecoder(encoding)()
    with path.open("rb") as file:
        header = file.read(32)
        file.seek(int.from_bytes(header[8:10], "little"))
        try:
            while chunk := file.read(CHUNK):
                decoder.decode(chunk)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return False
    return True


READER = Reader(name="shapefile", title="Shapefile", suffixes=(".shp",), read=read)
