"""Zip archives of files that some other reader reads: shapefiles, mostly."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import cast

from pipelines.readers.reader import Options, Part, Reader
from pipelines.readers.unzip import unpacked
from twin import registry
from twin.errors import MissingPart
from twin.model import Titles


def read(paths: tuple[Path, ...], options: Options) -> Iterator[Part]:
    """The parts of every file inside that has a reader; of several files, parts by the files' names.

    Raises:
        MissingPart: nothing inside has a reader.
    """
    for path in paths:
        with unpacked(path) as folder:
            files = readable(folder)
            if not files:
                raise MissingPart(f"{path.name} holds no file that can be read{_orphan(folder)}")
            for file, reader in files:
                for part in reader.read((file,), options):
                    yield part if len(files) == 1 else _named(file, part)


def readable(folder: Path) -> list[tuple[Path, Reader]]:
    """The files (and geodatabases, which are folders) that have a reader, in the order of their names."""
    found = [(p, _reader(p)) for p in sorted(folder.rglob("*")) if p.is_file() or p.suffix.lower() == ".gdb"]
    return [(p, reader) for p, reader in found if reader is not None]


def _reader(path: Path) -> Reader | None:
    readers = cast("dict[str, Reader]", registry.entries("pipelines.readers", "READER")).values()
    name = path.name.lower()
    fits = [(len(s), r) for r in readers if r is not READER for s in r.suffixes if name.endswith(s)]
    longest = [r for n, r in fits if n == max(n for n, _ in fits)]
    claiming = [r for r in longest if r.claims is None or r.claims(path)]
    return next(iter(claiming), None)


def _named(file: Path, part: Part) -> Part:
    """A part of one of several files: the file's name before its own, in the title too."""
    title = part.title and Titles(zh=f"{file.stem} · {part.title.zh}", en=f"{file.stem} · {part.title.en}")
    return replace(part, name=f"{file.stem}_{part.name}" if part.name else file.stem, title=title)


def _orphan(folder: Path) -> str:
    """What a shapefile without its main file lacks."""
    lone = next(iter(sorted(folder.rglob("*.[sdSD][hbHB][xfXF]"))), None)
    return f"; {lone.stem}.shp is missing" if lone else ""


READER = Reader(name="zip", title="Zip archive", suffixes=(".zip",), read=read)
