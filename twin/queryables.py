"""What a layer can be filtered and sorted by."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from twin.errors import UnknownProperty
from twin.model import Column, ColumnType

STANDARD: Final[dict[str, ColumnType]] = {
    "id": "string",
    "source": "string",
    "dated": "string",
    "valid_from": "datetime",
    "valid_to": "datetime",
    "recorded_from": "datetime",
    "recorded_to": "datetime",
    "version": "integer",
}
"""What every layer can be filtered and sorted by, beside its own columns; `geom` only by filters."""

GEOMETRY: Final = "geom"
"""The geometry property of every layer."""


def queryables(columns: Iterable[Column]) -> dict[str, ColumnType]:
    """Name to type of all that a layer can be filtered and sorted by."""
    return {**STANDARD, **{c.name: c.type for c in columns}}


def known(name: str, types: Mapping[str, ColumnType]) -> ColumnType:
    """The type of a property.

    Raises:
        UnknownProperty: the layer has none of that name; lists those there are.
    """
    if name not in types:
        raise UnknownProperty(f"no property {name[:200]!r}; there are {', '.join(sorted(types))}")
    return types[name]
