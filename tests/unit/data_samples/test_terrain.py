"""The ground: relief, flat water, no steps."""

from __future__ import annotations

import numpy as np
import pyogrio
import rasterio
from rasterio.features import geometry_mask

from tests.unit.data_samples.conftest import County


def test_the_elevation_model_has_a_height_everywhere_and_real_relief(wanghai: County) -> None:
    with rasterio.open(wanghai.file("dem_5m.tif")) as dem:
        heights = dem.read(1)
        assert dem.nodata is None
        assert dem.res == (5.0, 5.0)
        assert dem.profile["tiled"]
    assert np.isfinite(heights).all()
    assert heights.min() == 0
    assert 40 < heights.max() < 80


def test_no_slope_is_a_wall(wanghai: County) -> None:
    with rasterio.open(wanghai.file("dem_5m.tif")) as dem:
        heights = dem.read(1)
    steep = max(np.abs(np.diff(heights, axis=axis)).max() for axis in (0, 1))
    assert steep < 5.0, "5 m in 5 m is 45 degrees"


def test_still_waters_are_flat(wanghai: County) -> None:
    waters = pyogrio.read_dataframe(wanghai.file("water.gpkg"))
    with rasterio.open(wanghai.file("dem_5m.tif")) as dem:
        heights = dem.read(1)
        for sort in ("sea", "reservoir", "lake"):
            shape = waters[waters["class"] == sort].geometry.union_all().buffer(-8)
            inside = geometry_mask([shape], heights.shape, dem.transform, invert=True)
            assert np.ptp(heights[inside]) < 0.02, sort


def test_dykes_stand_over_river_and_sea(wanghai: County) -> None:
    waters = pyogrio.read_dataframe(wanghai.file("water.gpkg"))
    with rasterio.open(wanghai.file("dem_5m.tif")) as dem:
        heights = dem.read(1)
        for sort, crest in (("river", 3.0), ("sea", 4.0)):
            water = waters[waters["class"] == sort].geometry.union_all()
            strip = water.buffer(95).difference(water)
            beside = geometry_mask([strip], heights.shape, dem.transform, invert=True)
            inside = geometry_mask([water.buffer(-8)], heights.shape, dem.transform, invert=True)
            assert np.percentile(heights[beside], 75) > np.median(heights[inside]) + crest, sort
