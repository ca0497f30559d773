"""The words that sources use for one class, brought to ours where they are known; others stay."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc

from layers.naming import plain
from twin.quarantine import put
from twin.table import Batch


def canonical(batch: Batch, column: str, words: Mapping[str, tuple[str, ...]]) -> Batch:
    """The batch whose column says the class's own name wherever a value is one of its words.

    Args:
        words: class -> words, compared as column names are (`layers/naming.py`).
    """
    if column not in batch.table.column_names:
        return batch
    known = {plain(word): name for name, said in words.items() for word in (name, *said)}
    values = pc.dictionary_encode(batch.table[column].combine_chunks())
    renamed = [None if v is None else known.get(plain(v), v) for v in values.dictionary.to_pylist()]
    named = pa.array(renamed, pa.string()).take(values.indices)
    return replace(batch, table=put(batch.table, column, named))
