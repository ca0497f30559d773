"""The roads: a graph that one can route on, which crosses water on bridges only."""

from __future__ import annotations

import networkx as nx
import pyogrio
import shapely

from tests.unit.data_samples.conftest import County


def test_the_road_graph_is_connected_through_shared_nodes(wanghai: County) -> None:
    roads = pyogrio.read_dataframe(wanghai.file("roads.gpkg"))
    graph = nx.Graph(zip(roads["from_node"], roads["to_node"], strict=True))
    assert nx.is_connected(graph)
    assert roads.geometry.length.sum() > 300e3


def test_edges_that_share_a_node_meet_there(wanghai: County) -> None:
    roads = pyogrio.read_dataframe(wanghai.file("roads.gpkg"))
    at: dict[str, tuple[float, float]] = {}
    for node, point in [
        *zip(roads["from_node"], shapely.get_point(roads.geometry.values, 0), strict=True),
        *zip(roads["to_node"], shapely.get_point(roads.geometry.values, -1), strict=True),
    ]:
        assert at.setdefault(node, (point.x, point.y)) == (point.x, point.y)


def test_only_bridges_cross_water(wanghai: County) -> None:
    roads = pyogrio.read_dataframe(wanghai.file("roads.gpkg"))
    water = pyogrio.read_dataframe(wanghai.file("water.gpkg")).geometry.union_all()
    wet = shapely.intersects(water, roads.geometry.values)
    assert not (wet & ~roads["bridge"]).any()
    assert wet.sum() > 10


def test_roads_have_names_and_every_class(wanghai: County) -> None:
    roads = pyogrio.read_dataframe(wanghai.file("roads.gpkg"))
    assert {"motorway", "trunk", "primary", "secondary", "tertiary", "residential", "service"} <= set(
        roads["class"]
    )
    assert {"中心大街", "海丰路", "渤海路"} <= set(roads["name"])
    assert roads["name"].notna().all()
    assert roads["oneway"].any()
