"""The buildings: many, of all sorts, in nobody's way, and not the same at each survey."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pyogrio
import pytest
import shapely

from tests.unit.data_samples.conftest import County

SURVEYS = ("buildings_2021.gpkg", "buildings_2023.gpkg", "buildings_2025.gpkg")


@pytest.mark.parametrize("name", SURVEYS)
def test_a_survey_has_twelve_thousand_buildings_with_their_facts(wanghai: County, name: str) -> None:
    houses = pyogrio.read_dataframe(wanghai.file(name))
    assert len(houses) >= 12_000
    assert houses["id"].is_unique
    assert houses[["name", "use", "storeys", "height", "year_built", "address"]].notna().all(axis=None)
    assert houses["year_built"].max() < int(name[10:14])
    assert {"residential", "commercial", "office", "industrial", "school", "hospital", "government"} <= set(
        houses["use"]
    )
    assert houses["height"].max() > 80
    assert (houses["height"] / houses["storeys"]).between(2.8, 14).all()


@pytest.mark.parametrize("name", SURVEYS)
def test_buildings_do_not_overlap_each_other(wanghai: County, name: str) -> None:
    shapes = pyogrio.read_dataframe(wanghai.file(name)).geometry.values
    one, other = shapely.STRtree(shapes).query(shapes, predicate="overlaps")
    overlap = shapely.area(shapely.intersection(shapes[one], shapes[other]))
    assert (overlap < 0.5).all()


def test_no_building_stands_on_a_road_or_in_water(wanghai: County) -> None:
    roads = pyogrio.read_dataframe(wanghai.file("roads.gpkg"))
    water = pyogrio.read_dataframe(wanghai.file("water.gpkg")).geometry.union_all()
    shapely.prepare(water)
    tree = shapely.STRtree(shapely.buffer(roads.geometry.values, roads["width"].to_numpy() / 2 - 0.1))
    for name in SURVEYS:
        shapes = pyogrio.read_dataframe(wanghai.file(name)).geometry.values
        assert not shapely.intersects(water, shapes).any()
        assert tree.query(shapes, predicate="intersects").size == 0


def test_the_county_grows_and_loses_and_changes_between_surveys(wanghai: County) -> None:
    surveys = [pyogrio.read_dataframe(wanghai.file(name)).set_index("id") for name in SURVEYS]
    for before, after in pairwise(surveys):
        assert len(after.index.difference(before.index)) > 100
        both = before.index.intersection(after.index)
        assert (before.loc[both, "storeys"] != after.loc[both, "storeys"]).sum() > 20
    assert len(surveys[0].index.difference(surveys[1].index)) > 100
    both = surveys[0].index.intersection(surveys[1].index)
    assert (surveys[0].loc[both, "name"] != surveys[1].loc[both, "name"]).sum() > 20


def test_footprints_are_not_only_rectangles(wanghai: County) -> None:
    shapes = pyogrio.read_dataframe(wanghai.file(SURVEYS[2])).geometry.values
    assert (shapely.get_num_interior_rings(shapes) > 0).sum() > 100
    assert (shapely.area(shapely.convex_hull(shapes)) > 1.15 * shapely.area(shapes)).sum() > 1_000


def test_heights_in_the_new_quarter_come_late(wanghai: County) -> None:
    first, last = (pyogrio.read_dataframe(wanghai.file(name)) for name in (SURVEYS[0], SURVEYS[2]))
    fresh = last[~last["id"].isin(first["id"])]
    assert np.median(fresh[fresh["use"] == "residential"]["storeys"]) > 6
