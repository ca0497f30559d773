"""What SQL dialects differ in, and what a compiler of queries knows of a layer's tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, Literal

import shapely

from twin.errors import InvalidParameter
from twin.extents import box_shape
from twin.model import BBox, ColumnType
from twin.queryables import STANDARD

Word = Literal[
    "text", "moment", "date", "bigint", "real", "double", "boolean", "bytes", "geometry", "hash", "key"
]
"""What a stored column may be, in no dialect."""

WORDS: Final[dict[ColumnType, Word]] = {
    "string": "text",
    "integer": "bigint",
    "number": "double",
    "boolean": "boolean",
    "datetime": "moment",
    "date": "date",
    "json": "text",
}
"""How attributes are stored."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Dialect:
    """What differs."""

    name: Literal["duckdb", "postgis"]
    types: Mapping[Word, str]
    among: str
    """Whether a value is in a long list: both are put in."""
    rowid: str
    """A row's address within a transaction."""
    rowid_type: str
    rowid_out: str
    """The address as a text or number that travels, and back."""
    rowid_in: str
    first: str
    """The value of the row of a group that comes first by something."""
    quotient: str
    """The operator that divides whole numbers and gives a whole number."""
    microseconds: str
    """A stored moment as microseconds of Unix time."""
    geometry_in: str
    """Stored geometry from WKB, and WKB from it."""
    geometry_out: str
    geometry_part: str
    """A column's share in a row's hash: of geometry; of bodies and attributes with `{name}`, `{value}`."""
    body_part: str
    attribute_parts: Mapping[Word, str]
    mixed: Callable[[Sequence[str]], str]
    """The hash of such shares."""
    indices: tuple[str, ...]
    """What makes a layer's filled `{table}` quick to ask."""
    naive: bool
    """Whether moments are stored as UTC without a zone."""
    box_literal: bool
    """Whether a box is tested as a literal geometry behind the index on `geom`."""

    @property
    def float32(self) -> str:
        """The type of four-byte floats."""
        return self.types["real"]

    def column(self, type_: ColumnType) -> str:
        """The stored type of an attribute."""
        return self.types[WORDS[type_]]

    def cast(self, value: str, type_: ColumnType) -> str:
        """An expression as an attribute's type."""
        return f"CAST({value} AS {self.column(type_).partition(' COLLATE')[0]})"

    def moment(self, moment: datetime) -> str:
        """A moment as SQL."""
        if self.naive:
            return f"TIMESTAMP '{bare(moment).isoformat(sep=' ')}'"
        return f"TIMESTAMPTZ '{bare(moment).isoformat(sep=' ')}+00'"


def bare(moment: datetime) -> datetime:
    """A moment as UTC without a zone."""
    return moment.astimezone(UTC).replace(tzinfo=None)


def quoted(text: str) -> str:
    """A text as SQL."""
    return "'" + text.replace("'", "''") + "'"


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


WHOLE: Final = range(-(2**63), 2**63)


class Params:
    """The values of a statement; each has a numbered place in it."""

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect
        self.values: list[Any] = []

    def bind(self, value: Any) -> str:
        """A place for a value.

        Raises:
            InvalidParameter: a text holds U+0000, which PostgreSQL cannot.
        """
        if isinstance(value, datetime) and self.dialect.naive:
            value = bare(value)
        if isinstance(value, int) and value not in WHOLE:
            value = float(value)
        if isinstance(value, str) and "\0" in value and self.dialect.name == "postgis":
            raise InvalidParameter(f"{value[:50]!r} holds U+0000; no text in this store does")
        self.values.append(value)
        return f"${len(self.values)}"

    def touches(self, box: BBox) -> str:
        """Whether the geometry of a row intersects a box that does not cross the antimeridian."""
        if self.dialect.box_literal:
            return f"ST_Intersects(geom, {self._literal(box)})"
        corners = ", ".join(self.bind(v) for v in box.astuple())
        return f"twin_touches(geom, {corners})"

    def near(self, box: BBox) -> str:
        """What the index on `geom` answers, where there is one."""
        return f" AND geom && {self._literal(box)}" if self.dialect.box_literal else ""

    def _literal(self, box: BBox) -> str:
        shape = shapely.set_srid(box_shape(box), 4326)
        return f"'{shapely.to_wkb(shape, hex=True, include_srid=True)}'::geometry"
