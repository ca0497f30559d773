"""A delivery continues the layer that is there."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import shapely
from tests_support import HOUSES, houses

from pipelines.ingest import continued, take
from pipelines.readers import geojson
from pipelines.reading import Request, prepare
from twin.errors import InvalidParameter
from twin.memory.store import MemoryStore
from twin.model import Delivery, Report, Titles
from twin.policy import Policy
from twin.settings import Settings

SQUARES = [shapely.box(118 + n / 1e3, 38, 118.0005 + n / 1e3, 38.001) for n in range(90)]


def test_what_a_delivery_does_not_say_stays_as_it_was() -> None:
    store = MemoryStore()
    assert continued(store, HOUSES) == HOUSES
    first = replace(HOUSES, vertical="EPSG:5737", theme="planning", invented=True, order=3)
    store.write(first, [houses()], Delivery(source="survey"))
    later = replace(HOUSES, title=Titles(zh="houses", en="houses"), theme="other")
    found = continued(store, later)
    assert (found.vertical, found.theme, found.invented, found.order) == ("EPSG:5737", "planning", True, 3)
    assert found.title.zh == "房屋"
    assert continued(store, replace(later, vertical="ellipsoid")).vertical == "ellipsoid"


def test_a_delivery_of_another_kind_is_refused() -> None:
    store = MemoryStore()
    store.write(HOUSES, [houses()], Delivery(source="survey"))
    with pytest.raises(InvalidParameter, match="kind features"):
        continued(store, replace(HOUSES, kind="buildings"))


def file(path: Path, *shapes: shapely.Geometry) -> Path:
    features = [
        {"type": "Feature", "id": n, "properties": {}, "geometry": shapely.geometry.mapping(s)}
        for n, s in enumerate(shapes)
    ]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    return path


def ingested(store: MemoryStore, home: Path, path: Path, **said: Any) -> Report:
    (part,) = prepare(Request(paths=(str(path),), layer="x", **said))
    assert part.layer.geometry == "Polygon"  # as far as the first batch tells
    return take(store, part, Settings(home=home))


def test_a_class_that_comes_late_in_a_file_is_the_layers_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(geojson, "ROWS", 40)  # so that a file of few rows has several batches
    store = MemoryStore()
    report = ingested(store, tmp_path, file(tmp_path / "a.geojson", *SQUARES, shapely.Point(118, 39)))
    assert report.accepted == 91
    assert "geometries of several kinds went in: 90 Polygon, 1 Point" in report.notes
    assert store.layer("x", Policy.open()).layer.geometry == "Geometry"


def test_a_class_that_comes_late_in_a_second_file_is_the_layers_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(geojson, "ROWS", 40)
    store = MemoryStore()
    ingested(store, tmp_path, file(tmp_path / "a.geojson", *SQUARES))
    assert store.layer("x", Policy.open()).layer.geometry == "Polygon"
    line = shapely.LineString([(118, 38), (118.1, 38.1)])
    ingested(store, tmp_path, file(tmp_path / "b.geojson", *SQUARES, line))
    assert store.layer("x", Policy.open()).layer.geometry == "Geometry"
    ingested(store, tmp_path, file(tmp_path / "a.geojson", *SQUARES))
    assert store.layer("x", Policy.open()).layer.geometry == "Geometry"  # of what was there before
