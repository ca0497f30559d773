"""Observations through the SensorThings door."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest
from starlette.testclient import TestClient

from api.state import Twin


@pytest.fixture
def path(twin: Twin) -> str:
    words = {"layer": "houses", "thing": "H001", "name": "水位", "observed_property": "水位", "unit": "m"}
    made = twin.store.declare(pa.table({k: [v] for k, v in words.items()}))
    return f"/sta/v1.1/Datastreams({made['id'][0].as_py()})"


def test_a_posted_observation_is_the_latest(client: TestClient, path: str) -> None:
    answer = client.post(f"{path}/Observations", json={"result": 1.25})
    assert answer.status_code == 201
    assert answer.headers["location"]
    found = client.get(f"{path}/Observations?$top=1&$orderby=phenomenonTime desc").json()["value"]
    assert found[0]["result"] == 1.25
    assert client.get("/api/things/houses/H001").json()["datastreams"][0]["latest"]["value"] == 1.25
    assert client.get("/api/latest/houses").json()["values"][0]["id"] == "H001"


def test_the_same_observation_twice_is_one(client: TestClient, path: str) -> None:
    said = {"result": 3, "phenomenonTime": datetime.now(UTC).isoformat()}
    for _ in range(2):
        assert client.post(f"{path}/Observations", json=said).status_code == 201
    assert len(client.get(f"{path}/Observations").json()["value"]) == 1


NOW = datetime.now(UTC)


@pytest.mark.parametrize(
    "body",
    [
        {"result": "hot"},
        {"result": True},
        {},
        {"result": 1, "colour": "red"},
        {"result": 1, "phenomenonTime": "9999-99-99"},
        {"result": 1, "phenomenonTime": "9999-01-01T00:00:00Z"},
        {"result": 1, "phenomenonTime": (NOW + timedelta(hours=1)).isoformat()},
        {"result": 1, "phenomenonTime": (NOW - timedelta(days=3650)).isoformat()},
        [],
    ],
)
def test_a_wrong_observation_is_a_422(client: TestClient, path: str, body: Any) -> None:
    assert client.post(f"{path}/Observations", json=body).status_code == 422


def test_not_a_number_is_no_json(client: TestClient, path: str) -> None:
    answer = client.post(
        f"{path}/Observations", content=b'{"result":NaN}', headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == 400


@pytest.mark.parametrize("query", ["$top=-1", "$orderby=nope", "$filter=x", "$top=1.5"])
def test_a_wrong_option_is_a_400(client: TestClient, path: str, query: str) -> None:
    assert client.get(f"{path}/Observations?{query}").status_code == 400


def test_a_large_top_is_lowered_and_followed_by_a_link(client: TestClient, path: str, twin: Twin) -> None:
    identifier = int(path.split("(")[1].rstrip(")"))
    times = [NOW - timedelta(minutes=i) for i in range(1500)]
    table = pa.table({"datastream": [identifier] * 1500, "time": times, "value": [1.0] * 1500})
    twin.store.observe(table, source="test")
    first = client.get(f"{path}/Observations?$top=1000000000").json()
    assert len(first["value"]) == 1000
    second = client.get(first["@iot.nextLink"]).json()
    assert len(second["value"]) == 500
    series = client.get(f"/api/datastreams/{identifier}/series?points=10&from=2000-01-01").json()
    assert len(series["times"]) <= 10


def test_no_such_datastream_is_a_404(client: TestClient) -> None:
    assert client.get("/sta/v1.1/Datastreams(999)").status_code == 404
    assert client.post("/sta/v1.1/Datastreams(x)/Observations", json={"result": 1}).status_code == 404
