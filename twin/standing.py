"""A layer's rows as they stand, in memory: columns that answer questions about the present.

A database plans and scans for every question; most questions are small and about now. So the rows that are
believed and have no end are kept as Arrow columns in Hilbert order beside their boxes (numpy) and the order of their
ids. A window is two comparisons of boxes and a geometry test of the rows on its edge; an id is a binary search. What a
commit wrote or ended is patched in: ended rows are marked, new ones lie in a small block behind.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from twin.cql2.columns import true, which
from twin.extents import touches
from twin.model import BBox, Query, Window
from twin.table import WRITTEN, whole

HULL: Final = 512
"""Rows that share a box around their boxes."""
LOOSE: Final = 0.05
"""The share of rows from which on patches are not worth it."""
FEW: Final = 1_000
"""As many may always be patched."""
SPARSE: Final = 100
"""When fewer rows than one of so many hold, all that hold are looked at for a page of them."""
DISTINCT: Final = 1_000
"""Up to so many distinct values are few."""
Rows = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Block:
    """Some rows, each id once."""

    table: pa.Table
    """Columns under the names that answers have, places (`twin.table.PLACES`) among them; each is one chunk."""
    gone: NDArray[np.bool_] | None = None
    """(n,) which have ended since."""

    def __len__(self) -> int:
        return int(self.table.num_rows)

    @cached_property
    def ids(self) -> pa.Array:
        """(n,) their ids."""
        return whole(self.table["id"])

    @cached_property
    def order(self) -> NDArray[np.int64]:
        """(n,) the rows in the order of their ids, which is that of code points."""
        return np.asarray(pc.sort_indices(self.ids)).astype(np.int64)

    @cached_property
    def rank(self) -> NDArray[np.int64]:
        """(n,) each row's place in that order."""
        found = np.empty(len(self), np.int64)
        found[self.order] = np.arange(len(self))
        return found

    @cached_property
    def boxes(self) -> NDArray[np.float64]:
        """(4, n) west, south, east, north; NaN where there is no geometry."""
        return np.stack([_floats(self.table[f"#{n}"]) for n in ("minx", "miny", "maxx", "maxy")])

    @cached_property
    def hulls(self) -> NDArray[np.float64]:
        """(4, n / HULL) the boxes around each HULL rows."""
        starts = np.arange(0, len(self), HULL)
        parts = [
            least.reduceat(side, starts)
            for least, side in zip((np.fmin, np.fmin, np.fmax, np.fmax), self.boxes, strict=True)
        ]
        return np.stack(parts)

    @cached_property
    def keys(self) -> NDArray[np.uint64]:
        """(n,) Hilbert keys; 0 where there is no geometry."""
        return np.asarray(pc.fill_null(whole(self.table["#hkey"]), 0))

    @cached_property
    def sizes(self) -> NDArray[np.float32]:
        """(n,) metres; NaN where there is no geometry, so that no window has it."""
        return _floats(self.table["#size"]).astype(np.float32)

    @cached_property
    def begun(self) -> NDArray[np.int64]:
        """(n,) when each begins to be valid, microseconds."""
        return np.asarray(whole(self.table["valid_from"]).cast(pa.int64()))

    @cached_property
    def last(self) -> int:
        """When the last of them begins."""
        return int(self.begun.max(initial=np.iinfo(np.int64).min))

    def place(self, ident: str, *, behind: bool = False) -> int:
        """How many rows have a lesser id; or one that is not greater."""
        search = bisect_right if behind else bisect_left
        return search(self.order, ident, key=lambda row: self.ids[row].as_py())

    def find(self, ident: str) -> int | None:
        """The row of an id, also one that has ended."""
        place = self.place(ident)
        if place < len(self) and self.ids[row := int(self.order[place])].as_py() == ident:
            return row
        return None

    @cached_property
    def coded(self) -> dict[str, pa.DictionaryArray | None]:
        """Columns of text with few distinct values as numbers of these, as far as they were asked for."""
        return {}

    def column(self, name: str) -> pa.Array:
        """(n,) a column to compare with constants."""
        if not pa.types.is_string(self.table.schema.field(name).type):
            return whole(self.table[name])
        if name not in self.coded:
            found = whole(self.table[name]).dictionary_encode()
            self.coded[name] = found if len(found.dictionary) <= DISTINCT else None
        return self.coded[name] if self.coded[name] is not None else whole(self.table[name])

    def warmed(self) -> Block:
        """With all that questions need worked out."""
        if len(self):
            _ = self.rank, self.hulls, self.keys, self.sizes, self.last
        return self


@dataclass(frozen=True, kw_only=True, eq=False)
class Standing:
    """All rows of a layer that have no end, as of a commit."""

    base: Block
    tail: Block
    """What was written since the base was read."""

    @property
    def bytes(self) -> int:
        """About what it takes of the memory."""
        return int(self.base.table.nbytes + self.tail.table.nbytes + 80 * len(self.base))

    def page(self, query: Query, at: int, names: Sequence[str]) -> tuple[pa.Table, int]:
        """The rows of a query by id, and how many there are when its limit and page are left aside.

        Args:
            query: of the present, its filter checked and one that `answers` takes; not sorted.
            at: its moment, microseconds.
            names: the columns to give.
        """
        if query.written and self.written:
            names = ("id", "valid_from", "version", WRITTEN)
        found, matched = [], 0
        for block in (self.base, self.tail):
            rows, there = _paged(block, query, at)
            matched += there
            if len(rows):
                found.append(_taken(block.table.select(names), rows))
        if not found:
            return self.base.table.select(names).slice(0, 0), matched
        if len(found) == 1:
            return found[0], matched
        both = pa.concat_tables(found)
        order = pc.sort_indices(both["id"])
        return both.take(order[: query.limit] if query.limit is not None else order), matched

    def count(self, query: Query, at: int) -> int:
        """How many rows a query has, its limit and page left aside."""
        return sum(len(_matching(block, query, at)) for block in (self.base, self.tail))

    @property
    def written(self) -> bool:
        """Whether rows are there as text too."""
        return WRITTEN in self.base.table.column_names

    def patched(self, ended: Iterable[str], written: pa.Table) -> Standing | None:
        """With the rows of some ids ended and others written; None when that is too much."""
        ids = {*ended, *written["id"].to_pylist()}
        if len(ids) + len(self.tail) > max(FEW, LOOSE * len(self.base)):
            return None
        kept = np.array([ident not in ids for ident in self.tail.ids.to_pylist()], bool)
        tail = pa.concat_tables([self.tail.table.filter(pa.array(kept)), written])
        return Standing(base=_without(self.base, ids), tail=block(tail))


def block(table: pa.Table) -> Block:
    """Rows in Hilbert order, ready to be asked."""
    order = pc.sort_indices(table["#hkey"])
    return Block(table=table.take(order).combine_chunks()).warmed()


def _taken(table: pa.Table, rows: Rows) -> pa.Table:
    """Some rows; a single one is not copied."""
    return table.slice(int(rows[0]), 1) if len(rows) == 1 else table.take(pa.array(rows))


def _without(block: Block, ids: Iterable[str]) -> Block:
    rows = [row for ident in ids if (row := block.find(ident)) is not None]
    if not rows:
        return block
    gone = np.zeros(len(block), bool) if block.gone is None else block.gone.copy()
    gone[rows] = True
    following = replace(block, gone=gone)
    # What was worked out of the columns is as it was.
    following.__dict__.update({n: v for n, v in block.__dict__.items() if n not in ("table", "gone")})
    return following


def _matching(block: Block, query: Query, at: int) -> Rows:
    """The rows that a query has, in no order; the dearest test comes last."""
    if not len(block):
        return np.empty(0, np.int64)
    rows = _candidates(block, query)
    kept = [] if block.gone is None else [~block.gone[rows]]
    if block.last > at:
        kept.append(block.begun[rows] <= at)
    if query.window is not None:
        kept.append(_within(block, rows, query.window))
    if kept:
        rows = rows[np.logical_and.reduce(kept)]
    if query.filter is not None and not _everywhere(query) and len(rows):
        places = pa.array(rows)
        rows = rows[which(query.filter, lambda name: block.column(name).take(places), len(rows))]
    return rows if query.bbox is None else rows[_touching(block, rows, query.bbox)]


def _everywhere(query: Query) -> bool:
    return query.ids is None and query.bbox is None


def _candidates(block: Block, query: Query) -> Rows:
    """The rows of the ids, or those whose boxes meet the window, or those that the filter holds for."""
    if query.ids is not None:
        found = {row for ident in query.ids if (row := block.find(ident)) is not None}
        return np.array(sorted(found), np.int64)
    if query.bbox is not None:
        parts = [_met(block, part) for part in query.bbox.parts()]
        return parts[0] if len(parts) == 1 else np.unique(np.concatenate(parts))
    if query.filter is None:
        return np.arange(len(block))
    return which(query.filter, block.column, len(block))


def _met(block: Block, box: BBox) -> Rows:
    near = np.flatnonzero(_meet(block.hulls, box))
    rows = (near[:, None] * HULL + np.arange(HULL)).ravel()
    rows = rows[: np.searchsorted(rows, len(block))]
    return np.asarray(rows[_meet(block.boxes[:, rows], box)])


def _meet(boxes: NDArray[np.float64], box: BBox) -> NDArray[np.bool_]:
    west, south, east, north = box.astuple()
    return np.asarray((boxes[0] <= east) & (boxes[2] >= west) & (boxes[1] <= north) & (boxes[3] >= south))


def _within(block: Block, rows: Rows, window: Window) -> NDArray[np.bool_]:
    sizes = block.sizes[rows]
    sized = (sizes >= np.float32(window.size_min)) & (sizes < np.float32(window.size_max))
    keys = block.keys[rows]
    starts, ends = np.array(window.keys, np.uint64).reshape(-1, 2).T
    if len(starts) > 1:
        order = np.argsort(starts, kind="stable")
        # Ranges may overlap: behind the greatest end of all that began before is behind all of them.
        starts, ends = starts[order], np.maximum.accumulate(ends[order])
    last = np.searchsorted(starts, keys, side="right") - 1
    return (
        np.asarray(sized & (last >= 0) & (keys < ends[np.maximum(last, 0)])) if len(starts) else sized & False
    )


def _touching(block: Block, rows: Rows, box: BBox) -> NDArray[np.bool_]:
    """Which rows intersect a window: those wholly inside do by their boxes, the geometry decides of the others."""
    found = np.zeros(len(rows), bool)
    for part in box.parts():
        west, south, east, north = part.astuple()
        boxes = block.boxes[:, rows]
        inside = (boxes[0] >= west) & (boxes[2] <= east) & (boxes[1] >= south) & (boxes[3] <= north)
        edge = np.flatnonzero(_meet(boxes, part) & ~inside & ~found)
        found |= inside
        if len(edge):
            found[edge] = touches(whole(block.table["geom"].take(pa.array(rows[edge]))), part)
    return found


def _paged(block: Block, query: Query, at: int) -> tuple[Rows, int]:
    """The page of the rows that a query has, and how many there are."""
    if not _everywhere(query) or query.window is not None or query.limit is None or not len(block):
        rows = _matching(block, query, at)
        return _turned(block, rows, query), len(rows)
    mask = np.ones(len(block), bool) if query.filter is None else true(query.filter, block.column, len(block))
    if block.gone is not None:
        mask = mask & ~block.gone
    if block.last > at:
        mask = mask & (block.begun <= at)
    matched = int(np.count_nonzero(mask))
    if matched * SPARSE < len(block):
        return _turned(block, np.flatnonzero(mask), query), matched
    return _first(block, mask, query, query.limit), matched


def _first(block: Block, mask: NDArray[np.bool_], query: Query, limit: int) -> Rows:
    """The first rows of a mask in the order of ids: where many hold, the page is soon full."""
    start = 0 if query.after is None else block.place(query.after[-1], behind=True)
    found, step = np.empty(0, np.int64), 4 * limit
    while len(found) < limit and start < len(block):
        part = block.order[start : start + step]
        found = np.concatenate([found, part[mask[part]]])
        start, step = start + step, 2 * step
    return found[:limit]


def _turned(block: Block, rows: Rows, query: Query) -> Rows:
    """The page of the rows: by id, from behind the last one of the page before."""
    if not len(rows):
        return rows
    ranks = block.rank[rows]
    if query.after is not None:
        later = ranks >= block.place(query.after[-1], behind=True)
        rows, ranks = rows[later], ranks[later]
    limit = query.limit
    if limit is not None and limit < len(rows):
        least = np.argpartition(ranks, limit)[:limit]
        rows, ranks = rows[least], ranks[least]
    return rows[np.argsort(ranks)]


def _floats(column: pa.ChunkedArray) -> NDArray[Any]:
    """Numbers, NaN where one is missing."""
    return np.asarray(whole(column).to_numpy(zero_copy_only=False), np.float64)
