"""The planted faults are found, all of them and nothing else; what is sound goes in where it belongs."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any, NamedTuple

import pyogrio
import pytest
import shapely
from pyproj import Geod, Transformer

from data_samples import deliveries
from data_samples.deliveries import answers, facts, hotline, shifted
from data_samples.deliveries.answers import Answers, Delivery
from pipelines.ingest import take
from pipelines.reading import prepare, request
from tests.unit.data_samples.conftest import County
from twin.errors import TwinError
from twin.memory.store import MemoryStore
from twin.model import Query, Rejected, Report
from twin.policy import Policy
from twin.settings import Settings

GEOD = Geod(ellps="WGS84")
TRUTH = ("房屋普查", "id"), ("给水管点", "管点编号")
NAMES = ("房屋普查", "公共设施", "给水管点", "地形图", "7月.csv", "8月.xlsx")


class Desk(NamedTuple):
    folder: Path
    sheet: Answers

    def one(self, name: str) -> Delivery:
        (found,) = (each for each in self.sheet.deliveries if name in each.files[0])
        return found


@pytest.fixture(scope="module")
def desk(wanghai: County, tmp_path_factory: pytest.TempPathFactory) -> Desk:
    folder = tmp_path_factory.mktemp("desk")
    return Desk(folder, deliveries.write(wanghai.folder, folder))


@pytest.fixture(params=NAMES)
def delivery(desk: Desk, request: pytest.FixtureRequest) -> Delivery:
    return desk.one(request.param)


def asked(delivery: Delivery, folder: Path, without: str = "") -> Any:
    said = {k: v for k, v in delivery.ingest.items() if k != without}
    return request({**said, "paths": [str(folder / name) for name in delivery.files]})


def taken(delivery: Delivery, folder: Path, home: Path) -> tuple[MemoryStore, Report, list[Rejected]]:
    store = MemoryStore()
    (part,) = prepare(asked(delivery, folder))
    report = take(store, part, Settings(home=home))
    count, refused = store.quarantine(report.layer, Policy.open())
    assert count == len(refused) == report.quarantined
    return store, report, list(refused)


def test_every_planted_fault_is_in_the_quarantine_and_nothing_else(
    delivery: Delivery, desk: Desk, tmp_path: Path
) -> None:
    _, report, refused = taken(delivery, desk.folder, tmp_path)
    assert (report.read, report.quarantined) == (delivery.rows, len(delivery.faults))
    by_row = {str(each.row): each.reason for each in refused}
    assert set(by_row) == {str(fault.row) for fault in delivery.faults}
    for fault in delivery.faults:
        assert fault.says in by_row[str(fault.row)], fault


def test_cells_are_told_as_the_workbooks_program_shows_them(
    delivery: Delivery, desk: Desk, tmp_path: Path
) -> None:
    _, _, refused = taken(delivery, desk.folder, tmp_path)
    by_row = {str(each.row): each.reason for each in refused}
    for fault in delivery.faults:
        row = fault.cell.rpartition("!")[0] and f"{fault.cell.rpartition('!')[0]}!"
        if fault.cell and "appears more than once" not in fault.says:
            assert by_row[str(fault.row)].startswith(row)
            assert by_row[str(fault.row)].split(":", 1)[0].endswith(str(fault.row))


def test_the_report_notes_what_the_sheet_says_and_nothing_else(
    delivery: Delivery, desk: Desk, tmp_path: Path
) -> None:
    _, report, _ = taken(delivery, desk.folder, tmp_path)
    rest = [n for n in report.notes if n != delivery.files[0] and not n.startswith("kind ")]
    for note in delivery.notes:
        (found,) = (each for each in rest if note.says in each)
        rest.remove(found)
    assert rest == []


def test_without_what_it_needs_a_delivery_is_refused_with_what_to_do(
    delivery: Delivery, desk: Desk, tmp_path: Path
) -> None:
    for refusal in delivery.refusals:
        folder = desk.folder
        if refusal.without.startswith("."):
            folder = tmp_path / refusal.kind
            shutil.copytree(desk.folder, folder)
            (folder / delivery.files[0]).with_suffix(refusal.without).unlink()
        with pytest.raises(TwinError) as raised:
            next(iter(next(iter(prepare(asked(delivery, folder, refusal.without)))).batches))
        assert refusal.says in str(raised.value)


def placed(store: MemoryStore, layer: str) -> dict[str, shapely.Geometry]:
    table = store.read(Query(layer=layer, policy=Policy.open(), limit=None))
    return dict(zip(table["id"].to_pylist(), shapely.from_wkb(table["geom"].to_pylist()), strict=True))


@pytest.mark.parametrize(("name", "column"), TRUTH, ids=["buildings", "points"])
def test_what_is_sound_lies_where_the_county_has_it(
    name: str, column: str, desk: Desk, wanghai: County, tmp_path: Path
) -> None:
    one = desk.one(name)
    store, report, _ = taken(one, desk.folder, tmp_path)
    truth = pyogrio.read_dataframe(wanghai.file(one.truth)).to_crs("EPSG:4490").set_index(column)
    found = placed(store, report.layer)
    astray = [
        ident
        for ident, shape in found.items()
        if shape.centroid.distance(truth.geometry.loc[ident].centroid) > 1e-7
    ]
    # The one building whose axes are swapped is a warning, as a place in the Pacific is none that cannot be.
    assert len(astray) == (1 if name == "房屋普查" else 0)
    assert len(found) == report.accepted


def test_pins_of_telephones_lie_at_the_doors_that_they_were_called_from(
    desk: Desk, wanghai: County, tmp_path: Path
) -> None:
    one = desk.one(hotline.TEXT)
    store, report, _ = taken(one, desk.folder, tmp_path)
    pins = hotline.pins(facts.read(wanghai.folder), 0)
    for ident, point in placed(store, report.layer).items():
        _, lon, lat = pins[int(ident[-4:]) - 1]
        assert GEOD.inv(lon, lat, point.x, point.y)[2] < 0.15, "six decimals are a decimetre"


def test_the_same_facts_give_the_same_bytes(desk: Desk, wanghai: County, tmp_path: Path) -> None:
    deliveries.write(wanghai.folder, tmp_path)
    before = {path.name: path.read_bytes() for path in desk.folder.iterdir()}
    assert {path.name for path in tmp_path.iterdir()} == set(before)
    assert [name for name, held in before.items() if (tmp_path / name).read_bytes() != held] == []
    assert answers.load(desk.folder) == desk.sheet


def test_the_drawing_and_the_table_are_as_such_programs_write_them(desk: Desk) -> None:
    houses = desk.folder / desk.one("房屋普查").files[0]
    table = houses.with_suffix(".dbf").read_bytes()
    assert not houses.with_suffix(".cpg").exists()
    assert table[29] == 0
    assert "建筑物编号".encode("gbk") + b"\0" in table[:512]
    text = (desk.folder / desk.one(".dxf").files[0]).read_bytes().replace(b"\r\n", b"\n")
    assert b"ANSI_936" in text
    assert b"1001\nSOUTH\n1000\n141161" in text


def test_shifted_degrees_are_some_hundred_metres_off() -> None:
    x, y = Transformer.from_crs("EPSG:4548", "EPSG:4490", always_xy=True).transform(618_000, 4_247_000)
    assert 300 < GEOD.inv(x, y, *shifted.gcj02(x, y))[2] < 800
