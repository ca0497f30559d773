"""GeoPackage and FlatGeobuf: tables of features, each with its CRS inside."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from pipelines.readers.reader import Options, Part, Reader
from pipelines.readers.vectors import ogr
from twin.errors import UnreadableFile

MAGIC: Final = {".gpkg": b"SQLite format 3\0", ".fgb": b"fgb\x03fgb"}
"""First bytes; OGC 12-128r19 clause 1.1.1 and the FlatGeobuf specification."""


def read(paths: tuple[Path, ...], _options: Options) -> Iterator[Part]:
    """Every table with geometry; one alone is the main part, several are parts by their names.

    Raises:
        UnreadableFile: not of the format, broken, or without a table of features.
    """
    for path in paths:
        yield from (ogr.part(table, _options) for table in _tables(path))


def _tables(path: Path) -> list[ogr.Table]:
    suffix = path.suffix.lower()
    if not ogr.starts(path, MAGIC[suffix]):
        raise UnreadableFile(f"{path.name} does not begin as a {suffix} file does; is it another format?")
    found = ogr.tables(path)
    spatial = [name for name, kind in found if kind is not None]
    if not spatial:
        raise UnreadableFile(f"{path.name} holds no table of features")
    plain = [name for name, kind in found if kind is None]
    notes = (f"tables without geometry were left out: {', '.join(plain)}",) if plain else ()
    alone = len(spatial) == 1
    return [
        ogr.Table(path=path, name=name, part="" if alone else name, notes=() if i else notes)
        for i, name in enumerate(spatial)
    ]


READER = Reader(name="vector", title="GeoPackage, FlatGeobuf", suffixes=tuple(MAGIC), read=read)
