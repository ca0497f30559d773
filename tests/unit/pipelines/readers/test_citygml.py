"""CityGML: axis order, references, and what hostile files get."""

import re
from pathlib import Path

import numpy as np
import pytest
import shapely

from layers.buildings import KIND
from layers.conform import conform
from pipelines.readers.citygml import READER
from pipelines.readers.markup.gml import reference
from pipelines.readers.reader import Options
from twin.body import Surface, decode
from twin.errors import TooLarge, TwinError, UnknownCRS, UnreadableFile, UnsafeContent, UnsupportedFormat
from twin.place import to_crs84

DATA = Path(__file__).parents[5] / "shared" / "data" / "buildings"
PLATEAU = DATA / "plateau" / "yokosuka-shi" / "udx"
real = pytest.mark.skipif(not DATA.is_dir(), reason="../shared/data is not there")

HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<core:CityModel xmlns:core="http://www.opengis.net/citygml/2.0" xmlns:gml="http://www.opengis.net/gml"
 xmlns:bldg="http://www.opengis.net/citygml/building/2.0" xmlns:gen="http://www.opengis.net/citygml/generics/2.0"
 xmlns:xlink="http://www.w3.org/1999/xlink" xmlns:uro="https://www.geospatial.jp/iur/uro/2.0"
 xmlns:xi="http://www.w3.org/2001/XInclude" xmlns:tran="http://www.opengis.net/citygml/transportation/2.0"
 xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="x http://127.0.0.1:9/a.xsd">"""
SRS = "http://www.opengis.net/def/crs/EPSG/0/6697"
# x east, y north, z up; corners of a house of about 10 m, 0 to 3 below and 4 to 7 above
CORNERS = [(x, y, z) for z in (5, 11) for y in (35.0, 35.0001) for x in (139.0, 139.0001)]
BOX = [(0, 2, 3, 1), (4, 5, 7, 6), (0, 1, 5, 4), (1, 3, 7, 5), (3, 2, 6, 7), (2, 0, 4, 6)]
NAMES = ("GroundSurface", "RoofSurface", *["WallSurface"] * 4)


def pos_list(face, order=(1, 0, 2)):
    return " ".join(str(CORNERS[i][k]) for i in (*face, face[0]) for k in order)


def polygon(face, name="", order=(1, 0, 2)):
    tag = f' gml:id="{name}"' if name else ""
    return (
        f"<gml:Polygon{tag}><gml:exterior><gml:LinearRing><gml:posList>{pos_list(face, order)}</gml:posList>"
        "</gml:LinearRing></gml:exterior></gml:Polygon>"
    )


def multi(*members):
    inner = "".join(f"<gml:surfaceMember>{m}</gml:surfaceMember>" for m in members)
    return f"<gml:MultiSurface>{inner}</gml:MultiSurface>"


def lod1(order=(1, 0, 2), prefix=""):
    shell = "".join(
        f"<gml:surfaceMember>{polygon(f, prefix and f'{prefix}{n}', order)}</gml:surfaceMember>"
        for n, f in enumerate(BOX)
    )
    return (
        "<bldg:lod1Solid><gml:Solid><gml:exterior><gml:CompositeSurface>"
        f"{shell}</gml:CompositeSurface></gml:exterior></gml:Solid></bldg:lod1Solid>"
    )


def building(content, name="b", tag="Building"):
    return f'<bldg:{tag} gml:id="{name}">{content}</bldg:{tag}>'


def city(*objects, srs=SRS, head=HEAD):
    envelope = (
        f'<gml:boundedBy><gml:Envelope srsName="{srs}" srsDimension="3"/></gml:boundedBy>' if srs else ""
    )
    members = "".join(f"<core:cityObjectMember>{o}</core:cityObjectMember>" for o in objects)
    return f"{head}{envelope}{members}</core:CityModel>"


def parts(folder, text, **options):
    path = folder / "m.gml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    found = {}
    for part in READER.read((path,), Options(**options)):
        batches = list(part.batches)
        found[part.name] = batches, part
    return found


def rows(folder, text, **options):
    (batch,), _ = parts(folder, text, **options)[""]
    return batch.table.to_pylist(), batch.rejected


def place(folder, text, **options):
    """Bounds in CRS84 of the first part, and what was refused on the way."""
    (batch,), _ = parts(folder, text, **options)[""]
    moved = to_crs84(batch)
    shapes = shapely.from_wkb(np.asarray(moved.table["geom"], object))
    return (shapely.total_bounds(shapes) if len(shapes) else None), moved.rejected


@pytest.mark.parametrize(
    "srs",
    [
        SRS,
        SRS.replace("http:", "https:"),
        "urn:ogc:def:crs:EPSG::6697",
        "EPSG:6697",
        "urn:ogc:def:crs:EPSG::4490",
        "urn:ogc:def:crs,crs:EPSG::6668,crs:EPSG::6695",
    ],
)
def test_latitude_comes_first_where_the_crs_says_so(tmp_path, srs):
    bounds, _ = place(tmp_path, city(building(lod1()), srs=srs))
    assert bounds == pytest.approx((139.0, 35.0, 139.0001, 35.0001), abs=1e-5)


def test_swapped_positions_are_quarantined_not_swapped_back(tmp_path):
    bounds, rejected = place(tmp_path, city(building(lod1(order=(0, 1, 2)))))
    assert bounds is None
    assert "swapped" in rejected[0].reason


@pytest.mark.parametrize(
    ("name", "swapped"),
    [
        ("urn:ogc:def:crs:EPSG::25832", False),
        ("EPSG:4548", False),
        ("urn:ogc:def:crs:EPSG::4548", True),
        ("http://www.opengis.net/def/crs/EPSG/0/4326", True),
        ("EPSG:4326", True),
        ("urn:ogc:def:crs:OGC:1.3:CRS84", False),
    ],
)
def test_the_axis_rule_is_what_the_docstring_says(name, swapped):
    assert reference(name).swapped is swapped


def test_attributes_codes_generics_and_extensions_come_along(tmp_path):
    content = f"""<gml:name>美术馆</gml:name><gen:intAttribute name="層"><gen:value>3</gen:value></gen:intAttribute>
      <gen:measureAttribute name="area"><gen:value uom="m2">42.5</gen:value></gen:measureAttribute>
      <bldg:usage codeSpace="../../codelists/x.xml">422</bldg:usage>
      <bldg:yearOfConstruction>1985</bldg:yearOfConstruction>
      <bldg:measuredHeight uom="m">6.5</bldg:measuredHeight><bldg:storeysAboveGround>2</bldg:storeysAboveGround>{lod1()}
      <uro:buildingIDAttribute><uro:BuildingIDAttribute><uro:buildingID>14201-1</uro:buildingID>
      </uro:BuildingIDAttribute></uro:buildingIDAttribute>"""
    (batch,), part = parts(tmp_path, city(building(content)))[""]
    (row,) = conform(to_crs84(batch), KIND).table.to_pylist()
    assert (row["id"], row["name"], row["use"], row["height"]) == ("b", "美术馆", "422", 6.5)
    assert (row["storeys"], row["year_built"], row["層"], row["area"]) == (2, 1985, 3, 42.5)
    assert row["buildingIDAttribute"] == '{"BuildingIDAttribute":{"buildingID":"14201-1"}}'
    assert part.vertical == "EPSG:6695"
    assert row["height_source"] == "attribute"


def named_surfaces(prefix="p"):
    return "".join(
        f"<bldg:boundedBy><bldg:{name}><bldg:lod2MultiSurface>{multi(polygon(face, f'{prefix}{n}'))}"
        f"</bldg:lod2MultiSurface></bldg:{name}></bldg:boundedBy>"
        for n, (face, name) in enumerate(zip(BOX, NAMES, strict=True))
    )


def solid_of(*ids):
    members = "".join(f'<gml:surfaceMember xlink:href="{i}"/>' for i in ids)
    return (
        "<bldg:lod2Solid><gml:Solid><gml:exterior><gml:CompositeSurface>"
        f"{members}</gml:CompositeSurface></gml:exterior></gml:Solid></bldg:lod2Solid>"
    )


def test_a_solid_of_references_is_its_boundary_surfaces_each_once(tmp_path):
    content = solid_of(*(f"#p{n}" for n in range(6))) + named_surfaces()
    (row,), _ = rows(tmp_path, city(building(content)))
    body = decode(row["body_lod2"])
    assert body.surfaces.tolist() == [Surface.GROUND, Surface.ROOF, *[Surface.WALL] * 4]
    assert len(body.vertices) == 8
    assert (row["height"], row["lod"]) == (6.0, "2")


def test_parts_are_folded_in_and_a_reference_to_another_building_is_followed(tmp_path):
    inner = building(lod1(prefix="q"), "a", "BuildingPart")
    content = f"<bldg:consistsOfBuildingPart>{inner}</bldg:consistsOfBuildingPart>"
    other = building(solid_of(*(f"#q{n}" for n in range(6))), "other")
    (first, second), _ = rows(tmp_path, city(building(content), other))
    assert first["parts"] == 1
    assert len(decode(first["body_lod1"]).face_ends) == 6
    assert len(decode(second["body_lod2"]).face_ends) == 6


def test_orientable_surfaces_are_turned_over(tmp_path):
    inner = f"<gml:baseSurface>{polygon(BOX[0])}</gml:baseSurface>"
    turned = f'<gml:OrientableSurface orientation="-">{inner}</gml:OrientableSurface>'
    content = f"<bldg:lod2MultiSurface>{multi(polygon(BOX[0]))}</bldg:lod2MultiSurface>"
    (plain,), _ = rows(tmp_path, city(building(content)))
    (over,), _ = rows(tmp_path, city(building(content.replace(polygon(BOX[0]), turned))))
    a, b = decode(plain["body_lod2"]), decode(over["body_lod2"])
    assert a.vertices[a.corners].tolist() == b.vertices[b.corners].tolist()[::-1]


def test_other_objects_are_parts_and_terrain_is_left_aside_with_a_word(tmp_path):
    road = f'<tran:Road gml:id="r"><tran:lod1MultiSurface>{multi(polygon(BOX[0]))}</tran:lod1MultiSurface></tran:Road>'
    relief = '<dem:ReliefFeature xmlns:dem="http://www.opengis.net/citygml/relief/2.0"/>'
    found = parts(tmp_path, city(building(lod1()), road, relief))
    assert list(found) == ["", "Road"]
    assert "ReliefFeature left aside" in found[""][1].notes[-1]


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (solid_of("file:///etc/passwd"), "forbidden-reference"),
        (solid_of("http://127.0.0.1:9/x"), "forbidden-reference"),
        (solid_of("#nowhere"), "no such gml:id"),
        ("<bldg:lod9MultiSurface/>", "lod9MultiSurface"),
        ("", "no surface"),
        (lod1().replace("139.0 5 ", "139.0 "), "positions"),
        (lod1().replace("35.0001", "thirty-five"), "not a number"),
        (lod1().replace("35.0001", "NaN"), "NaN"),
    ],
)
def test_an_object_that_cannot_be_built_is_quarantined_alone(tmp_path, content, word):
    kept, rejected = rows(tmp_path, city(building(content, "bad"), building(lod1(), "good")))
    assert [r["id"] for r in kept] == ["good"]
    assert rejected[0].row == "bad"
    assert word in rejected[0].reason


def test_a_circle_of_references_ends(tmp_path):
    circle = '<gml:OrientableSurface gml:id="o"><gml:baseSurface xlink:href="#o"/></gml:OrientableSurface>'
    content = f"<bldg:lod2MultiSurface>{multi(circle)}</bldg:lod2MultiSurface>"
    _, rejected = rows(tmp_path, city(building(content)))
    assert "circle" in rejected[0].reason


def test_a_model_without_a_crs_or_with_an_unknown_one_is_refused(tmp_path):
    with pytest.raises(UnknownCRS, match="--crs"):
        parts(tmp_path, city(building(lod1()), srs=None))
    with pytest.raises(UnknownCRS, match="urn:x:unknown"):
        parts(tmp_path, city(building(lod1()), srs="urn:x:unknown"))
    assert len(rows(tmp_path, city(building(lod1()), srs=None), crs="EPSG:6697")[0]) == 1


def laughs():
    entities = "".join(f'<!ENTITY {chr(98 + i)} "{f"&{chr(97 + i)};" * 10}">' for i in range(9))
    return f'<!DOCTYPE l [<!ENTITY a "aaaaaaaaaa">{entities}]><l>&j;</l>'


@pytest.mark.parametrize(
    "text",
    [
        laughs(),
        '<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]><r>&x;</r>',
        '<!DOCTYPE r SYSTEM "http://127.0.0.1:9/a.dtd"><r/>',
        '<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]><r>&x;</r>'.encode("utf-16"),
        city('<xi:include href="/etc/passwd" parse="text"/>'),
        "<a>" * 5000 + "</a>" * 5000,
    ],
    ids=["laughs", "entity", "dtd", "utf-16", "xinclude", "depth"],
)
def test_what_could_reach_out_or_blow_up_is_refused(tmp_path, text):
    with pytest.raises(UnsafeContent):
        parts(tmp_path, text)


def test_a_text_of_many_megabytes_is_refused_while_streaming(tmp_path):
    with pytest.raises(TooLarge):
        parts(tmp_path, city(building(f"<gml:name>{'x' * 11_000_000}</gml:name>")))


@pytest.mark.parametrize("text", ["<a><b></a>", "", "no xml", city(building(lod1()))[:-40]])
def test_what_is_not_well_formed_is_refused(tmp_path, text):
    with pytest.raises(UnreadableFile):
        parts(tmp_path, text)


def test_version_4_and_other_xml_are_refused_with_what_is_read(tmp_path):
    for text in (city(head=HEAD.replace("citygml/2.0", "citygml/4.0")), "<r/>"):
        with pytest.raises(UnsupportedFormat, match=r"2\.0 and 3\.0"):
            parts(tmp_path, text)


@pytest.mark.parametrize("other", ["", "x", "<a/>", "NaN"])
def test_no_text_or_attribute_in_a_file_stops_the_reader_without_a_reason(tmp_path, other):
    whole = city(building(named_surfaces() + solid_of("#p0"), "a"), building(lod1(), "b"))
    for match in re.finditer(r'(?<=")[^"<>]+(?=")|(?<=>)[^<>]+(?=<)', whole):
        if match.start() < len(HEAD) - 600:
            continue
        text = whole[: match.start()] + other + whole[match.end() :]
        try:
            parts(tmp_path, text)
        except TwinError:
            continue


@real
def test_plateau_stands_in_yokosuka_on_land():
    (part,) = READER.read((PLATEAU / "bldg" / "52397519_bldg_6697_op.gml",), Options())
    (batch,) = [conform(to_crs84(b), KIND) for b in part.batches]
    shapes = shapely.from_wkb(np.asarray(batch.table["geom"], object))
    assert (len(batch.table), batch.rejected) == (13, ())
    # the file's own envelope
    envelope = (139.73724371347967, 35.258297338392, 139.74055489539032, 35.261543955192025)
    assert shapely.total_bounds(shapes) == pytest.approx(envelope, abs=1e-8)
    assert shapely.is_valid(shapes).all()
    assert batch.table["name"][0].as_py() == "横須賀美術館"


@real
def test_the_outside_of_level_4_goes_in_and_the_relief_beside_it_as_terrain():
    building, relief = READER.read((DATA / "citygml4j_lod4_building_v2.gml",), Options())
    (batch,) = building.batches
    (row,) = batch.table.to_pylist()
    assert row["lod"] == "4"
    body = decode(row["body_lod4"])
    assert np.ptp(body.vertices, axis=0) == pytest.approx([14, 9, 5], abs=5)
    assert (relief.name, relief.kind, relief.rows) == ("ReliefFeature", "terrain", 1)


@real
def test_a_hundred_buildings_of_three_point_zero_go_in():
    (part,) = READER.read((DATA / "citygml4j_lod2_buildings_v3.gml",), Options())
    (batch,) = part.batches
    assert len(batch.table) == 100
    assert not batch.rejected
    assert set(batch.table["height"].to_pylist()) == {8.0, 9.0, 10.0, 11.0, 12.0}


@real
def test_a_model_against_the_schema_is_refused_with_the_reason():
    (path,) = (DATA / "invalid").glob("*.gml")
    with pytest.raises(UnknownCRS):
        list(READER.read((path,), Options()))
    (part,) = READER.read((path,), Options(crs="EPSG:25832"))
    (batch,) = part.batches
    assert len(batch.table) == 0
    assert "begin with a letter" in batch.rejected[0].reason


V3 = (
    '<CityModel xmlns="http://www.opengis.net/citygml/3.0" xmlns:gml="http://www.opengis.net/gml/3.2"'
    ' xmlns:bldg="http://www.opengis.net/citygml/building/3.0" xmlns:con="http://www.opengis.net/citygml/construction/3.0"'
    ' xmlns:gen="http://www.opengis.net/citygml/generics/3.0">'
)


def v3(path, name="b1", inner="", srs=SRS):
    walls = "".join(
        f"<boundary><con:{n}><lod3MultiSurface>{multi(polygon(f))}</lod3MultiSurface></con:{n}></boundary>"
        for n, f in zip(NAMES, BOX, strict=True)
    )
    envelope = f'<gml:boundedBy><gml:Envelope srsName="{srs}" srsDimension="3"/></gml:boundedBy>'
    house = f'<bldg:Building gml:id="{name}">{inner}{walls}</bldg:Building>'
    path.write_text(f"{V3}{envelope}<cityObjectMember>{house}</cityObjectMember></CityModel>")
    return path


def test_three_point_zero_has_boundaries_lod_3_heights_and_generic_attributes(tmp_path):
    inner = (
        "<genericAttribute><gen:IntAttribute><gen:name>floors</gen:name><gen:value>4</gen:value></gen:IntAttribute>"
        "</genericAttribute><con:height><con:Height><con:status>measured</con:status><con:value uom='m'>6.5</con:value>"
        "</con:Height></con:height>"
    )
    (part,) = READER.read((v3(tmp_path / "a.gml", inner=inner),), Options())
    (batch,) = part.batches
    (row,) = batch.table.to_pylist()
    assert (row["height"], row["floors"], row["lod"]) == (6.5, 4, "3")
    body = decode(row["body_lod3"])
    assert sorted(body.surfaces) == sorted([Surface.GROUND, Surface.ROOF, *[Surface.WALL] * 4])
    assert body.vertices[:, 0].min() == pytest.approx(139.0)


def test_an_id_that_is_no_xml_name_is_refused_with_the_reason(tmp_path):
    (part,) = READER.read((v3(tmp_path / "a.gml", name="1F3E"),), Options())
    (batch,) = part.batches
    assert len(batch.table) == 0
    assert "no XML name" in batch.rejected[0].reason
