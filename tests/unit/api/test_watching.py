"""A folder that is watched, with a home of its own and real files."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import geopandas as gpd
import openpyxl
import orjson
import pytest
import shapely

from api.dropped import mark, units
from api.home import opened, served
from api.watching import NOTE, PATIENCE, TAKING, Watch
from twin.errors import InvalidParameter
from twin.policy import Policy
from twin.settings import Settings

OPEN = Policy.open()
SETTLE = 10.0


def feature(id_: str, *, x: float = 118.0, **properties: Any) -> dict[str, Any]:
    point = {"type": "Point", "coordinates": [x, 38.0]}
    return {"type": "Feature", "id": id_, "geometry": point, "properties": properties}


def geojson(*features: dict[str, Any]) -> str:
    return json.dumps({"type": "FeatureCollection", "features": features})


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Place:
    """A watched folder, its home, and what was said."""

    def __init__(self, root: Path) -> None:
        self.folder, self.settings = root / "投放", Settings(home=root / "home")
        self.folder.mkdir()
        self.clock = Clock()
        self.said: list[str] = []

    def watch(self) -> Watch:
        return Watch(self.folder, self.settings, settle=SETTLE, say=self.said.append, clock=self.clock)

    def drop(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
        return path

    def look(self, watch: Watch, *, after: float = SETTLE) -> int:
        watch.look()
        self.clock.now += after
        return watch.look()

    def answers(self, where: str) -> list[Path]:
        top = self.folder / where
        return sorted(p.parent for p in top.rglob("report.json")) if top.exists() else []

    def report(self, where: str) -> Any:
        (folder,) = self.answers(where)
        return orjson.loads((folder / "report.json").read_bytes())

    def rows(self, layer: str) -> int:
        with opened(self.settings) as store:
            return store.layer(layer, OPEN).count


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


@pytest.fixture
def watching(place: Place) -> Iterator[Watch]:
    with place.watch() as found:
        yield found


def test_what_is_dropped_into_a_layers_folder_goes_in_and_is_answered(place: Place, watching: Watch) -> None:
    place.drop("wells/井 点 2025 (终).geojson", geojson(feature("a"), feature("b")))
    assert place.look(watching) == 0
    (folder,) = place.answers("done")
    assert folder.parent == place.folder / "done" / "wells"
    assert sorted(p.name for p in folder.iterdir()) == [
        "report.en.html", "report.html", "report.json", "report.xlsx", "井 点 2025 (终).geojson",
    ]  # fmt: skip
    assert place.report("done")["report"]["accepted"] == 2
    assert openpyxl.load_workbook(folder / "report.xlsx").sheetnames[0] == "入库报告"
    assert "http" not in (folder / "report.html").read_text("utf-8").replace("http://www.w3.org", "")
    assert place.rows("wells") == 2
    assert not list((place.folder / "wells").iterdir())


def test_a_file_that_grows_is_waited_for(place: Place, watching: Watch) -> None:
    text = geojson(feature("a"))
    path = place.drop("wells/a.geojson", text[:10])
    assert place.look(watching, after=SETTLE - 1) == 1
    path.write_text(text[:50])
    assert place.look(watching, after=SETTLE - 1) == 1
    path.write_text(text)
    assert place.look(watching, after=SETTLE - 1) == 1
    assert place.answers("refused") == []
    assert place.look(watching) == 0
    assert place.report("done")["report"]["accepted"] == 1


def test_two_files_of_one_name_each_have_their_answer(place: Place, watching: Watch) -> None:
    for count in (1, 2):
        place.drop("wells/a.geojson", geojson(*(feature(f"{n}") for n in range(count))))
        assert place.look(watching) == 0
    first, second = (orjson.loads((p / "report.json").read_bytes()) for p in place.answers("done"))
    assert (first["report"]["added"], second["report"]["added"], second["report"]["unchanged"]) == (1, 1, 1)


def test_a_shapefile_waits_for_what_belongs_to_it(place: Place, watching: Watch, tmp_path: Path) -> None:
    frame = gpd.GeoDataFrame({"name": ["x"]}, geometry=[shapely.Point(118, 38)], crs="EPSG:4326")
    frame.to_file(tmp_path / "点.shp")
    room = place.folder / "wells"
    room.mkdir()
    for suffix in (".shp", ".prj"):
        shutil.copy(tmp_path / f"点{suffix}", room)
    assert place.look(watching) == 1
    for suffix in (".dbf", ".shx", ".cpg"):
        shutil.copy(tmp_path / f"点{suffix}", room)
    assert place.look(watching) == 0
    (folder,) = place.answers("done")
    assert {p.suffix for p in folder.glob("点.*")} == {".shp", ".prj", ".dbf", ".shx", ".cpg"}


def test_what_never_gets_complete_is_refused_with_what_it_lacks(place: Place, watching: Watch) -> None:
    place.drop("wells/a.shp", "x")
    place.drop("wells/b.dbf", "x")
    place.drop("wells/empty.geojson", "")
    assert place.look(watching, after=SETTLE) == 3
    assert place.look(watching, after=SETTLE * PATIENCE) == 0
    said = {
        (found := orjson.loads((p / "report.json").read_bytes())["error"])["name"]: found["detail"]
        for p in place.answers("refused")
    }
    assert ".shx, .dbf" in said["a.shp"]
    assert "belongs to" in said["b.dbf"]
    assert set(said) == {"a.shp", "b.dbf", "empty.geojson"}


def test_a_label_says_the_layer_and_the_rest(place: Place, watching: Watch) -> None:
    place.drop("管线科/layer.toml", 'layer = "wells"\nowner = "管线科"\ndue = "P1Y"\ndate = 2024-05-01\n')
    place.drop("管线科/a.geojson", geojson(feature("a")))
    assert place.look(watching) == 0
    card = place.report("done")["card"]
    assert (card["owner"], card["date"], card["due"]) == (
        "管线科",
        "2024-05-01T00:00:00Z",
        "2025-05-01T00:00:00Z",
    )
    assert (place.folder / "管线科" / "layer.toml").exists()


@pytest.mark.parametrize(
    ("label", "said"),
    [("layer = ", "parse"), ("ownr = 'x'", "'ownr'"), ("layer = 'a b'", "letters"), (None, "layer.toml")],
)
def test_a_fault_in_the_label_or_none_at_all_is_the_answer(
    place: Place, watching: Watch, label: str | None, said: str
) -> None:
    if label:
        place.drop("layer.toml", label)
    place.drop("a.geojson", geojson(feature("a")))
    assert place.look(watching) == 0
    assert said in place.report("refused")["error"]["detail"]
    (folder,) = place.answers("refused")
    assert said in (folder / "report.en.html").read_text("utf-8").replace("&#39;", "'")


def test_what_cannot_be_read_is_refused_and_the_next_goes_in(place: Place, watching: Watch) -> None:
    place.drop("wells/a.geojson", '{"type": "Feat')
    place.drop("wells/b.docx", "PK")
    place.drop("wells/c.geojson", geojson(feature("c")))
    assert place.look(watching) == 0
    assert len(place.answers("refused")) == 2
    assert place.report("done")["report"]["accepted"] == 1


def test_a_delivery_of_which_every_row_is_refused_is_refused(place: Place, watching: Watch) -> None:
    place.drop("wells/a.geojson", geojson(feature("a", x=400.0)))
    place.look(watching)
    found = place.report("refused")
    assert found["report"]["quarantined"] == len(found["refused"]) == 1


def test_files_that_belong_together_are_dropped_as_a_folder(place: Place, watching: Watch) -> None:
    for name in "ab":
        place.drop(f"wells/两 个/{name}.geojson", geojson(feature(name)))
    place.drop("wells/两 个/layer.toml", 'mode = "upsert"\n')
    assert place.look(watching) == 0
    assert place.rows("wells") == 2


def test_links_and_unfinished_names_are_not_read(place: Place, watching: Watch, tmp_path: Path) -> None:
    (tmp_path / "secret.geojson").write_text(geojson(feature("a")))
    place.drop("wells/a.geojson.part", "x")
    place.drop("wells/~$a.xlsx", "x")
    (place.folder / "wells" / "b.geojson").symlink_to(tmp_path / "secret.geojson")
    assert place.look(watching) == 0
    assert "symbolic link" in place.report("refused")["error"]["detail"]
    assert {p.name for p in (place.folder / "wells").iterdir()} == {"a.geojson.part", "~$a.xlsx"}


def test_a_second_watcher_is_told_of_the_first(place: Place, watching: Watch) -> None:
    with pytest.raises(InvalidParameter, match="watched already"), place.watch():
        pass


def interrupted(place: Place, label: str = "") -> None:
    """What a watcher leaves that was killed while it took a delivery in."""
    claimed = place.folder / TAKING / "20260101T000000Z a.geojson"
    claimed.mkdir(parents=True)
    (claimed / "a.geojson").write_text(geojson(feature("a")))
    (claimed / "layer.toml").write_text(label)
    note = {"room": "wells", "name": "a.geojson", "lacking": [], "link": None, "begun": True}
    (claimed / NOTE).write_bytes(orjson.dumps(note))


def test_what_was_begun_is_taken_again_after_a_restart(place: Place) -> None:
    interrupted(place)
    with place.watch() as watching:
        assert watching.look() == 0
    assert place.report("done")["report"]["added"] == 1


def test_what_was_begun_in_the_mode_append_is_not_taken_twice(place: Place) -> None:
    interrupted(place, 'mode = "append"\n')
    with place.watch() as watching:
        assert watching.look() == 0
    assert "interrupted" in place.report("refused")["error"]["detail"]


def test_a_claim_that_broke_off_before_its_file_came_is_given_back(place: Place) -> None:
    claimed = place.folder / TAKING / "20260101T000000Z a.shp"
    claimed.mkdir(parents=True)
    (claimed / "a.dbf").write_text("x")
    (claimed / NOTE).write_bytes(
        orjson.dumps({"room": "wells", "name": "a.shp", "lacking": [], "link": None})
    )
    (place.folder / "wells").mkdir()
    with place.watch() as watching:
        watching.look()
    assert (place.folder / "wells" / "a.dbf").exists()
    assert not claimed.exists()


def test_it_goes_through_the_running_server(place: Place, watching: Watch) -> None:
    place.drop("wells/a.geojson", geojson(feature("a")))
    with served(place.settings) as twin:
        assert place.look(watching) == 0
        assert twin.store.layer("wells", OPEN).count == 1
    assert place.report("done")["report"]["accepted"] == 1


def test_while_another_process_has_the_store_it_waits(place: Place, watching: Watch) -> None:
    place.drop("wells/a.geojson", geojson(feature("a")))
    code = (
        "import sys; from pathlib import Path; from api.home import opened; from twin.settings import Settings\n"
        f"with opened(Settings(home=Path({str(place.settings.home)!r}))): print('open', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "open\n"
        assert place.look(watching) == 1
        other.communicate()
    assert watching.look() == 0
    assert place.rows("wells") == 1
    assert sum("waits" in line for line in place.said) == 1


def test_the_mark_of_a_unit_sees_what_changes_below_a_folder(place: Place) -> None:
    place.drop("wells/a.gdb/x.gdbtable", "1")
    (unit,) = units(place.folder)
    before = mark(unit)
    place.drop("wells/a.gdb/y.gdbtable", "1")
    assert mark(units(place.folder)[0]) != before
