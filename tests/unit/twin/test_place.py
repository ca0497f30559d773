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
