"""Layers in memory answer as the plain store does, also after commits too large to be patched in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import shapely
from store_support import LAYER, POSTGIS_STANDING, STORES, Clock, batch, day, delivered, query

from tiles import geojson
from twin.duckdb.store import DuckDBStore
from twin.model import BBox, Mode, Op, Property, Query, Window
from twin.relational import standing
from twin.space import hilbert_range
from twin.standing import block
from twin.store import Store
from twin.table import WRITTEN

COUNT = 3_000
STANDING = {"duckdb, standing": STORES["duckdb, standing"], **POSTGIS_STANDING}
TYPES = {"height": pa.float64(), "use": pa.string()}


def houses(seed: int, which: range) -> list[dict[str, Any]]:
    """Some on either side of the antimeridian, some without a height."""
    random = np.random.default_rng(seed)
    west = np.where(
        random.random(COUNT) < 0.2, random.uniform(179.5, 179.9, COUNT), random.uniform(-180, -179, COUNT)
    )
    south, side = random.uniform(10, 11, COUNT), random.uniform(1e-4, 1e-2, COUNT)
    shapes = shapely.to_wkb(shapely.box(west, south, west + side, south + side))
    return [
        {
            "id": f"h{n % 7}-{n}",
            "geom": bytes(shapes[n]),
            "height": None if n % 11 == 0 else float(n % 50),
            "use": ("house", "school", None)[n % 3],
        }
        for n in which
    ]


def questions() -> Iterator[Query]:
    random = np.random.default_rng(5)
    high = Op(op=">", args=(Property(name="height"), 40))
    for west, south in zip(random.uniform(-180, -179.2, 12), random.uniform(10, 10.8, 12), strict=True):
        box = BBox(west=float(west), south=float(south), east=float(west) + 0.2, north=float(south) + 0.15)
        yield query(bbox=box)
        yield query(bbox=box, limit=5)
        yield query(bbox=box, filter=high, limit=3)
        yield query(bbox=replace(box, west=179.6), columns=("use",))
    yield query(filter=Op(op="and", args=(high, Op(op="=", args=(Property(name="use"), "school")))), limit=20)
    yield query(filter=Op(op="isNull", args=(Property(name="use"),)), after=("h3-1000",), limit=10)
    yield query(ids=("h0-0", "h1-8", "none"))
    low, high_key = hilbert_range(6, 0, 36)
    yield query(
        window=Window(keys=((low, high_key), (low, high_key + 9)), size_min=200, size_max=700), places=True
    )


@pytest.mark.parametrize("opener", STANDING.values(), ids=list(STANDING))
def test_it_answers_as_the_plain_store(opener: Callable[..., Store], clock: Clock, tmp_path: Path) -> None:
    store, plain = opener(tmp_path, clock), STORES["memory"](tmp_path, clock)

    def write(rows: list[dict[str, Any]], mode: Mode) -> None:
        clock.pass_(days=1)
        for one in (store, plain):
            one.write(LAYER, [batch(rows, **TYPES)], delivered(day(2020), mode=mode))

    def same() -> None:
        for asked in questions():
            table, matched = store.page(asked)
            assert (table.equals(plain.read(asked)), matched) == (True, plain.count(asked)), asked
            if asked.columns is None and not asked.places:
                text, count = store.page(replace(asked, written=True))
                assert (geojson.joined(text), count) == (geojson.joined(table), matched), asked
                assert WRITTEN in text.column_names

    write(houses(1, range(COUNT)), Mode.SNAPSHOT)
    same()
    # Whether another process wrote to a database must be asked of it each time.
    assert store.swift(query()) == isinstance(store, DuckDBStore)
    write(houses(2, range(0, COUNT, 100)), Mode.UPSERT)
    assert not store.swift(query())
    same()
    write(houses(3, range(0, COUNT, 2)), Mode.UPSERT)
    same()
    write(houses(3, range(0, COUNT, 5)), Mode.SNAPSHOT)
    same()
    store.close()


def test_a_layer_too_large_is_not_read_again_and_again(
    clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(standing, "MOST_BYTES", 1_000)
    monkeypatch.setattr(standing, "ROW_BYTES", 0)
    loads: list[int] = []
    monkeypatch.setattr(standing, "block", lambda table: loads.append(len(table)) or block(table))
    store = STORES["duckdb, standing"](tmp_path, clock)
    store.write(LAYER, [batch(houses(1, range(COUNT)), **TYPES)], delivered(day(2020)))
    assert {store.count(query(ids=("h0-0",))) for _ in range(5)} == {1}
    assert loads.count(COUNT) == 1
    store.close()
