from pathlib import Path

import numpy as np
import osmium
import pyproj
import pytest
import shapely

from layers import buildings, roads
from layers.conform import conform
from pipelines.readers import osm
from pipelines.readers.reader import Options
from pipelines.readers.streets import osm_values as values
from pipelines.readers.streets.osm_roads import cut
from twin.errors import InvalidParameter, UnreadableFile
from twin.place import to_crs84

HELSINKI = Path(__file__).parents[5] / "shared/data/roads/Helsinki.osm.pbf"
KINDS = {"roads": roads.KIND, "buildings": buildings.KIND}


@pytest.fixture
def extract(tmp_path):
    """Writes nodes {id: (lon, lat)}, ways {id: (refs, tags)} and relations {id: (members, tags)}."""

    def write(nodes, ways, relations=()):
        path = tmp_path / "x.osm.pbf"
        with osmium.SimpleWriter(str(path)) as out:
            for i, place in nodes.items():
                out.add_node(osmium.osm.mutable.Node(id=i, location=place))
            for i, (refs, tags) in ways.items():
                out.add_way(osmium.osm.mutable.Way(id=i, nodes=refs, tags=tags))
            for i, (members, tags) in dict(relations).items():
                out.add_relation(osmium.osm.mutable.Relation(id=i, members=members, tags=tags))
        return path

    return write


def read(path, kind=None):
    found = {}
    for part in osm.read((path,), Options(kind=kind)):
        batches = [conform(to_crs84(b), KINDS[part.kind]) for b in part.batches]
        rows = {row["id"]: row for b in batches for row in b.table.to_pylist()}
        found[part.kind] = (part.name, rows, {r.row: r.reason for b in batches for r in b.rejected})
    return found


CROSS = {1: (25.0, 60.0), 2: (25.001, 60.0), 3: (25.002, 60.0), 4: (25.001, 60.001), 5: (25.001, 59.999)}


def test_ways_are_cut_where_they_meet_and_edges_name_their_nodes(extract):
    path = extract(
        CROSS,
        {10: ([1, 2, 3], {"highway": "primary", "name": "A"}), 11: ([4, 2, 5], {"highway": "residential"})},
    )
    name, rows, _ = read(path, "roads")["roads"]
    assert name == ""
    ends = {i: (r["from_node"], r["to_node"]) for i, r in rows.items()}
    assert ends == {
        "way/10/0": ("node/1", "node/2"),
        "way/10/1": ("node/2", "node/3"),
        "way/11/0": ("node/4", "node/2"),
        "way/11/1": ("node/2", "node/5"),
    }
    metres = pyproj.Geod(ellps="WGS84").inv(*CROSS[1], *CROSS[2])[2]
    assert rows["way/10/0"]["length"] == pytest.approx(metres, abs=0.001)


def test_a_reversed_oneway_runs_with_the_traffic_and_footways_are_no_roads(extract):
    path = extract(
        CROSS,
        {
            10: ([1, 2, 3], {"highway": "primary", "oneway": "-1", "maxspeed": "30 mph", "lanes": "2"}),
            11: ([4, 2], {"highway": "footway"}),
            12: ([2, 5], {"highway": "service"}),
            13: ([4, 5], {"highway": "residential", "access": "private"}),
        },
    )
    _, rows, _ = read(path, "roads")["roads"]
    (row,) = rows.values()
    assert (row["from_node"], row["to_node"], row["oneway"]) == ("node/3", "node/1", True)
    assert row["maxspeed"] == pytest.approx(48.28, abs=0.01)


def test_a_way_beyond_the_extract_is_kept_as_far_as_its_nodes_are_here(extract):
    path = extract(
        CROSS, {10: ([1, 2, 99, 3, 4, 98], {"highway": "primary"}), 11: ([97, 1], {"highway": "primary"})}
    )
    _, rows, rejected = read(path, "roads")["roads"]
    assert sorted(rows) == ["way/10/0", "way/10/1"]
    assert rejected == {"way/11": "geometry: fewer than two of its nodes are in the file"}


def test_a_junction_is_a_node_used_twice_or_an_end():
    edges = cut(np.array([1, 2, 3, 4, 3, 5]), np.array([4, 2]), np.array([7, 8]))
    assert list(zip(edges.way, edges.number, edges.first, edges.last, strict=True)) == [
        (0, 0, 0, 2),
        (0, 1, 2, 3),
        (1, 0, 4, 5),
    ]


def ring(first, at, size=1e-4):
    x, y = at
    corners = [(x, y), (x + size, y), (x + size, y + size), (x, y + size)]
    return {first + i: c for i, c in enumerate(corners)}


def test_buildings_say_where_their_height_is_from(extract):
    nodes = ring(1, (25, 60)) | ring(11, (25.001, 60)) | ring(21, (25.002, 60))
    loop = lambda n: [n, n + 1, n + 2, n + 3, n]  # noqa: E731
    path = extract(
        nodes,
        {
            1: (loop(1), {"building": "yes", "height": "12.5 m", "building:levels": "9"}),
            2: (loop(11), {"building": "apartments", "building:levels": "4", "roof:levels": "1"}),
            3: (loop(21), {"building": "yes", "addr:street": "Kuja", "addr:housenumber": "3"}),
        },
    )
    _, rows, _ = read(path)["buildings"]
    got = {i: (r["height"], r["height_source"], r["use"]) for i, r in rows.items()}
    assert got == {
        "way/1": (12.5, "height", None),
        "way/2": (15.0, "levels", "apartments"),
        "way/3": (None, "default", None),
    }
    assert rows["way/3"]["address"] == "Kuja 3"


def test_a_multipolygon_has_its_courtyard(extract):
    nodes = ring(1, (25, 60), 1e-3) | ring(11, (25.0004, 60.0004))
    path = extract(
        nodes,
        {1: ([1, 2, 3, 4, 1], {}), 2: ([11, 12, 13, 14, 11], {})},
        {5: ([("w", 1, "outer"), ("w", 2, "inner")], {"type": "multipolygon", "building": "yes"})},
    )
    _, rows, _ = read(path, "buildings")["buildings"]
    shape = shapely.from_wkb(rows["relation/5"]["geom"])
    assert shape.area == pytest.approx(1e-6 - 1e-8)


def test_buildings_at_the_edge_are_drawn_from_what_is_here_and_flagged(extract):
    nodes = ring(1, (25, 60))
    path = extract(
        nodes,
        {1: ([1, 2, 3, 4, 90, 1], {"building": "yes"}), 2: ([1, 91, 92, 93, 1], {"building": "yes"})},
    )
    _, rows, rejected = read(path, "buildings")["buildings"]
    assert rows["way/1"]["clipped"] is True
    assert rejected == {"way/2": "geometry: too few of its nodes are in the file"}


def test_a_building_that_crosses_itself_is_refused_with_the_place(extract):
    nodes = {1: (0.0, 0.0), 2: (1e-3, 1e-3), 3: (1e-3, 0.0), 4: (0.0, 1e-3)}
    path = extract(nodes, {1: ([1, 2, 3, 4, 1], {"building": "yes"})})
    _, rows, rejected = read(path, "buildings")["buildings"]
    assert not rows
    assert "self-intersection at 0.0005, 0.0005" in next(iter(rejected.values()))


def test_what_is_no_pbf_and_another_kind_are_refused(tmp_path):
    path = tmp_path / "x.osm.pbf"
    path.write_bytes(b"nothing of the sort" * 10)
    with pytest.raises(UnreadableFile):
        read(path)
    with pytest.raises(InvalidParameter, match="roads and buildings"):
        read(path, "parcels")


@pytest.mark.parametrize(
    ("text", "metres"),
    [("12", 12), ("12 m", 12), ("12,5", 12.5), ("40'", 12.192), ("7'4\"", 2.2352), ("tall", None)],
)
def test_heights_are_read_as_mappers_write_them(text, metres):
    assert values.metres(text) == (None if metres is None else pytest.approx(metres))


@pytest.mark.skipif(not HELSINKI.exists(), reason="../shared/data is not there")
def test_helsinki_has_the_counts_that_another_program_read():
    found = read(HELSINKI)
    _, rows, rejected = found["buildings"]
    # 500 objects are tagged: 12 have too few nodes here, 2 are outlines of a relation that is the building.
    assert (len(rows), len(rejected)) == (486, 12)
    assert sum(r["height_source"] == "height" for r in rows.values()) == 17
    assert sum('"building:levels"' in r["tags"] for r in rows.values()) == 163
    assert sum(r["length"] for r in found["roads"][1].values()) == pytest.approx(21_200, abs=50)
