"""The abstract tests of OGC API Features Parts 1, 2, 4 and 5, by their identifiers, over every store."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import orjson
import pyarrow as pa
import pyogrio
import pyproj
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate
from starlette.testclient import TestClient
from store_support import STORES
from tests_support import HOUSES, SURVEY, houses

from api.app import create_app
from api.state import Twin, over
from twin.errors import FeatureNotFound
from twin.model import Delivery, Mode
from twin.settings import Settings
from twin.store import Store

COLLECTION = "/ogc/collections/houses"
ITEMS = f"{COLLECTION}/items"
EPSG = "http://www.opengis.net/def/crs/EPSG/0/"
GEOJSON = {"Content-Type": "application/geo+json"}
SQUARE = {"type": "Polygon", "coordinates": [[[116, 40], [116.1, 40], [116.1, 40.1], [116, 40.1], [116, 40]]]}


def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture(params=sorted(STORES))
def twin(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Twin]:
    store = STORES[request.param](tmp_path, now)
    store.write(HOUSES, [houses()], Delivery(source="survey", at=SURVEY))
    made = over(store, Settings(home=tmp_path, max_body_mb=4, max_limit=100))
    made.ready.set()
    yield made
    store.close()


@pytest.fixture
def client(twin: Twin, tmp_path: Path) -> Iterator[TestClient]:
    with TestClient(create_app(twin, static=tmp_path), raise_server_exceptions=False) as made:
        yield made


def ids(answer: Any) -> list[str]:
    return [f["id"] for f in answer["features"]]


def link(answer: Any, rel: str) -> str | None:
    return next((found["href"] for found in answer["links"] if found["rel"] == rel), None)


def feature(**more: Any) -> dict[str, Any]:
    return {"type": "Feature", "geometry": SQUARE, "properties": {"name": "新", "height": 9.5}, **more}


def send(client: TestClient, method: str, path: str, body: Any, **headers: str) -> Any:
    return client.request(method, path, content=json.dumps(body), headers={**GEOJSON, **headers})


# Part 1


def test_core_root_op_and_conformance_op(client: TestClient) -> None:
    """/conf/core/root-success, /conf/core/conformance-success."""
    landing = client.get("/ogc").json()
    assert {"self", "service-desc", "conformance", "data"} <= {found["rel"] for found in landing["links"]}
    for found in landing["links"]:
        assert client.get(found["href"]).status_code in (200, 404 if found["rel"] == "service-doc" else 200)
    classes = client.get("/ogc/conformance").json()["conformsTo"]
    assert "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/core" in classes
    assert set(client.get(COLLECTION).json()["conformsTo"]) <= set(classes)


def test_core_api_definition_success(client: TestClient) -> None:
    """/conf/core/api-definition-success: the document is valid and its operations answer."""
    document = client.get("/ogc/api").json()
    validate(document)
    operation = document["paths"][ITEMS.removeprefix("/ogc")]["get"]
    named = {p["name"] for p in operation["parameters"] if "name" in p}
    assert {"height", "storeys", "sortby", "properties"} <= named
    taken = named | {p["$ref"].rpartition("/")[2] for p in operation["parameters"] if "$ref" in p}
    refused = client.get(ITEMS, params={"nope": "1"}).json()["detail"]
    said = refused.partition("there are ")[2].split(", ")
    assert sorted(said) == sorted(taken)


def test_core_fc_op_limit_and_next(client: TestClient) -> None:
    """/conf/core/fc-limit-response, /conf/core/fc-links, /conf/core/fc-numberMatched, /conf/core/fc-numberReturned,
    /conf/core/fc-timeStamp.
    """
    seen, address = [], f"{ITEMS}?limit=10"
    while address:
        answer = client.get(address).json()
        assert answer["numberMatched"] == 25
        assert answer["numberReturned"] == len(answer["features"])
        assert answer["timeStamp"]
        assert link(answer, "self")
        seen += ids(answer)
        address = link(answer, "next") or ""
    assert seen == [f"H{n:03}" for n in range(25)]


@pytest.mark.parametrize("keys", ["-height", "name,-storeys", "valid_from", "-id", "-version,height"])
def test_paging_by_any_sortable_meets_every_row_once(client: TestClient, keys: str) -> None:
    seen, address = [], f"{ITEMS}?limit=4&properties=storeys&sortby={keys}"
    while address:
        answer = client.get(address).json()
        assert set(answer["features"][0]["properties"]) & {"name", "height"} == set()
        seen += ids(answer)
        address = link(answer, "next") or ""
    assert sorted(seen) == [f"H{n:03}" for n in range(25)]


@pytest.mark.parametrize("keys", ["id", "-height"])
def test_an_offset_passes_over_what_comes_before_it(client: TestClient, keys: str) -> None:
    whole = ids(client.get(ITEMS, params={"sortby": keys, "limit": 100}).json())
    for offset in (0, 1, 24, 25, 100_000):
        part = client.get(ITEMS, params={"sortby": keys, "limit": 3, "offset": offset}).json()
        assert ids(part) == whole[offset : offset + 3]
        assert part["numberMatched"] == 25
    begun = client.get(ITEMS, params={"sortby": keys, "limit": 3, "offset": 20}).json()
    assert ids(client.get(link(begun, "next") or "").json()) == whole[23:]
    for wrong in ("-1", "x", "100001", "1e3"):
        assert client.get(ITEMS, params={"offset": wrong}).status_code == 400


def test_core_fc_bbox_response_is_intersects(client: TestClient) -> None:
    """/conf/core/fc-bbox-response: a building that the edge cuts is an answer."""
    assert ids(client.get(ITEMS, params={"bbox": "116.4001,39.9001,116.40011,39.90011"}).json()) == ["H000"]


def test_core_fc_time_response(client: TestClient) -> None:
    """/conf/core/fc-time-response."""
    for text, count in (
        ("2025-06-30", 0),
        ("2025-07-01T00:00:00Z", 25),
        ("../2025-06-30", 0),
        ("2025-06-01/2025-07-02", 25),
        ("2025-08-01/..", 25),
        ("/2025-08-01", 25),
    ):
        assert client.get(ITEMS, params={"datetime": text}).json()["numberMatched"] == count, text


def test_core_f_links_and_etag(client: TestClient) -> None:
    """/conf/core/f-links; entity tags of items and of pages."""
    one = client.get(f"{ITEMS}/H003")
    assert {"self", "collection"} <= {found["rel"] for found in one.json()["links"]}
    page = client.get(ITEMS, headers={"Accept-Encoding": "identity"})
    again = client.get(ITEMS, headers={"If-None-Match": page.headers["etag"]})
    assert again.status_code == 304
    assert page.headers["cache-control"] == "no-cache"


def test_skipping_geometry_and_choosing_properties(client: TestClient) -> None:
    answer = client.get(ITEMS, params={"skipGeometry": "true", "properties": "name", "limit": 1}).json()
    assert answer["features"][0]["geometry"] is None
    assert "height" not in answer["features"][0]["properties"]
    assert client.get(ITEMS, params={"skipGeometry": "yes"}).status_code == 400


# Part 2


@pytest.mark.parametrize("code", [4326, 4490, 4548, 4527, 3857, 32650])
def test_crs_parameter_and_content_crs(client: TestClient, code: int) -> None:
    """/conf/crs/crs-parameter and the header Content-Crs: the axes are in the CRS's own order."""
    answer = client.get(f"{ITEMS}/H003", params={"crs": EPSG + str(code)})
    assert answer.headers["content-crs"] == f"<{EPSG}{code}>"
    lon, lat = client.get(f"{ITEMS}/H003").json()["geometry"]["coordinates"][0][0]
    wanted = pyproj.Transformer.from_crs("EPSG:4326", f"EPSG:{code}").transform(lat, lon)
    assert answer.json()["geometry"]["coordinates"][0][0] == pytest.approx(wanted, rel=1e-9)


@pytest.mark.parametrize("code", [4979, 7415, 4978, 5737])
def test_a_crs_whose_heights_we_cannot_give_is_refused(client: TestClient, code: int) -> None:
    answer = client.get(ITEMS, params={"crs": EPSG + str(code)})
    assert (answer.status_code, answer.json()["type"]) == (400, "/problems/unknown-crs")


@pytest.mark.parametrize("code", [4490, 4548, 3857])
def test_bbox_crs_gives_what_crs84_gives(client: TestClient, code: int) -> None:
    """/conf/crs/bbox-crs-parameter."""
    to = pyproj.Transformer.from_crs("EPSG:4326", f"EPSG:{code}")
    corners = [*to.transform(39.8999, 116.4005), *to.transform(39.9003, 116.4035)]
    params = {"bbox": ",".join(map(repr, corners)), "bbox-crs": EPSG + str(code)}
    assert ids(client.get(ITEMS, params=params).json()) == ["H001", "H002", "H003"]


def test_a_bbox_of_a_projected_crs_is_its_outline_not_the_box_around_it(client: TestClient) -> None:
    """/conf/crs/bbox-crs-parameter: a thin box leaves out what the box around it holds."""
    to = pyproj.Transformer.from_crs("EPSG:4326", "EPSG:4548")
    everything = client.get(ITEMS, params={"limit": 1000}).json()["features"]
    there = [one for one in everything if one["geometry"]]
    lat, lon = 39.9001, 116.4005
    north, east = to.transform(lat, lon)
    corners = (north, east, north + 0.5, east + 20_000)
    window = shapely.box(*corners)
    met = sorted(
        one["id"]
        for one in there
        if shapely.transform(
            shapely.from_geojson(orjson.dumps(one["geometry"])),
            lambda xy: np.column_stack(to.transform(xy[:, 1], xy[:, 0])),
        ).intersects(window)
    )
    params = {"bbox": ",".join(map(repr, corners)), "bbox-crs": EPSG + "4548", "limit": 1000}
    assert sorted(ids(client.get(ITEMS, params=params).json())) == met


# Part 4


def test_a_beginning_in_the_past_is_refused_for_what_is_known(client: TestClient) -> None:
    tag = client.get(f"{ITEMS}/H001").headers["etag"]
    merge = {"Content-Type": "application/merge-patch+json", "If-Match": tag}
    body = '{"properties":{"valid_from":"2005-01-01T00:00:00Z","storeys":4}}'
    answer = client.patch(f"{ITEMS}/H001", content=body, headers=merge)
    assert answer.status_code == 422
    assert "valid_from" in answer.json()["detail"]
    both = (
        '{"properties":{"valid_from":"2005-01-01T00:00:00Z","valid_to":"2006-01-01T00:00:00Z","storeys":4}}'
    )
    assert client.patch(f"{ITEMS}/H001", content=both, headers=merge).status_code == 204
    then = client.get(f"{ITEMS}/H001", params={"datetime": "2005-06-01T00:00:00Z"}).json()
    assert then["properties"]["storeys"] == 4


def test_post_put_patch_delete_are_versions(client: TestClient) -> None:
    """Part 4: each edit is a version, the past stays."""
    created = send(client, "POST", ITEMS, feature(id="新/1"))
    assert created.status_code == 201
    place = created.headers["location"]
    first = client.get(place)
    assert first.json()["properties"]["name"] == "新"
    replaced = feature(properties={"name": "two"})
    done = send(client, "PUT", place, replaced, **{"If-Match": first.headers["etag"]})
    assert done.status_code == 204
    second = client.get(place)
    assert second.json()["properties"]["height"] is None
    merge = {"Content-Type": "application/merge-patch+json", "If-Match": second.headers["etag"]}
    assert client.patch(place, content='{"properties":{"storeys":4}}', headers=merge).status_code == 204
    third = client.get(place)
    assert {k: third.json()["properties"][k] for k in ("name", "storeys")} == {"name": "two", "storeys": 4}
    assert third.json()["geometry"] == first.json()["geometry"]
    assert client.delete(place, headers={"If-Match": third.headers["etag"]}).status_code == 204
    assert client.get(place).status_code == 404
    past = client.get(f"{place}/versions").json()["features"]
    now_believed = [v for v in past if v["properties"]["recorded_to"] is None]
    assert [v["properties"]["name"] for v in now_believed] == ["新", "two", "two"]
    began = first.json()["properties"]["valid_from"]
    assert client.get(place, params={"datetime": began}).json()["properties"]["name"] == "新"


def test_optimistic_locking(client: TestClient) -> None:
    """Part 4, optimistic locking: 428 without, 412 when stale, none without an edit."""
    first = client.get(f"{ITEMS}/H001")
    for method in ("PUT", "PATCH", "DELETE"):
        kind = {"Content-Type": "application/merge-patch+json"} if method == "PATCH" else {}
        body = feature() if method != "PATCH" else {}
        assert send(client, method, f"{ITEMS}/H001", body, **kind).status_code == 428
        stale = send(client, method, f"{ITEMS}/H001", body, **kind, **{"If-Match": '"x"'})
        assert (stale.status_code, stale.json()["type"]) == (412, "/problems/stale-version")
    assert (
        send(client, "PUT", f"{ITEMS}/H001", feature(), **{"If-Match": first.headers["etag"]}).status_code
        == 204
    )
    late = send(client, "PUT", f"{ITEMS}/H001", feature(), **{"If-Match": first.headers["etag"]})
    assert late.status_code == 412
    other = client.get(f"{ITEMS}/H001", params={"crs": EPSG + "4490"})
    weak = send(client, "PUT", f"{ITEMS}/H001", feature(), **{"If-Match": "W/" + other.headers["etag"]})
    assert weak.status_code == 412
    assert (
        send(client, "PUT", f"{ITEMS}/H001", feature(), **{"If-Match": other.headers["etag"]}).status_code
        == 204
    )


def test_what_was_read_can_be_sent_back(client: TestClient) -> None:
    first = client.get(f"{ITEMS}/H002")
    done = send(client, "PUT", f"{ITEMS}/H002", first.json(), **{"If-Match": first.headers["etag"]})
    assert done.status_code == 204
    body = first.json()
    body["properties"]["source"] = "forged"
    refused = send(client, "PUT", f"{ITEMS}/H002", body, **{"If-Match": done.headers["etag"]})
    assert refused.status_code == 422
    assert "source" in refused.json()["detail"]


def test_a_collection_goes_in_whole_or_not_at_all(client: TestClient) -> None:
    """Part 4: atomic."""
    good = [feature(id=f"n{n}") for n in range(3)]
    bad = {"type": "FeatureCollection", "features": [*good, feature(id="n9", properties={"height": "tall"})]}
    refused = send(client, "POST", ITEMS, bad)
    assert refused.status_code == 422
    assert "feature 3" in refused.json()["detail"]
    assert "height" in refused.json()["detail"]
    taken = {"type": "FeatureCollection", "features": [*good, feature(id="H000")]}
    assert send(client, "POST", ITEMS, taken).status_code == 409
    twice = {"type": "FeatureCollection", "features": [*good, feature(id="n0")]}
    assert send(client, "POST", ITEMS, twice).status_code == 422
    assert client.get(ITEMS).json()["numberMatched"] == 25
    whole = {"type": "FeatureCollection", "features": good}
    assert send(client, "POST", ITEMS, whole).json() == {"ids": ["n0", "n1", "n2"]}
    assert client.get(ITEMS).json()["numberMatched"] == 28


@pytest.mark.parametrize("code", [4490, 4548])
def test_content_crs_of_what_is_sent(client: TestClient, code: int) -> None:
    """Positions come in the CRS's own axis order, to a tenth of a millimetre."""
    to = pyproj.Transformer.from_crs("EPSG:4326", f"EPSG:{code}")
    ring = [list(to.transform(lat, lon)) for lon, lat in SQUARE["coordinates"][0]]
    sent = feature(id="gk", geometry={"type": "Polygon", "coordinates": [ring]})
    assert send(client, "POST", ITEMS, sent, **{"Content-Crs": f"<{EPSG}{code}>"}).status_code == 201
    back = shapely.geometry.shape(client.get(f"{ITEMS}/gk").json()["geometry"])
    assert back.equals_exact(shapely.geometry.shape(SQUARE), 1e-9)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"properties": {"height": "tall"}}, "height"),
        ({"properties": {"storeys": 2.5}}, "storeys"),
        ({"properties": {"storeys": 2**70}}, "storeys"),
        ({"properties": {"colour": "red"}}, "colour"),
        ({"properties": {"valid_from": "2025-01-02", "valid_to": "2025-01-01"}}, "valid_to"),
        ({"properties": {"valid_from": "soon"}}, "valid_from"),
        ({"geometry": {"type": "Point", "coordinates": [116, 40]}}, "Polygon"),
        ({"id": "other"}, "id"),
        ({"colour": 1}, "colour"),
    ],
)
def test_what_does_not_fit_is_a_422_that_names_it(client: TestClient, change: Any, named: str) -> None:
    tag = client.get(f"{ITEMS}/H004").headers["etag"]
    answer = send(client, "PUT", f"{ITEMS}/H004", feature(**change), **{"If-Match": tag})
    assert answer.status_code == 422
    assert named in answer.json()["detail"]
    assert client.get(f"{ITEMS}/H004").headers["etag"] == tag


def test_options_say_what_is_allowed(client: TestClient) -> None:
    assert client.options(ITEMS).headers["allow"] == "GET, HEAD, OPTIONS, POST"
    found = client.options(f"{ITEMS}/H000").headers
    assert {"PUT", "PATCH", "DELETE"} <= set(found["allow"].split(", "))
    assert found["accept-patch"] == "application/merge-patch+json"


# Part 5


def test_schemas_are_schemas_and_items_obey_them(client: TestClient) -> None:
    """Schemas are schemas; what can be sorted and filtered by, is."""
    for name in ("schema", "queryables", "sortables"):
        answer = client.get(f"{COLLECTION}/{name}")
        assert answer.headers["content-type"] == "application/schema+json"
        Draft202012Validator.check_schema(answer.json())
        assert answer.json()["$id"].endswith(f"/{name}")
    properties = client.get(f"{COLLECTION}/schema").json()["properties"]
    roles = {said.get("x-ogc-role") for said in properties.values()}
    assert {"id", "primary-geometry", "primary-interval-start", "primary-interval-end"} <= roles
    returned = set(client.get(f"{ITEMS}/H000").json()["properties"])
    assert returned == set(properties) - {"id", "geom"}
    for name in client.get(f"{COLLECTION}/sortables").json()["properties"]:
        assert client.get(ITEMS, params={"sortby": name}).status_code == 200, name
    for name, said in client.get(f"{COLLECTION}/queryables").json()["properties"].items():
        value = {"integer": "1", "number": "1.5", "string": "2025-07-01T00:00:00Z"}.get(said.get("type"))
        if value is not None:
            assert client.get(ITEMS, params={name: value}).status_code == 200, name


# Versions


def test_mementos(client: TestClient) -> None:
    """RFC 7089 as the versioned-features proposal uses it."""
    tag = client.get(f"{ITEMS}/H005").headers["etag"]
    send(client, "PUT", f"{ITEMS}/H005", feature(), **{"If-Match": tag})
    plain = client.get(f"{ITEMS}/H005")
    assert "memento-datetime" not in plain.headers
    assert 'rel="timemap"' in plain.headers["link"]
    assert 'rel="original timegate"' in plain.headers["link"]
    then = client.get(f"{ITEMS}/H005", params={"datetime": "2025-08-01"})
    assert then.headers["memento-datetime"] == "Tue, 01 Jul 2025 00:00:00 GMT"
    assert 'rel="last next memento"' in then.headers["link"]
    asked = client.get(f"{ITEMS}/H005", headers={"Accept-Datetime": "Fri, 01 Aug 2025 00:00:00 GMT"})
    assert asked.json()["properties"]["name"] == "house 5"
    assert "Accept-Datetime" in asked.headers["vary"]
    assert client.get(asked.headers["content-location"]).json()["properties"]["name"] == "house 5"
    before = client.get(f"{ITEMS}/H005", headers={"Accept-Datetime": "Fri, 01 Aug 1999 00:00:00 GMT"})
    assert before.headers["memento-datetime"] == "Tue, 01 Jul 2025 00:00:00 GMT"
    assert client.get(f"{ITEMS}/H005", headers={"Accept-Datetime": "yesterday"}).status_code == 400
    timemap = client.get(f"{ITEMS}/H005/versions", params={"f": "link"})
    assert timemap.headers["content-type"].startswith("application/link-format")
    assert timemap.text.count("memento") == 2
    for version in client.get(f"{ITEMS}/H005/versions").json()["features"]:
        held = client.get(version["links"][0]["href"])
        assert held.status_code == 200
        assert held.json()["properties"]["name"] == version["properties"]["name"]


# Formats


def test_every_format_has_the_same_rows_for_a_stranger(client: TestClient, tmp_path: Path) -> None:
    wanted = client.get(ITEMS, params={"limit": 25}).json()
    shapes = [shapely.geometry.shape(f["geometry"]) for f in wanted["features"]]
    names = [f["properties"]["name"] for f in wanted["features"]]
    for form in ("fgb", "parquet"):
        answer = client.get(ITEMS, params={"limit": 25, "f": form, "crs": EPSG + "4490"})
        path = tmp_path / f"items.{form}"
        path.write_bytes(answer.content)
        found = geopandas.read_parquet(path) if form == "parquet" else pyogrio.read_dataframe(path)
        found = found.sort_values("id")
        assert found["name"].tolist() == names
        assert found.crs.to_epsg() == 4490
        assert shapely.equals_exact(found.geometry.to_numpy(), shapes, 1e-9).all(), form
        assert answer.headers["ogc-numbermatched"] == "25"
    table = pa.ipc.open_stream(client.get(ITEMS, params={"limit": 25, "f": "arrow"}).content).read_all()
    assert table["name"].to_pylist() == names
    assert shapely.equals_exact(shapely.from_wkb(table["geometry"].to_pylist()), shapes, 0).all()
    lines = client.get(ITEMS, params={"limit": 25, "f": "geojsonseq"}).content.split(b"\x1e")[1:]
    assert [json.loads(line)["properties"]["name"] for line in lines] == names
    text = client.get(ITEMS, params={"limit": 25, "f": "csv"}).text
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [r["name"] for r in rows] == names
    assert [shapely.from_wkt(r["geometry"]) for r in rows] == shapes


def test_a_stream_is_longer_than_a_page_and_its_pieces_hold_together(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    from api.ogc import features

    monkeypatch.setattr(features, "AT_ONCE", 4)
    for form in ("csv", "geojsonseq"):
        answer = client.get(ITEMS, params={"limit": 1000, "f": form})
        assert answer.headers["ogc-numberreturned"] == "25"
        assert answer.content.count(b"\n") == 25 + (form == "csv")
    some = client.get(ITEMS, params={"limit": 10, "f": "csv", "sortby": "-height", "properties": "name"})
    assert [line.split(",")[0] for line in some.text.splitlines()[1:]] == [
        f'"H{n:03}"' for n in range(24, 14, -1)
    ]


def test_texts_that_formulas_and_quotes_are_come_back_as_they_were(client: TestClient) -> None:
    hostile = '=1+1,"x"\r\n@SUM(A1)'
    send(client, "POST", ITEMS, feature(id="h", properties={"name": hostile}))
    rows = list(
        csv.DictReader(io.StringIO(client.get(ITEMS, params={"id": "h", "f": "csv"}).text, newline=""))
    )
    assert rows[0]["name"] == hostile


PAGES = ("", "/collections", "/collections/houses", "/collections/houses/items", "/collections/houses/items/x1",
         "/collections/houses/items/x1/versions", "/collections/houses/schema", "/collections/houses/queryables",
         "/collections/houses/sortables", "/conformance", "/processes")  # fmt: skip


@pytest.mark.parametrize("page", PAGES)
def test_pages_are_in_two_languages_and_escape_what_is_hostile(client: TestClient, page: str) -> None:
    send(client, "POST", ITEMS, feature(id="x1", properties={"name": "<script>alert('x')</script>"}))
    for lang, word in (("zh", "图层"), ("en", "Layers")):
        answer = client.get(f"/ogc{page}", headers={"Accept": "text/html", "Accept-Language": lang})
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/html")
        assert word in answer.text
        assert "<script" not in answer.text
        outside = [a for a in answer.text.split('src="')[1:] if a.startswith("http")]
        assert not outside
    assert client.get(f"/ogc{page}", params={"f": "html", "lang": "fr"}).status_code == 400


# Paging while somebody writes


@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    edits=st.lists(
        st.tuples(st.sampled_from(["add", "change", "end"]), st.integers(0, 40)), min_size=1, max_size=6
    ),
    limit=st.integers(3, 9),
    key=st.sampled_from(["id", "-height", "name", "-version"]),
)
@pytest.mark.parametrize("name", sorted(STORES))
def test_pages_neither_repeat_nor_miss_while_somebody_writes(
    name: str, edits: list[tuple[str, int]], limit: int, key: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("paging")
    store = STORES[name](folder, now)
    try:
        store.write(HOUSES, [houses()], Delivery(source="survey", at=SURVEY))
        served = over(store, Settings(home=folder))
        client = TestClient(create_app(served, static=folder))
        before = ids(client.get(ITEMS, params={"limit": 100, "sortby": key}).json())
        left, seen, address = list(edits), [], f"{ITEMS}?limit={limit}&sortby={key}"
        while address:
            answer = client.get(address).json()
            assert answer["numberMatched"] == 25
            seen += ids(answer)
            address = link(answer, "next") or ""
            if left:
                written(store, *left.pop())
        assert seen == before
    finally:
        store.close()


def written(store: Store, what: str, number: int) -> None:
    if what == "end":
        with suppress(FeatureNotFound):  # it may be gone already
            store.remove("houses", [f"H{number:03}"], Delivery(source="posted"))
    else:
        store.write(HOUSES, [houses([what], first=number)], Delivery(source="survey", mode=Mode.UPSERT))
