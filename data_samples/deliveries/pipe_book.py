"""The water company's pipe points: a workbook with merged headers, units in them, X north and Y with its zone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from data_samples import manifest, offices, place
from data_samples.deliveries import book
from data_samples.deliveries.answers import Delivery, Fault, Note, Refusal

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from data_samples.deliveries.facts import Facts

    Row = list[Any]

NAME = "给水管点成果表.xlsx"
SHEET = "管点"
COUNT = 260
FIRST = 5
"""Rows of title and header."""
ZONE = 39_000_000.0
ID, KIND, FEATURE, PART, X, Y, GROUND, DEPTH, EMBED, YEAR, OWNER, REMARK = range(12)
HEADER = (
    (0, 0, 0, 11, "望海县给水管点成果表（虚构数据）"),
    (1, 0, 1, 5, "探测单位：望海县测绘院（虚构）"),
    (1, 6, 1, 11, "坐标系：CGCS2000 3度带39带，1985国家高程基准"),
    (2, 0, 4, 0, "物探点号"),
    (2, 1, 4, 1, "管线种类"),
    (2, 2, 2, 3, "管点"),
    (3, 2, 4, 2, "特征"),
    (3, 3, 4, 3, "附属物"),
    (2, 4, 2, 5, "平面坐标"),
    (3, 4, 4, 4, "X(m)"),
    (3, 5, 4, 5, "Y(m)"),
    (2, 6, 4, 6, "地面高程\n(m)"),
    (2, 7, 4, 7, "管线埋深\n(cm)"),
    (2, 8, 4, 8, "埋设方式"),
    (2, 9, 4, 9, "建设年代"),
    (2, 10, 4, 10, "权属单位"),
    (2, 11, 4, 11, "备注"),
)


def write(known: Facts, folder: Path) -> Delivery:
    """Write the workbook; returns its answers."""
    rows = _rows(known)
    faults = _planted(rows)
    with book.opened(folder / NAME) as made:
        page = made.add_worksheet(SHEET)
        book.headed(page, HEADER)
        book.filled(page, FIRST, rows)
        page.write_string(FIRST + COUNT, 0, "合计")
        page.write_number(FIRST + COUNT, X, COUNT)
        page.write_string(FIRST + COUNT + 1, 0, "制表：虚构")
        old = made.add_worksheet("作废")
        book.filled(old, 0, [["物探点号", "X", "Y"], ["JS1", 4_246_000.0, 39_618_000.0]])
        old.hide()
        made.add_worksheet("Sheet3")
    return Delivery(
        files=(NAME,),
        title={"zh": "给水管点成果表", "en": "Water pipe points"},
        ingest={
            "layer": "delivered_pipe_points",
            "kind": "networks",
            "crs": place.CRS,
            "vertical": place.VERTICAL,
            "valid_from": manifest.moment("2025-07-01"),
            "department": offices.HOUSING,
        },
        rows=COUNT,
        faults=faults,
        notes=(
            Note(kind="hidden_sheet", says="the sheet 作废 is hidden and was left out"),
            Note(kind="total", says=f"row {FIRST + COUNT + 1} (合计) is no record"),
            Note(kind="remark", says=f"row {FIRST + COUNT + 2} (制表：虚构) is no record"),
            Note(
                kind="garbled_text",
                says=f"备注: 1 value holds signs of lost text (锟斤拷), row {_number(203)}",
            ),
            Note(kind="northing_first", says="x is the northing and y the easting", fault=False),
            Note(kind="zone_number", says="the eastings carry their zone number, 39", fault=False),
            Note(kind="unit", says="管线埋深(cm): turned into m", fault=False),
        ),
        refusals=(Refusal(kind="no_crs", without="crs", says="--crs"),),
        truth="pipe_points_2025.gpkg",
    )


def _rows(known: Facts) -> list[Row]:
    points = known.points[known.points["管类"] == "JS"].iloc[:COUNT]
    laid = dict(zip(known.pipes["起点点号"], known.pipes["埋设方式"], strict=True))
    laid |= dict(zip(known.pipes["终点点号"], known.pipes["埋设方式"], strict=True))
    at = np.round(shapely.get_coordinates(np.asarray(points.geometry.values, object)), 3)
    return [
        [
            row["管点编号"],
            row["管线种类"],
            row["特征"],
            row["附属物"],
            north,
            round(ZONE + east, 3),
            row["地面高程"],
            round(row["埋深"] * 100),
            laid.get(row["管点编号"], "直埋"),
            row["建设年代"],
            row["权属单位"],
            None,
        ]
        for (_, row), (east, north) in zip(points.iterrows(), at.tolist(), strict=True)
    ]


def _number(k: int) -> int:
    """The sheet's number of the k-th record."""
    return FIRST + k + 1


def _planted(rows: list[Row]) -> tuple[Fault, ...]:
    """Put the faults into the rows; one a row."""
    given = list(_plants(rows))
    for k, column, value, _, _ in given:
        rows[k][column] = value
    rows[61][X], rows[61][Y] = rows[61][Y], rows[61][X]
    rows[203][REMARK] = "锟斤拷锟斤拷"
    swapped = Fault(
        row=_number(61),
        cell=f"{SHEET}!F{_number(61)}",
        kind="swapped_axes",
        says=f"{SHEET}!F{_number(61)}: 平面坐标_Y(m): outside-crs-area: x and y are the other way round in this row",
    )
    first = Fault(
        row=_number(8),
        cell=f"{SHEET}!A{_number(8)}",
        kind="duplicate_id",
        says="the id appears more than once",
    )
    return tuple(sorted((first, swapped, *map(_fault, given)), key=lambda fault: int(fault.row)))


def _plants(rows: list[Row]) -> list[tuple[int, int, Any, str, str]]:
    """Record, column, what is written there, kind of fault and the words of the report."""
    ground: Callable[[int], str] = lambda k: f"=H{_number(k)}/100+2.1"  # noqa: E731  said once
    easting = "平面坐标_Y(m): outside-crs-area: the easting"
    return [
        (19, ID, rows[8][ID], "duplicate_id", "the id appears more than once"),
        (27, ID, None, "missing_id", "物探点号: null is no id"),
        (38, DEPTH, -300, "negative_depth", "-3 m is above the ground"),
        (46, DEPTH, 85_000, "impossible_depth", "850 m is deeper than 200 m"),
        (53, DEPTH, "约150", "text_in_number", "管线埋深(cm): '约150' does not fit the column"),
        (
            72,
            Y,
            rows[72][Y] + 1_000_000.0,
            "wrong_zone",
            f"{easting} {rows[72][Y] + 1e6:.3f} carries zone number 40",
        ),
        (
            88,
            Y,
            round(rows[88][Y] - ZONE, 3),
            "missing_zone",
            f"{easting} {rows[88][Y] - ZONE:.3f} carries no zone",
        ),
        (97, X, "见图", "text_in_number", "平面坐标_X(m): '见图' is no coordinate"),
        (109, X, "38°20'31\"", "degrees_in_metres", "is in degrees, the CRS in metres"),
        (121, X, None, "missing_coordinate", "geometry: null"),
        (134, GROUND, (ground(134),), "formula_without_value", "open the workbook in its program"),
        (158, GROUND, (ground(158), "#REF!"), "error_in_cell", "#REF! is an error"),
        (177, YEAR, "零五年", "text_in_number", "建设年代: '零五年' does not fit the column"),
    ]


def _fault(given: tuple[int, int, Any, str, str]) -> Fault:
    k, column, _, kind, says = given
    return Fault(row=_number(k), cell=f"{SHEET}!{'ABCDEFGHIJKL'[column]}{_number(k)}", kind=kind, says=says)
