"""A whole twin as a folder that outlives its store: GeoParquet, rasters, settings; a site's secret profiles not."""

from __future__ import annotations

import shutil
from pathlib import Path

import orjson

from twin import vertical
from twin.errors import Conflict, MissingPart
from twin.settings import Settings
from twin.store import Store

FORMAT = 1
"""Raised when a folder of today could not be read by the code of yesterday."""
MARK = "twin-backup.json"


def backup(store: Store, settings: Settings, folder: Path) -> None:
    """Write the twin into a new folder; it is complete when `twin-backup.json` is there.

    Raises:
        Conflict: the folder holds something already.
    """
    if folder.exists() and any(folder.iterdir()):
        raise Conflict(f"{folder} is not empty; name a new folder")
    folder.mkdir(parents=True, exist_ok=True)
    store.backup(folder / "store")
    if settings.rasters.exists():
        shutil.copytree(settings.rasters, folder / "rasters", ignore=shutil.ignore_patterns(".*"))
    for path in settings.tilesets.glob("[!.]*"):  # what begins with a dot is not whole yet
        _copied(path, folder / "tilesets" / path.name)
    if (settings.home / "twin.toml").exists():
        shutil.copy2(settings.home / "twin.toml", folder / "twin.toml")
    for name in vertical.files(settings.home):
        _copied(settings.home / name, folder / "vertical" / name)
    mark = {"format": FORMAT, "commit": store.last()}
    (folder / MARK).write_bytes(orjson.dumps(mark, option=orjson.OPT_INDENT_2))


def restore(store: Store, settings: Settings, folder: Path) -> int:
    """Read a backup into an empty twin; the last commit's number.

    Raises:
        MissingPart: the folder is no complete backup.
        Conflict: the twin is not empty, or the backup is newer than this program.
    """
    if not (folder / MARK).exists():
        raise MissingPart(f"{folder} is no complete backup: {MARK} is not there")
    mark = orjson.loads((folder / MARK).read_bytes())
    if mark["format"] > FORMAT:
        raise Conflict(f"{folder} was written by a newer program (format {mark['format']}); update this one")
    if (folder / "rasters").exists():
        shutil.copytree(folder / "rasters", settings.rasters, dirs_exist_ok=True)
    if (folder / "tilesets").exists():
        shutil.copytree(folder / "tilesets", settings.tilesets, dirs_exist_ok=True)
    if (folder / "twin.toml").exists():
        shutil.copy2(folder / "twin.toml", settings.home / "twin.toml")
    for path in (folder / "vertical").rglob("*"):
        if path.is_file():
            _copied(path, settings.home / path.relative_to(folder / "vertical"))
    store.restore(folder / "store")
    return int(mark["commit"])


def _copied(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target)
    else:
        shutil.copy2(source, target)
