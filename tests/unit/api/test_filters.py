"""The filter parameters of items: what is asked is what is selected, and hostile text is an answer or a 400."""

from __future__ import annotations

import json

import pytest
from starlette.testclient import TestClient

ITEMS = "/ogc/collections/houses/items"
EPSG = "http://www.opengis.net/def/crs/EPSG/0/"


def ids(answer: dict) -> list[str]:
    return [f["id"] for f in answer["features"]]


def ask(client: TestClient, text: str, **more: str) -> dict:
    answer = client.get(ITEMS, params={"filter": text, "limit": "100", **more})
    assert answer.status_code == 200, answer.text
    return answer.json()


def refused(client: TestClient, text: str, **more: str) -> dict:
    answer = client.get(ITEMS, params={"filter": text, **more})
    assert answer.status_code == 400, answer.text
    return answer.json()


def test_a_filter_selects_and_is_counted(client: TestClient) -> None:
    answer = ask(client, "height > 10 AND storeys < 6")
    assert ids(answer) == ["H003", "H004"]
    assert answer["numberMatched"] == 2


def test_filter_bbox_and_parameters_are_all_so(client: TestClient) -> None:
    answer = ask(client, "storeys IN (1, 2, 3)", bbox="116.4005,39.9,116.41,39.901", name="house 2")
    assert ids(answer) == ["H002"]


def test_json_says_the_same_as_text(client: TestClient) -> None:
    node = {"op": "between", "args": [{"property": "storeys"}, 4, 5]}
    answer = ask(client, json.dumps(node), **{"filter-lang": "cql2-json"})
    assert ids(answer) == ids(ask(client, "storeys BETWEEN 4 AND 5")) == ["H003", "H004"]


def test_a_geometry_in_another_crs_has_that_crs_axes(client: TestClient) -> None:
    text = "S_INTERSECTS(geom, POINT({} {}))"
    assert ids(ask(client, text.format(116.4001, 39.9001))) == ["H000"]
    assert ids(ask(client, text.format(39.9001, 116.4001), **{"filter-crs": f"{EPSG}4326"})) == ["H000"]
    assert ids(
        ask(client, "S_INTERSECTS(geom, BBOX(39.9,116.4,39.91,116.4011))", **{"filter-crs": f"{EPSG}4490"})
    ) == [
        "H000",
        "H001",
    ]
    assert "outside the world" in refused(client, text.format(39.9, 116.4))["detail"]


def test_pages_belong_to_their_filter(client: TestClient) -> None:
    first = client.get(ITEMS, params={"filter": "height > 30", "limit": 5}).json()
    following = next(link["href"] for link in first["links"] if link["rel"] == "next")
    assert ids(client.get(following).json()) == [f"H{i:03}" for i in range(15, 20)]
    page = following.split("page=")[1].split("&")[0]
    assert client.get(f"{ITEMS}?filter=height%20%3E%2060&limit=5&page={page}").status_code == 400


@pytest.mark.parametrize(
    "text", ["name=''' OR 1=1 --'", "name='x; DROP TABLE buildings'", r"name LIKE '100\%%'", "name='100%_'"]
)
def test_text_is_only_text(client: TestClient, text: str) -> None:
    assert ask(client, text)["numberMatched"] == 0
    assert ask(client, "TRUE")["numberMatched"] == 25


@pytest.mark.parametrize(
    ("text", "slug", "says"),
    [
        ("nope=1", "unknown-property", "height"),
        ("nope(height)=1", "invalid-filter", "nope"),
        ("height='abc'", "invalid-filter", "number"),
        ("height LIKE 'a%'", "invalid-filter", "like"),
        ("S_INTERSECTS(geom,POLYGON((0 0,1", "invalid-filter", "parenthesis"),
        ("S_INTERSECTS(geom,POLYGON((0 0,1 0,1 1,0 1)))", "invalid-filter", "WKT"),
        ("S_INTERSECTS(geom,POLYGON((0 0,1 1,1 0,0 1,0 0)))", "invalid-filter", "Self-intersection"),
        ("S_INTERSECTS(geom,POINT(nan 0))", "invalid-filter", "finite"),
        ("height > 1e999", "invalid-filter", "finite"),
        ("name = 'a\x00b'", "invalid-filter", "U+0000"),
        ("", "invalid-filter", "the end"),
        ("height > 1 --", "invalid-filter", "the end"),
        ("height > 1; DROP", "invalid-filter", "character 11"),
        ("name = 'unfinished", "invalid-filter", "character 8"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said(client: TestClient, text: str, slug: str, says: str) -> None:
    problem = refused(client, text)
    assert slug in problem["type"]
    assert says in problem["detail"]


@pytest.mark.parametrize(
    ("text", "lang"),
    [
        ("(" * 300 + "height>1" + ")" * 300, "cql2-text"),
        ("NOT " * 500 + "height>1", "cql2-text"),
        ('{"op":"not","args":[' * 120 + '{"property":"height"}' + "]}" * 120, "cql2-json"),
    ],
)
def test_what_is_too_deep_is_refused_and_the_server_lives(client: TestClient, text: str, lang: str) -> None:
    assert "depth" in refused(client, text, **{"filter-lang": lang})["detail"]
    assert ask(client, "NOT (NOT (height>1))")["numberMatched"] == 25


def test_what_is_too_long_for_an_address_is_refused(client: TestClient) -> None:
    assert client.get(ITEMS, params={"filter": " OR ".join(["height>1"] * 2000)}).status_code == 414


@pytest.mark.parametrize("value", ["http://127.0.0.1:9/x", "EPSG:4326';--", f"{EPSG}999999", "nonsense"])
def test_an_unknown_filter_crs_is_refused(client: TestClient, value: str) -> None:
    problem = refused(client, "height>1", **{"filter-crs": value})
    assert "unknown-crs" in problem["type"]


def test_an_unknown_language_is_refused(client: TestClient) -> None:
    assert "cql2-json" in refused(client, "height>1", **{"filter-lang": "cql2-xml"})["detail"]


def test_functions_are_listed_with_their_types(client: TestClient) -> None:
    listed = {f["name"]: f for f in client.get("/ogc/functions").json()["functions"]}
    assert listed["casei"]["arguments"] == [{"type": ["string"]}]
    assert listed["year"] == {**listed["year"], "arguments": [{"type": ["datetime"]}], "returns": ["number"]}
