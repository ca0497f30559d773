"""Catalogue rows, reports and feed entries as JSON and back, for stores and backups."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, fields, replace
from datetime import UTC, datetime
from typing import Any, Final

import orjson
import shapely

from twin.model import BBox, Change, Column, Delivery, Geometry, Layer, Rejected, Report, Titles
from twin.policy import EVERY
from twin.quarantine import stands
from twin.table import BODY, own_name, widened

LAYER: Final = frozenset(f.name for f in fields(Layer))
"""What a catalogue row has; older homes and backups may have said more."""
CARD: Final = ("owner", "accuracy", "lineage", "licence", "attribution", "due")
"""What the sender says of a layer; a delivery that says nothing of one leaves it."""


def dumps(record: Layer | Report | Change | Rejected) -> str:
    """A record as JSON text; moments are RFC 3339 in UTC."""
    return orjson.dumps(asdict(record), option=orjson.OPT_UTC_Z).decode()


def layer_from(record: Mapping[str, Any]) -> Layer:
    """The layer of a JSON object."""
    columns = tuple(Column(**{**c, "title": Titles(**c["title"])}) for c in record["columns"])
    department = Titles(**record["department"]) if record["department"] else None
    known = {n: v for n, v in record.items() if n in LAYER}
    return Layer(
        **{**known, "columns": columns, "title": Titles(**record["title"]), "department": department}
    )


def report_from(record: Mapping[str, Any]) -> Report:
    """The report of a JSON object."""
    return Report(
        **{
            **record,
            "at": moment(record["at"]),
            "extent": _box(record["extent"]),
            "notes": tuple(record["notes"]),
            "dated": moment(record["dated"]) if record.get("dated") else None,
        }
    )


def change_from(record: Mapping[str, Any]) -> Change:
    """The feed entry of a JSON object."""
    ids = None if record["ids"] is None else tuple(record["ids"])
    known = {**record, "news": tuple(record.get("news", ()))}
    return Change(**{**known, "at": moment(record["at"]), "bbox": _box(record["bbox"]), "ids": ids})


def rejected_from(record: Mapping[str, Any]) -> Rejected:
    """The quarantined row of a JSON object."""
    place = record.get("place")
    return Rejected(**{**record, "place": tuple(place) if place else None})


def moment(text: str) -> datetime:
    """The moment of an RFC 3339 text."""
    return datetime.fromisoformat(text).astimezone(UTC)


def _box(record: Mapping[str, float] | None) -> BBox | None:
    return None if record is None else BBox(**record)


def merged(
    old: Layer | None, new: Layer, arrived: tuple[Column, ...] = (), classes: Collection[str] = ()
) -> Layer:
    """The catalogue row after a delivery: what the delivery says, and every column there ever was.

    Types only widen, the class of geometry too; empty titles, units and `extra` members do not wipe out what is
    known.

    Args:
        arrived: the columns that came. classes: of the geometries that came (`twin.wkb`).
    """
    said = tuple(replace(c, name=own_name(c.name)) for c in new.columns)
    columns: dict[str, Column] = {c.name: c for c in old.columns} if old else {}
    for column in (*said, *arrived):
        known = columns.get(column.name)
        columns[column.name] = _both(known, column) if known else column
    geometry = _holding(old, new, classes)
    if old is None:
        return replace(new, columns=tuple(columns.values()), geometry=geometry)
    return replace(
        new,
        columns=tuple(columns.values()),
        geometry=geometry,
        title=new.title if new.title.zh or new.title.en else old.title,
        department=new.department or old.department,
        **{name: getattr(new, name) or getattr(old, name) for name in CARD},
        extra={**old.extra, **new.extra},
    )


def news(old: Layer | None, new: Layer) -> tuple[str, ...]:
    """What of a catalogue row is new (`twin.model.Change.news`); empty when nothing is."""
    if old is None:
        return (EVERY,)
    before = {c.name: c for c in old.columns}
    names = sorted(c.name for c in new.columns if before.get(c.name) != c)
    public = replace(old, columns=(), extra={}) != replace(new, columns=(), extra={})
    private = not (public or names) and old != new
    return (*names, *([EVERY] if public else []), *([""] if private else []))


def _holding(old: Layer | None, new: Layer, classes: Collection[str]) -> Geometry:
    """The class of all that a layer holds: the one that is said, or `Geometry` once others came."""
    if new.geometry == "Raster":
        return new.geometry
    return new.geometry if {*classes, *([old.geometry] if old else [])} <= {new.geometry} else "Geometry"


def _both(old: Column, new: Column) -> Column:
    return Column(
        name=old.name,
        type=widened(old.type, new.type),
        unit=new.unit or old.unit,
        title=new.title if new.title.zh or new.title.en else old.title,
    )


def refused(raw: Mapping[str, Any], column: str, reason: str) -> Rejected:
    """An arriving row as the quarantine keeps it: its geometry as text, its attributes as they came."""
    values = {n: v for n, v in raw.items() if v is not None and not n.startswith(BODY) and n != "row"}
    place = None
    if "geom" in values:
        shape = shapely.from_wkb(values["geom"])
        place, values["geom"] = stands(shape), shapely.to_wkt(shape)
    text = orjson.dumps(values, default=str, option=orjson.OPT_UTC_Z).decode()
    return Rejected(row=raw["row"], column=column, reason=reason, original=text[:2000], place=place)


def report(
    layer: Layer,
    delivery: Delivery,
    commit: int,
    at: datetime,
    *,
    read: int,
    quarantined: int = 0,
    **counts: Any,
) -> Report:
    """What became of a delivery; what is not quarantined is accepted."""
    return Report(
        commit=commit,
        at=at,
        layer=layer.id,
        source=delivery.source,
        reader=delivery.reader,
        read=read,
        accepted=read - quarantined,
        quarantined=quarantined,
        crs=layer.crs,
        vertical=layer.vertical,
        dated=delivery.at,
        **counts,
    )
