"""Esri's File Geodatabase: a folder `.gdb`, or that folder in a `.gdb.zip`.

Tables with geometry are parts by their names (one alone is the main part). Codes of a coded-value domain
become the domain's words, the codes stay beside them as `<column>_code`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyogrio
from lxml import etree

from pipelines.readers.markup.xml_stream import Element, local
from pipelines.readers.reader import Options, Part, Reader
from pipelines.readers.unzip import unpacked
from pipelines.readers.vectors import ogr
from twin.errors import MissingPart, UnreadableFile

CATALOGUE: Final = "a00000001.gdbtable"
"""The table of tables, which every geodatabase has."""
Words = Mapping[str, str]
"""Code as text -> word."""


def read(paths: tuple[Path, ...], options: Options) -> Iterator[Part]:
    """The tables with geometry.

    Raises:
        MissingPart: no geodatabase in it. UnreadableFile: broken, or nothing but tables without geometry.
        UnsafeArchive, TooLarge: see `unzip.unpacked`.
    """
    for path in paths:
        if path.is_dir():
            yield from _parts(path, options)
            continue
        if path.suffix.lower() == ".gdb":
            raise UnreadableFile(
                f"{path.name} is a file; a geodatabase is a folder. Give the folder, or zip it"
            )
        with unpacked(path) as folder:
            yield from _parts(_inside(path, folder), options)


def _inside(path: Path, folder: Path) -> Path:
    """The geodatabase of an archive; GDAL wants a folder whose name ends in `.gdb`."""
    found = sorted({p.parent for p in folder.rglob("*") if p.name.lower() == CATALOGUE})
    if len(found) != 1:
        names = ", ".join(p.name for p in found) or "none"
        raise MissingPart(f"{path.name} must hold one geodatabase; it holds {names}")
    (only,) = found
    if only.suffix.lower() == ".gdb":
        return only
    if only == folder:
        plain = folder / f"{path.name.split('.', 1)[0]}.gdb"
        plain.mkdir()
        for each in [p for p in folder.iterdir() if p != plain]:
            each.rename(plain / each.name)
        return plain
    return only.rename(only.with_name(f"{only.name}.gdb"))


def _parts(path: Path, options: Options) -> Iterator[Part]:
    if not any(p.name.lower() == CATALOGUE for p in path.iterdir()):
        raise MissingPart(
            f"{path.name} is no geodatabase: {CATALOGUE} is missing in it; copy the whole folder"
        )
    _whole(path)
    found = ogr.tables(path)
    spatial = [name for name, kind in found if kind is not None]
    if not spatial:
        raise UnreadableFile(f"{path.name} holds no table with geometry")
    plain = [name for name, kind in found if kind is None]
    notes = (f"tables without geometry were left out: {', '.join(plain)}",) if plain else ()
    domains = words_of(definitions(path))
    for number, name in enumerate(spatial):
        table = ogr.Table(
            path=path,
            name=name,
            part="" if len(spatial) == 1 else name,
            notes=notes if number == 0 else (),
            shaped=partial(spelled, words=domains[name]) if domains.get(name) else None,
        )
        yield ogr.part(table, options)


def _whole(path: Path) -> None:
    """GDAL reads what is left of a table that is cut off and says nothing; its head tells how long it was.

    Layout of the head, little-endian: 4 x int32 (rows among them), 8 bytes, int64 size of the file, int64.
    """
    for table in sorted(path.glob("*.gdbtable")):
        size = table.stat().st_size
        with table.open("rb") as file:
            head = file.read(40)
        stated = int.from_bytes(head[24:32], "little")
        if len(head) < 40 or size < stated:
            raise UnreadableFile(
                f"{path.name}: {table.name} breaks off: {size} of {max(stated, 40)} bytes; copy it again"
            )


def definitions(path: Path) -> list[str]:
    """The XML definitions of the geodatabase's items (domains, tables); none where they cannot be read."""
    with (
        ogr.told(path),
        pyogrio.raw.open_arrow(
            path, layer="GDB_Items", use_pyarrow=True, columns=["Definition"], LIST_ALL_TABLES="YES"
        ) as (_, stream),
    ):
        return [d for d in stream.read_all()["Definition"].to_pylist() if d]


def words_of(found: list[str]) -> dict[str, dict[str, Words]]:
    """Table -> column -> code -> word, from items' definitions; what cannot be parsed has no words."""
    items = [item for text in found if (item := _parsed(text)) is not None]
    domains = {
        _child(item, "DomainName"): dict(_codes(item))
        for item in items
        if local(item).startswith("GPCodedValueDomain")
    }
    return {
        _child(item, "Name"): {
            _child(field, "Name"): domains[named]
            for field in item.iter()
            if local(field) == "GPFieldInfoEx" and domains.get(named := _child(field, "DomainName"))
        }
        for item in items
        if local(item).startswith(("DEFeatureClassInfo", "DETableInfo"))
    }


def _parsed(text: str) -> Element | None:
    parser = etree.XMLParser(no_network=True, load_dtd=False, resolve_entities=False, huge_tree=False)
    try:
        return etree.fromstring(text.encode(), parser)
    except etree.XMLSyntaxError:
        return None


def _codes(domain: Element) -> Iterator[tuple[str, str]]:
    for value in domain.iter():
        if local(value) == "CodedValue":
            yield _child(value, "Code"), _child(value, "Name")


def _child(element: Element, name: str) -> str:
    return next(((c.text or "").strip() for c in element if local(c) == name), "")


def spelled(rows: pa.Table, *, words: Mapping[str, Words]) -> pa.Table:
    """The rows with words for codes, and the codes beside them; a code without a word stays as it is."""
    for name, known in words.items():
        if name not in rows.column_names:
            continue
        at = rows.column_names.index(name)
        codes = rows[name]
        texts = [_text(v) for v in codes.to_pylist()]
        said = pa.array([None if t is None else known.get(t, t) for t in texts], pa.string())
        rows = rows.set_column(at, name, said)
        beside = f"{name}_code"
        if beside not in rows.column_names:
            rows = rows.add_column(at + 1, beside, codes)
    return rows


def _text(value: object) -> str | None:
    """A value as a domain writes its codes: whole numbers without a point."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return None if value is None else str(value)


READER = Reader(name="gdb", title="File Geodatabase", suffixes=(".gdb", ".gdb.zip"), read=read, folders=True)
