"""Workbooks, read back by openpyxl and calamine."""

from __future__ import annotations

import io
from datetime import UTC, datetime

import openpyxl
import pyarrow as pa
import pytest
import shapely
from python_calamine import CalamineWorkbook

from tiles import xlsx
from tiles.format import Page
from twin.errors import InvalidParameter

BUILT = datetime(2021, 7, 1, 8, 30, tzinfo=UTC)


def table(**columns: list) -> pa.Table:
    count = len(next(iter(columns.values())))
    return pa.table(
        {
            "id": [f"H{n}" for n in range(count)],
            **columns,
            "geom": shapely.to_wkb(shapely.points([116.4] * count, [39.9] * count)),
        }
    )


def sheet(body: bytes) -> openpyxl.worksheet.worksheet.Worksheet:
    return openpyxl.load_workbook(io.BytesIO(body)).active


def test_values_keep_their_types_and_texts_are_never_formulas() -> None:
    rows = table(
        name=["=1+1", "http://a.b/", "007", "", None],
        height=[1.5, float("nan"), float("inf"), None, -0.25],
        storeys=[3, None, 2**53 + 1, 0, -1],
        seen=[True, False, None, None, None],
        at=pa.array([BUILT, None, None, datetime(1850, 1, 1, tzinfo=UTC), None], pa.timestamp("us", "UTC")),
    )
    found = sheet(b"".join(xlsx.encode([rows], Page(layer="houses"))))
    assert [c.value for c in found[1]] == ["id", "name", "height", "storeys", "seen", "at", "geometry"]
    assert [c.data_type for c in found[2]] == ["s", "s", "n", "n", "b", "d", "s"]
    assert [found.cell(n, 2).value for n in (2, 3, 4)] == ["=1+1", "http://a.b/", "007"]
    assert [found.cell(n, 3).value for n in range(2, 7)] == [1.5, "nan", "inf", None, -0.25]
    assert found.cell(4, 4).value == str(2**53 + 1)
    assert found.cell(2, 6).value == BUILT.replace(tzinfo=None)
    assert found.cell(5, 6).value.startswith("1850-01-01")
    assert found.cell(2, 7).value == "POINT (116.4 39.9)"
    assert not found._hyperlinks


def test_pieces_go_into_one_sheet_in_their_order_and_a_stranger_reads_it() -> None:
    pieces = [table(n=[1, 2]), table(n=[3])]
    body = b"".join(xlsx.encode(pieces, Page(layer="a/b:[" + "长" * 40)))
    book = CalamineWorkbook.from_filelike(io.BytesIO(body))
    assert [row[1] for row in book.get_sheet_by_index(0).to_python()] == ["n", 1, 2, 3]
    assert len(book.sheet_names[0]) == 31


def test_a_text_that_no_cell_holds_says_how_long_it_is() -> None:
    found = sheet(b"".join(xlsx.encode([table(note=["x" * 40_000])], Page())))
    assert "40000" in found.cell(2, 2).value


def test_no_rows_give_the_names() -> None:
    found = sheet(b"".join(xlsx.encode([table(n=[1]).slice(0, 0)], Page())))
    assert [c.value for c in found[1]] == ["id", "n", "geometry"]
    assert found.max_row == 1


def test_more_rows_than_a_sheet_holds_are_refused_before_anything_is_written() -> None:
    with pytest.raises(InvalidParameter, match="1048575"):
        next(iter(xlsx.encode([table(n=[1])], Page(members={"numberReturned": 1_048_576}))))
