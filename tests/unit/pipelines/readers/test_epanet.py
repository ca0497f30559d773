"""EPANET networks; wntr is the stranger that reads the same files."""

import warnings
from pathlib import Path

import numpy as np
import pytest
import shapely

from layers.conform import conform
from layers.networks import KIND
from pipelines.readers.epanet import READER
from pipelines.readers.reader import Options
from twin.errors import TwinError, UnknownCRS, UnreadableFile
from twin.place import to_crs84

DATA = Path(__file__).parents[5] / "shared" / "data" / "pipes"
real = pytest.mark.skipif(not DATA.is_dir(), reason="../shared/data is not there")

# a kilometre of pipe along an easting of the zone, drawn to scale
NET = """[TITLE]
 a net
[JUNCTIONS]
;ID Elev Demand
 A  10  2.5 ; a comment
 B  20
[RESERVOIRS]
 R  50
[TANKS]
 T  30 5 0 10 20 0
[PIPES]
 P1 R A 500 300 100 0 Open
 P2 A B 500 200 100 CLOSED
[PUMPS]
 U1 B T HEAD 1 SPEED 1.2
[VALVES]
 V1 A T 150 PRV 40 0
[STATUS]
 P1 Closed
[TAGS]
 NODE A house
 LINK P1 main
[COORDINATES]
 A 500500 4200000
 B 501000 4200000
 R 500000 4200000
 T 501000 4200100
[VERTICES]
 P2 500750 4200050
[OPTIONS]
 Units LPS
[END]
"""


def read(folder, text, crs="EPSG:4548", encoding="utf-8", **options):
    """Links and nodes: (rows by id, refused, part) each."""
    path = folder / "net.inp"
    path.write_bytes(text.encode(encoding))
    found = []
    for part in READER.read((path,), Options(crs=crs, **options)):
        (batch,) = part.batches
        found.append(({r["id"]: r for r in batch.table.to_pylist()}, batch.rejected, part))
    return found


def coords(row):
    return shapely.get_coordinates(shapely.from_wkb(row["geom"]), include_z=True).tolist()


def test_links_and_nodes_come_in_metres_with_their_roles(tmp_path):
    (links, refused, part), (nodes, _, second) = read(tmp_path, NET)
    assert not refused
    assert (part.name, second.name, part.kind) == ("", "nodes", "networks")
    assert {i: r["role"] for i, r in links.items()} == {
        "P1": "pipe",
        "P2": "pipe",
        "U1": "pump",
        "V1": "valve",
    }
    assert (links["P1"]["length"], links["P1"]["diameter"]) == (500.0, 0.3)
    assert (links["P1"]["state"], links["P2"]["state"], links["U1"]["state"]) == ("closed", "closed", "open")
    assert (links["P1"]["from_node"], links["P1"]["to_node"], links["P1"]["tag"]) == ("R", "A", "main")
    assert links["U1"]["parameters"] == "HEAD 1 SPEED 1.2"
    assert (links["V1"]["valve_type"], links["V1"]["setting"]) == ("PRV", "40")
    assert {i: r["role"] for i, r in nodes.items()} == {
        "A": "junction", "B": "junction", "R": "reservoir", "T": "tank",
    }  # fmt: skip
    assert (nodes["A"]["elevation"], nodes["A"]["demand"], nodes["A"]["tag"]) == (10.0, 2.5, "house")
    assert (nodes["T"]["diameter"], nodes["T"]["height"]) == (20.0, 10.0)


def test_z_runs_along_the_way_from_end_to_end(tmp_path):
    (links, _, _), _ = read(tmp_path, NET)
    assert coords(links["P2"]) == [[500500, 4200000, 10], [500750, 4200050, 15], [501000, 4200000, 20]]


@pytest.mark.parametrize(
    ("units", "length", "diameter"), [("GPM", 0.3048, 0.0254), ("CMH", 1.0, 0.001), (None, 0.3048, 0.0254)]
)
def test_figures_follow_the_flow_units_and_gpm_is_the_default(tmp_path, units, length, diameter):
    text = NET.replace(" Units LPS\n", f" Units {units}\n" if units else "")
    (links, _, part), (nodes, _, _) = read(tmp_path, text)
    assert links["P1"]["length"] == pytest.approx(500 * length)
    assert links["P1"]["diameter"] == pytest.approx(300 * diameter)
    assert nodes["T"]["diameter"] == pytest.approx(20 * length)
    assert any("flow units" in n for n in part.notes)


def test_unknown_units_are_refused(tmp_path):
    with pytest.raises(UnreadableFile, match="FURLONGS"):
        read(tmp_path, NET.replace("LPS", "FURLONGS"))


@pytest.mark.parametrize(
    ("before", "after", "ids", "word"),
    [
        (" P1 R A 500", " P1 R NOWHERE 500", ["P1"], "node 'NOWHERE' is not there"),
        (" P1 R A 500", " P1 R R 500", ["P1"], "both ends"),
        (" P1 R A 500", " P1 R A long", ["P1"], "'long' is not a number"),
        (" P1 R A 500", " P1 R A nan", ["P1"], "not a number"),
        (" P1 R A 500", " P1 R A -5", ["P1"], "negative"),
        (" P2 A B", " P1 A B", ["P1", "P1"], "duplicate-id"),
        (" P1 R A 500 300 100 0 Open", " P1 R", ["P1"], "needs an id and two nodes"),
    ],
)
def test_a_link_that_cannot_be_read_is_quarantined_with_its_line(tmp_path, before, after, ids, word):
    (links, refused, _), _ = read(tmp_path, NET.replace(before, after))
    assert len(refused) == len(ids)
    assert all(word in r.reason for r in refused)
    assert not set(ids) & set(links)
    assert NET.splitlines()[refused[0].row - 1].split()[0][0] == "P"


@pytest.mark.parametrize(
    ("before", "after", "word"),
    [
        (" A 500500 4200000\n", "", "no entry in"),
        (" A 500500 4200000", " A east north", "not a number"),
        (" A 500500 4200000", " A 500500 4200000\n A 1 1", "two different"),
        (" A  10  2.5", " A  high", "not a number"),
        (" B  20", " A  20", "duplicate-id"),
    ],
)
def test_a_node_that_has_no_place_takes_its_links_along(tmp_path, before, after, word):
    (links, lost, _), (nodes, refused, _) = read(tmp_path, NET.replace(before, after))
    assert "A" not in nodes
    assert any(word in r.reason for r in refused)
    assert set(links) <= {"U1"}
    assert any("node 'A' is not there" in r.reason for r in lost)


def test_without_coordinates_nothing_can_be_placed(tmp_path):
    with pytest.raises(UnreadableFile, match="COORDINATES"):
        read(tmp_path, NET.split("[COORDINATES]", maxsplit=1)[0])


def test_a_crs_must_be_given(tmp_path):
    with pytest.raises(UnknownCRS, match="--crs"):
        read(tmp_path, NET, crs=None)


def test_a_file_without_sections_is_refused(tmp_path):
    with pytest.raises(UnreadableFile, match="SECTION"):
        read(tmp_path, "hello\n")


def test_chinese_names_are_read_in_either_encoding_and_never_garbled(tmp_path):
    text = NET.replace("NODE A house", "NODE A 泵房")
    for encoding in ("utf-8", "gb18030", "utf-8-sig"):
        assert read(tmp_path, text, encoding=encoding)[1][0]["A"]["tag"] == "泵房"
    path = tmp_path / "net.inp"
    path.write_bytes(text.encode("gb18030"))
    with pytest.raises(UnreadableFile, match="--encoding"):
        list(READER.read((path,), Options(crs="EPSG:4548", encoding="utf-8")))


def test_a_drawing_to_scale_is_a_map(tmp_path):
    (_, _, part), _ = read(tmp_path, NET)
    assert not part.schematic


def test_a_drawing_out_of_scale_is_said_to_be_schematic_and_drawn_where_it_falls(tmp_path):
    small = NET.replace("4200000", "40").replace("4200100", "50").replace("4200050", "45")
    (links, _, part), (nodes, _, _) = read(tmp_path, small)
    assert part.schematic
    assert any(n.startswith("SCHEMATIC") for n in part.notes)
    assert (len(links), len(nodes)) == (4, 4)


def test_a_map_outside_of_its_crs_is_said_to_be_so(tmp_path):
    (_, _, part), _ = read(tmp_path, NET, crs="EPSG:3089")
    assert part.schematic
    assert any("outside the area of use" in n for n in part.notes)


def test_a_drawing_that_would_be_nowhere_on_earth_is_moved_whole(tmp_path):
    text = NET.split("[COORDINATES]", maxsplit=1)[0] + "[COORDINATES]\nA 0 80\nB 10 95\nR 0 90\nT 10 85\n"
    (links, _, part), _ = read(tmp_path, text, crs="EPSG:4326")
    assert part.schematic
    assert any("was moved by" in n for n in part.notes)
    assert all(abs(y) <= 90 for row in links.values() for _, y, _ in coords(row))


def test_links_of_no_length_are_points(tmp_path):
    same = NET.replace(" B 501000 4200000", " B 501000 4200100")
    (links, _, _), _ = read(tmp_path, same)
    assert shapely.from_wkb(links["U1"]["geom"]).geom_type == "Point"


@pytest.mark.parametrize("word", ["x", "-1", "nan", "[X]", '"'])
def test_no_word_in_a_file_stops_the_reader_without_a_reason(tmp_path, word):
    for n, line in enumerate(NET.splitlines()):
        for k in range(len(line.split())):
            words = line.split()
            words[k] = word
            lines = NET.splitlines()
            lines[n] = " ".join(words)
            try:
                read(tmp_path, "\n".join(lines))
            except TwinError:
                continue


def test_swmm_files_are_not_claimed(tmp_path):
    path = tmp_path / "s.inp"
    path.write_text("[JUNCTIONS]\n[CONDUITS]\n[SUBCATCHMENTS]\n")
    assert not READER.claims(path)
    path.write_text(NET)
    assert READER.claims(path)


def tables(name, crs):
    found = []
    for part in READER.read((DATA / f"{name}.inp",), Options(crs=crs)):
        batches = [conform(to_crs84(b), KIND) for b in part.batches]
        assert not [r for b in batches for r in b.rejected]
        found.append(batches[0].table)
    return found


@real
@pytest.mark.parametrize(
    ("name", "crs"), [("Net1", "EPSG:4548"), ("Net3", "EPSG:4548"), ("ky4", "EPSG:3089")]
)
def test_lengths_diameters_and_elevations_are_those_that_wntr_reads(name, crs):
    wntr = pytest.importorskip("wntr")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = wntr.network.WaterNetworkModel(str(DATA / f"{name}.inp"))
    links, nodes = tables(name, crs)
    ours = {r["id"]: r for r in links.select(["id", "length", "diameter", "role", "from_node"]).to_pylist()}
    assert set(ours) == set(theirs.link_name_list)
    for key, pipe in theirs.pipes():
        assert ours[key]["length"] == pytest.approx(pipe.length)
        assert ours[key]["diameter"] == pytest.approx(pipe.diameter)
        assert ours[key]["from_node"] == pipe.start_node_name
    heights = dict(zip(nodes["id"].to_pylist(), nodes["elevation"].to_pylist(), strict=True))
    assert set(heights) == set(theirs.node_name_list)
    assert all(heights[k] == pytest.approx(j.elevation) for k, j in theirs.junctions())


@real
@pytest.mark.parametrize(
    ("name", "crs", "junctions", "nodes", "links", "pipes", "length"),
    [
        ("Net3", "EPSG:4548", 92, 97, 119, 117, 65_748.96),
        ("ky4", "EPSG:3089", 959, 964, 1158, 1156, 260_241.03),
    ],
)
def test_the_published_counts(name, crs, junctions, nodes, links, pipes, length):
    link_table, node_table = tables(name, crs)
    roles = np.array(link_table["role"].to_pylist())
    assert (len(link_table), (roles == "pipe").sum(), len(node_table)) == (links, pipes, nodes)
    assert node_table["role"].to_pylist().count("junction") == junctions
    assert sum(v for v in link_table["length"].to_pylist() if v) == pytest.approx(length, abs=0.01)


@real
def test_ky4_lies_in_kentucky():
    links, _ = tables("ky4", "EPSG:3089")
    box = shapely.total_bounds(shapely.from_wkb(np.asarray(links["geom"], object)))
    assert box == pytest.approx((-85.676, 38.003, -85.500, 38.081), abs=1e-3)
