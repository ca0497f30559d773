"""What all kinds owe: names that do not collide, colours, and a vocabulary that knows itself."""

import re

import pyarrow as pa
import pytest
import shapely

from layers import incidents, naming, places, roads
from layers.conform import conform
from twin import registry
from twin.table import FIXED, STORED, Batch

KINDS = registry.entries("layers", "KIND")
EXPECTED = {
    "terrain", "imagery", "buildings", "networks", "roads", "sensors", "cameras", "grids",
    "places", "parcels", "zones", "incidents", "features",
}  # fmt: skip
THEMES = {"base", "buildings", "pipes", "transport", "iot", "emergency", "governance", "planning", "other"}


def test_every_kind_that_others_rely_on_is_found():
    assert set(KINDS) >= EXPECTED


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_a_kind_is_titled_in_both_languages_and_has_a_theme(kind):
    assert kind.title.zh
    assert kind.title.en
    assert kind.theme in THEMES
    assert all(re.fullmatch("#[0-9A-Fa-f]{6}", e.color) and e.label.zh and e.label.en for e in kind.legend)


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_no_source_name_means_two_columns_of_one_kind(kind):
    means = {}
    for target, names in kind.synonyms.items():
        for name in names:
            assert means.setdefault(naming.plain(name), target) == target, name


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_a_kinds_own_columns_are_not_the_stores(kind):
    assert not {c.name for c in kind.columns} & {*FIXED, *STORED}


def rows(**columns):
    count = len(next(iter(columns.values())))
    shape = columns.pop("shape", shapely.Point(116, 39))
    blobs = pa.array([shapely.to_wkb(shape)] * count, pa.binary())
    return Batch(table=pa.table({**columns, "id": [str(i) for i in range(count)], "geom": blobs}), crs=None)


def test_a_level_is_read_however_it_is_written_and_others_are_refused():
    done = conform(rows(level=["I", "Ⅱ级", "黄色", "4", "V"], title=["t"] * 5), incidents.KIND)
    assert done.table["level"].to_pylist() == ["I", "II", "III", "IV"]
    assert done.rejected[0].column == "level"


def test_chinese_classes_come_to_one_vocabulary_and_unknown_words_stay():
    done = conform(rows(类别=["医院", "观景台"], 名称=["a", "b"]), places.KIND)
    assert done.table["category"].to_pylist() == ["hospital", "观景台"]
    assert done.table["类别"].to_pylist() == ["医院", "观景台"]


def test_a_column_named_by_the_caller_that_the_kind_does_not_know_is_made():
    batch = rows(PATROL=["x"], shape=shapely.LineString([(0, 0), (1, 1)]))
    done = conform(batch, roads.KIND, columns={"patrol_route": "PATROL"})
    assert done.table["patrol_route"].to_pylist() == ["x"]
