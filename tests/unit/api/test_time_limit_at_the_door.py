"""A question that takes too long is a 503 that says when to come back, and others are served (Q24)."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from starlette.testclient import TestClient
from tests_support import HOUSES, SURVEY, houses

from api.app import create_app
from api.state import over
from twin.duckdb.store import DuckDBStore
from twin.model import Delivery
from twin.settings import Settings

SLOW = "ACCENTI(CASEI(name)) LIKE ACCENTI(CASEI('%é%é%b')) OR CASEI(ACCENTI(name)) = 'b'"


def test_a_filter_over_the_limit_is_a_503(tmp_path: Path) -> None:
    store = DuckDBStore(tmp_path / "twin.duckdb", now=lambda: datetime.now(UTC), seconds=0.05)
    store.write(HOUSES, [houses(["é" * 1000] * 20_000)], Delivery(source="survey", at=SURVEY))
    twin = over(store, Settings(home=tmp_path))
    twin.ready.set()
    with TestClient(create_app(twin, static=tmp_path), raise_server_exceptions=False) as client:
        answer = client.get("/ogc/collections/houses/items", params={"filter": SLOW})
        assert (answer.status_code, answer.json()["type"]) == (503, "/problems/time-limit")
        assert int(answer.headers["retry-after"]) > 0
        assert client.get("/healthz").status_code == 200
    store.close()
