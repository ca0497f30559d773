"""CQL2 (OGC 21-065r2): one parser, one table of what operators mean, and their evaluations.

    text or JSON --parse--> nodes --checked--> typed nodes --holds--> Python
                                                           --condition--> SQL of DuckDB or PostGIS

Nodes are `Op`, `Property` (`twin.model`) and values: texts, numbers, booleans, moments, dates, `Shape`, and
tuples of them. They are what travels in a `Query`; stores check and evaluate them.
"""

from __future__ import annotations

from typing import Any, Final, Literal

import orjson
import pyproj

from twin.cql2.checking import checked
from twin.cql2.encodings import as_json, as_text, from_json, key
from twin.cql2.evaluating import holds
from twin.cql2.limits import guard, shallow
from twin.cql2.literals import Shape
from twin.cql2.semantics import FUNCTIONS, Operator
from twin.cql2.sql import condition
from twin.cql2.text import parse as _from_text
from twin.errors import InvalidFilter
from twin.model import Filter, Op, Property
from twin.queryables import GEOMETRY, STANDARD, known, queryables

__all__ = [
    "FUNCTIONS", "GEOMETRY", "LANGUAGES", "STANDARD", "Operator", "Shape", "as_json", "as_text", "checked",
    "condition", "holds", "key", "known", "parse", "queryables",
]  # fmt: skip

Language = Literal["cql2-text", "cql2-json"]
LANGUAGES: Final[tuple[Language, ...]] = ("cql2-text", "cql2-json")


def parse(text: str, *, lang: Language = "cql2-text", crs: pyproj.CRS | None = None) -> Filter:
    """A filter as nodes; which properties there are is asked by `checked`.

    Args:
        text: the filter.
        lang: how it is written.
        crs: of its geometries, whose axes stand in its order; None is CRS84. They are moved to CRS84.

    Raises:
        InvalidFilter: it is too long, too deep, or no CQL2; says where.
    """
    guard(text, json=lang == "cql2-json")
    found = shallow(from_json(_json(text), crs) if lang == "cql2-json" else _from_text(text, crs))
    if not isinstance(found, Op | Property | bool):
        raise InvalidFilter(f"{str(found)[:100]!r} alone is no condition; it is not true or false")
    return found


def _json(text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise InvalidFilter(f"filter: it is no JSON: {error}") from error
