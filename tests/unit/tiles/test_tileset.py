"""Tileset JSON is what 3D Tiles 1.1 asks for."""

from __future__ import annotations

import json
import math

from tiles.tileset import Region, Tile, nothing, tileset

REGION = Region(west=118.3, south=38.3, east=118.42, north=38.4, low=-3.0, high=95.5)


def test_a_region_is_in_radians_and_never_smaller_than_what_it_bounds():
    west, south, east, north, low, high = REGION.radians()
    assert west <= math.radians(118.3) < west + 1e-8
    assert south <= math.radians(38.3)
    assert east >= math.radians(118.42)
    assert north >= math.radians(38.4) > north - 1e-8
    assert (low, high) == (-3.0, 95.5)


def test_a_region_of_the_whole_world_stays_within_it():
    world = Region(west=-180, south=-90, east=180, north=90, low=0, high=0).radians()
    assert world[:4] == [-math.pi, -math.pi / 2, math.pi, math.pi / 2]


def test_tiles_are_nested_as_given():
    child = Tile(region=REGION, geometric_error=0.0, content="/b.glb")
    root = Tile(region=REGION, geometric_error=20.0, content="/a.glb", children=(child,))
    document = json.loads(tileset(root, geometric_error=100.0, version="k"))
    assert document["asset"]["version"] == "1.1"
    assert document["geometricError"] == 100.0
    assert document["root"]["refine"] == "ADD"
    assert document["root"]["children"][0]["content"] == {"uri": "/b.glb"}
    assert "children" not in document["root"]["children"][0]


def test_a_tileset_of_nothing_has_a_root_without_content():
    root = json.loads(nothing("k"))["root"]
    assert "content" not in root
    assert root["geometricError"] == 0
