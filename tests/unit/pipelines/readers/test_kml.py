"""KML and KMZ: folders, typed data, heights, what is not followed, and rows F18, F28-F32 of the hostile list."""

import zipfile

import geopandas
import pyogrio
import pytest
import shapely

from layers.conform import conform
from layers.features import KIND
from pipelines.readers import kml
from pipelines.readers.reader import Options
from twin.errors import MissingPart, TooLarge, UnreadableFile, UnsafeArchive, UnsafeContent
from twin.place import to_crs84

HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?><kml xmlns="http://www.opengis.net/kml/2.2"'
    ' xmlns:gx="http://www.google.com/kml/ext/2.2" xmlns:xi="http://www.w3.org/2001/XInclude"><Document>'
)
POINT = "<Point><coordinates>118.5,38.25,7</coordinates></Point>"


def write(path, *inner):
    path.write_text(HEAD + "".join(inner) + "</Document></kml>", encoding="utf-8")
    return path


def mark(inner=POINT, attributes=""):
    return f"<Placemark {attributes}>{inner}</Placemark>"


def read(path, **options):
    out = {}
    for part in kml.read((path,), Options(**options)):
        batches = [conform(to_crs84(b), KIND) for b in part.batches]
        rows = [row for b in batches for row in b.table.to_pylist()]
        notes = (*part.notes, *(n for b in batches for n in b.notes))
        out[part.name] = (rows, {r.row: r.reason for b in batches for r in b.rejected}, notes, part)
    return out


def one(tmp_path, *inner):
    return read(write(tmp_path / "a.kml", *inner))[""]


def shape(tmp_path, inner):
    rows, _, notes, _ = one(tmp_path, mark(inner))
    return shapely.from_wkb(rows[0]["geom"]), notes, rows[0]


def test_folders_become_a_column(tmp_path):
    inner = f"<Folder><name>管网</name><Folder><name>雨水</name>{mark()}</Folder>{mark()}</Folder>{mark()}"
    rows, rejected, _, part = one(tmp_path, "<name>a document</name>", inner)
    assert [r["folder"] for r in rows] == ["管网/雨水", "管网", None]
    assert not rejected
    assert part.rows == 3


def test_a_schemas_fields_come_with_their_types_wherever_the_schema_stands(tmp_path):
    schema = (
        '<Schema id="s" name="s"><SimpleField type="int" name="层数"/><SimpleField type="double" name="面积"/>'
        '<SimpleField type="bool" name="ok"/><SimpleField type="string" name="code"/></Schema>'
    )
    data = (
        '<ExtendedData><SchemaData schemaUrl="#s"><SimpleData name="层数">6</SimpleData>'
        '<SimpleData name="面积">12.5</SimpleData><SimpleData name="ok">1</SimpleData>'
        '<SimpleData name="code">007</SimpleData></SchemaData></ExtendedData>'
    )
    (row,), _, _, _ = one(tmp_path, mark(data + POINT), schema)
    assert (row["层数"], row["面积"], row["ok"], row["code"]) == (6, 12.5, True, "007")


def test_untyped_data_stays_text_and_never_covers_another_column(tmp_path):
    named = "".join(f'<Data name="{n}"><value>{v}</value></Data>' for n, v in (("n", "012"), ("name", "B")))
    data = f"<name>A</name><ExtendedData>{named}</ExtendedData>"
    (row,), _, _, _ = one(tmp_path, mark(data + POINT))
    assert (row["n"], row["name"], row["name_"]) == ("012", "A", "B")


RINGS = (
    "<outerBoundaryIs><LinearRing><coordinates>0,0 4,0 4,4 0,4 0,0</coordinates></LinearRing></outerBoundaryIs>"
    "<innerBoundaryIs><LinearRing><coordinates>1,1 1,2 2,2 2,1 1,1</coordinates></LinearRing></innerBoundaryIs>"
)
TRACK = "<when>2024-01-01</when><when>2024-01-02</when><gx:coord>1 2 3</gx:coord><gx:coord>3 4 5</gx:coord>"
ABSOLUTE = POINT.replace("<coord", "<altitudeMode>absolute</altitudeMode><coord")
SHAPES = {
    POINT: "POINT (118.5 38.25)",
    ABSOLUTE: "POINT Z (118.5 38.25 7)",
    "<LineString><coordinates> 1,2\n\t3,4 5,6</coordinates></LineString>": "LINESTRING (1 2, 3 4, 5 6)",
    "<LineString><coordinates>1, 2, 0 3, 4, 0</coordinates></LineString>": "LINESTRING (1 2, 3 4)",
    f"<Polygon>{RINGS}</Polygon>": "POLYGON ((0 0, 4 0, 4 4, 0 4, 0 0), (1 1, 1 2, 2 2, 2 1, 1 1))",
    f"<MultiGeometry>{POINT}{POINT.replace('118', '119')}</MultiGeometry>": "MULTIPOINT (118.5 38.25, 119.5 38.25)",
    f"<gx:Track>{TRACK}</gx:Track>": "LINESTRING (1 2, 3 4)",
}


@pytest.mark.parametrize(("inner", "wkt"), SHAPES.items(), ids=SHAPES.values())
def test_each_geometry_is_read_and_heights_count_where_kml_says_so(tmp_path, inner, wkt):
    found, _, _ = shape(tmp_path, inner)
    assert shapely.equals_exact(shapely.force_3d(found, 0), shapely.force_3d(shapely.from_wkt(wkt), 0))
    assert found.has_z == ("Z" in wkt)


def test_heights_that_kml_ignores_are_left_out_and_it_is_said(tmp_path):
    _, notes, _ = shape(tmp_path, POINT)
    assert any("clampToGround" in n for n in notes)
    above = POINT.replace("<coord", "<altitudeMode>relativeToGround</altitudeMode><coord")
    found, notes, row = shape(tmp_path, above)
    assert not found.has_z
    assert row["above_ground"] == 7
    assert any("above_ground" in n for n in notes)
    *_, part = one(tmp_path, mark(ABSOLUTE))
    assert part.vertical == "EPSG:5773"


def test_a_placemark_without_a_geometry_is_refused_with_its_name_and_the_rest_goes_in(tmp_path):
    model = "<Model><Link><href>http://127.0.0.1:9/x.dae</href></Link></Model>"
    bad = "<Point><coordinates>118.5;38.25</coordinates></Point>"
    rows, rejected, _, _ = one(tmp_path, mark("<name>x</name>"), mark(), mark(model), mark(bad))
    assert len(rows) == 1
    assert rejected[0] == "geometry: a Placemark without one"
    assert "3D model" in rejected[2]
    assert "lon,lat" in rejected[3]


def test_what_is_elsewhere_is_not_fetched_and_is_said(tmp_path):
    link = "<NetworkLink><Link><href>http://127.0.0.1:9/a.kml</href></Link></NetworkLink>"
    overlay = "<GroundOverlay><Icon><href>a.png</href></Icon></GroundOverlay>"
    _, _, notes, _ = one(tmp_path, link, overlay, mark())
    assert any(n.startswith("1 network links were not followed") for n in notes)
    assert any("ground overlays" in n and "GeoTIFF" in n for n in notes)
    with pytest.raises(UnreadableFile, match="no placemark; 1 network links"):
        one(tmp_path, link)


def test_ids_are_ids_only_where_every_placemark_has_its_own(tmp_path):
    rows, *_ = one(tmp_path, mark(attributes='id="a"'), mark(attributes='id="b"'))
    assert [r["id"] for r in rows] == ["a", "b"]
    rows, rejected, *_ = one(tmp_path, mark(attributes='id="a"'), mark())
    assert [r["kml_id"] for r in rows] == ["a", None]
    assert not rejected


def test_a_kmz_gives_its_root_document_and_others_as_parts(tmp_path):
    path = tmp_path / "a.kmz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(write(tmp_path / "sub.kml", mark(), mark()), "files/sub.kml")
        archive.write(write(tmp_path / "doc.kml", mark()), "doc.kml")
        archive.writestr("files/icon.png", b"\x89PNG")
    found = read(path)
    assert {name: len(rows) for name, (rows, *_) in found.items()} == {"": 1, "sub": 2}


def test_hostile_archives_are_refused(tmp_path):
    (tmp_path / "plain.kmz").write_bytes(b"hello")
    with pytest.raises(UnreadableFile, match="zip"):
        read(tmp_path / "plain.kmz")
    with zipfile.ZipFile(tmp_path / "empty.kmz", "w") as archive:
        archive.writestr("a.txt", "x")
    with pytest.raises(MissingPart):
        read(tmp_path / "empty.kmz")
    with zipfile.ZipFile(tmp_path / "slip.kmz", "w") as archive:
        archive.writestr("../../doc.kml", "x")
    with pytest.raises(UnsafeArchive):
        read(tmp_path / "slip.kmz")


@pytest.mark.parametrize(
    ("text", "error", "says"),
    [
        ("<html/>", UnreadableFile, "root is html"),
        (HEAD + mark()[:-5], UnreadableFile, "well-formed"),
        ('<!DOCTYPE l [<!ENTITY a "aaaa">]><kml>&a;</kml>', UnsafeContent, "DOCTYPE"),
        ('<!DOCTYPE r SYSTEM "http://127.0.0.1:9/a.dtd"><kml/>', UnsafeContent, "DOCTYPE"),
        (HEAD + '<xi:include href="/etc/passwd" parse="text"/></Document></kml>', UnsafeContent, "include"),
        (HEAD + "<Folder>" * 5000, UnsafeContent, "depth"),
        (HEAD + mark("<name>" + "x" * 10_000_001 + "</name>") + "</Document></kml>", TooLarge, "10,000,000"),
    ],
)
def test_hostile_documents_are_refused(tmp_path, text, error, says):
    path = tmp_path / "a.kml"
    path.write_text(text)
    with pytest.raises(error, match=says):
        read(path)


def test_what_another_program_writes_is_read_back(tmp_path):
    shapes = shapely.points([[118.5, 38.25], [118.75, 38.5]])
    frame = geopandas.GeoDataFrame({"Name": ["甲", "乙"], "n": [1.5, 2.5]}, geometry=shapes, crs=4326)
    pyogrio.write_dataframe(frame, tmp_path / "a.kml", driver="LIBKML")
    rows, rejected, _, _ = read(tmp_path / "a.kml")[""]
    assert not rejected
    assert [shapely.from_wkb(r["geom"]).x for r in rows] == [118.5, 118.75]
    assert [r["name"] for r in rows] == ["甲", "乙"]
    assert [r["n"] for r in rows] == [1.5, 2.5]
