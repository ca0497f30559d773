"""Addresses of tiles: what is no address is refused, what is empty is empty, nothing else is opened."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from starlette.testclient import TestClient
from tests_support import HOUSES, SURVEY, houses

from api.state import Twin
from twin.model import Delivery

BAD = ["-1/0/0", "99/0/0", "1/2/0", "1/0/2", "1.5/0/0", "a/b/c", "1e400/0/0", "+1/0/0", "١/٠/٠"]


@pytest.mark.parametrize("address", BAD)
def test_what_is_no_address_is_a_400(client: TestClient, address: str) -> None:
    answer = client.get(f"/tiles/houses/{address}.mvt")
    assert (answer.status_code, answer.json()["type"]) == (400, "/problems/invalid-parameter")


def test_a_tile_where_nothing_is_is_empty_each_time(client: TestClient) -> None:
    for _ in range(2):
        answer = client.get("/tiles/houses/10/0/0.mvt")
        assert (answer.status_code, answer.content) == (204, b"")


@pytest.mark.parametrize(
    "path",
    [
        "/tiles/nope/1/0/0.mvt",
        "/tiles/nope/tileset.json",
        "/tiles/houses/layer.json",
        "/tiles/houses/1/0/0.exe",
        "/tiles/houses/1/0/0",
        "/tiles/houses/nokey/1/0/0.glb",
        "/tiles/houses/1.0.0-1-1/1/0/0.subtree",
        "/tiles/%2e%2e%2f%2e%2e%2fetc/passwd",
        "/tiles/%252e%252e%252fetc/1/0/0.mvt",
        "/tiles/..%5c..%5cetc/1/0/0.mvt",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/..%2f..%2fetc%2fpasswd",
    ],
)
def test_what_is_not_there_is_refused_and_no_file_is_opened(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code in (400, 404)
    assert b"root:" not in answer.content


def test_a_link_out_of_the_viewers_folder_is_not_followed(client: TestClient, tmp_path: Path) -> None:
    (tmp_path / "a.glb").symlink_to("/etc/passwd")
    assert client.get("/a.glb").status_code == 404


def test_a_vector_tile_is_revalidated_by_its_state(client: TestClient, twin: Twin) -> None:
    path = "/tiles/houses/14/13489/6208.mvt"
    first = client.get(path)
    assert first.status_code == 200
    tag = first.headers["etag"]
    assert client.get(path, headers={"If-None-Match": tag}).status_code == 304
    assert client.get(path, headers={"If-None-Match": "x" * 10_000}).status_code == 200
    assert client.get(path, params={"at": "2020-01-01"}).status_code == 204


def test_a_moment_leads_to_its_own_address(client: TestClient) -> None:
    answer = client.get("/tiles/houses/tileset.json?at=2025-01-01", follow_redirects=False)
    assert answer.status_code == 307
    assert answer.headers["location"] == "/tiles/houses/@2025-01-01/tileset.json"
    assert client.get("/tiles/houses/tileset.json?at=nonsense").status_code == 400


def test_terrain_of_a_twin_without_any_is_flat_and_whole(client: TestClient) -> None:
    described = client.get("/tiles/ground/layer.json").json()
    assert described["available"][0] == [{"startX": 0, "startY": 0, "endX": 1, "endY": 0}]
    assert client.get("/tiles/ground/0/1/0.terrain").status_code == 200
    assert client.get("/tiles/ground/9/0/0.terrain").status_code == 404


def test_a_filter_narrows_the_tiles_of_these_doors_too(client: TestClient, twin: Twin) -> None:
    towers = replace(HOUSES, id="towers", kind="buildings")
    twin.store.write(towers, [houses()], Delivery(source="survey", at=SURVEY))
    root = "/tiles/towers/tileset.json"
    whole, high = (client.get(root, params=p) for p in ({}, {"filter": "height > 60"}))
    assert whole.headers["ETag"] != high.headers["ETag"]
    uri = high.json()["root"]["content"]["uri"]
    assert "filter=" in uri
    content = client.get(uri)
    assert content.status_code == 200
    assert b"H020" in content.content
    assert b"H003" not in content.content
    named = client.get(uri.split("?")[0])
    assert named.content == content.content  # the key says it all, once somebody has said the filter
    for wrong in ({"filter": "nothing > 1"}, {"filter": "height >"}, {"colour": "red"}):
        assert client.get(root, params=wrong).status_code == 400
    then = client.get(root, params={"filter": "height > 60", "at": "2025-08-01T00:00:00Z"})
    assert then.json()["root"]["content"]["uri"].endswith(uri[uri.index("?") :])
    tile = "/tiles/towers/14/13489/6208.mvt"
    assert len(client.get(tile, params={"filter": "height > 60"}).content) < len(client.get(tile).content)
