"""Answers are packed as the client has it, and each form has an entity tag of its own."""

from __future__ import annotations

import gzip

import brotli
import pytest
import zstandard
from starlette.testclient import TestClient

from api.compress import chosen

ITEMS = "/ogc/collections/houses/items?limit=25"
SCHEMA = "/ogc/collections/houses/schema"


def unpacked(way: str, body: bytes) -> bytes:
    if way == "zstd":
        return zstandard.ZstdDecompressor().decompressobj().decompress(body)
    return brotli.decompress(body) if way == "br" else gzip.decompress(body)


def raw(client: TestClient, path: str, **headers: str) -> tuple[dict[str, str], bytes]:
    with client.stream("GET", path, headers=headers) as answer:
        return dict(answer.headers), b"".join(answer.iter_raw())


@pytest.mark.parametrize("way", ["zstd", "br", "gzip"])
@pytest.mark.parametrize("path", [SCHEMA, f"{ITEMS}&f=geojsonseq"])
def test_each_way_unpacks_to_the_same_body(client: TestClient, way: str, path: str) -> None:
    _, plain = raw(client, path, **{"Accept-Encoding": "identity"})
    headers, body = raw(client, path, **{"Accept-Encoding": way})
    assert headers["content-encoding"] == way
    assert "Accept-Encoding" in headers["vary"]
    assert unpacked(way, body) == plain
    assert len(body) < len(plain)


def test_the_forms_have_tags_of_their_own_that_give_304(client: TestClient) -> None:
    plain, _ = raw(client, SCHEMA, **{"Accept-Encoding": "identity"})
    packed, _ = raw(client, SCHEMA, **{"Accept-Encoding": "br"})
    assert packed["etag"] == plain["etag"][:-1] + '-br"'
    again = client.get(SCHEMA, headers={"Accept-Encoding": "br", "If-None-Match": packed["etag"]})
    assert (again.status_code, again.headers["etag"], again.content) == (304, packed["etag"], b"")


def test_what_is_packed_inside_or_short_is_left(client: TestClient) -> None:
    headers, body = raw(client, f"{ITEMS}&f=parquet", **{"Accept-Encoding": "gzip"})
    assert "content-encoding" not in headers
    assert body[:4] == b"PAR1"
    assert "content-encoding" not in raw(client, "/healthz", **{"Accept-Encoding": "gzip"})[0]


@pytest.mark.parametrize(
    ("header", "way"),
    [
        ("", None),
        ("gzip, deflate, br, zstd", "zstd"),
        ("gzip", "gzip"),
        ("br;q=1.0, gzip;q=0.5", "br"),
        ("gzip;q=1.0, br;q=0.2", "gzip"),
        ("identity", None),
        ("gzip;q=0", None),
        ("deflate", None),
        ("*", "zstd"),
        ("nonsense;q=x", None),
    ],
)
def test_the_client_chooses(header: str, way: str | None) -> None:
    assert chosen(header) == way
