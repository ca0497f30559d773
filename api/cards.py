"""What the viewer is told of a layer: the summary of the tree and the card."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any, cast

from layers.kind import Kind, Legend
from pipelines import reporting
from twin import registry
from twin.model import BBox, Column, LayerState, Report, Titles
from twin.moments import text
from twin.vertical import OFFSET

THEMES = {
    "base": Titles(zh="基础地理", en="Base map"),
    "buildings": Titles(zh="建筑", en="Buildings"),
    "pipes": Titles(zh="地下管线", en="Underground pipes"),
    "transport": Titles(zh="道路交通", en="Roads and traffic"),
    "iot": Titles(zh="物联感知", en="Sensors"),
    "emergency": Titles(zh="应急", en="Emergency"),
    "governance": Titles(zh="城市治理", en="Governance"),
    "planning": Titles(zh="规划", en="Planning"),
    "other": Titles(zh="其他", en="Other"),
}


def kinds() -> dict[str, Kind]:
    """Every kind by name."""
    return cast("dict[str, Kind]", registry.entries("layers", "KIND"))


def kind_of(state: LayerState) -> Kind:
    """The layer's kind; a kind that is no longer installed is drawn as plain features."""
    found = kinds()
    return found.get(state.layer.kind, found["features"])


def summary(state: LayerState, reports: tuple[Report, ...], now: datetime) -> dict[str, Any]:
    """A layer as the tree shows it; a due date that counts from the last survey asks for its reports."""
    layer, kind = state.layer, kind_of(state)
    said = reporting.card(state, reports, now)
    theme = layer.theme if layer.theme in THEMES else "other"
    return {
        "id": layer.id,
        "kind": layer.kind,
        "title": asdict(layer.title),
        "theme": {"id": theme, **asdict(THEMES[theme])},
        "department": asdict(layer.department) if layer.department else None,
        "geometry": layer.geometry,
        "count": state.count,
        "bbox": corners(state.bbox),
        "z": state.z,
        "time": {"from": text(state.time[0]), "to": text(state.time[1])} if state.time else None,
        "version": state.version,
        "updated": text(state.updated),
        "owner": said["owner"],
        "due": said["due"],
        "overdue": said["overdue"],
        "invented": layer.invented,
        "vertical": layer.vertical,
        "vertical_offset": layer.extra.get(OFFSET),
        "crs": layer.crs,
        "schematic": layer.schematic,
        "label": kind.label,
        "draw": draw(state, kind),
    }


def draw(state: LayerState, kind: Kind) -> dict[str, Any]:
    """How the viewer draws a layer, and where it gets it."""
    path = f"/tiles/{state.layer.id}"
    mode = "points" if kind.draw == "flat" and state.layer.geometry == "Point" else kind.draw
    found: dict[str, Any] = {
        "mode": mode,
        "visible": bool(state.layer.extra.get("visible", kind.visible)),
        "opacity": 1.0,
        "by": kind.legend_by,
        "legend": [legend(entry) for entry in kind.legend],
    }
    if mode in ("3dtiles", "mesh", "pointcloud"):
        found["tileset"] = f"{path}/tileset.json"
    if mode == "3dtiles":
        # What a tile does not carry cannot colour it.
        found["columns"] = list(kind.mesh_columns)
    if mode in ("mesh", "pointcloud"):
        found["offset"] = float(state.layer.extra.get("offset", 0.0))
        found["points"] = points = state.layer.extra.get("points")
        if points:
            # Of the many classes that there may be only those that a point has.
            found["legend"] = [
                e for e in found["legend"] if e["value"] is None or str(e["value"]) in points["classes"]
            ]
    if mode not in ("terrain", "imagery"):
        found["mvt"] = f"{path}/{{z}}/{{x}}/{{y}}.mvt"
    if mode == "imagery":
        found["imagery"] = f"{path}/{{z}}/{{x}}/{{y}}.png"
    return found


def legend(entry: Legend) -> dict[str, Any]:
    """One legend entry."""
    return {"value": entry.value, "label": asdict(entry.label), "color": entry.color, "symbol": entry.symbol}


def card(state: LayerState, reports: tuple[Report, ...], quarantined: int, now: datetime) -> dict[str, Any]:
    """A layer with its columns, lineage and reports."""
    layer = state.layer
    return {
        **summary(state, reports, now),
        **reporting.card(state, reports, now),
        "columns": [column(c) for c in layer.columns],
        "lineage": [
            {"at": text(r.at), "source": r.source, "reader": r.reader, "note": "; ".join(r.notes)}
            for r in reports
        ],
        "reports": [
            {**reporting.facts(r), "href": f"/api/layers/{layer.id}/reports/{r.commit}"} for r in reports
        ],
        "quarantine": {"count": quarantined, "href": f"/api/layers/{layer.id}/quarantine"},
    }


def column(found: Column) -> dict[str, Any]:
    """A column with its titles."""
    return {"name": found.name, "type": found.type, "unit": found.unit, "title": asdict(found.title)}


def corners(box: BBox | None) -> list[float] | None:
    """West, south, east, north as JSON."""
    return list(box.astuple()) if box else None
