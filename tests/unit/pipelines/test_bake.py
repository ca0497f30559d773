"""A layer as 3D Tiles: complete, in its place, and changed by an edit only where the edit is."""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pyarrow as pa
import pyproj
import pytest
import shapely

from pipelines import bake
from twin import cql2
from twin.errors import LayerNotFound, TileNotFound, UnknownProperty
from twin.forest import Forest
from twin.memory.store import MemoryStore
from twin.model import Column, Delivery, Layer, Mode, Titles
from twin.moments import microseconds
from twin.policy import Policy
from twin.table import TIMESTAMP, Batch

OPEN = Policy.open()
START = datetime(2025, 1, 1, tzinfo=UTC)
HOUSES = Layer(
    id="houses",
    kind="buildings",
    title=Titles(zh="建筑", en="Buildings"),
    geometry="Polygon",
    columns=(Column(name="name"), Column(name="height", type="number")),
)


class Plain:
    """Level ground, raised at a moment."""

    vertical = "unknown"

    def __init__(self, at: datetime, height: float, raised: datetime | None = None) -> None:
        self.height = height + (50.0 if raised and at >= raised else 0.0)
        self.raised = raised

    def heights(self, lon: np.ndarray, lat: np.ndarray) -> np.ndarray:
        return np.full(len(lon), self.height, np.float32)

    rough = heights

    def stamp(self, box, at: datetime, known: datetime) -> tuple[int, int]:
        if self.raised and at >= self.raised:
            return microseconds(self.raised), 0
        return 0, 0


class Clock:
    def __init__(self) -> None:
        self.moment = START

    def __call__(self) -> datetime:
        self.moment += timedelta(hours=1)
        return self.moment


class Town:
    """Houses in a store, and where their tiles come from."""

    def __init__(self, count: int = 150, capacity: int = 12) -> None:
        self.clock = Clock()
        self.store = MemoryStore(now=self.clock)
        self.raised: datetime | None = None
        self.source = bake.Source(
            store=self.store,
            forest=Forest(self.store, capacity=capacity),
            ground=lambda at, _: Plain(at, 12.0, self.raised),
        )
        self.write(count=count, at=START)

    def write(self, *, at: datetime, count: int = 0, first: int = 0, seed: int = 1, **change: Any) -> None:
        table = houses(count, first, seed, **change)
        delivery = Delivery(source="survey", at=at, mode=Mode.UPSERT)
        self.store.write(HOUSES, iter([Batch(table=table, crs=None)]), delivery)

    def root(
        self, at: datetime | None = None, known: datetime | None = None, passing: Any = None
    ) -> bake.Baked:
        now = self.clock.moment
        at = at or now + timedelta(days=100)
        return bake.entrance(self.source, "houses", at=at, known=known or now, policy=OPEN, passing=passing)

    def get(self, uri: str) -> bytes:
        address = urlsplit(uri)
        _, _, layer, key, name = address.path.split("/", 4)
        node, _, suffix = name.rpartition(".")
        maker = {"glb": bake.content, "json": bake.branch}[suffix]
        said = parse_qs(address.query)
        passing = cql2.parse(said["filter"][0]) if said else None
        return maker(self.source, layer, key, node, policy=OPEN, passing=passing)

    def walk(self, body: bytes) -> Iterator[tuple[dict[str, Any], str | None]]:
        """Every tile with the address of its content, through all tileset JSON."""
        check(document := json.loads(body))
        assert len(body) < 100_000
        todo = [document["root"]]
        while todo:
            tile = todo.pop()
            uri = tile.get("content", {}).get("uri")
            if uri and urlsplit(uri).path.endswith(".json"):
                below = self.get(uri)
                assert json.loads(below)["root"]["geometricError"] <= tile["geometricError"]
                yield from self.walk(below)
            else:
                yield tile, uri
            todo += tile.get("children", [])

    def contents(self, at: datetime | None = None, known: datetime | None = None) -> dict[str, bytes]:
        """Address -> GLB, all of them."""
        return {uri: self.get(uri) for _, uri in self.walk(self.root(at, known).body) if uri}


def houses(
    count: int, first: int, seed: int, *, height: float | None = None, lon: float = 118.36
) -> pa.Table:
    # the same house for the same number, however many are asked for
    random = np.random.default_rng(seed)
    x, y = lon + random.uniform(-0.02, 0.02, 1000), 38.35 + random.uniform(-0.02, 0.02, 1000)
    half = random.lognormal(-9, 0.4, 1000)
    heights = random.uniform(4, 9, 1000) if height is None else np.full(1000, height)
    return pa.table(
        {
            "id": [f"H{i:04}" for i in range(1000)],
            "geom": pa.array(
                shapely.to_wkb(shapely.box(x - half, y - half, x + half, y + half)), pa.binary()
            ),
            "valid_from": pa.nulls(1000, TIMESTAMP),
            "valid_to": pa.nulls(1000, TIMESTAMP),
            "dated": ["survey"] * 1000,
            "row": np.arange(1000),
            "name": [f"楼{i}" for i in range(1000)],
            "height": heights,
        }
    ).slice(first, count)


def check(document: dict[str, Any]) -> None:
    """What the tileset schema of 3D Tiles 1.1 asks for (tileset, tile, boundingVolume, content)."""
    assert document["asset"]["version"] == "1.1"
    assert document["geometricError"] >= 0
    assert document["root"]["refine"] in ("ADD", "REPLACE")

    def tile(described: dict[str, Any], above: float) -> None:
        assert set(described) <= {"boundingVolume", "geometricError", "refine", "content", "children"}
        west, south, east, north, low, high = described["boundingVolume"]["region"]
        assert -math.pi <= west <= east <= math.pi
        assert -math.pi / 2 <= south <= north <= math.pi / 2
        assert low <= high
        assert 0 <= described["geometricError"] <= above
        for child in described.get("children", []):
            inner = child["boundingVolume"]["region"]
            assert (west <= inner[0]) & (south <= inner[1]) & (low <= inner[4])
            assert (east >= inner[2]) & (north >= inner[3]) & (high >= inner[5])
            tile(child, described["geometricError"])
        if "children" in described:
            assert described["children"]

    tile(document["root"], document["geometricError"])


def read(glb: bytes) -> tuple[dict[str, Any], bytes]:
    size = struct.unpack_from("<I", glb, 12)[0]
    return json.loads(glb[20 : 20 + size]), glb[28 + size :]


def ids(glb: bytes) -> list[str]:
    document, buffer = read(glb)
    table = document["extensions"]["EXT_structural_metadata"]["propertyTables"][0]["properties"]["id"]
    data, ends = (
        buffer[(v := document["bufferViews"][table[n]])["byteOffset"] : v["byteOffset"] + v["byteLength"]]
        for n in ("values", "stringOffsets")
    )
    offsets = np.frombuffer(ends, "<u4")
    return [data[a:b].decode() for a, b in pairwise(offsets)]


def places(glb: bytes) -> np.ndarray:
    """Longitude, latitude (radians) and height of the vertices, by PROJ."""
    document, buffer = read(glb)
    accessor = document["accessors"][document["meshes"][0]["primitives"][0]["attributes"]["POSITION"]]
    view = document["bufferViews"][accessor["bufferView"]]
    local = np.frombuffer(buffer, "<f4", accessor["count"] * 3, view["byteOffset"]).reshape(-1, 3)
    matrix = np.array(document["nodes"][0]["matrix"]).reshape(4, 4).T
    x, y, z = (local.astype(float) @ matrix[:3, :3].T + matrix[:3, 3]).T
    to_geodetic = pyproj.Transformer.from_crs("EPSG:4978", "EPSG:4979", always_xy=True)
    lon, lat, height = to_geodetic.transform(x, -z, y)
    return np.column_stack([np.radians(lon), np.radians(lat), height])


def test_every_building_is_in_exactly_one_tile():
    town = Town()
    found = [name for glb in town.contents().values() for name in ids(glb)]
    assert sorted(found) == [f"H{i:04}" for i in range(150)]


def test_every_vertex_lies_in_the_bounding_volume_of_its_tile():
    town = Town()
    for tile, uri in town.walk(town.root().body):
        if uri is None:
            continue
        west, south, east, north, low, high = tile["boundingVolume"]["region"]
        lon, lat, height = places(town.get(uri)).T
        slack = 1e-9
        assert (lon >= west - slack).all() and (lon <= east + slack).all()  # noqa: PT018
        assert (lat >= south - slack).all() and (lat <= north + slack).all()  # noqa: PT018
        assert (height >= low).all() and (height <= high).all()  # noqa: PT018


def test_an_edit_of_one_building_changes_one_tile_and_leaves_the_others_in_every_cache():
    town = Town()
    before = town.contents()
    town.write(at=START + timedelta(days=1), first=7, count=1, height=5.0)
    after = town.contents()
    assert len(set(after) - set(before)) == 1
    assert len(set(before) - set(after)) == 1
    assert all(after[uri] == before[uri] for uri in set(before) & set(after))
    (gone,) = set(before) - set(after)
    assert "H0007" in ids(before[gone])


def test_an_address_gives_the_same_bytes_for_ever():
    town = Town()
    before = town.contents()
    town.write(at=START + timedelta(days=1), first=0, count=20, height=30.0)
    town.write(at=START - timedelta(days=9), first=90, count=9, height=3.0)
    assert {uri: town.get(uri) for uri in before} == before


def test_two_moments_between_the_same_changes_have_one_state():
    town = Town()
    one, other = town.root(at=START + timedelta(hours=2)), town.root(at=START + timedelta(days=300))
    assert (one.key, one.body) == (other.key, other.body)


def test_the_past_is_there_on_both_clocks():
    town = Town()
    believed = town.clock.moment
    day = START + timedelta(days=10)
    town.write(at=day, first=150, count=5)

    def names(**moment: datetime) -> int:
        return sum(len(ids(glb)) for glb in town.contents(**moment).values())

    assert names(at=day) == 155
    assert names(at=day - timedelta(seconds=1)) == 150
    assert names(at=day, known=believed) == 150


def test_before_anything_was_there_the_tileset_is_empty_and_valid():
    town = Town()
    root = json.loads(town.root(at=START - timedelta(days=400)).body)
    check(root)
    assert "content" not in root["root"]


def test_a_ground_that_changes_gives_its_buildings_new_tiles():
    town = Town()
    before = town.contents(at=START + timedelta(days=1))
    town.raised = START + timedelta(days=3)
    after = town.contents(at=START + timedelta(days=4))
    assert not set(before) & set(after)
    low = min(places(glb)[:, 2].min() for glb in before.values())
    high = min(places(glb)[:, 2].min() for glb in after.values())
    assert high - low == pytest.approx(50.0, abs=0.1)
    assert set(town.contents(at=START + timedelta(days=2))) == set(before)


def test_a_tree_that_had_to_split_still_answers_the_addresses_from_before():
    town = Town(count=60)
    before = town.contents()
    old = town.root().key
    town.write(at=START + timedelta(days=1), first=60, count=160, seed=4)
    after = town.contents()
    assert town.root().key.split(".")[2] != old.split(".")[2]
    assert sorted(n for glb in after.values() for n in ids(glb)) == [f"H{i:04}" for i in range(220)]
    assert max(len(ids(glb)) for glb in after.values()) <= 24
    assert {uri: town.get(uri) for uri in before} == before


def test_another_process_finds_the_same_tree():
    town = Town()
    first = town.root()
    again = bake.Source(store=town.store, forest=Forest(town.store, capacity=9), ground=town.source.ground)
    now = town.clock.moment
    assert bake.entrance(again, "houses", at=now, known=now, policy=OPEN) == first


def test_addresses_are_absolute_and_complete():
    town = Town()
    assert all(
        uri.startswith(f"/tiles/houses/{bake.REVISION}.") and "?" not in uri for uri in town.contents()
    )


@pytest.mark.parametrize(
    "change",
    [
        lambda key, _: (key, "9/0/0"),
        lambda key, _: (key, "../../etc/passwd"),
        lambda key, node: (key.replace(f"{bake.REVISION}.", "0.", 1), node),
        lambda key, node: (key[:-1] + ("0" if key[-1] != "0" else "1"), node),
        lambda key, node: (key.rpartition("-")[0] + "-zzzzzzzzzzz", node),
        lambda _, node: ("nonsense", node),
        lambda key, node: (".".join([*key.split(".")[:2], "zz-" + key.partition("-")[2]]), node),
    ],
)
def test_an_address_of_no_state_is_not_found(change):
    town = Town(count=40)
    uri = next(iter(town.contents()))
    _, _, _, key, name = uri.split("/", 4)
    wrong, node = change(key, name.removesuffix(".glb"))
    for door in (bake.content, bake.branch):
        with pytest.raises(TileNotFound):
            door(town.source, "houses", wrong, node, policy=OPEN)


def test_a_layer_that_is_not_drawn_in_3d_has_no_tileset():
    town = Town(count=1)
    town.store.describe(Layer(id="words", kind="features", title=Titles(zh="词")))
    now = town.clock.moment
    with pytest.raises(TileNotFound, match="not drawn as 3D Tiles"):
        bake.entrance(town.source, "words", at=now, known=now, policy=OPEN)
    with pytest.raises(LayerNotFound):
        bake.entrance(town.source, "none", at=now, known=now, policy=OPEN)


def test_a_filter_leaves_tiles_with_what_passes_and_no_others():
    town = Town(count=900)
    high = {f"H{i:04}" for i, h in enumerate(houses(900, 0, 1)["height"].to_pylist()) if h > 8.5}
    root = town.root(passing=cql2.parse("height > 8.5"))
    found = {uri: town.get(uri) for _, uri in town.walk(root.body) if uri}
    drawn = [name for body in found.values() for name in ids(body)]
    assert sorted(drawn) == sorted(high)
    assert 0 < len(found) < len(town.contents())
    whole = town.root()
    assert root.key != whole.key
    assert root.key == town.root(passing=cql2.parse("(height>8.5)")).key


def test_a_filtered_tile_is_not_to_be_had_without_its_filter():
    town = Town()
    root = town.root(passing=cql2.parse("height > 8.5"))
    uri = next(uri for _, uri in town.walk(root.body) if uri)
    for other in (urlsplit(uri).path, f"{urlsplit(uri).path}?filter=height%20%3E%208"):
        with pytest.raises(TileNotFound):
            town.get(other)


def test_a_house_that_comes_to_pass_a_filter_comes_into_its_tile():
    town = Town()
    passing = cql2.parse("height > 20")
    assert not [uri for _, uri in town.walk(town.root(passing=passing).body) if uri]
    town.write(at=START + timedelta(days=1), count=1, first=3, height=30.0)
    root = town.root(passing=passing)
    assert [ids(town.get(uri)) for _, uri in town.walk(root.body) if uri] == [["H0003"]]


def test_a_filter_that_does_not_fit_the_layer_is_refused():
    with pytest.raises(UnknownProperty):
        Town(count=5).root(passing=cql2.parse("colour = 1"))
