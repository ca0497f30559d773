"""Drawings: each entity against what GDAL or arithmetic says, codes and layers, and hostile ones."""

import json
import math

import ezdxf
import numpy as np
import pyogrio
import pyproj
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from layers.conform import conform
from layers.features import KIND
from pipelines.readers import dwg, dxf
from pipelines.readers.drawings import dxf_shapes
from pipelines.readers.reader import Options
from twin.errors import InvalidParameter, TooLarge, UnknownCRS, UnreadableFile, UnsupportedFormat
from twin.place import to_crs84

E, N = 500000.0, 4000000.0
CRS = "EPSG:4548"


def drawing(version="R2010", units=0):
    made = ezdxf.new(version)
    made.units = units
    return made, made.modelspace()


def saved(path, made, encoding=None):
    if encoding:
        made.encoding = encoding
    made.saveas(path)
    return path


def read(path, **options):
    (part,) = dxf.read((path,), Options(**{"crs": CRS, **options}))
    batches = list(part.batches)
    rows = [row for b in batches for row in b.table.to_pylist()]
    return rows, {r.row: r.reason for b in batches for r in b.rejected}, part.notes


def shapes(path, **options):
    return [shapely.from_wkb(row["geom"]) for row in read(path, **options)[0]]


@pytest.fixture
def one(tmp_path):
    """The one shape that an entity becomes."""

    def shape(add, **options):
        made, space = drawing()
        add(space)
        (found,) = shapes(saved(tmp_path / "a.dxf", made), **options)
        return found

    return shape


def test_points_and_lines_keep_their_heights(one):
    assert one(lambda s: s.add_point((E, N, 7.5))).wkt == f"POINT Z ({E:.0f} {N:.0f} 7.5)"
    line = one(lambda s: s.add_line((E, N, 1), (E + 3, N + 4, 2)))
    assert list(line.coords) == [(E, N, 1), (E + 3, N + 4, 2)]
    road = one(lambda s: s.add_polyline3d([(E, N, 1), (E + 1, N, 2), (E + 1, N + 1, 3)]))
    assert [p[2] for p in road.coords] == [1, 2, 3]


def test_a_contour_has_its_elevation_and_closed_lines_are_areas(one):
    square = [(E, N), (E + 10, N), (E + 10, N + 10), (E, N + 10)]
    open_ = one(lambda s: s.add_lwpolyline(square, dxfattribs={"elevation": 12.5}))
    assert open_.geom_type == "LineString"
    assert {p[2] for p in open_.coords} == {12.5}
    assert one(lambda s: s.add_lwpolyline(square, close=True)).area == 100
    assert one(lambda s: s.add_lwpolyline([*square, square[0]])).area == 100
    assert one(lambda s: s.add_polyline2d(square, close=True)).area == 100
    assert one(lambda s: s.add_lwpolyline([(E, N), (E + 1, N)], close=True)).geom_type == "LineString"


@given(st.floats(0.02, 3900), st.floats(-math.tau, math.tau).filter(lambda t: abs(t) > 0.05))
def test_chords_of_a_bulge_lie_within_the_tolerance_of_its_arc(radius, turn):
    start, end = 0.3, 0.3 + turn * 0.99
    a, b = (radius * np.array([math.cos(t), math.sin(t)]) for t in (start, end))
    bulge = math.tan((end - start) / 4)
    found = dxf_shapes.bulged(np.array([[*a, bulge], [*b, 0.0]]), closed=False, sagitta=dxf.TOLERANCE)
    middles = (found[1:] + found[:-1]) / 2
    noise = 1e-6 * radius * max(1, abs(bulge))
    assert np.abs(np.hypot(*found.T) - radius).max() < noise
    assert (radius - np.hypot(*middles.T)).max() < dxf.TOLERANCE + noise
    assert shapely.LineString(found).length == pytest.approx(radius * abs(end - start), rel=0.02)


def test_a_bulged_ring_is_a_circle(one):
    ring = one(lambda s: s.add_lwpolyline([(E, N, 1), (E + 20, N, 1)], format="xyb", close=True))
    assert ring.area == pytest.approx(100 * math.pi, rel=2e-3)
    assert ring.distance(shapely.Point(E + 10, N - 10)) < dxf.TOLERANCE


CURVES = {
    "circle": lambda s: s.add_circle((E, N, 5), 30),
    "arc": lambda s: s.add_arc((E, N), 30, 300, 60),
    "turned over": lambda s: s.add_arc((-E, N), 30, 10, 90, dxfattribs={"extrusion": (0, 0, -1)}),
    "ellipse": lambda s: s.add_ellipse((E, N), (40, 10), 0.5),
    "elliptic arc": lambda s: s.add_ellipse((E, N), (40, 0), 0.5, 0.3, 2.0),
    "spline": lambda s: s.add_open_spline([(E, N), (E + 10, N + 20), (E + 30, N - 20), (E + 40, N)]),
    "bulges": lambda s: s.add_lwpolyline([(E, N, 0.5), (E + 10, N, -1), (E + 20, N, 0)], format="xyb"),
    "bulges of old": lambda s: s.add_polyline2d([(E, N, 0.5), (E + 10, N, -1), (E + 20, N, 0)], format="xyb"),
}


@pytest.mark.parametrize("add", CURVES.values(), ids=CURVES.keys())
def test_curves_lie_where_gdal_draws_them(tmp_path, add):
    made, space = drawing()
    add(space)
    path = saved(tmp_path / "a.dxf", made)
    (ours,) = shapes(path)
    theirs = shapely.from_wkb(pyogrio.raw.read(path)[2][0])
    ours = ours.exterior if ours.geom_type == "Polygon" else ours
    theirs = theirs.exterior if theirs.geom_type == "Polygon" else theirs
    assert ours.hausdorff_distance(theirs) < 0.05  # GDAL's own chords are of four degrees
    assert ours.length == pytest.approx(theirs.length, rel=2e-3)


def test_a_hatch_is_its_area_with_holes(one):
    def add(space):
        hatch = space.add_hatch()
        hatch.paths.add_polyline_path([(E, N), (E + 10, N), (E + 10, N + 10), (E, N + 10)])
        hatch.paths.add_polyline_path(
            [(E + 2, N + 2), (E + 4, N + 2), (E + 4, N + 4), (E + 2, N + 4)], flags=16
        )
        hatch.dxf.elevation = (0, 0, 3)

    area = one(add)
    assert area.area == 96
    assert area.has_z


def test_a_hatch_of_edges_is_closed(one):
    def add(space):
        path = space.add_hatch().paths.add_edge_path()
        path.add_line((E, N), (E + 20, N))
        path.add_arc((E + 10, N), 10, 0, 180)

    assert one(add).area == pytest.approx(50 * math.pi, rel=1e-3)


def test_faces_and_solids_are_areas(one):
    assert (
        one(lambda s: s.add_3dface([(E, N, 1), (E + 4, N, 2), (E + 4, N + 3, 3), (E, N + 3, 4)])).area == 12
    )
    # a solid's corners are written crosswise
    assert one(lambda s: s.add_solid([(E, N), (E + 4, N), (E, N + 3), (E + 4, N + 3)])).area == 12


def test_a_cass_drawing_keeps_code_layer_block_and_words(tmp_path):
    made, space = drawing("R2000")
    made.appids.new("SOUTH")
    made.layers.add("居民地", color=6)
    house = space.add_lwpolyline(
        [(E, N), (E + 9, N), (E + 9, N + 5)], close=True, dxfattribs={"layer": "居民地"}
    )
    house.set_xdata("SOUTH", [(1000, "141161"), (1000, "混"), (1070, 3)])
    block = made.blocks.new("路灯")
    block.add_circle((0, 0), 0.5)
    lamp = space.add_blockref("路灯", (E + 1, N + 1, 4), dxfattribs={"rotation": 30})
    lamp.add_attrib("编号", "L-7")
    lamp.add_attrib("text", "shadow")
    space.add_text("海丰路", height=2.5, dxfattribs={"rotation": 90}).set_placement((E, N))
    space.add_mtext(r"{\C1;望海}县\P二行").set_location((E, N))
    path = saved(tmp_path / "a.dxf", made, "gbk")
    assert "居民地".encode("gbk") in path.read_bytes()
    rows, rejected, notes = read(path)
    area, point, text, words = rows
    assert not rejected
    assert area["code"] == "141161"
    assert json.loads(area["xdata"]) == {"SOUTH": [[1000, "141161"], [1000, "混"], [1070, 3]]}
    assert (area["cad_layer"], area["entity"], area["color"]) == ("居民地", "LWPOLYLINE", "#ff00ff")
    assert (point["block"], point["编号"], point["text_"], point["rotation"]) == ("路灯", "L-7", "shadow", 30)
    assert shapely.from_wkb(point["geom"]).z == 4
    assert (text["text"], text["text_height"], text["rotation"]) == ("海丰路", 2.5, 90)
    assert words["text"] == "望海县\n二行"
    assert [r["id"] for r in rows] == [e.dxf.handle for e in ezdxf.readfile(path).modelspace()]
    assert any("1 blocks went in as the points" in n for n in notes)


def test_the_code_page_is_a_lie_is_an_error_that_names_the_encoding(tmp_path):
    made, space = drawing("R2000")
    made.layers.add("居民地")
    space.add_point((E, N), dxfattribs={"layer": "居民地"})
    path = saved(tmp_path / "a.dxf", made, "gbk")
    path.write_bytes(path.read_bytes().replace(b"ANSI_936", b"ANSI_1252"))
    with pytest.raises(InvalidParameter, match=r"居民地.*--encoding GB18030"):
        read(path)
    assert read(path, encoding="GB18030")[0][0]["cad_layer"] == "居民地"
    with pytest.raises(InvalidParameter, match="no encoding"):
        read(path, encoding="klingon")


def test_what_is_hidden_goes_in_marked_and_paper_space_stays_out(tmp_path):
    made, space = drawing()
    made.layers.add("off").off()
    made.layers.add("frozen").freeze()
    for layer in ("0", "off", "frozen"):
        space.add_point((E, N), dxfattribs={"layer": layer})
    made.layout("Layout1").add_line((0, 0), (1, 1))
    rows, _, notes = read(saved(tmp_path / "a.dxf", made))
    assert [r["hidden"] for r in rows] == [False, True, True]
    assert any("2 entities that the drawing hides" in n and "frozen, off" in n for n in notes)
    assert any("1 entities are in paper space 'Layout1'; they were left out" in n for n in notes)


def test_a_drawing_with_everything_in_paper_space_is_refused(tmp_path):
    made, _ = drawing()
    made.layout("Layout1").add_line((0, 0), (1, 1))
    with pytest.raises(
        UnreadableFile, match="nothing in model space; 1 entities are in paper space 'Layout1'"
    ):
        read(saved(tmp_path / "a.dxf", made))


def test_a_crs_must_be_named(tmp_path):
    made, space = drawing()
    space.add_point((E, N))
    with pytest.raises(UnknownCRS, match="--crs"):
        read(saved(tmp_path / "a.dxf", made), crs=None)


@pytest.mark.parametrize(
    ("written", "factor", "says"), [(1.0, 1.0, "states the unit"), (1000.0, 0.001, "multiplied")]
)
def test_a_stated_unit_is_used_only_where_the_coordinates_agree_with_it(tmp_path, written, factor, says):
    made, space = drawing(units=4)
    space.add_point((E * written, N * written))
    path = saved(tmp_path / "a.dxf", made)
    (found,) = shapes(path)
    assert (found.x, found.y) == pytest.approx((E * written * factor, N * written * factor))
    assert any(says in n for n in read(path)[2])


def test_where_it_lies_is_where_proj_says(tmp_path):
    made, space = drawing()
    space.add_point((E + 1234.5, N + 678.9))
    (part,) = dxf.read((saved(tmp_path / "a.dxf", made),), Options(crs=CRS))
    (batch,) = part.batches
    done = conform(to_crs84(batch), KIND)
    found = shapely.from_wkb(done.table["geom"][0].as_py())
    there = pyproj.Transformer.from_crs(CRS, "OGC:CRS84", always_xy=True).transform(E + 1234.5, N + 678.9)
    assert (found.x, found.y) == pytest.approx(there, abs=1e-12)


def test_what_is_not_read_is_refused_by_its_handle_and_annotation_is_told(tmp_path):
    made, space = drawing()
    mesh = space.add_polyface()
    mesh.append_face([(E, N, 0), (E + 1, N, 0), (E + 1, N + 1, 1)])
    ray = space.add_ray((E, N), (1, 0))
    space.add_point((E, N))
    space.add_aligned_dim((E, N), (E + 5, N), 2).render()
    bad = space.add_circle((E, N), 5)
    bad.dxf.radius = -1
    rows, rejected, notes = read(saved(tmp_path / "a.dxf", made))
    assert len(rows) == 1
    assert "mesh" in rejected[mesh.dxf.handle]
    assert "RAY is not read" in rejected[ray.dxf.handle]
    assert "radius" in rejected[bad.dxf.handle]
    assert any("1 DIMENSION" in n for n in notes)


def test_a_drawing_in_a_block_is_taken_apart_and_symbols_are_points(tmp_path):
    made, space = drawing()
    inner = made.blocks.new("inner")
    inner.add_line((E, N), (E + 1, N))
    outer = made.blocks.new("outer")
    outer.add_blockref("inner", (0, 0))
    outer.add_point((E, N))
    space.add_blockref("outer", (0, 0))
    space.add_blockref("inner", (5, 5))
    space.add_blockref("inner", (E, N), dxfattribs={"column_count": 3, "column_spacing": 2})
    rows, _, _ = read(saved(tmp_path / "a.dxf", made))
    assert [r["entity"] for r in rows] == ["LINE", "POINT", *["INSERT"] * 4]
    assert len({r["id"] for r in rows}) == 6


GRID = ("column_count", "row_count", "column_spacing", "row_spacing")


def bomb(levels, times):
    made, space = drawing()
    for level in range(levels):
        block = made.blocks.new(f"b{level}")
        for _ in range(times):
            if level:
                block.add_blockref(f"b{level - 1}", (0, 0))
            else:
                block.add_point((E, N))
    space.add_blockref(f"b{levels - 1}", (0, 0))
    return made, space


def test_a_bomb_of_nested_blocks_is_refused_before_it_goes_off(tmp_path):
    made, _ = bomb(10, 10)
    with pytest.raises(TooLarge, match="10,000,000,000 entities"):
        read(saved(tmp_path / "a.dxf", made))
    made, _ = bomb(40, 1)
    with pytest.raises(UnreadableFile, match="more than 16 deep"):
        read(saved(tmp_path / "b.dxf", made))
    made, space = drawing()
    made.blocks.new("a").add_point((0, 0))
    space.add_blockref("a", (E, N), dxfattribs=dict.fromkeys(GRID, 32767))
    with pytest.raises(TooLarge):
        read(saved(tmp_path / "c.dxf", made))


def test_blocks_in_a_circle_are_refused(tmp_path):
    made, _ = bomb(3, 1)
    made.blocks.get("b0").add_blockref("b2", (0, 0))
    with pytest.raises(UnreadableFile, match="circle"):
        read(saved(tmp_path / "a.dxf", made))


@pytest.mark.parametrize("value", ["nan", "inf", "1e308"])
def test_absurd_coordinates_are_refused_in_their_row_and_the_rest_goes_in(tmp_path, value):
    made, space = drawing()
    space.add_circle((E, N), 123.25)
    space.add_open_spline([(E, N), (E + 10, N + 123.25), (E + 30, N), (E + 40, N)])
    space.add_lwpolyline([(E, N, 0.5), (E + 123.25, N, 0)], format="xyb")
    space.add_point((E, N))
    path = saved(tmp_path / "a.dxf", made)
    text = path.read_text().replace("\n123.25\n", f"\n{value}\n").replace(f"\n{E + 123.25}\n", f"\n{value}\n")
    path.write_text(text.replace(f"\n{N + 123.25}\n", f"\n{value}\n"))
    (part,) = dxf.read((path,), Options(crs=CRS))
    batches = [to_crs84(b) for b in part.batches]
    assert [r["entity"] for b in batches for r in b.table.to_pylist()] == ["POINT"]
    assert sum(len(b.rejected) for b in batches) == 3


@pytest.mark.parametrize("share", [0.02, 0.3, 0.9, 0.999])
def test_a_drawing_that_is_cut_off_is_refused_whole(tmp_path, share):
    made, space = drawing()
    for n in range(200):
        space.add_point((E + n, N))
    path = saved(tmp_path / "a.dxf", made)
    raw = path.read_bytes()
    path.write_bytes(raw[: int(len(raw) * share)])
    with pytest.raises(UnreadableFile, match=r"cut off|no DXF|nothing"):
        read(path)


@pytest.mark.parametrize(
    "raw", [b"", b"hello world\n" * 10, b"\x00" * 100, b"AutoCAD Binary DXF\r\n\x1a\x00"]
)
def test_what_is_no_drawing_is_refused(tmp_path, raw):
    path = tmp_path / "a.dxf"
    path.write_bytes(raw)
    with pytest.raises(UnreadableFile):
        read(path)


@pytest.mark.parametrize("name", ["a.dwg", "a.dxf"])
def test_a_dwg_is_refused_with_the_name_of_a_converter_whatever_it_is_called(tmp_path, name):
    (tmp_path / name).write_bytes(b"AC1032" + bytes(100))
    reader = dwg if name.endswith("dwg") else dxf
    with pytest.raises(UnsupportedFormat, match=r"AutoCAD 2018.*ODA File Converter.*dwg2dxf"):
        list(reader.read((tmp_path / name,), Options(crs=CRS)))


def test_a_binary_drawing_is_read(tmp_path):
    made, space = drawing()
    space.add_point((E, N))
    made.saveas(tmp_path / "a.dxf", fmt="bin")
    assert len(read(tmp_path / "a.dxf")[0]) == 1
