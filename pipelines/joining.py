"""Tables joined to a layer by a key: each row that fits becomes a new version of its feature.

What a cell says replaces what the feature said there; a blank cell says nothing and leaves it. Geometry,
bodies, periods and the source of the feature stay, so a later survey of that source still governs it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Final, cast

import pyarrow as pa
import pyarrow.compute as pc

from layers import naming, values
from layers.conform import attributes, integral, sized
from layers.kind import Kind
from pipelines.frames import Prepared
from pipelines.readers.reader import Options, Reader, Rows
from pipelines.reading import Request
from twin import registry
from twin import table as tables
from twin.errors import InvalidParameter, LayerNotFound, UnknownProperty
from twin.gazetteer import describe
from twin.model import OPEN, Column, Delivery, Layer, LayerState, Mode, Query, Rejected, Report, Titles
from twin.policy import Policy
from twin.quarantine import put
from twin.records import CARD
from twin.store import Store
from twin.table import SIZE, STORED, Batch

KEY: Final = "#key"
CELL: Final = "#cell"
AT_ONCE: Final = 5_000
"""Features that are read and written at a time."""
COUNTS: Final = ("added", "removed", "changed_geometry", "changed_attributes", "unchanged", "kept")
UNUSED: Final = ("kind", "crs", "vertical", "repair", "at", "offset", "shift", *CARD)
"""What is said of positions, and of layers that are made."""
Join = tuple[str, str]
"""The table's column and the layer's."""


def read(
    paths: tuple[Path, ...], reader: Reader, options: Options, asked: Request, join: Join
) -> Iterator[Prepared]:
    """The files' tables that have the key, typed as the layer's kind has its columns.

    Raises:
        LayerNotFound: there is no layer to join to. UnknownProperty: no table has the key.
        InvalidParameter: the format has no plain tables, or something is said that a join has no use for.
    """
    _to_the_point(asked)
    if options.kind is None:
        raise LayerNotFound(f"there is no layer {asked.layer!r} to join to; ingest its features first")
    if reader.tables is None:
        raise InvalidParameter(f"--join reads CSV, workbooks and databases of tables, not {reader.title}")
    for path in paths:
        lacking: list[str] = []
        found = 0
        for rows in reader.tables(path, options):
            key = _column(join[0], rows.table.column_names)
            if key is None:
                named = ", ".join(n for n in rows.table.column_names if n != "row")
                lacking.append(f"{rows.source} has {named[:300]}")
                continue
            found += 1
            notes = (
                path.name,
                *asked.notes,
                *rows.notes,
                *(f"{said}, not the key; it was left out" for said in lacking),
            )
            yield _prepared(rows, (key, join[1]), options, asked, reader.name, notes)
        if not found:
            raise UnknownProperty(f"no table has the key {join[0][:200]!r}: {'; '.join(lacking)}")


def _to_the_point(asked: Request) -> None:
    said = [n for n in UNUSED if getattr(asked, n, None)]
    said += [f"column …={target}" for target in naming.PERIODS if target in asked.columns]
    if asked.mode == Mode.APPEND:
        said.append("mode append")
    if said:
        names = ", ".join(f"--{n}" for n in said)
        raise InvalidParameter(
            f"--join changes attributes of features that are there; {names} says nothing there"
        )


def _kind(name: str) -> Kind:
    kinds = cast("dict[str, Kind]", registry.entries("layers", "KIND"))
    return kinds.get(name, kinds["features"])


def _column(name: str, names: list[str]) -> str | None:
    same = [n for n in names if n == name] or [n for n in names if naming.plain(n) == naming.plain(name)]
    return same[0] if len(same) == 1 else None


def _prepared(
    rows: Rows, join: Join, options: Options, asked: Request, reader: str, notes: tuple[str, ...]
) -> Prepared:
    kind, key = _kind(options.kind or ""), join[0]
    cells = [rows.cell(r, key) if rows.cell else "" for r in rows.table["row"].to_pylist()]
    keyed = rows.table.drop_columns([key]).append_column(KEY, values.text(integral(rows.table[key])))
    table = keyed.append_column(CELL, pa.array(cells, pa.string()))
    batch = Batch(table=table, crs=None, rejected=rows.rejected)
    typed = attributes(batch, kind, columns=options.columns, nodata=options.nodata)
    own = {c.name: c for c in kind.columns}
    found = [c for c in tables.columns_of(typed.table.schema) if c.name not in (KEY, CELL)]
    described = tuple(own.get(c.name) or replace(c, unit=naming.unit(c.name)) for c in found)
    return Prepared(
        layer=Layer(id=asked.layer, kind=kind.name, title=Titles(), columns=described),
        delivery=Delivery(
            source=asked.source, mode=Mode.UPSERT, at=asked.valid_from, reader=reader, notes=notes
        ),
        batches=iter([typed]),
        rows=len(table) + len(rows.rejected),
        join=join,
    )


@dataclass(frozen=True, kw_only=True)
class _Matched:
    """Rows that have their feature."""

    rows: pa.Table
    """The table's, in its order."""
    ids: list[str]
    sources: list[str]
    versions: list[int]


def join(store: Store, part: Prepared, progress: Callable[[str, int, int | None], None]) -> Report:
    """Write the rows that fit as new versions of their features; the others are refused with the reason.

    One commit for each source that the features are of: mostly one.

    Raises:
        UnknownProperty: the layer has no such column. StaleVersion: a feature changed meanwhile.
    """
    key, column = cast("Join", part.join)
    state = store.layer(part.layer.id, Policy.open())
    if state.layer.geometry == "Raster":
        raise InvalidParameter(f"{state.layer.id} holds rasters; nothing can be joined to them")
    batches = list(part.batches)
    rows = pa.concat_tables([b.table for b in batches], promote_options="permissive")
    column = naming.present(column, ["id", *(c.name for c in state.layer.columns)])
    matched, refused = _matched(store, state, rows, key, column, part.delivery.at)
    rejected = (*(r for b in batches for r in b.rejected), *refused)
    notes = (*part.delivery.notes, f"joined by {key} = {column}")
    reports: list[Report] = []
    for source in sorted(set(matched.sources)) or [part.delivery.source]:
        mine = [i for i, s in enumerate(matched.sources) if s == source]
        delivery = replace(
            part.delivery,
            source=source,
            notes=notes,
            expected={matched.ids[i]: matched.versions[i] for i in mine},
        )
        merged = _merged(store, state, matched, mine, part, progress)
        first = Batch(table=_nothing(), crs=None, rejected=rejected if not reports else ())
        layer = _widened(state, part.layer.columns)
        reports.append(store.write(layer, _chained(first, merged), delivery, place=describe))
    return _sum(reports)


def _matched(
    store: Store, state: LayerState, rows: pa.Table, key: str, column: str, at: datetime | None
) -> tuple[_Matched, list[Rejected]]:
    held = _held(store, state, column, at)
    places = _places(values.text(integral(held[column])).to_pylist())
    said = rows[KEY].to_pylist()
    times = Counter(said)
    kept: list[int] = []
    found: list[int] = []
    refused: list[Rejected] = []
    for i, word in enumerate(said):
        why = _unfit(word, times, places, state.layer.id, column)
        if why is None:
            kept.append(i)
            found.append(places[word][0])
            continue
        cell = rows[CELL][i].as_py()
        reason = f"{cell}: {key}: {why}" if cell else f"{key}: {why}"
        refused.append(
            Rejected(
                row=rows["row"][i].as_py(),
                column=key,
                reason=reason,
                original=word or "null",
                cell=cell or "",
            )
        )
    features = held.take(pa.array(found, pa.int64()))
    matched = _Matched(
        rows=rows.take(pa.array(kept, pa.int64())),
        ids=features["id"].to_pylist(),
        sources=features["source"].to_pylist(),
        versions=features["version"].to_pylist(),
    )
    return matched, refused


def _unfit(
    word: str | None, times: Counter[str], places: Mapping[str, list[int]], layer: str, column: str
) -> str | None:
    """Why a row is not joined."""
    if word is None:
        return "null is no key"
    if times[word] > 1:
        return f"{word[:200]!r} stands {times[word]} times in the table; a key stands once"
    if word not in places:
        return f"no feature of {layer} has {column} = {word[:200]!r}"
    if len(places[word]) > 1:
        return f"{len(places[word])} features of {layer} have {column} = {word[:200]!r}; a key is of one"
    return None


def _held(store: Store, state: LayerState, column: str, at: datetime | None) -> pa.Table:
    """The layer's keys, with id, source and version."""
    wanted = () if column == "id" else (column,)
    return store.read(
        Query(layer=state.layer.id, policy=Policy.open(), columns=wanted, geometry=False, at=at)
    )


def _places(words: list[str | None]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for i, word in enumerate(words):
        if word is not None:
            found.setdefault(word, []).append(i)
    return found


def _merged(
    store: Store,
    state: LayerState,
    matched: _Matched,
    mine: list[int],
    part: Prepared,
    progress: Callable[[str, int, int | None], None],
) -> Iterator[Batch]:
    kind = _kind(state.layer.kind)
    for start in range(0, len(mine), AT_ONCE):
        some = mine[start : start + AT_ONCE]
        ids = [matched.ids[i] for i in some]
        query = Query(
            layer=state.layer.id, policy=Policy.open(), ids=tuple(ids), bodies=True, at=part.delivery.at
        )
        old = store.read(query)
        order = dict(zip(ids, some, strict=True))
        new = matched.rows.take(pa.array([order[i] for i in old["id"].to_pylist()], pa.int64()))
        batch = Batch(table=_over(old, new), crs=None)
        done = kind.conform(batch) if kind.conform else batch
        progress(state.layer.id, start + len(some), part.rows)
        yield sized(done, kind)


def _over(old: pa.Table, new: pa.Table) -> pa.Table:
    """The features with what the rows say of them."""
    table = old.drop_columns([n for n in (*STORED, SIZE) if n in old.column_names])
    ends = pc.if_else(
        pc.equal(table["valid_to"], pa.scalar(OPEN, table["valid_to"].type)), None, table["valid_to"]
    )
    stated = pc.equal(table["dated"], "stated")
    table = put(table, "valid_to", ends)
    table = put(table, "valid_from", pc.if_else(stated, table["valid_from"], None))
    table = put(table, "row", new["row"])
    for name in new.column_names:
        if name in (KEY, CELL, "row"):
            continue
        said = new[name]
        if name in table.column_names:
            held = table[name]
            kind = tables.widened(tables.column_type(held.type), tables.column_type(said.type))
            said = pc.coalesce(tables.cast(said, kind), tables.cast(held, kind))
        table = put(table, name, said)
    return table


def _widened(state: LayerState, columns: tuple[Column, ...]) -> Layer:
    """The layer with the columns that are new."""
    known = {c.name for c in state.layer.columns}
    return replace(state.layer, columns=(*state.layer.columns, *(c for c in columns if c.name not in known)))


def _nothing() -> pa.Table:
    return tables.prepared(pa.table({"id": pa.array([], pa.string()), "geom": pa.array([], pa.binary())}))


def _chained(first: Batch, rest: Iterator[Batch]) -> Iterator[Batch]:
    yield first
    yield from rest


def _sum(reports: list[Report]) -> Report:
    """One report of the commits of a join."""
    last = reports[-1]
    if len(reports) == 1:
        return last
    counts = {
        name: sum(getattr(r, name) for r in reports) for name in ("read", "accepted", "quarantined", *COUNTS)
    }
    return replace(last, source=", ".join(r.source for r in reports), **counts)
