"""The abstract tests of OGC API Tiles (20-057, annex A) by their identifiers, over every store, read by strangers."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from shutil import which
from typing import Any

import mapbox_vector_tile
import morecantile
import orjson
import pyproj
import pytest
import shapely
from starlette.testclient import TestClient
from store_support import STORES
from tests_support import HOUSES, ROWS, SURVEY, houses

from api.app import create_app
from api.ogc.tiles import LEFT_OUT
from api.state import Twin, over
from twin.model import Delivery, Layer, Mode, Titles
from twin.settings import Settings
from twin.tile_matrix_sets import FOLDER

RELATION = "http://www.opengis.net/def/rel/ogc/1.0"
MVT = "application/vnd.mapbox-vector-tile"
SETS = ("WebMercatorQuad", "WorldCRS84Quad", "CGCS2000Quad", "WorldMercatorWGS84Quad", "County")
PLACES = Layer(id="places", kind="features", title=Titles(zh="地名", en="Places"), geometry="Polygon")
COUNTY = {
    "id": "County",
    "title": "县坐标系网格",
    "crs": "http://www.opengis.net/def/crs/EPSG/0/4548",
    "orderedAxes": ["X", "Y"],
    "tileMatrices": [
        {
            "id": "1",
            "cellSize": 4.0,
            "scaleDenominator": 4.0 / 0.00028,
            "pointOfOrigin": [4_460_000, 400_000],
            "tileWidth": 256,
            "tileHeight": 256,
            "matrixWidth": 200,
            "matrixHeight": 100,
        }
    ],
}


@contextmanager
def served(store: str, folder: Path) -> Iterator[tuple[Twin, TestClient]]:
    """A county of two layers in one of the stores, and a client of its doors."""
    opened = STORES[store](folder, lambda: datetime.now(UTC))
    opened.write(HOUSES, [houses()], Delivery(source="survey", at=SURVEY))
    opened.write(PLACES, [houses(["a", "b"])], Delivery(source="survey", at=SURVEY))
    (folder / FOLDER).mkdir()
    (folder / FOLDER / "county.json").write_bytes(orjson.dumps(COUNTY))
    (folder / FOLDER / "broken.json").write_text("{}")
    made = over(opened, Settings(home=folder))
    made.ready.set()
    with TestClient(create_app(made, static=folder), raise_server_exceptions=False) as client:
        yield made, client
    opened.close()


@pytest.fixture(scope="module", params=sorted(STORES))
def store(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def client(store: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """Of a county that the tests of this page share: none of them writes."""
    with served(store, tmp_path_factory.mktemp(store)) as (_, made):
        yield made


@pytest.fixture
def written(store: str, tmp_path: Path) -> Iterator[tuple[Twin, TestClient]]:
    """A county of one's own, for those who write."""
    with served(store, tmp_path) as made:
        yield made


def ok(client: TestClient, path: str, **params: str) -> dict[str, Any]:
    found = client.get(path, params=params or None)
    assert found.status_code == 200, found.text
    return dict(found.json())


def linked(document: dict[str, Any], rel: str) -> list[dict[str, Any]]:
    return [one for one in document["links"] if one["rel"] == rel]


def deepest(client: TestClient, tms: str, base: str = "/ogc/collections/houses/tiles") -> str:
    """The address of a tile with all houses, of the deepest matrix that has them in few tiles."""
    tileset = ok(client, f"{base}/{tms}")
    good = [
        limit
        for limit in tileset["tileMatrixSetLimits"]
        if limit["minTileRow"] == limit["maxTileRow"] and limit["minTileCol"] == limit["maxTileCol"]
    ]
    at = good[-1] if good else tileset["tileMatrixSetLimits"][0]
    return f"{base}/{tms}/{at['tileMatrix']}/{at['minTileRow']}/{at['minTileCol']}"


def ids(body: bytes, layer: str = "houses") -> set[str]:
    found = mapbox_vector_tile.decode(body) if body else {}
    return {f["properties"]["id"] for f in found.get(layer, {"features": []})["features"]}


# A.2 Core, A.3 TileSet


@pytest.mark.parametrize("tms", SETS)
def test_conf_core_tc_success(client: TestClient, tms: str) -> None:
    """/conf/core/tc-op, /conf/core/tc-success: the template of a tileset leads to tiles, in every tile matrix set."""
    tileset = ok(client, f"/ogc/collections/houses/tiles/{tms}")
    (item,) = linked(tileset, "item")
    assert item["templated"]
    assert item["type"] == MVT
    seen: set[str] = set()
    limit = tileset["tileMatrixSetLimits"][min(14, len(tileset["tileMatrixSetLimits"]) - 1)]
    for row in range(limit["minTileRow"], limit["maxTileRow"] + 1):
        for column in range(limit["minTileCol"], limit["maxTileCol"] + 1):
            href = item["href"].format(tileMatrix=limit["tileMatrix"], tileRow=row, tileCol=column)
            answer = client.get(href)
            assert answer.status_code in (200, 204)
            assert answer.headers.get("content-type", MVT) == MVT
            seen |= ids(answer.content)
    assert len(seen) == ROWS


@pytest.mark.parametrize("address", ["99/0/0", "1/2/0", "1/0/2", "a/0/0", "0/0/123456789012", "00/0/0"])
def test_conf_core_tc_error(client: TestClient, address: str) -> None:
    """/conf/core/tc-error: a tile that the set does not have is not found."""
    assert client.get(f"/ogc/collections/houses/tiles/WebMercatorQuad/{address}").status_code == 404


@pytest.mark.parametrize("address", ["1/-1/0", "1/1.5/0", "1/+1/0", "1/0/1e400", "1/0/٣", "1/0/%00"])
def test_an_address_that_is_no_number_is_a_bad_request(client: TestClient, address: str) -> None:
    assert client.get(f"/ogc/collections/houses/tiles/WebMercatorQuad/{address}").status_code == 400


def test_conf_core_empty_tile(client: TestClient) -> None:
    """/req/core/tc-success C: a tile inside the set where nothing is has no content, each time."""
    for _ in range(2):
        answer = client.get("/ogc/collections/houses/tiles/WebMercatorQuad/10/0/0")
        assert (answer.status_code, answer.content) == (204, b"")
        assert answer.headers[LEFT_OUT] == "0"


@pytest.mark.parametrize("tms", SETS)
def test_conf_tileset_description(client: TestClient, tms: str) -> None:
    """/conf/tileset/tileset-description; tms/2.0/conf/json-tilesetmetadata: what 17-083r4 requires."""
    tileset = ok(client, f"/ogc/collections/houses/tiles/{tms}")
    assert tileset["dataType"] == "vector"
    (scheme,) = linked(tileset, f"{RELATION}/tiling-scheme")
    definition = ok(client, scheme["href"])
    assert (definition["id"], definition["crs"]) == (tms, tileset["crs"])
    assert linked(tileset, "self")
    (layer,) = tileset["layers"]
    assert (layer["id"], layer["dataType"], layer["geometryDimension"]) == ("houses", "vector", 2)
    assert layer["propertiesSchema"]["properties"]["storeys"]["type"] == "integer"
    assert tileset["boundingBox"]["lowerLeft"] == pytest.approx([116.4, 39.9])
    ids_ = {m["id"]: m for m in definition["tileMatrices"]}
    for limit in tileset["tileMatrixSetLimits"]:
        assert 0 <= limit["minTileRow"] <= limit["maxTileRow"] < ids_[limit["tileMatrix"]]["matrixHeight"]
        assert 0 <= limit["minTileCol"] <= limit["maxTileCol"] < ids_[limit["tileMatrix"]]["matrixWidth"]


# A.4 TileSets list, A.5 Dataset, A.6 Geodata


def test_conf_tilesets_list_and_geodata(client: TestClient) -> None:
    """From a collection to its tilesets.

    /conf/geodata-tilesets/desc-links, /conf/geodata-tilesets/operation, /conf/tilesets-list/tileset-links.
    """
    (to,) = linked(ok(client, "/ogc/collections/houses"), f"{RELATION}/tilesets-vector")
    listed = ok(client, to["href"])
    assert {one["tileMatrixSetId"] for one in listed["tilesets"]} == set(SETS)
    for one in listed["tilesets"]:
        assert one["dataType"] == "vector"
        assert one["crs"]
        (own,) = linked(one, "self")
        assert ok(client, own["href"])["crs"] == one["crs"]
        assert linked(one, f"{RELATION}/tiling-scheme")


def test_conf_dataset_tilesets(client: TestClient) -> None:
    """Several layers in one tile.

    /conf/dataset-tilesets/landingpage, /conf/dataset-tilesets/operation,
    /conf/collections-selection/collections-query, /conf/collections-selection/collections-response.
    """
    (to,) = linked(ok(client, "/ogc"), f"{RELATION}/tilesets-vector")
    assert ok(client, to["href"])["tilesets"]
    address = deepest(client, "WebMercatorQuad", "/ogc/tiles")
    both = mapbox_vector_tile.decode(client.get(address).content)
    assert set(both) == {"houses", "places"}
    some = client.get(address, params={"collections": "places"})
    assert set(mapbox_vector_tile.decode(some.content)) == {"places"}
    assert client.get(address, params={"collections": "places,nobody"}).status_code == 404
    assert client.get(address, params={"collections": ","}).status_code == 400
    tileset = ok(client, "/ogc/tiles/CGCS2000Quad", collections="places")
    assert [one["id"] for one in tileset["layers"]] == ["places"]
    assert "collections=places" in linked(tileset, "item")[0]["href"]


def test_conf_tilematrixsets(client: TestClient) -> None:
    """tms/2.0/conf/json-tilematrixset: every set is one to a stranger, and CGCS2000 is latitude first."""
    (to,) = linked(ok(client, "/ogc"), f"{RELATION}/tiling-schemes")
    listed = ok(client, to["href"])["tileMatrixSets"]
    assert {one["id"] for one in listed} == set(SETS)
    for one in listed:
        definition = ok(client, linked(one, "self")[0]["href"])
        morecantile.TileMatrixSet.model_validate(definition)
    assert ok(client, "/ogc/tileMatrixSets/CGCS2000Quad")["tileMatrices"][0]["pointOfOrigin"] == [90, -180]
    assert client.get("/ogc/tileMatrixSets/Nowhere").status_code == 404


def test_conformance_says_so(client: TestClient) -> None:
    """/conf/core/conformance-success, /conf/tileset/conformance-success, /conf/tilesets-list/conformance-success,
    /conf/dataset-tilesets/conformance-success, /conf/geodata-tilesets/conformance-success,
    /conf/datetime/conformance-success.
    """
    said = ok(client, "/ogc/conformance")["conformsTo"]
    for name in (
        "core",
        "tileset",
        "tilesets-list",
        "dataset-tilesets",
        "geodata-tilesets",
        "datetime",
        "mvt",
    ):
        assert f"http://www.opengis.net/spec/ogcapi-tiles-1/1.0/conf/{name}" in said


# A.9 mvt, and what the tiles say


@pytest.mark.parametrize("tms", ["WebMercatorQuad", "CGCS2000Quad"])
def test_conf_mvt_content(client: TestClient, tms: str, tmp_path: Path) -> None:
    """/conf/mvt/content: GDAL reads the tile, and finds a house where PROJ says it is."""
    if which("ogr2ogr") is None:
        pytest.skip("GDAL's commands are not here")
    address = deepest(client, tms)
    file = tmp_path / "tile.pbf"
    file.write_bytes(client.get(address).content)
    out = tmp_path / "out.json"
    subprocess.run(["ogr2ogr", "-f", "GeoJSON", str(out), f"MVT:{file}", "houses"], check=True, timeout=60)
    features = orjson.loads(out.read_bytes())["features"]
    assert features
    assert {f["properties"]["id"] for f in features} <= {f"H{i:03}" for i in range(ROWS)}
    matrix, row, column = address.rsplit("/", 3)[1:]
    definition = ok(client, f"/ogc/tileMatrixSets/{tms}")
    level = next(m for m in definition["tileMatrices"] if m["id"] == matrix)
    side = level["cellSize"] * 256
    corner = level["pointOfOrigin"][::-1] if tms == "CGCS2000Quad" else level["pointOfOrigin"]
    to = pyproj.Transformer.from_crs("OGC:CRS84", pyproj.CRS(definition["crs"]), always_xy=True)
    x, y = to.transform(116.4, 39.9)
    across = (x - corner[0]) / side - int(column)
    up = 1 - ((corner[1] - y) / side - int(row))
    decoded = mapbox_vector_tile.decode(client.get(address).content)["houses"]["features"]
    first = next(f for f in decoded if f["properties"]["id"] == "H000")
    west, south, _, _ = shapely.geometry.shape(first["geometry"]).bounds
    assert (west, south) == pytest.approx((across * 4096, up * 4096), abs=1.5)


def test_a_filter_and_a_property_narrow_tiles_as_they_narrow_items(client: TestClient) -> None:
    address = deepest(client, "WebMercatorQuad")
    for params in (
        {"filter": "height > 30 AND storeys < 20"},
        {"filter": '{"op":">","args":[{"property":"height"},30]}', "filter-lang": "cql2-json"},
        {"storeys": "3"},
        {"id": "H004"},
        {"name": "house 7", "filter": "storeys > 1"},
    ):
        items = ok(client, "/ogc/collections/houses/items", limit="100", **params)
        wanted = {f["id"] for f in items["features"]}
        answer = client.get(address, params=params)
        assert ids(answer.content) == wanted
        assert wanted
        assert answer.headers[LEFT_OUT] == "0"
    whole = client.get(address)
    alike = [
        client.get(address, params={"filter": f}).headers["ETag"] for f in ("height>30", "(height > 30.0)")
    ]
    assert whole.headers["ETag"] not in alike


@pytest.mark.parametrize(
    "params",
    [
        {"filter": "nothing > 3"}, {"filter": "height >"}, {"filter-lang": "sql", "filter": "1"}, {"colour": "red"},
        {"storeys": "many"}, {"f": "png"}, {"datetime": "someday"}, {"lang": "zh"}, {"filter-crs": "EPSG:0"},
    ],
)  # fmt: skip
def test_a_parameter_that_is_wrong_is_never_ignored(client: TestClient, params: dict[str, str]) -> None:
    answer = client.get(deepest(client, "WebMercatorQuad"), params=params)
    assert answer.status_code == 400


def test_conf_datetime(written: tuple[Twin, TestClient]) -> None:
    """/conf/datetime/datetime-axis: the tile of a moment, or of all that was there in an interval."""
    twin, client = written
    twin.store.write(
        HOUSES, [houses(["new"], first=ROWS)],
        Delivery(source="survey", at=datetime(2025, 9, 1, tzinfo=UTC), mode=Mode.UPSERT),
    )  # fmt: skip
    address = deepest(client, "WebMercatorQuad")
    assert len(ids(client.get(address).content)) == ROWS + 1
    then = client.get(address, params={"datetime": "2025-08-01T00:00:00Z"})
    assert len(ids(then.content)) == ROWS
    during = client.get(address, params={"datetime": "2025-07-15T00:00:00Z/2025-10-01T00:00:00Z"})
    assert len(ids(during.content)) == ROWS + 1
    assert client.get(address, params={"datetime": "2020-01-01T00:00:00Z"}).status_code == 204
    tileset = ok(client, "/ogc/collections/houses/tiles/WebMercatorQuad", datetime="2025-08-01T00:00:00Z")
    assert "datetime=2025-08-01" in linked(tileset, "item")[0]["href"]


def test_an_entity_tag_holds_until_the_tile_changes(written: tuple[Twin, TestClient]) -> None:
    twin, client = written
    address = deepest(client, "WebMercatorQuad")
    tag = client.get(address).headers["ETag"]
    same = client.get(address, headers={"If-None-Match": tag})
    assert (same.status_code, same.content) == (304, b"")
    assert client.get(address, headers={"If-None-Match": '"x"'}).status_code == 200
    assert client.get(address, headers={"If-None-Match": '"' + "x" * 10_000 + '"'}).status_code == 200
    assert client.head(address).headers["ETag"] == tag
    assert client.head(address).content == b""
    twin.store.write(
        HOUSES, [houses(["other"])], Delivery(source="survey", at=datetime.now(UTC), mode=Mode.UPSERT)
    )
    news = client.get(address, headers={"If-None-Match": tag})
    assert news.status_code == 200
    assert news.headers["ETag"] != tag
    assert "immutable" not in news.headers["Cache-Control"]


def test_what_is_left_out_is_counted(client: TestClient) -> None:
    answer = client.get("/ogc/collections/houses/tiles/WebMercatorQuad/0/0/0")
    assert answer.status_code == 204
    assert answer.headers[LEFT_OUT] == str(ROWS)


def test_a_layer_that_is_not_there_is_not_found(client: TestClient) -> None:
    for path in ("", "/WebMercatorQuad", "/WebMercatorQuad/0/0/0", "/Nowhere", "/Nowhere/0/0/0"):
        assert client.get(f"/ogc/collections/nobody/tiles{path}").status_code == 404


def test_tilejson_names_the_tiles_and_their_fields(client: TestClient) -> None:
    """TileJSON 3.0.0, 3.1 to 3.3."""
    found = ok(client, "/ogc/collections/houses/tiles/WebMercatorQuad", f="tilejson", storeys="3")
    assert found["tilejson"] == "3.0.0"
    (layer,) = found["vector_layers"]
    assert layer["id"] == "houses"
    assert layer["fields"]["storeys"] == "Number"
    tile = morecantile.tms.get("WebMercatorQuad").tile(116.4021, 39.9001, 15)
    body = client.get(found["tiles"][0].format(z=tile.z, x=tile.x, y=tile.y)).content
    assert ids(body) == {"H002"}
    other = client.get("/ogc/collections/houses/tiles/CGCS2000Quad", params={"f": "tilejson"})
    assert other.status_code == 400


def test_styles_draw_every_layer_with_nothing_from_outside(client: TestClient) -> None:
    for base in ("/ogc", "/ogc/collections/houses"):
        for listed in ok(client, f"{base}/styles")["styles"]:
            (sheet,) = linked(listed, "stylesheet")
            style = client.get(sheet["href"])
            assert style.headers["content-type"] == "application/vnd.mapbox.style+json"
            found = style.json()
            assert (found["version"], "glyphs" in found, "sprite" in found) == (8, False, False)
            assert "houses" in {one.get("source-layer") for one in found["layers"]}
            tilejson = ok(client, found["sources"]["twin"]["url"])
            assert {one["id"] for one in tilejson["vector_layers"]} >= {"houses"}
    assert client.get("/ogc/styles/nothing").status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        "/ogc/tiles",
        "/ogc/tiles/CGCS2000Quad",
        "/ogc/tileMatrixSets",
        "/ogc/tileMatrixSets/County",
        "/ogc/styles",
    ],
)
def test_documents_are_pages_for_people_too(client: TestClient, path: str) -> None:
    page = client.get(path, params={"f": "html"})
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
