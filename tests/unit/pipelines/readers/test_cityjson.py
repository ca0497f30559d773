"""CityJSON: what a building is made of, and what hostile files get."""

import copy
import json
from pathlib import Path

import numpy as np
import pytest
import shapely

from layers.buildings import KIND
from layers.conform import conform
from pipelines.readers.cityjson import READER
from pipelines.readers.reader import Options
from twin.body import Surface, decode
from twin.errors import TwinError, UnknownCRS, UnreadableFile, UnsupportedFormat
from twin.place import to_crs84

DATA = Path(__file__).parents[5] / "shared" / "data" / "buildings"
real = pytest.mark.skipif(not DATA.is_dir(), reason="../shared/data is not there")

# 2---3   the lower face of a cube of 10 m; 4 to 7 lie above
# 0---1
CUBE = [[x, y, z] for z in (0, 10_000) for y in (0, 10_000) for x in (0, 10_000)]
FACES = [[[0, 2, 3, 1]], [[4, 5, 7, 6]], [[0, 1, 5, 4]], [[1, 3, 7, 5]], [[3, 2, 6, 7]], [[2, 0, 4, 6]]]
SEMANTICS = {
    "surfaces": [{"type": "GroundSurface"}, {"type": "RoofSurface"}, {"type": "WallSurface"}],
    "values": [[0, 1, 2, 2, 2, 2]],
}


def solid(lod="2", faces=FACES, **members):
    return {"type": "Solid", "lod": lod, "boundaries": [faces], **members}


def model(objects, **members):
    return {
        "type": "CityJSON",
        "version": "2.0",
        "transform": {"scale": [0.001, 0.001, 0.001], "translate": [500_000, 4_200_000, 5]},
        "metadata": {"referenceSystem": "https://www.opengis.net/def/crs/EPSG/0/4548"},
        "CityObjects": objects,
        "vertices": CUBE,
        **members,
    }


def house(**members):
    return {"type": "Building", "geometry": [solid(semantics=SEMANTICS)], **members}


def written(folder, document, name="m.city.json"):
    path = folder / name
    path.write_text(document if isinstance(document, str) else json.dumps(document), encoding="utf-8")
    return path


def read(folder, document, name="m.city.json", **options):
    """Part name -> its batches as one table, what was refused, and the notes."""
    found = {}
    for part in READER.read((written(folder, document, name),), Options(**options)):
        batches = list(part.batches)
        rows = [row for b in batches for row in b.table.to_pylist()]
        found[part.name] = (
            rows,
            [r for b in batches for r in b.rejected],
            [n for b in batches for n in b.notes],
        )
    return found


def test_a_cube_has_its_square_as_footprint_and_its_extent_as_height(tmp_path):
    rows, rejected, _ = read(tmp_path, model({"h": house(attributes={"storeysAboveGround": 3})}))[""]
    (row,) = rows
    footprint = shapely.from_wkb(row["geom"])
    assert not rejected
    assert footprint.equals(shapely.box(500_000, 4_200_000, 500_010, 4_200_010))
    assert shapely.get_coordinates(footprint, include_z=True)[:, 2].tolist() == [5.0] * 5
    assert (row["id"], row["height"], row["height_source"], row["lod"]) == ("h", 10.0, "geometry", "2")
    assert row["storeysAboveGround"] == 3


def test_surfaces_keep_their_meaning_and_vertices_their_place(tmp_path):
    body = decode(read(tmp_path, model({"h": house()}))[""][0][0]["body_lod2"])
    assert body.surfaces.tolist() == [Surface.GROUND, Surface.ROOF, *[Surface.WALL] * 4]
    assert body.vertices.min(axis=0).tolist() == [500_000, 4_200_000, 5]
    assert body.vertices.max(axis=0).tolist() == [500_010, 4_200_010, 15]


def test_parts_are_folded_into_their_building(tmp_path):
    objects = {
        "h": {"type": "Building", "children": ["a", "b", "room"], "attributes": {"function": "1000"}},
        "a": {"type": "BuildingPart", "parents": ["h"], "geometry": [solid()]},
        "b": {"type": "BuildingInstallation", "parents": ["h"], "geometry": [solid()]},
        "room": {"type": "BuildingRoom", "parents": ["h"], "geometry": [solid()]},
    }
    rows, _, _ = read(tmp_path, model(objects))[""]
    assert [r["id"] for r in rows] == ["h"]
    assert (rows[0]["parts"], rows[0]["use"]) == (1, "1000")
    assert len(decode(rows[0]["body_lod2"]).face_ends) == 12


def test_the_most_detailed_level_within_a_whole_one_is_kept_and_level_0_is_the_footprint(tmp_path):
    print_ = {"type": "MultiSurface", "lod": "0", "boundaries": [[[0, 1, 3]]]}
    geometry = [print_, solid("1.2"), solid("1.3", FACES[:4]), solid("2.2")]
    (row,) = read(tmp_path, model({"h": {"type": "Building", "geometry": geometry}}))[""][0]
    assert shapely.from_wkb(row["geom"]).area == pytest.approx(50.0)
    assert len(decode(row["body_lod1"]).face_ends) == 4
    assert len(decode(row["body_lod2"]).face_ends) == 6
    assert row["lod"] == "2.2"


def test_other_types_are_parts_of_their_own(tmp_path):
    surface = {"type": "MultiSurface", "lod": "1", "boundaries": [[[0, 1, 3, 2]]]}
    tree = {"type": "MultiPoint", "lod": "1", "boundaries": [0]}
    objects = {
        "h": house(),
        "r": {"type": "Road", "geometry": [surface]},
        "t": {"type": "SolitaryVegetationObject", "geometry": [tree]},
        "x": {"type": "+Hall", "geometry": [surface]},
    }
    found = read(tmp_path, model(objects))
    assert list(found) == ["", "Hall", "Road", "SolitaryVegetationObject"]
    assert shapely.from_wkb(found["SolitaryVegetationObject"][0][0]["geom"]).geom_type == "MultiPoint"


def test_an_attribute_says_the_height_when_it_can_be_true(tmp_path):
    objects = {n: house(attributes={"measuredHeight": h}) for n, h in (("a", 12.5), ("b", -9999))}
    rows, _, _ = read(tmp_path, model(objects))[""]
    assert [(r["height"], r["height_source"]) for r in rows] == [(12.5, "attribute"), (10.0, "geometry")]


def test_attributes_are_typed_and_json_where_they_disagree(tmp_path):
    objects = {
        "a": house(attributes={"n": 1, "x": 1, "m": "a", "s": {"k": [1]}, "row": "mine", "lod": 7}),
        "b": house(attributes={"n": 2.5, "x": "one", "m": None}),
    }
    first, second = read(tmp_path, model(objects))[""][0]
    assert (first["n"], second["n"]) == (1.0, 2.5)
    assert (first["x"], second["x"]) == ("1", '"one"')
    assert (first["m"], second["m"]) == ("a", None)
    assert first["s"] == '{"k":[1]}'
    assert (first["row_"], first["lod_"], first["row"], first["lod"]) == ("mine", 7, 0, "2")


def test_templates_stand_where_their_instances_put_them(tmp_path):
    instance = {
        "type": "GeometryInstance", "template": 0, "boundaries": [3],
        "transformationMatrix": [2, 0, 0, 0, 0, 2, 0, 0, 0, 0, 2, 0, 0, 0, 0, 1],
    }  # fmt: skip
    templates = {
        "templates": [{"type": "MultiSurface", "lod": "2", "boundaries": [[[0, 1, 2]]]}],
        "vertices-templates": [[0, 0, 0], [1, 0, 0], [0, 1, 0]],
    }
    document = model(
        {"t": {"type": "CityFurniture", "geometry": [instance]}}, **{"geometry-templates": templates}
    )
    (row,) = read(tmp_path, document)[""][0]
    assert shapely.from_wkb(row["geom"]).bounds == (500_010, 4_200_010, 500_012, 4_200_012)


@pytest.mark.parametrize("index", [999_999, -1])
def test_an_index_that_is_not_there_quarantines_its_object_alone(tmp_path, index):
    objects = {"bad": house(geometry=[solid(faces=[[[0, 1, index]]])]), "good": house()}
    rows, rejected, _ = read(tmp_path, model(objects))[""]
    assert [r["id"] for r in rows] == ["good"]
    assert rejected[0].row == "bad"
    assert f"boundary index {index}; the file has 8 vertices" in rejected[0].reason


@pytest.mark.parametrize(
    ("geometry", "word"),
    [
        ([], "no geometry"),
        ([solid(faces=FACES[2:])], "no footprint"),
        ([{"type": "Solid", "lod": "2", "boundaries": [[0, 1, 2]]}], "not as CityJSON"),
        ([{"type": "Solid", "lod": "2"}], "not as CityJSON"),
        ([{"type": "MultiSurface", "lod": "1", "boundaries": [[["a", "b", "c"]]]}], "nested otherwise"),
        ([{"type": "GeometryInstance", "template": 4, "boundaries": [0]}], "template 4"),
    ],
)
def test_a_building_that_cannot_be_built_says_why(tmp_path, geometry, word):
    rows, rejected, _ = read(tmp_path, model({"h": house(geometry=geometry), "good": house()}))[""]
    assert [r["id"] for r in rows] == ["good"]
    assert word in rejected[0].reason


@pytest.mark.parametrize(
    "transform",
    [
        None,
        {"scale": [0, 1, 1], "translate": [0, 0, 0]},
        {"scale": [1, 1], "translate": [0, 0, 0]},
        {"scale": [1, 1, 1]},
    ],
)
def test_a_transform_that_flattens_or_is_missing_refuses_the_file(tmp_path, transform):
    document = model({"h": house()})
    document["transform"] = transform
    if transform is None:
        del document["transform"]
    with pytest.raises(UnreadableFile, match="transform"):
        read(tmp_path, document)


@pytest.mark.parametrize("text", ['{"type": "CityJSON", "a": NaN}', '{"type": "CityJSON"', "[1]", "[" * 5000])
def test_what_is_not_a_json_object_is_refused(tmp_path, text):
    with pytest.raises(UnreadableFile):
        read(tmp_path, text)


def test_another_version_or_type_is_refused_with_what_is_read(tmp_path):
    for change in ({"version": "3.0"}, {"type": "FeatureCollection"}):
        with pytest.raises(UnsupportedFormat, match=r"2\.0"):
            read(tmp_path, model({"h": house()}) | change)


def test_a_texture_outside_of_the_folder_quarantines_who_uses_it(tmp_path):
    texture = {"t": {"values": [[[[0, 0, 1, 2]], *[[[None]]] * 5]]}}
    objects = {"bad": house(geometry=[solid(texture=texture)]), "good": house()}
    appearance = {"textures": [{"type": "PNG", "image": "../../x.png"}]}
    rows, rejected, _ = read(tmp_path, model(objects, appearance=appearance))[""]
    assert [r["id"] for r in rows] == ["good"]
    assert "forbidden-reference" in rejected[0].reason


def test_two_cubes_on_one_edge_are_taken_as_given_and_the_report_says_so(tmp_path):
    vertices = copy.deepcopy(CUBE) + [[x + 10_000, y + 10_000, z] for x, y, z in CUBE]
    second = [[[i + 8 for i in ring] for ring in face] for face in FACES]
    rows, _, notes = read(
        tmp_path, model({"h": house(geometry=[solid(faces=FACES + second)])}, vertices=vertices)
    )[""]
    assert len(rows) == 1
    assert any("more than two faces share" in n for n in notes)


def test_without_a_crs_one_must_be_given(tmp_path):
    document = model({"h": house()}, metadata={})
    with pytest.raises(UnknownCRS, match="--crs"):
        read(tmp_path, document)
    assert len(read(tmp_path, document, crs="EPSG:4548")[""][0]) == 1


def test_an_unknown_crs_is_refused(tmp_path):
    with pytest.raises(UnknownCRS):
        read(tmp_path, model({}, metadata={"referenceSystem": "urn:ogc:def:crs:EPSG::999999"}))


def sequence(*features):
    head = model({}, vertices=[])
    lines = [
        {"type": "CityJSONFeature", "id": n, "CityObjects": {n: o}, "vertices": CUBE} for n, o in features
    ]
    return "\n".join(json.dumps(line) for line in (head, *lines))


def test_a_sequence_is_read_line_by_line_and_a_broken_line_alone_is_refused(tmp_path):
    text = (
        sequence(("a", house()), ("r", {"type": "Road", "geometry": [solid()]}), ("b", house()))
        + '\n{"type": 1\n'
    )
    found = read(tmp_path, text, "m.city.jsonl")
    assert [r["id"] for r in found[""][0]] == ["a", "b"]
    assert [r["id"] for r in found["Road"][0]] == ["r"]
    assert "not JSON" in found[""][1][0].reason


def test_json_files_are_claimed_by_what_they_hold(tmp_path):
    assert READER.claims(written(tmp_path, model({}), "a.json"))
    assert not READER.claims(written(tmp_path, {"type": "FeatureCollection", "features": []}, "b.json"))


def places_in(value, path=()):
    """Every path into a JSON value."""
    yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in inner:
        yield from places_in(each, (*path, key))


def changed(value, path, other):
    done = copy.deepcopy(value)
    at = done
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = other
    return done


STRANGE = model(
    {
        "h": house(children=["p"], attributes={"a": 1}),
        "p": {"type": "BuildingPart", "parents": ["h"], "geometry": [solid("1.2")]},
        "t": {"type": "Road", "geometry": [{"type": "MultiLineString", "lod": "0", "boundaries": [[0, 1]]}]},
    }
)


@pytest.mark.parametrize("other", [None, 5, -1.5, "x", [], {}, [[]], ["h"], True], ids=repr)
def test_nothing_that_is_put_anywhere_in_a_file_stops_the_reader_without_a_word(tmp_path, other):
    for path in list(places_in(STRANGE))[1:]:
        try:
            read(tmp_path, changed(STRANGE, path, other))
        except TwinError:
            continue


def in_place(name):
    """The first part's rows in CRS84 and conformed."""
    part = next(iter(READER.read((DATA / name,), Options())))
    batches = [conform(to_crs84(b), KIND) for b in part.batches]
    tables = [b.table for b in batches]
    assert not [r for b in batches for r in b.rejected]
    return part, tables[0]


@real
@pytest.mark.parametrize(
    ("name", "count", "box", "vertical"),
    [
        ("delft.city.json", 160, (4.362, 52.011, 4.370, 52.014), "EPSG:5709"),
        ("zurich_subset_lod2.city.json", 49, (8.475, 47.333, 8.596, 47.423), None),
        ("fcb_small.city.jsonl", 3, (4.36, 52.0, 4.38, 52.01), "EPSG:5709"),
    ],
)
def test_real_buildings_come_to_lie_where_they_stand(name, count, box, vertical):
    part, table = in_place(name)
    shapes = shapely.from_wkb(np.asarray(table["geom"], object))
    assert len(table) == count
    assert part.vertical == vertical
    assert shapely.is_valid(shapes).all()
    assert shapely.box(*box).buffer(1e-3).contains(shapely.box(*shapely.total_bounds(shapes)))
    lod = max(n for n in table.column_names if n.startswith("body_"))
    vertices = np.concatenate([decode(b).vertices for b in table[lod].to_pylist() if b])
    assert np.allclose(vertices[:, :2].min(axis=0), shapely.total_bounds(shapes)[:2], atol=1e-4)


@real
def test_delft_has_seven_layers():
    rows = {p.name: p.rows for p in READER.read((DATA / "delft.city.json",), Options())}
    assert rows == {
        "": 160, "Road": 143, "PlantCover": 126, "LandUse": 81, "GenericCityObject": 54, "Bridge": 3, "WaterBody": 3,
    }  # fmt: skip


@real
def test_zurich_folds_161_parts_and_keeps_its_heights():
    _, table = in_place("zurich_subset_lod2.city.json")
    assert sum(table["parts"].to_pylist()) == 161
    z = np.concatenate([decode(b).vertices[:, 2] for b in table["body_lod2"].to_pylist()])
    assert (z.min(), z.max()) == pytest.approx((395.786, 620.905))
