"""The abstract tests of OGC API Features Parts 1 to 5 over every store, by identifiers that the other file lacks.

The server of a store is made once: what is read is never edited, what is edited is a layer of its own.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyproj
import pytest
import shapely
from jsonschema import Draft202012Validator
from starlette.testclient import TestClient
from store_support import STORES
from tests_support import HOUSES, ROWS, SURVEY, houses

from api.app import create_app
from api.ogc import conformance
from api.state import over
from twin.model import Delivery, Layer, Titles
from twin.settings import Settings

COLLECTION = "/ogc/collections/houses"
ITEMS = f"{COLLECTION}/items"
SHEDS = "/ogc/collections/sheds/items"
EPSG = "http://www.opengis.net/def/crs/EPSG/0/"
CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
REL = "http://www.opengis.net/def/rel/ogc/1.0/"
GEOJSON = {"Content-Type": "application/geo+json"}
MERGE = {"Content-Type": "application/merge-patch+json"}
SQUARE = {"type": "Polygon", "coordinates": [[[116, 40], [116.1, 40], [116.1, 40.1], [116, 40.1], [116, 40]]]}
FORMS = ("point", "multipoint", "linestring", "multilinestring", "polygon", "multipolygon", "any")


def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture(scope="module", params=sorted(STORES))
def client(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    folder = tmp_path_factory.mktemp("doors")
    store = STORES[request.param](folder, now)
    sheds = Layer(
        id="sheds",
        kind="features",
        title=Titles(zh="棚", en="Sheds"),
        geometry="Polygon",
        columns=HOUSES.columns,
    )
    for layer in (HOUSES, sheds):
        store.write(layer, [houses()], Delivery(source="survey", at=SURVEY))
    twin = over(store, Settings(home=folder))
    twin.ready.set()
    with TestClient(create_app(twin, static=Path(folder)), raise_server_exceptions=False) as made:
        yield made
    store.close()


def ids(answer: Any) -> list[str]:
    return [f["id"] for f in answer.json()["features"]]


def linked(document: Any, rel: str) -> list[dict[str, Any]]:
    return [one for one in document["links"] if one["rel"] == rel]


def feature(**more: Any) -> dict[str, Any]:
    return {"type": "Feature", "geometry": SQUARE, "properties": {"name": "棚", "height": 9.5}, **more}


def operation(document: dict[str, Any]) -> dict[str, Any]:
    """How the description says that houses are asked for."""
    base = document["servers"][0]["url"].rpartition("/ogc")[1] if document.get("servers") else ""
    return dict(document["paths"][ITEMS.removeprefix(base)]["get"])


def made(client: TestClient, **more: Any) -> str:
    """The address of a new shed."""
    answer = client.post(SHEDS, content=json.dumps(feature(**more)), headers=GEOJSON)
    assert answer.status_code == 201, answer.text
    return str(answer.headers["location"])


# Part 1 (17-069r4)


def test_core_documents(client: TestClient) -> None:
    """/conf/core/root-op, /conf/core/api-definition-op, /conf/core/conformance-op, /conf/core/fc-md-op,
    /conf/core/http.
    """
    for path in ("", "/conformance", "/collections", "/api"):
        assert client.get(f"/ogc{path}", headers={"Accept": "application/json"}).status_code in (200, 406)
        assert client.get(f"/ogc{path}").status_code == 200
    assert client.get("/ogc/nowhere").status_code == 404
    assert client.delete("/ogc/conformance").status_code == 405


def test_core_collections(client: TestClient) -> None:
    """/conf/core/fc-md-success, /conf/core/fc-md-links, /conf/core/fc-md-items, /conf/core/fc-md-items-links,
    /conf/core/fc-md-extent, /conf/core/sfc-md-op, /conf/core/sfc-md-success.
    """
    listed = client.get("/ogc/collections").json()
    assert linked(listed, "self")
    assert linked(listed, "alternate")
    for one in listed["collections"]:
        for item in linked(one, "items"):
            assert item["type"]
            assert client.get(item["href"], headers={"Accept": item["type"]}).status_code == 200
        alone = client.get(f"/ogc/collections/{one['id']}").json()
        for name in ("id", "title", "itemType", "extent", "crs", "storageCrs"):
            assert alone[name] == one[name]
        west, south, east, north = one["extent"]["spatial"]["bbox"][0]
        assert west <= east
        assert south <= north
        assert len(one["extent"]["temporal"]["interval"][0]) == 2
    assert client.get("/ogc/collections/nobody").status_code == 404


def test_core_features(client: TestClient) -> None:
    """/conf/core/fc-op, /conf/core/fc-response, /conf/core/f-op, /conf/core/f-success, /conf/core/crs84,
    /conf/geojson/definition, /conf/geojson/content.
    """
    answer = client.get(ITEMS, headers={"Accept": "application/geo+json"})
    assert answer.headers["content-type"] == "application/geo+json"
    assert answer.json()["type"] == "FeatureCollection"
    west, south, east, north = client.get(COLLECTION).json()["extent"]["spatial"]["bbox"][0]
    for one in answer.json()["features"]:
        alone = client.get(f"{ITEMS}/{one['id']}")
        assert alone.headers["content-type"] == "application/geo+json"
        assert (alone.json()["type"], alone.json()["id"]) == ("Feature", one["id"])
        assert alone.json()["geometry"] == one["geometry"]
        shape = shapely.geometry.shape(one["geometry"])
        assert shape.within(shapely.box(west, south, east, north).buffer(1e-9))


def test_core_parameters_are_described(client: TestClient) -> None:
    """/conf/core/fc-bbox-definition, /conf/core/fc-limit-definition, /conf/core/fc-time-definition."""
    document = client.get("/ogc/api").json()
    named = [p.get("$ref", "") for p in operation(document)["parameters"]]
    shared = {p["name"]: p for p in document["components"]["parameters"].values()}
    for name in ("bbox", "limit", "datetime"):
        assert f"#/components/parameters/{name}" in named
        assert (shared[name]["in"], shared[name].get("required", False)) == ("query", False)
        assert shared[name].get("explode", False) is False or name != "bbox"
    assert shared["limit"]["schema"]["minimum"] == 1
    assert shared["limit"]["schema"]["default"] == 10


@pytest.mark.parametrize(
    "params", [{"nope": "1"}, {"Bbox": "1,2,3,4"}, {"limit": "0"}, {"bbox": "1,2"}, {"datetime": "yesterday"}]
)
def test_core_wrong_parameters(client: TestClient, params: dict[str, str]) -> None:
    """/conf/core/query-param-unknown, /conf/core/query-param-invalid."""
    answer = client.get(ITEMS, params=params)
    assert answer.status_code == 400
    assert next(iter(params)).lower() in answer.json()["detail"].lower()


def test_html(client: TestClient) -> None:
    """/conf/html/definition, /conf/html/content."""
    for path in ("/ogc", COLLECTION, ITEMS, f"{ITEMS}/H003"):
        answer = client.get(path, headers={"Accept": "text/html"})
        assert answer.headers["content-type"].startswith("text/html")
        assert answer.text.lstrip().lower().startswith("<!doctype html")
    assert "house 3" in client.get(f"{ITEMS}/H003", headers={"Accept": "text/html"}).text


# Part 2 (18-058r1)


def test_crs_lists(client: TestClient) -> None:
    """/conf/crs/crs-uri, /conf/crs/default-crs, /conf/crs/storageCrs."""
    for one in client.get("/ogc/collections").json()["collections"]:
        assert CRS84 in one["crs"]
        assert one["storageCrs"] in one["crs"]
        for uri in one["crs"]:
            pyproj.CRS.from_user_input(uri)
    assert client.get(ITEMS).headers["content-crs"] == f"<{CRS84}>"


@pytest.mark.parametrize("name", ["crs", "bbox-crs", "filter-crs"])
def test_crs_invalid(client: TestClient, name: str) -> None:
    """/conf/crs/crs-parameter-invalid, /conf/crs/bbox-crs-parameter-invalid."""
    params = {"bbox": "116,39,117,40", name: "http://www.opengis.net/def/crs/OGC/0/does_not_exist"}
    assert client.get(ITEMS, params=params).status_code == 400


def test_crs_default(client: TestClient) -> None:
    """/conf/crs/crs-parameter-default, /conf/crs/bbox-crs-parameter-default, /conf/crs/crs-parameter-transform."""
    params = {"bbox": "116.3999,39.8999,116.4025,39.9003"}
    plain = client.get(ITEMS, params=params)
    said = client.get(ITEMS, params={**params, "crs": CRS84, "bbox-crs": CRS84})
    assert [f["geometry"] for f in plain.json()["features"]] == [
        f["geometry"] for f in said.json()["features"]
    ]
    assert ids(plain) == ["H000", "H001", "H002"]
    for uri in client.get(COLLECTION).json()["crs"]:
        answer = client.get(ITEMS, params={"crs": uri, "limit": 2})
        assert answer.headers["content-crs"] == f"<{uri}>"


# Part 3 (19-079r2)

SPATIAL = "S_INTERSECTS(geom,BBOX({},{},{},{}))"


def test_filter_resources(client: TestClient) -> None:
    """/conf/filter/get-conformance, /conf/filter/get-collections, /conf/filter/get-queryables,
    /conf/filter/get-collection, /conf/filter/get-functions, /conf/features-filter/get-conformance.
    """
    said = client.get("/ogc/conformance").json()["conformsTo"]
    for name in ("queryables", "queryables-query-parameters", "filter", "features-filter"):
        assert f"http://www.opengis.net/spec/ogcapi-features-3/1.0/conf/{name}" in said
    for one in client.get("/ogc/collections").json()["collections"]:
        (to,) = linked(one, f"{REL}queryables")
        answer = client.get(to["href"], headers={"Accept": "application/schema+json"})
        assert answer.headers["content-type"] == "application/schema+json"
        assert answer.json()["$id"] == to["href"]
        assert answer.json()["type"] == "object"
        assert answer.json()["properties"]
    for one in client.get("/ogc/functions").json()["functions"]:
        assert one["name"]
        assert one["returns"]


@pytest.mark.parametrize("more", [{}, {"filter-lang": "cql2-text"}])
def test_filter_param(client: TestClient, more: dict[str, str]) -> None:
    """/conf/filter/filter-param, /conf/filter/filter-lang-default, /conf/filter/expression-construction,
    /conf/features-filter/filter-on-items.
    """
    assert client.get(ITEMS).json()["numberMatched"] == ROWS
    for name in client.get(f"{COLLECTION}/queryables").json()["properties"]:
        found = [
            client.get(ITEMS, params={"filter": f'"{name}" IS {no}NULL', **more}).json()["numberMatched"]
            for no in ("", "NOT ")
        ]
        assert sum(found) == ROWS, name
    for wrong in ("THIS IS NOT A FILTER", "this_is_not_a_queryable IS NULL"):
        assert client.get(ITEMS, params={"filter": wrong, **more}).status_code == 400


def test_filter_crs(client: TestClient) -> None:
    """/conf/filter/filter-crs-wgs84, /conf/filter/filter-crs-param, /conf/filter/mixing-expression."""
    found = client.get(COLLECTION).json()
    west, south, east, north = found["extent"]["spatial"]["bbox"][0]
    whole = SPATIAL.format(west, south, east, north)
    assert client.get(ITEMS, params={"filter": whole}).json()["numberMatched"] == ROWS
    far = SPATIAL.format(1_000_000, 1_000_000, 2_000_000, 2_000_000)
    assert client.get(ITEMS, params={"filter": far}).status_code == 400
    for uri in found["crs"]:
        # A window a little larger: the edges of a projected rectangle are no parallels.
        to = pyproj.Transformer.from_crs("OGC:CRS84", pyproj.CRS.from_user_input(uri))
        corners = [*to.transform(west - 1e-4, south - 1e-4), *to.transform(east + 1e-4, north + 1e-4)]
        params = {"filter": SPATIAL.format(*(f"{c:.9f}" for c in corners)), "filter-crs": uri}
        assert client.get(ITEMS, params=params).json()["numberMatched"] == ROWS, uri
    for box, expected in ((f"{west},{south},{east},{north}", ROWS), ("10,10,11,11", 0)):
        both = client.get(ITEMS, params={"filter": whole, "bbox": box})
        assert both.json()["numberMatched"] == expected


def test_queryables_query_parameters(client: TestClient) -> None:
    """/conf/queryables-query-parameters/parameters, /conf/queryables/get-queryables-response."""
    assert ids(client.get(ITEMS, params={"name": "house 3"})) == ["H003"]
    assert ids(client.get(ITEMS, params={"storeys": "3", "height": "9"})) == ["H002"]
    assert ids(client.get(ITEMS, params={"storeys": "3", "filter": "height > 9"})) == []
    said = operation(client.get("/ogc/api").json())["parameters"]
    named = {p["name"] for p in said if "name" in p}
    assert {"name", "height", "storeys", "id"} <= named


# Part 4 (20-002)


def test_crud_options(client: TestClient) -> None:
    """/conf/create-replace-delete/options, /conf/update/options, /conf/features/endpoints."""
    first = client.get(SHEDS).json()["features"][0]["id"]
    every, one = client.options(SHEDS), client.options(f"{SHEDS}/{first}")
    assert (every.status_code, one.status_code) == (200, 200)
    assert "POST" in every.headers["allow"]
    assert "application/geo+json" in every.headers["accept-post"]
    assert {"PUT", "PATCH", "DELETE"} <= set(one.headers["allow"].split(", "))
    assert one.headers["accept-patch"] == "application/merge-patch+json"


def test_crud_create(client: TestClient) -> None:
    """/conf/create-replace-delete/create, /conf/create-replace-delete/create-content-type."""
    before = client.get(SHEDS).json()["numberMatched"]
    for more in ({}, {"id": "new-1"}):
        place = made(client, **more)
        answer = client.get(place)
        assert answer.status_code == 200
        assert place.endswith(f"/{answer.json()['id']}")
        assert answer.json()["properties"]["height"] == 9.5
        assert answer.json()["geometry"] == SQUARE
    assert client.post(SHEDS, content=json.dumps(feature())).status_code == 400
    assert client.get(SHEDS).json()["numberMatched"] == before + 2


def test_crud_replace(client: TestClient) -> None:
    """/conf/create-replace-delete/replace, /conf/create-replace-delete/replace-content-type,
    /conf/create-replace-delete/replace-rid, /conf/features/geojson, /conf/optimistic-locking-etags/get-etag,
    /conf/optimistic-locking-etags/replace.
    """
    place = made(client)
    tag = client.get(place).headers["etag"]
    body = json.dumps(feature(properties={"name": "other"}))
    assert client.put(place, content=body, headers={"If-Match": tag}).status_code == 400
    assert client.put(place, content=body, headers={**GEOJSON, "If-Match": '"0"'}).status_code == 412
    assert client.put(place, content=body, headers=GEOJSON).status_code == 428
    assert client.get(place).headers["etag"] == tag
    wrong = json.dumps(feature(id="somebody-else"))
    assert 400 <= client.put(place, content=wrong, headers={**GEOJSON, "If-Match": tag}).status_code < 500
    assert client.get(f"{SHEDS}/somebody-else").status_code == 404
    done = client.put(place, content=body, headers={**GEOJSON, "If-Match": tag})
    assert done.status_code in (200, 204)
    assert done.headers["etag"] not in ("", tag)
    assert client.get(place).json()["properties"]["name"] == "other"
    assert client.get(place).json()["geometry"] == SQUARE


def test_crud_replace_exceptions(client: TestClient) -> None:
    """/conf/create-replace-delete/replace-exceptions: PUT makes nothing new."""
    for n, more in enumerate(({}, {"If-Match": '"xyz"'})):
        place = f"{SHEDS}/not-there-{n}"
        answer = client.put(place, content=json.dumps(feature()), headers={**GEOJSON, **more})
        assert answer.status_code == 404
        assert client.get(place).status_code == 404


def test_crud_update(client: TestClient) -> None:
    """/conf/update/update, /conf/update/update-content-type, /conf/update/update-rid, /conf/features/json-merge-patch,
    /conf/optimistic-locking-etags/update.
    """
    place = made(client)
    tag = client.get(place).headers["etag"]
    moved = {
        "type": "Polygon",
        "coordinates": [[[117, 40], [117.1, 40], [117.1, 40.1], [117, 40.1], [117, 40]]],
    }
    patch = json.dumps(
        {
            "properties": {"name": "patched", "storeys": 2, "height": None},
            "geometry": moved,
            "type": "Feature",
        }
    )
    assert client.patch(place, content=patch, headers={"If-Match": tag}).status_code == 400
    assert client.patch(place, content=patch, headers={**MERGE, "If-Match": '"0"'}).status_code == 412
    assert client.patch(place, content=patch, headers=MERGE).status_code == 428
    other = client.patch(place, content='{"id":"somebody-else"}', headers={**MERGE, "If-Match": tag})
    assert 400 <= other.status_code < 500
    done = client.patch(place, content=patch, headers={**MERGE, "If-Match": tag})
    assert done.status_code in (200, 204)
    assert done.headers["etag"] not in ("", tag)
    after = client.get(place).json()
    assert {n: after["properties"][n] for n in ("name", "storeys", "height")} == {
        "name": "patched", "storeys": 2, "height": None,
    }  # fmt: skip
    assert after["geometry"] == moved


def test_an_end_that_is_sent_back_leaves_what_was_announced(client: TestClient) -> None:
    """A change announced for later stands when the present is changed; its reader sent back `valid_to` as it was."""
    address = made(client)
    coming = {"properties": {"name": "then", "valid_from": "2090-01-01T00:00:00Z"}}
    for change in (coming, {"properties": {"name": "still now"}}):
        tag = client.get(address).headers["ETag"]
        answer = client.patch(address, content=json.dumps(change), headers={**MERGE, "If-Match": tag})
        assert answer.status_code == 204, answer.text
    assert client.get(address).json()["properties"]["name"] == "still now"
    then = client.get(address, params={"datetime": "2095-01-01T00:00:00Z"})
    assert then.json()["properties"]["name"] == "then"
    listed = client.get(SHEDS, params={"datetime": "2095-01-01T00:00:00Z", "limit": 100}).json()["features"]
    assert "then" in [f["properties"]["name"] for f in listed]


def test_crud_delete(client: TestClient) -> None:
    """/conf/create-replace-delete/delete, /conf/optimistic-locking-etags/delete."""
    place = made(client)
    tag = client.get(place).headers["etag"]
    assert client.delete(place, headers={"If-Match": '"0"'}).status_code == 412
    assert client.delete(place).status_code == 428
    assert client.get(place).status_code == 200
    assert client.delete(place, headers={"If-Match": tag}).status_code in (200, 204)
    assert client.get(place).status_code == 404


def test_crud_schema_and_crs(client: TestClient) -> None:
    """/conf/features/schema, /conf/features/crs, /conf/returnables-and-receivables/response-2."""
    assert client.get("/ogc/collections/sheds/schema").json()["additionalProperties"] is False
    for properties in ({"colour": "red"}, {"source": "forged"}, {"height": "tall"}):
        refused = client.post(SHEDS, content=json.dumps(feature(properties=properties)), headers=GEOJSON)
        assert 400 <= refused.status_code < 500
    plain = made(client)
    to = pyproj.Transformer.from_crs("OGC:CRS84", "EPSG:4490")
    ring = [list(to.transform(x, y)) for x, y in SQUARE["coordinates"][0]]  # type: ignore[index]
    sent = json.dumps(feature(geometry={"type": "Polygon", "coordinates": [ring]}))
    answer = client.post(SHEDS, content=sent, headers={**GEOJSON, "Content-Crs": f"<{EPSG}4490>"})
    asked = {"crs": f"{EPSG}4548"}
    one, other = (
        shapely.geometry.shape(client.get(p, params=asked).json()["geometry"])
        for p in (plain, answer.headers["location"])
    )
    assert one.equals_exact(other, 1e-3)
    unknown = client.post(SHEDS, content=sent, headers={**GEOJSON, "Content-Crs": f"<{EPSG}999999>"})
    assert 400 <= unknown.status_code < 500


# Part 5 (23-058r2, published as Common Part 3)


@pytest.mark.parametrize("name", ["schema", "queryables", "sortables"])
def test_schemas(client: TestClient, name: str) -> None:
    """/conf/schemas/basic-schema-inspection, /conf/schemas/role, /conf/schemas/role-id, /conf/schemas/property-seq,
    /conf/schemas/unit, /conf/advanced-property-roles/role-primary-geometry,
    /conf/advanced-property-roles/role-primary-temporal, /conf/returnables-and-receivables/link,
    /conf/returnables-and-receivables/op-and-response, /conf/queryables/link, /conf/queryables/op-and-response,
    /conf/sortables/link, /conf/sortables/op-and-response.
    """
    (to,) = linked(client.get(COLLECTION).json(), f"{REL}{name}")
    answer = client.get(to["href"], headers={"Accept": "application/schema+json"})
    assert answer.headers["content-type"] == "application/schema+json"
    schema = answer.json()
    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["$id"] == to["href"]
    assert "?" not in schema["$id"]
    assert schema["type"] == "object"
    said = schema["properties"].values()
    for one in said:
        assert ("type" in one) != (one.get("format", "").removeprefix("geometry-") in FORMS)
        assert isinstance(one.get("x-ogc-propertySeq", 0), int)
        if "x-ogc-unit" in one:
            assert one["type"] in ("number", "integer")
        known = {"title", "type", "format", "readOnly", "enum", "description"}
        assert {k for k in one if not k.startswith("x-ogc-")} <= known
    roles = [one["x-ogc-role"] for one in said if "x-ogc-role" in one]
    assert all(isinstance(role, str) for role in roles)
    assert len(roles) == len(set(roles))
    assert roles.count("id") == 1
    if name == "sortables":
        assert not any(one["type"] in ("array", "object") for one in said)
    for one in said:
        if one.get("x-ogc-role", "").startswith("primary-interval-"):
            assert (one["type"], one["format"]) == ("string", "date-time")


@pytest.mark.parametrize("part", ["returnables-and-receivables", "queryables", "sortables"])
def test_schemas_conformance(client: TestClient, part: str) -> None:
    """/conf/returnables-and-receivables/get-conformance, /conf/queryables/get-conformance,
    /conf/sortables/get-conformance.
    """
    said = client.get("/ogc/conformance").json()["conformsTo"]
    for name in ("schemas", part):
        assert f"http://www.opengis.net/spec/ogcapi-common-3/1.0/conf/{name}" in said


def test_features_obey_their_schema(client: TestClient) -> None:
    """/conf/returnables-and-receivables/response-1: by a stranger's validator; null stands for what is absent."""
    schema = client.get(f"{COLLECTION}/schema").json()
    geometry = next(n for n, p in schema["properties"].items() if p.get("x-ogc-role") == "primary-geometry")
    for one in client.get(ITEMS, params={"limit": 100}).json()["features"]:
        said = {"id": one["id"], **{k: v for k, v in one["properties"].items() if v is not None}}
        assert list(Draft202012Validator(schema).iter_errors(said)) == []
        wanted = schema["properties"][geometry]["format"].removeprefix("geometry-")
        assert one["geometry"]["type"].lower() == wanted


def test_conformance_is_by_collection(client: TestClient) -> None:
    """A collection says what it can do, and the server what some collection can."""
    said = client.get("/ogc/conformance").json()["conformsTo"]
    assert said == conformance.SERVER
    assert len(said) == len(set(said))
    for one in client.get("/ogc/collections").json()["collections"]:
        own = client.get(f"/ogc/collections/{one['id']}").json()["conformsTo"]
        assert set(own) <= set(said)
        assert set(conformance.WRITE) <= set(own)
