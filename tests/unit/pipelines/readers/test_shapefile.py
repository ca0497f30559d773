"""Shapefiles as Chinese surveys send them: GBK, names of ten bytes, Esri's CRS names, zone numbers."""

import struct

import pyarrow as pa
import pyogrio
import pyproj
import pytest
import shapely

from layers import features
from layers.conform import conform
from pipelines.readers import shapefile
from pipelines.readers.reader import Options
from twin.errors import InvalidParameter, MissingPart, OutsideCRSArea
from twin.place import to_crs84

ZONE_39 = (  # as ArcGIS writes it
    'PROJCS["CGCS2000_3_Degree_GK_Zone_39",GEOGCS["GCS_China_Geodetic_Coordinate_System_2000",'
    'DATUM["D_China_2000",SPHEROID["CGCS2000",6378137.0,298.257222101]],PRIMEM["Greenwich",0.0],'
    'UNIT["Degree",0.0174532925199433]],PROJECTION["Gauss_Kruger"],PARAMETER["False_Easting",39500000.0],'
    'PARAMETER["False_Northing",0.0],PARAMETER["Central_Meridian",117.0],PARAMETER["Scale_Factor",1.0],'
    'PARAMETER["Latitude_Of_Origin",0.0],UNIT["Meter",1.0]]'
)
FIELDS = (("管线起点埋深说明", 20), ("a道路名称备注", 9))
ROWS = (("中心大街", "海丰路"), ("人民医院东侧", "道路名称备"))


def dbf(fields, rows, encoding, language=0):
    """A dBASE table as byte-counting programs write it: names cut at ten bytes, values at their width."""
    length = 1 + sum(width for _, width in fields)
    out = struct.pack("<BBBBLHH", 3, 124, 1, 1, len(rows), 33 + 32 * len(fields), length)
    out += bytes(17) + bytes([language, 0, 0])
    for name, width in fields:
        out += name.encode(encoding)[:10].ljust(11, b"\0") + b"C" + bytes(4) + bytes([width, 0]) + bytes(14)
    out += b"\r"
    for row in rows:
        cells = zip(row, fields, strict=True)
        out += b" " + b"".join(v.encode(encoding)[:width].ljust(width) for v, (_, width) in cells)
    return out + b"\x1a"


@pytest.fixture
def write(tmp_path):
    def put(shapes=None, *, prj=ZONE_39, encoding="gbk", language=0, cpg=None, fields=FIELDS, rows=ROWS):
        shapes = shapes or [shapely.Point(39_500_000, 4_180_000 + i) for i in range(len(rows))]
        path = tmp_path / "管线.shp"
        table = pa.table({"geometry": shapely.to_wkb(shapes)})
        pyogrio.write_arrow(
            table, path, driver="ESRI Shapefile", crs="EPSG:4527", geometry_name="geometry",
            geometry_type="Point Z" if shapes[0].has_z else "Point",
        )  # fmt: skip
        for suffix, text in ((".cpg", cpg), (".prj", prj)):
            path.with_suffix(suffix).unlink(missing_ok=True)
            if text:
                path.with_suffix(suffix).write_text(text)
        path.with_suffix(".dbf").write_bytes(dbf(fields, rows, encoding, language))
        return path

    return put


def read(path, **options):
    parts = shapefile.read((path,), Options(**options))
    part = next(parts)
    batches = list(part.batches)
    assert next(parts, None) is None
    done = [conform(to_crs84(b), features.KIND) for b in batches]
    rows = [row for b in done for row in b.table.to_pylist()]
    notes = [*part.notes, *(n for b in done for n in b.notes)]
    return rows, {r.row: r.reason for b in done for r in b.rejected}, notes, batches[0].crs


@pytest.mark.parametrize(
    ("stated", "language", "encoding"),
    [(None, 0, None), (None, 0x57, None), (None, 0x4D, None), ("936", 0, None), ("GBK", 0, None), ("ANSI 936", 0, None),
     ("UTF-8", 0, "GB18030"), ("ISO-8859-1", 0, "gbk"), (None, 0x03, "GBK")],
)  # fmt: skip
def test_gbk_is_read_however_it_is_stated_with_names_and_values_cut_within_a_character(
    write, stated, language, encoding
):
    rows, _, notes, _ = read(write(cpg=stated, language=language), encoding=encoding)
    assert [(r["管线起点埋"], r["a道路名称"]) for r in rows] == [
        ("中心大街", "海丰路"),
        ("人民医院东侧", "道路名称"),
    ]
    assert any("cut within a character" in n and "a道路名称" in n for n in notes)
    assert any("1 values" in n for n in notes)


@pytest.mark.parametrize(
    ("stated", "language"),
    [("UTF-8", 0), ("ISO-8859-1", 0), ("1252", 0), (None, 0x03), ("65001", 0)],
)
def test_gbk_that_is_stated_to_be_something_else_is_an_error_that_proposes_gb18030(write, stated, language):
    with pytest.raises(InvalidParameter, match="--encoding GB18030"):
        read(write(cpg=stated, language=language))


@pytest.mark.parametrize("stated", ["GBK", "1252"])
def test_utf8_that_is_stated_to_be_something_else_is_an_error_that_proposes_it(write, stated):
    path = write(encoding="utf-8", cpg=stated)
    with pytest.raises(InvalidParameter, match="--encoding UTF-8"):
        read(path)
    assert read(path, encoding="utf-8")[0][0]["管线起"] == "中心大街"


def test_an_encoding_that_does_not_fit_says_where(write):
    with pytest.raises(InvalidParameter, match=r"--encoding utf-8; the name of field 1 is not; .*GB18030"):
        read(write(), encoding="utf-8")


def test_western_text_in_the_encoding_that_it_states_stays_so(write):
    path = write(fields=(("Straße", 20),), rows=(("Größe",), ("Übergang",)), encoding="cp1252", cpg="1252")
    assert [r["Straße"] for r in read(path)[0]] == ["Größe", "Übergang"]


def test_western_text_that_states_nothing_is_not_made_chinese(write):
    path = write(fields=(("a", 20),), rows=(("Größe",), ("Übergröße",)), encoding="cp1252")
    with pytest.raises(InvalidParameter, match="neither UTF-8 nor GBK"):
        read(path)


@pytest.mark.parametrize(
    ("code", "name"),
    [(4527, "CGCS2000_3_Degree_GK_Zone_39"), (4548, "CGCS2000_3_Degree_GK_CM_117E"), (4498, "CGCS2000_GK_Zone_20"),
     (2363, "Xian_1980_3_Degree_GK_Zone_39"), (2384, "Xian_1980_3_Degree_GK_CM_117E"), (2334, "Xian_1980_GK_Zone_20"),
     (2415, "Beijing_1954_3_Degree_GK_Zone_39"), (2436, "Beijing_1954_3_Degree_GK_CM_117E")],
)  # fmt: skip
def test_the_names_of_esri_are_those_of_the_epsg_where_they_put_numbers_in_the_same_place(write, code, name):
    prj = pyproj.CRS.from_epsg(code).to_wkt("WKT1_ESRI")
    assert name in prj
    said = pyproj.CRS.from_epsg(code).coordinate_operation.params
    easting = next(p.value for p in said if p.name == "False easting")
    rows, _, _, crs = read(write([shapely.Point(easting, 4_180_000 + i) for i in range(2)], prj=prj))
    assert crs == pyproj.CRS.from_epsg(code)
    assert shapely.from_wkb(rows[0]["geom"]).x == pytest.approx(117, abs=2e-3)


def test_a_dialect_that_bears_the_name_of_another_zone_stays_what_its_numbers_say(write):
    prj = ZONE_39.replace('"Central_Meridian",117.0', '"Central_Meridian",117.5')
    rows, _, _, crs = read(write(prj=prj))
    assert crs != pyproj.CRS.from_epsg(4527)
    assert shapely.from_wkb(rows[0]["geom"]).x == pytest.approx(117.5)


def place(row):
    shape = shapely.from_wkb(row["geom"])
    return round(shape.x, 7), round(shape.y, 7)


def test_zone_numbers_come_off_and_go_on_as_the_crs_has_them(write):
    with_number = [shapely.Point(39_500_100, 4_180_000, 3.5), shapely.Point(39_500_200, 4_180_000, 4.5)]
    without = [shapely.Point(500_100, 4_180_000, 3.5), shapely.Point(500_200, 4_180_000, 4.5)]
    expected = [place(r) for r in read(write(with_number))[0]]
    for shapes, code in ((without, 4527), (with_number, 4548)):
        rows, rejected, notes, _ = read(write(shapes, prj=None), crs=f"EPSG:{code}")
        assert [place(r) for r in rows] == expected
        assert [shapely.from_wkb(r["geom"]).z for r in rows] == [3.5, 4.5]
        assert not rejected
        assert any("zone number" in n for n in notes)


def test_the_zone_of_another_crs_is_an_error_that_names_the_right_one(write):
    with pytest.raises(OutsideCRSArea, match=r"zone number 39 \(117° E\).*EPSG:4527"):
        read(write(prj=None), crs="EPSG:4547")


def test_a_row_of_another_zone_than_the_rest_is_refused(write):
    shapes = [
        shapely.Point(39_500_000, 4_180_000),
        shapely.Point(39_500_001, 4_180_000),
        shapely.Point(40_500_000, 4_180_000),
    ]
    rows, rejected, _, _ = read(write(shapes, rows=(*ROWS, ("c", "d"))))
    assert len(rows) == 2
    assert "zone number 40" in rejected[2]


def test_a_missing_prj_is_replaced_by_crs_only_when_it_is_said(write):
    path = write(prj=None)
    with pytest.raises(MissingPart, match="--crs"):
        read(path)
    assert place(read(path, crs="EPSG:4527")[0][0])[0] == 117.0
