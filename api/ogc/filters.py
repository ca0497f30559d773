"""The filter of a request: `filter`, `filter-lang`, `filter-crs` (OGC API Features Part 3, clause 7)."""

from __future__ import annotations

from collections.abc import Mapping

from api.ogc import crs
from twin import cql2
from twin.cql2 import draft
from twin.errors import InvalidParameter
from twin.model import Filter, Op

PARAMETERS = ("filter", "filter-lang", "filter-crs")
SPEC = "http://www.opengis.net/spec"
LANGUAGES = (*cql2.LANGUAGES, draft.NAME)
CQL2 = (
    "basic-cql2", "advanced-comparison-operators", "case-insensitive-comparison", "accent-insensitive-comparison",
    "basic-spatial-functions", "basic-spatial-functions-plus", "spatial-functions", "temporal-functions",
    "array-functions", "property-property", "functions", "arithmetic", "cql2-text", "cql2-json",
)  # fmt: skip
CONFORMANCE = (
    f"{SPEC}/ogcapi-features-3/1.0/conf/filter",
    f"{SPEC}/ogcapi-features-3/1.0/conf/features-filter",
    *(f"{SPEC}/cql2/1.0/conf/{name}" for name in CQL2),
)
"""The classes that filters on items make true."""


def read(said: Mapping[str, str]) -> Filter | None:
    """The filter that is asked for, its geometries in CRS84.

    Raises:
        InvalidFilter: it is no CQL2.
        InvalidParameter: there is no such filter language.
        UnknownCRS: there is no such CRS.
    """
    asked = said.get("filter-lang", "cql2-text")
    if asked not in LANGUAGES:
        raise InvalidParameter(
            f"no filter-lang {said['filter-lang'][:50]!r}; there are {', '.join(LANGUAGES)}"
        )
    source = crs.parse(said["filter-crs"], "filter-crs") if "filter-crs" in said else None
    if "filter" not in said:
        return None
    text = draft.as_cql2(said["filter"]) if asked == draft.NAME else said["filter"]
    return cql2.parse(text, lang="cql2-json" if asked == "cql2-json" else "cql2-text", crs=source)


def both(one: Filter | None, other: Filter | None) -> Filter | None:
    """What is so of both; None asks for nothing."""
    if one is None or other is None:
        return other if one is None else one
    return Op(op="and", args=(one, other))
