"""Buildings: heights that can be true, and meshes measured with a geodesic ruler."""

import numpy as np
import pyarrow as pa
import pyproj
import pytest
import shapely
from mesh_checks import Flat, Slope, areas, check, placed

from layers import buildings
from layers.conform import conform
from twin.body import Body, Surface
from twin.table import Batch

GEOD = pyproj.Geod(ellps="WGS84")
HOUSE = shapely.box(118.0, 38.0, 118.0002, 38.0001)


def rows(*geometries, **columns):
    return pa.table(
        {
            "id": [f"b{n}" for n in range(len(geometries))],
            "geom": pa.array(shapely.to_wkb(list(geometries)), pa.binary()),
            **columns,
        }
    )


def conformed(**columns):
    count = len(next(iter(columns.values())))
    table = rows(*[HOUSE] * count, **columns)
    return conform(Batch(table=table, crs=None), buildings.KIND)


def test_zero_and_null_heights_are_unknown_and_absurd_ones_are_refused():
    batch = conformed(height=[0.0, None, -999.0, float("nan"), 1e9, 12.0])
    assert batch.table["height"].to_pylist() == [None, None, 12.0]
    assert batch.table["height_source"].to_pylist() == ["default", "default", "stated"]
    assert sorted(r.row for r in batch.rejected) == [2, 3, 4]
    assert all("height" in r.column for r in batch.rejected)


def test_a_height_that_is_text_goes_to_quarantine_with_its_value():
    batch = conformed(height=["12m", "9"])
    assert batch.table["height"].to_pylist() == [9.0]
    assert batch.rejected[0].original == "12m"


def test_where_the_height_is_from_is_said():
    batch = conformed(height=[8.0, None, None], storeys=[None, 4, None])
    assert batch.table["height_source"].to_pylist() == ["stated", "storeys", "default"]
    assert buildings.height_drawn(batch.table).tolist() == [8.0, 12.0, 6.0]


def test_chinese_column_names_are_understood():
    batch = conformed(**{"建筑高度(m)": [21.5], "层数": [7], "建筑名称": ["县医院"], "用途": ["医疗"]})
    row = batch.table.to_pylist()[0]
    assert (row["height"], row["storeys"], row["name"], row["use"]) == (21.5, 7, "县医院", "医疗")


def test_the_year_comes_from_the_day_where_a_day_is_given_and_else_stays_unknown():
    table = conformed(建成年代=["1998-05-01", "2004", None]).table
    assert table["year_built"].to_pylist() == [1998, 2004, None]
    assert table["dated"].to_pylist() == ["stated", "stated", "survey"]


def test_an_extruded_building_has_the_area_of_its_footprint_as_roof_and_its_perimeter_as_walls():
    mesh = buildings.mesh(rows(HOUSE, height=[20.0]), placed(5.0))
    check(mesh)
    area, perimeter = GEOD.geometry_area_perimeter(HOUSE)
    vectors = areas(mesh)
    up = vectors[:, 2] > 0.9 * np.linalg.norm(vectors, axis=1)
    assert vectors[up, 2].sum() == pytest.approx(abs(area), rel=1e-4)
    sunk = buildings.sink(buildings.longer_sides(np.array([HOUSE])))[0]
    walls = np.linalg.norm(vectors[~up], axis=1).sum()
    assert walls == pytest.approx(perimeter * (20.0 + sunk), rel=1e-4)


def test_a_courtyard_stays_open_and_its_walls_face_into_it():
    yard = HOUSE.difference(shapely.box(118.00005, 38.00003, 118.00015, 38.00007))
    mesh = buildings.mesh(rows(yard, height=[4.0]), placed())
    check(mesh)
    vectors = areas(mesh)
    roof = vectors[vectors[:, 2] > 0.9 * np.linalg.norm(vectors, axis=1), 2].sum()
    assert roof == pytest.approx(abs(GEOD.geometry_area_perimeter(yard)[0]), rel=1e-4)


def test_a_clamped_building_stands_on_the_lowest_ground_under_it_and_reaches_below():
    mesh = buildings.mesh(rows(HOUSE, height=[10.0]), placed(ground=Slope(10_000.0)))
    heights = mesh.positions[:, 2] + mesh.origin[2]
    assert heights.max() == pytest.approx(10.0, abs=1e-3)
    assert -2.0 <= heights.min() <= -0.5


def test_a_building_keeps_its_own_height_when_both_datums_are_one():
    table = rows(shapely.force_3d(HOUSE, z=30.0), height=[10.0])
    own = buildings.mesh(table, placed(ground=Flat(29.0), vertical="EPSG:5737"))
    clamped = buildings.mesh(table, placed(ground=Flat(29.0), vertical="EPSG:5705"))
    assert (own.positions[:, 2] + own.origin[2]).max() == pytest.approx(40.0, abs=1e-3)
    assert (clamped.positions[:, 2] + clamped.origin[2]).max() == pytest.approx(39.0, abs=1e-3)


def test_without_terrain_the_ground_is_zero():
    table = rows(shapely.force_3d(HOUSE, z=400.0), height=[10.0])
    mesh = buildings.mesh(table, placed(ground=Flat(0.0, until=100.0), vertical="EPSG:5737"))
    assert (mesh.positions[:, 2] + mesh.origin[2]).max() == pytest.approx(10.0, abs=1e-3)


def test_the_foot_is_dark_and_from_five_metres_up_it_is_light():
    mesh = buildings.mesh(rows(HOUSE, height=[20.0]), placed())
    height = mesh.positions[:, 2] + mesh.origin[2]
    assert set(mesh.colors[height < 0, 0]) == {153}
    assert set(mesh.colors[height > 4.9, 0]) == {230}


def test_property_tables_always_have_the_same_columns():
    mesh = buildings.mesh(rows(HOUSE), placed())
    assert mesh.properties.column_names == list(buildings.KIND.mesh_columns)
    assert mesh.properties["id"].to_pylist() == ["b0"]


def test_many_parts_of_one_building_carry_one_feature_id():
    pair = shapely.MultiPolygon([HOUSE, shapely.box(118.001, 38.0, 118.0011, 38.0001)])
    mesh = buildings.mesh(rows(pair, HOUSE), placed())
    assert set(mesh.feature_ids) == {0, 1}


def test_rows_without_an_area_give_no_mesh():
    assert buildings.mesh(rows(shapely.Point(118, 38)), placed()) is None
    assert buildings.mesh(rows(), placed()) is None


def gabled(z=100.0):
    """A house with a ridge, its surfaces named."""
    lon, lat = (118.0, 118.0002), (38.0, 38.0001)
    vertices = [(x, y, z) for y in lat for x in lon] + [(x, y, z + 6) for y in lat for x in lon]
    vertices += [(lon[0], 38.00005, z + 9), (lon[1], 38.00005, z + 9)]
    faces = [
        ([0, 2, 3, 1], Surface.GROUND),
        ([0, 1, 5, 4], Surface.WALL),
        ([3, 2, 6, 7], Surface.WALL),
        ([2, 0, 4, 8, 6], Surface.WALL),
        ([1, 3, 7, 9, 5], Surface.WALL),
        ([4, 5, 9, 8], Surface.ROOF),
        ([7, 6, 8, 9], Surface.ROOF),
    ]
    corners = np.concatenate([f for f, _ in faces]).astype(np.uint32)
    ends = np.cumsum([len(f) for f, _ in faces]).astype(np.uint32)
    return Body(
        vertices=np.array(vertices),
        corners=corners,
        ring_ends=ends,
        face_ends=np.arange(1, len(faces) + 1, dtype=np.uint32),
        surfaces=np.array([s for _, s in faces], np.uint8),
    )


def test_a_body_is_drawn_as_it_is_and_moved_onto_the_ground():
    table = rows(HOUSE, body_lod2=pa.array([gabled().encode()], pa.binary()))
    mesh = buildings.mesh(table, placed(7.0))
    check(mesh)
    height = mesh.positions[:, 2] + mesh.origin[2]
    assert height.max() == pytest.approx(7.0 + 9.0, abs=1e-3)
    assert height.min() == pytest.approx(7.0 - 1.0, abs=1e-3)


def test_a_body_stays_where_it_is_when_both_datums_are_one():
    table = rows(HOUSE, body_lod2=pa.array([gabled().encode()], pa.binary()))
    mesh = buildings.mesh(table, placed(ground=Flat(99.0), vertical="EPSG:5737"))
    assert (mesh.positions[:, 2] + mesh.origin[2]).max() == pytest.approx(109.0, abs=1e-3)


def test_bodies_and_footprints_share_a_mesh():
    other = shapely.box(118.001, 38.0, 118.0011, 38.0001)
    table = rows(HOUSE, other, body_lod2=pa.array([gabled().encode(), None], pa.binary()), height=[None, 5.0])
    mesh = buildings.mesh(table, placed())
    check(mesh)
    assert set(mesh.feature_ids[mesh.indices].ravel()) == {0, 1}


def test_a_tower_is_as_large_as_it_is_high():
    table = rows(
        HOUSE, HOUSE, height=[200.0, None], body_lod2=pa.array([None, gabled().encode()], pa.binary())
    )
    assert buildings.size(table).tolist() == pytest.approx(
        [200.0, buildings.longer_sides(np.array([HOUSE]))[0]]
    )
    shed = shapely.box(118.0, 38.0, 118.00001, 38.00001)
    assert buildings.size(rows(shed, body_lod2=[gabled().encode()])).tolist() == pytest.approx([9.0])


def test_the_most_detailed_body_is_drawn():
    coarse, fine = gabled(), gabled()
    table = rows(
        HOUSE,
        body_lod1=pa.array([coarse.encode()], pa.binary()),
        body_lod2=pa.array([fine.encode()], pa.binary()),
    )
    only = rows(HOUSE, body_lod2=pa.array([fine.encode()], pa.binary()))
    assert len(buildings.mesh(table, placed()).indices) == len(buildings.mesh(only, placed()).indices)
