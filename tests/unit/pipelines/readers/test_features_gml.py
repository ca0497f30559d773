"""GML of plain features: axis order, codes, ids, what is refused; rows F28-F35 of the hostile list."""

import geopandas
import pyogrio
import pyproj
import pytest
import shapely

from layers.conform import conform
from layers.features import KIND
from pipelines.readers import features_gml
from pipelines.readers.reader import Options
from pipelines.reading import Request, reader_for
from twin.errors import (
    ForbiddenReference,
    TooLarge,
    UnknownCRS,
    UnreadableFile,
    UnsafeContent,
    UnsupportedFormat,
)
from twin.place import to_crs84

HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?><wfs:FeatureCollection xmlns:wfs="http://www.opengis.net/wfs"'
    ' xmlns:gml="http://www.opengis.net/gml" xmlns:a="http://a" xmlns:xlink="http://www.w3.org/1999/xlink"'
    ' xmlns:xi="http://www.w3.org/2001/XInclude" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
    ' xsi:schemaLocation="http://a http://127.0.0.1:9/a.xsd">'
)
END = "</wfs:FeatureCollection>"


def feature(geometry, name="f1", kind="pipe", **values):
    inner = "".join(f"<a:{k}>{v}</a:{k}>" for k, v in values.items())
    box = '<gml:boundedBy><gml:Envelope srsName="urn:ogc:def:crs:EPSG::4490"><gml:lowerCorner>1 2</gml:lowerCorner>'
    box += "<gml:upperCorner>1 2</gml:upperCorner></gml:Envelope></gml:boundedBy>"
    inner = f"{box if '4490' in geometry else ''}{inner}<a:shape>{geometry}</a:shape>"
    body = f'<a:{kind} gml:id="{name}">{inner}</a:{kind}>'
    return f"<gml:featureMember>{body}</gml:featureMember>"


def point(srs, pos="36 118"):
    return f'<gml:Point srsName="{srs}"><gml:pos>{pos}</gml:pos></gml:Point>'


def write(path, *members):
    path.write_text(HEAD + "".join(members) + END, encoding="utf-8")
    return path


def read(path, **options):
    out = {}
    for part in features_gml.read((path,), Options(**options)):
        batches = [conform(to_crs84(b), KIND) for b in part.batches]
        rows = [row for b in batches for row in b.table.to_pylist()]
        out[part.name] = (rows, {r.row: r.reason for b in batches for r in b.rejected}, part.notes)
    return out


def place(found):
    (row,) = found[""][0]
    at = shapely.from_wkb(row["geom"])
    return round(at.x, 6), round(at.y, 6)


FORMS = {
    "urn:ogc:def:crs:EPSG::4490": "36 118",
    "http://www.opengis.net/def/crs/EPSG/0/4490": "36 118",
    "urn:ogc:def:crs:EPSG::4326": "36 118",
    "urn:ogc:def:crs:OGC:1.3:CRS84": "118 36",
    "EPSG:4490": "118 36",
    "http://www.opengis.net/gml/srs/epsg.xml#4326": "118 36",
}


@pytest.mark.parametrize(("srs", "pos"), FORMS.items())
def test_axes_are_as_the_form_of_the_srs_name_says(tmp_path, srs, pos):
    found = read(write(tmp_path / "a.gml", feature(point(srs, pos))))
    assert place(found) == (118, 36)
    assert any("east" in n for n in found[""][2]) == (srs == "EPSG:4490" or "epsg.xml" in srs)


@pytest.mark.parametrize("srs", ["urn:ogc:def:crs:EPSG::4548", "EPSG:4548"])
def test_a_gauss_krueger_zone_is_northing_first_in_the_formal_form(tmp_path, srs):
    there = pyproj.Transformer.from_crs("OGC:CRS84", "EPSG:4548", always_xy=True).transform(118, 36)
    pos = " ".join(f"{v:.4f}" for v in (there[::-1] if srs.startswith("urn") else there))
    assert place(read(write(tmp_path / "a.gml", feature(point(srs, pos))))) == (118, 36)


def test_a_file_without_an_srs_name_needs_a_crs_and_is_read_in_the_order_of_that_name(tmp_path):
    path = write(tmp_path / "a.gml", feature("<gml:Point><gml:pos>36 118</gml:pos></gml:Point>"))
    with pytest.raises(UnknownCRS, match="--crs"):
        read(path)
    assert place(read(path, crs="urn:ogc:def:crs:EPSG::4490")) == (118, 36)
    assert place(read(path, crs="EPSG:4490")) == (118, 36)


def test_codes_stay_text_and_numbers_become_numbers(tmp_path):
    srs = "urn:ogc:def:crs:EPSG::4490"
    path = write(
        tmp_path / "a.gml",
        feature(point(srs), "f1", code="007", n=3, depth=1.5, 名称="甲", mixed=1),
        feature(point(srs), "f2", code="12", n=-4, depth=2, 名称="乙", mixed="x"),
    )
    rows, rejected, _ = read(path)[""]
    assert not rejected
    assert [(r["code"], r["n"], r["depth"], r["mixed"]) for r in rows] == [
        ("007", 3, 1.5, "1"),
        ("12", -4, 2.0, "x"),
    ]
    assert [r["name"] for r in rows] == ["甲", "乙"]
    assert [r["id"] for r in rows] == ["f1", "f2"]
    assert "lowerCorner" not in rows[0]


def test_feature_types_are_parts(tmp_path):
    srs = "urn:ogc:def:crs:EPSG::4490"
    found = read(write(tmp_path / "a.gml", feature(point(srs)), feature(point(srs), "g1", "well")))
    assert set(found) == {"pipe", "well"}


def test_arcs_are_stroked(tmp_path):
    arc = (
        '<gml:Curve srsName="EPSG:4548"><gml:segments><gml:ArcString><gml:posList>500000 4000000 500100 4000100 '
        "500200 4000000</gml:posList></gml:ArcString></gml:segments></gml:Curve>"
    )
    (row,) = read(write(tmp_path / "a.gml", feature(arc)))[""][0]
    assert len(shapely.from_wkb(row["geom"]).coords) > 100


def test_nothing_is_written_beside_the_file_and_a_gfs_there_is_not_believed(tmp_path):
    path = write(tmp_path / "a.gml", feature(point("urn:ogc:def:crs:EPSG::4490"), n=1))
    (tmp_path / "a.gfs").write_text(
        "<GMLFeatureClassList><GMLFeatureClass><Name>evil</Name></GMLFeatureClass></GMLFeatureClassList>"
    )
    assert len(read(path)[""][0]) == 1
    assert {p.name for p in tmp_path.iterdir()} == {"a.gml", "a.gfs"}


@pytest.mark.parametrize("form", ["GML2", "GML3", "GML3.2"])
def test_what_gdal_writes_with_its_schema_is_read_back(tmp_path, form):
    shapes = shapely.box([118, 118.5], [36, 36.5], [118.1, 118.6], [36.1, 36.6])
    frame = geopandas.GeoDataFrame({"code": ["007", "8"], "h": [1.5, 2.5]}, geometry=shapes, crs=4490)
    pyogrio.write_dataframe(frame, tmp_path / "a.gml", driver="GML", FORMAT=form)
    rows, rejected, _ = read(tmp_path / "a.gml")[""]
    assert not rejected
    assert [(r["code"], r["h"]) for r in rows] == [("007", 1.5), ("8", 2.5)]
    assert shapely.from_wkb(rows[1]["geom"]).bounds == pytest.approx((118.5, 36.5, 118.6, 36.6))


def test_which_reader_takes_a_gml_is_settled_by_its_content(tmp_path):
    plain = write(tmp_path / "a.gml", feature(point("urn:ogc:def:crs:EPSG::4490")))
    (tmp_path / "b.gml").write_text('<CityModel xmlns="http://www.opengis.net/citygml/2.0"/>')
    assert reader_for(plain, Request(paths=(), layer="x")).name == "gml"
    assert reader_for(tmp_path / "b.gml", Request(paths=(), layer="x")).name == "citygml"


HREF = '<gml:MultiSurface srsName="urn:ogc:def:crs:EPSG::4490"><gml:surfaceMember xlink:href="{}"/></gml:MultiSurface>'


@pytest.mark.parametrize(
    ("text", "error", "says"),
    [
        ("<html/>", UnreadableFile, "nothing in it is GML"),
        (HEAD + END, UnreadableFile, "nothing in it"),
        (HEAD + feature(point("urn:x:unknown")) + END, UnknownCRS, "urn:x:unknown"),
        (
            HEAD + feature(point("EPSG:4548")) + feature(point("EPSG:4490")) + END,
            UnsupportedFormat,
            "several CRSs",
        ),
        (HEAD + feature(HREF.format("file:///etc/passwd")) + END, ForbiddenReference, "outside of the file"),
        (
            HEAD + feature(HREF.format("http://127.0.0.1:9/x")) + END,
            ForbiddenReference,
            "outside of the file",
        ),
        (HEAD + feature(HREF.format("#p1")) + END, UnsupportedFormat, "by reference"),
        ('<!DOCTYPE l [<!ENTITY a "aaaa">]><l>&a;</l>', UnsafeContent, "DOCTYPE"),
        ('<!DOCTYPE r SYSTEM "http://127.0.0.1:9/a.dtd"><r/>', UnsafeContent, "DOCTYPE"),
        (HEAD + '<xi:include href="/etc/passwd" parse="text"/>' + END, UnsafeContent, "include"),
        ("<a>" * 5000 + "</a>" * 5000, UnsafeContent, "depth"),
        (HEAD + "x" * 10_000_001 + END, TooLarge, "10,000,000"),
        (HEAD + feature(point("EPSG:4490"))[:-20], UnreadableFile, "well-formed"),
    ],
)
def test_hostile_files_are_refused(tmp_path, text, error, says):
    path = tmp_path / "a.gml"
    path.write_text(text)
    with pytest.raises(error, match=says):
        read(path)


def test_a_hostile_schema_beside_it_is_refused(tmp_path):
    path = write(tmp_path / "a.gml", feature(point("EPSG:4490")))
    (tmp_path / "a.xsd").write_text('<!DOCTYPE l [<!ENTITY a "aaaa">]><l>&a;</l>')
    with pytest.raises(UnsafeContent):
        read(path)
