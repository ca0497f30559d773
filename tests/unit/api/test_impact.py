"""The impact analysis with a filter: the language of items, asked of every layer that is counted."""

from __future__ import annotations

from typing import Any

import pytest
import shapely
from openapi_spec_validator import validate
from starlette.testclient import TestClient
from tests_support import houses

from api.state import Twin
from twin.cql2 import as_json, parse
from twin.model import Column, Delivery, Layer, Titles

IMPACT = "/ogc/processes/impact/execution"
PLACE = {
    "type": "Polygon",
    "coordinates": [[[116.3, 39.8], [116.5, 39.8], [116.5, 40], [116.3, 40], [116.3, 39.8]]],
}
HEIGHT = "height > 20"


@pytest.fixture(autouse=True)
def sheds(twin: Twin) -> None:
    """A second layer at the same place, without heights, whose storeys are text."""
    rows = houses()
    table = rows.table.drop_columns(["height", "storeys"]).append_column("storeys", [["one"] * 25])
    layer = Layer(
        id="sheds",
        kind="features",
        title=Titles(zh="棚", en="Sheds"),
        columns=(Column(name="name"), Column(name="storeys")),
    )
    twin.store.write(layer, [type(rows)(crs=None, table=table)], Delivery(source="survey"))


def ask(client: TestClient, **inputs: Any) -> Any:
    return client.post(IMPACT, json={"inputs": {"geometry": PLACE, **inputs}})


def items(client: TestClient, **said: str) -> list[str]:
    found = client.get("/ogc/collections/houses/items", params={"limit": "100", **said}).json()
    return sorted(f["id"] for f in found["features"])


FORMS = [
    {"filter": HEIGHT},
    {"filter": HEIGHT, "filter-lang": "cql2-text"},
    {"filter": {"op": ">", "args": [{"property": "height"}, 20]}},
    {"filter": {"op": ">", "args": [{"property": "height"}, 20]}, "filter-lang": "cql2-json"},
    {"filter": '{"op": ">", "args": [{"property": "height"}, 20]}', "filter-lang": "cql2-json"},
]


@pytest.mark.parametrize("said", FORMS)
def test_the_same_features_pass_as_among_items(client: TestClient, said: dict[str, Any]) -> None:
    answer = ask(client, **said)
    assert answer.status_code == 200
    found = answer.json()["houses"]
    assert sorted(found["ids"]) == items(client, filter=HEIGHT)
    assert found["count"] == 19


def test_a_filter_narrows_what_the_place_holds(client: TestClient) -> None:
    place = {"type": "Point", "coordinates": [116.4001, 39.9001]}
    found = ask(client, geometry=place, radius=180, filter="name <> 'house 1'").json()
    assert found["houses"]["ids"] == found["sheds"]["ids"] == ["H000", "H002"]


def test_the_filters_geometry_stands_in_its_crs(client: TestClient) -> None:
    west = shapely.box(39.8, 116.39, 40.0, 116.4055)  # EPSG:4326: latitude first
    crs = "http://www.opengis.net/def/crs/EPSG/0/4326"
    said = {"filter": f"S_INTERSECTS(geom, {west.wkt})", "filter-crs": crs}
    assert ask(client, **said).json()["houses"]["ids"] == [f"H{n:03}" for n in range(6)]
    assert ask(client, **(said | {"filter-crs": "EPSG:1"})).status_code == 400


def test_a_layer_without_the_property_is_named_and_not_counted(client: TestClient) -> None:
    found = ask(client, filter=HEIGHT).json()
    assert found["sheds"]["count"] is None
    assert found["sheds"]["ids"] == []
    assert "no property 'height'" in found["sheds"]["left_out"]
    assert found["sheds"]["title"] == {"zh": "棚", "en": "Sheds"}
    assert "left_out" not in found["houses"]
    named = ask(client, filter=HEIGHT, layers=["sheds", "houses"]).json()
    assert named["sheds"]["count"] is None
    assert named["houses"]["count"] == 19


def test_a_layer_whose_property_is_of_another_type_is_named_too(client: TestClient) -> None:
    found = ask(client, filter="storeys < 3").json()
    assert found["houses"]["count"] == 2
    assert "cannot compare" in found["sheds"]["left_out"]


def test_nothing_that_passes_is_no_member_unless_it_was_asked_for(client: TestClient) -> None:
    looked = ask(client, filter="name = 'nobody'").json()
    assert {layer: found["count"] for layer, found in looked.items()} == {"incidents": None}
    assert ask(client, filter="name = 'nobody'", layers=["houses"]).json()["houses"]["count"] == 0
    assert ask(client, filter=False, layers=["houses"]).json()["houses"]["count"] == 0


WRONG = [
    ({"filter": "height >"}, "filter"),
    ({"filter": "colour = 'red'"}, "no property 'colour'"),
    ({"filter": "nonsense(name)"}, "nonsense"),
    ({"filter": HEIGHT, "layers": ["sheds"]}, "no property 'height'"),
    ({"filter": HEIGHT, "filter-lang": "sql"}, "filter-lang"),
    ({"filter": {"op": ">", "args": [{"property": "height"}, 20]}, "filter-lang": "cql2-text"}, "filter-lang"),
    ({"filter": {"op": ">"}}, ""),
    ({"filter": 5}, "filter"),
    ({"filter": [HEIGHT]}, "filter"),
    ({"filter": HEIGHT, "filter-lang": 5}, "filter-lang"),
    ({"filter_lang": "cql2-text"}, "filter-lang"),
]  # fmt: skip


@pytest.mark.parametrize(("said", "reason"), WRONG)
def test_a_filter_that_fits_nothing_is_refused_with_its_reason(
    client: TestClient, said: dict[str, Any], reason: str
) -> None:
    answer = ask(client, **said)
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert reason in answer.json()["detail"]


def test_an_error_in_the_filter_is_told_before_one_in_a_layer(client: TestClient) -> None:
    detail = ask(client, filter="height > 3 AND casei(height) = 'x'").json()["detail"]
    assert "casei" in detail


def test_the_filter_is_described_with_its_language_and_crs(client: TestClient) -> None:
    inputs = client.get("/ogc/processes/impact").json()["inputs"]
    assert {"filter", "filter-lang", "filter-crs"} <= set(inputs)
    kinds = [s["type"] for s in inputs["filter"]["schema"]["oneOf"]]
    assert kinds == ["string", "object", "boolean"]
    assert {"cql2-text", "cql2-json"} <= set(inputs["filter-lang"]["schema"]["enum"])
    document = client.get("/ogc/api").json()
    validate(document)
    body = document["paths"][f"{IMPACT.removeprefix('/ogc')}"]["post"]["requestBody"]
    described = body["content"]["application/json"]["schema"]["properties"]["inputs"]
    assert set(described["properties"]) == set(inputs)
    assert described["required"] == ["geometry"]


def test_a_filter_survives_the_way_from_text_to_json(client: TestClient) -> None:
    text = "height BETWEEN 10 AND 30 AND (name LIKE 'house 1%' OR storeys IN (4, 5))"
    one, other = ask(client, filter=text), ask(client, filter=as_json(parse(text)))
    assert one.json()["houses"] == other.json()["houses"]
    assert sorted(one.json()["houses"]["ids"]) == items(client, filter=text)
