"""Arcs as chords: against circles that are known, and against GDAL's own strokes."""

import math
import shutil
import struct
import subprocess

import numpy as np
import pyarrow as pa
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from pipelines.readers.vectors import curves

angle = st.floats(-math.pi, math.pi)


@given(
    st.floats(-1e6, 1e6),
    st.floats(-1e6, 1e6),
    st.floats(0.1, 1e4),
    angle,
    st.floats(0.05, 6.2),
    st.booleans(),
)
def test_an_arc_keeps_to_its_circle_and_goes_through_its_middle(x, y, radius, start, turn, left):
    way = turn if left else -turn
    at = np.array([start, start + way / 2, start + way])
    places = np.column_stack([x + radius * np.cos(at), y + radius * np.sin(at)])
    found = curves.arc(*places)
    noise = 1e-5 * radius + 1e-6
    off = np.hypot(found[:, 0] - x, found[:, 1] - y) - radius
    assert np.abs(off).max() < noise * 100
    assert (found[0] == places[0]).all()
    assert (found[-1] == places[2]).all()
    line = shapely.LineString(found)
    assert line.distance(shapely.Point(places[1])) < 5e-5 * radius + 100 * noise
    assert line.length == pytest.approx(radius * turn, rel=1e-3)


def curved(order, kind, *parts):
    return struct.pack(f"{order}BI", order == "<", kind) + b"".join(parts)


def places(order, *xy):
    flat = [v for p in xy for v in p]
    return struct.pack(f"{order}I{len(flat)}d", len(xy), *flat)


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_curve_polygon_of_a_whole_circle_has_its_area(order):
    ring = curved(order, 8, places(order, (0, 0), (10, 0), (0, 0)))
    blob = curved(order, 10, struct.pack(f"{order}I", 1), ring)
    found = shapely.from_wkb(curves.straightened(pa.chunked_array([[blob, None]]))[0].as_py())
    assert found.area == pytest.approx(25 * math.pi, rel=1e-3)
    assert found.is_valid


def test_a_compound_curve_joins_its_parts_and_keeps_z():
    bend = curved("<", 1008, places("<", (0, 0, 1), (1, 1, 2), (2, 0, 3)))
    straight = curved("<", 1002, places("<", (2, 0, 3), (5, 0, 4)))
    found = curves.stroked(curved("<", 1009, struct.pack("<I", 2), bend, straight))
    assert found.length == pytest.approx(math.pi + 3, rel=1e-4)
    assert [found.coords[0][2], found.coords[-1][2]] == [1, 4]


@pytest.mark.parametrize("cut", [3, 5, 9, 20])
def test_what_is_cut_off_or_lies_about_its_size_stays_as_it_is(cut):
    whole = curved("<", 8, places("<", (0, 0), (1, 1), (2, 0)))
    lying = curved("<", 8, struct.pack("<I", 2**31))
    column = pa.chunked_array([[whole[:cut], lying]])
    assert curves.straightened(column).to_pylist() == [whole[:cut], lying]


@pytest.mark.skipif(shutil.which("ogr2ogr") is None, reason="ogr2ogr, the other program, is not here")
def test_gdal_strokes_the_same_arc(tmp_path):
    wkt = "COMPOUNDCURVE (CIRCULARSTRING (0 0,3 4,9 1),(9 1,12 5))"
    (tmp_path / "a.csv").write_text(f'n,WKT\n1,"{wkt}"\n')
    out = tmp_path / "b.csv"
    subprocess.run(
        ["ogr2ogr", "-nlt", "CONVERT_TO_LINEAR", "-lco", "GEOMETRY=AS_WKT", out, tmp_path / "a.csv"],
        check=True,
    )
    theirs = shapely.from_wkt(out.read_text().split('"')[1])
    bend = curved("<", 8, places("<", (0, 0), (3, 4), (9, 1)))
    straight = curved("<", 2, places("<", (9, 1), (12, 5)))
    ours = curves.stroked(curved("<", 9, struct.pack("<I", 2), bend, straight))
    assert ours.hausdorff_distance(theirs) < 0.01
