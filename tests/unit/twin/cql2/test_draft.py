"""GDAL's spelling of filters means what CQL2's does."""

from __future__ import annotations

import pytest

from twin import cql2
from twin.cql2.draft import as_cql2
from twin.errors import InvalidFilter

SPELLINGS = [
    ("name ILIKE '%块<7>%'", "CASEI(name) LIKE CASEI('%块<7>%')"),
    ("built >= '2018-01-01T'", "built >= '2018-01-01'"),
    ("at >= '2018-01-01T10:00:00Z'", "at >= '2018-01-01T10:00:00Z'"),
    (
        "((use = '商业') AND (floors = 3)) OR (NOT ((x IS NULL)))",
        "(use = '商业' AND floors = 3) OR NOT x IS NULL",
    ),
    ("name = 'a ILIKE ''2018-01-01T'''", "name = 'a ILIKE ''2018-01-01T'''"),
    ("\"a b\" ILIKE 'X' AND c = 1", "CASEI(\"a b\") LIKE CASEI('X') AND c = 1"),
    ("S_INTERSECTS(geometry, POINT(1 2))", "S_INTERSECTS(geometry, POINT(1 2))"),
]


@pytest.mark.parametrize(("said", "meant"), SPELLINGS)
def test_it_means_what_cql2_does(said: str, meant: str) -> None:
    assert cql2.parse(as_cql2(said)) == cql2.parse(meant)


@pytest.mark.parametrize("text", ["a ILIKE", "ILIKE 'x'", "a = ; 1", "(" * 500, "a" * 40_000])
def test_what_is_no_filter_is_refused(text: str) -> None:
    with pytest.raises(InvalidFilter):
        cql2.parse(as_cql2(text))
