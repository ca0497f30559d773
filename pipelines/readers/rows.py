"""Features found one by one, as batches: values by name, a shapely geometry, the number in the source."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyproj
import shapely

from pipelines.readers import attributes
from pipelines.readers.tables.columns import freed
from twin.model import Rejected
from twin.table import Batch

BATCH: Final = 10_000


@dataclass(frozen=True, kw_only=True)
class Found:
    """One feature of a source."""

    number: int
    """In the source, from 0 (of formats of lines: the line's number)."""
    shape: shapely.Geometry
    values: Mapping[str, Any]


@dataclass(kw_only=True)
class Said:
    """Sentences that come up on the way, each once; they go out with the last batch."""

    notes: dict[str, None] = field(default_factory=dict)

    def add(self, note: str) -> None:
        """Say it, once."""
        self.notes[note] = None


def batches(
    items: Iterable[Found | Rejected],
    types: Mapping[str, attributes.Type],
    crs: pyproj.CRS,
    said: Said | None = None,
) -> Iterator[Batch]:
    """The features and refusals; every batch has the same columns, and there is always one.

    Args:
        items: in the source's order.
        types: of every column.
        crs: of the shapes, x before y.
        said: what `items` has to say by its end.
    """
    found: list[Found] = []
    rejected: list[Rejected] = []
    for item in items:
        if isinstance(item, Rejected):
            rejected.append(item)
        else:
            found.append(item)
        if len(found) + len(rejected) >= BATCH:
            yield Batch(table=table(found, types), crs=crs, rejected=tuple(rejected))
            found, rejected = [], []
    notes = tuple(said.notes) if said else ()
    yield Batch(table=table(found, types), crs=crs, rejected=tuple(rejected), notes=notes)


def table(found: Sequence[Found], types: Mapping[str, attributes.Type]) -> pa.Table:
    """The features as columns, `geom` (WKB, z kept) and `row`."""
    names = freed(list(types))
    own = attributes.typed([f.values for f in found], types)
    columns = dict(zip(names, own.values(), strict=True))
    shapes = np.array([f.shape for f in found], object)
    columns["geom"] = pa.array(shapely.to_wkb(shapes, flavor="iso"), pa.binary())
    columns["row"] = pa.array([f.number for f in found], pa.int64())
    return pa.table(columns)
