"""The report of a delivery tells the same whichever store it comes from, and outlives a backup."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from store_support import LAYER, OPEN_POLICY, STORES, Clock, batch, day, delivered, square

from pipelines import reporting
from twin.errors import NotFound
from twin.model import Mode, Rejected
from twin.store import Store

CARDED = replace(LAYER, owner="住建局", accuracy="±5 cm", lineage="航测", due="P1Y", licence="CC-BY-4.0")
REFUSED = Rejected(
    row=7, column="height", reason="管点!C9: no", original="x", cell="管点!C9", place=(118.2, 38.1)
)


def fill(store: Store, clock: Clock) -> None:
    rows: list[dict[str, Any]] = [{"id": n, "height": 1.0} for n in "abcd"]
    first = replace(batch([*rows, {"id": "z"}, {"id": "z"}]), rejected=(REFUSED,))
    store.write(CARDED, [first], delivered(day(2021), reader="geojson"))
    clock.pass_(days=1)
    second = [
        rows[0],
        {"id": "b", "height": 2.0},
        {**rows[2], "geom": square(118.5)},
        {"id": "e", "height": 3.0},
    ]
    store.write(LAYER, [batch(second)], delivered(day(2022), reader="geojson"))
    clock.pass_(days=1)
    # What people edit is no survey, and ends nothing of another source.
    store.write(LAYER, [batch([{"id": "p"}])], delivered(None, "posted", Mode.UPSERT, reader="api"))


def ids(document: dict[str, Any]) -> dict[str, list[str]]:
    return {kind: document["changes"][kind]["ids"] for kind in reporting.KINDS}


def test_each_id_is_told_with_what_became_of_it(store: Store, clock: Clock) -> None:
    fill(store, clock)
    first, second = (reporting.document(store, OPEN_POLICY, "buildings", n, now=clock()) for n in (1, 2))
    assert ids(first) == {
        "added": ["a", "b", "c", "d"],
        "removed": [],
        "changed_geometry": [],
        "changed_attributes": [],
    }
    assert ids(second) == {
        "added": ["e"],
        "removed": ["d"],
        "changed_geometry": ["c"],
        "changed_attributes": ["b"],
    }
    for document in (first, second):
        assert {k: document["changes"][k]["count"] for k in reporting.KINDS} == {
            k: len(v) for k, v in ids(document).items()
        }
    assert (first["previous"], second["previous"]) == (None, 1)
    kinds = [p["kind"] for p in second["places"]]
    assert sorted(kinds) == ["added", "changed_attributes", "changed_geometry", "removed"]


def test_a_late_survey_that_cuts_a_period_in_two_is_told_by_what_it_says(store: Store, clock: Clock) -> None:
    store.write(LAYER, [batch([{"id": "a", "height": 1.0}])], delivered(day(2020), reader="x"))
    clock.pass_(days=1)
    store.write(LAYER, [batch([{"id": "a", "height": 3.0}])], delivered(day(2024), reader="x"))
    clock.pass_(days=1)
    report = store.write(LAYER, [batch([{"id": "a", "height": 2.0}])], delivered(day(2022), reader="x"))
    document = reporting.document(store, OPEN_POLICY, "buildings", report.commit, now=clock())
    assert ids(document)["changed_attributes"] == ["a"]
    assert document["changes"]["changed_attributes"]["count"] == 1
    # The card goes by the latest day, not by the delivery that came last.
    assert document["card"]["date"] == "2024-01-01T00:00:00Z"


def test_refused_rows_are_those_of_the_delivery(store: Store, clock: Clock) -> None:
    fill(store, clock)
    document = reporting.document(store, OPEN_POLICY, "buildings", 1, now=clock())
    assert document["report"]["quarantined"] == len(document["refused"]) == 3
    first = next(r for r in document["refused"] if r["row"] == 7)
    assert (first["cell"], first["reason"], first["place"]) == ("管点!C9", "no", [118.2, 38.1])
    # Rows that only the store refused say where they are too.
    assert all(r["place"] == [118.01, 38.0] for r in document["refused"] if r["column"] == "id")
    assert reporting.document(store, OPEN_POLICY, "buildings", 2, now=clock())["refused"] == []
    assert store.quarantine("buildings", OPEN_POLICY, commit=2) == (0, ())


def test_a_report_that_is_not_there_is_said_with_those_that_are(store: Store, clock: Clock) -> None:
    fill(store, clock)
    with pytest.raises(NotFound, match="3, 2, 1"):
        reporting.document(store, OPEN_POLICY, "buildings", 99, now=clock())


def test_a_card_is_as_old_as_its_last_survey(store: Store, clock: Clock) -> None:
    fill(store, clock)
    card = reporting.document(store, OPEN_POLICY, "buildings", None, now=clock())["card"]
    assert (card["date"], card["due"]) == ("2022-01-01T00:00:00Z", "2023-01-01T00:00:00Z")
    assert card["overdue"] is True
    assert (card["owner"], card["accuracy"], card["statement"]) == ("住建局", "±5 cm", "航测")
    early = reporting.document(store, OPEN_POLICY, "buildings", None, now=day(2022, 12, 31))["card"]
    assert (early["overdue"], early["age_days"]) == (False, 364)


def test_what_a_delivery_does_not_say_of_the_card_stays(store: Store, clock: Clock) -> None:
    fill(store, clock)
    layer = store.layer("buildings", OPEN_POLICY).layer
    assert (layer.owner, layer.accuracy, layer.lineage, layer.due, layer.licence) == (
        "住建局", "±5 cm", "航测", "P1Y", "CC-BY-4.0",
    )  # fmt: skip


@pytest.mark.parametrize("other", sorted(STORES))
def test_a_backup_keeps_cards_and_reports(store: Store, clock: Clock, tmp_path: Path, other: str) -> None:
    fill(store, clock)
    store.backup(tmp_path / "backup")
    (tmp_path / "new").mkdir()
    restored = STORES[other](tmp_path / "new", clock)
    try:
        restored.restore(tmp_path / "backup")
        for number in (1, 2, 3):
            assert reporting.document(
                restored, OPEN_POLICY, "buildings", number, now=clock()
            ) == reporting.document(store, OPEN_POLICY, "buildings", number, now=clock())
    finally:
        restored.close()
