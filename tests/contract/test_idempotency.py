"""An Idempotency-Key makes one creation of equal requests, also of those that come at the same moment."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient
from store_support import STORES
from tests_support import HOUSES, ROWS, SURVEY, houses

from api.app import create_app
from api.state import Twin, over
from twin.model import Delivery
from twin.settings import Settings

ITEMS = "/ogc/collections/houses/items"
SQUARE = [[116.4, 39.8], [116.41, 39.8], [116.41, 39.81], [116.4, 39.81], [116.4, 39.8]]
NEW = {
    "type": "Feature",
    "geometry": {"type": "Polygon", "coordinates": [SQUARE]},
    "properties": {"name": "new"},
}


@pytest.fixture(params=sorted(STORES))
def twin(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Twin]:
    store = STORES[request.param](tmp_path, lambda: datetime.now(UTC))
    store.write(HOUSES, [houses()], Delivery(source="survey", at=SURVEY))
    made = over(store, Settings(home=tmp_path))
    made.ready.set()
    yield made
    store.close()


@pytest.fixture
def client(twin: Twin, tmp_path: Path) -> Iterator[TestClient]:
    with TestClient(create_app(twin, static=tmp_path), raise_server_exceptions=False) as made:
        yield made


def together(twin: Twin, client: TestClient, monkeypatch: pytest.MonkeyPatch, bodies: list[Any]) -> list[Any]:
    """Requests under one key that all find, when they look, that none came before."""
    met, kept = threading.Barrier(len(bodies), timeout=30), twin.store.kept

    def looked(name: str) -> bytes | None:
        found = kept(name)
        if name.startswith("idempotency/"):
            met.wait()
        return found

    monkeypatch.setattr(twin.store, "kept", looked)
    headers = {"Content-Type": "application/geo+json", "Idempotency-Key": "k"}
    with ThreadPoolExecutor(len(bodies)) as pool:
        return list(pool.map(lambda body: client.post(ITEMS, json=body, headers=headers), bodies))


@pytest.mark.parametrize(
    "body", [NEW, NEW | {"id": "mine"}, {"type": "FeatureCollection", "features": [NEW] * 2}]
)
def test_equal_requests_at_the_same_moment_make_one_feature(
    twin: Twin, client: TestClient, monkeypatch: pytest.MonkeyPatch, body: dict[str, Any]
) -> None:
    answers = together(twin, client, monkeypatch, [body] * 4)
    assert [a.status_code for a in answers] == [201] * 4
    assert len({a.text for a in answers}) == 1
    assert len({a.headers["location"] for a in answers}) == 1
    matched = client.get(ITEMS, params={"limit": 1}).json()["numberMatched"]
    assert matched == ROWS + len(body.get("features", [body]))


def test_another_body_under_the_same_key_at_the_same_moment_is_refused(
    twin: Twin, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = NEW | {"properties": {"name": "other"}}
    answers = together(twin, client, monkeypatch, [NEW, other])
    assert sorted(a.status_code for a in answers) == [201, 422]
    assert client.get(ITEMS, params={"limit": 1}).json()["numberMatched"] == ROWS + 1
