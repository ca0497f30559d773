import numpy as np
import pyarrow as pa
import pytest
import shapely

from layers import buildings, naming
from layers.conform import NO_ID, conform
from layers.kind import Kind
from twin.errors import InvalidParameter, UnknownProperty
from twin.model import Column, Titles
from twin.table import Batch

SQUARE = shapely.box(116.4, 39.9, 116.401, 39.901)
KIND = Kind(
    name="things",
    title=Titles(zh="物", en="Things"),
    columns=(
        Column(name="name"),
        Column(name="height", type="number"),
        Column(name="storeys", type="integer"),
    ),
    synonyms={"name": ("名称",), "height": ("高度", "HGT"), "valid_from": ("建成年代",), "id": ("编号",)},
)
AREAS = Kind(name="areas", title=Titles(zh="面", en="Areas"), geometry="Polygon")


def batch(shapes, **columns):
    shapes = np.asarray(shapes, object)
    table = pa.table(
        {**columns, "geom": pa.array(shapely.to_wkb(shapes), pa.binary()), "row": np.arange(len(shapes))}
    )
    return Batch(table=table, crs=None)


def reasons(done):
    return {r.row: (r.column, r.reason) for r in done.rejected}


def test_chinese_names_are_matched_after_nfkc_without_brackets_and_units():
    done = conform(batch([SQUARE], **{"高 度（m）": [12.5], "编号": ["A1"]}), KIND)
    assert done.table["height"].to_pylist() == [12.5]
    assert done.table["id"].to_pylist() == ["A1"]
    assert done.table["高 度（m）"].to_pylist() == [12.5]


def test_what_the_caller_says_wins_over_the_synonyms():
    done = conform(batch([SQUARE], 高度=[1.0], real=[2.0], id=["a"]), KIND, columns={"height": "real"})
    assert done.table["height"].to_pylist() == [2.0]


def test_two_source_columns_for_one_target_are_an_error_that_says_what_to_do():
    with pytest.raises(InvalidParameter, match=r"高度 and HGT both mean 'height'.*--column"):
        conform(batch([SQUARE], 高度=[1.0], HGT=[2.0]), KIND)


def test_a_guess_at_the_kind_does_not_fail_over_two_columns_for_one_target():
    assert naming.plan(["高度", "HGT"], KIND, {}, guess=True)["height"] == "高度"


def test_a_column_that_is_not_there_is_named_with_those_that_are():
    with pytest.raises(UnknownProperty, match=r"'depth'; there are a"):
        conform(batch([SQUARE], a=[1]), KIND, columns={"height": "depth"})


def test_a_value_that_does_not_fit_is_refused_with_column_and_value_and_the_rest_goes_in():
    done = conform(batch([SQUARE] * 4, 高度=["12", "12m", "", " 1e1 "], id=["a", "b", "c", "d"]), KIND)
    assert done.table["height"].to_pylist() == [12.0, None, 10.0]
    assert reasons(done)[1][0] == "高度"
    assert "'12m'" in reasons(done)[1][1]


def test_a_declared_nodata_value_is_missing_whether_text_or_number():
    done = conform(batch([SQUARE] * 2, 高度=[-999.0, 3.0], id=["a", "b"]), KIND, nodata={"高度": "-999"})
    assert done.table["height"].to_pylist() == [None, 3.0]
    done = conform(batch([SQUARE] * 2, 高度=["-999.00", "3"], id=["a", "b"]), KIND, nodata={"height": "-999"})
    assert done.table["height"].to_pylist() == [None, 3.0]


def test_six_heights_of_a_building_are_judged_one_by_one():
    heights = pa.array([0.0, None, -999.0, float("nan"), 12.0, 1e9])
    done = conform(batch([SQUARE] * 6, height=heights, id=list("abcdef")), buildings.KIND)
    assert done.table["height"].to_pylist() == [None, None, 12.0]
    assert done.table["height_source"].to_pylist()[:2] == ["default", "default"]
    assert sorted(reasons(done)) == [2, 3, 5]


def test_without_an_id_rows_are_compared_by_content_and_the_report_says_so():
    first, again = (conform(batch([SQUARE, SQUARE], name=["x", "y"]), KIND) for _ in range(2))
    assert first.table["id"].to_pylist() == again.table["id"].to_pylist()
    assert len(set(first.table["id"].to_pylist())) == 2
    assert NO_ID in first.notes


def test_whole_numbers_in_a_column_with_gaps_are_whole_ids():
    done = conform(batch([SQUARE] * 2, gid=pa.array([12.0, None])), KIND, columns={"id": "gid"})
    assert done.table["id"].to_pylist() == ["12"]
    assert reasons(done)[1] == ("gid", "gid: null is no id")


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("1998", "1998-01-01T00:00:00+00:00"),
        ("1998年", "1998-01-01T00:00:00+00:00"),
        ("1998年5月", "1998-05-01T00:00:00+00:00"),
        ("2021-07-01", "2021-07-01T00:00:00+00:00"),
        ("2021/7/1", "2021-07-01T00:00:00+00:00"),
        ("20210701", "2021-07-01T00:00:00+00:00"),
        ("2021-07-01T08:00:00+08:00", "2021-07-01T00:00:00+00:00"),
        ("12/31/2015", "2015-12-31T00:00:00+00:00"),
    ],
)
def test_dates_are_read_as_people_write_them(written, read):
    done = conform(batch([SQUARE], 建成年代=[written], id=["a"]), KIND)
    assert done.table["valid_from"][0].as_py().isoformat() == read
    assert done.table["dated"].to_pylist() == ["stated"]


def test_an_unknown_year_is_the_surveys_and_a_date_that_is_none_is_refused():
    done = conform(batch([SQUARE] * 3, 建成年代=["不详", "2021-02-30", "0"], id=list("abc")), KIND)
    assert done.table["dated"].to_pylist() == ["survey", "survey"]
    assert reasons(done)[1][0] == "建成年代"


def test_an_ambiguous_date_is_not_guessed():
    assert len(conform(batch([SQUARE], 建成年代=["3/4/2021"], id=["a"]), KIND).rejected) == 1


def test_a_period_that_ends_before_it_begins_is_refused():
    done = conform(batch([SQUARE], valid_from=["2021"], valid_to=["2020"], id=["a"]), KIND)
    assert reasons(done)[0][1] == "valid_to: it ends before it begins"


def test_a_source_column_called_source_is_kept_beside_the_stores_own():
    done = conform(batch([SQUARE], source=["Bing"], id=["a"]), KIND)
    assert done.table["source_"].to_pylist() == ["Bing"]


@pytest.mark.parametrize(
    ("shape", "reason"),
    [
        (None, "geometry: null"),
        (shapely.Polygon(), "geometry: empty"),
        (shapely.Point(1, 2), "geometry: a Point, not a Polygon"),
        (shapely.Polygon([(0, 0), (1, 1), (1, 0), (0, 1)]), "geometry: self-intersection at 0.5, 0.5"),
        (
            shapely.Polygon([(0, 0), (1, 0), (1, 1)], [[(5, 5), (6, 5), (6, 6)]]),
            "geometry: hole outside shell at 5, 5",
        ),
        (
            shapely.Polygon(
                shapely.box(0, 0, 9, 9).exterior,
                [shapely.box(1, 1, 5, 5).exterior, shapely.box(2, 2, 3, 3).exterior],
            ),
            "geometry: holes are nested",
        ),
        (
            shapely.Polygon(shapely.box(0, 0, 9, 9).exterior, [shapely.box(1, 1, 5, 5).exterior] * 2),
            "geometry: self-intersection at",
        ),
    ],
)
def test_a_bad_geometry_goes_to_quarantine_with_its_fault_and_the_others_stay(shape, reason):
    done = conform(batch([SQUARE, shape], id=["a", "b"]), AREAS)
    assert done.table["id"].to_pylist() == ["a"]
    assert reasons(done)[1][1].startswith(reason)


def test_a_bow_tie_is_mended_and_flagged_when_asked():
    tie = shapely.Polygon([(0, 0), (1, 1), (1, 0), (0, 1)])
    done = conform(batch([SQUARE, tie], id=["a", "b"]), AREAS, repair=True)
    assert done.table["repaired"].to_pylist() == [False, True]
    assert not done.rejected
    assert any("repaired" in note for note in done.notes)


def test_a_ring_round_the_antimeridian_is_two_degrees_wide_and_said_to_be_cut():
    ring = shapely.Polygon([(179, 0), (-179, 0), (-179, 1), (179, 1)])
    done = conform(batch([ring], id=["a"]), AREAS)
    shape = shapely.from_wkb(done.table["geom"][0].as_py())
    assert shape.geom_type == "MultiPolygon"
    assert shape.area == pytest.approx(2.0)
    assert any("180th meridian" in note for note in done.notes)


def test_the_whole_world_is_not_cut():
    done = conform(batch([shapely.box(-180, -90, 180, 90)], id=["a"]), AREAS)
    assert shapely.from_wkb(done.table["geom"][0].as_py()).area == pytest.approx(360 * 180)


def test_collections_in_collections_have_a_depth():
    shape = shapely.Point(0, 0)
    for _ in range(9):
        shape = shapely.GeometryCollection([shape])
    done = conform(batch([shape], id=["a"]), KIND)
    assert "depth" in reasons(done)[0][1]


def test_too_many_vertices_are_refused_with_the_limit():
    done = conform(batch([SQUARE, SQUARE.segmentize(1e-5)], id=["a", "b"]), AREAS, vertices=100)
    assert "the limit is 100" in reasons(done)[1][1]
