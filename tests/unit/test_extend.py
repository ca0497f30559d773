"""The trial of docs/extend.md: a reader, a kind and a process are one file each."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from twin import registry

PAGE = Path(__file__).parents[2] / "docs" / "extend.md"
BLOCK = re.compile(r"^## .*?`(?P<path>[a-z_/]+\.py)`.*?```python\n(?P<code>.*?)```", re.MULTILINE | re.DOTALL)


@pytest.fixture
def extended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The page's files, each in the path of its package."""
    for found in BLOCK.finditer(PAGE.read_text("utf-8")):
        target = tmp_path / found["path"]
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(found["code"], "utf-8")
        package = importlib.import_module(target.parent.relative_to(tmp_path).as_posix().replace("/", "."))
        monkeypatch.setattr(package, "__path__", [*package.__path__, str(target.parent)])
    registry.entries.cache_clear()
    yield
    registry.entries.cache_clear()


def test_a_reader_is_one_file(extended: None, tmp_path: Path) -> None:
    from pipelines.reading import Request, prepare

    source = tmp_path / "a.wells"
    source.write_text("w1 116.4 39.9 12.5\nbroken\nw2 116.5 39.8 7\n", "utf-8")
    (part,) = prepare(Request(paths=(str(source),), layer="wells"))
    batches = list(part.batches)
    assert part.layer.kind == "places"
    assert batches[0].table["id"].to_pylist() == ["w1", "w2"]
    assert [r.reason for b in batches for r in b.rejected] == ["not four fields"]


def test_a_kind_is_one_file(extended: None, tmp_path: Path) -> None:
    from pipelines.reading import Request, prepare

    source = tmp_path / "trees.csv"
    source.write_text("lon,lat,树种,树高\n116.4,39.9,国槐,8.5\n116.5,39.9,白蜡,12m\n", "utf-8")
    (part,) = prepare(Request(paths=(str(source),), layer="trees", kind="trees"))
    batches = list(part.batches)
    assert batches[0].table["height"].to_pylist() == [8.5]
    assert [r.original for b in batches for r in b.rejected] == ["12m"]


def test_a_process_is_one_file(extended: None) -> None:
    from tests_support import HOUSES, houses

    from api.ogc import schemas
    from api.ogc.processes import processes
    from pipelines.processes.process import Context
    from twin.memory.store import MemoryStore
    from twin.model import Delivery
    from twin.policy import Policy

    store = MemoryStore()
    store.write(HOUSES, [houses()], Delivery(source="survey"))
    ring = [[116.4, 39.9], [116.4105, 39.9], [116.4105, 39.91], [116.4, 39.91], [116.4, 39.9]]
    said = {"layer": "houses", "area": {"type": "Polygon", "coordinates": [ring]}}
    density = processes()["density"]
    answer = density.run(schemas.read(density, said), Context(store=store, policy=Policy.open()))
    assert answer["count"] == 11
    assert answer["per_square_kilometre"] == pytest.approx(11 / (0.9503 * 1.05), rel=0.01)
