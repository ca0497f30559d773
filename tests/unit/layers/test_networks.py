"""Networks: the field's words and sizes, and tubes measured against the pipe."""

import numpy as np
import pyarrow as pa
import pyproj
import pytest
import shapely
from mesh_checks import Flat, areas, check, placed

from layers import networks, sizes
from layers.conform import conform
from layers.networks import KIND
from twin.table import Batch

GEOD = pyproj.Geod(ellps="WGS84")
PIPE = shapely.LineString([(118.0, 38.0, 3.0), (118.001, 38.0, 3.0)])


def rows(*geometries, **columns):
    return pa.table(
        {
            "id": [f"p{n}" for n in range(len(geometries))],
            "geom": pa.array(shapely.to_wkb(list(geometries)), pa.binary()),
            **columns,
        }
    )


def conformed(*geometries, **columns):
    return conform(Batch(table=rows(*geometries, **columns), crs=None), KIND)


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("300", (0.3, None, None)),
        ("DN300", (0.3, None, None)),
        ("Φ110", (0.11, None, None)),
        ("160.5 mm", (0.1605, None, None)),
        ("800X600", (None, 0.8, 0.6)),
        ("800×600", (None, 0.8, 0.6)),
        ("300*300", (None, 0.3, 0.3)),
        ("/", (None, None, None)),
        ("无", (None, None, None)),
        ("0", (None, None, None)),
    ],
)
def test_sizes_are_read_as_surveys_write_them(word, expected):
    assert sizes.parse(word) == expected


def test_surveyed_sizes_are_millimetres_and_become_metres():
    table = conformed(PIPE, PIPE, 管径=[300.0, None], 断面尺寸=[None, "800X600"]).table
    assert table["diameter"].to_pylist() == [0.3, None]
    assert table["width"].to_pylist() == [None, 0.8]
    assert table["height"].to_pylist() == [None, 0.6]


def test_a_surveyed_size_named_as_the_diameter_is_millimetres_still():
    batch = Batch(table=rows(PIPE, 管径=[300.0]), crs=None)
    table = conform(batch, KIND, columns={"diameter": "管径"}).table
    assert table["diameter"].to_pylist() == [0.3]


def test_a_diameter_in_millimetres_where_metres_are_meant_is_refused_with_a_hint():
    batch = conformed(PIPE, PIPE, diameter=[300.0, 0.3])
    assert batch.table["diameter"].to_pylist() == [0.3]
    assert "millimetres" in batch.rejected[0].reason


def test_classes_and_what_depth_refers_to_come_out_in_our_words():
    table = conformed(
        PIPE,
        PIPE,
        PIPE,
        管类=["给水", "PS", "燃气"],
        管线种类=["JP", "WS", "TR"],
        埋深基准=["管顶", None, None],
    ).table
    assert table["class"].to_pylist() == ["JS", "PS", "RQ"]
    assert table["z_ref"].to_pylist() == ["crown", "invert", "unknown"]


def test_what_is_said_to_be_buried_cannot_lie_above_the_ground():
    laid = ["直埋", "架空", None, "管沟", "直埋"]
    done = conformed(*[PIPE] * 5, 起点埋深=[-3.0, -3.0, -3.0, 1.0, 0.0], 埋设方式=laid)
    assert done.table["id"].to_pylist() == ["p1", "p2", "p3", "p4"]
    (refused,) = done.rejected
    assert refused.reason == "from_depth: -3 m is above the ground, but it is laid as 直埋"


def test_points_have_a_role_from_their_appurtenance():
    point = shapely.Point(118, 38)
    table = conformed(point, point, PIPE, 附属物=["消火栓", None, None]).table
    assert table["role"].to_pylist() == ["hydrant", "junction", "pipe"]


def test_colours_of_classes_are_those_of_the_standard():
    legend = {entry.value: entry.color for entry in KIND.legend}
    assert legend["JS"] == "#00FFFF"
    assert legend["PS"] == "#4C3926"
    assert legend[None] == "#6600CC"
    assert networks.class_colors(pa.array(["JS", None])).tolist() == [[0, 255, 255, 255], [34, 0, 154, 255]]


def heights(mesh):
    return mesh.positions[:, 2] + mesh.origin[2]


@pytest.mark.parametrize(
    ("z_ref", "bottom", "top"),
    [("crown", 2.5, 3.0), ("invert", 3.0, 3.5), ("centre", 2.75, 3.25), ("unknown", 2.75, 3.25)],
)
def test_a_pipe_lies_where_its_z_says(z_ref, bottom, top):
    mesh = networks.mesh(
        rows(PIPE, diameter=[0.5], z_ref=[z_ref]), placed(ground=Flat(5.0), vertical="EPSG:5737")
    )
    check(mesh)
    assert heights(mesh).min() == pytest.approx(bottom, abs=0.02)
    assert heights(mesh).max() == pytest.approx(top, abs=0.02)


@pytest.mark.parametrize(
    ("z_ref", "bottom", "top"), [("crown", 2.5, 4.0), ("invert", 3.0, 4.5), ("unknown", 2.5, 4.0)]
)
def test_a_pipe_without_usable_z_hangs_below_the_ground_by_its_depths(z_ref, bottom, top):
    table = rows(PIPE, diameter=[0.5], z_ref=[z_ref], from_depth=[1.0], to_depth=[2.0])
    mesh = networks.mesh(table, placed(5.0))
    check(mesh)
    assert heights(mesh).min() == pytest.approx(bottom, abs=0.02)
    assert heights(mesh).max() == pytest.approx(top, abs=0.02)


def test_a_pipe_of_which_nothing_is_known_has_a_metre_and_a_half_of_cover():
    mesh = networks.mesh(rows(PIPE), placed(5.0))
    assert heights(mesh).max() == pytest.approx(3.5, abs=0.02)
    assert np.ptp(heights(mesh)) == pytest.approx(0.2, abs=0.01)


def test_a_tube_has_the_surface_of_its_pipe():
    mesh = networks.mesh(rows(PIPE, diameter=[2.0]), placed(5.0))
    length = GEOD.line_length([118.0, 118.001], [38.0, 38.0])
    around = 12 * 2 * np.sin(np.pi / 12)  # a twelve-sided tube of radius 1
    ends = 12 * np.sin(2 * np.pi / 12)
    assert np.linalg.norm(areas(mesh), axis=1).sum() == pytest.approx(length * around + ends, rel=1e-3)


def test_a_box_section_is_a_box_that_stands_upright():
    mesh = networks.mesh(rows(PIPE, width=[0.8], height=[0.6]), placed(5.0))
    check(mesh)
    length = GEOD.line_length([118.0, 118.001], [38.0, 38.0])
    assert np.linalg.norm(areas(mesh), axis=1).sum() == pytest.approx(
        length * 2 * (0.8 + 0.6) + 2 * 0.8 * 0.6, rel=1e-3
    )
    assert np.ptp(heights(mesh)) == pytest.approx(0.6, abs=0.01)


def test_corners_are_mitred_without_gap_or_turned_triangle():
    bent = shapely.LineString([(118.0, 38.0), (118.001, 38.0), (118.001, 38.001), (118.0, 38.0005)])
    mesh = networks.mesh(rows(bent, diameter=[1.0]), placed())
    check(mesh)
    assert np.abs(areas(mesh).sum(axis=0)).max() < 0.05  # closed: the area vectors cancel out


def test_multi_lines_vertical_pieces_and_repeated_vertices_are_drawn():
    riser = shapely.LineString(
        [(118.0, 38.0, 0.0), (118.0, 38.0, 0.0), (118.0, 38.0, 4.0), (118.0001, 38.0, 4.0)]
    )
    pair = shapely.MultiLineString([riser, PIPE])
    mesh = networks.mesh(rows(pair), placed(ground=Flat(9.0), vertical="EPSG:5737"))
    check(mesh)
    assert heights(mesh).min() == pytest.approx(0.0, abs=0.02)


def test_a_line_without_length_and_an_empty_one_draw_nothing():
    still = shapely.LineString([(118, 38), (118, 38)])
    assert networks.mesh(rows(still, shapely.LineString()), placed()) is None


def test_a_manhole_goes_from_the_ground_down_and_a_hydrant_stands_on_it():
    point = shapely.Point(118, 38, 5.0)
    table = rows(point, point, role=["manhole", "hydrant"], depth=[3.0, 1.2])
    mesh = networks.mesh(table, placed(5.0))
    check(mesh)
    height, owner = heights(mesh), mesh.feature_ids
    assert height[owner == 0].min() == pytest.approx(2.0, abs=0.01)
    assert height[owner == 0].max() == pytest.approx(5.02, abs=0.01)
    assert height[owner == 1].max() == pytest.approx(5.8, abs=0.01)


def test_a_tank_has_its_own_width():
    mesh = networks.mesh(
        rows(shapely.Point(118, 38), role=["tank"], diameter=[20.0], height=[30.0]), placed()
    )
    assert np.ptp(mesh.positions[:, 0]) == pytest.approx(20.0, rel=0.05)
    assert heights(mesh).max() == pytest.approx(30.0)


def test_points_and_lines_share_a_mesh_and_a_property_table():
    mesh = networks.mesh(rows(PIPE, shapely.Point(118, 38, 3)), placed())
    check(mesh)
    assert set(mesh.feature_ids) == {0, 1}
    assert mesh.properties.column_names == list(KIND.mesh_columns)
