"""Items: what a query string asks is what comes back, and nothing else is."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
import shapely
from starlette.testclient import TestClient
from tests_support import HOUSES, houses

from api.state import Twin
from twin.model import Delivery

ITEMS = "/ogc/collections/houses/items"


def ids(answer: dict) -> list[str]:
    return [f["id"] for f in answer["features"]]


def test_a_bbox_gives_what_it_touches_and_the_exact_count(client: TestClient) -> None:
    answer = client.get(ITEMS, params={"bbox": "116.4001,39.9,116.4021,39.901", "limit": 2}).json()
    assert answer["numberMatched"] == 3
    assert ids(answer) == ["H000", "H001"]


def test_following_next_meets_every_row_once(client: TestClient) -> None:
    seen, address = [], f"{ITEMS}?limit=7&sortby=-height"
    while address:
        answer = client.get(address).json()
        seen += ids(answer)
        address = next((link["href"] for link in answer["links"] if link["rel"] == "next"), None)
    assert seen == [f"H{i:03}" for i in reversed(range(25))]


def test_pages_do_not_move_while_somebody_writes(client: TestClient, twin: Twin) -> None:
    first = client.get(ITEMS, params={"limit": 20}).json()
    batch = houses(["new"], first=3)
    twin.store.write(HOUSES, [batch], Delivery(source="survey", mode="upsert"))
    following = next(link["href"] for link in first["links"] if link["rel"] == "next")
    second = client.get(following).json()
    assert ids(first) + ids(second) == [f"H{i:03}" for i in range(25)]
    assert second["numberMatched"] == 25


def test_epsg_4490_comes_latitude_first_and_says_so(client: TestClient) -> None:
    uri = "http://www.opengis.net/def/crs/EPSG/0/4490"
    answer = client.get(ITEMS, params={"crs": uri, "limit": 1})
    assert answer.headers["content-crs"] == f"<{uri}>"
    y, x = answer.json()["features"][0]["geometry"]["coordinates"][0][0]
    assert (round(y), round(x)) == (40, 116)


def test_gauss_kruger_comes_northing_first_and_agrees_with_proj(client: TestClient) -> None:
    import pyproj

    uri = "http://www.opengis.net/def/crs/EPSG/0/4548"
    answer = client.get(f"{ITEMS}/H000", params={"crs": uri}).json()
    plain = client.get(f"{ITEMS}/H000").json()
    to = pyproj.Transformer.from_crs("EPSG:4490", "EPSG:4548")
    lon, lat = plain["geometry"]["coordinates"][0][0]
    assert answer["geometry"]["coordinates"][0][0] == pytest.approx(to.transform(lat, lon), abs=1e-4)


def test_a_bbox_may_come_in_another_crs(client: TestClient) -> None:
    params = {
        "bbox": "39.9,116.4001,39.901,116.4021",
        "bbox-crs": "http://www.opengis.net/def/crs/EPSG/0/4490",
    }
    assert client.get(ITEMS, params=params).json()["numberMatched"] == 3


def test_a_bbox_with_heights_is_taken(client: TestClient) -> None:
    assert client.get(ITEMS, params={"bbox": "116,39,-100,117,40,9000"}).json()["numberMatched"] == 25


def test_a_bbox_across_the_antimeridian_is_no_error(client: TestClient) -> None:
    assert client.get(ITEMS, params={"bbox": "170,0,-170,5"}).json()["numberMatched"] == 0


def test_a_property_filters(client: TestClient) -> None:
    assert ids(client.get(ITEMS, params={"storeys": "4"}).json()) == ["H003"]


def test_a_hostile_value_is_only_a_value(client: TestClient) -> None:
    assert client.get(ITEMS, params={"name": "x'; DROP TABLE houses --"}).json()["numberMatched"] == 0
    assert client.get(ITEMS).json()["numberMatched"] == 25


def test_datetime_selects_what_was_valid_and_known_what_was_believed(client: TestClient, twin: Twin) -> None:
    believed = datetime.now(UTC)
    twin.store.write(
        HOUSES, [houses(["changed"])], Delivery(source="survey", at=datetime(2025, 9, 1, tzinfo=UTC))
    )
    assert client.get(ITEMS).json()["numberMatched"] == 1
    assert client.get(ITEMS, params={"datetime": "2025-08-01"}).json()["numberMatched"] == 25
    assert client.get(ITEMS, params={"datetime": "2025-06-01"}).json()["numberMatched"] == 0
    assert client.get(ITEMS, params={"known": believed.isoformat()}).json()["numberMatched"] == 25
    assert client.get(ITEMS, params={"datetime": "2020-01-01/2025-08-01"}).json()["numberMatched"] == 25
    assert client.get(ITEMS, params={"datetime": "../.."}).status_code == 200


def test_properties_narrow_the_answer(client: TestClient) -> None:
    feature = client.get(ITEMS, params={"properties": "height", "limit": 1}).json()["features"][0]
    assert "height" in feature["properties"]
    assert "name" not in feature["properties"]


def test_an_item_has_an_etag_and_gives_304(client: TestClient) -> None:
    first = client.get(f"{ITEMS}/H001")
    again = client.get(f"{ITEMS}/H001", headers={"If-None-Match": first.headers["etag"]})
    assert (first.status_code, again.status_code, again.content) == (200, 304, b"")
    assert client.get(f"{ITEMS}/H001", headers={"If-None-Match": '"x"'}).status_code == 200


def test_versions_tell_the_history(client: TestClient, twin: Twin) -> None:
    twin.store.write(HOUSES, [houses(["changed"])], Delivery(source="survey", mode="upsert"))
    found = client.get(f"{ITEMS}/H000/versions").json()["features"]
    assert {v["properties"]["name"] for v in found} == {"house 0", "changed"}


BAD = [
    ({"bbox": "1,2,3"}, "invalid-parameter"),
    ({"bbox": "1,2,3,4,5"}, "invalid-parameter"),
    ({"bbox": "a,b,c,d"}, "invalid-parameter"),
    ({"bbox": "nan,0,1,1"}, "invalid-parameter"),
    ({"bbox": "0,0,inf,1"}, "invalid-parameter"),
    ({"bbox": "0,10,1,5"}, "invalid-parameter"),
    ({"limit": "0"}, "invalid-parameter"),
    ({"limit": "-1"}, "invalid-parameter"),
    ({"limit": "abc"}, "invalid-parameter"),
    ({"limit": "1e9"}, "invalid-parameter"),
    ({"offset": "-1"}, "invalid-parameter"),
    ({"page": "AAAA"}, "invalid-parameter"),
    ({"datetime": "2020-13-40"}, "invalid-parameter"),
    ({"datetime": "2021-01-01/2020-01-01"}, "invalid-parameter"),
    ({"foo": "1"}, "unknown-parameter"),
    ({"Limit": "1"}, "unknown-parameter"),
    ({"f": "exe"}, "invalid-parameter"),
    ({"f": "json\r\nX-Evil:1"}, "invalid-parameter"),
    ({"crs": "EPSG:4326';--"}, "unknown-crs"),
    ({"crs": "http://www.opengis.net/def/crs/EPSG/0/999999"}, "unknown-crs"),
    ({"bbox": "0,0,1,1", "bbox-crs": "http://127.0.0.1:9/x"}, "unknown-crs"),
    ({"sortby": "nope"}, "unknown-property"),
    ({"sortby": "height;drop"}, "unknown-property"),
    ({"properties": "nope"}, "unknown-property"),
    ({"height": "tall"}, "invalid-parameter"),
]


@pytest.mark.parametrize(("params", "slug"), BAD)
def test_a_wrong_parameter_is_a_400_that_names_it(client: TestClient, params: dict, slug: str) -> None:
    answer = client.get(ITEMS, params=params)
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == f"/problems/{slug}"
    assert "x-evil" not in answer.headers
    assert client.get("/healthz").status_code == 200


def test_a_parameter_twice_is_a_400(client: TestClient) -> None:
    assert client.get(f"{ITEMS}?limit=1&limit=2").status_code == 400


def test_a_limit_above_the_most_is_lowered_with_a_next_link(client: TestClient, twin: Twin) -> None:
    more = [houses([f"n{i}" for i in range(100)], first=25)]
    twin.store.write(HOUSES, more, Delivery(source="survey", mode="append"))
    answer = client.get(ITEMS, params={"limit": 1_000_000_000}).json()
    assert answer["numberReturned"] == 100
    assert any(link["rel"] == "next" for link in answer["links"])


def test_a_page_changed_by_a_character_or_of_another_query_is_refused(client: TestClient) -> None:
    links = client.get(ITEMS, params={"limit": 2}).json()["links"]
    following = next(link["href"] for link in links if link["rel"] == "next")
    token = following.split("page=")[1]
    changed = token[:-3] + ("A" if token[-3] != "A" else "B") + token[-2:]
    assert client.get(ITEMS, params={"limit": 2, "page": changed}).status_code == 400
    assert client.get(ITEMS, params={"limit": 2, "page": token, "storeys": "4"}).status_code == 400


def test_what_is_not_there_is_a_404(client: TestClient) -> None:
    for path in ("/ogc/collections/nope/items", f"{ITEMS}/nope", "/ogc/collections/nope", "/nope"):
        assert client.get(path).status_code == 404
    assert client.get(f"{ITEMS}/%00").status_code in (400, 404)
    assert client.get(f"{ITEMS}/{'x' * 10_000}").status_code in (404, 414)


def test_a_media_type_that_nobody_makes_is_a_406(client: TestClient) -> None:
    assert client.get(ITEMS, headers={"Accept": "application/x-nonsense"}).status_code == 406


def test_too_long_an_address_or_head_is_refused_before_anything_else(client: TestClient) -> None:
    assert client.get(f"{ITEMS}?x={'a' * 60_000}").status_code == 414
    assert client.get(ITEMS, headers={"X-Long": "a" * 40_000}).status_code == 431
    assert client.get(ITEMS, headers={f"X-{i}": "1" for i in range(1000)}).status_code == 431


def test_another_host_is_not_answered(client: TestClient) -> None:
    assert client.get(ITEMS, headers={"Host": "evil.example"}).status_code == 400


def test_methods_that_are_not_offered_say_so(client: TestClient) -> None:
    assert client.request("TRACE", ITEMS).status_code == 405
    refused = client.patch(ITEMS)
    assert refused.status_code == 405
    assert "GET" in refused.headers["allow"]
    assert client.head(ITEMS).status_code == 200
    assert client.head(ITEMS).content == b""
    assert client.options(ITEMS).status_code == 200


def test_collections_tell_extent_and_crs(client: TestClient) -> None:
    found = client.get("/ogc/collections/houses").json()
    assert found["extent"]["spatial"]["bbox"][0] == pytest.approx([116.4, 39.9, 116.4242, 39.9002])
    assert found["storageCrs"] in found["crs"]
    schema = client.get("/ogc/collections/houses/schema").json()
    assert schema["properties"]["geom"]["format"] == "geometry-polygon"
    assert schema["properties"]["height"]["x-ogc-unit"] == "m"


def test_geometry_is_what_was_written(client: TestClient) -> None:
    found = client.get(f"{ITEMS}/H000").json()
    assert shapely.geometry.shape(found["geometry"]).equals_exact(
        shapely.box(116.4, 39.9, 116.4002, 39.9002), 1e-12
    )
