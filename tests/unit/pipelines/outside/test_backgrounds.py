"""What a site writes down about backgrounds, and where a tile is."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from morecantile import tms

from pipelines.outside import backgrounds
from twin.errors import InvalidParameter, NotFound, TileNotFound, UnreadableFile

XYZ = "https://{s}.example.org/{z}/{x}/{y}.png"
KEY = "s3cret-k3y"
TIANDITU = (
    "https://t{s}.example.org/img_c/wmts?SERVICE=WMTS&REQUEST=GetTile&TILEMATRIXSET=c"
    "&TILEMATRIX={z}&TILEROW={y}&TILECOL={x}&tk={key}"
)


def made(**said: Any) -> backgrounds.Background:
    return backgrounds.checked("b", said)


def test_a_tile_of_a_set_that_counts_from_one() -> None:
    found = made(url=TIANDITU, crs="EPSG:4490", levels=[1, 18], zero=1, subdomains="01", key="a&b=c")
    assert found.range == (0, 17)
    # The tile of 118.3 E, 38.4 N at the level that has 2 x 1 tiles at its 0.
    tile = tms.get("WorldCRS84Quad").tile(118.3, 38.4, 9)
    url = urlsplit(backgrounds.address(found, 9, tile.x, tile.y))
    said = parse_qs(url.query)
    assert (said["TILEMATRIX"], said["TILECOL"], said["TILEROW"]) == (["10"], [str(tile.x)], [str(tile.y)])
    assert said["tk"] == ["a&b=c"]
    assert url.hostname in ("t0.example.org", "t1.example.org")


def test_rows_from_the_south_and_named_levels() -> None:
    south = made(url="http://h/{z}/{x}/{-y}")
    assert backgrounds.address(south, 3, 2, 1) == "http://h/3/2/6"
    flat = made(url="http://h/{z}/{x}/{-y}", crs="EPSG:4326")
    assert backgrounds.address(flat, 3, 2, 1) == "http://h/3/2/6"
    named = made(url="http://h/{z}/{x}/{y}", levels=[2, 3], matrices=["EPSG:900913:2", "a b/3"])
    assert backgrounds.address(named, 2, 0, 0) == "http://h/EPSG:900913:2/0/0"
    assert backgrounds.address(named, 3, 0, 0) == "http://h/a%20b%2F3/0/0"
    with pytest.raises(TileNotFound, match="levels 2 to 3, not 4"):
        backgrounds.address(named, 4, 0, 0)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({}, "needs a url"),
        ({"url": "http://h/{z}/{x}"}, "needs {z}, {x} and one of"),
        ({"url": "http://h/{z}/{x}/{y}/{-y}"}, "needs {z}, {x} and one of"),
        ({"url": "http://h/{z}/{x}/{y}/{q}"}, "url has {q}"),
        ({"url": "ftp://h/{z}/{x}/{y}"}, "http:// or https://"),
        ({"url": "file:///etc/{z}/{x}/{y}"}, "http:// or https://"),
        ({"url": f"http://u:{KEY}@h/{{z}}/{{x}}/{{y}}"}, "no user or password"),
        ({"url": "http://{x}.h/{z}/{x}/{y}"}, "the host may hold {s}"),
        ({"url": "http://[::1/{z}/{x}/{y}"}, "no address"),
        ({"url": "http://h:99999/{z}/{x}/{y}"}, "no address"),
        ({"url": "http://h/a b/{z}/{x}/{y}"}, "plain ASCII"),
        ({"url": XYZ}, "subdomains"),
        ({"url": "http://h/{z}/{x}/{y}", "key": KEY}, "{key} stands for key"),
        ({"url": "http://h/{z}/{x}/{y}?k={key}"}, "{key} stands for key"),
        ({"url": "http://h/{z}/{x}/{y}", "crs": "EPSG:4547"}, "crs must be one of"),
        ({"url": "http://h/{z}/{x}/{y}", "levels": [0, 18], "zero": 1}, "none before zero"),
        ({"url": "http://h/{z}/{x}/{y}", "levels": [5, 4]}, "none before zero"),
        ({"url": "http://h/{z}/{x}/{y}", "levels": [0, 99]}, "at most 24"),
        ({"url": "http://h/{z}/{x}/{y}", "levels": "1-18"}, "another form"),
        ({"url": "http://h/{z}/{x}/{y}", "levels": [True, False]}, "another form"),
        ({"url": "http://h/{z}/{x}/{y}", "levels": [0, 1], "matrices": ["a"]}, "one for each of the 2"),
        ({"url": "http://h/{z}/{x}/{y}", "size": 1}, "from 64"),
        ({"url": "http://h/{z}/{x}/{y}", "bbox": [10, 0, 5, 1]}, "west, south"),
        ({"url": "http://h/{z}/{x}/{y}", "token": KEY}, "no key token; there are"),
        ({"url": 7}, "another form"),
    ],
)
def test_what_is_wrong_is_said_without_the_key(said: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidParameter) as caught:
        made(**said)
    assert words in str(caught.value)
    assert KEY not in str(caught.value)


def test_what_is_added_is_there_and_what_is_removed_is_not(tmp_path: Path) -> None:
    said = {
        "url": TIANDITU,
        "subdomains": "01",
        "key": 'k"\\\n键',
        "title": "天地图「影像」",
        "levels": [1, 18],
        "zero": 1,
    }
    said["crs"] = "EPSG:4490"
    backgrounds.add(tmp_path, "tdt", said)
    backgrounds.add(tmp_path, "osm", {"url": "http://h/{z}/{x}/{y}"})
    found = backgrounds.load(tmp_path)
    assert list(found) == ["tdt", "osm"]
    assert (found["tdt"].key, found["tdt"].title) == (said["key"], said["title"])
    assert said["key"] not in repr(found["tdt"])
    assert (tmp_path / backgrounds.FILE).stat().st_mode & 0o077 == 0
    with pytest.raises(InvalidParameter, match="there is a background 'tdt'"):
        backgrounds.add(tmp_path, "tdt", said)
    backgrounds.remove(tmp_path, "tdt")
    assert list(backgrounds.load(tmp_path)) == ["osm"]
    with pytest.raises(NotFound, match="there are osm"):
        backgrounds.remove(tmp_path, "tdt")
    with pytest.raises(InvalidParameter, match="section named"):
        backgrounds.add(tmp_path, "../x", {"url": "http://h/{z}/{x}/{y}"})


def test_a_file_that_is_no_toml_is_told_with_the_place_and_no_more(tmp_path: Path) -> None:
    (tmp_path / backgrounds.FILE).write_text(f'[a]\nkey = "{KEY}"\nurl = oops {KEY}\n')
    with pytest.raises(UnreadableFile, match="line 3") as caught:
        backgrounds.load(tmp_path)
    assert KEY not in str(caught.value)
