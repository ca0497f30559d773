"""Behind a proxy links are the client's; without one nobody's headers are believed; pages of others stay out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from api.app import create_app
from api.state import Twin
from twin.errors import InvalidParameter

SAID = {
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "map.example.cn",
    "X-Forwarded-Prefix": "/twin",
    "X-Forwarded-For": "203.0.113.9, 10.0.0.7",
}
ORIGIN = "https://portal.example.cn"


@pytest.fixture
def site(twin: Twin, tmp_path: Path) -> Twin:
    settings = replace(twin.settings, proxies="10.0.0.0/8", cors_origins=ORIGIN, hosts="map.example.cn")
    return replace(twin, settings=settings)


@pytest.fixture
def proxied(site: Twin, tmp_path: Path) -> Iterator[TestClient]:
    app = create_app(site, static=tmp_path, anywhere=True)
    with TestClient(app, client=("10.0.0.7", 1), raise_server_exceptions=False) as made:
        yield made


@pytest.fixture
def stranger(site: Twin, tmp_path: Path) -> Iterator[TestClient]:
    app = create_app(site, static=tmp_path, anywhere=True)
    with TestClient(app, client=("192.0.2.1", 1), raise_server_exceptions=False) as made:
        yield made


def addresses(document: dict) -> set[str]:
    return {link["href"].split("?")[0] for link in document["links"]}


def test_every_link_is_as_the_client_sees_the_server(proxied: TestClient) -> None:
    for path in (
        "/ogc",
        "/ogc/collections",
        "/ogc/collections/houses",
        "/ogc/collections/houses/items?limit=2",
    ):
        found = addresses(proxied.get(path, headers=SAID).json())
        assert found
        assert all(a.startswith("https://map.example.cn/twin/") for a in found), found
    assert proxied.get("/ogc/api", headers=SAID).json()["servers"] == [
        {"url": "https://map.example.cn/twin/ogc"}
    ]


def test_a_stranger_is_not_believed(stranger: TestClient) -> None:
    found = addresses(stranger.get("/ogc", headers=SAID).json())
    assert all(a.startswith("http://testserver/") for a in found), found


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("X-Forwarded-Proto", "javascript"),
        ("X-Forwarded-Host", 'evil"><script>'),
        ("X-Forwarded-Prefix", "/a/../<b>"),
        ("X-Forwarded-Host", "evil.example"),
    ],
)
def test_what_a_proxy_cannot_mean_is_a_400(proxied: TestClient, name: str, value: str) -> None:
    assert proxied.get("/ogc", headers={**SAID, name: value}).status_code == 400


def test_a_listed_origin_may_ask_and_an_unlisted_one_gets_nothing(proxied: TestClient) -> None:
    answer = proxied.get("/ogc", headers={"Origin": ORIGIN})
    assert answer.headers["access-control-allow-origin"] == ORIGIN
    assert "OGC-NumberMatched" in answer.headers["access-control-expose-headers"]
    asked = {"Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "if-match"}
    before = proxied.options("/ogc/collections/houses/items/H000", headers={"Origin": ORIGIN, **asked})
    assert before.status_code == 200
    assert "PUT" in before.headers["access-control-allow-methods"]
    for origin in ("null", "https://evil.example"):
        for method in ("GET", "OPTIONS"):
            answer = proxied.request(method, "/ogc", headers={"Origin": origin, **asked})
            assert "access-control-allow-origin" not in answer.headers
        assert proxied.post("/ogc/collections/houses/items", headers={"Origin": origin}).status_code == 403


def test_nothing_is_shared_without_a_list(client: TestClient) -> None:
    answer = client.get("/ogc", headers={"Origin": ORIGIN})
    assert not [name for name in answer.headers if name.startswith("access-control")]


@pytest.mark.parametrize("origins", ["null", "*", "portal.example.cn", "https://a.example/path"])
def test_what_is_no_origin_is_refused_at_the_start(twin: Twin, tmp_path: Path, origins: str) -> None:
    with pytest.raises(InvalidParameter):
        create_app(replace(twin, settings=replace(twin.settings, cors_origins=origins)), static=tmp_path)
