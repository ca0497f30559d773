"""A forest serves one layer while another layer's tree grows."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pyarrow as pa
import shapely

from twin.forest import Forest
from twin.memory.store import MemoryStore
from twin.model import Delivery, Layer, Titles
from twin.table import Batch


def written(store: MemoryStore, name: str) -> None:
    table = pa.table(
        {"id": ["a", "b"], "geom": pa.array(shapely.to_wkb(shapely.points([118, 118.1], 38)), pa.binary())}
    )
    layer = Layer(id=name, kind="features", title=Titles(en=name), geometry="Point")
    batch = Batch(table=table, crs=None)
    store.write(layer, iter([batch]), Delivery(source="test", at=datetime(2025, 1, 1, tzinfo=UTC)))


class Slow(MemoryStore):
    """Keeps the tree of `large` only when it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.reached, self.go = threading.Event(), threading.Event()

    def keep(self, name: str, value: bytes) -> None:
        if name.startswith("tree/large"):
            self.reached.set()
            assert self.go.wait(30)
        super().keep(name, value)


def test_a_tree_that_grows_keeps_nobody_from_another_layer() -> None:
    store = Slow()
    written(store, "large")
    written(store, "small")
    forest = Forest(store)
    with ThreadPoolExecutor(2) as pool:
        large = pool.submit(forest.now, "large")
        assert store.reached.wait(30)
        try:
            small = pool.submit(forest.now, "small").result(30)
            assert len(small.rows) == 2
            assert not large.done()
        finally:
            store.go.set()
        assert large.result(30) is forest.now("large")
