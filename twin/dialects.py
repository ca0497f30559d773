"""What SQL dialects differ in, and what a compiler of queries knows of a layer's tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, Literal

from twin.model import ColumnType
from twin.queryables import STANDARD


@dataclass(frozen=True, kw_only=True, slots=True)
class Dialect:
    """What differs."""

    name: Literal["duckdb", "postgis"]
    placeholder: str
    float32: str
    """The type of four-byte floats."""
    binary_order: str
    """What makes text compare by code point."""
    touches: str
    """Whether the geometry of a row intersects a box, for rows that are not wholly inside."""
    among: str
    """Whether an id is in a long list."""
    rowid: str
    """A row's address within a statement."""
    naive: bool
    """Whether moments are stored as UTC without a zone."""


DUCKDB: Final = Dialect(
    name="duckdb",
    placeholder="?",
    float32="FLOAT",
    binary_order="",
    touches="twin_touches(geom, {west}, {south}, {east}, {north})",
    among="id IN (SELECT unnest({}))",
    rowid="rowid",
    naive=True,
)
POSTGIS: Final = Dialect(
    name="postgis",
    placeholder="%s",
    float32="real",
    binary_order=' COLLATE "C"',
    touches=("ST_Intersects(ST_GeomFromWKB(geom), ST_MakeEnvelope({west}, {south}, {east}, {north}))"),
    among="id = ANY({})",
    rowid="ctid",
    naive=False,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Physical:
    """A column as the database has it."""

    name: str
    type: ColumnType


@dataclass(frozen=True, kw_only=True, slots=True)
class Tables:
    """The tables of a layer."""

    live: str
    hist: str
    columns: Mapping[str, Physical]
    """Attribute to stored column."""
    bodies: Mapping[str, str] = field(default_factory=dict)
    """Body column to stored column."""

    def types(self) -> dict[str, ColumnType]:
        """Name to type of all that can be filtered and sorted by."""
        return {**STANDARD, **{n: c.type for n, c in self.columns.items()}}

    def physical(self, name: str) -> str:
        """The stored column of a name."""
        return self.columns[name].name if name in self.columns else name


class Params:
    """The values of a statement, in the order of their places in it."""

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect
        self.values: list[Any] = []

    def bind(self, value: Any) -> str:
        """A place for a value."""
        if isinstance(value, datetime) and self.dialect.naive:
            value = value.astimezone(UTC).replace(tzinfo=None)
        self.values.append(value)
        return self.dialect.placeholder
