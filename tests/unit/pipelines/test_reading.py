"""What reading says of a source besides its rows."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import osmium
import pyarrow as pa
import pyogrio
import pytest
import shapely

from layers import buildings, roads
from pipelines.frames import Prepared
from pipelines.reading import Request, classes, prepare
from twin.model import Titles
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
        assert classes(batch.table["geom"]) == {name: len(every)}


WATER = Titles(zh="供水", en="Water")
INP = """[JUNCTIONS]\n a 0\n b 0\n[PIPES]\n p a b 10 100\n[COORDINATES]\n a 500000 4200000\n b 500010 4200000\n"""


def titles(path: Path, title: Titles = WATER, **said: Any) -> dict[str, tuple[str, str]]:
    parts = prepare(Request(paths=(str(path),), layer="x", title=title, **said))
    return {p.layer.id: (p.layer.title.zh, p.layer.title.en) for p in parts}


def test_the_nodes_of_a_network_are_titled_in_both_languages(tmp_path: Path) -> None:
    (tmp_path / "a.inp").write_text(INP)
    found = titles(tmp_path / "a.inp", crs="EPSG:4548")
    assert found == {"x": ("供水", "Water"), "x_nodes": ("供水 · 节点", "Water · Nodes")}
    chinese = titles(tmp_path / "a.inp", Titles(zh="供水"), crs="EPSG:4548")
    assert chinese["x_nodes"] == ("供水 · 节点", "供水 · Nodes")
    assert titles(tmp_path / "a.inp", Titles(), crs="EPSG:4548")["x_nodes"] == ("x_nodes", "x_nodes")


def test_parts_of_several_files_in_an_archive_are_titled_by_file_and_part(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("east.inp", INP)
        archive.writestr("west.inp", INP)
    found = titles(tmp_path / "a.zip", crs="EPSG:4548")
    assert found["x_east"] == ("供水 · east", "Water · east")
    assert found["x_west_nodes"] == ("供水 · west · 节点", "Water · west · Nodes")


def test_the_tables_of_a_geopackage_are_titled_by_their_names(tmp_path: Path) -> None:
    table = pa.table({"name": ["a"], "geometry": pa.array([shapely.to_wkb(SQUARE)], pa.binary())})
    for n, name in enumerate(("管线", "manholes")):
        pyogrio.write_arrow(
            table, tmp_path / "a.gpkg", layer=name, crs="EPSG:4326", geometry_name="geometry",
            geometry_type="Polygon", append=n > 0,
        )  # fmt: skip
    found = titles(tmp_path / "a.gpkg")
    assert found == {
        "x_管线": ("供水 · 管线", "Water · 管线"),
        "x_manholes": ("供水 · manholes", "Water · manholes"),
    }


def test_parts_named_after_kinds_have_the_kinds_titles(tmp_path: Path) -> None:
    path = tmp_path / "a.osm.pbf"
    with osmium.SimpleWriter(str(path)) as out:
        for n, (lon, lat) in enumerate(((118.0, 38.0), (118.001, 38.0), (118.001, 38.001)), 1):
            out.add_node(osmium.osm.mutable.Node(id=n, location=(lon, lat), version=1))
        out.add_way(osmium.osm.mutable.Way(id=1, nodes=[1, 2], tags={"highway": "residential"}, version=1))
        house = {"building": "yes"}
        out.add_way(osmium.osm.mutable.Way(id=2, nodes=[1, 2, 3, 1], tags=house, version=1))
    found = titles(path)
    kinds = {"x_roads": roads.KIND.title, "x_buildings": buildings.KIND.title}
    assert found == {n: (f"供水 · {t.zh}", f"Water · {t.en}") for n, t in kinds.items()}


def test_types_of_city_objects_are_titled_in_both_languages(tmp_path: Path) -> None:
    faces = [[[0, 1, 2, 3]]]
    objects = {
        kind: {"type": kind, "geometry": [{"type": "MultiSurface", "lod": "1", "boundaries": faces}]}
        for kind in ("Building", "Bridge", "+Kiosk")
    }
    model = {
        "type": "CityJSON", "version": "2.0", "transform": {"scale": [1, 1, 1], "translate": [0, 0, 0]},
        "metadata": {"referenceSystem": "https://www.opengis.net/def/crs/EPSG/0/4548"},
        "CityObjects": objects,
        "vertices": [[500000, 4200000, 0], [500010, 4200000, 0], [500010, 4200010, 0], [500000, 4200010, 0]],
    }  # fmt: skip
    (tmp_path / "a.city.json").write_text(json.dumps(model))
    found = titles(tmp_path / "a.city.json")
    assert found["x"] == ("供水", "Water")
    assert found["x_Bridge"] == ("供水 · 桥梁", "Water · Bridges")
    assert found["x_Kiosk"] == ("供水 · Kiosk", "Water · Kiosk")


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
