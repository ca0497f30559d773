"""What a page of items is pinned to."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from starlette.testclient import TestClient

from api.ogc.features import pinned
from api.state import Twin
from twin.model import Query

LATER = datetime(2100, 1, 1, tzinfo=UTC)


def test_a_commit_on_its_way_is_not_known_to_a_page_yet(twin: Twin) -> None:
    """It has its moment before its rows can be seen; `known` is the last commit that can be."""
    state = twin.store.layer("houses", twin.policy)
    now = state.updated + timedelta(seconds=5)
    query = Query(layer="houses", policy=twin.policy)
    assert pinned(query, state, now).known == state.updated
    assert pinned(query, state, now).at == now
    assert pinned(replace(query, known=LATER), state, now).known == state.updated
    early = state.updated - timedelta(days=1)
    assert pinned(replace(query, known=early), state, now).known == early


def test_a_clock_that_is_behind_the_last_commit_still_sees_it(twin: Twin) -> None:
    state = twin.store.layer("houses", twin.policy)
    behind = state.updated - timedelta(hours=1)
    assert pinned(Query(layer="houses", policy=twin.policy), state, behind).at == state.updated


def test_a_page_is_of_the_moments_that_its_address_says(client: TestClient) -> None:
    address = "/ogc/collections/houses/items?limit=2&datetime=2025-08-01"
    links = client.get(address).json()["links"]
    following = next(link["href"] for link in links if link["rel"] == "next")
    assert client.get(following).status_code == 200
    assert client.get(following.replace("2025-08-01", "2025-09-01")).status_code == 400
    assert client.get(following.replace("&datetime=2025-08-01", "")).status_code == 400
