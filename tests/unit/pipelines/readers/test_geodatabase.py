"""File geodatabases: a folder, archives of it, several tables, words for codes, and broken ones."""

import shutil
import zipfile

import geopandas
import pandas as pd
import pyarrow as pa
import pyogrio
import pytest
import shapely

from layers.conform import conform
from layers.features import KIND
from pipelines.readers import geodatabase, zipped
from pipelines.readers.reader import Options
from pipelines.reading import Request, reader_for
from twin.errors import MissingPart, TwinError, UnreadableFile
from twin.place import to_crs84

SHAPES = shapely.points([[500000, 4000000], [500010, 4000010]])


def put(path, layer="wells", shapes=SHAPES, **values):
    values = {"编号": ["甲-1", "乙-2"], "深度": [1.5, 2.5], **values}
    frame = geopandas.GeoDataFrame(values, geometry=shapes, crs=4548)
    pyogrio.write_dataframe(frame, path, layer=layer, driver="OpenFileGDB", append=path.exists())
    return path


def read(reader, path, **options):
    out = {}
    for part in reader.read((path,), Options(**options)):
        batches = [conform(to_crs84(b), KIND) for b in part.batches]
        rows = [row for b in batches for row in b.table.to_pylist()]
        out[part.name] = (rows, {r.row: r.reason for b in batches for r in b.rejected}, part.notes)
    return out


def archive(path, folder, inside=""):
    with zipfile.ZipFile(path, "w") as out:
        for file in folder.iterdir():
            out.write(file, f"{inside}{file.name}")
    return path


def test_a_folder_goes_in_with_its_own_crs_and_chinese_names(tmp_path):
    rows, rejected, _ = read(geodatabase, put(tmp_path / "a.gdb"))[""]
    assert not rejected
    assert [r["编号"] for r in rows] == ["甲-1", "乙-2"]
    assert shapely.from_wkb(rows[0]["geom"]).x == pytest.approx(117, abs=1e-6)


def test_tables_are_parts_and_those_without_geometry_are_said(tmp_path):
    path = put(put(tmp_path / "a.gdb"), "pipes", shapely.linestrings([[[0, 0], [1, 1]]] * 2))
    plain = pd.DataFrame({"a": [1.5]})
    pyogrio.write_dataframe(plain, path, layer="plain", driver="OpenFileGDB", append=True)
    found = read(geodatabase, path)
    assert set(found) == {"wells", "pipes"}
    assert "plain" in found["wells"][2][0]


@pytest.mark.parametrize("inside", ["a.gdb/", "", "data/a.gdb/", "data/"])
def test_an_archive_of_it_goes_in_however_it_was_packed(tmp_path, inside):
    path = archive(tmp_path / "b.gdb.zip", put(tmp_path / "a.gdb"), inside)
    assert reader_for(path, Request(paths=(), layer="x")).name == "gdb"
    assert len(read(geodatabase, path)[""][0]) == 2


def test_a_plain_zip_with_a_geodatabase_goes_in(tmp_path):
    assert len(read(zipped, archive(tmp_path / "b.zip", put(tmp_path / "a.gdb"), "a.gdb/"))[""][0]) == 2


def test_arcs_are_stroked(tmp_path):
    """ogr2ogr writes a true curve; pyogrio cannot."""
    if shutil.which("ogr2ogr") is None:
        pytest.skip("ogr2ogr, which writes curves, is not here")
    import subprocess

    (tmp_path / "a.csv").write_text(
        'n,WKT\n1,"CIRCULARSTRING (500000 4000000,500100 4000100,500200 4000000)"\n'
    )
    command = ["ogr2ogr", "-f", "OpenFileGDB", tmp_path / "a.gdb", tmp_path / "a.csv", "-a_srs", "EPSG:4548"]
    subprocess.run([*command, "-nln", "arcs", "-nlt", "MULTICURVE"], check=True, capture_output=True)
    (row,) = read(geodatabase, tmp_path / "a.gdb")[""][0]
    assert shapely.get_num_coordinates(shapely.from_wkb(row["geom"])) > 100


DOMAIN = """<GPCodedValueDomain2 xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
 xsi:type="typens:GPCodedValueDomain2" xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:typens="http://www.esri.com/schemas/ArcGIS/10.1">
<DomainName>材质</DomainName><FieldType>esriFieldTypeInteger</FieldType>
<MergePolicy>esriMPTDefaultValue</MergePolicy>
<SplitPolicy>esriSPTDuplicate</SplitPolicy><Description/><Owner/><CodedValues xsi:type="typens:ArrayOfCodedValue">
<CodedValue xsi:type="typens:CodedValue"><Name>铸铁</Name><Code xsi:type="xs:int">1</Code></CodedValue>
<CodedValue xsi:type="typens:CodedValue"><Name>PE</Name><Code xsi:type="xs:int">2</Code></CodedValue>
</CodedValues></GPCodedValueDomain2>"""
TABLE = """<DEFeatureClassInfo xmlns:typens="http://www.esri.com/schemas/ArcGIS/10.1"><Name>pipes</Name>
<GPFieldInfoExs><GPFieldInfoEx><Name>mat</Name><DomainName>材质</DomainName></GPFieldInfoEx>
<GPFieldInfoEx><Name>n</Name></GPFieldInfoEx></GPFieldInfoExs></DEFeatureClassInfo>"""


def test_codes_of_a_domain_become_words_and_stay_beside_them():
    words = geodatabase.words_of([TABLE, DOMAIN, "<broken", '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'])
    assert words == {"pipes": {"mat": {"1": "铸铁", "2": "PE"}}}
    rows = pa.table({"mat": pa.array([1.0, 2.0, 9.0, None]), "n": [1, 2, 3, 4]})
    found = geodatabase.spelled(rows, words=words["pipes"])
    assert found["mat"].to_pylist() == ["铸铁", "PE", "9", None]
    assert found["mat_code"].to_pylist() == [1, 2, 9, None]
    assert found.column_names == ["mat", "mat_code", "n"]


def test_what_is_no_geodatabase_is_refused_by_what_it_lacks(tmp_path):
    (tmp_path / "a.gdb").mkdir()
    with pytest.raises(MissingPart, match="a00000001"):
        read(geodatabase, tmp_path / "a.gdb")
    (tmp_path / "b.gdb").write_bytes(b"x")
    with pytest.raises(UnreadableFile, match="folder"):
        read(geodatabase, tmp_path / "b.gdb")
    with zipfile.ZipFile(tmp_path / "c.gdb.zip", "w") as out:
        out.writestr("a.txt", "x")
    with pytest.raises(MissingPart, match="none"):
        read(geodatabase, tmp_path / "c.gdb.zip")


@pytest.mark.parametrize("cut", [0, 10, 40, 200, -10])
def test_a_truncated_one_is_unreadable_and_nothing_crashes(tmp_path, cut):
    path = put(tmp_path / "a.gdb")
    (table,) = (p for p in path.glob("*.gdbtable") if "甲-1".encode() in p.read_bytes())
    table.write_bytes(table.read_bytes()[:cut])
    with pytest.raises(TwinError):
        read(geodatabase, path)
