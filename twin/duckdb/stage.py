"""A delivery on its way into DuckDB: its rows in a temporary table, before any lock is taken."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import duckdb
import pyarrow as pa

from twin.dialects import Physical
from twin.duckdb.schema import TYPES, quoted
from twin.model import Column, ColumnType, Rejected
from twin.table import BODY, FIXED, SIZE, TIMESTAMP, Batch, cast, columns_of, prepared, widened

NAIVE: Final = pa.timestamp("us")


class Stage:
    """The rows of a delivery in the temporary table `stage` of a cursor; `n` counts them from 0."""

    def __init__(self, cursor: duckdb.DuckDBPyConnection) -> None:
        self.cursor = cursor
        self.columns: dict[str, Physical] = {}
        self.bodies: dict[str, str] = {}
        self.rows = 0
        self.rejected: list[Rejected] = []
        self.refused = 0
        self.refused_ids: set[str] = set()
        self.notes: list[str] = []
        cursor.execute(
            "CREATE OR REPLACE TEMP TABLE stage (n BIGINT, row BIGINT, id VARCHAR,"
            " geom BLOB USING COMPRESSION uncompressed, valid_from TIMESTAMP, valid_to TIMESTAMP,"
            " dated VARCHAR, own_size FLOAT)"
        )

    def add(self, batch: Batch, *, limit: int) -> None:
        """Take a batch; of what was refused on the way, keep so many."""
        self.refused += len(batch.rejected)
        self.rejected += batch.rejected[: limit - len(self.rejected)]
        self.refused_ids |= {r.row for r in batch.rejected if isinstance(r.row, str)}
        self.notes += batch.notes
        if batch.table.num_rows:
            self._insert(prepared(batch.table))

    def _insert(self, table: pa.Table) -> None:
        for column in columns_of(table.schema):
            self._column(column)
        for name in table.column_names:
            if name.startswith(BODY) and name not in self.bodies:
                self.bodies[name] = f"sb{len(self.bodies)}"
                self.cursor.execute(f"ALTER TABLE stage ADD COLUMN {self.bodies[name]} BLOB")
        names, values = ["n"], [pa.array(range(self.rows, self.rows + table.num_rows), pa.int64())]
        for name in table.column_names:
            stored, array = self._stored(name, table[name])
            names.append(stored)
            values.append(array)
        self.rows += table.num_rows
        self.cursor.register("arrived", pa.table(values, names=names))
        self.cursor.execute("INSERT INTO stage BY NAME SELECT * FROM arrived")
        self.cursor.unregister("arrived")

    def _column(self, column: Column) -> None:
        there = self.columns.get(column.name)
        if there is None:
            there = Physical(name=f"s{len(self.columns)}", type=column.type)
            self.cursor.execute(f"ALTER TABLE stage ADD COLUMN {there.name} {TYPES[there.type]}")
            self.columns[column.name] = there
        elif there.type != widened(there.type, column.type):
            self.widen(column.name, widened(there.type, column.type))

    def widen(self, name: str, to: ColumnType) -> None:
        """Change a column's type, values and all."""
        old = self.columns[name]
        new = Physical(name=f"{old.name}w", type=to)
        widen(self.cursor, "stage", old, new)
        self.columns[name] = new

    def _stored(self, name: str, values: pa.ChunkedArray) -> tuple[str, pa.ChunkedArray]:
        if name in self.columns:
            return self.columns[name].name, naive(cast(values, self.columns[name].type))
        if name in self.bodies:
            return self.bodies[name], values
        return ("own_size" if name == SIZE else name), naive(values)

    def value(self, name: str, to: ColumnType, alias: str = "s.") -> str:
        """A column as an expression of a type."""
        column = self.columns.get(name)
        if column is None:
            return f"CAST(NULL AS {TYPES[to]})"
        plain = f"{alias}{column.name}"
        return plain if column.type == to else f"CAST({plain} AS {TYPES[to]})"

    def originals(self, condition: str, limit: int) -> Iterator[dict[str, Any]]:
        """Rows as they came, in their order, for the quarantine."""
        names = {**{n: n for n in ("n", *FIXED)}, **{n: c.name for n, c in self.columns.items()}}
        table = arrow(
            self.cursor,
            f"SELECT {', '.join(names.values())} FROM stage WHERE {condition} ORDER BY n LIMIT {limit}",
        ).rename_columns(list(names))
        table = pa.table({n: zoned(table[n]) for n in table.column_names})
        for batch in table.to_batches(max_chunksize=1000):
            yield from batch.to_pylist()


def arrow(cursor: duckdb.DuckDBPyConnection, sql: str, params: list[Any] | None = None) -> pa.Table:
    """The rows of a statement."""
    return cursor.sql(sql, params=params or None).to_arrow_table()


def naive(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Moments as UTC without a zone; everything else as it is."""
    return values.cast(NAIVE) if pa.types.is_timestamp(values.type) else values


def zoned(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Stored moments with their zone again."""
    return values.cast(TIMESTAMP) if pa.types.is_timestamp(values.type) else values


def widen(cursor: duckdb.DuckDBPyConnection, table: str, old: Physical, new: Physical) -> None:
    """Fill a new column of a table with the old one's values in a wider type."""
    cursor.execute(f"ALTER TABLE {table} ADD COLUMN {new.name} {TYPES[new.type]}")
    values = arrow(cursor, f"SELECT rowid AS r, {old.name} AS v FROM {table} WHERE {old.name} IS NOT NULL")
    if not values.num_rows:
        return
    wider = naive(cast(zoned(values["v"]), new.type))
    cursor.register("wider", pa.table({"r": values["r"], "v": wider}))
    cursor.execute(f"UPDATE {table} SET {new.name} = wider.v FROM wider WHERE {table}.rowid = wider.r")
    cursor.unregister("wider")


def geometry_hash(bodies: Mapping[str, str], alias: str = "") -> str:
    """The hash of a row's geometry and bodies; what is missing adds nothing."""
    return _mixed([f"hash({alias}geom)", *(_part(n, f"{alias}{c}") for n, c in sorted(bodies.items()))])


def attribute_hash(values: Mapping[str, str]) -> str:
    """The hash of a row's attributes by name; the order of columns and those missing do not count."""
    return _mixed([_part(n, value) for n, value in sorted(values.items())])


def _part(name: str, value: str) -> str:
    return f"CASE WHEN {value} IS NULL THEN 0::UBIGINT ELSE hash({value}, {quoted(name)}) END"


def _mixed(parts: list[str]) -> str:
    mixed = "0::UBIGINT"
    for part in parts:
        mixed = f"xor({mixed}, {part})"
    return mixed
