"""The nouns that everything else is said in: boxes, moments, columns, layers, queries, commits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Literal

from twin.policy import Policy

OPEN = datetime(9999, 12, 31, tzinfo=UTC)
"""The end of a period that has not ended."""

MAIN = "main"
"""The branch of what is; schemes will have branches of their own."""

Geometry = Literal["Point", "LineString", "Polygon", "Geometry", "Raster"]
ColumnType = Literal["string", "integer", "number", "boolean", "datetime", "date", "json"]


@dataclass(frozen=True, kw_only=True, slots=True)
class BBox:
    """A box in longitude and latitude (degrees, CRS84); west > east crosses the antimeridian."""

    west: float
    south: float
    east: float
    north: float

    def parts(self) -> tuple[BBox, ...]:
        """The box as boxes that do not cross the antimeridian."""
        if self.west <= self.east:
            return (self,)
        return (
            BBox(west=self.west, south=self.south, east=180.0, north=self.north),
            BBox(west=-180.0, south=self.south, east=self.east, north=self.north),
        )

    def astuple(self) -> tuple[float, float, float, float]:
        """West, south, east, north."""
        return self.west, self.south, self.east, self.north


@dataclass(frozen=True, kw_only=True, slots=True)
class Titles:
    """One name in both languages; English falls back to Chinese and the other way round."""

    zh: str = ""
    en: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Column:
    """A typed attribute of a layer."""

    name: str
    type: ColumnType = "string"
    unit: str | None = None
    title: Titles = field(default_factory=Titles)


@dataclass(frozen=True, kw_only=True, slots=True)
class Layer:
    """A catalogue row: what is known of a layer apart from its rows."""

    id: str
    kind: str
    title: Titles
    geometry: Geometry = "Geometry"
    columns: tuple[Column, ...] = ()
    crs: str = "OGC:CRS84"
    """The source's CRS as an authority code (a site's secret profile shows only its name)."""
    vertical: str = "unknown"
    """The source's vertical datum: an EPSG code, `ellipsoid` or `unknown`."""
    theme: str = "other"
    department: Titles | None = None
    invented: bool = False
    schematic: bool = False
    """Coordinates are a drawing, not places."""
    owner: str | None = None
    """Who answers for it: an office, a person."""
    accuracy: str | None = None
    """How well it is known, in the surveyor's words."""
    lineage: str | None = None
    """How it was made, in words; what was taken in when is in the reports."""
    licence: str | None = None
    attribution: str | None = None
    due: str | None = None
    """When it must be renewed: an ISO 8601 date, or a duration after the day it is of (`twin/renewal.py`)."""
    order: int = 100
    """Where it stands in the tree; the smaller the higher."""
    extra: Mapping[str, Any] = field(default_factory=dict)
    """What only the layer's kind understands."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LayerState:
    """A layer and what the store knows of its rows, as believed now and valid now."""

    layer: Layer
    count: int
    bbox: BBox | None
    z: tuple[float, float] | None
    """Lowest and highest z of all rows, metres."""
    time: tuple[datetime, datetime] | None
    """Earliest valid_from and latest valid_to (OPEN for what stands)."""
    version: int
    """The last commit that wrote this layer."""
    updated: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Sort:
    """One sort key."""

    column: str
    descending: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Property:
    """A column named in a filter."""

    name: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Op:
    """A CQL2 operation: `op` and `args` as CQL2 JSON spells them; args are Op, Property or literals."""

    op: str
    args: tuple[Any, ...]


Filter = Op | Property | bool
"""A condition: an operation, a true-or-false column, or a constant."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Interval:
    """A closed interval of valid time; None is open."""

    start: datetime | None
    end: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Window:
    """What a tile asks beyond a bbox: ranges of Hilbert keys and one range of sizes.

    A row is in the window when its key is in one of the half-open ranges and size_min <= size < size_max.
    """

    keys: tuple[tuple[int, int], ...]
    size_min: float = 0.0
    size_max: float = float("inf")


@dataclass(frozen=True, kw_only=True, slots=True)
class Query:
    """All that a store is ever asked; parsed once, at the door. No policy, no query."""

    layer: str
    policy: Policy
    bbox: BBox | None = None
    at: datetime | Interval | None = None
    """Valid time; None is now. An interval gives each id's last version within it."""
    known: datetime | None = None
    """Recorded time; None is now."""
    branch: str = MAIN
    ids: tuple[str, ...] | None = None
    filter: Filter | None = None
    columns: tuple[str, ...] | None = None
    """Attribute columns wanted; None is all. `id`, periods and `source` always come."""
    geometry: bool = True
    bodies: bool = False
    """Whether body columns come along."""
    sort: tuple[Sort, ...] = ()
    """The id is always the last key, so that pages are stable."""
    limit: int | None = None
    after: tuple[Any, ...] | None = None
    """Keyset page: the sort values and id of the last row already given."""
    window: Window | None = None
    every: bool = False
    """Every version ever recorded, rather than those of a moment; `at` and `known` are not asked."""
    places: bool = False
    """Whether the columns of `twin.table.PLACES` come along: box, heights, Hilbert key, size."""
    written: bool = False
    """Of a whole feature a store may give `id`, `valid_from`, `version` and, instead of all else, the text of it
    (`twin.table.WRITTEN`), if it keeps that."""


class Mode(StrEnum):
    """What a delivery means for what was there."""

    SNAPSHOT = "snapshot"
    UPSERT = "upsert"
    APPEND = "append"


@dataclass(frozen=True, kw_only=True, slots=True)
class Rejected:
    """A row that did not go in."""

    row: int | str
    """Number in the source (from 0) or id."""
    column: str
    reason: str
    original: str
    """The value or row as it came, cut at 2,000 characters."""
    cell: str = ""
    """Where the value is in the words of the program that wrote it, such as `管点!C17`."""
    place: tuple[float, float] | None = None
    """Longitude and latitude (degrees, CRS84) of the row, where it has a place."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Delivery:
    """What a write says about itself."""

    source: str
    """Who or what file the rows come from; a snapshot only ends rows of its own source."""
    mode: Mode = Mode.SNAPSHOT
    at: datetime | None = None
    """The moment the delivery is true of (the survey's date); None is now."""
    branch: str = MAIN
    reader: str = ""
    notes: tuple[str, ...] = ()
    rejected_limit: int = 100_000
    expected: Mapping[str, int] | None = None
    """What the writer saw (`twin/expected.py`): id -> version of its row at the delivery's moment, 0 where
    nothing is believed of the id. When it is otherwise, nothing is written."""
    once: tuple[str, bytes] | None = None
    """Name and value of a block that is kept (`twin.store.Spread.kept`) in the same commit when every row went in.
    Where there is one of that name nothing is written, whatever is `expected`: raises Repeated."""
    judged: Mapping[str, int] | None = None
    """What the writer's right was judged by: id -> the last version of all that is believed of it, at any
    valid time, 0 for nothing. When it is otherwise, nothing is written."""
    periods: bool = False
    """Whether an id may come several times, each with a `valid_from` of its own but one: each governs until the
    next begins. Otherwise an id that comes twice is refused."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """What became of a delivery: read = accepted + quarantined."""

    commit: int
    at: datetime
    """When it was recorded."""
    layer: str
    source: str
    reader: str
    read: int
    accepted: int
    quarantined: int
    added: int = 0
    removed: int = 0
    changed_geometry: int = 0
    changed_attributes: int = 0
    unchanged: int = 0
    kept: int = 0
    """Rows left as people edited them."""
    crs: str = ""
    vertical: str = "unknown"
    extent: BBox | None = None
    place: str = ""
    notes: tuple[str, ...] = ()
    dated: datetime | None = None
    """The moment it is true of (the survey's date); None is when it was recorded."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """One entry of the feed."""

    version: int
    """The commit; strictly increasing over the whole twin."""
    at: datetime
    layer: str
    kind: Literal["layer", "rows", "observations"]
    ids: tuple[str, ...] | None
    """The ids touched, or None when there are more than 1,000."""
    count: int
    bbox: BBox | None
    """Of the rows before and after."""
    branch: str = MAIN
    news: tuple[str, ...] = ()
    """What of the catalogue row a `layer` entry tells of: names of columns that are new or otherwise than before,
    `*` for what everybody sees who sees the layer, the empty name for what only those see who see all of it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Datastream:
    """A SensorThings Datastream: one observed property of one Thing (a row of a sensors layer)."""

    id: int
    layer: str
    thing: str
    """The feature's id."""
    name: str
    observed_property: str
    unit: str
    count: int = 0
    latest_time: datetime | None = None
    latest_value: float | None = None
