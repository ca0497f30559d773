"""The report of a delivery as a document: what went in, what did not and why, what changed, and where."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime
from typing import Any, Final

import orjson
import shapely

from twin.errors import NotFound
from twin.model import MAIN, OPEN, LayerState, Op, Property, Query, Rejected, Report
from twin.moments import text
from twin.policy import Policy
from twin.renewal import due
from twin.store import Store
from twin.table import STORED

LISTED: Final = 20_000
"""Deliveries that touched more are told by their counts alone: their ids are the layer's."""
DRAWN: Final = 1000
"""Places in the sketch of the report."""
REFUSED: Final = 100_000
"""Refused rows that a store keeps of a delivery."""
EDITS: Final = ("posted", "vertical")
"""Sources of what people change in the twin itself; they are no surveys."""
KINDS: Final = ("added", "removed", "changed_geometry", "changed_attributes")
PERIODS: Final = frozenset({"id", "geom", "valid_from", "valid_to", "dated", *STORED})


def facts(report: Report) -> dict[str, Any]:
    """A report as JSON; its extent west, south, east, north."""
    return {
        **asdict(report),
        "at": text(report.at),
        "dated": text(report.dated),
        "extent": list(report.extent.astuple()) if report.extent else None,
        "notes": list(report.notes),
    }


def surveyed(state: LayerState, reports: Iterable[Report]) -> datetime:
    """The day that a layer is of: the latest that a delivery was true of; what people edit does not renew it."""
    days = [r.dated or r.at for r in reports if r.reader and r.source not in EDITS]
    return max(days, default=state.updated)


def card(state: LayerState, reports: tuple[Report, ...], now: datetime) -> dict[str, Any]:
    """What the sender says of a layer, and how old it is: age in whole days, due date, whether that is past."""
    layer = state.layer
    day = surveyed(state, reports)
    until = due(layer.due, day) if layer.due else None
    return {
        "owner": layer.owner,
        "source": next((r.source for r in reports if r.reader and r.source not in EDITS), None),
        "date": text(day),
        "age_days": max((now - day).days, 0),
        "due": text(until),
        "renewal": layer.due,
        "overdue": until is not None and until <= now,
        "accuracy": layer.accuracy,
        "statement": layer.lineage,
        "licence": layer.licence,
        "attribution": layer.attribution,
    }


def document(
    store: Store, policy: Policy, layer: str, number: int | None, *, now: datetime, refused: int = REFUSED
) -> dict[str, Any]:
    """The report of a commit (None: the newest delivery), with its refused rows and its changes.

    It is for those who see all of the layer, as reports are: it names rows and values as they were delivered.

    Args:
        refused: so many refused rows are given; `quarantined` of the report counts all of them.

    Raises:
        LayerNotFound: there is no such layer, or none that may be seen. NotFound: no such report.
    """
    state = store.layer(layer, policy)
    reports = store.reports(layer, policy)
    found = [r for r in reports if number is None or r.commit == number]
    if not found:
        there = ", ".join(str(r.commit) for r in reports[:20]) or "none"
        raise NotFound(f"{layer} has no report {'' if number is None else number}; there are: {there}")
    report = found[0]
    _, rows = store.quarantine(layer, policy, limit=refused, commit=report.commit)
    earlier = [r.commit for r in reports if r.commit < report.commit and r.source == report.source]
    changes, places = _changes(store, policy, report)
    return {
        "layer": layer,
        "title": asdict(state.layer.title),
        "n": report.commit,
        "report": facts(report),
        "previous": max(earlier, default=None),
        "card": card(state, reports, now),
        "columns": {c.name: asdict(c.title) for c in state.layer.columns},
        "refused": [_row(r) for r in rows],
        "changes": changes,
        "places": [
            *({"kind": "refused", "geometry": _point(r.place)} for r in rows[:DRAWN] if r.place),
            *places,
        ],
    }


def _row(row: Rejected) -> dict[str, Any]:
    """A refused row; its reason without the cell, which is told beside it."""
    prefix = f"{row.cell}: "
    reason = row.reason.removeprefix(prefix) if row.cell else row.reason
    return {**asdict(row), "reason": reason, "place": list(row.place) if row.place else None}


def _point(place: tuple[float, float] | None) -> dict[str, Any]:
    return {"type": "Point", "coordinates": list(place or ())}


def _changes(store: Store, policy: Policy, report: Report) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The ids of each kind of change with their counts, and where the first of them are."""
    counts = {kind: getattr(report, kind) for kind in KINDS}
    touched = sum(counts.values())
    listed = touched <= LISTED
    ids: dict[str, list[str]] = {kind: [] for kind in KINDS}
    places: list[dict[str, Any]] = []
    if touched and listed:
        for id_, (kind, geometry) in sorted(_kinds(store, policy, report).items()):
            ids[kind].append(id_)
            if geometry is not None and len(places) < DRAWN:
                places.append({"kind": kind, "geometry": geometry})
    found = {kind: {"count": counts[kind], "ids": ids[kind]} for kind in KINDS}
    return {**found, "listed": listed, "unchanged": report.unchanged}, places


def _kinds(store: Store, policy: Policy, report: Report) -> dict[str, tuple[str, Any]]:
    """Id -> what became of it, and its geometry (GeoJSON) now or, if it is gone, before."""
    moment = Op(op="in", args=(Property(name="recorded_from"), (report.at,)))
    ended = Op(op="in", args=(Property(name="recorded_to"), (report.at,)))
    query = Query(
        layer=report.layer,
        policy=policy,
        branch=MAIN,
        every=True,
        bodies=True,
        filter=Op(op="or", args=(moment, ended)),
    )
    before: dict[str, list[dict[str, Any]]] = defaultdict(list)
    after: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in store.read(query).to_pylist():
        (after if row["recorded_from"] == report.at else before)[row["id"]].append(row)
    return {id_: _kind(before[id_], after[id_]) for id_ in {*before, *after}}


def _kind(before: list[dict[str, Any]], after: list[dict[str, Any]]) -> tuple[str, Any]:
    """What rows that were ended and rows that were written instead make of an id.

    What remains of an ended row is written again with other periods: it says nothing new.
    """
    shapes, said = ([f(r) for r in before] for f in (_shape, _said))
    new = [r for r in after if _shape(r) not in shapes or _said(r) not in said]
    if not before:
        return "added", _geojson(after[-1])
    if not new:
        return (
            ("removed", _geojson(before[-1])) if _shortened(before, after) else ("added", _geojson(after[-1]))
        )
    moved = any(_shape(r) not in shapes for r in new)
    return "changed_geometry" if moved else "changed_attributes", _geojson(new[-1])


def _shortened(before: list[dict[str, Any]], after: list[dict[str, Any]]) -> bool:
    """Whether what was said for longer is now said for a shorter time."""
    return _span(after) < _span(before)


def _span(rows: list[dict[str, Any]]) -> float:
    return sum(float(((r["valid_to"] or OPEN) - r["valid_from"]).total_seconds()) for r in rows)


def _shape(row: dict[str, Any]) -> Any:
    return row.get("geom"), *(v for n, v in sorted(row.items()) if n.startswith("body_"))


def _said(row: dict[str, Any]) -> Any:
    return {n: v for n, v in row.items() if n not in PERIODS and not n.startswith("body_")}


def _geojson(row: dict[str, Any]) -> Any:
    if row.get("geom") is None:
        return None
    return orjson.loads(shapely.to_geojson(shapely.from_wkb(row["geom"])))
