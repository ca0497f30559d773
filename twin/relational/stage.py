"""A delivery on its way in: its rows in a temporary table, before any lock is taken."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import pyarrow as pa

from twin.dialects import WORDS, Dialect, Physical, Word, quoted
from twin.model import Column, ColumnType, Rejected
from twin.relational.schema import definition
from twin.relational.session import Session
from twin.storable import NUL, storable
from twin.table import BODY, FIXED, SIZE, TIMESTAMP, Batch, cast, columns_of, widened
from twin.wkb import classes

STAGE: Final[dict[str, Word]] = {
    "n": "bigint",
    "row": "bigint",
    "id": "text",
    "geom": "geometry",
    "valid_from": "moment",
    "valid_to": "moment",
    "dated": "text",
    "own_size": "real",
}


class Stage:
    """The rows of a delivery in the temporary table `stage` of a session; `n` counts them from 0."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.columns: dict[str, Physical] = {}
        self.bodies: dict[str, str] = {}
        self.rows = 0
        self.rejected: list[Rejected] = []
        self.refused = 0
        self.refused_ids: set[str] = set()
        self.notes: list[str] = []
        self.classes: set[str] = set()
        """Of the geometries."""
        session.run("DROP TABLE IF EXISTS stage")
        session.run(f"CREATE TEMP TABLE stage ({definition(STAGE, session.dialect)})")

    def add(self, batch: Batch, *, limit: int) -> None:
        """Take a batch; of what was refused on the way, keep so many."""
        batch = storable(batch)
        self.refused += len(batch.rejected)
        self.rejected += batch.rejected[: limit - len(self.rejected)]
        self.refused_ids |= {r.row for r in batch.rejected if isinstance(r.row, str) and NUL not in r.row}
        self.notes += batch.notes
        self.classes |= classes(batch.table["geom"]).keys()
        if batch.table.num_rows:
            self._insert(batch.table)

    def _insert(self, table: pa.Table) -> None:
        for column in columns_of(table.schema):
            self._column(column)
        for name in table.column_names:
            if name.startswith(BODY) and name not in self.bodies:
                self.bodies[name] = f"sb{len(self.bodies)}"
                self._more(self.bodies[name], "bytes")
        values = {"n": pa.array(range(self.rows, self.rows + table.num_rows), pa.int64())}
        for name in table.column_names:
            stored, array = self._stored(name, table[name])
            values[stored] = array
        self.rows += table.num_rows
        inward = self.session.dialect.geometry_in
        given = ", ".join(inward.format(n) if n == "geom" else n for n in values)
        self.session.put("arrived", pa.table(values))
        self.session.run(f"INSERT INTO stage ({', '.join(values)}) SELECT {given} FROM arrived")
        self.session.drop("arrived")

    def _more(self, stored: str, word: Word) -> None:
        self.session.run(f"ALTER TABLE stage ADD COLUMN {stored} {self.session.dialect.types[word]}")

    def _column(self, column: Column) -> None:
        there = self.columns.get(column.name)
        if there is None:
            there = Physical(name=f"s{len(self.columns)}", type=column.type)
            self._more(there.name, WORDS[there.type])
            self.columns[column.name] = there
        elif there.type != widened(there.type, column.type):
            self.widen(column.name, widened(there.type, column.type))

    def widen(self, name: str, to: ColumnType) -> None:
        """Change a column's type, values and all."""
        old = self.columns[name]
        new = Physical(name=f"{old.name}w", type=to)
        widen(self.session, "stage", old, new)
        self.columns[name] = new

    def _stored(self, name: str, values: pa.ChunkedArray) -> tuple[str, pa.ChunkedArray]:
        if name in self.columns:
            return self.columns[name].name, cast(values, self.columns[name].type)
        if name in self.bodies:
            return self.bodies[name], values
        return ("own_size" if name == SIZE else name), values

    def value(self, name: str, to: ColumnType, alias: str = "s.") -> str:
        """A column as an expression of a type."""
        column = self.columns.get(name)
        dialect = self.session.dialect
        if column is None:
            return dialect.cast("NULL", to)
        plain = f"{alias}{column.name}"
        return plain if column.type == to else dialect.cast(plain, to)

    def originals(self, condition: str, limit: int) -> Iterator[dict[str, Any]]:
        """Rows as they came, in their order, for the quarantine."""
        names = {**{n: n for n in ("n", *FIXED)}, **{n: c.name for n, c in self.columns.items()}}
        outward = self.session.dialect.geometry_out
        given = ", ".join(outward.format(c) + " AS geom" if c == "geom" else c for c in names.values())
        table = self.session.arrow(
            f"SELECT {given} FROM stage WHERE {condition} ORDER BY n LIMIT {limit}"
        ).rename_columns(list(names))
        table = pa.table({n: zoned(table[n]) for n in table.column_names})
        for batch in table.to_batches(max_chunksize=1000):
            yield from batch.to_pylist()


def zoned(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Stored moments with their zone."""
    return values.cast(TIMESTAMP) if pa.types.is_timestamp(values.type) else values


def widen(session: Session, table: str, old: Physical, new: Physical) -> None:
    """Fill a new column of a table with the old one's values in a wider type."""
    dialect = session.dialect
    session.run(f"ALTER TABLE {table} ADD COLUMN {new.name} {dialect.column(new.type)}")
    values = session.arrow(
        f"SELECT {dialect.rowid_out} AS r, {old.name} AS v FROM {table} WHERE {old.name} IS NOT NULL"
    )
    if not values.num_rows:
        return
    session.put("wider", pa.table({"r": values["r"], "v": cast(zoned(values["v"]), new.type)}))
    place = dialect.rowid_in.format("w.r")
    session.run(f"UPDATE {table} SET {new.name} = w.v FROM wider w WHERE {table}.{dialect.rowid} = {place}")
    session.drop("wider")


def geometry_hash(bodies: Mapping[str, str], dialect: Dialect, alias: str = "") -> str:
    """The hash of a row's geometry and bodies; what is missing adds nothing."""
    parts = [dialect.body_part.format(name=quoted(n), value=f"{alias}{c}") for n, c in sorted(bodies.items())]
    return dialect.mixed([dialect.geometry_part.format(value=f"{alias}geom"), *parts])


def attribute_hash(values: Mapping[str, tuple[str, ColumnType]], dialect: Dialect) -> str:
    """The hash of a row's attributes by name; the order of columns and those missing do not count."""
    return dialect.mixed(
        [
            dialect.attribute_parts[WORDS[kind]].format(name=quoted(n), value=value)
            for n, (value, kind) in sorted(values.items())
        ]
    )
