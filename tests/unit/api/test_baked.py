"""Tilesets that others baked, at the door: untouched, where they are told to stand, as of a moment, hidden or not."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient
from tilesets_support import LAT, LON, block, cube, packed, placing, tile, tileset

from api.app import create_app
from api.state import Twin
from pipelines import archive, ingest
from pipelines.reading import Request, prepare
from twin.memory.store import MemoryStore
from twin.model import BBox
from twin.policy import Grant, Policy
from twin.settings import Settings

Take = Callable[..., None]
DAY = datetime(2024, 5, 1, tzinfo=UTC)


@pytest.fixture
def take(twin: Twin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Take:
    """Takes a tileset in as `twin ingest` does, in this process."""
    aside = tmp_path / "aside"
    aside.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(aside))

    def done(*paths: Path, layer: str = "oblique", kind: str = "mesh", **said: Any) -> None:
        request = Request(paths=tuple(map(str, paths)), layer=layer, kind=kind, **{"valid_from": DAY, **said})
        for part in prepare(request):
            ingest.take(twin.store, part, twin.settings)

    return done


def got(client: TestClient, path: str, **options: Any) -> Any:
    answer = client.get(path, **options)
    assert answer.status_code == 200, answer.text
    return answer.json()


def child(client: TestClient, path: str = "/tiles/oblique/tileset.json") -> dict[str, Any]:
    (found,) = got(client, path)["root"]["children"]
    return dict(found)


def uri(client: TestClient, path: str = "/tiles/oblique/tileset.json") -> str:
    return str(child(client, path)["content"]["uri"])


@pytest.mark.parametrize("form", ["folder", "3tz", "zip"])
def test_every_file_comes_back_as_it_was_delivered(
    client: TestClient, take: Take, tmp_path: Path, form: str
) -> None:
    folder = block(tmp_path / "block")
    take(folder if form == "folder" else packed(folder, tmp_path / f"block.{form}", index=form == "3tz"))
    base = uri(client).removesuffix("tileset.json")
    for file in (p for p in folder.rglob("*") if p.is_file()):
        answer = client.get(base + file.relative_to(folder).as_posix())
        assert answer.content == file.read_bytes()
        assert "immutable" in answer.headers["cache-control"]
    assert client.get(base + "a.b3dm").headers["content-type"] == "application/octet-stream"
    again = client.get(base + "a.b3dm", headers={"if-none-match": answer.headers["etag"]})
    assert again.status_code == 304


def test_an_offset_lifts_the_frame_and_every_region(client: TestClient, take: Take, tmp_path: Path) -> None:
    around = np.radians([LON - 0.001, LAT - 0.001, LON + 0.001, LAT + 0.001]).tolist()
    region = {"region": [*around, 0.0, 40.0]}
    folder = block(tmp_path / "block", boundingVolume=region)
    take(folder, offset=12.3)
    found = child(client)
    assert found["boundingVolume"]["region"][4:] == pytest.approx([12.3, 52.3])
    moved = np.array(found["transform"]).reshape(4, 4).T[:3, 3]
    up = np.array(placing()[8:11])
    assert np.linalg.norm(moved) == pytest.approx(12.3, abs=1e-9)
    assert moved @ up == pytest.approx(12.3, abs=1e-6)
    inside = got(client, found["content"]["uri"])
    assert inside["root"]["boundingVolume"]["region"][4:] == pytest.approx([12.3, 52.3])
    assert inside["root"]["transform"] == placing()
    assert got(client, "/api/layers/oblique")["draw"]["offset"] == 12.3


def test_a_local_frame_is_put_where_at_says(client: TestClient, take: Take, tmp_path: Path) -> None:
    folder = tmp_path / "local"
    folder.mkdir()
    (folder / "a.glb").write_bytes(cube())
    (folder / "tileset.json").write_text(json.dumps(tileset(tile("a.glb"))))
    take(folder, at=(LON, LAT, 15.0), offset=5.0)
    assert child(client)["transform"] == pytest.approx(placing(LON, LAT, 20.0), abs=1e-4)


def test_what_clients_need_of_the_head_is_kept(client: TestClient, take: Take, tmp_path: Path) -> None:
    folder = block(tmp_path / "block")
    said = json.loads((folder / "tileset.json").read_text())
    said["asset"]["gltfUpAxis"] = "Z"
    said["schema"] = {"id": "s", "classes": {}}
    (folder / "tileset.json").write_text(json.dumps(said))
    take(folder)
    root = got(client, "/tiles/oblique/tileset.json")
    assert (root["asset"]["gltfUpAxis"], root["schema"]["id"]) == ("Z", "s")


def test_a_later_delivery_is_a_new_version_and_the_clock_picks(
    client: TestClient, take: Take, tmp_path: Path
) -> None:
    old, new = block(tmp_path / "2024"), block(tmp_path / "2025")
    (new / "a.b3dm").write_bytes((old / "a.b3dm").read_bytes() + b"\0" * 8)
    take(old)
    before = uri(client)
    take(new, valid_from=datetime(2025, 6, 1, tzinfo=UTC))
    now, then = uri(client), uri(client, "/tiles/oblique/@2024-12-31/tileset.json")
    assert "/2025/" in now
    assert "/2024/" in then
    for address, folder in ((now, new), (then, old), (before, old)):
        answer = client.get(address.replace("tileset.json", "a.b3dm"))
        assert answer.content == (folder / "a.b3dm").read_bytes()
    assert "children" not in got(client, "/tiles/oblique/@2023-01-01/tileset.json")["root"]


def test_several_blocks_are_one_layer_and_keep_their_addresses(
    client: TestClient, take: Take, tmp_path: Path
) -> None:
    for name in ("north", "south"):
        block(tmp_path / "all" / name)
    take(tmp_path / "all")
    first = [c["content"]["uri"] for c in got(client, "/tiles/oblique/tileset.json")["root"]["children"]]
    assert [address.split("/")[5] for address in first] == ["north", "south"]
    take(block(tmp_path / "west"), mode="append", source="other")
    later = [c["content"]["uri"] for c in got(client, "/tiles/oblique/tileset.json")["root"]["children"]]
    assert later[:2] == first
    assert len(later) == 3


def test_blocks_with_different_axes_upwards_do_not_stand_in_one_layer(
    client: TestClient, take: Take, tmp_path: Path
) -> None:
    for name, up in (("a", "Y"), ("b", "Z")):
        folder = block(tmp_path / "all" / name)
        said = json.loads((folder / "tileset.json").read_text())
        said["asset"]["gltfUpAxis"] = up
        (folder / "tileset.json").write_text(json.dumps(said))
    take(tmp_path / "all")
    answer = client.get("/tiles/oblique/tileset.json")
    assert answer.status_code == 409
    assert "gltfUpAxis" in answer.json()["detail"]


@pytest.mark.parametrize(
    "path", ["../../twin.toml", "%2e%2e/x", "/etc/passwd", "nope.glb", "@3dtilesIndex1@", ""]
)
def test_nothing_else_can_be_had(client: TestClient, take: Take, tmp_path: Path, path: str) -> None:
    """T05."""
    take(packed(block(tmp_path / "block"), tmp_path / "block.3tz"))
    answer = client.get(uri(client).removesuffix("tileset.json") + path)
    assert answer.status_code == 404


def test_a_link_in_the_twins_own_folder_is_not_followed(
    client: TestClient, take: Take, twin: Twin, tmp_path: Path
) -> None:
    """T05."""
    take(block(tmp_path / "block"))
    (folder,) = twin.settings.tilesets.iterdir()
    (folder / "t.glb").symlink_to("/etc/passwd")
    (folder / "d").symlink_to("/etc")
    for name in ("t.glb", "d/passwd"):
        assert client.get(uri(client).replace("tileset.json", name)).status_code == 404


def test_a_file_that_was_delivered_with_gzip_says_so(client: TestClient, take: Take, tmp_path: Path) -> None:
    folder = block(tmp_path / "block")
    raw = (folder / "a.b3dm").read_bytes()
    for name in ("a.b3dm", "tileset.json"):
        (folder / name).write_bytes(gzip.compress((folder / name).read_bytes()))
    take(folder)
    base = uri(client).removesuffix("tileset.json")
    packed_ = client.get(base + "a.b3dm", headers={"accept-encoding": "gzip"})
    assert packed_.headers["content-encoding"] == "gzip"
    assert packed_.content == raw
    plain = client.get(base + "a.b3dm", headers={"accept-encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert plain.content == raw


@pytest.fixture
def ruled(twin: Twin, tmp_path: Path) -> Callable[[Grant], TestClient]:
    def under(grant: Grant) -> TestClient:
        policy = Policy.of((grant,))
        return TestClient(
            create_app(replace(twin, policy=policy), static=tmp_path), raise_server_exceptions=False
        )

    return under


def test_who_may_not_see_it_whole_does_not_see_it(
    client: TestClient, take: Take, ruled: Callable[[Grant], TestClient], tmp_path: Path
) -> None:
    take(block(tmp_path / "block"))
    address = uri(client)
    for grant in (Grant(layers=("houses",)), Grant(layers=("*",), snap=50.0)):
        other = ruled(grant)
        assert other.get("/tiles/oblique/tileset.json").status_code == 404
        assert other.get(address).status_code == 404
        assert other.get(address.replace("tileset.json", "a.b3dm")).status_code == 404
    seen = ruled(Grant(layers=("*",)))
    own = uri(seen)
    assert own != address
    answer = seen.get(own)
    assert answer.status_code == 200
    assert answer.headers["cache-control"].startswith("private")
    assert seen.get(address).status_code == 404


def test_a_backup_holds_the_tilesets(take: Take, twin: Twin, tmp_path: Path) -> None:
    take(block(tmp_path / "block"), packed(block(tmp_path / "other"), tmp_path / "other.3tz"))
    archive.backup(twin.store, twin.settings, tmp_path / "backup")
    home = Settings(home=tmp_path / "again")
    archive.restore(MemoryStore(), home, tmp_path / "backup")
    for path in (p for p in twin.settings.tilesets.rglob("*") if p.is_file()):
        assert (home.tilesets / path.relative_to(twin.settings.tilesets)).read_bytes() == path.read_bytes()


def test_the_row_is_listed_searched_and_has_an_extent(client: TestClient, take: Take, tmp_path: Path) -> None:
    take(block(tmp_path / "block"))
    (item,) = got(client, "/ogc/collections/oblique/items")["features"]
    assert (item["id"], item["properties"]["name"]) == ("block", "block")
    assert item["geometry"]["type"] == "Polygon"
    box = BBox(
        **dict(
            zip(("west", "south", "east", "north"), got(client, "/api/layers/oblique")["bbox"], strict=True)
        )
    )
    assert box.west < LON < box.east
