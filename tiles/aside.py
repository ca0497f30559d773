"""Files that must be whole before their first byte leaves: written to disk, sent in pieces, gone afterwards."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PIECE = 1 << 20


@contextmanager
def written_aside(suffix: str) -> Iterator[Path]:
    """A path in a folder of its own that is removed at the end, whatever happens."""
    with tempfile.TemporaryDirectory(prefix="twin-") as folder:
        yield Path(folder) / f"items{suffix}"


def pieces(path: Path) -> Iterator[bytes]:
    """The file's bytes, a megabyte at a time."""
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            yield piece
