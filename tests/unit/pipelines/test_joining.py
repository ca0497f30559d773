"""A table joined to a layer by a key."""

import io

import openpyxl
import pytest
import shapely
from store_support import STORES, Clock, batch, day, delivered

from pipelines import frames, ingest
from pipelines.ingest import quiet
from pipelines.reading import Request, prepare
from twin.errors import InvalidParameter, LayerNotFound, UnknownProperty
from twin.model import Layer, Mode, Query, Titles
from twin.policy import Policy
from twin.settings import Settings

PIPES = Layer(id="pipes", kind="networks", title=Titles(zh="管线"))
ROWS = [
    {
        "id": n,
        "geom": shapely.to_wkb(shapely.LineString([(118, 38), (118.001, 38)])),
        "编号": c,
        "material": "铸铁",
    }
    for n, c in (("JS1", "1001"), ("JS2", "1002"), ("JS3", "1003"), ("JS4", "1003"))
]


@pytest.fixture(params=["memory", "duckdb"])
def store(request, tmp_path):
    clock = Clock()
    store = STORES[request.param](tmp_path, clock)
    store.clock = clock
    store.write(PIPES, [batch(ROWS)], delivered(day(2021)))
    clock.pass_(days=1)
    yield store
    store.close()


def csv(tmp_path, text):
    path = tmp_path / "a.csv"
    path.write_text(text)
    return path


def joined(store, tmp_path, path, *join, **said):
    said = {"known_kind": "networks", **said}
    request = Request(paths=(str(path),), layer="pipes", join=join, **said)
    stream = io.BytesIO(b"".join(frames.encode(prepare(request))))
    (report,) = [ingest.take(store, part, Settings(home=tmp_path), quiet) for part in frames.decode(stream)]
    return report


def pipes(store, **more):
    rows = store.read(Query(layer="pipes", policy=Policy.open(), **more)).to_pylist()
    return {row["id"]: row for row in rows}


def test_rows_become_new_versions_and_the_past_stays_as_it_was(store, tmp_path):
    path = csv(tmp_path, "管线编号,材质,权属单位\nJS1,PE,水务公司\nJS2,,供水站\n")
    report = joined(store, tmp_path, path, "管线编号", "id")
    assert (report.read, report.accepted, report.changed_attributes) == (2, 2, 2)
    now, before = pipes(store), pipes(store, at=day(2022))
    assert [(r["material"], r["owner"]) for r in (now["JS1"], now["JS2"])] == [
        ("PE", "水务公司"),
        ("铸铁", "供水站"),
    ]
    assert before["JS1"]["material"] == "铸铁"
    assert {r["source"] for r in now.values()} == {"survey"}
    assert now["JS1"]["geom"] == before["JS1"]["geom"]
    assert now["JS3"]["owner"] is None


def test_the_same_table_again_changes_nothing(store, tmp_path):
    path = csv(tmp_path, "管线编号,材质\nJS1,PE\n")
    joined(store, tmp_path, path, "管线编号", "id")
    store.clock.pass_(days=1)
    report = joined(store, tmp_path, path, "管线编号", "id")
    assert (report.accepted, report.unchanged) == (1, 1)


def test_what_does_not_fit_is_refused_with_its_reason(store, tmp_path):
    text = "编号,材质\n1001,PE\n1003,PE\n1009,PE\n1002,PE\n1002,钢\n,PE\n"
    report = joined(store, tmp_path, csv(tmp_path, text), "编号", "编号")
    assert (report.read, report.accepted, report.quarantined) == (6, 1, 5)
    _, refused = store.quarantine("pipes", Policy.open())
    assert {r.row: r.reason for r in refused} == {
        1: "编号: 2 features of pipes have 编号 = '1003'; a key is of one",
        2: "编号: no feature of pipes has 编号 = '1009'",
        3: "编号: '1002' stands 2 times in the table; a key stands once",
        4: "编号: '1002' stands 2 times in the table; a key stands once",
        5: "编号: null is no key",
    }


def test_a_workbooks_numbers_are_keys_as_text_and_its_cells_are_named(store, tmp_path):
    book = openpyxl.Workbook()
    book.active.title = "属性"
    for row in (["编号", "埋深(cm)", "备注"], [1001, 150, "x"], [7, 1, None]):
        book.active.append(row)
    book.save(tmp_path / "a.xlsx")
    report = joined(store, tmp_path, tmp_path / "a.xlsx", "编号", "编号")
    assert (report.accepted, report.quarantined) == (1, 1)
    assert pipes(store)["JS1"]["depth"] == pytest.approx(1.5)
    assert pipes(store)["JS1"]["备注"] == "x"
    _, (refused,) = store.quarantine("pipes", Policy.open())
    assert refused.reason.startswith("属性!A3: ")


def test_rows_of_another_source_keep_it(store, tmp_path):
    store.write(
        PIPES,
        [batch([{**ROWS[0], "id": "P1", "编号": "2001"}])],
        delivered(source="posted", mode=Mode.UPSERT),
    )
    store.clock.pass_(days=1)
    report = joined(store, tmp_path, csv(tmp_path, "编号,材质\n1001,PE\n2001,钢\n9,钢\n"), "编号", "编号")
    assert (report.read, report.accepted, report.quarantined) == (3, 2, 1)
    assert {i: r["source"] for i, r in pipes(store).items() if r["material"] != "铸铁"} == {
        "JS1": "survey",
        "P1": "posted",
    }


def test_a_later_survey_still_governs_what_was_joined(store, tmp_path):
    joined(store, tmp_path, csv(tmp_path, "编号,材质\n1001,PE\n"), "编号", "编号")
    store.clock.pass_(days=1)
    store.write(PIPES, [batch(ROWS)], delivered())
    assert pipes(store)["JS1"]["material"] == "铸铁"


def test_keys_and_layers_that_are_not_there_are_named(store, tmp_path):
    path = csv(tmp_path, "编号,材质\n1001,PE\n")
    with pytest.raises(UnknownProperty, match=r"no table has the key '代码'.*编号, 材质"):
        joined(store, tmp_path, path, "代码", "编号")
    with pytest.raises(UnknownProperty, match="编号"):
        joined(store, tmp_path, path, "编号", "代码")
    with pytest.raises(LayerNotFound, match="ingest its features first"):
        joined(store, tmp_path, path, "编号", "编号", known_kind=None)
    with pytest.raises(InvalidParameter, match="--crs"):
        joined(store, tmp_path, path, "编号", "编号", crs="EPSG:4548")
    with pytest.raises(InvalidParameter, match="valid_from"):
        joined(store, tmp_path, path, "编号", "编号", columns={"valid_from": "材质"})
    (tmp_path / "a.geojson").write_text("{}")
    with pytest.raises(InvalidParameter, match="CSV, workbooks"):
        joined(store, tmp_path, tmp_path / "a.geojson", "编号", "编号")


def test_a_tables_own_id_and_periods_are_not_the_features(store, tmp_path):
    joined(store, tmp_path, csv(tmp_path, "编号,id,valid_to\n1001,77,2001-01-01\n"), "编号", "编号")
    row = pipes(store)["JS1"]
    assert (row["id_"], row["valid_to_"]) == (77, "2001-01-01")
