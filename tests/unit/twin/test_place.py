import numpy as np
import pyarrow as pa
import pyproj
import pytest
import shapely

from twin import space
from twin.place import to_crs84
from twin.table import Batch


def batch(shapes, crs=None):
    blobs = pa.array([s if isinstance(s, bytes) else shapely.to_wkb(s) for s in shapes], pa.binary())
    return Batch(table=pa.table({"geom": blobs, "row": np.arange(len(shapes))}), crs=crs)


def shapes(done):
    return shapely.from_wkb(np.asarray(done.table["geom"].to_pylist(), object))


def test_gauss_krueger_metres_come_where_proj_puts_them_and_keep_their_z():
    done = to_crs84(
        batch([shapely.Point(500000, 4200000, 7.5), shapely.Point(510000, 4200000)]),
        crs=space.crs("EPSG:4548"),
    )
    lon, lat = pyproj.Transformer.from_crs("EPSG:4548", "EPSG:4326", always_xy=True).transform(
        500000, 4200000
    )
    first, second = shapes(done)
    assert (first.x, first.y, first.z) == (pytest.approx(lon, abs=1e-9), pytest.approx(lat, abs=1e-9), 7.5)
    assert not second.has_z
    assert done.crs is None


@pytest.mark.parametrize(
    ("crs", "point", "reason"),
    [
        ("EPSG:4326", (39.9, 116.4), "outside-crs-area: latitude 116.4; coordinates look swapped"),
        ("OGC:CRS84", (500000, 4400000), "look like metres, not degrees; name their CRS with --crs"),
        ("EPSG:4326", (200, 10), "outside-crs-area: longitude 200; longitudes run from -180 to 180"),
        ("EPSG:4548", (39500000, 4200000), "zone number 39"),
    ],
)  # fmt: skip
def test_an_impossible_position_is_refused_with_what_it_may_be(crs, point, reason):
    done = to_crs84(batch([shapely.Point(*point)]), crs=space.crs(crs))
    assert len(done.table) == 0
    assert reason in done.rejected[0].reason


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_position_that_is_no_number_is_refused_and_its_neighbours_are_not(value):
    point = shapely.points([[value, 39.9]])[0]
    done = to_crs84(batch([shapely.Point(1, 2), point, shapely.Point(3, 4)]), crs=space.crs("EPSG:4326"))
    assert len(done.table) == 2
    assert done.rejected[0].row == 1
    assert done.rejected[0].reason in ("geometry: NaN", "geometry: infinite")


def test_broken_wkb_and_open_rings_are_told_apart():
    good = shapely.to_wkb(shapely.box(0, 0, 1, 1))
    opened = bytearray(good)
    opened[-16:-8] = np.float64(0.5).tobytes()
    broken = b"\x01\x03\0\0\0\xff\xff\xff\x7f"
    done = to_crs84(batch([good, bytes(opened), broken]), crs=space.crs("EPSG:4326"))
    assert [r.reason for r in done.rejected] == [
        "geometry: ring not closed",
        "geometry: its WKB cannot be read",
    ]


def test_a_possible_place_outside_the_area_of_use_goes_in_with_a_loud_note():
    done = to_crs84(batch([shapely.Point(4200000, 500000)]), crs=space.crs("EPSG:4548"))
    assert len(done.table) == 1
    assert "WARNING: rows lie outside the area of use of EPSG:4548" in done.notes[0]
    assert "row 0 is at" in done.notes[0]


def done_with(crs, *points):
    return to_crs84(batch([shapely.Point(*p) for p in points]), crs=space.crs(crs))


def test_where_the_other_width_of_zone_fits_it_is_named():
    note = done_with("EPSG:4548", (700000, 4200000)).notes[0]
    assert "they fit EPSG:4509 (CGCS2000 / Gauss-Kruger CM 117E)" in note
    assert "85 km NE of Dongying" in note
    assert "coordinates look swapped" in done_with("EPSG:4548", (4200000, 500000)).notes[0]
    assert "fit" not in done_with("EPSG:4548", (400000, 1200000)).notes[0]


def test_a_zone_number_that_is_there_or_missing_is_told():
    (row,) = done_with("EPSG:4548", (39500000, 4200000)).rejected
    assert "zone number 39, which EPSG:4527 has" in row.reason
    (row,) = done_with("EPSG:4548", (20500000, 4200000)).rejected
    assert "zone number 20, which EPSG:4498 has" in row.reason
    (row,) = done_with("EPSG:4527", (500000, 4200000)).rejected
    assert "no zone number" in row.reason


@pytest.mark.parametrize(("code", "name"), [("EPSG:2384", "Xian 1980"), ("EPSG:2436", "Beijing 1954")])
def test_an_old_datum_says_how_little_is_known_and_what_helps(code, name):
    (note,) = done_with(code, (500000, 4200000)).notes
    assert note.startswith(f"WARNING: no parameters between {name} and CGCS2000 are public")
    assert "100 m and more" in note
    assert "--crs NAME" in note


def test_a_stated_accuracy_is_passed_on_and_a_good_one_is_not_worth_a_word():
    (note,) = done_with("EPSG:3089", (5000000, 4000000)).notes
    assert note.endswith("'NAD83 to WGS 84 (1)', whose stated accuracy is 4 m")
    assert done_with("EPSG:4548", (500000, 4200000)).notes == ()
    assert done_with("EPSG:2056", (2600000, 1200000)).notes == ()


def test_heights_in_feet_and_depths_become_metres_upwards():
    done = done_with("EPSG:2263+6360", (980000, 200000, 100.0))
    assert shapes(done)[0].z == pytest.approx(100 * 1200 / 3937, abs=1e-9)
    assert any("kept as metres upwards" in n for n in done.notes)
    assert space.vertical_of(space.crs("EPSG:2263+6360")) == "North American Vertical Datum 1988 (m)"
    assert shapes(done_with("EPSG:4326+5715", (118, 38, 12.0)))[0].z == -12.0


@pytest.mark.parametrize("code", ["EPSG:4490", "EPSG:4548", "EPSG:4527", "EPSG:4498"])
def test_cgcs2000_is_taken_as_proj_takes_it(code):
    own = space.to_crs84(space.crs(code))
    whole = pyproj.Transformer.from_crs(code, "OGC:CRS84", always_xy=True)
    x, y = pyproj.Transformer.from_crs("OGC:CRS84", code, always_xy=True).transform(117.3, 38.2)
    assert own.transform(x, y) == pytest.approx(whole.transform(x, y), abs=1e-12)
    assert space.from_crs84(space.crs(code)).transform(117.3, 38.2) == pytest.approx((x, y), abs=1e-7)
