"""What every store can keep: a text with U+0000 is none, since PostgreSQL has no such text.

The rule is the same for every store, so that a delivery means the same in each of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from twin.errors import UnreadableFile
from twin.model import Rejected
from twin.records import refused
from twin.table import JSON, Batch, prepared

NUL: Final = "\0"
REASON: Final = "the text holds U+0000, which cannot be stored"
ESCAPED: Final = r"(^|[^\\])(\\\\)*\\u0000"
"""U+0000 as JSON writes it: after an even number of backslashes."""


def storable(batch: Batch) -> Batch:
    """A conformed batch as stores take it (`twin.table.prepared`), without rows of which a text holds U+0000.

    Such a row is refused with the column named, under its id where that can be kept, so that a snapshot does not
    end what it says of that id.

    Raises:
        UnreadableFile: the name of a column holds U+0000.
    """
    table = prepared(batch.table)
    for name in table.column_names:
        if NUL in name:
            raise UnreadableFile(f"the column name {name[:200]!r} holds U+0000; name the column otherwise")
    columns: dict[int, str] = {}
    for name, bad in _marked(table):
        for n in map(int, np.flatnonzero(bad)):
            columns.setdefault(n, name)
    if not columns:
        return replace(batch, table=table)
    kept = np.ones(table.num_rows, bool)
    kept[list(columns)] = False
    rows = table.filter(pa.array(~kept)).to_pylist()
    rejected = tuple(
        _refused(row, column) for row, (_, column) in zip(rows, sorted(columns.items()), strict=True)
    )
    return replace(batch, table=table.filter(pa.array(kept)), rejected=(*batch.rejected, *rejected))


def _refused(row: dict[str, object], column: str) -> Rejected:
    found = refused(row, column, REASON)
    ident = row["id"]
    return replace(found, row=ident) if isinstance(ident, str) and NUL not in ident else found


def _marked(table: pa.Table) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    """The text columns that hold U+0000, and (n,) bool where."""
    for field in table.schema:
        if not pa.types.is_string(field.type):
            continue
        values = table[field.name]
        if JSON.items() <= (field.metadata or {}).items():
            if pc.any(pc.match_substring(values, r"\u0000")).as_py():
                yield field.name, _true(pc.match_substring_regex(values, ESCAPED))
        elif holds_nul(values):
            yield field.name, nul(values)


def holds_nul(values: pa.ChunkedArray) -> bool:
    """Whether the bytes of texts have a zero; of a slice also those around it, so that True is a suspicion."""
    found = (chunk.buffers()[2] for chunk in values.chunks)
    return any(b is not None and b.size and np.frombuffer(b, np.uint8).min() == 0 for b in found)


def nul(values: pa.ChunkedArray | pa.Array) -> NDArray[np.bool_]:
    """(n,) bool, the texts that hold U+0000."""
    return _true(pc.match_substring(values, NUL))


def _true(found: pa.ChunkedArray | pa.Array) -> NDArray[np.bool_]:
    return np.asarray(pc.fill_null(found, False), bool)
