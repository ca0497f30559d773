"""Grid, parcels and height limits: areas that nest and do not overlap."""

from __future__ import annotations

import pyogrio
import shapely

from tests.unit.data_samples.conftest import County


def test_four_levels_nest_exactly(wanghai: County) -> None:
    grid = pyogrio.read_dataframe(wanghai.file("grid.gpkg")).set_index("网格编码")
    assert sorted(grid["层级"].unique()) == [1, 2, 3, 4]
    assert grid.index.is_unique
    shapes = dict(zip(grid.index, grid.geometry.values, strict=True))
    for parent, children in grid.groupby("上级编码"):
        whole = shapely.union_all([shapes[code] for code in children.index])
        assert whole.symmetric_difference(shapes[parent]).area < 1.0
        assert abs(whole.area - children.geometry.area.sum()) < 1.0
        assert (children["层级"] == grid.loc[parent, "层级"] + 1).all()


def test_every_area_has_somebody_to_call_and_nobodys_number(wanghai: County) -> None:
    grid = pyogrio.read_dataframe(wanghai.file("grid.gpkg"))
    assert grid["负责人"].notna().all()
    assert grid["联系电话"].str.fullmatch(r"0543-000\d{4}").all()


def test_parcels_do_not_overlap(wanghai: County) -> None:
    parcels = pyogrio.read_dataframe(wanghai.file("parcels.gpkg"))
    assert len(parcels) > 500
    assert parcels["宗地号"].is_unique
    shapes = parcels.geometry.values
    one, other = shapely.STRtree(shapes).query(shapes, predicate="overlaps")
    assert (shapely.area(shapely.intersection(shapes[one], shapes[other])) < 1.0).all()


def test_height_limits_say_how_high_and_why(wanghai: County) -> None:
    zones = pyogrio.read_dataframe(wanghai.file("height_limits.gpkg"))
    assert len(zones) >= 5
    assert zones["max_height"].between(9, 150).all()
    assert zones["reason"].notna().all()
