"""Text that was lost is told with its column and rows; what only looks foreign is not."""

from __future__ import annotations

import pyarrow as pa

from layers import garbled


def table(**columns: list[object]) -> pa.Table:
    count = len(next(iter(columns.values())))
    return pa.table({**columns, "row": pa.array(range(10, 10 + count), pa.int64())})


def test_the_column_and_its_first_rows_are_named() -> None:
    lost = ["望海路", "锟斤拷路", None, "锟斤拷"]
    assert garbled.notes(table(name=lost, use=["a", "b", "c", "d"])) == (
        "name: 2 values hold signs of lost text (锟斤拷), row 11, 13",
    )


def test_the_sign_for_no_character_counts_too_and_only_some_rows_are_named() -> None:
    (note,) = garbled.notes(table(name=["\ufffd"] * 9))
    assert note == "name: 9 values hold signs of lost text (\ufffd), row 10, 11, 12, 13, 14"


def test_sound_text_empty_columns_and_numbers_say_nothing() -> None:
    columns = table(name=["斤", "锟", "拷"], other=[None, None, None], n=[1, 2, 3])
    assert garbled.notes(columns) == ()
    assert garbled.notes(table(name=["锟斤拷"]).slice(1)) == ()


def test_rows_of_a_slice_are_its_own() -> None:
    (note,) = garbled.notes(table(name=["锟斤拷", "a", "锟斤拷"]).slice(1))
    assert note.endswith("row 12")
