"""A text with U+0000 is one row in the quarantine, in every store, and the rest of its delivery goes on."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from store_support import LAYER, OPEN_POLICY, Clock, batch, day, delivered, ids

from twin.errors import UnreadableFile
from twin.model import Rejected
from twin.storable import nul, storable
from twin.store import Store
from twin.table import Batch


def refused(store: Store) -> tuple[Rejected, ...]:
    count, rejected = store.quarantine("buildings", OPEN_POLICY)
    assert count == len(rejected)
    return rejected


def test_one_text_costs_one_row(store: Store) -> None:
    rows = [{"id": f"B{n}", "name": f"楼 {n}", "use": "x"} for n in range(5)]
    rows[2]["use"] = "dwel\0ling"
    rows[4]["name"] = "\0"
    report = store.write(LAYER, [batch(rows)], delivered(day(2021)))
    assert (report.read, report.accepted, report.quarantined, report.added) == (5, 3, 2, 3)
    assert ids(store) == ["B0", "B1", "B3"]
    found = refused(store)
    assert [(r.row, r.column) for r in found] == [("B2", "use"), ("B4", "name")]
    assert all("U+0000" in r.reason for r in found)
    assert r"dwel\u0000ling" in found[0].original


def test_a_refused_row_does_not_end_what_was_known_of_it(store: Store, clock: Clock) -> None:
    rows = [{"id": i, "name": i} for i in "abc"]
    store.write(LAYER, [batch(rows)], delivered(day(2021)))
    clock.pass_(days=1)
    rows[1]["name"] = "b\0"
    report = store.write(LAYER, [batch(rows[:2])], delivered(day(2022)))
    assert (report.unchanged, report.quarantined, report.removed) == (1, 1, 1)
    assert ids(store) == ["a", "b"]


def test_an_id_that_cannot_be_kept_is_refused_by_its_number(store: Store) -> None:
    rows = [{"id": "a", "name": "x"}, {"id": "b\0", "name": "y"}, {"id": None, "name": "\0"}]
    report = store.write(LAYER, [batch(rows)], delivered(day(2021)))
    assert report.quarantined == 2
    assert [(r.row, r.column) for r in refused(store)] == [(1, "id"), (2, "name")]


def test_a_list_or_structure_is_looked_into_and_a_backslash_is_none(store: Store) -> None:
    tags: list[dict[str, Any] | None] = [
        {"k": "\0"},
        {"k": r"\u0000"},
        {"k": r"\\u0000"},
        None,
        {"k": "\\\0"},
    ]
    rows = batch([{"id": f"B{n}"} for n in range(len(tags))])
    given_ = Batch(table=rows.table.append_column("tags", pa.array(tags)), crs=None)
    report = store.write(LAYER, [given_], delivered(day(2021)))
    assert report.quarantined == 2
    assert [(r.row, r.column) for r in refused(store)] == [("B0", "tags"), ("B4", "tags")]
    assert ids(store) == ["B1", "B2", "B3"]


def test_a_delivery_of_nothing_else_still_comes_to_an_end(store: Store) -> None:
    report = store.write(LAYER, [batch([{"id": "a", "name": "\0"}])], delivered(day(2021)))
    assert (report.read, report.accepted, report.quarantined) == (1, 0, 1)
    assert ids(store) == []


def test_a_column_whose_name_cannot_be_kept_is_told_of(store: Store) -> None:
    with pytest.raises(UnreadableFile, match=r"a\\x00b.*U\+0000"):
        store.write(LAYER, [batch([{"id": "a", "a\0b": "x"}])], delivered(day(2021)))


TEXTS = st.lists(
    st.none() | st.text(st.sampled_from("a\0楼\\u0"), max_size=6), min_size=1, max_size=20
)  # fmt: skip


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(texts=TEXTS, start=st.integers(0, 5))
def test_exactly_the_texts_with_the_character_are_found(texts: list[str | None], start: int) -> None:
    column = pa.chunked_array([pa.array(texts, pa.string())]).slice(start)
    wanted = ["\0" in (t or "") for t in texts[start:]]
    assert nul(column).tolist() == wanted
    rows = batch([{"id": f"B{n}"} for n in range(len(wanted))]) if wanted else None
    if rows is not None:
        found = storable(Batch(table=rows.table.append_column("t", column), crs=None))
        assert [r.row for r in found.rejected] == [f"B{n}" for n, bad in enumerate(wanted) if bad]
        assert found.table["t"].to_pylist() == [t for t in texts[start:] if "\0" not in (t or "")]


def test_what_a_reader_refused_under_such_an_id_is_no_harm(store: Store) -> None:
    rejected = (Rejected(row="x\0", column="geom", reason="n\0ne", original="\0"),)
    rows = Batch(table=batch([{"id": "a"}]).table, crs=None, rejected=rejected)
    assert store.write(LAYER, [rows], delivered(day(2021))).quarantined == 1
    assert refused(store) == rejected
