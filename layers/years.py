"""The year that something was built or laid, where only the day is given."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from twin.quarantine import put


def with_years(table: pa.Table, name: str) -> pa.Table:
    """The table whose year column is filled from `valid_from` where that came with the row.

    Args:
        table: conformed (`valid_from`, `dated`).
        name: an integer column; made when it is not there.
    """
    if not {"valid_from", "dated"} <= set(table.column_names):
        return table
    stated = pc.equal(table["dated"], "stated")
    years = pc.if_else(stated, pc.year(table["valid_from"]), pa.scalar(None, pa.int64()))
    if name not in table.column_names:
        return table if years.null_count == len(table) else put(table, name, years)
    return put(table, name, pc.coalesce(table[name], years))
