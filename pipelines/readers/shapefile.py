"""Shapefiles: three files that must lie together, a fourth that says where, and text in some encoding."""

from __future__ import annotations

import codecs
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Final

from pipelines.readers.reader import Options, Part, Reader
from pipelines.readers.tables import dbase
from pipelines.readers.tables.dbase import Reading
from pipelines.readers.vectors import ogr
from twin.errors import InvalidParameter, MissingPart, UnreadableFile

MAGIC: Final = b"\x00\x00\x27\x0a"
"""File code 9994, big-endian (ESRI Shapefile Technical Description, 1998)."""
CODE_PAGES: Final = {0x4D: "gbk", 0x4F: "big5", 0x57: "", 0x03: "cp1252"}
"""Language driver ids of dBASE; 0x57 is "ANSI", which says nothing."""


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
        # GDAL takes UTF-8 as it is, and Arrow takes no half characters.
        mended = _mended(path) if encoding == "utf-8" and notes else nullcontext(path)
        with mended as whole:
            yield ogr.part(ogr.Table(path=whole, name=path.stem, encoding=encoding, notes=notes), options)


@contextmanager
def _mended(path: Path) -> Iterator[Path]:
    """The shapefile beside a copy of its table without the halves of characters, which goes away at the end."""
    with tempfile.TemporaryDirectory(prefix="twin-shapefile-") as folder:
        for suffix in (".shp", ".shx", ".prj"):
            if (one := sibling(path, suffix)) is not None:
                (Path(folder) / f"{path.stem}{suffix}").symlink_to(one.resolve())
        if (table := sibling(path, ".dbf")) is not None:
            dbase.mended(table, Path(folder) / f"{path.stem}.dbf", "utf-8")
        yield Path(folder) / f"{path.stem}.shp"


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
    """The encoding of the table's text, and what is to be told of it.

    What the caller says settles it, against the file too; what the file states must fit its text; where
    nobody says, UTF-8 and GB18030 are tried on all of it.
    """
    dbf = sibling(path, ".dbf")
    if dbf is None:
        raise MissingPart(f"{path.stem}.dbf is missing beside {path.name}")
    if options.encoding:
        name = _known(options.encoding)
        return name, _notes(_must_fit(dbf, name, f"--encoding {options.encoding}"))
    stated = _code_page(path)
    if stated:
        name = _known(stated)
        return name, _notes(_must_fit(dbf, name, f"the file says that its text is {stated}"))
    for name in ("utf-8", "gb18030"):
        found = dbase.reading(dbf, name)
        if found.misfit is None and (name == "utf-8" or dbase.chinese(found.beyond)):
            said = () if name == "utf-8" else ("no encoding is stated; the text reads as GB18030 (GBK)",)
            return name, (*said, *_notes(found))
    raise InvalidParameter(
        f"{path.stem}.dbf is neither UTF-8 nor GBK text; name its encoding with --encoding"
    )


def _must_fit(dbf: Path, name: str, said: str) -> Reading:
    """How the text reads in that encoding.

    Raises:
        InvalidParameter: it does not, or it reads as nonsense where another encoding makes Chinese of it.
    """
    found = dbase.reading(dbf, name)
    other = _rather(dbf, name, found)
    by_caller = said.startswith("--")
    if found.misfit is None and (other is None or by_caller):
        return found
    why = f"{found.misfit} is not" if found.misfit else "read so it is garbled"
    what_next = (
        f"it reads as {other.upper()}: --encoding {other.upper()}" if other else "name another: --encoding"
    )
    raise InvalidParameter(f"{dbf.name}: {said}; {why}; {what_next}")


def _rather(dbf: Path, name: str, found: Reading) -> str | None:
    """The encoding in which the text is Chinese, where in the stated one it is not, or is so by chance."""
    if name != "utf-8" and _chinese_in(dbf, "utf-8"):
        return "utf-8"  # other text hardly ever happens to be valid UTF-8
    sound = found.misfit is None and (name == "utf-8" or not found.beyond or dbase.chinese(found.beyond))
    return "gb18030" if not sound and name != "gb18030" and _chinese_in(dbf, "gb18030") else None


def _chinese_in(dbf: Path, name: str) -> bool:
    found = dbase.reading(dbf, name)
    return found.misfit is None and dbase.chinese(found.beyond)


def _notes(found: Reading) -> tuple[str, ...]:
    names = ", ".join(found.cut_names)
    cut: tuple[str, ...] = (
        (f"names of ten bytes were cut within a character by who wrote them: {names}",) if names else ()
    )
    if found.cut_values:
        cut += (f"{found.cut_values} values fill their field and were cut within a character",)
    return cut


def _known(name: str) -> str:
    try:
        found = codecs.lookup(name.strip()).name
    except LookupError as error:
        raise InvalidParameter(
            f"no encoding is known as {name[:200]!r}; for example utf-8, gbk, big5"
        ) from error
    # GB18030 is GBK and GB 2312 and more; files that state these hold its characters.
    return "gb18030" if found in ("gbk", "gb2312", "cp936") else found


def _code_page(path: Path) -> str | None:
    cpg = sibling(path, ".cpg")
    if cpg is not None:
        stated = cpg.read_text("ascii", "replace").strip()
        number = re.fullmatch(r"(?:ANSI|OEM|CP)?\s*(\d{3,5})", stated, re.IGNORECASE)
        if number is None:
            return stated or None
        return "utf-8" if number[1] == "65001" else f"cp{number[1]}"
    dbf = sibling(path, ".dbf")
    if dbf is None:
        return None
    with dbf.open("rb") as file:
        header = file.read(32)
    return CODE_PAGES.get(header[29]) or None if len(header) == 32 else None


READER = Reader(name="shapefile", title="Shapefile", suffixes=(".shp",), read=read)
