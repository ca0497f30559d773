"""What people type into the search: sounds, crossings, buildings of estates; as each sees the twin."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import shapely
from starlette.testclient import TestClient

from api.app import create_app
from api.state import Twin, over
from layers import buildings, places, zones
from pipelines.search import EDITION, Index
from twin.memory.store import MemoryStore
from twin.model import Delivery, Layer, Op, Property, Titles
from twin.policy import Grant, Policy
from twin.settings import Settings
from twin.table import Batch

PLACES = [
    ("P1", "县人民医院", "海丰路12号"),
    ("P2", "人民公园", None),
    ("P3", "中国银行", None),
    ("P4", "市日明园艺", None),
]
HOUSES = [
    ("B1", "阳光花园3幢", None, 0.010),
    ("B2", "阳光花园13幢", None, 0.011),
    ("B3", "三号楼", "月光花园", 0.012),
    ("B4", "3#", None, 0.0215),
    ("B5", "13号楼", None, 0.0217),
    ("B6", "3号楼", None, 0.030),
]
ESTATE = ("Z1", "星光花园", shapely.box(118.021, 38.0, 118.022, 38.002))


def write(twin: Twin, name: str, kind: Any, rows: dict[str, list[Any]], shapes: list[Any]) -> None:
    layer = Layer(
        id=name, kind=kind.name, title=Titles(en=name), geometry=kind.geometry, columns=kind.columns
    )
    table = pa.table({**rows, "geom": pa.array(shapely.to_wkb(shapes), pa.binary())})
    delivery = Delivery(source="test", at=datetime(2025, 1, 1, tzinfo=UTC))
    report = twin.store.write(layer, [Batch(table=table, crs=None)], delivery)
    assert report.quarantined == 0
    twin.index.update(twin.store, name, None, report.commit)


@pytest.fixture
def town(tmp_path: Path) -> Twin:
    twin = over(MemoryStore(), Settings(home=tmp_path))
    ids, names, addresses = (list(c) for c in zip(*PLACES, strict=True))
    points = [shapely.Point(118 + n / 1000, 38) for n in range(len(ids))]
    write(twin, "places", places.KIND, {"id": ids, "name": names, "address": addresses}, points)
    ids, names, addresses, easts = (list(c) for c in zip(*HOUSES, strict=True))
    boxes = [shapely.box(118 + e, 38.0005, 118.0001 + e, 38.0006) for e in easts]
    write(twin, "houses", buildings.KIND, {"id": ids, "name": names, "address": addresses}, boxes)
    write(twin, "estates", zones.KIND, {"id": [ESTATE[0]], "name": [ESTATE[1]]}, [ESTATE[2]])
    twin.ready.set()
    return twin


def hits(twin: Twin, text: str, policy: Policy | None = None) -> list[dict[str, Any]]:
    seen = replace(twin, policy=policy) if policy else twin
    with TestClient(create_app(seen, static=twin.settings.home)) as client:
        return client.get("/api/search", params={"q": text}).json()["hits"]


def ids(twin: Twin, text: str, policy: Policy | None = None) -> list[str]:
    return [hit["id"] for hit in hits(twin, text, policy)]


@pytest.mark.parametrize(
    "text", ["renmin yiyuan", "rmyy", "renminyiyuan", "人民yy", "renmyy", "RÉNMÍN YĪYUÀN"]
)
def test_a_hospital_is_found_by_its_sound(town: Twin, text: str) -> None:
    assert ids(town, text)[0] == "P1"


def test_names_in_full_come_before_initials(town: Twin) -> None:
    assert ids(town, "renmin") == ["P2", "P1"]
    assert set(ids(town, "rmyy")) == {"P1", "P4"}


def test_each_reading_of_a_character_is_found(town: Twin) -> None:
    assert ids(town, "yinhang") == ids(town, "zgyinxing") == ["P3"]


def test_a_single_syllable_finds_the_last_character_too(town: Twin) -> None:
    assert "P3" in ids(town, "hang")


@pytest.mark.parametrize("text", ["阳光花园3号楼", "阳光花园 3栋", "阳光花园三号楼", "阳光花园3#"])
def test_a_building_of_an_estate_is_found_however_it_is_written(town: Twin, text: str) -> None:
    assert ids(town, text) == ["B1"]


def test_the_estate_may_be_the_address_or_the_area_around(town: Twin) -> None:
    assert ids(town, "月光花园3号楼") == ["B3"]
    assert ids(town, "星光花园3号楼") == ["B4"]


def test_an_answer_that_ends_at_the_building_says_so(town: Twin) -> None:
    assert [(h["id"], h["missing"]) for h in hits(town, "阳光花园3号楼2单元")] == [("B1", "2单元")]
    assert [(h["id"], h["missing"]) for h in hits(town, "星光花园3号楼2单元")] == [("B4", "2单元")]
    assert hits(town, "阳光花园3号楼")[0]["missing"] == ""


@pytest.mark.parametrize(
    "text",
    ["rmyy", "renmin", "人民yy", "yangguanghuayuan3hl", "阳光花园3号楼", "星光花园3号楼", "hang", "hflu"],
)
def test_nothing_hidden_is_found(town: Twin, text: str) -> None:
    none = Op(op="in", args=(Property(name="name"), ["中国银行"]))
    grants = tuple(Grant(layers=(layer,), rows=none) for layer in ("places", "houses"))
    assert ids(town, text, Policy.of(grants)) in ([], ["P3"])


def test_an_index_of_another_edition_is_made_anew(town: Twin) -> None:
    path = town.settings.index
    with sqlite3.connect(path) as db:
        db.execute("DROP TABLE heard")
        db.execute("DROP TABLE road")
        db.execute("PRAGMA user_version = 0")
    index = Index(path)
    assert index.search("rmyy", 10, ["places"]) == []
    with sqlite3.connect(path) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (EDITION,)
    index._catch_up(town.store, "places", town.store.last())
    assert index.search("rmyy", 10, ["places"])[0]["id"] == "P1"
