"""What the tests of stores share: the stores themselves, a clock, rows. A third store is one more entry."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import shapely
from postgres_support import database

from tiles.geojson import written
from twin.duckdb.store import DuckDBStore
from twin.memory.store import MemoryStore
from twin.model import Delivery, Layer, Mode, Query, Titles
from twin.policy import Policy
from twin.postgis.store import PostGISStore
from twin.store import Store
from twin.table import Batch

OPEN_POLICY = Policy.open()
START = datetime(2030, 1, 1, tzinfo=UTC)


class Clock:
    """A clock that moves when it is told to."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def pass_(self, **time: float) -> datetime:
        self.now += timedelta(**time)
        return self.now


Opener = Callable[[Path, Callable[[], datetime]], Store]


def standing(store: DuckDBStore | PostGISStore) -> Store:
    """The store with every layer in memory from its first question on."""
    store._standings.aside = False
    return store


STORES: dict[str, Opener] = {
    "memory": lambda _, now: MemoryStore(now=now),
    "duckdb": lambda folder, now: DuckDBStore(folder / "twin.duckdb", now=now),
    "duckdb, standing": lambda folder, now: standing(
        DuckDBStore(folder / "twin.duckdb", now=now, writer=written)
    ),
    "postgis": lambda folder, now: PostGISStore(database(folder), now=now),
}
POSTGIS_STANDING: dict[str, Opener] = {
    "postgis, standing": lambda folder, now: standing(
        PostGISStore(database(folder), now=now, writer=written)
    ),
}
"""Asked where histories are at stake; what it answers otherwise the two others have answered."""


LAYER = Layer(id="buildings", kind="buildings", title=Titles(zh="建筑", en="Buildings"))


def day(year: int, month: int = 1, date: int = 1) -> datetime:
    return datetime(year, month, date, tzinfo=UTC)


def square(x: float = 118.0, y: float = 38.0, side: float = 0.01) -> bytes:
    return shapely.to_wkb(shapely.box(x, y, x + side, y + side))


def batch(rows: list[dict[str, Any]], **types: pa.DataType) -> Batch:
    """Rows as a conformed batch; missing members are null, a missing geometry is a square."""
    known = {"geom": pa.binary(), "id": pa.string(), **types}
    for moment in ("valid_from", "valid_to"):
        known[moment] = pa.timestamp("us", tz="UTC")
    rows = [{"geom": square(), **r} for r in rows]
    names = list(dict.fromkeys(n for r in rows for n in r))
    columns = {n: pa.array([r.get(n) for r in rows], known.get(n)) for n in names}
    return Batch(table=pa.table(columns), crs=None)


def delivered(
    at: datetime | None = None, source: str = "survey", mode: Mode = Mode.SNAPSHOT, **more: Any
) -> Delivery:
    return Delivery(source=source, at=at, mode=mode, **more)


def query(**more: Any) -> Query:
    return Query(**{"layer": "buildings", "policy": OPEN_POLICY, **more})


def ids(store: Store, **more: Any) -> list[str]:
    return store.read(query(**more))["id"].to_pylist()
