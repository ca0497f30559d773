"""What reading says of a source besides its rows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import shapely

from pipelines.frames import Prepared
from pipelines.reading import Request, classes, prepare
from twin.table import Batch

SQUARE = shapely.box(118, 38, 118.001, 38.001)
SHAPES = {
    "Point": (shapely.Point(118, 38), shapely.MultiPoint([(118, 38), (118, 39)])),
    "LineString": (shapely.LineString([(118, 38), (118, 39)]), shapely.MultiLineString([[(1, 2), (3, 4)]])),
    "Polygon": (SQUARE, shapely.MultiPolygon([SQUARE])),
    "GeometryCollection": (shapely.GeometryCollection([SQUARE]),),
}


@pytest.mark.parametrize("flavor", ["iso", "extended"])
@pytest.mark.parametrize("byte_order", [0, 1])
def test_classes_are_told_by_the_first_bytes(flavor: Any, byte_order: int) -> None:
    for name, shapes in SHAPES.items():
        every = [*shapes, *(shapely.force_3d(s) for s in shapes)]
        blobs = [shapely.to_wkb(s, flavor=flavor, byte_order=byte_order) for s in every]
        batch = Batch(table=pa.table({"geom": pa.array([*blobs, None], pa.binary())}), crs=None)
        assert classes(batch) == {name: len(every)}


def geojson(path: Path, *shapes: Any) -> Path:
    features = [
        {"type": "Feature", "properties": {}, "geometry": shapely.geometry.mapping(s)} for s in shapes
    ]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    return path


def taken(path: Path, **said: Any) -> tuple[Prepared, list[Batch]]:
    (part,) = prepare(Request(paths=(str(path),), layer="x", **said))
    return part, list(part.batches)


def test_a_point_among_polygons_goes_in_and_is_said(tmp_path: Path) -> None:
    """F14, where no kind says what the layer holds."""
    part, batches = taken(geojson(tmp_path / "a.geojson", SQUARE, SQUARE, shapely.Point(118, 38)))
    assert part.layer.geometry == "Geometry"
    assert sum(b.table.num_rows for b in batches) == 3
    assert batches[-1].notes == ("geometries of several kinds went in: 2 Polygon, 1 Point",)


def test_a_point_among_buildings_is_refused_and_one_class_is_not_worth_a_word(tmp_path: Path) -> None:
    path = geojson(tmp_path / "a.geojson", SQUARE, shapely.MultiPolygon([SQUARE]), shapely.Point(118, 38))
    _, batches = taken(path, kind="buildings")
    assert [r.row for b in batches for r in b.rejected] == [2]
    _, plain = taken(geojson(tmp_path / "b.geojson", SQUARE, shapely.MultiPolygon([SQUARE])))
    assert [n for b in plain for n in b.notes if "several kinds" in n] == []
