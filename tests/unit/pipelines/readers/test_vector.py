"""GeoPackage, FlatGeobuf, shapefiles, archives and GeoParquet; rows F17-F24, F27 and F48 of the hostile list."""

import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pyogrio
import pytest
import shapely

import twin.gdal
from layers import buildings, features
from layers.conform import conform
from pipelines.readers import geoparquet, shapefile, unzip, vector, zipped
from pipelines.readers.reader import Options
from twin.errors import (
    ForbiddenReference,
    InvalidParameter,
    MissingPart,
    TooLarge,
    UnknownCRS,
    UnreadableFile,
    UnsafeArchive,
)
from twin.place import to_crs84

DATA = Path(__file__).parents[5] / "shared/data/buildings"
SHAPES = shapely.box(500000 + np.arange(3) * 20, 4200000, 500010 + np.arange(3) * 20, 4200010)
NAMES = ["甲", "乙", "丙"]


def put(path, *, layer=None, crs="EPSG:4548", names=NAMES, driver=None, append=False, **options):
    geometry = pa.array(shapely.to_wkb(SHAPES), pa.binary())
    pyogrio.write_arrow(
        pa.table({"name": names, "n": [1, 2, 3], "geometry": geometry}),
        path, layer=layer, driver=driver, crs=crs, geometry_name="geometry", geometry_type="Polygon", append=append,
        **options,
    )  # fmt: skip
    return path


def read(reader, path, kind=features.KIND, **options):
    out = {}
    for part in reader.read((path,), Options(**options)):
        batches = [conform(to_crs84(b), kind) for b in part.batches]
        rows = [row for b in batches for row in b.table.to_pylist()]
        out[part.name] = (rows, {r.row: r.reason for b in batches for r in b.rejected}, part.notes)
    return out


@pytest.mark.parametrize("name", ["a.gpkg", "a.fgb"])
def test_one_table_is_the_main_part_and_lies_where_its_crs_says(tmp_path, name):
    found = read(vector, put(tmp_path / name))
    rows, rejected, _ = found[""]
    assert sorted(r["name"] for r in rows) == sorted(NAMES)
    assert shapely.from_wkb(rows[0]["geom"]).bounds[0] == pytest.approx(117, abs=1e-3)
    assert not rejected


def test_several_tables_are_parts_by_their_names(tmp_path):
    path = put(tmp_path / "a.gpkg", layer="houses")
    put(path, layer="sheds", append=True)
    assert set(read(vector, path)) == {"houses", "sheds"}


def test_row_numbers_of_a_geopackage_are_ids_only_when_asked(tmp_path):
    path = put(tmp_path / "a.gpkg", layer_options={"FID": "OBJECTID"})
    assert "OBJECTID" not in read(vector, path)[""][0][0]
    (part,) = vector.read((path,), Options(columns={"id": "OBJECTID"}))
    (batch,) = part.batches
    done = conform(to_crs84(batch), features.KIND, columns={"id": "OBJECTID"})
    assert done.table["id"].to_pylist() == ["1", "2", "3"]


@pytest.mark.parametrize("name", ["a.gpkg", "a.fgb"])
def test_what_only_bears_the_name_is_refused_unopened(tmp_path, name):
    path = tmp_path / name
    path.write_text('<OGRVRTDataSource><OGRVRTLayer name="x"><SrcDataSource>/etc/passwd</SrcDataSource>')
    with pytest.raises(UnreadableFile, match="does not begin as"):
        read(vector, path)


def test_a_truncated_geopackage_is_refused(tmp_path):
    path = put(tmp_path / "a.gpkg")
    path.write_bytes(path.read_bytes()[:9000])
    with pytest.raises(UnreadableFile):
        read(vector, path)


def test_without_a_crs_the_caller_is_asked_for_one(tmp_path):
    with pytest.warns(UserWarning, match="crs"):
        path = put(tmp_path / "a.gpkg", crs=None)
    with pytest.raises(UnknownCRS, match="--crs"):
        read(vector, path)
    assert len(read(vector, path, crs="EPSG:4548")[""][0]) == 3


@pytest.mark.parametrize(
    "name",
    ["/vsicurl/http://127.0.0.1:9/a.geojson", "/vsizip//vsicurl/http://127.0.0.1:9/a.zip", "PG:host=127.0.0.1",
     "GPKG:/etc/passwd:t", "/vsistdin/", "http://127.0.0.1/"],
)  # fmt: skip
def test_names_that_are_not_files_are_forbidden(name):
    with pytest.raises(ForbiddenReference):
        twin.gdal.plain(name)


def test_gdal_knows_no_driver_that_goes_elsewhere():
    # In a process of its own: this one may have started GDAL before it imported anything of ours.
    code = "import twin.gdal, pyogrio, rasterio; from rasterio.drivers import raster_driver_extensions as r"
    code += "; print(*pyogrio.list_drivers(), *r().values())"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    drivers = set(said.stdout.split())
    assert not drivers & {*twin.gdal.INDIRECT, *twin.gdal.NETWORK}
    assert {"GPKG", "GTiff"} <= drivers
    assert said.stderr == ""


def test_a_shapefile_in_gbk_without_a_code_page_reads_right_and_says_so(tmp_path):
    path = put(tmp_path / "a.shp", encoding="GBK")
    (tmp_path / "a.cpg").unlink(missing_ok=True)
    dbf = bytearray((tmp_path / "a.dbf").read_bytes())
    dbf[29] = 0
    (tmp_path / "a.dbf").write_bytes(bytes(dbf))
    rows, _, notes = read(shapefile, path)[""]
    assert [r["name"] for r in rows] == NAMES
    assert any("GB18030" in n for n in notes)


def test_a_shapefiles_code_page_is_believed(tmp_path):
    path = put(tmp_path / "a.shp", layer_options={"ENCODING": "UTF-8"})
    assert [r["name"] for r in read(shapefile, path)[""][0]] == NAMES
    with pytest.raises(InvalidParameter, match="no encoding is known"):
        read(shapefile, path, encoding="klingon")


@pytest.mark.parametrize("suffix", [".shx", ".dbf", ".prj"])
def test_a_shapefile_in_an_archive_lacks_nothing(tmp_path, suffix):
    put(tmp_path / "a.shp", layer_options={"ENCODING": "UTF-8"})
    whole, part = tmp_path / "whole.zip", tmp_path / "part.zip"
    for target, left_out in ((whole, ""), (part, suffix)):
        with zipfile.ZipFile(target, "w") as archive:
            for file in tmp_path.glob("a.*"):
                if file.suffix != left_out:
                    archive.write(file, file.name)
    assert [r["name"] for r in read(zipped, whole)[""][0]] == NAMES
    with pytest.raises(MissingPart, match=f"a{suffix}"):
        read(zipped, part)
    if suffix == ".prj":
        assert len(read(zipped, part, crs="EPSG:4548")[""][0]) == 3


@pytest.mark.parametrize("name", ["../../evil.txt", "/evil.txt", "..\\..\\evil.txt", "C:\\evil.txt"])
def test_an_entry_that_leads_out_of_the_archive_is_unsafe(tmp_path, name):
    path = tmp_path / "s.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(name, "x")
    with pytest.raises(UnsafeArchive):
        read(zipped, path)
    assert [p.name for p in tmp_path.iterdir()] == ["s.zip"]


def test_a_link_in_an_archive_is_unsafe(tmp_path):
    entry = zipfile.ZipInfo("a.shp")
    entry.create_system, entry.external_attr = 3, 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "l.zip", "w") as archive:
        archive.writestr(entry, "/etc/passwd")
    with pytest.raises(UnsafeArchive):
        read(zipped, tmp_path / "l.zip")


def test_a_bomb_is_too_large_and_is_not_unpacked(tmp_path):
    with zipfile.ZipFile(tmp_path / "b.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.geojson", bytes(1 << 24))
    with pytest.raises(TooLarge, match="limit is 200"):
        read(zipped, tmp_path / "b.zip")


def test_archives_in_archives_are_not_opened(tmp_path):
    with zipfile.ZipFile(tmp_path / "n.zip", "w") as archive:
        archive.writestr("inner.zip", b"PK")
    with pytest.raises(TooLarge, match="one level"):
        read(zipped, tmp_path / "n.zip")


def test_too_many_entries_are_refused_from_the_directorys_end(tmp_path, monkeypatch):
    monkeypatch.setattr(unzip, "ENTRIES", 100)
    with zipfile.ZipFile(tmp_path / "n.zip", "w") as archive:
        for i in range(101):
            archive.writestr(str(i), "")
    monkeypatch.setattr(zipfile, "ZipFile", None)
    with pytest.raises(TooLarge, match="101 entries"):
        read(zipped, tmp_path / "n.zip")


def test_an_encrypted_archive_says_that_it_is(tmp_path):
    path = tmp_path / "e.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.geojson", "x")
    raw = bytearray(path.read_bytes())
    raw[6] += 1
    raw[raw.find(b"PK\x01\x02") + 8] += 1
    path.write_bytes(bytes(raw))
    with pytest.raises(UnreadableFile, match="encrypted"):
        read(zipped, path)


@pytest.mark.parametrize("text", [b"", b"PK\x05\x06", b"nothing"])
def test_what_is_no_archive_is_unreadable(tmp_path, text):
    (tmp_path / "x.zip").write_bytes(text)
    with pytest.raises(UnreadableFile):
        read(zipped, tmp_path / "x.zip")


def parquet(path, blobs, geo):
    table = pa.table({"name": [str(i) for i in range(len(blobs))], "geometry": pa.array(blobs, pa.binary())})
    about = {"version": "1.1.0", "primary_column": "geometry", "columns": {"geometry": geo}}
    pq.write_table(table.replace_schema_metadata({"geo": json.dumps(about)} if geo is not None else {}), path)
    return path


def test_geoparquet_without_a_crs_is_crs84_and_a_bad_row_is_refused_alone(tmp_path):
    blobs = [shapely.to_wkb(shapely.Point(i, 1)) for i in range(6)]
    blobs[5] = b"\x01\x03\0\0\0\xff\xff\xff\x7f"
    path = parquet(tmp_path / "a.parquet", blobs, {"encoding": "WKB", "geometry_types": ["Point"]})
    rows, rejected, _ = read(geoparquet, path)[""]
    assert len(rows) == 5
    assert rejected == {5: "geometry: its WKB cannot be read"}


def test_geoparquet_needs_its_metadata_and_a_known_crs(tmp_path):
    blobs = [shapely.to_wkb(shapely.Point(0, 1))]
    with pytest.raises(MissingPart, match="geo"):
        read(geoparquet, parquet(tmp_path / "a.parquet", blobs, None))
    with pytest.raises(UnknownCRS, match="--crs"):
        read(geoparquet, parquet(tmp_path / "b.parquet", blobs, {"encoding": "WKB", "crs": None}))


def test_a_column_beyond_the_limit_is_refused_from_the_footer(tmp_path, monkeypatch):
    monkeypatch.setattr(geoparquet, "CHUNK", 50)
    with pytest.raises(TooLarge, match="limit is 50"):
        read(geoparquet, parquet(tmp_path / "a.parquet", [bytes(1000)], {"encoding": "WKB"}))


def test_a_truncated_parquet_is_refused(tmp_path):
    path = parquet(tmp_path / "a.parquet", [bytes(1000)], {"encoding": "WKB"})
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(UnreadableFile):
        read(geoparquet, path)


@pytest.mark.skipif(not DATA.exists(), reason="../shared/data is not there")
def test_the_same_177_footprints_come_out_of_geopackage_and_geojson(tmp_path):
    from pipelines.readers import geojson

    packed = read(vector, DATA / "mago_footprint.gpkg", buildings.KIND)[""]
    text = read(geojson, DATA / "mago_footprint-with-height.geojson", buildings.KIND)[""]
    for rows, rejected, _ in (packed, text):
        assert (len(rows), rejected) == (177, {})
        assert sum(r["height"] is None for r in rows) == 37
        bounds = shapely.total_bounds(shapely.from_wkb([r["geom"] for r in rows]))
        assert bounds == pytest.approx([127.177, 37.614, 127.185, 37.622], abs=1e-3)


def test_the_folder_of_an_archive_goes_away(tmp_path):
    shutil.copy(put(tmp_path / "a.gpkg"), tmp_path / "b.gpkg")
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.write(tmp_path / "a.gpkg", "a.gpkg")
    with unzip.unpacked(tmp_path / "a.zip") as folder:
        assert (folder / "a.gpkg").exists()
    assert not folder.exists()
