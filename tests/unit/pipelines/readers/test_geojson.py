"""Rows F01-F16 and F24 of the list of hostile inputs, and what an honest file gives."""

import json
import math

import numpy as np
import pytest
import shapely

from layers import buildings, features
from layers.conform import conform
from pipelines.readers import geojson
from pipelines.readers.reader import Options
from twin.errors import TooLarge, UnknownCRS, UnreadableFile, UnsafeContent
from twin.place import to_crs84

X, Y = 116.4, 39.9
OK = {
    "type": "Polygon",
    "coordinates": [[[X, Y], [X + 2e-4, Y], [X + 2e-4, Y + 2e-4], [X, Y + 2e-4], [X, Y]]],
}


def point(x, y):
    return {"type": "Point", "coordinates": [x, y]}


def collection(rows):
    return {
        "type": "FeatureCollection",
        "features": [
            {"type": "Feature", "id": i, "properties": p, "geometry": g} for i, (p, g) in enumerate(rows)
        ],
    }


@pytest.fixture
def write(tmp_path):
    def put(content, name="f.geojson"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
        return path

    return put


def read(path, kind=features.KIND, **options):
    """Through reader, place and conform: the rows and what was refused."""
    (part,) = geojson.read((path,), Options(**options))
    batches = [conform(to_crs84(b), kind) for b in part.batches]
    rejected = {r.row: r.reason for b in batches for r in b.rejected}
    rows = [row for b in batches for row in b.table.to_pylist()]
    assert part.rows == len(rows) + len(rejected)
    return rows, rejected, [n for b in batches for n in (*part.notes, *b.notes)]


def test_a_truncated_file_is_refused_with_its_last_byte(write):
    text = (
        b'{"type":"FeatureCollection","features":[{"type":"Feature","geometry":'
        b'{"type":"Point","coordinates":[116.4,39.9'
    )
    with pytest.raises(UnreadableFile, match=f"truncated; the file ends at byte {len(text)}"):
        read(write(text))


def test_a_byte_order_mark_does_no_harm(write):
    rows, rejected, _ = read(write(b"\xef\xbb\xbf" + json.dumps(collection([({}, OK)])).encode()))
    assert (len(rows), rejected) == (1, {})


def test_a_row_with_nan_goes_to_quarantine_and_its_neighbours_go_in(write):
    rows, rejected, _ = read(write(collection([({}, OK), ({}, point(float("nan"), 39.9)), ({}, OK)])))
    assert len(rows) == 2
    assert rejected == {1: "geometry: NaN"}


def rings(*found):
    return {"type": "Polygon", "coordinates": list(found)}


def box(a, b):
    return [[a, a], [b, a], [b, b], [a, b], [a, a]]


@pytest.mark.parametrize(
    ("geometry", "reason"),
    [
        (rings([[0, 0], [1, 1], [1, 0], [0, 1], [0, 0]]), "geometry: self-intersection at 0.5, 0.5"),
        (rings([[0, 0], [1, 0], [1, 1]]), "geometry: ring not closed"),
        (
            rings([[0, 0], [1, 0], [1, 1], [0, 0]], [[5, 5], [6, 5], [6, 6], [5, 5]]),
            "geometry: hole outside shell at 5, 5",
        ),
        (rings(box(0, 9), box(1, 5), box(2, 3)), "geometry: holes are nested"),
        (rings(box(0, 9), box(1, 5), box(1, 5)), "geometry: self-intersection at"),
        (rings([[0, 0], [1, 1], [0, 0]]), "geometry: too few points"),
        (point(39.9, 116.4), "outside-crs-area: latitude 116.4; coordinates look swapped"),
        (point(500000, 4400000), "look like metres, not degrees; name their CRS with --crs"),
        (point(1e400, 1), "geometry: infinite"),
        (point("a", 1), "geometry: ['a', 1] is no position"),
        ({"type": "Blob", "coordinates": [1, 2]}, "geometry: no type 'Blob'"),
        ({"type": "Polygon", "coordinates": [1, 2]}, "geometry: coordinates of a Polygon are not nested"),
        (None, "geometry: null"),
    ],
)
def test_a_bad_geometry_is_quarantined_with_its_fault(write, geometry, reason):
    rows, rejected, _ = read(write(collection([({}, OK), ({}, geometry)])))
    assert [r["id"] for r in rows] == ["0"]
    assert reason in rejected[1]


@pytest.mark.parametrize(
    "crs",
    [
        {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::999999"}},
        {"type": "link", "properties": {"href": "http://127.0.0.1:9/crs"}},
    ],
)
def test_a_crs_that_is_not_known_or_a_link_is_refused(write, crs):
    with pytest.raises(UnknownCRS, match="--crs"):
        read(write(collection([({}, OK)]) | {"crs": crs}))


def test_metres_go_in_when_the_caller_names_their_crs(write):
    rows, rejected, _ = read(write(collection([({}, point(500000, 4200000))])), crs="EPSG:4548")
    assert not rejected
    assert shapely.from_wkb(rows[0]["geom"]).x == pytest.approx(117)


def test_a_ring_over_the_antimeridian_is_cut_and_said_to_be(write):
    ring = rings([[179, 0], [-179, 0], [-179, 1], [179, 1], [179, 0]])
    rows, _, notes = read(write(collection([({}, ring)])))
    assert shapely.from_wkb(rows[0]["geom"]).area == pytest.approx(2)
    assert any("180th meridian" in n for n in notes)


def test_too_many_vertices_are_refused_before_anything_is_built(write, monkeypatch):
    monkeypatch.setattr(geojson, "VERTICES", 10_000)
    t = np.linspace(0, 2 * math.pi, 30_000)
    ring = np.column_stack([X + 0.01 * np.cos(t), Y + 0.01 * np.sin(t)]).tolist()
    with pytest.raises(TooLarge, match="limit"):
        read(write(collection([({}, rings([*ring, ring[0]]))])))


def test_collections_nested_a_thousand_times_are_quarantined_for_their_depth(write):
    text = '{"type":"Point","coordinates":[0,0]}'
    for _ in range(1000):
        text = f'{{"type":"GeometryCollection","geometries":[{text}]}}'
    whole = f'{{"type":"FeatureCollection","features":[{{"type":"Feature","properties":{{}},"geometry":{text}}}]}}'
    rows, rejected, _ = read(write(whole.encode()))
    assert rows == []
    assert "depth" in rejected[0]


def test_six_heights_are_judged_one_by_one(write):
    heights = [0, None, -999, float("nan"), "12m", 1e9]
    rows, rejected, _ = read(write(collection([({"height": h}, OK) for h in heights])), kind=buildings.KIND)
    assert [r["height"] for r in rows] == [None, None]
    assert [r["height_source"] for r in rows] == ["default", "default"]
    assert sorted(rejected) == [2, 3, 4, 5]


def test_a_polygon_layer_takes_polygons_only(write):
    line = {"type": "LineString", "coordinates": [[X, Y], [X + 1, Y]]}
    multi = {"type": "MultiPolygon", "coordinates": [OK["coordinates"]]}
    found = [({}, OK), ({}, multi), ({}, line), ({}, None)]
    rows, rejected, _ = read(write(collection(found)), kind=buildings.KIND)
    assert len(rows) == 2
    assert rejected == {2: "geometry: a LineString, not a Polygon", 3: "geometry: null"}


def test_xml_in_disguise_is_unsafe_and_not_opened(write):
    with pytest.raises(UnsafeContent, match="XML"):
        read(write(b'<OGRVRTDataSource><OGRVRTLayer name="s"><SrcDataSource>s.geojson</SrcDataSource>'))


@pytest.mark.parametrize(
    "text", [b'{"type":"FeatureCollection","features":[{},]}', b'{"a":1}}', b"[1,2]", b""]
)
def test_what_is_no_geojson_is_refused(write, text):
    with pytest.raises(UnreadableFile):
        read(write(text))


def test_brackets_and_quotes_inside_strings_do_not_confuse_the_scan(write):
    names = ['a"]}', "b\\", 'c\\"[{', "d\\\\"]
    rows, _, _ = read(write(collection([({"name": n}, OK) for n in names])))
    assert [r["name"] for r in rows] == names


def test_a_chunk_may_end_anywhere(write, monkeypatch):
    path = write(collection([({"name": 'x\\"["\\'}, OK), ({"name": "城"}, OK)]))
    for size in range(1, 40):
        monkeypatch.setattr("pipelines.readers.vectors.json_scan.CHUNK", size)
        assert [r["name"] for r in read(path)[0]] == ['x\\"["\\', "城"]


def test_types_hold_over_the_whole_file(write, monkeypatch):
    monkeypatch.setattr(geojson, "ROWS", 1)
    found = [({"n": 1, "m": 1, "j": [1]}, OK), ({"n": 2.5, "m": "x", "j": {"a": 1}}, OK)]
    rows, _, _ = read(write(collection(found)))
    assert [(r["n"], r["m"], r["j"]) for r in rows] == [(1.0, "1", "[1]"), (2.5, "x", '{"a":1}')]


def test_a_sequence_with_and_without_separators_reads_as_the_collection_does(write):
    lines = [json.dumps(f) for f in collection([({"a": 1}, OK), ({"a": 2}, OK)])["features"]]
    plain, _, _ = read(write("\n".join(lines).encode(), "f.geojsonl"))
    marked, _, _ = read(write("".join(f"\x1e{line}\n" for line in lines).encode(), "f.geojson"))
    assert plain == marked
    assert [r["a"] for r in plain] == [1, 2]


def test_a_lone_geometry_and_a_lone_feature_are_one_row(write):
    assert len(read(write(OK))[0]) == 1
    assert len(read(write({"type": "Feature", "properties": {"a": 1}, "geometry": OK}))[0]) == 1


def test_heights_of_positions_are_kept(write):
    rows, _, _ = read(write(collection([({}, {"type": "Point", "coordinates": [X, Y, 7.25]})])))
    assert shapely.from_wkb(rows[0]["geom"]).z == 7.25
