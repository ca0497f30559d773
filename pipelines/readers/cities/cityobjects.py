"""City objects as rows: one a Building, its parts folded in; what CityJSON and CityGML have in common."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyproj
import shapely

from pipelines.readers import attributes
from pipelines.readers.cities.surfaces import crowded_edges, footprint, merged, metres_per_unit, rounding
from twin.body import Body
from twin.errors import InvalidGeometry
from twin.model import Rejected
from twin.table import BODY, Batch

BATCH: Final = 1000
HEIGHTS: Final = ("measuredHeight", "height")
"""Attributes that say a building's height in metres, the first that holds a possible one wins."""
HIGHEST: Final = 1500.0
BUILDING: Final = "Building"
OWN: Final = ("height", "height_source", "parts", "lod", "use")
"""Columns that are worked out for a building; an attribute of that name gets a `_` behind it."""


@dataclass(frozen=True, kw_only=True)
class CityObject:
    """An object of the first level with what belongs to it."""

    number: int
    """Its number in the file, from 0."""
    id: str
    type: str
    attributes: Mapping[str, Any]
    bodies: Mapping[str, Sequence[Body]]
    """LoD as it is written -> surfaces, in the source's CRS."""
    shape: shapely.Geometry | None = None
    """Points or lines, for an object without a surface."""
    parts: int = 0


@dataclass(frozen=True, kw_only=True)
class Shape:
    """What the rows of one type have in common: the columns of every batch."""

    types: Mapping[str, attributes.Type]
    levels: tuple[int, ...]
    """Whole LoDs with a body, 1 and up."""
    building: bool
    crs: pyproj.CRS


@dataclass(kw_only=True)
class Findings:
    """What is to be said about all objects together, gathered on the way."""

    crowded: list[str] = field(default_factory=list)
    """Ids of solids with an edge that more than two faces share."""
    dropped: int = 0
    notes: list[str] = field(default_factory=list)

    def sentences(self) -> tuple[str, ...]:
        """The notes."""
        said = list(dict.fromkeys(self.notes))
        if self.crowded:
            some = ", ".join(self.crowded[:10])
            said.append(
                f"{len(self.crowded)} bodies have an edge that more than two faces share"
                f" (val3dity 303 NON_MANIFOLD_CASE), taken as they are: {some}"
            )
        if self.dropped:
            said.append(f"{self.dropped} faces with fewer than three corners were left out")
        return tuple(said)


def batches(objects: Iterable[CityObject | Rejected], shape: Shape, findings: Findings) -> Iterator[Batch]:
    """Rows of objects of one type; the last batch carries the findings."""
    rows: list[dict[str, Any]] = []
    rejected: list[Rejected] = []
    for item in objects:
        if isinstance(item, Rejected):
            rejected.append(item)
            continue
        try:
            rows.append(row(item, shape, findings))
        except InvalidGeometry as error:
            rejected.append(refused(item, error))
        if len(rows) + len(rejected) >= BATCH:
            yield Batch(table=table(rows, shape), crs=shape.crs, rejected=tuple(rejected))
            rows, rejected = [], []
    yield Batch(table=table(rows, shape), crs=shape.crs, rejected=tuple(rejected), notes=findings.sentences())


def refused(item: CityObject, error: InvalidGeometry) -> Rejected:
    """The object as a row that did not go in."""
    return Rejected(row=item.id, column="geometry", reason=str(error), original=f"{item.type} {item.id}")


def row(item: CityObject, shape: Shape, findings: Findings) -> dict[str, Any]:
    """One row.

    Raises:
        InvalidGeometry: the object has no surface, line or point, or a building no footprint.
    """
    levels = by_level(item.bodies)
    geometry = outline(item, levels, shape.crs)
    if geometry is None:
        raise InvalidGeometry(
            f"{item.type} has no geometry" if not levels else f"{item.type} has no footprint"
        )
    solid = {level: body for level, (_, body) in levels.items() if level > 0}
    if any(crowded_edges(body) for body in solid.values()):
        findings.crowded.append(item.id)
    values: dict[str, Any] = {"id": item.id, "row": item.number, "geom": shapely.to_wkb(geometry)}
    values |= {f"{BODY}lod{level}": body.encode() for level, body in solid.items()}
    values["attributes"] = {
        f"{name}_" if shape.building and name in OWN else name: value
        for name, value in item.attributes.items()
    }
    if shape.building:
        values |= height(item, solid) | {
            "use": use(item),
            "parts": item.parts,
            "lod": levels[max(levels)][0] if levels else None,
        }
    return values


def by_level(bodies: Mapping[str, Sequence[Body]]) -> dict[int, tuple[str, Body]]:
    """Whole LoD -> the most detailed one within it, as written, and its body."""
    found: dict[int, tuple[str, Body]] = {}
    for lod in sorted(bodies):
        if sum(len(b.face_ends) for b in bodies[lod]):
            found[level_of(lod)] = (lod, merged([b for b in bodies[lod] if len(b.face_ends)]))
    return found


def level_of(lod: str) -> int:
    """The whole number of an LoD such as `2.2`."""
    return int(lod[0]) if lod[:1].isdigit() else 0


def outline(
    item: CityObject, levels: Mapping[int, tuple[str, Body]], crs: pyproj.CRS
) -> shapely.Geometry | None:
    """The footprint: LoD 0 where there is one, else the best body seen from above; else points or lines.

    What only has walls (a fence, a sign) is the line that they stand on; a building needs an area.
    """
    lowest = min(float(body.vertices[:, 2].min()) for _, body in levels.values()) if levels else 0.0
    for level in sorted(levels, key=lambda n: (n != 0, -n)):
        body = levels[level][1]
        area = footprint(body, rounding(crs), metres_per_unit(crs, body))
        if area is not None:
            return shapely.force_3d(shapely.force_2d(area), z=lowest)
    if levels and item.type != BUILDING:
        return standing_line(levels[max(levels)][1])
    return item.shape


def standing_line(body: Body) -> shapely.Geometry | None:
    """The line or point that a body without an area stands on."""
    hull = shapely.convex_hull(shapely.multipoints(body.vertices[:, :2]))
    low = float(body.vertices[:, 2].min())
    return None if shapely.is_empty(hull) else shapely.force_3d(hull, z=low)


def height(item: CityObject, solid: Mapping[int, Body]) -> dict[str, Any]:
    """The height and where it is from: an attribute, else the extent of the most detailed body."""
    for name in HEIGHTS:
        value = item.attributes.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= HIGHEST:
            return {"height": float(value), "height_source": "attribute"}
    if not solid:
        return {"height": None, "height_source": None}
    z = solid[max(solid)].vertices[:, 2]
    return {"height": round(float(np.ptp(z)), 3) or None, "height_source": "geometry"}


def use(item: CityObject) -> str | None:
    """What the building is for: its function, else its usage (codes as the file has them)."""
    said = item.attributes.get("function") or item.attributes.get("usage")
    first = said[0] if isinstance(said, list) and said else said
    return str(first) if first else None


def table(rows: Sequence[Mapping[str, Any]], shape: Shape) -> pa.Table:
    """Rows as columns."""
    fixed: dict[str, pa.DataType] = {"id": pa.string(), "row": pa.int64(), "geom": pa.binary()}
    fixed |= {f"{BODY}lod{level}": pa.binary() for level in shape.levels}
    if shape.building:
        fixed |= {
            "height": pa.float64(),
            "height_source": pa.string(),
            "use": pa.string(),
            "parts": pa.int64(),
            "lod": pa.string(),
        }
    columns = {name: pa.array([r.get(name) for r in rows], kind) for name, kind in fixed.items()}
    named = {(f"{n}_" if shape.building and n in OWN else n): t for n, t in shape.types.items()}
    return pa.table(columns | attributes.columns([r["attributes"] for r in rows], named))
