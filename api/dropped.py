"""What lies in a folder that is watched: files that belong together, and whether they are all there."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pipelines.reading import readers

DONE: Final = "done"
REFUSED: Final = "refused"
LABEL: Final = "layer.toml"
BESIDE: Final = (
    *(
        ".shx",
        ".dbf",
        ".prj",
        ".cpg",
        ".sbn",
        ".sbx",
        ".qix",
        ".qpj",
        ".shp.xml",
        ".aux.xml",
        ".ovr",
        ".csvt",
    ),
    *(".tfw", ".tifw", ".tiffw", ".pgw", ".pngw", ".jgw", ".jpgw", ".jpegw", ".wld", ".xsd", ".gfs"),
)
"""Suffixes of files that say something of another file of their name."""
NEEDED: Final = {".shp": (".shx", ".dbf")}
"""Without these a file is not complete."""
UNFINISHED: Final = (".part", ".partial", ".crdownload", ".filepart", ".tmp", ".download", "~")
"""Ends of names under which programs write what they rename when it is complete."""
NOBODYS: Final = ("thumbs.db", "desktop.ini")

Mark = tuple[tuple[str, int, int], ...]
"""Name, size and time of change (ns) of each file: two equal ones, and nothing moved meanwhile."""


@dataclass(frozen=True, kw_only=True)
class Unit:
    """One delivery as it lies in the folder."""

    room: str
    """The folder of the layer in the watched one; empty for the watched one itself."""
    main: Path
    beside: tuple[Path, ...] = ()
    lacking: tuple[str, ...] = ()
    """What it waits for."""

    @property
    def paths(self) -> tuple[Path, ...]:
        """Everything that belongs to it."""
        return (self.main, *self.beside)


def units(folder: Path) -> list[Unit]:
    """The deliveries in the folder and in the layers' folders below it, in the order of their names."""
    found = list(_of_room("", _entries(folder, files_only=True)))
    for room in _entries(folder):
        if room.name in (DONE, REFUSED) or not room.is_dir() or room.is_symlink():
            continue
        if is_source(room):
            found.append(Unit(room="", main=room))
        else:
            found += _of_room(room.name, _entries(room))
    return found


def is_source(folder: Path) -> bool:
    """Whether a folder is itself what is to be read: a File Geodatabase, a tileset."""
    taking = [r for r in readers().values() if r.folders]
    return any(
        folder.name.lower().endswith(r.suffixes) or (r.claims is not None and r.claims(folder))
        for r in taking
    )


def sources(unit: Path) -> list[Path]:
    """What of a delivery is to be read: the file or folder itself, or all that can be read in a plain folder."""
    if not unit.is_dir() or is_source(unit):
        return [unit]
    return [u.main for u in _of_room("", _entries(unit))]


def _entries(folder: Path, *, files_only: bool = False) -> list[Path]:
    """What lies in a folder and is somebody's, by name."""
    kept = [
        p
        for p in folder.iterdir()
        if not p.name.startswith((".", "~$"))
        and not p.name.lower().endswith(UNFINISHED)
        and p.name.lower() not in (*NOBODYS, LABEL)
        and (p.is_symlink() or p.is_file() or (p.is_dir() and not files_only))
    ]
    return sorted(kept, key=lambda p: p.name)


def _of_room(room: str, entries: Iterable[Path]) -> Iterator[Unit]:
    """Entries put together: each file with those beside it."""
    left = {p.name.lower(): p for p in entries}
    names = [n for n in left if not n.endswith(BESIDE)]
    for name in [*names, *(n for n in left if n.endswith(BESIDE))]:
        main = left.pop(name, None)
        if main is None:
            continue
        stem = name.removesuffix(_suffix(name))
        beside = [left.pop(n) for s in BESIDE for n in dict.fromkeys((stem + s, name + s)) if n in left]
        there = {p.name.lower() for p in beside}
        needed = NEEDED.get(_suffix(name), ())
        lacking = tuple(s for s in needed if stem + s not in there)
        if name.endswith(BESIDE):
            lacking = ("the file that it belongs to",)
        yield Unit(room=room, main=main, beside=tuple(beside), lacking=lacking)


def _suffix(name: str) -> str:
    """The longest suffix that a reader has of a name in lower case, else its last."""
    fits = [s for r in readers().values() for s in r.suffixes if name.endswith(s)]
    return max(fits, key=len, default=Path(name).suffix)


def mark(unit: Unit) -> Mark:
    """What must stand still before a delivery is taken."""
    found = []
    for path in (p for top in unit.paths for p in _below(top)):
        try:
            stat = path.lstat()
        except FileNotFoundError:
            continue
        found.append((str(path), stat.st_size, stat.st_mtime_ns))
    return tuple(sorted(found))


def linked(unit: Unit) -> Path | None:
    """A symbolic link among the files: it may lead to what its sender may not read."""
    return next((p for top in unit.paths for p in _below(top) if p.is_symlink()), None)


def _below(top: Path) -> Iterator[Path]:
    yield top
    if top.is_dir() and not top.is_symlink():
        for folder, folders, files in os.walk(top):
            yield from (Path(folder, name) for name in (*folders, *files))
