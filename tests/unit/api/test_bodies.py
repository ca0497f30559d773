"""What is posted: taken whole or refused whole, with a reason."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest
from starlette.testclient import TestClient

from api.state import Twin
from twin.model import Layer, Titles

POST = "/ogc/collections/incidents/items"
GEOJSON = {"Content-Type": "application/geo+json"}
POINT = {"type": "Point", "coordinates": [116.4, 39.9]}


def feature(geometry: Any = POINT, **properties: Any) -> dict[str, Any]:
    return {
        "type": "Feature",
        "geometry": geometry,
        "properties": {"title": "爆管", "level": "II", **properties},
    }


def send(client: TestClient, body: Any, **headers: str) -> Any:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return client.post(POST, content=raw, headers={**GEOJSON, **headers})


def test_an_incident_is_there_at_its_location(client: TestClient) -> None:
    answer = send(client, feature())
    assert answer.status_code == 201
    found = client.get(answer.headers["location"]).json()
    assert found["properties"]["level"] == "II"
    assert found["geometry"] == POINT


def test_a_byte_order_mark_is_passed_over(client: TestClient) -> None:
    assert send(client, b"\xef\xbb\xbf" + json.dumps(feature()).encode()).status_code == 201


NO_JSON = [
    b"hello",
    b"",
    b'{"type":"Feature"',
    b'{"type":"Feature","properties":{"h":NaN},"geometry":null}',
    b'{"a":Infinity}',
    b'{"a":-Infinity}',
    b"[" * 100_000 + b"]" * 100_000,
    b'{"a":' + b"1" * 5000 + b"}",
    b'{"type":"Feature","properties":{"h":1,"h":2},"geometry":null}',
    b'{"a":"\xff"}',
    b'{"a":"\\ud800"}',
    b'{"a":"\\u0000"}',
]


@pytest.mark.parametrize("raw", NO_JSON, ids=range(len(NO_JSON)))
def test_what_is_no_json_is_a_400(client: TestClient, raw: bytes) -> None:
    answer = send(client, raw)
    assert (answer.status_code, answer.json()["type"]) == (400, "/problems/invalid-json")


@pytest.mark.parametrize("media_type", ["text/plain", "application/xml", ""])
def test_another_media_type_is_a_415(client: TestClient, media_type: str) -> None:
    assert send(client, feature(), **{"Content-Type": media_type}).status_code == 415


def nested(depth: int) -> dict[str, Any]:
    found: dict[str, Any] = POINT
    for _ in range(depth):
        found = {"type": "GeometryCollection", "geometries": [found]}
    return found


GEOMETRIES = [
    {"type": "Point", "coordinates": ["a", "b"]},
    {"type": "Point", "coordinates": None},
    {"type": "Point", "coordinates": [1]},
    {"type": "Point", "coordinates": []},
    {"type": "Point", "coordinates": [1, 2, 3, 4, 5]},
    {"type": "Polygon", "coordinates": [[[0, 0], [1, 1]]]},
    {"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [0, 0]]]},
    {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 1]]]},
    {"type": "Polygon", "coordinates": [[[0, 0], [1e308, 0], [1e308, 1e308], [0, 0]]]},
    {"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [1, 0], [0, 1], [0, 0]]]},
    {"type": "Blob", "coordinates": [1, 2]},
    nested(9),
    None,
]


@pytest.mark.parametrize("geometry", GEOMETRIES, ids=range(len(GEOMETRIES)))
def test_a_geometry_that_is_none_is_a_422(client: TestClient, geometry: Any) -> None:
    answer = send(client, feature(geometry))
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/invalid-geometry")


@pytest.mark.parametrize("place", [[181, 0], [0, 91], [500000, 4400000], [39.9, 116.4]])
def test_a_place_off_the_globe_is_a_422(client: TestClient, place: list[float]) -> None:
    answer = send(client, feature({"type": "Point", "coordinates": place}))
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/outside-crs-area")


def test_a_crs_is_not_part_of_geojson(client: TestClient) -> None:
    assert send(client, {**feature(), "crs": {"type": "name"}}).json()["type"] == "/problems/unknown-crs"
    answer = send(client, feature(), **{"Content-Crs": "<http://127.0.0.1:9/x>"})
    assert (answer.status_code, answer.json()["type"]) == (400, "/problems/unknown-crs")


@pytest.mark.parametrize(
    "properties", [{"level": "V"}, {"level": None}, {"title": 7}, {"title": None}, {"colour": "red"}]
)
def test_a_wrong_property_is_a_422_that_names_it(client: TestClient, properties: dict[str, Any]) -> None:
    answer = send(client, feature(**properties))
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/invalid-body")
    assert next(iter(properties)) in answer.json()["detail"]


def test_an_id_that_is_taken_is_a_409(client: TestClient) -> None:
    assert send(client, {**feature(), "id": "i1"}).status_code == 201
    assert send(client, {**feature(), "id": "i1"}).status_code == 409


def test_the_same_idempotency_key_is_one_row(client: TestClient, twin: Twin) -> None:
    first = send(client, feature(), **{"Idempotency-Key": "k"})
    again = send(client, feature(), **{"Idempotency-Key": "k"})
    other = send(client, feature(title="other"), **{"Idempotency-Key": "k"})
    assert first.json() == again.json()
    assert other.status_code == 422
    assert twin.store.layer("incidents", twin.policy).count == 1


def test_a_body_over_the_limit_is_a_413(client: TestClient) -> None:
    assert send(client, b" " * (2 << 20)).status_code == 413

    def pieces() -> Any:
        for _ in range(40):
            yield b" " * (1 << 16)

    assert client.post(POST, content=pieces(), headers=GEOJSON).status_code == 413


def test_a_compressed_body_is_not_unpacked(client: TestClient) -> None:
    assert send(client, gzip.compress(bytes(1 << 24)), **{"Content-Encoding": "gzip"}).status_code == 415


def test_a_layer_of_rasters_takes_no_edits(client: TestClient, twin: Twin) -> None:
    relief = Layer(id="relief", kind="terrain", title=Titles(en="Relief"), geometry="Raster")
    twin.store.describe(relief)
    answer = client.post("/ogc/collections/relief/items", json=feature(), headers=GEOJSON)
    assert answer.status_code == 405
    assert "POST" not in answer.headers["allow"]
    assert "POST" not in client.options("/ogc/collections/relief/items").headers["allow"]


def test_a_page_of_another_origin_may_not_write(client: TestClient) -> None:
    assert send(client, feature(), Origin="https://evil.example").status_code == 403


IMPACT = "/ogc/processes/impact/execution"


def test_impact_lists_what_lies_within_a_radius_by_layer(client: TestClient) -> None:
    place = {"type": "Point", "coordinates": [116.4001, 39.9001]}
    answer = client.post(IMPACT, json={"inputs": {"geometry": place, "radius": 180}})
    assert answer.status_code == 200
    found = answer.json()["houses"]
    assert found["count"] == 3
    assert found["ids"] == ["H000", "H001", "H002"]


def test_the_sum_over_two_halves_equals_the_whole(client: TestClient) -> None:
    def count(west: float, east: float) -> int:
        ring = [[west, 39.8], [east, 39.8], [east, 40.0], [west, 40.0], [west, 39.8]]
        said = {"geometry": {"type": "Polygon", "coordinates": [ring]}, "layers": ["houses"]}
        return client.post(IMPACT, json={"inputs": said}).json()["houses"]["count"]

    assert count(116.3, 116.4105) + count(116.4105, 116.5) == count(116.3, 116.5) == 25


@pytest.mark.parametrize(
    ("inputs", "status"),
    [
        ({"radius": 5}, 400),
        ({"geometry": POINT, "radius": -1}, 400),
        ({"geometry": POINT, "radius": 1e9}, 400),
        ({"geometry": POINT, "colour": 1}, 400),
        ({"geometry": POINT, "radius": "wide"}, 400),
        ({"geometry": POINT, "layers": ["nope"]}, 400),
        ({"geometry": GEOMETRIES[9]}, 422),
        ("x", 400),
    ],
)
def test_wrong_inputs_are_refused(client: TestClient, inputs: Any, status: int) -> None:
    assert client.post(IMPACT, json={"inputs": inputs}).status_code == status


def test_an_unknown_process_has_the_standards_own_type(client: TestClient) -> None:
    answer = client.post("/ogc/processes/nope/execution", json={"inputs": {}})
    assert answer.status_code == 404
    assert answer.json()["type"].endswith("/no-such-process")


def test_processes_are_described_with_links_that_work(client: TestClient) -> None:
    listing = client.get("/ogc/processes").json()
    assert "impact" in [p["id"] for p in listing["processes"]]
    one = client.get("/ogc/processes/impact").json()
    assert one["inputs"]["radius"]["schema"]["minimum"] == 0
    for link in one["links"]:
        if "execution" not in link["href"]:
            assert client.get(link["href"]).status_code == 200


@pytest.mark.parametrize("number", ["11161103754368468910080", "-9223372036854775809", "1" + "0" * 390])
def test_numbers_beyond_64_bits_are_no_fault_of_the_server(client: TestClient, number: str) -> None:
    body = json.dumps(feature(level_of_water=0)).replace(": 0}", f": {number}}}").encode()
    answer = send(client, body, **{"Idempotency-Key": "k"})
    assert answer.status_code in (400, 422)
