"""What a reader is. A module in `pipelines/readers/` that defines `READER` is one.

A reader opens one source and gives its parts; a part becomes a layer. Rows come as batches in the
source's CRS with the source's own column names; a row that cannot be read is rejected with its number
and reason and the rest goes on. A file that cannot be trusted raises (`twin/errors.py`, Refused).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from twin.model import Rejected, Titles
from twin.table import Batch


@dataclass(frozen=True, kw_only=True)
class Options:
    """What the caller says about a source."""

    kind: str | None = None
    crs: str | None = None
    """EPSG code, WKT, PROJ string or profile name; wins over the file only where the file states none."""
    vertical: str | None = None
    at: tuple[float, ...] | None = None
    """Longitude, latitude and perhaps height of a source that says of no place: a station, a model."""
    offset: float | None = None
    """Metres by which a model baked elsewhere stands higher than it says."""
    shift: tuple[float, float, float] | None = None
    """Added to x, y and z after the reader (`pipelines/shifting.py`); a reader only looks at it."""
    tz: str | None = None
    """IANA name of the zone of times that state none."""
    encoding: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    """Target -> source column."""
    nodata: Mapping[str, str] = field(default_factory=dict)
    """Source column -> value that means missing."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """One layer's worth of a source."""

    name: str = ""
    """Appended to the layer's id with `_`; empty for the main part."""
    title: Titles | None = None
    """What it is called beside the main part."""
    kind: str | None = None
    """The kind it plainly is; None where only the caller can know."""
    batches: Iterator[Batch]
    rows: int | None = None
    """How many rows are to be expected, for progress."""
    vertical: str | None = None
    """What the file states; None where it states nothing."""
    observations: Callable[[], Iterator[Batch]] | None = None
    """Sensors: read after the rows are in. Tables: thing (the station's id), name, observed_property,
    unit (strings), time timestamp[us, UTC], value float64 (null: missing), row int64."""
    assets: Mapping[str, Path] = field(default_factory=dict)
    """Files that rows refer to by name in a column (rasters); moved into the twin before the commit."""
    schematic: bool = False
    notes: tuple[str, ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)
    """Goes to the layer's `extra`."""
    used: frozenset[str] = frozenset()
    """Targets of the caller's `--column` that the reader has seen to itself."""
    cell: Callable[[int | str, str], str] | None = None
    """Where a row's column is in the words of the program that wrote it, such as `管点!C17`."""


@dataclass(frozen=True, kw_only=True)
class Rows:
    """A table of a source, as it was read."""

    source: str
    """What messages call it."""
    table: pa.Table
    """Columns by the source's names, and `row`, int64."""
    rejected: tuple[Rejected, ...] = ()
    notes: tuple[str, ...] = ()
    cell: Callable[[int | str, str], str] | None = None
    """Where a row's column is in the words of the program that wrote it, such as `管点!C17`."""


@dataclass(frozen=True, kw_only=True)
class Reader:
    """A source format."""

    name: str
    title: str
    suffixes: tuple[str, ...]
    """Lower case, with the dot; the longest match wins (`.city.json` before `.json`)."""
    read: Callable[[tuple[Path, ...], Options], Iterator[Part]]
    """All files named in one call that belong together (several rasters, stations and series)."""
    claims: Callable[[Path], bool] | None = None
    """Looks at the first bytes where the suffix does not settle it (`.json`, `.csv`, `.gml`)."""
    together: bool = False
    """Several files make one layer (rasters, stations with their series); otherwise each is read by itself."""
    folders: bool = False
    """Whether a folder may be a source; `claims` looks at it where its suffix does not settle it."""
    placed: bool = False
    """Whether it takes `--offset` and a height in `--at`: models that were baked elsewhere."""
    tables: Callable[[Path, Options], Iterator[Rows]] | None = None
    """A file's tables with or without positions, for `--join`; None where it has none."""
