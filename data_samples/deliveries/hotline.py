"""The 12345 hotline's list: pins of telephones in GCJ-02, as GBK text and as a workbook."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from data_samples import manifest, offices
from data_samples.deliveries import book
from data_samples.deliveries.answers import Delivery, Fault, Note
from data_samples.deliveries.shifted import gcj02

if TYPE_CHECKING:
    from pathlib import Path

    from data_samples.deliveries.facts import Facts

    Row = list[Any]

TEXT = "12345热线工单_7月.csv"
BOOK = "12345热线工单_8月.xlsx"
COUNT = 120
COLUMNS = ("工单编号", "诉求标题", "诉求类别", "受理时间", "地址", "来电人", "经度", "纬度", "备注")
NUMBER, TITLE, TOPIC, TIME, ADDRESS, CALLER, LON, LAT, REMARK = range(len(COLUMNS))
TOPICS = (
    ("路灯不亮", "市政设施"),
    ("井盖破损", "市政设施"),
    ("道路积水", "排水"),
    ("噪声扰民", "环境保护"),
    ("乱停车", "城市管理"),
    ("水压不足", "供水"),
    ("暖气不热", "供热"),
    ("垃圾未清运", "环境卫生"),
)
ABOUT = {"zh": "12345热线工单", "en": "Hotline tickets"}
KNOWN = Note(kind="gcj02", says="converted from GCJ02 by the published approximation", fault=False)


def write(known: Facts, folder: Path) -> tuple[Delivery, Delivery]:
    """Write the July list as GBK text and the August list as a workbook; returns their answers."""
    return _as_text(_rows(known, "202507", 0), folder), _as_book(_rows(known, "202508", 3), folder)


def pins(known: Facts, skip: int) -> list[tuple[str, float, float]]:
    """Address and true place (degrees, WGS 84) of each ticket: doors of houses along the town's streets."""
    from pyproj import Transformer

    houses = known.buildings.iloc[skip :: max(len(known.buildings) // COUNT - 1, 1)].iloc[:COUNT]
    at = shapely.get_coordinates(shapely.centroid(np.asarray(houses.geometry.values, object)))
    lon, lat = Transformer.from_crs("EPSG:4548", "EPSG:4490", always_xy=True).transform(*at.T)
    doors = [_door(k, *said) for k, said in enumerate(zip(houses["name"], houses["address"], strict=True))]
    return list(zip(doors, lon.tolist(), lat.tolist(), strict=True))


def _door(k: int, name: str, address: str) -> str:
    """An address as people say it: of a house on an estate its number and the stairs, `3号楼2单元`."""
    return f"{name}{k % 4 + 1}单元" if name.endswith("号楼") else address


def _rows(known: Facts, month: str, skip: int) -> list[Row]:
    made: list[Row] = []
    for k, (address, lon, lat) in enumerate(pins(known, skip)):
        what, topic = TOPICS[(k * 5 + skip) % len(TOPICS)]
        x, y = gcj02(lon, lat)
        day, hour = k // 4 % 28 + 1, 7 + k % 12
        made.append(
            [
                f"GD{month}{k + 1:04d}",
                f"{address}附近{what}",
                topic,
                f"{month[:4]}-{month[4:]}-{day:02d} {hour:02d}:{k % 60:02d}",
                address,
                f"虚构{'王李张刘陈'[k % 5]}{'女士' if k % 2 else '先生'}",
                round(x, 6),
                round(y, 6),
                None,
            ]
        )
    return made


def _ingest(layer: str) -> dict[str, Any]:
    return {
        "layer": layer,
        "kind": "features",
        "crs": "GCJ02",
        "valid_from": manifest.moment("2025-09-01"),
        "columns": {"id": "工单编号", "name": "诉求标题"},
        "department": offices.CITY,
    }


def _as_text(rows: list[Row], folder: Path) -> Delivery:
    given = [
        (11, NUMBER, rows[9][NUMBER], "duplicate_id", "the id appears more than once"),
        (23, LON, "未定位", "text_in_number", "经度: '未定位' is no coordinate"),
        (31, LON, None, "missing_coordinate", "geometry: null"),
        (47, NUMBER, None, "missing_id", "工单编号: null is no id"),
        (58, LAT, 3832.15, "impossible_coordinate", "look like metres, not degrees"),
        (92, LON, 1183.56, "impossible_coordinate", "look like metres, not degrees"),
    ]
    for k, column, value, _, _ in given:
        rows[k][column] = value
    rows[66][LON], rows[66][LAT] = rows[66][LAT], rows[66][LON]
    rows[81][REMARK] = "锟斤拷锟斤拷"
    (folder / TEXT).write_bytes(_text(rows, torn=74).encode("gb18030"))
    faults = [Fault(row=k, kind=kind, says=says) for k, _, _, kind, says in given]
    faults += [
        Fault(row=9, kind="duplicate_id", says="the id appears more than once"),
        Fault(row=66, kind="swapped_axes", says="coordinates look swapped"),
        Fault(row=74, kind="torn_row", says="10 cells where the header has 9"),
    ]
    return Delivery(
        files=(TEXT,),
        title=ABOUT,
        ingest=_ingest("delivered_hotline_july"),
        rows=COUNT,
        faults=tuple(sorted(faults, key=lambda fault: int(fault.row))),
        notes=(
            Note(kind="no_encoding", says="no encoding is stated; the text reads as GB18030"),
            Note(kind="garbled_text", says="备注: 1 value holds signs of lost text (锟斤拷), row 81"),
            KNOWN,
        ),
        truth="buildings_2025.gpkg",
    )


def _text(rows: list[Row], *, torn: int) -> str:
    """The rows as text with commas; the address of one has a comma of its own that nobody quoted."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for k, row in enumerate(rows):
        if k == torn:
            words = ["" if value is None else str(value) for value in row]
            words[ADDRESS] = f"{words[ADDRESS]},3号楼2单元"
            out.write(",".join(words) + "\r\n")
        else:
            writer.writerow(row)
    return out.getvalue()


def _as_book(rows: list[Row], folder: Path) -> Delivery:
    sheet, first = "8月", 2
    given = [
        (15, LON, ("=VLOOKUP(E18,Sheet2!A:C,2,0)", "#N/A"), "error_in_cell", "#N/A is an error"),
        (28, LAT, ("=H30+0.001",), "formula_without_value", "open the workbook in its program"),
        (44, LAT, "北纬三十八度", "text_in_number", "纬度: '北纬三十八度' is no coordinate"),
        (70, NUMBER, None, "missing_id", "工单编号: null is no id"),
    ]
    for k, column, value, _, _ in given:
        rows[k][column] = value
    # As some telephones say it; these two go in.
    for k in (5, 6):
        rows[k][LON], rows[k][LAT] = _sexagesimal(rows[k][LON]), _sexagesimal(rows[k][LAT])
    rows[52][LON], rows[52][LAT] = rows[52][LAT], rows[52][LON]
    with book.opened(folder / BOOK) as made:
        page = made.add_worksheet(sheet)
        book.headed(page, [(0, 0, 0, 8, "12345热线工单（虚构数据）")])
        book.headed(page, [(1, c, 1, c, name) for c, name in enumerate(COLUMNS)])
        book.filled(page, first, rows)
    letters = "ABCDEFGHI"
    faults = [
        Fault(row=first + k + 1, cell=f"{sheet}!{letters[column]}{first + k + 1}", kind=kind, says=says)
        for k, column, _, kind, says in given
    ]
    faults.append(Fault(row=first + 53, kind="swapped_axes", says="coordinates look swapped"))
    return Delivery(
        files=(BOOK,),
        title=ABOUT,
        ingest=_ingest("delivered_hotline_august"),
        rows=COUNT,
        faults=tuple(sorted(faults, key=lambda fault: int(fault.row))),
        notes=(KNOWN,),
        truth="buildings_2025.gpkg",
    )


def _sexagesimal(degrees: float) -> str:
    """Degrees, minutes and seconds; a hundredth of a second is 30 cm."""
    whole = int(degrees)
    minutes = int((degrees - whole) * 60)
    return f"{whole}°{minutes}′{((degrees - whole) * 60 - minutes) * 60:.3f}″"
