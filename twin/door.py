"""The Python door: a twin, a layer of it, that layer at a moment, as GeoPandas or Arrow."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

import pyarrow as pa

from twin import cql2, stores
from twin.errors import InvalidParameter, StoreDown
from twin.model import BBox, Filter, Interval, LayerState, Op, Query, Sort
from twin.policy import Policy
from twin.settings import load
from twin.store import Readable

if TYPE_CHECKING:
    import geopandas as gpd


class Twin:
    """A twin opened in this process."""

    def __init__(self, home: Path) -> None:
        settings = load(home=home)
        if not stores.exists(settings):
            raise StoreDown(f"{home} holds no twin; `twin init` makes one, `twin demo` a county to look at")
        self.store = stores.opened(settings)

    def layers(self) -> tuple[LayerState, ...]:
        """Every layer and what is known of its rows."""
        return self.store.layers(Policy.open())

    def layer(self, name: str) -> View:
        """A layer as it is now. Raises LayerNotFound."""
        self.store.layer(name, Policy.open())
        return View(store=self.store, query=Query(layer=name, policy=Policy.open()))

    def close(self) -> None:
        """Let go of the file."""
        self.store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


@dataclass(frozen=True, kw_only=True)
class View:
    """A question about a layer; each method gives a narrower one."""

    store: Readable
    query: Query

    def at(self, moment: str | datetime, until: str | datetime | None = None) -> View:
        """What was so at a moment, or last within an interval of valid time."""
        start = _moment(moment)
        at = start if until is None else Interval(start=start, end=_moment(until))
        return replace(self, query=replace(self.query, at=at))

    def known(self, moment: str | datetime) -> View:
        """What the twin believed at a moment."""
        return replace(self, query=replace(self.query, known=_moment(moment)))

    def within(self, west: float, south: float, east: float, north: float) -> View:
        """What intersects a box, degrees."""
        box = BBox(west=west, south=south, east=east, north=north)
        return replace(self, query=replace(self.query, bbox=box))

    def where(self, condition: str | Filter) -> View:
        """What a condition is true of: CQL2 text, or nodes; all of those that were given."""
        found = cql2.parse(condition) if isinstance(condition, str) else condition
        before = self.query.filter
        both = found if before is None else Op(op="and", args=(before, found))
        return replace(self, query=replace(self.query, filter=both))

    def sorted(self, *columns: str) -> View:
        """In order of columns; `-` before a name turns it round."""
        keys = tuple(Sort(column=c.removeprefix("-"), descending=c.startswith("-")) for c in columns)
        return replace(self, query=replace(self.query, sort=keys))

    def count(self) -> int:
        """How many rows."""
        return self.store.count(self.query)

    def to_arrow(self) -> pa.Table:
        """The rows; `geom` is WKB in CRS84."""
        return self.store.read(self.query)

    def to_geopandas(self) -> gpd.GeoDataFrame:
        """The rows with `geom` as geometry in CRS84."""
        import geopandas as gpd

        rows = self.to_arrow()
        frame = rows.drop_columns(["geom"]).to_pandas(timestamp_as_object=True)
        shapes = gpd.GeoSeries.from_wkb(rows["geom"].to_pandas(), crs="OGC:CRS84")
        return gpd.GeoDataFrame(frame, geometry=shapes.rename("geom"))


def _moment(given: str | datetime) -> datetime:
    try:
        read = datetime.fromisoformat(given) if isinstance(given, str) else given
    except ValueError as error:
        raise InvalidParameter(f"{given!r} is no moment; write 2024-05-01 or 2024-05-01T08:00:00Z") from error
    return read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)
