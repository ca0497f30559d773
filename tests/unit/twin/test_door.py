"""The Python door."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from store_support import LAYER, batch, day, delivered

import twin
from twin.duckdb.store import DuckDBStore
from twin.errors import InvalidParameter, LayerNotFound, StoreDown
from twin.model import Op, Property
from twin.settings import Settings


@pytest.fixture
def home(tmp_path: Path) -> Path:
    store = DuckDBStore(Settings(home=tmp_path).database)
    store.write(
        LAYER, [batch([{"id": "a", "height": 3.0}, {"id": "b", "height": 9.0}])], delivered(day(2021))
    )
    store.write(LAYER, [batch([{"id": "a", "height": 4.0}])], delivered(day(2023)))
    store.close()
    return tmp_path


def test_a_layer_at_a_moment_as_geopandas(home: Path) -> None:
    with twin.open(home) as opened:
        frame = opened.layer("buildings").at("2022-05-01").sorted("-height").to_geopandas()
        assert frame["id"].tolist() == ["b", "a"]
        assert frame.crs.equals("OGC:CRS84")
        assert frame.total_bounds.tolist() == [118.0, 38.0, 118.01, 38.01]
        assert opened.layer("buildings").count() == 1
        assert [s.layer.id for s in opened.layers()] == ["buildings"]


def test_questions_narrow(home: Path) -> None:
    with twin.open(home) as opened:
        then = opened.layer("buildings").at(datetime(2022, 1, 1, tzinfo=UTC))
        tall = Op(op=">", args=(Property(name="height"), 5))
        assert then.where(tall).to_arrow()["id"].to_pylist() == ["b"]
        assert then.within(0, 0, 1, 1).count() == 0
        assert then.known("2000-01-01").count() == 0
        assert opened.layer("buildings").at("2021-01-01", "2030-01-01").count() == 2
        with pytest.raises(InvalidParameter):
            then.at("soon")
        with pytest.raises(LayerNotFound):
            opened.layer("pipes")


def test_a_folder_without_a_twin_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(StoreDown, match="twin init"):
        twin.open(tmp_path)
