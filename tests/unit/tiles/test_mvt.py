"""Vector tiles, decoded by mapbox-vector-tile."""

from __future__ import annotations

import mapbox_vector_tile
import numpy as np
import pyarrow as pa
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from tiles import mvt


def decoded(geometries, columns=None):
    """Features by id, y down."""
    shapes = np.array([*geometries, None], object)[:-1]
    table = pa.table({"id": [f"f{i}" for i in range(len(shapes))], **(columns or {})})
    tile = mvt.encode("roads", mvt.grid(shapes), table)
    if not tile:
        return {}
    layer = mapbox_vector_tile.decode(tile, default_options={"y_coord_down": True})["roads"]
    assert (layer["version"], layer["extent"]) == (2, 4096)
    return {f["properties"]["id"]: f for f in layer["features"]}


def commands(tile: bytes) -> list[int]:
    """The geometry integers of a tile with one feature, read from the protobuf by its published schema."""
    from mapbox_vector_tile.Mapbox import vector_tile_pb2

    message = vector_tile_pb2.tile()
    message.ParseFromString(tile)
    return list(message.layers[0].features[0].geometry)


def test_the_worked_example_of_the_specification_comes_out_integer_by_integer():
    # Vector tile specification 2.1, 4.3.5.6 "Example multi polygon"
    outer = shapely.Polygon([(0, 0), (10, 0), (10, 10), (0, 10)])
    holed = shapely.Polygon(
        [(11, 11), (20, 11), (20, 20), (11, 20)], [[(13, 13), (13, 17), (17, 17), (17, 13)]]
    )
    shapes = np.array([shapely.MultiPolygon([outer, holed])], object)
    found = commands(mvt.encode("a", shapes, pa.table({"id": ["x"]})))
    assert found == [
        9, 0, 0, 26, 20, 0, 0, 20, 19, 0, 15,
        9, 22, 2, 26, 18, 0, 0, 18, 17, 0, 15,
        9, 4, 13, 26, 0, 8, 8, 0, 0, 7, 15,
    ]  # fmt: skip


def test_points_lines_and_areas_of_any_kind_come_back_where_they_were():
    shapes = [
        shapely.Point(33, 44),
        shapely.MultiPoint([(1, 2), (3, 4)]),
        shapely.LineString([(0, 0), (500, 50), (900, 50)]),
        shapely.MultiLineString([[(0, 0), (100, 0)], [(0, 50), (100, 60)]]),
        shapely.box(10, 10, 400, 300).difference(shapely.box(100, 100, 200, 200)),
        shapely.MultiPolygon([shapely.box(0, 0, 30, 30), shapely.box(50, 50, 90, 95)]),
    ]
    found = decoded(shapes)
    for i, shape in enumerate(shapes):
        assert shapely.geometry.shape(found[f"f{i}"]["geometry"]).equals(shape)


def test_properties_keep_their_types_and_null_is_absent():
    columns = {
        "name": ["中山路", None],
        "lanes": pa.array([4, -3]),
        "width": [12.5, None],
        "oneway": [True, False],
        "since": pa.array([0, None], pa.date32()),
        "body": pa.array([b"x", b"y"], pa.binary()),
    }
    found = decoded([shapely.Point(1, 1), shapely.Point(2, 2)], columns)
    assert found["f0"]["properties"] == {
        "id": "f0", "name": "中山路", "lanes": 4, "width": 12.5, "oneway": True, "since": "1970-01-01",
    }  # fmt: skip
    assert found["f1"]["properties"] == {"id": "f1", "lanes": -3, "oneway": False}


def test_what_the_grid_makes_of_nothing_is_left_out():
    shapes = [
        shapely.box(5, 5, 5.2, 5.2),
        shapely.LineString([(1, 1), (1.1, 1.1)]),
        shapely.Point(5, 5),
        None,
    ]
    assert set(decoded(shapes)) == {"f2"}


def test_a_tile_without_anything_has_no_bytes():
    assert mvt.encode("a", np.array([None], object), pa.table({"id": ["x"]})) == b""
    assert mvt.encode("a", np.empty(0, object), pa.table({"id": pa.array([], pa.string())})) == b""


def test_geometry_is_cut_at_the_buffer():
    found = decoded([shapely.box(-9000, 100, 9000, 200), shapely.box(5000, 0, 6000, 100)])
    assert set(found) == {"f0"}
    assert shapely.geometry.shape(found["f0"]["geometry"]).bounds == (-64, 100, 4160, 200)


def test_a_ring_that_crosses_itself_on_the_grid_is_mended():
    # a spike so thin that rounding folds it over the opposite side
    spike = shapely.Polygon([(0, 0), (100, 0), (100, 50.4), (20, 50.4), (99.6, 50.6), (0, 100)])
    found = decoded([spike])
    assert shapely.geometry.shape(found["f0"]["geometry"]).is_valid


coordinate = st.floats(-500, 4600, allow_nan=False)


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.tuples(coordinate, coordinate, st.floats(3, 900), st.integers(3, 9)), min_size=1, max_size=12)
)
def test_polygons_come_back_valid_and_clockwise_and_where_they_were(blobs):
    shapes = [shapely.Point(x, y).buffer(r, quad_segs=n) for x, y, r, n in blobs]
    shapes = [s.difference(s.buffer(-s.length / 40)) for s in shapes]
    found = decoded(shapes)
    window = shapely.box(-64, -64, 4160, 4160)
    for i, shape in enumerate(shapes):
        cut = shape.intersection(window)
        if f"f{i}" not in found:
            assert cut.area < 60 or cut.buffer(-1.5).is_empty
            continue
        back = shapely.geometry.shape(found[f"f{i}"]["geometry"])
        assert back.is_valid
        assert back.symmetric_difference(cut).area <= 3 * cut.length + 10


@given(st.lists(st.integers(0, 2**32 - 1), max_size=50))
def test_varints_are_those_of_protobuf(values):
    from google.protobuf.internal.encoder import _VarintBytes

    packed = mvt.varints(np.array(values, np.uint32)).tobytes()
    assert packed == b"".join(_VarintBytes(v) for v in values)
    assert all(mvt.varint(v) == _VarintBytes(v) for v in values)


@pytest.mark.parametrize("value", [0, 127, 128, 16383, 16384, 2**40])
def test_a_long_varint_too(value):
    from google.protobuf.internal.encoder import _VarintBytes

    assert mvt.varint(value) == _VarintBytes(value)
