"""What every kind has in common: names, types, ids, periods and geometry, before the kind's own checks.

Rows that do not fit are refused with column, reason and original; source columns stay under their own
names beside the kind's. A pure function of the batch, so it can run anywhere.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from layers import dates, garbled, naming, shapes, values
from layers.kind import Kind
from twin.model import ColumnType
from twin.quarantine import put, refuse
from twin.table import BODY, FIXED, SIZE, TIMESTAMP, Batch

NO_ID: Final = "no stable id: rows are compared by content; name one with --column COLUMN=id"


def conform(
    batch: Batch,
    kind: Kind,
    *,
    columns: Mapping[str, str] | None = None,
    nodata: Mapping[str, str] | None = None,
    repair: bool = False,
    vertices: int = shapes.VERTICES,
) -> Batch:
    """The batch as a store takes it (`twin/table.py`) and as the kind wants it.

    Args:
        batch: in CRS84 (`twin/place.py`), with the reader's column names.
        kind: whose columns, synonyms, geometry and own `conform` are used.
        columns: target -> source column, as the caller says.
        nodata: source or target column -> the value that means missing there.
        repair: mend invalid areas and flag them, instead of refusing.
        vertices: most vertices a geometry may have.

    Raises:
        UnknownProperty: `columns` or `nodata` names a column that is not there.
        InvalidParameter: two source columns mean the same column of the kind.
    """
    table = naming.rename_taken(_numbered(batch.table))
    renamed = tuple(n for n, m in zip(batch.table.column_names, table.column_names, strict=False) if n != m)
    plan = naming.plan(table.column_names, kind, _renamed(columns or {}, renamed))
    lost = garbled.notes(table)
    batch = replace(batch, table=_blanked(table, plan, nodata or {}), notes=(*batch.notes, *lost))
    batch = _typed(batch, kind, plan)
    batch = _dated(batch, plan)
    batch = _identified(batch, plan)
    batch = shapes.check(batch, kind.geometry, repair=repair, limit=vertices)
    batch = replace(batch, table=_ordered(batch.table, kind))
    return sized(kind.conform(batch) if kind.conform else batch, kind)


def attributes(batch: Batch, kind: Kind, *, columns: Mapping[str, str], nodata: Mapping[str, str]) -> Batch:
    """Rows without geometry, their columns named and typed as the kind has them.

    Ids and periods are not theirs to say: columns called so stay with a `_` behind.

    Raises:
        UnknownProperty, InvalidParameter: as `conform`.
    """
    kept = [n + "_" if n.casefold() in naming.PERIODS else n for n in batch.table.column_names]
    table = naming.rename_taken(batch.table.rename_columns(kept))
    plan = naming.plan(table.column_names, kind, columns)
    return _typed(replace(batch, table=_blanked(table, plan, nodata)), kind, plan)


def sized(batch: Batch, kind: Kind) -> Batch:
    """With the sizes by which the kind's features find their tile, where they are not those of their boxes."""
    if kind.size is None:
        return batch
    sizes = kind.size(batch.table) if batch.table.num_rows else np.empty(0, np.float32)
    return replace(batch, table=put(batch.table, SIZE, pa.array(sizes, pa.float32())))


def _numbered(table: pa.Table) -> pa.Table:
    return table if "row" in table.column_names else put(table, "row", pa.array(np.arange(len(table))))


def _renamed(columns: Mapping[str, str], renamed: tuple[str, ...]) -> dict[str, str]:
    return {t: s + "_" if s in renamed else s for t, s in columns.items()}


def _blanked(table: pa.Table, plan: Mapping[str, str], nodata: Mapping[str, str]) -> pa.Table:
    for name, missing in nodata.items():
        column = plan.get(name) or naming.present(name, table.column_names)
        words = values.text(table[column])
        same = pc.equal(words, pa.scalar(missing.strip()))
        numbers, _ = values.typed(words, "number")
        wanted, not_number = values.typed(pa.array([missing]), "number")
        if not not_number[0]:
            same = pc.or_(same.fill_null(False), pc.equal(numbers, wanted[0]).fill_null(False))
        table = put(table, column, pc.if_else(same.fill_null(False), None, table[column].combine_chunks()))
    return table


def _typed(batch: Batch, kind: Kind, plan: Mapping[str, str]) -> Batch:
    """Kind's columns typed; the others tidied under their own names."""
    table = batch.table
    wrong: list[tuple[str, NDArray[np.bool_], pa.Array]] = []
    made: dict[str, pa.Array | pa.ChunkedArray] = {}
    for column in kind.columns:
        if column.name not in plan or column.name in FIXED:
            continue
        source = table[plan[column.name]]
        made[column.name], bad = _read(source, column.type)
        if factor := naming.factor(plan[column.name], column):
            made[column.name] = pc.multiply(made[column.name], factor)
            note = f"{plan[column.name]}: turned into {column.unit}"
            batch = replace(batch, notes=(*batch.notes, note))
        if bad.any():
            wrong.append((plan[column.name], bad, values.text(source)))
    for target in plan.keys() - {c.name for c in kind.columns} - set(FIXED):
        # The caller's own name for a column that the kind does not know.
        made[target] = values.tidy(table[plan[target]])
    for name in table.column_names:
        if name not in made and not name.startswith(BODY) and name not in ("geom", "row"):
            table = put(table, name, values.tidy(table[name]))
    for name, column_values in made.items():
        table = put(_without_twin(table, name), name, column_values)
    return _refuse_each(replace(batch, table=table), wrong)


def _read(source: pa.ChunkedArray, kind: ColumnType) -> values.Typed:
    if kind in ("datetime", "date"):
        moments, bad = dates.moments(source)
        return (moments if kind == "datetime" else pc.cast(moments, pa.date32(), safe=False)), bad
    return values.typed(source, kind)


def _without_twin(table: pa.Table, name: str) -> pa.Table:
    """Without a source column whose name differs from the target's in case only."""
    twins = [n for n in table.column_names if n != name and n.casefold() == name.casefold()]
    return table.drop_columns(twins) if twins else table


def _refuse_each(batch: Batch, wrong: list[tuple[str, NDArray[np.bool_], pa.Array]]) -> Batch:
    kept = np.ones(len(batch.table), bool)
    for name, bad, words in wrong:
        now, said = bad[kept], words.filter(pa.array(kept))
        batch = refuse(batch, now, name, _misfit(name, said), _said(said))
        kept[np.flatnonzero(kept)[now]] = False
    return batch


def _misfit(name: str, said: pa.Array) -> Callable[[int], str]:
    what_next = "state what means missing with --nodata"
    return lambda i: f"{name}: {str(said[i].as_py())[:200]!r} does not fit the column; {what_next}"


def _said(said: pa.Array) -> Callable[[int], str]:
    return lambda i: str(said[i].as_py())


def _dated(batch: Batch, plan: Mapping[str, str]) -> Batch:
    """valid_from, valid_to and where they are from."""
    table, wrong = batch.table, []
    for target in ("valid_from", "valid_to"):
        if target not in plan:
            table = put(table, target, pa.nulls(len(table), TIMESTAMP))
            continue
        source = table[plan[target]]
        moments, bad = dates.moments(source)
        wrong.append((plan[target], bad, values.text(source)))
        table = put(_without_twin(table, target), target, moments)
    stated = pc.if_else(pc.is_valid(table["valid_from"]), "stated", "survey")
    batch = _refuse_each(replace(batch, table=put(table, "dated", stated)), wrong)
    start, end = batch.table["valid_from"], batch.table["valid_to"]
    backwards = np.asarray(pc.less_equal(end, start).fill_null(False))
    return refuse(
        batch,
        backwards,
        "valid_to",
        lambda _: "valid_to: it ends before it begins",
        lambda i: str(end[i].as_py()),
    )


def _identified(batch: Batch, plan: Mapping[str, str]) -> Batch:
    """The id as text: of its column, or of the content."""
    if "id" not in plan:
        ids = content_ids(batch.table)
        return replace(batch, table=put(batch.table, "id", ids), notes=(*batch.notes, NO_ID))
    source = plan["id"]
    ids = values.text(integral(batch.table[source]))
    table = put(_without_twin(batch.table, "id"), "id", ids)
    empty = np.asarray(ids.is_null())
    return refuse(
        replace(batch, table=table), empty, source, lambda _: f"{source}: null is no id", lambda _: "null"
    )


def integral(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Whole numbers as such: 12.0 in a column with gaps is 12."""
    if not pa.types.is_floating(column.type):
        return column
    whole, wrong = values.typed(column, "integer")
    return column if wrong.any() else pa.chunked_array([whole])


def content_ids(table: pa.Table) -> pa.Array:
    """(n,) string: 96 bits of BLAKE2b of each row's values; the same row again in a batch counts on."""
    names = [n for n in sorted(table.column_names) if n not in ("row", "dated", "id")]
    texts = [_hashable(table[n]) for n in names]
    joined = pc.binary_join_element_wise(*texts, "\x1f", null_handling="replace", null_replacement="\x00")
    ids = [hashlib.blake2b(line.encode(), digest_size=12).hexdigest() for line in joined.to_pylist()]
    return pa.array(_counted(ids), pa.string())


def _hashable(column: pa.ChunkedArray) -> pa.Array:
    flat = column.combine_chunks()
    if pa.types.is_binary(flat.type) or pa.types.is_large_binary(flat.type):
        return pa.array([None if v is None else v.hex() for v in flat.to_pylist()], pa.string())
    return pc.cast(flat, pa.string())


def _counted(ids: list[str]) -> list[str]:
    seen: dict[str, int] = {}
    out = []
    for each in ids:
        seen[each] = seen.get(each, 0) + 1
        out.append(each if seen[each] == 1 else f"{each}-{seen[each]}")
    return out


def _ordered(table: pa.Table, kind: Kind) -> pa.Table:
    """Fixed columns, bodies, the kind's, then the source's own."""
    own = [c.name for c in kind.columns]
    bodies = [n for n in table.column_names if n.startswith(BODY)]
    first = [n for n in (*FIXED, *bodies, *own) if n in table.column_names]
    return table.select([*first, *(n for n in table.column_names if n not in first)])
