"""A disk that is full, in our words, and what keeps DuckDB from being hurt by one.

When DuckDB folds its write-ahead log into the file and has no room for it, it takes no more statements until it is
opened again (what was committed stays). So nothing is written while there is less room than that may need.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import duckdb

from twin.errors import StorageFull

log = logging.getLogger(__name__)

SPARE: Final = 32 << 20
"""Bytes beside the write-ahead log that must be free: twice the log at which DuckDB folds it by itself."""
SIGNS: Final = ("No space left", "Disk quota exceeded", "max_temp_directory_size")
"""What DuckDB's text has where a write, or what does not fit into memory, found no room."""


def enough(path: Path) -> bool:
    """Whether the disk of a database file has room for another commit."""
    wal = path.with_name(f"{path.name}.wal")
    needed = SPARE + (wal.stat().st_size if wal.exists() else 0)
    return shutil.disk_usage(path.parent).free >= needed


def full(path: Path, *, restart: bool = False) -> StorageFull:
    """That the disk of a database file is full, and what to do."""
    then = "start the server again" if restart else "try again"
    return StorageFull(
        f"the store has no room: the disk of {path.absolute().parent} is full, and this was not done; "
        f"make room there, or move TWIN_HOME to a larger disk, and {then}"
    )


@contextmanager
def told(path: Path) -> Iterator[None]:
    """DuckDB's errors of a full disk as ours; its own text goes into the log. Raises StorageFull."""
    try:
        yield
    except duckdb.Error as error:
        if not any(sign in str(error) for sign in SIGNS):
            raise
        log.error("the disk of %s is full: %s", path, str(error).splitlines()[0])  # noqa: TRY400  (an error of ours follows)
        raise full(path, restart=isinstance(error, duckdb.FatalException)) from error
