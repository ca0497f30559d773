"""SWMM models: units, offsets, sections, areas, and lines that say nothing sensible."""

from pathlib import Path

import pytest
import shapely

from pipelines.readers import epanet, swmm
from pipelines.readers.reader import Options
from pipelines.reading import Request, reader_for
from twin.errors import UnknownCRS, UnreadableFile

DATA = Path(__file__).parents[5] / "shared" / "data" / "pipes"
real = pytest.mark.skipif(not DATA.is_dir(), reason="../shared/data is not there")
MODEL = """[OPTIONS]
FLOW_UNITS {units}
LINK_OFFSETS {offsets}
[JUNCTIONS]
;;name invert depth
J1 10 3
"J 2" 9 2.5
J9 5 1
[OUTFALLS]
O1 8 FREE
[STORAGE]
S1 7 4 0 FUNCTIONAL 1000 0 0
[CONDUITS]
C1 J1 "J 2" 100 0.013 {up} {down}
C2 "J 2" O1 100 0.013 * *
C3 J1 NOWHERE 100 0.013 0 0
C4 J1 O1 -5 0.013 0 0
[PUMPS]
P1 S1 J1 CURVE ON
[WEIRS]
W1 S1 O1 TRANSVERSE 1.5 3.33
[ORIFICES]
R1 S1 O1 SIDE 0.5 0.65
[XSECTIONS]
C1 CIRCULAR 1.2 0 0 0 1
C2 RECT_CLOSED 2 3 0 0 1
[SUBCATCHMENTS]
A1 RG J1 10 50 500 0.5 0
A2 RG J1 10 50 500 0.5 0
[COORDINATES]
J1 500000 4000000
"J 2" 500100 4000000
O1 500200 4000000
S1 500000 4000050
[VERTICES]
C1 500050 4000020
[POLYGONS]
A1 500000 4000000
A1 500100 4000000
A1 500100 4000100
A2 500000 4000000
[TAGS]
Link C1 trunk
"""


def write(path, units="CMS", offsets="DEPTH", up=0.5, down=0):
    path.write_text(MODEL.format(units=units, offsets=offsets, up=up, down=down))
    return path


def read(path, crs="EPSG:4548"):
    out = {}
    for part in swmm.read((path,), Options(crs=crs)):
        (batch,) = part.batches
        rows = {row["id"]: row for row in batch.table.to_pylist()}
        out[part.name] = rows, {r.original.split()[0]: r.reason for r in batch.rejected}, part
    return out


def test_each_part_has_its_rows_and_what_is_wrong_is_refused_by_its_line(tmp_path):
    found = read(write(tmp_path / "a.inp"))
    links, wrong, _ = found[""]
    assert {name: row["role"] for name, row in links.items()} == {
        "C1": "conduit", "C2": "conduit", "P1": "pump", "W1": "weir", "R1": "orifice",
    }  # fmt: skip
    assert "NOWHERE" in wrong["C3"]
    assert "negative" in wrong["C4"]
    nodes, lost, _ = found["nodes"]
    assert {name: row["role"] for name, row in nodes.items()} == {
        "J1": "junction", "J 2": "junction", "O1": "outfall", "S1": "storage",
    }  # fmt: skip
    assert "no entry in [COORDINATES]" in lost["J9"]
    areas, without, part = found["subcatchments"]
    assert shapely.from_wkb(areas["A1"]["geom"]).area == 5000
    assert "1 different points" in without["A2"]
    assert part.kind == "features"


def test_metric_figures_are_as_they_are_and_lines_run_along_inverts(tmp_path):
    found = read(write(tmp_path / "a.inp"))
    link = found[""][0]["C1"]
    assert (link["length"], link["diameter"], link["tag"], link["z_ref"]) == (100, 1.2, "trunk", "invert")
    line = shapely.from_wkb(link["geom"])
    assert [line.coords[0][2], line.coords[-1][2]] == [10.5, 9]
    assert len(line.coords) == 3
    assert (found[""][0]["C2"]["height"], found[""][0]["C2"]["width"]) == (2, 3)
    assert found["nodes"][0]["J1"]["ground_z"] == 13
    assert found["subcatchments"][0]["A1"]["area"] == 100_000


def test_offsets_may_be_heights(tmp_path):
    link = read(write(tmp_path / "a.inp", offsets="ELEVATION", up=10.25, down="*"))[""][0]["C1"]
    line = shapely.from_wkb(link["geom"])
    assert [line.coords[0][2], line.coords[-1][2]] == [10.25, 9]


def test_us_figures_become_metres(tmp_path):
    found = read(write(tmp_path / "a.inp", units="GPM"))
    link = found[""][0]["C1"]
    assert (link["length"], link["diameter"]) == pytest.approx((30.48, 0.36576))
    assert found["nodes"][0]["J1"]["elevation"] == pytest.approx(3.048)
    assert found["subcatchments"][0]["A1"]["area"] == pytest.approx(40468.564224)


def test_what_cannot_be_placed_or_understood_is_refused(tmp_path):
    with pytest.raises(UnknownCRS, match="--crs"):
        read(write(tmp_path / "a.inp"), crs=None)
    with pytest.raises(UnreadableFile, match="CMS, LPS, MLD"):
        read(write(tmp_path / "a.inp", units="FURLONGS"))
    (tmp_path / "b.inp").write_text("[CONDUITS]\nC1 a b 1 1\n")
    with pytest.raises(UnreadableFile, match="COORDINATES"):
        read(tmp_path / "b.inp")


@real
def test_example_1_goes_in_with_the_counts_that_its_sections_have():
    path = DATA / "swmmio_Example1.inp"
    found = read(path)
    roles = [row["role"] for row in found["nodes"][0].values()]
    assert (roles.count("junction"), roles.count("outfall")) == (13, 1)
    assert [row["role"] for row in found[""][0].values()] == ["conduit"] * 13
    assert len(found["subcatchments"][0]) == 8
    assert all(shapely.from_wkb(row["geom"]).is_valid for row in found["subcatchments"][0].values())
    assert "cross themselves" in found["subcatchments"][2].notes[-1]
    assert found[""][2].schematic
    assert not any(wrong for _, wrong, _ in found.values())
    assert sum(row["length"] for row in found[""][0].values()) == pytest.approx(4300 * 0.3048)


@real
def test_the_two_kinds_of_inp_are_told_apart_by_their_sections():
    assert reader_for(DATA / "swmmio_Example1.inp", Request(paths=(), layer="x")) is swmm.READER
    assert reader_for(DATA / "Net1.inp", Request(paths=(), layer="x")) is epanet.READER
