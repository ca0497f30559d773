"""The pipes: connected, at true depths, sewers that fall, crossings that go over or under."""

from __future__ import annotations

from itertools import pairwise

import networkx as nx
import numpy as np
import pyogrio
import pytest
import rasterio
import shapely
from geopandas import GeoDataFrame

from tests.unit.data_samples.conftest import County

TYPES = {
    "JS": {"JY", "SS", "JP", "XS"},
    "PS": {"YS", "WS", "HS"},
    "RQ": {"TR", "YH", "MQ"},
    "RL": {"RS", "ZQ"},
    "DL": {"GD", "LD"},
    "TX": {"DH", "DS", "XX"},
}
SURVEYS = ("2021", "2023", "2025")


def _pipes(wanghai: County, year: str) -> GeoDataFrame:
    return pyogrio.read_dataframe(wanghai.file(f"pipes_{year}.gpkg"))


def _points(wanghai: County, year: str) -> GeoDataFrame:
    return pyogrio.read_dataframe(wanghai.file(f"pipe_points_{year}.gpkg"))


@pytest.mark.parametrize("year", SURVEYS)
def test_there_are_400_km_in_six_classes_and_seventeen_types(wanghai: County, year: str) -> None:
    pipes = _pipes(wanghai, year)
    assert pipes.geometry.length.sum() > 400e3
    assert {group: set(rows["管线种类"]) for group, rows in pipes.groupby("管类")} == TYPES
    assert pipes["管线编号"].is_unique


@pytest.mark.parametrize("year", SURVEYS)
def test_every_end_of_a_pipe_is_a_point_that_lies_there(wanghai: County, year: str) -> None:
    pipes, points = _pipes(wanghai, year), _points(wanghai, year).set_index("管点编号")
    assert points.index.is_unique
    ends = {"起点点号": 0, "终点点号": -1}
    for column, place in ends.items():
        point = points.loc[pipes[column]].geometry.values
        assert shapely.distance(shapely.get_point(pipes.geometry.values, place), point).max() < 0.02
    assert set(points.index) == set(pipes["起点点号"]) | set(pipes["终点点号"])


def test_depth_and_height_and_ground_agree(wanghai: County) -> None:
    pipes, points = _pipes(wanghai, "2025"), _points(wanghai, "2025").set_index("管点编号")
    xyz = shapely.get_coordinates(pipes.geometry.values, include_z=True).reshape(-1, 2, 3)
    for k, (point, depth) in enumerate((("起点点号", "起点埋深"), ("终点点号", "终点埋深"))):
        ground = points.loc[pipes[point], "地面高程"].to_numpy()
        assert np.abs(ground - pipes[depth].to_numpy() - xyz[:, k, 2]).max() < 0.02
    assert pipes[["起点埋深", "终点埋深"]].min(axis=None) > 0.3
    assert pipes[["起点埋深", "终点埋深"]].max(axis=None) < 10


def test_the_ground_over_the_points_is_the_elevation_models(wanghai: County) -> None:
    points = _points(wanghai, "2025")
    xy = shapely.get_coordinates(points.geometry.values)
    with rasterio.open(wanghai.file("dem_5m.tif")) as dem:
        heights = np.array([z for (z,) in dem.sample(xy)])
    off = np.abs(points["地面高程"].to_numpy() - heights)
    assert np.percentile(off, 99) < 0.6


def test_gravity_sewers_fall_all_the_way_to_an_outlet(wanghai: County) -> None:
    pipes, points = _pipes(wanghai, "2025"), _points(wanghai, "2025").set_index("管点编号")
    sewers = pipes[pipes["管类"] == "PS"]
    assert set(sewers["埋深基准"]) == {"invert"}
    z = shapely.get_coordinates(sewers.geometry.values, include_z=True).reshape(-1, 2, 3)[:, :, 2]
    assert (z[:, 0] >= z[:, 1]).all(), "equal where a stub is so short that its fall rounds away"
    flow = nx.DiGraph(zip(sewers["起点点号"], sewers["终点点号"], strict=True))
    ends = [node for node, degree in flow.out_degree() if degree == 0]
    assert set(points.loc[ends, "附属物"]) <= {"出水口", "泵站", "溢流井"}
    assert max(dict(flow.out_degree()).values()) == 1


def test_what_crosses_goes_over_or_under(wanghai: County) -> None:
    pipes = _pipes(wanghai, "2025")
    lines = shapely.force_2d(np.asarray(pipes.geometry.values, dtype=object))
    one, other = shapely.STRtree(lines).query(lines, predicate="crosses")
    one, other = one[one < other], other[one < other]
    cross = shapely.intersection(lines[one], lines[other])
    single = shapely.get_type_id(cross) == 0
    one, other, cross = one[single], other[single], cross[single]
    width_height = pipes["断面尺寸"].fillna("0X0").str.split("X").str[1].astype(float)
    tall = (pipes["管径"].fillna(width_height) / 1000).to_numpy()
    lift = np.where(pipes["埋深基准"] == "invert", tall, 0.0)

    def top(rows: np.ndarray) -> np.ndarray:
        z = shapely.get_coordinates(pipes.geometry.values[rows], include_z=True).reshape(-1, 2, 3)[:, :, 2]
        share = shapely.line_locate_point(lines[rows], cross, normalized=True)
        return z[:, 0] * (1 - share) + z[:, 1] * share + lift[rows]

    gap = np.maximum(top(one) - tall[one] - top(other), top(other) - tall[other] - top(one))
    assert len(gap) > 5_000
    assert (gap < 0).mean() < 0.02, "a few clashes are what surveys find; many are a careless plan"


def test_drinking_water_is_one_network_with_hydrants_and_valves(wanghai: County) -> None:
    pipes, points = _pipes(wanghai, "2025"), _points(wanghai, "2025")
    mains = pipes[pipes["管线种类"] == "JP"]
    graph = nx.Graph(zip(mains["起点点号"], mains["终点点号"], strict=True))
    largest = max(nx.connected_components(graph), key=len)
    assert len(largest) > 0.9 * len(graph)
    kinds = points["类别"].value_counts()
    assert all(kinds[kind] > 100 for kind in ("hydrant", "valve", "manhole", "junction"))
    assert kinds["pump"] >= 5


def test_a_point_has_a_feature_or_an_appurtenance_never_both(wanghai: County) -> None:
    points = _points(wanghai, "2025")
    assert (points["特征"].notna() != points["附属物"].notna()).all()


def test_the_new_quarters_pipes_come_with_its_surveys(wanghai: County) -> None:
    surveys = [_pipes(wanghai, year).set_index("管线编号") for year in SURVEYS]
    for before, after in pairwise(surveys):
        assert len(after.index.difference(before.index)) > 300
        both = before.index.intersection(after.index)
        assert (before.loc[both, "建设年代"] != after.loc[both, "建设年代"]).sum() > 50
