"""A delivery as the command line and a `layer.toml` beside the data tell of it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from api import asking
from twin.errors import InvalidParameter
from twin.model import Mode

LABEL = """
layer = "pipes"
kind = "networks"
crs = "EPSG:4548"
date = 2025-07-01
due = 2026-12-31
column = { "编号" = "id", "埋深" = "depth" }
nodata = ["height=-999"]
shift = [1, 2.5]
mode = "upsert"
owner = "市政管线中心"
license = "CC-BY-4.0"
accuracy = "±5 cm"
lineage = "RTK 实测"
title = "排水管线"
"""


def label(folder: Path, text: str | bytes) -> Path:
    path = folder / asking.FILE
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def test_a_label_says_what_the_command_line_would(tmp_path: Path) -> None:
    said = asking.read(label(tmp_path, LABEL))
    found = asking.request(["a.gpkg"], said)
    told = {
        "layer": "pipes", "kind": "networks", "crs": "EPSG:4548", "date": "2025-07-01", "due": "2026-12-31",
        "column": ["编号=id", "埋深=depth"], "nodata": ["height=-999"], "shift": "1,2.5", "mode": "upsert",
        "owner": "市政管线中心", "license": "CC-BY-4.0", "accuracy": "±5 cm", "lineage": "RTK 实测",
        "title": "排水管线",
    }  # fmt: skip
    assert found == asking.request(["a.gpkg"], told)
    assert found.mode is Mode.UPSERT
    assert found.valid_from == datetime(2025, 7, 1, tzinfo=UTC)
    assert found.columns == {"id": "编号", "depth": "埋深"}
    assert (found.owner, found.licence, found.due) == ("市政管线中心", "CC-BY-4.0", "2026-12-31")
    assert found.shift == (1.0, 2.5, 0.0)


def test_the_command_line_wins_and_the_report_says_what_the_label_added(tmp_path: Path) -> None:
    label(tmp_path, LABEL)
    said = asking.labelled([str(tmp_path / "a.gpkg")], {"owner": "另一家"})
    assert said["owner"] == "另一家"
    assert said["layer"] == "pipes"
    (note,) = asking.request(["a"], said).notes
    assert "crs" in note
    assert "owner" not in note


def test_a_label_of_another_layer_is_not_mixed_in(tmp_path: Path) -> None:
    label(tmp_path, LABEL)
    with pytest.raises(InvalidParameter, match="pipes"):
        asking.labelled([str(tmp_path / "a.gpkg")], {"layer": "buildings"})


def test_files_with_several_labels_are_taken_folder_by_folder(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name).mkdir()
        label(tmp_path / name, LABEL)
    with pytest.raises(InvalidParameter, match="folder by folder"):
        asking.labelled([str(tmp_path / n / "x.gpkg") for n in "ab"], {})


def test_without_a_layer_nothing_is_taken() -> None:
    with pytest.raises(InvalidParameter, match="--layer"):
        asking.request(["a.gpkg"], {})


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("ownr = 'x'\nkinds = 1", "'kinds', 'ownr'"),
        ("layer = ", "parse"),
        ("编号 = 1", "quotes"),
        (b"\xff\xfe\x00", "UTF-8"),
        ("owner = 5", "owner"),
        ("column = 3", "column"),
        ("column = [1]", "column"),
        ("offset = 'x'", "offset"),
        ("offset = true", "offset"),
        ("shift = [true, 1]", "shift"),
        ("date = 12:00:00", "date"),
        ("layer = ['a']", "layer"),
    ],
)
def test_a_label_with_a_fault_is_an_error_that_names_it(tmp_path: Path, text: str, named: str) -> None:
    path = label(tmp_path, text)
    with pytest.raises(InvalidParameter, match=named):
        asking.read(path)


@pytest.mark.parametrize(
    ("said", "named"),
    [
        ({"layer": "../x"}, "--layer"),
        ({"layer": "x", "mode": "replace"}, "snapshot"),
        ({"layer": "x", "due": "soon"}, "--due"),
        ({"layer": "x", "date": "2025-01-01", "valid-from": "2025-01-01"}, "one of them"),
        ({"layer": "x", "shift": "1,inf"}, "--shift"),
        ({"layer": "x", "column": ["a"]}, "--column"),
    ],
)
def test_a_value_that_is_not_of_its_form_is_an_error(said: dict[str, object], named: str) -> None:
    with pytest.raises(InvalidParameter, match=named):
        asking.request(["a"], said)
