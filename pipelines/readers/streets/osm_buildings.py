"""Buildings of OpenStreetMap: closed ways and multipolygons, with a height where one can be known."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import orjson
import osmium
import pyarrow as pa
import shapely

from pipelines.readers.streets import osm_values as values
from twin import space
from twin.model import Rejected
from twin.table import Batch

ROWS: Final = 50_000
NONE: Final = ("no", "construction", "proposed", "demolished", "razed")
"""Values of `building` that say that none stands there."""


@dataclass(kw_only=True)
class Found:
    """Buildings as they are read."""

    ids: list[str] = field(default_factory=list)
    shapes: list[bytes] = field(default_factory=list)
    """WKB."""
    tags: list[dict[str, str]] = field(default_factory=list)
    clipped: list[bool] = field(default_factory=list)
    """Whether nodes of it lie beyond the extract."""
    rejected: list[Rejected] = field(default_factory=list)
    folded: int = 0
    """Ways left out because a relation of theirs is the building."""


@dataclass(frozen=True, kw_only=True)
class Outline:
    """A building of which osmium made no area yet: its tags and what is known of its outline."""

    tags: dict[str, str]
    places: tuple[tuple[float, float], ...] = ()
    """Of a way: the nodes that are in the file."""
    closed: bool = False
    lost: int = 0
    """Nodes that are not."""
    members: tuple[tuple[int, str], ...] = ()
    """Of a relation: ways and roles."""


class Areas(osmium.SimpleHandler):
    """Called by osmium for each object: state, so a class."""

    def __init__(self) -> None:
        super().__init__()
        self.found = Found()
        self.outlines: dict[str, Outline] = {}
        self.outer: dict[str, str] = {}
        """Way -> the relation that is a building and whose outline it is."""
        self._wkb = osmium.geom.WKBFactory()

    def way(self, way: osmium.osm.Way) -> None:
        """Remember the outline of a way that is a building, until its area comes."""
        if standing(way.tags):
            self.outlines[f"way/{way.id}"] = outline(way)

    def relation(self, relation: osmium.osm.Relation) -> None:
        """Remember a relation that is a building, until its area comes."""
        if relation.tags.get("type") == "multipolygon" and standing(relation.tags):
            members = tuple((m.ref, m.role) for m in relation.members if m.type == "w")
            self.outer |= {
                f"way/{ref}": f"relation/{relation.id}" for ref, role in members if role != "inner"
            }
            self.outlines[f"relation/{relation.id}"] = Outline(tags=dict(relation.tags), members=members)

    def area(self, area: osmium.osm.Area) -> None:
        """Take an area that is a building."""
        name = f"{'way' if area.from_way() else 'relation'}/{area.orig_id()}"
        if not standing(area.tags):
            return
        try:
            shape = self._wkb.create_multipolygon(area)
        except RuntimeError:
            return  # it stays among the outlines
        self.outlines.pop(name, None)
        take(self.found, name, bytes.fromhex(shape), dict(area.tags), clipped=False)


def outline(way: osmium.osm.Way) -> Outline:
    """What the file holds of a way."""
    places = tuple((n.lon, n.lat) for n in way.nodes if n.location.valid())
    closed = len(way.nodes) > 3 and way.nodes[0].ref == way.nodes[-1].ref
    return Outline(tags=dict(way.tags), places=places, closed=closed, lost=len(way.nodes) - len(places))


def take(found: Found, name: str, shape: bytes, tags: dict[str, str], *, clipped: bool) -> None:
    """Add a building."""
    found.ids.append(name)
    found.shapes.append(shape)
    found.tags.append(tags)
    found.clipped.append(clipped)


def standing(tags: Any) -> bool:
    """Whether the tags say that a building stands."""
    return tags.get("building", "no") not in NONE


def collect(path: Path) -> Found:
    """The buildings of a file."""
    handler = Areas()
    # No filter on tags: it would keep the untagged outer ways of multipolygons from the assembler.
    handler.apply_file(str(path), locations=True)
    found = without(handler.found, handler.outer)
    taken = {*found.ids, *handler.outer}
    left = {name: o for name, o in handler.outlines.items() if name not in taken}
    _patch(path, found, left)
    return found


def without(found: Found, outer: dict[str, str]) -> Found:
    """The buildings but for ways that are a building's outline: mapped twice, it is one building.

    What only the way says (its levels, say) is the building's.
    """
    kept = [i for i, name in enumerate(found.ids) if name not in outer]
    said = {outer[name]: tags for name, tags in zip(found.ids, found.tags, strict=True) if name in outer}
    return Found(
        ids=[found.ids[i] for i in kept],
        shapes=[found.shapes[i] for i in kept],
        tags=[{**said.get(found.ids[i], {}), **found.tags[i]} for i in kept],
        clipped=[found.clipped[i] for i in kept],
        rejected=found.rejected,
        folded=len(found.ids) - len(kept),
    )


def _patch(path: Path, found: Found, left: dict[str, Outline]) -> None:
    """Buildings that osmium could not close: at an extract's edge from the nodes that are here, flagged."""
    ways = _members(path, {ref for o in left.values() for ref, _ in o.members})
    for name, one in left.items():
        shape = _joined(one, ways) if one.members else _ring(one)
        lost = one.lost or any(ways[r].lost if r in ways else True for r, _ in one.members)
        if shape is None:
            why = "too few of its nodes are in the file" if lost else "its rings do not close"
            original = orjson.dumps(one.tags).decode()[:2000]
            found.rejected.append(
                Rejected(row=name, column="geom", reason=f"geometry: {why}", original=original)
            )
        else:
            whole = _tidy(shape) if lost else shape
            take(found, name, shapely.to_wkb(whole), one.tags, clipped=bool(lost))


def _ring(one: Outline) -> shapely.Polygon | None:
    """A way's polygon; conform judges whether it is valid."""
    if len(set(one.places)) < 3 or not (one.closed or one.lost):
        return None
    return shapely.Polygon(one.places)


def _members(path: Path, wanted: set[int]) -> dict[int, Outline]:
    """Outlines of the ways with these ids."""
    if not wanted:
        return {}
    reading = osmium.FileProcessor(str(path), osmium.osm.NODE | osmium.osm.WAY).with_locations()
    ways = reading.with_filter(osmium.filter.EntityFilter(osmium.osm.WAY))
    found = ways.with_filter(osmium.filter.IdFilter(wanted))
    return {w.id: outline(w) for w in found if isinstance(w, osmium.osm.Way)}


def _joined(one: Outline, ways: dict[int, Outline]) -> shapely.Geometry | None:
    """A relation's polygons out of the member ways that are here, inner ones cut out."""
    outer, inner = (
        [ways[ref].places for ref, role in one.members if ref in ways and (role == "inner") == holes]
        for holes in (False, True)
    )
    shell, hole = _closed(outer), _closed(inner)
    return shapely.difference(shell, hole) if shell is not None and hole is not None else shell


def _closed(lines: list[tuple[tuple[float, float], ...]]) -> shapely.Geometry | None:
    """Lines joined end to end and closed, as polygons."""
    long = [shapely.LineString(line) for line in lines if len(line) > 1]
    merged = shapely.get_parts(shapely.line_merge(shapely.MultiLineString(long))) if long else []
    rings = [shapely.Polygon(line.coords) for line in merged if len(line.coords) > 2]
    return _tidy(shapely.MultiPolygon(rings)) if rings else None


def _tidy(shape: shapely.Geometry) -> shapely.Geometry:
    """Areas without crossings: what is left of an outline may cross itself where nodes are missing."""
    return shapely.make_valid(shape, method="structure", keep_collapsed=False)


def batches(found: Found) -> Iterator[Batch]:
    """The buildings as rows of the buildings kind."""
    for start in range(0, max(len(found.ids), 1), ROWS):
        yield Batch(
            table=_table(found, slice(start, start + ROWS)),
            crs=space.crs("OGC:CRS84"),
            rejected=tuple(found.rejected) if start == 0 else (),
        )


def _table(found: Found, some: slice) -> pa.Table:
    tags = found.tags[some]
    heights = [values.height(t) for t in tags]
    return pa.table(
        {
            "id": pa.array(found.ids[some], pa.string()),
            "name": pa.array([t.get("name") for t in tags], pa.string()),
            "name_en": pa.array([t.get("name:en") for t in tags], pa.string()),
            "address": pa.array([address(t) for t in tags], pa.string()),
            "use": pa.array([_use(t) for t in tags], pa.string()),
            "storeys": pa.array([values.count(t.get("building:levels")) for t in tags], pa.int64()),
            "storeys_below": pa.array(
                [values.count(t.get("building:levels:underground")) for t in tags], pa.int64()
            ),
            "height": pa.array([h for h, _ in heights], pa.float64()),
            "height_source": pa.array([source for _, source in heights], pa.string()),
            "year_built": pa.array([_year(t.get("start_date")) for t in tags], pa.int64()),
            "roof": pa.array([t.get("roof:shape") for t in tags], pa.string()),
            "tags": pa.array([orjson.dumps(t).decode() for t in tags], pa.string()),
            "clipped": pa.array(found.clipped[some], pa.bool_()),
            "geom": pa.array(found.shapes[some], pa.binary()),
            "row": pa.array(range(some.start, some.start + len(tags)), pa.int64()),
        }
    )


def address(tags: dict[str, str]) -> str | None:
    """Street and number in one line."""
    parts = [tags[k] for k in ("addr:street", "addr:housenumber") if k in tags]
    return " ".join(parts) or None


def _use(tags: dict[str, str]) -> str | None:
    said = tags.get("building:use") or tags["building"]
    return None if said == "yes" else said


def _year(text: str | None) -> int | None:
    """The year of `1913`, `1913-05` and `1913-05-01`; `~1900` and `C19` say no year."""
    word = (text or "").split("-")[0]
    return int(word) if len(word) == 4 and word.isdigit() else None
