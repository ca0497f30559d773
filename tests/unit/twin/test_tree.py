"""The frozen threshold tree gives every feature one home and keeps nodes small."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twin import tree
from twin.space import hilbert, hilbert_range


def town(count: int, seed: int = 1, lon: float = 118.36, lat: float = 38.35, spread: float = 0.02):
    random = np.random.default_rng(seed)
    x, y = lon + random.uniform(-spread, spread, count), lat + random.uniform(-spread, spread, count)
    return hilbert(x, y), random.lognormal(2.7, 0.5, count).astype(np.float32)


def held(grown: tree.Tree, keys, sizes) -> np.ndarray:
    return np.bincount(tree.homes(grown, keys, sizes), minlength=len(grown))


def test_no_node_of_a_new_tree_holds_more_than_its_capacity():
    keys, sizes = town(20_000)
    grown = tree.grow(keys, sizes, 300)
    assert held(grown, keys, sizes).max() <= 300


def test_a_node_is_one_range_of_keys_and_one_of_sizes():
    keys, sizes = town(5_000)
    grown = tree.grow(keys, sizes, 200)
    home = tree.homes(grown, keys, sizes)
    for node in range(len(grown)):
        window = grown.window(node)
        ((start, end),) = window.keys
        inside = (keys >= start) & (keys < end) & (sizes >= window.size_min) & (sizes < window.size_max)
        assert np.array_equal(inside, home == node)


def test_the_larger_features_are_found_in_the_upper_nodes():
    keys, sizes = town(5_000)
    grown = tree.grow(keys, sizes, 200)
    home = tree.homes(grown, keys, sizes)
    root = np.flatnonzero(held(grown, keys, sizes))[0]
    assert sizes[home == root].min() > np.median(sizes)


def test_features_of_one_size_go_down_to_leaves_and_are_not_heaped_up():
    keys, _ = town(4_000)
    grown = tree.grow(keys, np.full(4_000, 12.0, np.float32), 200)
    assert held(grown, keys, np.full(4_000, 12.0, np.float32)).max() <= 200


def test_features_at_one_place_share_the_deepest_node():
    keys = np.repeat(hilbert(np.array([118.0]), np.array([38.0])), 1_000)
    grown = tree.grow(keys, np.zeros(1_000, np.float32), 100)
    assert grown.level.max() == tree.DEEPEST
    assert held(grown, keys, np.zeros(1_000, np.float32)).max() == 1_000


def test_a_feature_anywhere_in_the_world_has_a_home():
    grown = tree.grow(*town(5_000), 200)
    elsewhere = hilbert(np.array([-70.0, 179.9]), np.array([-33.0, 89.0]))
    assert (tree.homes(grown, elsewhere, np.array([10.0, 2000.0], np.float32)) >= 0).all()


def test_a_name_leads_to_its_node_and_back():
    grown = tree.grow(*town(5_000), 200)
    for node in range(len(grown)):
        level, column, row = grown.cell(node)
        assert grown.find(f"{level}/{column}/{row}") == node
        assert hilbert_range(level, column, row) == grown.window(node).keys[0]


@pytest.mark.parametrize(
    "name", ["", "0/0", "1/2/0", "1/0/2", "-1/0/0", "0/0/0/0", "٣/0/0", "99/0/0", "20/1/1"]
)
def test_a_name_that_no_node_has_is_not_found(name):
    assert tree.grow(*town(5_000), 200).find(name) is None


def test_a_tree_out_of_a_store_is_the_tree_that_went_in():
    grown = tree.grow(*town(3_000), 200)
    again = tree.decode(grown.encode())
    assert again.encode() == grown.encode()
    assert again.window(3) == grown.window(3)
    with pytest.raises(ValueError, match="no tile tree"):
        tree.decode(bytes(32))


def test_a_new_district_splits_the_node_it_fills_and_no_other_node_gets_a_new_revision():
    keys, sizes = town(20_000)
    grown = tree.grow(keys, sizes, 300)
    more, larger = town(3_000, seed=2, lon=10.0, lat=50.0)
    # smaller than what the upper nodes keep, so that they all reach one leaf
    larger = np.minimum(larger, sizes.min())
    together = np.concatenate([keys, more]), np.concatenate([sizes, larger])
    parted = tree.split(grown, *together, 300, revision=1)
    changed = np.flatnonzero(parted.revision[: len(grown)])
    assert held(parted, *together).max() <= 600
    assert len(changed) == 1
    same = np.setdiff1d(np.arange(len(grown)), changed)
    assert np.array_equal(parted.threshold[same], grown.threshold[same])
    assert all(parted.window(int(n)) == grown.window(int(n)) for n in same)


def test_a_tree_with_room_stays_the_very_same():
    keys, sizes = town(5_000)
    grown = tree.grow(keys, sizes, 300)
    assert tree.split(grown, keys[:4_000], sizes[:4_000], 300, revision=1) is grown


def test_when_a_city_doubles_every_node_is_small_again():
    keys, sizes = town(5_000)
    grown = tree.grow(keys, sizes, 200)
    more, larger = town(15_000, seed=3)
    together = np.concatenate([keys, more]), np.concatenate([sizes, larger])
    parted = tree.split(grown, *together, 200, revision=1)
    assert held(parted, *together).max() <= 400
    assert parted.last == 1


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 600), st.integers(2, 60))
def test_every_feature_has_exactly_one_home_whatever_comes_later(seed, count, capacity):
    random = np.random.default_rng(seed)
    keys = hilbert(random.uniform(-180, 180, count), random.uniform(-90, 90, count))
    sizes = random.choice([0.0, 1.0, 5.0, 40.0], count).astype(np.float32)
    grown = tree.grow(keys, sizes, capacity)
    more = np.concatenate([keys, keys, keys]), np.concatenate([sizes, sizes * 2, sizes])
    parted = tree.split(grown, *more, capacity, revision=1)
    hits = np.zeros(len(more[0]), int)
    for node in range(len(parted)):
        window = parted.window(node)
        ((start, end),) = window.keys
        hits += (
            (more[0] >= start) & (more[0] < end) & (more[1] >= window.size_min) & (more[1] < window.size_max)
        )
    assert (hits == 1).all()
