"""Time series in tables: long (a row a value) and wide (a column a quantity)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from layers.naming import plain
from layers.values import typed
from pipelines.readers.tables import coordinates, times
from pipelines.readers.tables.delimited import MISSING, Text
from twin.model import Rejected
from twin.storable import REASON, nul
from twin.table import Batch

ROWS: Final = 100_000
TIME: Final = (
    "TIME", "DATETIME", "DATE.UTC", "DATE TIME", "TIMESTAMP", "PHENOMENONTIME", "RESULTTIME", "DATE.LOCAL", "UTC",
    "时间", "监测时间", "观测时间", "采集时间", "数据时间", "上报时间", "日期时间", "TM", "DATE", "日期", "监测日期",
)  # fmt: skip
VALUE: Final = ("VALUE", "RESULT", "READING", "值", "监测值", "数值", "观测值", "读数", "测量值")
PROPERTY: Final = (
    "PARAMETER", "OBSERVED_PROPERTY", "PROPERTY", "DATASTREAM", "QUANTITY", "VARIABLE",
    "指标", "监测指标", "监测项", "监测项目", "监测因子", "因子", "要素", "参数",
)  # fmt: skip
UNIT: Final = ("UNIT", "UNITS", "UOM", "单位", "计量单位")
PARTS: Final = {
    "year": ("YEAR", "年"),
    "month": ("MONTH", "月"),
    "day": ("DAY", "日"),
    "hour": ("HOUR", "时", "小时"),
    "minute": ("MINUTE", "分", "分钟"),
}
NUMBERING: Final = ("NO", "INDEX", "序号", "行号", "ID", "ROW")
IN_BRACKETS: Final = re.compile(r"^(.*?)\s*[(\[（【]([^()\[\]（）【】]+)[)\]）】]\s*$")


@dataclass(frozen=True, kw_only=True)
class Series:
    """Which columns of a table say what."""

    time: str = ""
    parts: dict[str, str]
    """year, month, day, hour -> columns, where there is no `time`."""
    station: str = ""
    value: str = ""
    property: str = ""
    unit: str = ""


def recognise(names: Sequence[str], station: str) -> Series | None:
    """The roles of the columns; None where no column tells a time.

    Args:
        station: the column that names the station; empty where there is none.
    """
    time = _one(names, TIME)
    parts = {part: c for part, words in PARTS.items() if (c := _one(names, words))}
    value = _one(names, VALUE)
    if {"year", "month", "day"} <= parts.keys():
        time = ""
    elif not time:
        return None
    else:
        parts = {}
    return Series(
        time=time, parts=parts, station=station, value=value,
        property=_one(names, PROPERTY) if value else "", unit=_one(names, UNIT) if value else "",
    )  # fmt: skip


def _one(names: Sequence[str], wanted: tuple[str, ...]) -> str:
    by = {plain(n): n for n in reversed(names)}
    return next((by[plain(w)] for w in wanted if plain(w) in by), "")


@dataclass(frozen=True, kw_only=True)
class Read:
    """A table of series, its times read."""

    text: Text
    columns: Series
    moments: pa.Array
    things: pa.Array
    """(n,) string: the station of each row."""
    quantities: tuple[str, ...]
    """Columns of a wide table that hold values; empty for a long one."""
    notes: tuple[str, ...]


def read(text: Text, columns: Series, *, alone: str, tz: str | None) -> Read:
    """The table's times and stations.

    Args:
        alone: the station's id where no column names one.
        tz: IANA name of the zone of times that state none.
    """
    table = text.table
    moments, bare = (
        times.assembled(table, columns.parts, tz) if columns.parts else times.parsed(table[columns.time], tz)
    )
    if columns.station:
        things = pc.utf8_trim_whitespace(table[columns.station].combine_chunks())
    else:
        things = pa.array([alone] * len(table), pa.string())
    wide, words = ((), ()) if columns.value else _quantities(table, columns)
    notes = (*text.notes, *((times.NO_ZONE,) if bare else ()))
    if words:
        notes = (*notes, f"columns without numbers are no series: {', '.join(words)}")
    return Read(text=text, columns=columns, moments=moments, things=things, quantities=wide, notes=notes)


def _quantities(table: pa.Table, columns: Series) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Columns of numbers, and columns of something else."""
    where = coordinates.find(table.column_names)
    taken = {
        columns.time,
        columns.station,
        *columns.parts.values(),
        "row",
        *(where.columns() if where else ()),
    }
    names = [n for n in table.column_names if n not in taken and plain(n) not in NUMBERING]
    numeric = [n for n in names if _mostly(table[n])]
    return tuple(numeric), tuple(n for n in names if n not in numeric)


def _mostly(words: pa.ChunkedArray) -> bool:
    """Whether what is not missing is numbers, but for one in ten."""
    values, wrong = typed(blanked(words), "number")
    known = len(values) - int(values.null_count)
    return known > 0 and int(wrong.sum()) * 10 <= known


def blanked(words: pa.ChunkedArray) -> pa.ChunkedArray:
    """The text with `NA` and its like as null: missing stays missing."""
    trimmed = pc.utf8_trim_whitespace(words)
    return pc.if_else(pc.is_in(trimmed, pa.array(MISSING)), pa.scalar(None, pa.string()), trimmed)


def observations(found: Read, known: pa.Array, nodata: dict[str, str]) -> Iterator[Batch]:
    """The table's observations.

    Args:
        known: the stations' ids; rows of others are refused.
        nodata: column -> the value that means missing there.
    """
    names = found.quantities or (found.columns.value,)
    for name in names:
        for start in range(0, len(found.text.table), ROWS):
            batch = _batch(found, name, start, known, nodata.get(name))
            first = name == names[0] and start == 0
            yield replace(batch, rejected=(*found.text.rejected, *batch.rejected)) if first else batch


def _batch(found: Read, name: str, start: int, known: pa.Array, missing: str | None) -> Batch:
    rows = found.text.table.slice(start, ROWS)
    things, moments = found.things.slice(start, ROWS), found.moments.slice(start, ROWS)
    words = blanked(rows[name])
    if missing is not None:
        words = pc.if_else(pc.equal(words, missing.strip()), pa.scalar(None, pa.string()), words)
    values, odd = typed(words, "number")
    tests = (
        (np.asarray(moments.is_null()), "time: no time of ISO 8601, such as 2024-05-01T08:00:00+08:00"),
        (~np.asarray(pc.is_in(things, known)), "station: no station of this id among the stations"),
        (odd, f"{name}: no number"),
    )
    table = pa.table(
        {
            "thing": things,
            **_named(found, name, rows),
            "time": moments,
            "value": values,
            "row": rows["row"],
        }
    )
    return _judged(table, rows, tests)


def _named(found: Read, name: str, rows: pa.Table) -> dict[str, pa.Array]:
    """What is observed, and its unit: of the row in a long table, of the column's name in a wide one."""
    columns, count = found.columns, len(rows)
    if found.quantities:
        match = IN_BRACKETS.match(name)
        what, unit = (match[1], match[2]) if match else (name, "")
        said, units = (pa.array([w] * count, pa.string()) for w in (what, unit))
    else:
        said = _column(rows, columns.property, columns.value)
        units = _column(rows, columns.unit, "")
    return {"name": said, "observed_property": said, "unit": units}


def _column(rows: pa.Table, name: str, otherwise: str) -> pa.Array:
    if not name:
        return pa.array([otherwise] * len(rows), pa.string())
    words = pc.utf8_trim_whitespace(rows[name].combine_chunks())
    return pc.fill_null(words, otherwise)


def _judged(table: pa.Table, rows: pa.Table, tests: Sequence[tuple[NDArray[np.bool_], str]]) -> Batch:
    reasons: dict[int, str] = {}
    texts = [n for n in table.column_names if pa.types.is_string(table[n].type)]
    for bad, reason in (*tests, *((nul(table[n]), f"{n}: {REASON}") for n in texts)):
        for i in map(int, np.flatnonzero(bad)):
            reasons.setdefault(i, reason)
    kept = np.ones(len(table), bool)
    kept[list(reasons)] = False
    rejected = tuple(
        Rejected(
            row=rows["row"][i].as_py(),
            column=reason.partition(":")[0],
            reason=reason,
            original=str({n: rows[n][i].as_py() for n in rows.column_names if n != "row"})[:2000],
        )
        for i, reason in sorted(reasons.items())
    )
    return Batch(table=table.filter(pa.array(kept)), crs=None, rejected=rejected)
