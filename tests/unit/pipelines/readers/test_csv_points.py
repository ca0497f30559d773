import pytest
import shapely

from layers import features
from layers.conform import conform
from pipelines.readers import csv_points
from pipelines.readers.reader import Options
from twin.errors import (
    InvalidParameter,
    MissingPart,
    OutsideCRSArea,
    UnknownCRS,
    UnreadableFile,
    UnsafeContent,
)
from twin.place import to_crs84


@pytest.fixture
def write(tmp_path):
    def put(text, encoding="utf-8", name="f.csv"):
        path = tmp_path / name
        path.write_bytes(text.encode(encoding))
        return path

    return put


def read(path, **options):
    (part,) = csv_points.read((path,), Options(**options))
    batches = [conform(to_crs84(b), features.KIND) for b in part.batches]
    rows = [row for b in batches for row in b.table.to_pylist()]
    rejected = {r.row: (r.column, r.reason) for b in batches for r in b.rejected}
    assert part.rows == len(rows) + len(rejected)
    return rows, rejected, [*part.notes, *(n for b in batches for n in b.notes)]


@pytest.mark.parametrize(
    "names", ["lon,lat", "Longitude,Latitude", "经度,纬度", "coordinates.longitude,coordinates.latitude"]
)
def test_longitude_and_latitude_are_found_by_their_names(write, names):
    rows, _, _ = read(write(f"id,{names}\na,116.4,39.9\n"))
    assert shapely.from_wkb(rows[0]["geom"]) == shapely.Point(116.4, 39.9)


def test_x_and_y_need_a_crs(write):
    path = write("id,x,y,z\na,500000,4200000,3.5\n")
    with pytest.raises(UnknownCRS, match="--crs EPSG"):
        read(path)
    shape = shapely.from_wkb(read(path, crs="EPSG:4548")[0][0]["geom"])
    assert (round(shape.x, 6), shape.z) == (117.0, 3.5)


def test_a_wkt_column_may_hold_any_geometry(write):
    path = write(
        'id;wkt\na;"POLYGON ((0 0, 1 0, 1 1, 0 0))"\nb;rubbish\nc;\nd;SRID=4326;\n'.replace(
            "d;SRID=4326;\n", ""
        )
    )
    rows, rejected, _ = read(path, crs="EPSG:4326")
    assert shapely.from_wkb(rows[0]["geom"]).area == 0.5
    assert rejected[1][0] == "wkt"
    assert rejected[2] == ("geom", "geometry: null")


def test_gbk_is_told_from_utf8_by_decoding_all_of_it_and_said(write):
    rows, _, notes = read(write("id,名称,经度,纬度\na,中心大街,116.4,39.9\n", "gbk"))
    assert rows[0]["名称"] == "中心大街"
    assert any("GB18030" in n for n in notes)
    assert read(write("id,名称,经度,纬度\na,中心大街,116.4,39.9\n", "utf-8-sig"))[0][0]["name"] == "中心大街"


def test_text_in_no_encoding_that_we_can_tell_is_not_garbled(tmp_path):
    path = tmp_path / "f.csv"
    path.write_bytes(b"id,lon,lat\n\xff\xff\x81,1,2\n")
    with pytest.raises(InvalidParameter, match="--encoding"):
        read(path)


def test_codes_with_leading_zeros_stay_text_and_figures_become_numbers(write):
    rows, _, _ = read(write("id,code,n,v,lon,lat\na,0543,1,NA,1,2\nb,1234,2,1.5,1,3\n"))
    assert [(r["code"], r["n"], r["v"]) for r in rows] == [("0543", 1, None), ("1234", 2, 1.5)]


def test_a_coordinate_that_is_no_number_and_a_short_row_are_refused_with_their_rows(write):
    rows, rejected, _ = read(write("id,lon,lat\na,1,2\nb,x,2\nc,1\nd,3,4\ne,,4\n"))
    assert [r["id"] for r in rows] == ["a", "d"]
    assert rejected[1] == ("lon", "lon: 'x' is no coordinate; decimal degrees or metres")
    assert "2 cells where the header has 3" in rejected[2][1]
    assert rejected[4] == ("geom", "geometry: null")


def test_cells_that_spreadsheets_would_run_are_stored_as_they_came(write):
    cells = ["=cmd()", "+1+1", "@x", "\tx"]
    rows, _, _ = read(write("id,t,lon,lat\n" + "".join(f"{i},{c},1,2\n" for i, c in enumerate(cells))))
    assert [r["t"] for r in rows] == cells


def test_quoted_cells_may_hold_commas_quotes_and_line_breaks(write):
    rows, _, _ = read(write('id,t,lon,lat\na,"x, ""y""\nz",1,2\n'))
    assert rows[0]["t"] == 'x, "y"\nz'


@pytest.mark.parametrize(
    ("text", "error"),
    [("a,b\n1,2\n", MissingPart), ("<OGRVRTDataSource>\n", UnsafeContent), ("one\n", UnreadableFile)],
)
def test_what_is_no_table_of_places_is_refused(write, text, error):
    with pytest.raises(error):
        read(write(text))


def test_two_date_formats_are_read_only_when_asked(write):
    path = write("Date,lat,lon\n01/02/1965,1,2\n1975-02-23T02:58:41.000Z,1,2\n12/28/1970,1,2\n")
    rows, _, _ = read(path)
    assert {r["dated"] for r in rows} == {"survey"}
    (part,) = csv_points.read((path,), Options())
    (batch,) = part.batches
    done = conform(to_crs84(batch), features.KIND, columns={"valid_from": "Date"})
    assert [d.as_py().date().isoformat() for d in done.table["valid_from"]] == [
        "1965-01-02",
        "1975-02-23",
        "1970-12-28",
    ]


def test_a_csv_may_write_degrees_minutes_and_seconds(write):
    text = "id,经度,纬度\na,117°58'12.3\"\"E,37°29'\nb,117度58分12.3秒,37:29:00\n"
    rows, rejected, _ = read(write(text.replace('117°58\'12.3""E', '"117°58\'12.3""E"')))
    assert not rejected
    for row in rows:
        shape = shapely.from_wkb(row["geom"])
        assert (shape.x, shape.y) == pytest.approx((117 + 58 / 60 + 12.3 / 3600, 37 + 29 / 60), abs=1e-12)
    assert rows[0]["经度"].startswith("117°")


def test_x_is_north_and_zone_numbers_fit_in_a_csv_too(write):
    text = "id,X,Y\na,4180000.5,39500000.25\nb,4180001.5,38500000\nc,4180001.5,39500001\n"
    rows, rejected, notes = read(write(text), crs="EPSG:4548")
    assert [r["id"] for r in rows] == ["a", "c"]
    assert "zone number 38" in rejected[1][1]
    assert round(shapely.from_wkb(rows[0]["geom"]).x, 7) == 117.0000028
    assert any("x is the northing" in n for n in notes)
    with pytest.raises(OutsideCRSArea, match="EPSG:4527"):
        read(write(text), crs="EPSG:4547")


def test_degrees_are_no_coordinates_of_a_crs_in_metres(write):
    _, rejected, _ = read(write("id,x,y\na,117°58',37°29'\nb,500000,4180000\n"), crs="EPSG:4548")
    assert "in degrees, the CRS in metres" in rejected[0][1]


def test_the_caller_says_which_column_is_which(write):
    path = write("id,甲,乙\na,4180000,500100\n")
    rows, _, _ = read(path, crs="EPSG:4548", columns={"x": "乙", "y": "甲"})
    assert shapely.from_wkb(rows[0]["geom"]).x > 117
    with pytest.raises(MissingPart, match="name both"):
        read(path, crs="EPSG:4548", columns={"x": "乙"})
