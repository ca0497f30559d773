"""A write that depends on what its writer saw: it holds in one step with the check, or nothing is written."""

from __future__ import annotations

import threading

import pytest
from store_support import LAYER, OPEN_POLICY, batch, day, delivered, query

from twin.errors import DuplicateId, StaleVersion
from twin.model import Mode
from twin.store import Store


def upsert(store: Store, name: str, **expected: int) -> int:
    rows = batch([{"id": i, "name": name} for i in expected])
    return store.write(LAYER, [rows], delivered(mode=Mode.UPSERT, source="posted", expected=expected)).commit


def version(store: Store, ident: str = "a") -> int:
    return int(store.read(query(ids=(ident,)))["version"][0].as_py())


def test_a_write_of_the_version_that_was_seen_goes_in_and_of_an_older_one_does_not(store: Store) -> None:
    store.write(LAYER, [batch([{"id": "a", "name": "one"}])], delivered(day(2021)))
    first = version(store)
    upsert(store, "two", a=first)
    last = store.last()
    with pytest.raises(StaleVersion):
        upsert(store, "three", a=first)
    assert store.last() == last
    assert store.read(query())["name"].to_pylist() == ["two"]
    upsert(store, "three", a=version(store))
    assert store.read(query())["name"].to_pylist() == ["three"]


def test_the_earlier_part_of_a_row_that_changed_is_not_the_row(store: Store) -> None:
    store.write(LAYER, [batch([{"id": "a", "name": "one"}])], delivered(day(2021)))
    seen = version(store)
    store.write(LAYER, [batch([{"id": "a", "name": "two"}])], delivered(day(2025), mode=Mode.UPSERT))
    with pytest.raises(StaleVersion):
        upsert(store, "three", a=seen)


def test_what_should_be_new_must_be_new(store: Store) -> None:
    upsert(store, "one", a=0)
    with pytest.raises(DuplicateId):
        upsert(store, "two", a=0)
    store.remove("buildings", ["a"], delivered(source="posted"))
    with pytest.raises(DuplicateId):
        upsert(store, "two", a=0)


def test_one_that_does_not_stand_keeps_all_of_a_delivery_out(store: Store) -> None:
    upsert(store, "one", a=0)
    with pytest.raises(DuplicateId):
        upsert(store, "two", b=0, a=0, c=0)
    assert store.read(query())["id"].to_pylist() == ["a"]
    assert store.layer("buildings", OPEN_POLICY).count == 1


def test_ending_depends_on_what_was_seen_too(store: Store) -> None:
    upsert(store, "one", a=0)
    seen = version(store)
    upsert(store, "two", a=seen)
    with pytest.raises(StaleVersion):
        store.remove("buildings", ["a"], delivered(source="posted", expected={"a": seen}))
    assert version(store)
    store.remove("buildings", ["a"], delivered(source="posted", expected={"a": version(store)}))
    assert not store.count(query())
    with pytest.raises(StaleVersion):
        upsert(store, "three", a=seen)


def test_of_many_writers_who_saw_the_same_one_goes_in(store: Store) -> None:
    upsert(store, "start", a=0)
    seen, outcomes, gate = version(store), [], threading.Barrier(8)

    def edit(number: int) -> None:
        gate.wait()
        try:
            upsert(store, f"by {number}", a=seen)
            outcomes.append(number)
        except StaleVersion:
            outcomes.append(None)

    writers = [threading.Thread(target=edit, args=(n,)) for n in range(8)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    (winner,) = [n for n in outcomes if n is not None]
    assert len(outcomes) == 8
    assert store.read(query())["name"].to_pylist() == [f"by {winner}"]


def test_what_a_right_was_judged_by_must_still_be_all_that_is_believed(store: Store) -> None:
    upsert(store, "one", a=0)
    seen = version(store)
    later = [batch([{"id": "a", "name": "two", "valid_from": day(2050)}])]
    announced = store.write(LAYER, later, delivered(mode=Mode.UPSERT)).commit
    now = version(store)

    def write(**judged: int) -> None:
        rows = batch([{"id": i, "name": "three"} for i in judged])
        store.write(LAYER, [rows], delivered(mode=Mode.UPSERT, expected={"a": now}, judged=judged))

    for wrong in (seen - 1, announced + 1, 0):
        with pytest.raises(StaleVersion):
            write(a=wrong)
    with pytest.raises(StaleVersion):
        write(a=announced, b=1)
    write(a=announced, b=0)
    assert store.read(query())["name"].to_pylist() == ["three", "three"]
